//! Rule: small files. A long one has more than one reason to change.

use crate::tree::{self, Source};

const MOST: usize = 500;

fn violations(sources: &[Source]) -> Vec<String> {
    let lengths =
        sources.iter().filter(|source| source.is_rust()).map(|source| (source, source.text.lines().count()));
    lengths
        .filter(|(_, lines)| *lines > MOST)
        .map(|(source, lines)| format!("{}: file length: {lines} lines, at most {MOST}", source.path))
        .collect()
}

#[test]
fn files_are_small() {
    tree::assert_none(&violations(&tree::sources()));
}

#[test]
fn a_planted_long_file_is_found() {
    let long = Source::planted("app/src/main.rs", &"\n".repeat(MOST + 1));
    let enough = Source::planted("app/src/web.rs", &"\n".repeat(MOST));
    tree::assert_found(&violations(&[long, enough]), &["app/src/main.rs: file length: 501 lines"]);
}
