//! The module's tables, the same on both engines.

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
    purchases (user_id, product_id, order_id) {
        user_id -> Text,
        product_id -> Text,
        order_id -> Text,
        at -> BigInt,
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
    reviews (id) {
        id -> Text,
        product_id -> Text,
        user_id -> Text,
        rating -> Integer,
        title -> Text,
        body -> Text,
        status -> Text,
        created_at -> BigInt,
        updated_at -> BigInt,
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
