-- The catalogue, its prices, its stock, its reviews, and the index that searches it.

CREATE TABLE categories (
    id        TEXT PRIMARY KEY NOT NULL,
    parent_id TEXT REFERENCES categories (id),
    slug      TEXT NOT NULL UNIQUE,
    name      TEXT NOT NULL,
    position  INTEGER NOT NULL,
    version   INTEGER NOT NULL
);
CREATE INDEX categories_by_parent ON categories (parent_id);

CREATE TABLE products (
    id                TEXT PRIMARY KEY NOT NULL,
    slug              TEXT NOT NULL UNIQUE,
    name              TEXT NOT NULL,
    -- The name as it is sorted: folded, so that both engines sort it alike.
    name_key          TEXT NOT NULL,
    description       TEXT NOT NULL,
    image_url         TEXT,
    category_id       TEXT REFERENCES categories (id),
    status            TEXT NOT NULL CHECK (status IN ('draft', 'active', 'archived')),
    version           INTEGER NOT NULL,
    created_at        BIGINT NOT NULL,
    -- Of the published reviews.
    rating_sum        BIGINT NOT NULL CHECK (rating_sum >= 0),
    rating_count      BIGINT NOT NULL CHECK (rating_count >= 0),
    -- Their mean in hundredths, rounded; 0 without any. Kept, because lists filter and sort by it.
    rating_hundredths INTEGER NOT NULL
);
CREATE INDEX products_by_age ON products (status, created_at, id);
CREATE INDEX products_by_name ON products (status, name_key, id);
CREATE INDEX products_by_rating ON products (status, rating_hundredths, id);
CREATE INDEX products_by_category ON products (category_id, status, created_at, id);

CREATE TABLE variants (
    id         TEXT PRIMARY KEY NOT NULL,
    product_id TEXT NOT NULL REFERENCES products (id),
    sku        TEXT NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    status     TEXT NOT NULL CHECK (status IN ('active', 'archived')),
    position   INTEGER NOT NULL,
    version    INTEGER NOT NULL
);
CREATE INDEX variants_by_product ON variants (product_id, position, id);

CREATE TABLE prices (
    variant_id TEXT NOT NULL REFERENCES variants (id),
    currency   TEXT NOT NULL,
    amount     BIGINT NOT NULL CHECK (amount >= 0),
    PRIMARY KEY (variant_id, currency)
);

-- For each product and currency the lowest price of a variant on sale: what lists show, filter and sort by.
-- Changed in the transaction that changes a price.
CREATE TABLE lowest_prices (
    product_id TEXT NOT NULL REFERENCES products (id),
    currency   TEXT NOT NULL,
    amount     BIGINT NOT NULL,
    PRIMARY KEY (product_id, currency)
);
CREATE INDEX lowest_prices_by_amount ON lowest_prices (currency, amount, product_id);

CREATE TABLE variant_stock (
    variant_id TEXT PRIMARY KEY NOT NULL REFERENCES variants (id),
    -- Units in the house: the sum of the variant's movements.
    on_hand    BIGINT NOT NULL CHECK (on_hand >= 0),
    -- Units of them that are held: the sum of the lines of held reservations.
    reserved   BIGINT NOT NULL CHECK (reserved >= 0),
    CHECK (reserved <= on_hand)
);

-- Append-only.
CREATE TABLE stock_movements (
    id         TEXT PRIMARY KEY NOT NULL,
    variant_id TEXT NOT NULL REFERENCES variants (id),
    delta      BIGINT NOT NULL CHECK (delta <> 0),
    reason     TEXT NOT NULL,
    -- The reservation it belongs to, if any.
    reference  TEXT,
    -- The member of staff who made it, if any.
    actor      TEXT,
    moved_at   BIGINT NOT NULL
);
CREATE INDEX stock_movements_by_variant ON stock_movements (variant_id, id);

-- A released one stays for a while as a tombstone, so that a late request to make it is refused.
CREATE TABLE reservations (
    id         TEXT PRIMARY KEY NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('held', 'committed', 'released')),
    expires_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE INDEX reservations_by_expiry ON reservations (state, expires_at);
CREATE INDEX reservations_by_change ON reservations (state, changed_at);

CREATE TABLE reservation_lines (
    reservation_id TEXT NOT NULL REFERENCES reservations (id),
    variant_id     TEXT NOT NULL REFERENCES variants (id),
    quantity       BIGINT NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (reservation_id, variant_id)
);

CREATE TABLE reviews (
    id         TEXT PRIMARY KEY NOT NULL,
    product_id TEXT NOT NULL REFERENCES products (id),
    user_id    TEXT NOT NULL,
    rating     INTEGER NOT NULL CHECK (rating BETWEEN 1 AND 5),
    title      TEXT NOT NULL,
    body       TEXT NOT NULL,
    status     TEXT NOT NULL CHECK (status IN ('published', 'hidden')),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (product_id, user_id)
);
CREATE INDEX reviews_by_product ON reviews (product_id, status, id);

-- The inverted index: what a product is found by. See docs/adr/0004.
CREATE TABLE product_terms (
    term       TEXT NOT NULL,
    product_id TEXT NOT NULL REFERENCES products (id),
    weight     INTEGER NOT NULL,
    PRIMARY KEY (term, product_id)
);
CREATE INDEX product_terms_by_product ON product_terms (product_id);
