//! The shop's own books, read from its stores once everybody has gone: what must be true of every order, payment and unit.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel::{SqliteConnection, sql_query};
use system_tests::shop::{Article, Shop};

use crate::customers::Told;
use crate::visits::Deed;

/// Longest that what was begun may take to end.
const END: Duration = Duration::from_secs(60);

/// What must be true, and the query that finds what breaks it. `p` is the product module's store, the other one the order
/// module's: only a test looks at both at once.
const LAWS: [(&str, &str); 17] = [
    (
        "every order has ended",
        "SELECT id || ' ' || status AS broken FROM orders
         WHERE status NOT IN ('confirmed', 'cancelled', 'rejected', 'expired')",
    ),
    (
        "every saga has ended",
        "SELECT order_id AS broken FROM order_sagas WHERE next_run_at IS NOT NULL OR lease_owner IS NOT NULL",
    ),
    ("no order needs attention", "SELECT id AS broken FROM orders WHERE needs_attention"),
    (
        "an order's events are numbered without a gap",
        "SELECT order_id AS broken FROM order_events GROUP BY order_id HAVING MIN(seq) <> 1 OR MAX(seq) <> COUNT(*)",
    ),
    (
        "an order is placed once, and is in the list of orders",
        "SELECT o.id AS broken FROM orders o
         WHERE 1 <> (SELECT COUNT(*) FROM order_events e WHERE e.order_id = o.id AND e.kind = 'placed')
         UNION ALL SELECT order_id FROM order_events WHERE order_id NOT IN (SELECT id FROM orders)",
    ),
    (
        "the last word of the events is the order's status",
        "SELECT o.id || ' ' || o.status AS broken FROM orders o WHERE o.status <> (
             SELECT CASE e.kind WHEN 'stock_refused' THEN 'rejected' ELSE e.kind END FROM order_events e
             WHERE e.order_id = o.id AND e.kind IN ('confirmed', 'cancelled', 'expired', 'stock_refused')
             ORDER BY e.seq DESC LIMIT 1)",
    ),
    (
        "an order is confirmed once",
        "SELECT order_id AS broken FROM order_events WHERE kind = 'confirmed' GROUP BY order_id HAVING COUNT(*) > 1",
    ),
    (
        "a cart becomes one order",
        "SELECT MIN(order_id) AS broken FROM order_events WHERE kind = 'placed'
         GROUP BY json_extract(data, '$.cart_id') HAVING COUNT(*) > 1",
    ),
    (
        "every payment belongs to an order",
        "SELECT reference AS broken FROM test_payments WHERE reference NOT IN (SELECT reference FROM payment_references)",
    ),
    (
        "refunded <= captured <= authorised <= total",
        "SELECT o.id || ' ' || t.reference AS broken FROM test_payments t
         JOIN payment_references r ON r.reference = t.reference JOIN orders o ON o.id = r.order_id
         WHERE NOT (0 <= t.refunded AND t.refunded <= t.captured AND t.captured <= t.amount AND t.amount <= o.total)",
    ),
    (
        "a confirmed order is charged once, with the exact total authorised and taken",
        "SELECT o.id AS broken FROM orders o WHERE o.status = 'confirmed' AND 1 <> (
             SELECT COUNT(*) FROM test_payments t JOIN payment_references r ON r.reference = t.reference
             WHERE r.order_id = o.id AND t.captured > 0 AND t.amount = o.total AND t.captured = o.total
             AND t.refunded = 0)
         OR o.status = 'confirmed' AND o.total <> (
             SELECT SUM(t.captured) FROM test_payments t JOIN payment_references r ON r.reference = t.reference
             WHERE r.order_id = o.id)",
    ),
    (
        "an order that is not confirmed holds no money",
        "SELECT o.id || ' ' || t.reference AS broken FROM orders o
         JOIN payment_references r ON r.order_id = o.id JOIN test_payments t ON t.reference = r.reference
         WHERE o.status <> 'confirmed' AND (t.captured <> t.refunded
             OR t.state NOT IN ('captured', 'declined', 'voided'))",
    ),
    (
        "a confirmed order's stock has left, no other order's has",
        "SELECT l.order_id || ' ' || l.variant_id AS broken FROM order_lines l JOIN orders o ON o.id = l.order_id
         JOIN order_events e ON e.order_id = o.id AND e.kind = 'placed'
         WHERE (CASE o.status WHEN 'confirmed' THEN -l.quantity ELSE 0 END) <> (
             SELECT COALESCE(SUM(m.delta), 0) FROM p.stock_movements m
             WHERE m.reference = json_extract(e.data, '$.reservation_id') AND m.variant_id = l.variant_id)",
    ),
    (
        "a confirmed order's stock is committed",
        "SELECT o.id AS broken FROM orders o JOIN order_events e ON e.order_id = o.id AND e.kind = 'placed'
         WHERE o.status = 'confirmed' AND NOT EXISTS (SELECT * FROM p.reservations r
             WHERE r.id = json_extract(e.data, '$.reservation_id') AND r.state = 'committed')",
    ),
    ("nothing is held", "SELECT id AS broken FROM p.reservations WHERE state = 'held'"),
    (
        "no hold and no sale without an order",
        "SELECT id AS broken FROM p.reservations WHERE state <> 'released' AND id NOT IN (
             SELECT json_extract(data, '$.reservation_id') FROM order_events WHERE kind = 'placed')",
    ),
    (
        "on_hand is the sum of the movements, and never negative",
        "SELECT s.variant_id AS broken FROM p.variant_stock s WHERE s.on_hand < 0 OR s.reserved <> 0
         OR s.on_hand <> (SELECT SUM(m.delta) FROM p.stock_movements m WHERE m.variant_id = s.variant_id)",
    ),
];

