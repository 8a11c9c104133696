//! The file that a module moved to is gone: what docs/handover.md says to do by hand, word for word.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use system_tests::operator::{run, status};
use system_tests::shop::Shop;
use system_tests::wait::until;

use crate::moving::{bring_back, complete, leaves_nothing, take_out};

const SOON: Duration = Duration::from_secs(60);

/// Runs the `sqlite3` program. Gives what it prints.
fn sqlite3(store: &Path, sql: &str) -> String {
    let ran = Command::new("sqlite3").arg(store).arg(sql).output().expect("sqlite3 is there");
    assert!(ran.status.success(), "{sql}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).expect("text")
}

/// The statements of the document for one of the two stores: those between two lines that begin with `--`.
fn statements(after: &str, until: &str) -> String {
    let document = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/handover.md");
    let document = std::fs::read_to_string(document).expect("the document");
    let (_, rest) = document.split_once(after).expect("the beginning");
    let (statements, _) = rest.split_once(until).expect("the end");
    statements.trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_whose_store_is_lost_while_it_is_watched_is_home_again_by_hand() {
    let mut shop = Shop::open();
    let (somebody, article) = (shop.somebody().await, shop.article(5).await);
    take_out(&shop, "order");
    let bought = shop.buy(&somebody, &article, "ok").await;
    let bought = bought["id"].as_str().expect("an id");
    shop.settled(&somebody, bought, &["confirmed"]).await;
    let data = shop.server.data_dir().to_owned();
    let (control, source) = (data.join("control.db"), data.join("order.db"));
    let row = format!("SELECT count(*) FROM orders WHERE id = '{bought}' AND status = 'confirmed'");
    until(SOON, "the order to be brought back", async || (sqlite3(&source, &row) == "1\n").then_some(()))
        .await;
    // Without that store there is no way by a command.
    let away = data.join("moved/away.db");
    std::fs::rename(data.join("moved/order.db"), &away).expect("it can be lost");
    let refused = tokio::task::block_in_place(|| run(&shop.server, &["rollback", "order"]));
    assert!(refused.code != 0 && refused.stderr.contains("by hand"), "{refused:?}");
    assert!(shop.server.terminate().success());
    until(SOON, "the node to end", async || shop.server.nodes().is_empty().then_some(())).await;
    std::fs::remove_dir_all(data.join("moved")).expect("it can be removed");

    let epoch: u64 =
        sqlite3(&control, "SELECT epoch FROM placements WHERE module = 'order'").trim().parse().expect("N");
    let filled = |text: String| {
        text.replace("epoch = N", &format!("epoch = {}", epoch + 1)).replace("MODULE", "order")
    };
    sqlite3(&control, &filled(statements("-- sqlite3 data/control.db", "-- sqlite3 on the source")));
    sqlite3(&source, &filled(statements("-- sqlite3 on the source", "-- the capture")));
    let capture = statements("run what this prints", "```");
    let (print, drop) =
        capture.split_once(";\n").map(|(print, drop)| (print.to_owned(), drop.to_owned())).expect("two");
    let triggers = sqlite3(&source, &print);
    assert!(triggers.contains("DROP TRIGGER \"capture_orders_UPDATE\""), "{triggers}");
    sqlite3(&source, &triggers);
    sqlite3(&source, &drop);

    shop.reopen(shop.server.options());
    until(SOON, "orders to be answered", async || {
        let orders = shop.client.get("/api/v1/orders").bearer(&somebody.token).send().await;
        (orders.status == 200).then_some(())
    })
    .await;
    shop.settled(&somebody, bought, &["confirmed"]).await;
    let now = status(&shop.server, "order");
    assert_eq!((&now["placement"], &now["epoch"]), (&"home".into(), &(epoch + 1).into()), "{now}");
    let again = shop.buy(&somebody, &article, "ok").await;
    shop.settled(&somebody, again["id"].as_str().expect("an id"), &["confirmed"]).await;
    // It is as any other, and can go again.
    take_out(&shop, "order");
    bring_back(&shop, "order");
    complete(&shop, "order");
    leaves_nothing(&shop, "order");
}
