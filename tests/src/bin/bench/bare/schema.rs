//! The tables that the measured requests touch, as the modules' migrations make them.

/// Of the product store.
pub(super) mod product {
    diesel::table! {
        categories (id) {
            id -> Text,
            parent_id -> Nullable<Text>,
            slug -> Text,
            name -> Text,
            position -> Integer,
            version -> Integer,
        }
    }

    diesel::table! {
        products (id) {
            id -> Text,
            slug -> Text,
            name -> Text,
            name_key -> Text,
            description -> Text,
            image_url -> Nullable<Text>,
            category_id -> Nullable<Text>,
            status -> Text,
            version -> Integer,
            created_at -> BigInt,
            rating_sum -> BigInt,
            rating_count -> BigInt,
            rating_hundredths -> Integer,
        }
    }

    diesel::table! {
        variants (id) {
            id -> Text,
            product_id -> Text,
            sku -> Text,
            name -> Text,
            status -> Text,
            position -> Integer,
            version -> Integer,
        }
    }

    diesel::table! {
        prices (variant_id, currency) {
            variant_id -> Text,
            currency -> Text,
            amount -> BigInt,
        }
    }

    diesel::table! {
        lowest_prices (product_id, currency) {
            product_id -> Text,
            currency -> Text,
            amount -> BigInt,
        }
    }

    diesel::table! {
        variant_stock (variant_id) {
            variant_id -> Text,
            on_hand -> BigInt,
            reserved -> BigInt,
        }
    }

    diesel::table! {
        stock_movements (id) {
            id -> Text,
            variant_id -> Text,
            delta -> BigInt,
            reason -> Text,
            reference -> Nullable<Text>,
            actor -> Nullable<Text>,
            moved_at -> BigInt,
        }
    }

    diesel::table! {
        reservations (id) {
            id -> Text,
            state -> Text,
            expires_at -> BigInt,
            changed_at -> BigInt,
        }
    }

    diesel::table! {
        reservation_lines (reservation_id, variant_id) {
            reservation_id -> Text,
            variant_id -> Text,
            quantity -> BigInt,
        }
    }

    diesel::table! {
        product_terms (term, product_id) {
            term -> Text,
            product_id -> Text,
            weight -> Integer,
        }
    }

    diesel::joinable!(products -> categories (category_id));
    diesel::joinable!(variants -> products (product_id));
    diesel::joinable!(prices -> variants (variant_id));
    diesel::joinable!(variant_stock -> variants (variant_id));
    diesel::joinable!(reservation_lines -> reservations (reservation_id));
    diesel::allow_tables_to_appear_in_same_query!(
        categories,
        lowest_prices,
        prices,
        product_terms,
        products,
        reservation_lines,
        reservations,
        variant_stock,
        variants,
    );
}

/// Of the user store.
pub(super) mod user {
    diesel::table! {
        users (id) {
            id -> Text,
            email -> Text,
            email_key -> Text,
            name -> Text,
            name_key -> Text,
            password_hash -> Text,
            disabled -> Bool,
            version -> Integer,
            created_at -> BigInt,
            updated_at -> BigInt,
        }
    }

    diesel::table! {
        user_roles (user_id, role) {
            user_id -> Text,
            role -> Text,
        }
    }

    diesel::table! {
        sessions (id) {
            id -> Text,
            user_id -> Text,
            user_agent -> Nullable<Text>,
            created_at -> BigInt,
            last_used_at -> BigInt,
            expires_at -> BigInt,
            ends_at -> BigInt,
            ended_at -> Nullable<BigInt>,
        }
    }

    diesel::table! {
        refresh_tokens (digest) {
            digest -> Text,
            session_id -> Text,
            created_at -> BigInt,
            used_at -> Nullable<BigInt>,
        }
    }

    diesel::table! {
        signing_keys (kid) {
            kid -> Text,
            private_key -> Text,
            public_key -> Text,
            created_at -> BigInt,
            retired_at -> Nullable<BigInt>,
        }
    }
}

/// Of the order store.
pub(super) mod order {
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
}
