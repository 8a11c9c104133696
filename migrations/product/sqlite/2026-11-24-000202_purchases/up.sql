-- Who has bought what, as the order module tells it: whoever is here may review.
CREATE TABLE purchases (
    user_id    TEXT NOT NULL,
    product_id TEXT NOT NULL,
    order_id   TEXT NOT NULL,
    at         BIGINT NOT NULL,
    PRIMARY KEY (user_id, product_id, order_id)
);
CREATE INDEX purchases_by_order ON purchases (order_id);
