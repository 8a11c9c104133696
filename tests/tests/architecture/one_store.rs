//! Rule: a module opens one store, in `src/module.rs`, and leaves transactions to the kernel. With the kernel's guard against
//! nesting, this keeps a transaction inside one store.

use crate::tree::{self, Source};
use crate::{paths, rust};

/// diesel's own ways to begin or end a transaction, whose names are nothing else's.
const TRANSACTIONS: [&str; 9] = [
    "AnsiTransactionManager",
    "TransactionManager",
    "begin_test_transaction",
    "begin_transaction",
    "build_transaction",
    "commit_transaction",
    "exclusive_transaction",
    "immediate_transaction",
    "test_transaction",
];
/// SQL's, in capitals as a statement is written.
const STATEMENTS: [&str; 2] = ["BEGIN", "COMMIT"];

fn violations(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for module in tree::modules(sources) {
        let folder = format!("modules/{module}");
        let place = format!("{folder}/src/module.rs");
        let mut opened = 0;
        for source in sources.iter().filter(|source| source.is_rust() && source.is_in(&[&folder])) {
            found.extend(transactions(source));
            for line in opens(source) {
                opened += 1;
                if source.path != place {
                    found.push(format!("{}:{line}: one store: Store::open outside {place}", source.path));
                }
            }
        }
        if opened != 1 {
            found.push(format!("{place}: one store: {module} has {opened} calls of Store::open, not 1"));
        }
    }
    found
}

fn opens(source: &Source) -> Vec<usize> {
    let paths = paths::of(&rust::tokens(source));
    paths.iter().filter(|path| path.contains(&["Store", "open"])).map(|path| path.line).collect()
}

fn transactions(source: &Source) -> Vec<String> {
    let tokens = rust::tokens(source);
    let mut found = Vec::new();
    let mut report = |line: usize, what: &str| {
        found.push(format!(
            "{}:{line}: one store: `{what}`: only the kernel begins and ends transactions",
            source.path
        ));
    };
    for token in &tokens {
        let named = TRANSACTIONS.iter().chain(&STATEMENTS).find(|name| token.is(name));
        let stated = STATEMENTS.iter().find(|statement| {
            let mut words =
                token.text.split(|character: char| !character.is_alphanumeric() && character != '_');
            token.is_string && words.any(|word| word == **statement)
        });
        if let Some(name) = named.or(stated) {
            report(token.line, name);
        }
    }
    for window in tokens.windows(3) {
        if let [before, name, after] = window
            && (before.is(".") || before.is("::"))
            && name.is("transaction")
            && after.is("(")
        {
            report(name.line, "transaction(");
        }
    }
    found
}

#[test]
fn modules_open_one_store_and_leave_transactions_to_the_kernel() {
    tree::assert_none(&violations(&tree::sources()));
}

fn planted(path: &str, text: &str) -> Vec<String> {
    violations(&[
        Source::planted(
            "modules/user/src/module.rs",
            "/// Store::open\nfn f() { kernel::store::Store::open(&s, &M) }",
        ),
        Source::planted(path, text),
    ])
}

#[test]
fn a_planted_transaction_is_found() {
    for text in [
        "fn f() { conn.transaction(|conn| g(conn)) }",
        "fn f() { Connection::transaction(conn, g) }",
        "fn f() { conn.immediate_transaction(g) }",
        "const START: &str = \"BEGIN IMMEDIATE\";",
        "fn f() { run(\"INSERT INTO a VALUES (1); COMMIT\") }",
    ] {
        let found = planted("modules/user/src/service/sign_up.rs", text);
        tree::assert_found(&found, &["modules/user/src/service/sign_up.rs:1: one store: `"]);
    }
    let harmless = "/// BEGIN\nfn f(transaction: Tx) { transaction.transaction_id(\"BEGINNING\") } // COMMIT";
    tree::assert_none(&planted("modules/user/src/service/sign_up.rs", harmless));
    tree::assert_none(&planted("modules/kernel/src/store/db.rs", "fn f() { conn.transaction(g) }"));
}

#[test]
fn a_planted_store_is_found() {
    let found =
        planted("modules/user/src/worker.rs", "use kernel::store::Store;\nfn f() { Store::open(&a, &b) }");
    tree::assert_found(&found, &["src/worker.rs:2: one store: Store::open outside", "user has 2 calls"]);
    let found = violations(&[Source::planted("modules/user/src/module.rs", "")]);
    tree::assert_found(&found, &["modules/user/src/module.rs: one store: user has 0 calls"]);
}
