//! The tables that Rust source names: in diesel's paths and macros, and in strings of SQL.

use crate::paths;
use crate::rust::{self, Token};
use crate::sql::{self, Keywords, Mention};
use crate::tables::Tables;
use crate::tree::Source;

/// What `diesel::table!` puts into a table's Rust module, beside one item for each column.
const OF_A_TABLE: [&str; 5] = ["all_columns", "columns", "dsl", "star", "table"];
/// diesel's macros that take tables.
const TABLE_MACROS: [&str; 3] = ["allow_tables_to_appear_in_same_query", "joinable", "table"];
/// diesel's attributes that take a table.
const TABLE_ATTRIBUTES: [&str; 2] = ["sql_name", "table_name"];
/// diesel's functions that take SQL.
const SQL_FUNCTIONS: [&str; 3] = ["batch_execute", "sql", "sql_query"];

/// The tables that `source` names, as far as they can be told from other names: a path counts when it goes on with what
/// diesel makes for a table, or with one of the columns in `known`.
pub fn mentions(source: &Source, known: &Tables) -> Vec<Mention> {
    let tokens = rust::tokens(source);
    let mut found = declared(&tokens);
    for path in paths::of(&tokens) {
        for (first, second) in path.segments.iter().zip(path.segments.iter().skip(1)) {
            let is_column = known.get(first).is_some_and(|columns| columns.contains(second));
            if is_column || OF_A_TABLE.contains(&second.as_str()) {
                found.push(mention(first, path.line));
            }
            if first == "schema" {
                found.push(mention(second, path.line));
            }
        }
    }
    for window in tokens.windows(3) {
        if let [name, equals, value] = window
            && equals.is("=")
            && TABLE_ATTRIBUTES.iter().any(|attribute| name.is(attribute))
        {
            found.push(mention(&value.text, value.line));
        }
    }
    found.extend(in_strings(&tokens));
    found
}

/// The tables that the file declares or relates with diesel's macros: the names at the top of the macro's argument.
pub fn declared(tokens: &[Token]) -> Vec<Mention> {
    let mut found = Vec::new();
    for (at, window) in tokens.windows(3).enumerate() {
        let [name, bang, open] = window else { continue };
        if !(bang.is("!") && open.opens() && TABLE_MACROS.iter().any(|known| name.is(known))) {
            continue;
        }
        let mut depth = 1_usize;
        for token in tokens.iter().skip(at + window.len()) {
            depth = depth + usize::from(token.opens()) - usize::from(token.closes());
            match depth {
                0 => break,
                1 if token.is_name() => found.push(mention(&token.text, token.line)),
                _ => {}
            }
        }
    }
    found
}

/// The tables in strings that hold SQL. What one of diesel's functions is given is SQL, and every name in it counts. Another string
/// counts by its keywords in capitals, so that an English sentence is not taken for a statement.
fn in_strings(tokens: &[Token]) -> Vec<Mention> {
    let mut found = Vec::new();
    // For each open bracket: whether it is inside the call of such a function.
    let mut brackets = Vec::new();
    let mut is_called = false;
    for token in tokens {
        let is_inside = brackets.last().copied().unwrap_or(false);
        if SQL_FUNCTIONS.iter().any(|function| token.is(function)) {
            is_called = true;
        } else if token.is(";") {
            is_called = false;
        } else if token.opens() {
            brackets.push(is_inside || std::mem::take(&mut is_called));
        } else if token.closes() {
            brackets.pop();
        } else if token.is_string {
            let words = sql::words(&token.text);
            let in_statement =
                sql::mentions(&words, if is_inside { Keywords::AnyCase } else { Keywords::Capitals });
            found.extend(in_statement.into_iter().map(|named| Mention { line: token.line, ..named }));
            if is_inside {
                found.extend(words.iter().filter_map(|word| Some(mention(&word.name()?, token.line))));
            }
        }
    }
    found
}

fn mention(table: &str, line: usize) -> Mention {
    Mention { schema: None, table: table.to_owned(), line }
}
