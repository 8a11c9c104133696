//! The tables of a module: what its migrations leave behind.

use std::collections::{BTreeMap, BTreeSet};

use crate::sql::{self, Word};
use crate::tree::Source;

/// Columns by table.
pub type Tables = BTreeMap<String, BTreeSet<String>>;

/// What an element of a table's definition begins with when it is no column.
const CONSTRAINTS: [&str; 8] =
    ["CHECK", "CONSTRAINT", "EXCLUDE", "FOREIGN", "INDEX", "LIKE", "PRIMARY", "UNIQUE"];

/// The tables after the migrations in `folder` (`migrations/user/sqlite`, or `migrations/user` for both engines).
pub fn after_migrations(sources: &[Source], folder: &str) -> Tables {
    let mut ups: Vec<&Source> =
        sources.iter().filter(|source| source.is_in(&[folder]) && source.path.ends_with("/up.sql")).collect();
    // A folder's name begins with its version.
    ups.sort_by(|a, b| a.path.cmp(&b.path));
    let mut tables = Tables::new();
    for source in ups {
        for statement in sql::words(&source.text).split(|word| word.is(";")) {
            apply(statement, &mut tables);
        }
    }
    tables
}

/// What one statement does to the tables.
fn apply(statement: &[Word], tables: &mut Tables) {
    let Some(at) = statement.iter().position(|word| word.is("TABLE")) else { return };
    let (Some(verb), Some(rest)) = (statement.first(), statement.get(at + 1..)) else { return };
    let rest = without(rest, &["IF", "NOT", "EXISTS", "ONLY"]);
    let Some((name, mut body)) = rest.split_first().and_then(|(word, body)| Some((word.name()?, body)))
    else {
        return;
    };
    if body.first().is_some_and(|word| word.is("(")) {
        // Without the brackets around the definition, so that its commas are at the top.
        body = body.get(1..body.len().saturating_sub(1)).unwrap_or_default();
    }
    if verb.is("CREATE") {
        let columns = elements(body).into_iter().filter_map(|element| element.first());
        let columns = columns.filter(|first| !first.is_one_of(&CONSTRAINTS)).filter_map(Word::name);
        tables.insert(name, columns.collect());
    } else if verb.is("DROP") {
        tables.remove(&name);
    } else if verb.is("ALTER") {
        elements(body).into_iter().for_each(|action| alter(&name, action, tables));
    }
}

fn alter(table: &str, action: &[Word], tables: &mut Tables) {
    let Some((verb, rest)) = action.split_first() else { return };
    let names: Vec<String> =
        without(rest, &["COLUMN", "IF", "NOT", "EXISTS"]).iter().filter_map(Word::name).collect();
    let columns = tables.entry(table.to_owned()).or_default();
    match names.as_slice() {
        [to, new] if verb.is("RENAME") && to == "to" => {
            let columns = std::mem::take(columns);
            tables.remove(table);
            tables.insert(new.clone(), columns);
        }
        [old, _to, new] if verb.is("RENAME") => {
            columns.remove(old);
            columns.insert(new.clone());
        }
        [column, ..]
            if verb.is("ADD") && !CONSTRAINTS.iter().any(|word| column.eq_ignore_ascii_case(word)) =>
        {
            columns.insert(column.clone());
        }
        [column, ..] if verb.is("DROP") => {
            columns.remove(column);
        }
        _ => {}
    }
}

/// Splits at the commas that are inside no bracket.
fn elements(body: &[Word]) -> Vec<&[Word]> {
    let mut depth = 0_usize;
    body.split(|word| {
        if word.is("(") {
            depth += 1;
        } else if word.is(")") {
            depth = depth.saturating_sub(1);
        }
        depth == 0 && word.is(",")
    })
    .collect()
}

/// `words` from the first that is none of `keywords`.
fn without<'a>(words: &'a [Word], keywords: &[&str]) -> &'a [Word] {
    let count = words.iter().take_while(|word| word.is_one_of(keywords)).count();
    words.get(count..).unwrap_or_default()
}

#[test]
fn later_migrations_change_what_earlier_ones_made() {
    let sources = [
        Source::planted(
            "migrations/m/sqlite/2_b/up.sql",
            "ALTER TABLE a ADD COLUMN d TEXT, DROP COLUMN b; ALTER TABLE a RENAME COLUMN c TO e;
             ALTER TABLE gone RENAME TO stays; ALTER TABLE a ADD CONSTRAINT x CHECK (d > 0); DROP TABLE IF EXISTS old;",
        ),
        Source::planted(
            "migrations/m/sqlite/1_a/up.sql",
            "CREATE TABLE a (b TEXT CHECK (b IN ('x', 'y')), \"c\" NUMERIC(1, 2), PRIMARY KEY (b, c));
             CREATE TABLE IF NOT EXISTS gone (f INTEGER); CREATE TABLE old (g TEXT); CREATE INDEX i ON a (b);",
        ),
    ];
    let found = format!("{:?}", after_migrations(&sources, "migrations/m"));
    assert_eq!(found, r#"{"a": {"d", "e"}, "stays": {"f"}}"#);
}
