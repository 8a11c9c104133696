//! Rust source as rules look at it: a flat list of tokens, without comments and documentation.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

use crate::tree::Source;

/// A token. `::` is one token, other punctuation is one character; a string has its content for text.
#[derive(Debug, Clone)]
pub struct Token {
    pub text: String,
    pub is_string: bool,
    pub line: usize,
}

// === impl Token ===

impl Token {
    /// Whether this is the name or the punctuation `text`.
    pub fn is(&self, text: &str) -> bool {
        !self.is_string && self.text == text
    }

    pub fn is_name(&self) -> bool {
        !self.is_string && self.text.starts_with(|first: char| first.is_alphabetic() || first == '_')
    }

    pub fn opens(&self) -> bool {
        ["(", "[", "{"].iter().any(|open| self.is(open))
    }

    pub fn closes(&self) -> bool {
        [")", "]", "}"].iter().any(|close| self.is(close))
    }
}

/// The tokens of a file.
pub fn tokens(source: &Source) -> Vec<Token> {
    let stream = source.text.parse::<TokenStream>();
    let stream = stream.unwrap_or_else(|error| panic!("{} is not Rust: {error}", source.path));
    let mut tokens = Vec::new();
    flatten(stream, &mut tokens);
    tokens
}

fn flatten(stream: TokenStream, tokens: &mut Vec<Token>) {
    let mut trees = stream.into_iter().peekable();
    while let Some(tree) = trees.next() {
        let line = tree.span().start().line;
        let mut push = |text: String, is_string, line| tokens.push(Token { text, is_string, line });
        match tree {
            TokenTree::Punct(punct) => match punct.as_char() {
                ':' if punct.spacing() == Spacing::Joint && trees.next_if(is_colon).is_some() => {
                    push("::".to_owned(), false, line);
                }
                '#' => {
                    trees.next_if(|next| matches!(next, TokenTree::Punct(mark) if mark.as_char() == '!'));
                    if trees.next_if(is_documentation).is_none() {
                        push("#".to_owned(), false, line);
                    }
                }
                character => push(character.to_string(), false, line),
            },
            TokenTree::Ident(name) => push(name.to_string().trim_start_matches("r#").to_owned(), false, line),
            TokenTree::Literal(literal) => match content(&literal.to_string()) {
                Some(text) => push(text, true, line),
                None => push(literal.to_string(), false, line),
            },
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::None => ("", ""),
                };
                let end = group.span_close().end().line;
                push(open.to_owned(), false, line);
                flatten(group.stream(), tokens);
                tokens.push(Token { text: close.to_owned(), is_string: false, line: end });
            }
        }
    }
}

fn is_colon(tree: &TokenTree) -> bool {
    matches!(tree, TokenTree::Punct(punct) if punct.as_char() == ':')
}

/// Comments such as `///` arrive as `#[doc = "…"]`.
fn is_documentation(tree: &TokenTree) -> bool {
    let TokenTree::Group(group) = tree else { return false };
    matches!(group.stream().into_iter().next(), Some(TokenTree::Ident(name)) if name == "doc")
}

/// What lies between the quotes of a string literal; `None` for other literals.
fn content(literal: &str) -> Option<String> {
    let (before, rest) = literal.split_once('"')?;
    let (inside, _) = rest.rsplit_once('"')?;
    let is_raw = before.contains('r');
    (!before.contains('\'')).then(|| {
        if is_raw {
            inside.to_owned()
        } else {
            inside.replace("\\\"", "\"").replace("\\n", "\n").replace("\\\n", "\n")
        }
    })
}

#[test]
fn comments_and_documentation_are_no_code() {
    let text = r##"
        //! BEGIN
        #![doc = "COMMIT"] // BEGIN
        /// BEGIN
        #[derive(Debug)]
        fn g() { f("say \"COMMIT\"", 'q', '"', r#"raw "x""#) /* BEGIN */ }
    "##;
    let tokens = tokens(&Source::planted("x.rs", text));
    let strings: Vec<_> = tokens.iter().filter(|token| token.is_string).map(|token| &token.text).collect();
    assert_eq!(strings, ["say \"COMMIT\"", "raw \"x\""]);
    assert!(!tokens.iter().any(|token| token.is("BEGIN") || token.is("doc")));
    assert_eq!(tokens.iter().find(|token| token.is("fn")).map(|token| token.line), Some(6));
}
