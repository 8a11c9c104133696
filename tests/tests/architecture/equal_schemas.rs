//! Rule: the migrations for both engines leave the same tables with the same columns.

use std::collections::BTreeSet;

use crate::tables;
use crate::tree::{self, Source};

fn violations(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for owner in tree::modules(sources).into_iter().chain(["kernel"]) {
        let [sqlite, postgres] = ["sqlite", "postgres"].map(|engine| format!("migrations/{owner}/{engine}"));
        let (on_sqlite, on_postgres) = (columns(sources, &sqlite), columns(sources, &postgres));
        if on_sqlite.is_empty() {
            found.push(format!("{sqlite}: equal schemas: no migration makes a table"));
        }
        let only_here =
            |folder: &str, column: &String| format!("{folder}: equal schemas: only here: {column}");
        found.extend(on_sqlite.difference(&on_postgres).map(|column| only_here(&sqlite, column)));
        found.extend(on_postgres.difference(&on_sqlite).map(|column| only_here(&postgres, column)));
    }
    found
}

/// Each `table.column` after the migrations in `folder`.
fn columns(sources: &[Source], folder: &str) -> BTreeSet<String> {
    let tables = tables::after_migrations(sources, folder);
    let of_table = |(table, columns): (&String, &BTreeSet<String>)| -> Vec<String> {
        columns.iter().map(|column| format!("{table}.{column}")).collect()
    };
    tables.iter().flat_map(of_table).collect()
}

#[test]
fn both_engines_have_the_same_tables() {
    tree::assert_none(&violations(&tree::sources()));
}

#[test]
fn a_planted_difference_is_found() {
    let kernel = "CREATE TABLE store_meta (name TEXT, value TEXT);";
    let planted = |sqlite: &str, postgres: &str| {
        violations(&[
            Source::planted("migrations/kernel/sqlite/1_kernel/up.sql", kernel),
            Source::planted("migrations/kernel/postgres/1_kernel/up.sql", kernel),
            Source::planted("migrations/user/sqlite/2_user/up.sql", sqlite),
            Source::planted("migrations/user/postgres/2_user/up.sql", postgres),
            Source::planted("modules/user/src/lib.rs", ""),
        ])
    };
    let sqlite = "CREATE TABLE users (id TEXT PRIMARY KEY, born_at BIGINT); CREATE TABLE old (id TEXT);";
    let postgres = "CREATE TABLE users (id UUID PRIMARY KEY, name TEXT, CHECK (name <> ''));";
    let wanted = [
        "migrations/user/sqlite: equal schemas: only here: old.id",
        "migrations/user/sqlite: equal schemas: only here: users.born_at",
        "migrations/user/postgres: equal schemas: only here: users.name",
    ];
    tree::assert_found(&planted(sqlite, postgres), &wanted);
    tree::assert_none(&planted(sqlite, sqlite));
    tree::assert_found(
        &planted("", ""),
        &["migrations/user/sqlite: equal schemas: no migration makes a table"],
    );
}
