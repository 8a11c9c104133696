//! Rule: money and domain values are never floating-point numbers: they round, and 0.1 is none of them.

use crate::rust;
use crate::tree::{self, Source};

fn violations(sources: &[Source]) -> Vec<String> {
    let mut folders = vec!["modules/kernel/types".to_owned()];
    for module in tree::modules(sources) {
        folders.extend([format!("modules/{module}/contract"), format!("modules/{module}/src/domain")]);
    }
    let folders: Vec<&str> = folders.iter().map(String::as_str).collect();
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| source.is_rust() && source.is_in(&folders)) {
        for token in rust::tokens(source) {
            // A literal may carry the type: `1f64`.
            let is_number = token.text.starts_with(|first: char| first.is_ascii_digit());
            let is_float =
                |name| token.is(name) || !token.is_string && is_number && token.text.ends_with(name);
            // In hexadecimal, `0xf32` is an integer.
            if (is_float("f32") || is_float("f64")) && !token.text.starts_with("0x") {
                found.push(format!(
                    "{}:{}: no floats: `{}` in the domain",
                    source.path, token.line, token.text
                ));
            }
        }
    }
    found
}

#[test]
fn domain_values_are_not_floating_point() {
    tree::assert_none(&violations(&tree::sources()));
}

#[test]
fn a_planted_float_is_found() {
    for path in [
        "modules/kernel/types/src/money.rs",
        "modules/order/src/domain/total.rs",
        "modules/order/contract/src/messages.rs",
    ] {
        let sources = [
            Source::planted("modules/order/src/lib.rs", ""),
            Source::planted(path, "\nfn tax(rate: f64) { 1f32; }"),
        ];
        tree::assert_found(&violations(&sources), &[&format!("{path}:2: no floats: `f64`"), "`1f32`"]);
    }
}

#[test]
fn floats_elsewhere_and_other_words_are_no_violation() {
    let text = "/// Not an f64.\nfn f() -> &'static str { 0xf32; \"f64\" }";
    tree::assert_none(&violations(&[Source::planted("modules/order/src/domain/total.rs", text)]));
    tree::assert_none(&violations(&[Source::planted(
        "modules/order/src/http/list.rs",
        "fn f(seconds: f64) {}",
    )]));
}
