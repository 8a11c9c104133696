DROP TABLE idempotency_keys;
DROP TABLE store_meta;
