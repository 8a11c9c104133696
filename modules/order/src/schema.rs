//! The module's tables.

diesel::table! {
    carts (id) {
        id -> Text,
        user_id -> Nullable<Text>,
        guest_hash -> Nullable<Text>,
        claimed_hash -> Nullable<Text>,
        merged_into -> Nullable<Text>,
        currency -> Text,
        status -> Text,
        version -> Integer,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    cart_items (cart_id, variant_id) {
        cart_id -> Text,
        variant_id -> Text,
        quantity -> BigInt,
        added_at -> BigInt,
    }
}

diesel::table! {
    order_events (order_id, seq) {
        order_id -> Text,
        seq -> Integer,
        kind -> Text,
        data -> Text,
        at -> BigInt,
    }
}

diesel::table! {
    orders (id) {
        id -> Text,
        number -> Text,
        user_id -> Nullable<Text>,
        guest_hash -> Nullable<Text>,
        email -> Text,
        status -> Text,
        payment_status -> Text,
        currency -> Text,
        total -> BigInt,
        needs_attention -> Bool,
        version -> Integer,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    order_lines (order_id, variant_id) {
        order_id -> Text,
        variant_id -> Text,
        product_id -> Text,
        quantity -> BigInt,
    }
}

diesel::table! {
    order_sagas (order_id) {
        order_id -> Text,
        next_run_at -> Nullable<BigInt>,
        attempts -> Integer,
        ask -> Bool,
        lease_owner -> Nullable<Text>,
        lease_until -> Nullable<BigInt>,
        last_error -> Nullable<Text>,
    }
}

diesel::table! {
    order_counters (name) {
        name -> Text,
        value -> BigInt,
    }
}

diesel::table! {
    payment_references (provider, reference) {
        provider -> Text,
        reference -> Text,
        order_id -> Text,
    }
}

diesel::table! {
    webhook_inbox (provider, event_id) {
        provider -> Text,
        event_id -> Text,
        received_at -> BigInt,
    }
}

diesel::table! {
    test_payments (reference) {
        reference -> Text,
        idempotency_key -> Text,
        token -> Text,
        state -> Text,
        currency -> Text,
        amount -> BigInt,
        captured -> BigInt,
        refunded -> BigInt,
        failures -> Integer,
        created_at -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(orders, order_lines);
diesel::allow_tables_to_appear_in_same_query!(carts, cart_items);