#[derive(QueryableByName)]
struct Broken {
    #[diesel(sql_type = Text)]
    broken: String,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// The stores of a shop.
pub(crate) struct Books(SqliteConnection);

// === impl Books ===

impl Books {
    pub(crate) fn open(data: &Path) -> Self {
        let path = |name: &str| data.join(name).to_str().expect("a path").to_owned();
        let mut connection = system_tests::raw::open(&data.join("order.db"));
        let attach = format!("PRAGMA busy_timeout = 5000; ATTACH DATABASE '{}' AS p", path("product.db"));
        connection.batch_execute(&attach).expect("the other store opens");
        Self(connection)
    }

    /// What is found to be wrong after `tampering`, which is undone.
    pub(crate) fn tampered(&mut self, tampering: &str, told: &Told) -> Vec<String> {
        self.0.batch_execute(&format!("BEGIN IMMEDIATE; {tampering}")).expect(tampering);
        let mut found = self.broken();
        found.extend(self.differences(&told.deeds, &told.stocked));
        self.0.batch_execute("ROLLBACK").expect("it can be undone");
        found
    }

    /// Every law that is broken, and by what.
    pub(crate) fn broken(&mut self) -> Vec<String> {
        let broken = |(law, query): (&str, &str)| {
            let found: Vec<Broken> = sql_query(query).load(&mut self.0).expect(law);
            let found: Vec<_> = found.into_iter().map(|row| row.broken).collect();
            (!found.is_empty()).then(|| format!("{law}: not so for {}", found.join(", ")))
        };
        LAWS.into_iter().filter_map(broken).collect()
    }

    /// What the books say otherwise than the customers.
    pub(crate) fn differences(&mut self, deeds: &[Deed], stocked: &[(Article, i64)]) -> Vec<String> {
        let mut differences = Vec::new();
        let orders: Vec<Count> = sql_query("SELECT id || ' ' || status AS name, 1 AS count FROM orders")
            .load(&mut self.0)
            .expect("orders");
        let known: BTreeSet<String> = orders.into_iter().map(|row| row.name).collect();
        let told: BTreeSet<String> =
            deeds.iter().map(|deed| format!("{} {}", deed.order, deed.status)).collect();
        differences
            .extend(told.difference(&known).map(|order| format!("told and not in the books: {order}")));
        differences
            .extend(known.difference(&told).map(|order| format!("in the books and not told: {order}")));
        let keys: BTreeSet<&str> = deeds.iter().map(|deed| deed.key.as_str()).collect();
        let distinct: BTreeSet<&str> = deeds.iter().map(|deed| deed.order.as_str()).collect();
        if keys.len() != distinct.len() {
            differences.push(format!("{} keys made {} orders", keys.len(), distinct.len()));
        }
        let left: Vec<Count> = sql_query("SELECT variant_id AS name, on_hand AS count FROM p.variant_stock")
            .load(&mut self.0)
            .expect("stock");
        let left: BTreeMap<String, i64> = left.into_iter().map(|row| (row.name, row.count)).collect();
        for (article, stock) in stocked {
            let of_it = deeds.iter().filter(|deed| deed.variant_id == article.variant_id);
            let sold: i64 = of_it.filter(|deed| deed.status == "confirmed").map(|deed| deed.units).sum();
            let is = left.get(&article.variant_id).copied();
            if is != Some(stock - sold) {
                differences
                    .push(format!("{}: {stock} came, {sold} were sold, {is:?} are left", article.variant_id));
            }
        }
        differences
    }
}

/// Waits until all that was begun has ended and the stores break no law.
pub(crate) async fn settle(shop: &Shop) -> Books {
    let mut books = Books::open(shop.server.data_dir());
    let mut broken;
    let deadline = Instant::now() + END;
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    while {
        broken = books.broken();
        !broken.is_empty() && Instant::now() < deadline
    } {
        tick.tick().await;
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    books
}

/// Waits until all that was begun has ended, and looks at everything: from outside, and in the stores.
pub(crate) async fn close(shop: &Shop, told: &Told) {
    let (complaints, first) = told.tally.complaints();
    assert!(complaints == 0, "{complaints} complaints, of which:\n{}", first.join("\n\n"));
    let mut books = settle(shop).await;
    let differences = books.differences(&told.deeds, &told.stocked);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    for deed in &told.deeds {
        let path = format!("/api/v1/orders/{}", deed.order);
        // The token of a member may have expired by now; guests' secrets do not.
        if deed.who.name == "x-guest-token" {
            let order = deed.who.of(shop.client.get(&path)).send().await.expect(200);
            assert_eq!(order.body["status"], deed.status.as_str(), "{order}");
        }
    }
    for (article, _) in &told.stocked {
        assert!(shop.available(article).await >= 0);
    }
}
