//! Rule: each Rust file begins by saying what it is for. What lies beside a tested file, for tests only, says it by its name.

use crate::tree::{self, Source};

fn violations(sources: &[Source]) -> Vec<String> {
    let files = sources.iter().filter(|source| source.is_rust() && !source.is_test());
    files
        .filter(|source| !source.text.starts_with("//! "))
        .map(|source| format!("{}:1: file docs: the file does not begin with `//! `", source.path))
        .collect()
}

#[test]
fn files_say_what_they_are_for() {
    tree::assert_none(&violations(&tree::sources()));
}

#[test]
fn a_planted_silent_file_is_found() {
    let found = violations(&[
        Source::planted("modules/user/src/domain/email.rs", "use std::fmt;\n//! Late.\n"),
        Source::planted("tests/src/kit.rs", ""),
        Source::planted("app/src/main.rs", "//! The binary.\n"),
        Source::planted("modules/user/src/domain/email/tests.rs", "use super::*;\n"),
        Source::planted("extract/seam/tests/table.rs", "use seam::*;\n"),
    ]);
    tree::assert_found(
        &found,
        &["modules/user/src/domain/email.rs:1: file docs", "tests/src/kit.rs:1: file docs"],
    );
}
