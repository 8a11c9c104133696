//! The paths in Rust source, such as `diesel::pg::Pg`.

use crate::rust::Token;

/// A path with all its segments. A `use` tree gives one for each leaf.
#[derive(Debug)]
pub struct Path {
    pub segments: Vec<String>,
    /// Of the last segment.
    pub line: usize,
}

// === impl Path ===

impl Path {
    /// Whether `segments` occur in the path, side by side.
    pub fn contains(&self, segments: &[&str]) -> bool {
        self.segments.windows(segments.len()).any(|window| window == segments)
    }
}

/// The paths among the tokens; a name alone is a path of one segment.
pub fn of(tokens: &[Token]) -> Vec<Path> {
    let mut found = Vec::new();
    // What the names inside each open bracket begin with: something for a group of a `use` tree, else nothing.
    let mut prefixes: Vec<Vec<String>> = Vec::new();
    let mut current: Vec<String> = Vec::new();
    let mut after_separator = false;
    let mut line = 0;
    for token in tokens {
        let continues = std::mem::replace(&mut after_separator, token.is("::"));
        if token.is("::") {
            continue;
        }
        let joins = continues && (token.is("{") || token.is_name());
        if !joins && !current.is_empty() {
            found.push(Path { segments: std::mem::take(&mut current), line });
        }
        if token.is_name() {
            if !continues {
                current = prefixes.last().cloned().unwrap_or_default();
            }
            current.push(token.text.clone());
            line = token.line;
        } else if token.opens() {
            prefixes.push(std::mem::take(&mut current));
        } else if token.closes() {
            prefixes.pop();
        }
    }
    found
}

#[test]
fn a_use_tree_has_a_path_for_each_leaf() {
    let text = "use a::{b, c::{d as e, self}, f::*}; fn g(v:&V) { x::y::<T>(z.w()) }";
    let tokens = crate::rust::tokens(&crate::tree::Source::planted("x.rs", text));
    let found: Vec<_> = of(&tokens).iter().map(|path| path.segments.join("::")).collect();
    for wanted in ["a::b", "a::c::d", "a::c::self", "a::f", "v", "V", "x::y", "T", "z", "w"] {
        assert!(found.iter().any(|path| path == wanted), "{wanted} is not in {found:?}");
    }
}

#[test]
fn a_path_is_on_the_line_of_its_last_segment() {
    let tokens = crate::rust::tokens(&crate::tree::Source::planted("x.rs", "a::\nb\n.c()"));
    let found: Vec<_> = of(&tokens).iter().map(|path| (path.segments.join("::"), path.line)).collect();
    assert_eq!(found, [("a::b".to_owned(), 2), ("c".to_owned(), 3)]);
}
