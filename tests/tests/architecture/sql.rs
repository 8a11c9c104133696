//! SQL as rules look at it: words, and the tables that they name.

/// A name, a keyword or a punctuation mark. Comments and text in single quotes are left out.
#[derive(Debug, Clone)]
pub struct Word {
    pub text: String,
    pub line: usize,
    /// An identifier in quotes, which cannot be a keyword.
    is_quoted: bool,
}

/// A place at which SQL names a table.
#[derive(Debug, PartialEq)]
pub struct Mention {
    /// The schema, when it is given: `product` in `product.reviews`.
    pub schema: Option<String>,
    pub table: String,
    pub line: usize,
}

/// How keywords have to be written to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keywords {
    AnyCase,
    Capitals,
}

/// Keywords after which a table's name comes.
const BEFORE_A_TABLE: [&str; 8] = ["FROM", "INTO", "JOIN", "ON", "REFERENCES", "TABLE", "TRUNCATE", "UPDATE"];
/// Keywords that may stand between.
const BETWEEN: [&str; 9] = ["ABORT", "EXISTS", "FAIL", "IF", "IGNORE", "NOT", "ONLY", "OR", "TABLE"];

// === impl Word ===

impl Word {
    /// Whether this is the keyword, which is given in capitals, in any case.
    pub fn is(&self, keyword: &str) -> bool {
        !self.is_quoted && self.text.eq_ignore_ascii_case(keyword)
    }

    pub fn is_one_of(&self, keywords: &[&str]) -> bool {
        keywords.iter().any(|keyword| self.is(keyword))
    }

    /// The name that this word is; unquoted names fold to lower case.
    pub fn name(&self) -> Option<String> {
        let first = self.text.chars().next()?;
        if self.is_quoted {
            Some(self.text.clone())
        } else {
            (first.is_alphabetic() || first == '_').then(|| self.text.to_ascii_lowercase())
        }
    }
}

/// Splits SQL into words.
pub fn words(sql: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut line = 1;
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let end_of = |end: &str| rest.get(1..).and_then(|tail| tail.find(end)).map(|at| at + 1 + end.len());
        let length = match first {
            '-' if rest.starts_with("--") => rest.find('\n'),
            '/' if rest.starts_with("/*") => end_of("*/"),
            '\'' => end_of("'"),
            '"' | '`' => end_of(&first.to_string()),
            _ if is_part_of_name(first) => rest.find(|next| !is_part_of_name(next)),
            _ => Some(first.len_utf8()),
        };
        let (word, tail) = rest.split_at_checked(length.unwrap_or(rest.len())).unwrap_or((rest, ""));
        let is_quoted = matches!(first, '"' | '`');
        let is_left_out =
            first.is_whitespace() || first == '\'' || word.starts_with("--") || word.starts_with("/*");
        if !is_left_out {
            let text = if is_quoted { word.trim_matches(first) } else { word };
            words.push(Word { text: text.to_owned(), line, is_quoted });
        }
        line += word.matches('\n').count();
        rest = tail;
    }
    words
}

/// The tables that the words name.
pub fn mentions(words: &[Word], keywords: Keywords) -> Vec<Mention> {
    let mut found = Vec::new();
    let mut rest = words.iter().peekable();
    while let Some(word) = rest.next() {
        let counts = keywords == Keywords::AnyCase || word.text == word.text.to_ascii_uppercase();
        if !(counts && word.is_one_of(&BEFORE_A_TABLE)) {
            continue;
        }
        let mut next = rest.clone().skip_while(|word| word.is_one_of(&BETWEEN)).peekable();
        // More than one only in `FROM a, b AS c, d`.
        while let Some((name, line)) = next.next().and_then(|word| Some((word.name()?, word.line))) {
            let qualified = next.next_if(|word| word.is(".")).and_then(|_| next.next()?.name());
            let (schema, table) = match qualified {
                Some(table) => (Some(name), table),
                None => (None, name),
            };
            // `JOIN a ON b.c = d.e` names columns there, `CREATE INDEX a ON b (c)` a table.
            if !(word.is("ON") && next.peek().is_some_and(|word| word.is_one_of(&["=", "<", ">", "!"]))) {
                found.push(Mention { schema, table, line });
            }
            next.next_if(|word| word.is("AS"));
            next.next_if(|word| word.name().is_some());
            if !word.is("FROM") || next.next_if(|word| word.is(",")).is_none() {
                break;
            }
        }
    }
    found
}

fn is_part_of_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

#[test]
fn tables_are_found_where_syntax_names_them_and_nowhere_else() {
    let sql = r#"
        -- FROM comments
        INSERT INTO a (from_date) SELECT 'FROM text' FROM b AS x, s."C", d ORDER BY one, two;
        UPDATE OR IGNORE e SET f = 1; /* JOIN
        g */ CREATE TABLE IF NOT EXISTS h (i TEXT REFERENCES j (k)); DROP TABLE l;
        select m from N left join o on o.p = q.r
    "#;
    let tables = |keywords| -> Vec<_> {
        mentions(&words(sql), keywords).into_iter().map(|mention| mention.table).collect()
    };
    assert_eq!(tables(Keywords::AnyCase), ["a", "b", "C", "d", "e", "h", "j", "l", "n", "o"]);
    assert_eq!(tables(Keywords::Capitals), ["a", "b", "C", "d", "e", "h", "j", "l"]);
    assert_eq!(words("\n\n x").first().map(|word| word.line), Some(3));
}
