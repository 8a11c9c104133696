//! Starts that cannot succeed: a clear message, an exit code, and nothing lost.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Output};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use serde_json::json;
use system_tests::server::{Server, ServerOptions};

/// Runs `banyan ARGUMENTS` in `directory` to its end.
fn banyan(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(system_tests::binary::banyan());
    command.current_dir(directory).args(arguments);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("BANYAN__")) {
        command.env_remove(name);
    }
    command
}

fn run(command: &mut Command) -> (i32, String) {
    let Output { status, stderr, .. } = command.output().expect("it runs");
    (status.code().expect("it ended by itself"), String::from_utf8_lossy(&stderr).into_owned())
}

/// A data directory with stores in it, no process on them.
fn closed_stores() -> (tempfile::TempDir, ServerOptions) {
    let directory = tempfile::tempdir().expect("a directory");
    let options = ServerOptions::default().data_dir(directory.path());
    assert!(Server::start_with(options.clone()).terminate().success());
    (directory, options)
}

#[test]
fn a_port_in_use_is_told_and_the_data_stay_as_they_are() {
    let server = Server::start();
    let directory = tempfile::tempdir().expect("a directory");
    let address = server.base_url().strip_prefix("http://").expect("http");
    let (code, message) = run(&mut banyan(directory.path(), &["serve", "--listen", address]));
    assert_eq!(code, 69, "{message}");
    assert!(message.contains(address) && message.contains("--listen"), "{message}");
}

#[test]
fn a_directory_that_cannot_be_written_is_told() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o555)).expect("permissions");
    let mut command = banyan(directory.path(), &["serve", "--listen", "127.0.0.1:0"]);
    if rustix::process::geteuid().is_root() {
        // Permissions do not bind root. The binary must be reachable for everybody, which a home directory may not be.
        let program = directory.path().join("banyan");
        std::fs::copy(system_tests::binary::banyan(), &program).expect("a copy");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("permissions");
        command = Command::new(program);
        command
            .current_dir(directory.path())
            .args(["serve", "--listen", "127.0.0.1:0"])
            .uid(65534)
            .gid(65534);
    }
    let (code, message) = run(&mut command);
    assert_eq!(code, 73, "{message}");
    assert!(message.contains("cannot write to") && message.contains("data"), "{message}");
}

#[test]
fn a_store_from_a_newer_version_is_told_and_left_as_it_was() {
    let (directory, _) = closed_stores();
    let path = directory.path().join("product.db");
    SqliteConnection::establish(path.to_str().expect("a path"))
        .expect("the store opens")
        .batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('29990101000000')")
        .expect("a row");
    let before = std::fs::read(&path).expect("a file");
    let mut command = banyan(directory.path(), &["serve", "--listen", "127.0.0.1:0"]);
    let (code, message) = run(command.env("BANYAN__DATA__DIRECTORY", directory.path()));
    assert_eq!(code, 65, "{message}");
    assert!(message.contains("product") && message.contains("newer"), "{message}");
    assert_eq!(std::fs::read(&path).expect("a file"), before);
}

#[test]
fn a_damaged_store_is_told_and_left_as_it_was() {
    let (directory, _) = closed_stores();
    let path = directory.path().join("order.db");
    std::fs::write(&path, "no database at all").expect("written");
    let mut command = banyan(directory.path(), &["serve", "--listen", "127.0.0.1:0"]);
    let (code, message) = run(command.env("BANYAN__DATA__DIRECTORY", directory.path()));
    assert_eq!(code, 65, "{message}");
    assert!(message.contains("order.db") && message.contains("nothing was changed"), "{message}");
    assert_eq!(std::fs::read(&path).expect("a file"), b"no database at all");
}

