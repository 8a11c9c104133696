//! Short texts that people type.

/// How to address a person: 1 to 100 characters, no control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonName(String);

/// What a browser calls itself, cut to 200 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserAgent(String);

/// Trims `text` and checks that `1..=most` characters are left, none of which is a control character.
pub(super) fn line(text: &str, most: usize) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("must not be empty".to_owned());
    }
    if text.chars().count() > most {
        return Err(format!("must have at most {most} characters"));
    }
    if text.chars().any(char::is_control) {
        return Err("must not have control characters".to_owned());
    }
    Ok(text.to_owned())
}

/// As [`line`], where nothing but space counts as absent.
pub(super) fn optional_line(text: &str, most: usize) -> Result<Option<String>, String> {
    if text.trim().is_empty() { Ok(None) } else { line(text, most).map(Some) }
}

// === impl PersonName ===

impl PersonName {
    /// Reads a name.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        line(text, 100).map(Self)
    }

    /// The name, without space around it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form that is searched.
    pub(crate) fn key(&self) -> String {
        self.0.to_lowercase()
    }
}

// === impl UserAgent ===

impl UserAgent {
    /// Takes a header as it comes.
    pub fn of_header(text: &str) -> Self {
        Self(text.chars().filter(|c| !c.is_control()).take(200).collect())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_trimmed_and_counted_in_characters() {
        assert_eq!(PersonName::parse("  Zoë  ").unwrap().as_str(), "Zoë");
        assert!(PersonName::parse(&"é".repeat(100)).is_ok());
        for bad in ["", "   ", "a\nb", &"x".repeat(101)] {
            assert!(PersonName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_absent_line_and_an_empty_one_are_the_same() {
        assert_eq!(optional_line("  ", 5), Ok(None));
        assert_eq!(optional_line(" a ", 5), Ok(Some("a".to_owned())));
    }
}
