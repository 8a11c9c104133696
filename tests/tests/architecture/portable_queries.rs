//! Rule: nothing of one database engine outside the kernel. A module's queries are diesel's, the same for every engine.

use crate::tree::{self, Source};
use crate::{paths, rust};

/// What is written for one engine, or can be: connections to one, and statements as text.
const NAMES: [&str; 6] =
    ["PgConnection", "SimpleConnection", "SqliteConnection", "batch_execute", "libsqlite3_sys", "sql_query"];
/// diesel's parts that belong to one engine.
const PARTS: [[&str; 2]; 2] = [["diesel", "pg"], ["diesel", "sqlite"]];

fn violations(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for module in tree::modules(sources) {
        let src = format!("modules/{module}/src");
        for source in sources {
            if !source.is_rust() || !source.is_in(&[&src]) || source.is_test() {
                continue;
            }
            for path in paths::of(&rust::tokens(source)) {
                let is_name = NAMES.iter().any(|name| path.contains(&[name]));
                if is_name || PARTS.iter().any(|part| path.contains(part)) {
                    found.push(format!(
                        "{}:{}: portable queries: `{}` belongs in the kernel",
                        source.path,
                        path.line,
                        path.segments.join("::")
                    ));
                }
            }
        }
    }
    found
}

#[test]
fn queries_are_written_for_every_engine() {
    tree::assert_none(&violations(&tree::sources()));
}

#[test]
fn a_planted_engine_is_found() {
    for text in [
        "fn f() { diesel::sql_query(\"SELECT 1\").execute(conn) }",
        "use diesel::{prelude::*, pg::Pg};",
        "use diesel::sqlite::Sqlite;",
        "fn f(conn: &mut SqliteConnection) {}",
        "fn f(conn: &mut diesel::PgConnection) {}",
        "fn f() { conn.batch_execute(\"VACUUM\") }",
    ] {
        let found = violations(&[Source::planted("modules/user/src/store/find.rs", text)]);
        tree::assert_found(&found, &["modules/user/src/store/find.rs:1: portable queries: `"]);
    }
}

#[test]
fn the_kernel_tests_and_other_names_are_free() {
    let text = "use diesel::pg::Pg;";
    for path in
        ["modules/kernel/src/store/db.rs", "modules/user/src/store/tests.rs", "modules/user/tests/store.rs"]
    {
        tree::assert_none(&violations(&[Source::planted(path, text)]));
    }
    let text = "fn f(pg: bool) { Db::sqlite(\"diesel::pg\") } // sql_query";
    tree::assert_none(&violations(&[Source::planted("modules/user/src/store/find.rs", text)]));
}
