//! Rule: a module names no table of another, neither in SQL nor in a diesel query.

use std::collections::{BTreeMap, BTreeSet};

use crate::sql::{self, Keywords};
use crate::tables::{self, Tables};
use crate::tree::{self, Source};
use crate::{queries, rust};

fn violations(sources: &[Source]) -> Vec<String> {
    let modules = tree::modules(sources);
    let owned: BTreeMap<&str, Tables> =
        modules.iter().map(|module| (*module, tables_of(sources, module))).collect();
    let mut found = BTreeSet::new();
    for (module, own) in &owned {
        // A name that two modules use for a table of their own is each one's own.
        let foreign: Tables = owned
            .values()
            .flatten()
            .filter(|(table, _)| !own.contains_key(*table))
            .map(|(table, columns)| (table.clone(), columns.clone()))
            .collect();
        for source in sources.iter().filter(|source| belongs_to(source, module)) {
            let mentions = if source.is_rust() {
                queries::mentions(source, &foreign)
            } else {
                sql::mentions(&sql::words(&source.text), Keywords::AnyCase)
            };
            for mention in mentions {
                let other_schema =
                    mention.schema.filter(|schema| schema != module && modules.contains(schema.as_str()));
                if other_schema.is_some() || foreign.contains_key(&mention.table) {
                    found.insert(format!(
                        "{}:{}: own tables: {module} must not name the table {} of another module",
                        source.path, mention.line, mention.table
                    ));
                }
            }
        }
    }
    found.into_iter().collect()
}

fn belongs_to(source: &Source, module: &str) -> bool {
    source.is_in(&[&format!("modules/{module}"), &format!("migrations/{module}")])
}

/// From the module's migrations, and from its diesel schema, so that a table in only one of them counts too.
fn tables_of(sources: &[Source], module: &str) -> Tables {
    let mut tables = tables::after_migrations(sources, &format!("migrations/{module}"));
    let schema = format!("modules/{module}/src/schema.rs");
    for source in sources.iter().filter(|source| source.path == schema) {
        for mention in queries::declared(&rust::tokens(source)) {
            tables.entry(mention.table).or_default();
        }
    }
    tables
}

#[test]
fn modules_name_no_table_of_another() {
    tree::assert_none(&violations(&tree::sources()));
}

fn with(path: &str, text: &str) -> Vec<String> {
    violations(&[
        Source::planted("migrations/order/sqlite/1_a/up.sql", "CREATE TABLE orders (id TEXT, total BIGINT);"),
        Source::planted("modules/order/src/schema.rs", "diesel::table! { carts (id) { id -> Text, } }"),
        Source::planted(
            "modules/user/src/schema.rs",
            "diesel::table! { users (id) { id -> Text, orders -> Text, } }",
        ),
        Source::planted(path, text),
    ])
}

#[test]
fn a_planted_table_in_rust_is_found() {
    for text in [
        "fn f() { orders::table.find(1) }",
        "fn f() { users::table.filter(carts::dsl::id.eq(1)) }",
        "fn f() { q.select(orders::total) }",
        "use crate::schema::{users, orders};",
        "table! { orders (id) { id -> Text, } }",
        "diesel::table! { #[sql_name = \"orders\"] mine (id) { id -> Text, } }",
        "joinable!(orders -> users (id));",
        "#[derive(Queryable)] #[diesel(table_name = orders)] struct Row;",
        "fn f() { diesel::sql_query(\"select total from orders\") }",
        "fn f() { sql::<Nullable<Text>>(\"orders.total + 1\") }",
        "fn f() { conn.batch_execute(&format!(\"delete from orders where {x}\")) }",
        "const Q: &str = \"SELECT total FROM users JOIN orders USING (id)\";",
        "const Q: &str = r#\"UPDATE \"order\".\"x\" SET y = 1\"#;",
    ] {
        let found = with("modules/user/src/store/find.rs", text);
        tree::assert_found(
            &found,
            &["modules/user/src/store/find.rs:1: own tables: user must not name the table"],
        );
    }
}

#[test]
fn a_planted_table_in_a_migration_is_found() {
    let up =
        "CREATE TABLE addresses (\n id TEXT REFERENCES orders (id)\n);\nCREATE INDEX i ON \"carts\" (id);";
    let path = "migrations/user/postgres/1_a/up.sql";
    tree::assert_found(
        &with(path, up),
        &[&format!("{path}:2: own tables"), &format!("{path}:4: own tables")],
    );
}

#[test]
fn ordinary_words_and_own_tables_are_no_violation() {
    let text = r#"
        /// Takes a user from orders; see `orders::table`.
        fn f(orders: Vec<Order>, carts: &Carts) -> orders::Page {
            // SELECT * FROM orders
            let message = "no carts from orders, update orders";
            let orders = client.orders().list(users::table.filter(users::orders.eq(1)));
            http::carts::routes(orders.total)
        }
    "#;
    tree::assert_none(&with("modules/user/src/http/orders.rs", text));
    tree::assert_none(&with(
        "modules/order/src/store/x.rs",
        "fn f() { orders::table.inner_join(carts::table) }",
    ));
    tree::assert_none(&with("app/src/x.rs", "const Q: &str = \"SELECT 1 FROM orders\";"));
}
