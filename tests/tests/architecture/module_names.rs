//! Rule: what takes modules out and brings them back knows none by name, so that it works for those that come later.

use crate::rust;
use crate::tree::{self, Source};

fn violations(sources: &[Source]) -> Vec<String> {
    let modules = tree::modules(sources);
    let mut found = Vec::new();
    // Tests need examples.
    for source in
        sources.iter().filter(|source| source.is_rust() && source.is_in(&["extract"]) && !source.is_test())
    {
        for token in rust::tokens(source) {
            if token.is_string && modules.contains(token.text.as_str()) {
                found.push(format!(
                    "{}:{}: module names: \"{}\" is the name of a module",
                    source.path, token.line, token.text
                ));
            }
        }
    }
    found
}

#[test]
fn what_moves_modules_knows_none_by_name() {
    tree::assert_none(&violations(&tree::sources()));
}

#[test]
fn a_planted_name_is_found() {
    let planted = |path: &str, text: &str| {
        violations(&[Source::planted("modules/order/src/lib.rs", ""), Source::planted(path, text)])
    };
    let text = "fn f(module: &str) -> bool { module == \"order\" }";
    tree::assert_found(
        &planted("extract/router/src/park.rs", text),
        &["extract/router/src/park.rs:1: module names"],
    );
    tree::assert_none(&planted("extract/router/src/park/tests.rs", text));
    tree::assert_none(&planted("app/src/wiring.rs", text));
    let harmless = "fn f(order: Order) -> &str { \"in order\" } // order";
    tree::assert_none(&planted("extract/router/src/park.rs", harmless));
}
