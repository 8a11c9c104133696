CREATE TABLE carts (
    id           TEXT PRIMARY KEY NOT NULL,
    user_id      TEXT,
    -- SHA-256 of the guest's secret while a guest owns the cart.
    guest_hash   TEXT UNIQUE,
    -- The same after a user took the cart over: answers a repeated claim, gives no access.
    claimed_hash TEXT UNIQUE,
    merged_into  TEXT REFERENCES carts (id) ON DELETE SET NULL,
    currency     TEXT NOT NULL,
    status       TEXT NOT NULL CHECK (status IN ('open', 'checked_out', 'merged')),
    version      INTEGER NOT NULL,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    CHECK (user_id IS NULL OR guest_hash IS NULL)
);
CREATE INDEX carts_by_target ON carts (merged_into);
CREATE UNIQUE INDEX carts_one_open_per_user ON carts (user_id) WHERE status = 'open';

CREATE TABLE cart_items (
    cart_id    TEXT NOT NULL REFERENCES carts (id) ON DELETE CASCADE,
    variant_id TEXT NOT NULL,
    quantity   BIGINT NOT NULL CHECK (quantity BETWEEN 1 AND 999),
    added_at   BIGINT NOT NULL,
    PRIMARY KEY (cart_id, variant_id)
);

-- The truth about every order.
CREATE TABLE order_events (
    order_id TEXT NOT NULL,
    seq      INTEGER NOT NULL,
    kind     TEXT NOT NULL,
    data     TEXT NOT NULL,
    at       BIGINT NOT NULL,
    PRIMARY KEY (order_id, seq)
);

-- What lists and lookups need of it; can be rebuilt from the events.
CREATE TABLE orders (
    id              TEXT PRIMARY KEY NOT NULL,
    number          TEXT NOT NULL UNIQUE,
    user_id         TEXT,
    guest_hash      TEXT,
    email           TEXT NOT NULL,
    status          TEXT NOT NULL,
    payment_status  TEXT NOT NULL,
    currency        TEXT NOT NULL,
    total           BIGINT NOT NULL CHECK (total >= 0),
    needs_attention BOOLEAN NOT NULL,
    version         INTEGER NOT NULL,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL
);
CREATE INDEX orders_by_user ON orders (user_id, id);
CREATE INDEX orders_by_status ON orders (status, id);

CREATE TABLE order_lines (
    order_id   TEXT NOT NULL,
    variant_id TEXT NOT NULL,
    product_id TEXT NOT NULL,
    quantity   BIGINT NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (order_id, variant_id)
);
CREATE INDEX order_lines_by_product ON order_lines (product_id);

-- When which order's saga runs next, and who runs it now. What it does next follows from the order's events.
CREATE TABLE order_sagas (
    order_id    TEXT PRIMARY KEY NOT NULL,
    next_run_at BIGINT,
    attempts    INTEGER NOT NULL,
    -- Somebody said that the provider has news: ask, whatever the order's state.
    ask         BOOLEAN NOT NULL,
    lease_owner TEXT,
    lease_until BIGINT,
    last_error  TEXT
);
CREATE INDEX order_sagas_due ON order_sagas (next_run_at);

CREATE TABLE order_counters (
    name  TEXT PRIMARY KEY NOT NULL,
    value BIGINT NOT NULL
);

-- Which payment of which provider belongs to which order.
CREATE TABLE payment_references (
    provider  TEXT NOT NULL,
    reference TEXT NOT NULL,
    order_id  TEXT NOT NULL,
    PRIMARY KEY (provider, reference)
);

-- Webhooks taken in, so that one delivered twice counts once.
CREATE TABLE webhook_inbox (
    provider    TEXT NOT NULL,
    event_id    TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    PRIMARY KEY (provider, event_id)
);

-- The test payment provider's own books. It is another company as far as the saga is concerned: never part of its transactions.
CREATE TABLE test_payments (
    reference       TEXT PRIMARY KEY NOT NULL,
    idempotency_key TEXT NOT NULL UNIQUE,
    token           TEXT NOT NULL,
    state           TEXT NOT NULL,
    currency        TEXT NOT NULL,
    amount          BIGINT NOT NULL CHECK (amount >= 0),
    captured        BIGINT NOT NULL CHECK (captured BETWEEN 0 AND amount),
    refunded        BIGINT NOT NULL CHECK (refunded BETWEEN 0 AND captured),
    failures        INTEGER NOT NULL,
    created_at      BIGINT NOT NULL
);
