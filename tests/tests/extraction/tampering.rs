//! The laws of the books can be broken: each is, in a transaction that is rolled back, and is found out.

use std::time::Duration;

use system_tests::shop::Shop;
use system_tests::wait::until;

use crate::books::{self, Books};
use crate::customers::Customers;
use crate::desk::Manner;

#[tokio::test(flavor = "multi_thread")]
async fn books_that_were_tampered_with_are_found_out() {
    let shop = Shop::open();
    let customers = Customers::let_in(&shop, 2, Manner::Strict).await;
    until(Duration::from_secs(60), "some visits", async || (customers.visits() >= 8).then_some(())).await;
    let told = customers.leave().await;
    books::close(&shop, &told).await;
    let confirmed = "(SELECT id FROM orders WHERE status = 'confirmed' LIMIT 1)";
    let reservation = format!(
        "(SELECT json_extract(data, '$.reservation_id') FROM order_events
          WHERE kind = 'placed' AND order_id = {confirmed})"
    );
    let reference = format!("(SELECT MAX(reference) FROM payment_references WHERE order_id = {confirmed})");
    let tampered = [
        ("every order has ended", format!("UPDATE orders SET status = 'confirming' WHERE id = {confirmed}")),
        (
            "every saga has ended",
            format!("UPDATE order_sagas SET next_run_at = 1 WHERE order_id = {confirmed}"),
        ),
        ("no order needs attention", format!("UPDATE orders SET needs_attention = 1 WHERE id = {confirmed}")),
        ("without a gap", format!("DELETE FROM order_events WHERE seq = 3 AND order_id = {confirmed}")),
        ("is placed once", format!("DELETE FROM order_events WHERE seq = 1 AND order_id = {confirmed}")),
        ("the last word", format!("UPDATE orders SET status = 'cancelled' WHERE id = {confirmed}")),
        ("charged once", format!("UPDATE test_payments SET refunded = 1 WHERE reference = {reference}")),
        ("belongs to an order", format!("DELETE FROM payment_references WHERE order_id = {confirmed}")),
        ("<= total", format!("UPDATE orders SET total = 1 WHERE id = {confirmed}")),
        ("holds no money", "UPDATE test_payments SET state = 'authorized'".to_owned()),
        ("stock has left", format!("DELETE FROM p.stock_movements WHERE reference = {reservation}")),
        ("is committed", format!("UPDATE p.reservations SET state = 'released' WHERE id = {reservation}")),
        ("nothing is held", format!("UPDATE p.reservations SET state = 'held' WHERE id = {reservation}")),
        ("sum of the movements", "UPDATE p.variant_stock SET on_hand = on_hand + 1".to_owned()),
        ("told and not in the books", format!("UPDATE orders SET id = 'ord_x' WHERE id = {confirmed}")),
    ];
    let mut books = Books::open(shop.server.data_dir());
    for (law, tampering) in &tampered {
        let found = books.tampered(tampering, &told);
        assert!(found.iter().any(|found| found.contains(law)), "{law}: {found:?}");
    }
    assert_eq!(books.broken(), [""; 0], "the books are as they were");
}