#[test]
fn wrong_settings_are_refused_by_name() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("banyan.toml"), "[server]\nlisen = \"127.0.0.1:1\"\n")
        .expect("written");
    let (code, message) = run(&mut banyan(directory.path(), &["config", "check"]));
    assert_eq!(code, 78, "{message}");
    assert!(message.contains("lisen") && message.contains("banyan.toml"), "{message}");

    std::fs::remove_file(directory.path().join("banyan.toml")).expect("removed");
    let mut command = banyan(directory.path(), &["config", "check"]);
    let (code, message) = run(command.env("BANYAN__ORDER__PAYMENT_SECONDS", "soon"));
    assert_eq!(code, 78, "{message}");
    assert!(message.contains("payment_seconds"), "{message}");
    assert_eq!(run(&mut banyan(directory.path(), &["config", "check"])).0, 0);
    assert!(!directory.path().join("data").exists(), "a check opens nothing");
}

#[test]
fn a_wrong_command_line_has_its_own_code() {
    let directory = tempfile::tempdir().expect("a directory");
    assert_eq!(run(&mut banyan(directory.path(), &["serf"])).0, 64);
    assert_eq!(run(&mut banyan(directory.path(), &["serve", "--config", "none.toml"])).0, 78);
    assert_eq!(run(&mut banyan(directory.path(), &["--version"])).0, 0);
}

#[test]
fn commands_over_the_stores_may_be_repeated() {
    let directory = tempfile::tempdir().expect("a directory");
    for arguments in [
        &["migrate"][..],
        &["migrate"],
        &["seed"],
        &["seed"],
        &["seed", "--products", "100"],
        &["rebuild", "order"],
    ] {
        let (code, message) = run(&mut banyan(directory.path(), arguments));
        assert_eq!(code, 0, "{arguments:?}: {message}");
    }
    for module in ["user", "product", "order"] {
        assert!(directory.path().join(format!("data/{module}.db")).is_file(), "{module}");
    }
}

#[test]
fn a_shop_without_demo_accounts_gets_its_first_operator_by_command() {
    let directory = tempfile::tempdir().expect("a directory");
    let options = ServerOptions::default().data_dir(directory.path());
    let mut server = Server::start_with(options.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let account = json!({"email": "Ada@People.example", "name": "Ada", "password": "a-long-enough-secret"});
    let login = json!({"email": "ada@people.example", "password": "a-long-enough-secret"});
    runtime.block_on(async { server.client().post("/api/v1/users").json(&account).send().await.expect(201) });
    assert!(server.terminate().success());
    let grant = |email: &str| {
        let mut command = banyan(directory.path(), &["grant", email, "operator"]);
        run(command.env("BANYAN__DATA__DIRECTORY", directory.path()))
    };
    assert_eq!(grant("nobody@people.example").0, 70);
    assert_eq!(grant("ada@people.example").0, 0);
    let server = Server::start_with(options);
    runtime.block_on(async {
        let login = server.client().post("/api/v1/auth/login").json(&login).send().await.expect(200).body;
        let token = login["access_token"].as_str().expect("a token");
        server.client().get("/api/v1/admin/users").bearer(token).send().await.expect(200);
    });
}

#[test]
fn without_any_configuration_everything_is_there() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Server::start_with(ServerOptions::default().data_dir(directory.path()).seed());
    for told in ["/docs/", "customer@banyan.example / ", "operator@banyan.example / "] {
        server.wait_for_log(told, std::time::Duration::from_secs(5));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let categories = server.client().get("/api/v1/categories").send().await.expect(200).body;
        assert!(categories["data"].as_array().expect("a list").len() >= 6);
        let mut products = 0;
        let mut path = "/api/v1/products?limit=100".to_owned();
        loop {
            let page = server.client().get(&path).send().await.expect(200).body;
            products += page["data"].as_array().expect("a list").len();
            let Some(cursor) = page["page"]["next_cursor"].as_str() else { break };
            path = format!("/api/v1/products?limit=100&cursor={cursor}");
        }
        assert!(products >= 60, "{products}");
    });
}
