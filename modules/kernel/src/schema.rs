//! The tables that come with every store.

diesel::table! {
    idempotency_keys (id) {
        id -> Text,
        fingerprint -> Text,
        status -> Integer,
        headers -> Text,
        body -> Text,
        expires_at -> BigInt,
    }
}

diesel::table! {
    store_meta (name) {
        name -> Text,
        value -> Text,
    }
}
