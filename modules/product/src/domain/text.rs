//! Texts that were checked once, where they came in.

use unicode_normalization::UnicodeNormalization as _;

use super::search::fold;

/// Why a text is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidText(pub String);

macro_rules! texts {
    ($($(#[$doc:meta])* $text:ident $least:literal..=$most:literal $lines:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $text(String);

        impl $text {
            /// Takes the text without surrounding white space, in Unicode's composed form.
            ///
            /// # Errors
            /// Why it is not taken.
            pub fn parse(text: &str) -> Result<Self, InvalidText> {
                bounded(text, $least, $most, Lines::$lines).map(Self)
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The text.
            pub fn into_string(self) -> String {
                self.0
            }
        }
    )+};
}

texts! {
    /// Name of a product or a category: one line, 1 to 200 characters.
    Name 1..=200 One;
    /// What sets a variant apart: one line, at most 100 characters, empty when there is only one variant.
    VariantName 0..=100 One;
    /// Description of a product: at most 10 000 characters.
    Description 0..=10_000 Many;
    /// Headline of a review: one line, at most 120 characters.
    ReviewTitle 0..=120 One;
    /// Text of a review: 1 to 5 000 characters.
    ReviewBody 1..=5_000 Many;
    /// Why stock was adjusted: one line, 1 to 200 characters.
    Reason 1..=200 One;
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Lines {
    One,
    Many,
}

fn bounded(text: &str, least: usize, most: usize, lines: Lines) -> Result<String, InvalidText> {
    let text: String = text.trim().nfc().collect();
    let length = text.chars().count();
    if length < least {
        return Err(InvalidText("must not be empty".to_owned()));
    }
    if length > most {
        return Err(InvalidText(format!("must have at most {most} characters, has {length}")));
    }
    let allowed = |c: char| !c.is_control() || (lines == Lines::Many && matches!(c, '\n' | '\r' | '\t'));
    if text.chars().all(allowed) {
        Ok(text)
    } else {
        Err(InvalidText("must not hold control characters".to_owned()))
    }
}

/// Name of a product or category in addresses: lower-case letters and digits in groups joined by single hyphens, at most 100
/// characters. It never looks like an id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slug(String);

/// Stock keeping unit: letters, digits, `-`, `_`, `.`, 1 to 64 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sku(String);

/// Where a picture is: an `https:` or `http:` address, or a path on this shop; at most 2 000 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageUrl(String);

// === impl Slug ===

impl Slug {
    /// Longest slug, in characters.
    pub const LONGEST: usize = 100;

    /// Takes a slug as it is.
    ///
    /// # Errors
    /// Why it is not one.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        let group = |group: &str| {
            !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        if text.len() <= Self::LONGEST && text.split('-').all(group) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidText("must be lower-case letters and digits, joined by single hyphens".to_owned()))
        }
    }

    /// The slug that a name gives: `Café crème, 250 g` gives `cafe-creme-250-g`.
    ///
    /// # Errors
    /// When nothing of the name can stand in a slug.
    pub fn of_name(name: &str) -> Result<Self, InvalidText> {
        let mut slug = String::new();
        for group in fold(name).split(|c: char| !c.is_ascii_alphanumeric()).filter(|group| !group.is_empty())
        {
            if slug.len() + group.len() + 1 > Self::LONGEST {
                break;
            }
            if !slug.is_empty() {
                slug.push('-');
            }
            slug.push_str(group);
        }
        Self::parse(&slug)
    }

    /// A readable name for what only has a slug: `coffee-and-tea` gives `Coffee and tea`.
    pub fn to_name(&self) -> String {
        let spaced = self.0.replace('-', " ");
        let mut letters = spaced.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text.
    pub fn into_string(self) -> String {
        self.0
    }
}

// === impl Sku ===

impl Sku {
    /// Takes a stock keeping unit.
    ///
    /// # Errors
    /// Why it is not one.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidText("must be 1 to 64 letters, digits, '-', '_' or '.'".to_owned()))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text.
    pub fn into_string(self) -> String {
        self.0
    }
}

// === impl ImageUrl ===

impl ImageUrl {
    /// Takes an address.
    ///
    /// # Errors
    /// Why it is not one.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        // Anything else, above all `javascript:`, has no place in a page's image.
        let known = ["https://", "http://", "/"].iter().any(|start| text.starts_with(start));
        if known && text.len() <= 2_000 && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidText("must be an https: or http: address or a path, without spaces".to_owned()))
        }
    }

    /// The text.
    pub fn into_string(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_made_from_a_name() {
        assert_eq!(Slug::of_name("Café crème, 250 g").unwrap().as_str(), "cafe-creme-250-g");
        assert_eq!(Slug::of_name("  Straße № 7 ").unwrap().as_str(), "strasse-no-7");
        assert!(Slug::of_name("茶").is_err());
        assert!(Slug::of_name(&"long ".repeat(100)).unwrap().as_str().len() <= Slug::LONGEST);
    }

    #[test]
    fn what_is_not_a_slug_is_refused() {
        for text in ["", "-", "a--b", "a-", "A", "a_b", "é", &"a".repeat(101)] {
            assert!(Slug::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_name_is_trimmed_composed_and_bounded() {
        assert_eq!(Name::parse("  Cafe\u{301} ").unwrap().as_str(), "Café");
        assert!(Name::parse(" \t ").is_err());
        assert!(Name::parse("two\nlines").is_err());
        assert!(Name::parse(&"é".repeat(200)).is_ok());
        assert!(Name::parse(&"é".repeat(201)).is_err());
        assert!(Description::parse("two\nlines").is_ok());
    }

    #[test]
    fn an_image_is_never_a_script() {
        assert!(ImageUrl::parse("javascript:alert(1)").is_err());
        assert!(ImageUrl::parse("/assets/mug.svg").is_ok());
    }
}
