//! Full-text search without an engine's own index: what a product is found by, and what a query asks for.
//!
//! A text is folded (lower case, no diacritics), split into words, and each word counts in two forms: as it stands and as its English
//! stem. A query's words are found by their stem, and the last one, which may still be being typed, also by its beginning.

use std::collections::{BTreeMap, BTreeSet};

use rust_stemmers::{Algorithm, Stemmer};
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation as _;

use super::text::InvalidText;

/// What a word is worth by where it stands.
const NAME: i32 = 8;
const CATEGORY: i32 = 4;
const SKU: i32 = 4;
const DESCRIPTION: i32 = 1;

/// Most words of a query.
const MOST_WORDS: usize = 12;
/// Longest query and longest word, in characters.
const LONGEST_QUERY: usize = 200;
const LONGEST_WORD: usize = 64;

/// Words that say nothing about a product.
const STOP_WORDS: [&str; 14] =
    ["a", "an", "and", "at", "by", "for", "from", "in", "is", "of", "on", "the", "to", "with"];

/// What is searched of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Document<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its category's name; empty without one.
    pub category: &'a str,
    /// The stock keeping units of its variants.
    pub skus: &'a [String],
    /// Its description.
    pub description: &'a str,
}

/// A query of at least one word, all of which must be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Stems of the words before the last.
    pub stems: Vec<String>,
    /// Stem of the last word.
    pub last_stem: String,
    /// The last word as it stands: any word that begins so is found.
    pub last_prefix: String,
}

/// The terms by which a product is found, with their weights. A term counts once for each place it stands in.
pub fn terms(document: &Document<'_>) -> BTreeMap<String, i32> {
    let stemmer = Stemmer::create(Algorithm::English);
    let skus = document.skus.join(" ");
    let places = [
        (document.name, NAME),
        (document.category, CATEGORY),
        (skus.as_str(), SKU),
        (document.description, DESCRIPTION),
    ];
    let mut weights = BTreeMap::new();
    for (text, weight) in places {
        let mut here = BTreeSet::new();
        for word in words(text).filter(|word| !is_stop_word(word)) {
            here.insert(stemmer.stem(&word).into_owned());
            here.insert(word);
        }
        for term in here {
            *weights.entry(term).or_insert(0) += weight;
        }
    }
    weights
}

/// Reads a query; `None` when there is no word in it.
///
/// # Errors
/// When it is too long.
pub fn parse_query(text: &str) -> Result<Option<Query>, InvalidText> {
    if text.chars().count() > LONGEST_QUERY {
        return Err(InvalidText(format!("must have at most {LONGEST_QUERY} characters")));
    }
    let mut all: Vec<String> = words(text).collect();
    if all.len() > MOST_WORDS {
        return Err(InvalidText(format!("must have at most {MOST_WORDS} words")));
    }
    if all.iter().any(|word| !is_stop_word(word)) {
        all.retain(|word| !is_stop_word(word));
    }
    let Some(last) = all.pop() else { return Ok(None) };
    let stemmer = Stemmer::create(Algorithm::English);
    let stems: BTreeSet<String> = all.iter().map(|word| stemmer.stem(word).into_owned()).collect();
    Ok(Some(Query {
        stems: stems.into_iter().collect(),
        last_stem: stemmer.stem(&last).into_owned(),
        last_prefix: last,
    }))
}

/// A text in which only letters and digits that matter differ: lower case, compatibility forms resolved, no diacritics.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for letter in text.nfkd().flat_map(char::to_lowercase).nfkd().filter(|c| !is_combining_mark(*c)) {
        // Letters that are their own in Unicode, but that people type without the stroke.
        match letter {
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'ø' => folded.push('o'),
            'ł' => folded.push('l'),
            'đ' => folded.push('d'),
            'ı' => folded.push('i'),
            _ => folded.push(letter),
        }
    }
    folded
}

fn words(text: &str) -> impl Iterator<Item = String> + use<> {
    let words: Vec<String> = fold(text)
        .unicode_words()
        .map(|word| word.chars().filter(|c| *c != '\'' && *c != '\u{2019}').take(LONGEST_WORD).collect())
        .collect();
    words.into_iter()
}

fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.contains(&word)
}

impl Query {
    /// What sorts directly behind every term that begins with [`Query::last_prefix`]: no character follows U+10FFFF.
    pub fn behind_prefix(&self) -> String {
        format!("{}\u{10FFFF}", self.last_prefix)
    }

    /// Whether `term` is one that the query counts. The store asks the same in SQL.
    #[cfg(test)]
    fn hits(&self, term: &str) -> bool {
        self.stems.iter().any(|stem| stem == term)
            || term == self.last_stem
            || (self.last_prefix.as_str()..self.behind_prefix().as_str()).contains(&term)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mug() -> BTreeMap<String, i32> {
        terms(&Document {
            name: "Café mugs",
            category: "Tableware",
            skus: &["MUG-RED-01".to_owned()],
            description: "A mug for running late with crème brûlée.",
        })
    }

    #[test]
    fn a_term_is_worth_the_sum_of_the_places_it_stands_in() {
        let terms = mug();
        assert_eq!(terms.get("cafe"), Some(&NAME));
        assert_eq!(terms.get("mug"), Some(&(NAME + SKU + DESCRIPTION)));
        assert_eq!(terms.get("mugs"), Some(&NAME));
        assert_eq!(terms.get("brulee"), Some(&DESCRIPTION));
        assert_eq!(terms.get("with"), None);
    }

    #[test]
    fn words_are_found_by_their_stem_and_the_last_one_by_its_beginning() {
        let terms = mug();
        for found in ["mugs", "RUNNING mug", "run", "runni", "CAFE\u{301}", "brul", "mug-red"] {
            let query = parse_query(found).unwrap().unwrap();
            let all = query.stems.iter().all(|stem| terms.contains_key(stem));
            assert!(all && terms.keys().any(|term| query.hits(term)), "{found}");
        }
        for missed in ["muger", "teapot", "ca mug"] {
            let query = parse_query(missed).unwrap().unwrap();
            let all = query.stems.iter().all(|stem| terms.contains_key(stem));
            assert!(!all || !terms.keys().any(|term| query.hits(term)), "{missed}");
        }
    }

    #[test]
    fn a_query_without_a_word_asks_for_nothing() {
        assert_eq!(parse_query(" !? "), Ok(None));
        assert!(parse_query("the").unwrap().is_some(), "a lone stop word may begin another word");
        assert!(parse_query(&"tea ".repeat(13)).is_err());
        assert!(parse_query(&"t".repeat(201)).is_err());
    }

    proptest! {
        #[test]
        fn folding_is_final(text in ".{0,60}") {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }

        #[test]
        fn a_product_is_found_by_each_word_of_its_name(name in "[a-zA-ZÀ-ž]{1,12}( [a-zA-ZÀ-ž]{1,12}){0,4}") {
            let terms = terms(&Document { name: &name, category: "", skus: &[], description: "" });
            for word in name.split(' ') {
                let Some(query) = parse_query(word).unwrap() else { continue };
                prop_assert!(
                    is_stop_word(&query.last_prefix) || terms.keys().any(|term| query.hits(term)),
                    "{} in {}", word, name
                );
            }
        }
    }
}
