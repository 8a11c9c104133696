//! Programs with the code of one module only.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use system_tests::operator::{order, run, status};
use system_tests::server::{Server, ServerOptions};
use system_tests::shop::Shop;
use system_tests::wait::until;

const MODULES: [&str; 3] = ["user", "product", "order"];

/// What the code of a module leaves in a program: its name for the log, its files in the debug information, its tables.
fn traces(module: &str) -> [String; 3] {
    let table = match module {
        "user" => "CREATE TABLE refresh_tokens",
        "product" => "CREATE TABLE variant_stock",
        _ => "CREATE TABLE order_sagas",
    };
    [format!("{module}::service::"), format!("modules/{module}/src/service/"), table.to_owned()]
}

fn contains(program: &[u8], text: &str) -> bool {
    program.windows(text.len()).any(|window| window == text.as_bytes())
}

fn none_contains_anothers_code(programs: &[PathBuf]) {
    for (program, own) in programs.iter().zip(MODULES) {
        let bytes = std::fs::read(program).expect("the program");
        for module in MODULES {
            for trace in traces(module) {
                // The program's own are there: so a trace that nothing leaves would be noticed.
                assert_eq!(contains(&bytes, &trace), module == own, "{trace:?} in the {own} program");
            }
        }
    }
}

fn one_alone_is_no_home_and_says_so(program: &Path) {
    let data = tempfile::tempdir().expect("a directory");
    let serve = Command::new(program).arg("serve").current_dir(data.path()).output().expect("it starts");
    let said = String::from_utf8_lossy(&serve.stderr);
    assert_eq!(serve.status.code(), Some(78), "{said}");
    assert!(said.contains("built without user, product"), "{said}");
}

/// Each module in the program that has nothing else, all at once.
async fn together_they_are_a_shop(programs: &[PathBuf]) {
    let shop = Shop::open();
    let mut nodes = Vec::new();
    for (program, module) in programs.iter().zip(MODULES) {
        let options = ServerOptions::default().data_dir(shop.server.data_dir());
        let options = options.argument("--modules").argument(module).argument("--home");
        let node = Server::start_program(program, options.argument(shop.server.base_url()));
        let extract = ["extract", module, "--to", node.base_url(), "--weights", "100", "--hold", "0ms"];
        until(Duration::from_secs(30), "the node to join", async || {
            (run(&shop.server, &extract).code == 0).then_some(())
        })
        .await;
        assert_eq!(status(&shop.server, module)["placement"], "node");
        nodes.push(node);
    }
    let (somebody, article) = (shop.somebody().await, shop.article(3).await);
    let bought = shop.buy(&somebody, &article, "ok").await;
    shop.settled(&somebody, bought["id"].as_str().expect("an id"), &["confirmed"]).await;
    assert_eq!(shop.available(&article).await, 2);
    for module in MODULES {
        order(&shop.server, &["rollback", module]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_with_one_module_has_no_code_of_the_others_and_is_a_node() {
    let directory = tempfile::tempdir().expect("a directory");
    let programs = system_tests::binary::with_one_module(&MODULES, directory.path());
    none_contains_anothers_code(&programs);
    one_alone_is_no_home_and_says_so(&programs[2]);
    together_they_are_a_shop(&programs).await;
}
