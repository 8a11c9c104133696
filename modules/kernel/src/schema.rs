//! The tables that come with every store.

diesel::table! {
    event_positions (name) {
        name -> Text,
        sequence -> BigInt,
        lease_owner -> Nullable<Text>,
        lease_until -> Nullable<BigInt>,
    }
}

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
    outbox (sequence) {
        sequence -> BigInt,
        aggregate -> Text,
        kind -> Text,
        data -> Text,
        at -> BigInt,
    }
}

diesel::table! {
    ownership (id) {
        id -> Integer,
        epoch -> BigInt,
        sealed -> Bool,
        operation -> Nullable<Text>,
        position -> Nullable<BigInt>,
        applied -> Nullable<BigInt>,
    }
}

diesel::table! {
    store_meta (name) {
        name -> Text,
        value -> Text,
    }
}
