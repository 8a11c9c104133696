//! E-mail addresses.

/// An e-mail address (RFC 5321, with the letters of RFC 6531), without quoting and comments.
///
/// The domain is kept in lower case. The part before the `@` is kept as it was typed, because only the receiving server may say
/// whether its case counts; but two accounts never differ by case alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    shown: String,
    key: String,
}

const MOST_BYTES: usize = 254;
const MOST_LOCAL_BYTES: usize = 64;
const MOST_LABEL_BYTES: usize = 63;

// === impl Email ===

impl Email {
    /// Reads an address.
    ///
    /// # Errors
    /// Says that it is none.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const WRONG: &str = "is not an e-mail address";
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@').ok_or(WRONG)?;
        let domain = domain.to_lowercase();
        let shown = format!("{local}@{domain}");
        if shown.len() <= MOST_BYTES && is_local_part(local) && is_domain(&domain) {
            Ok(Self { key: shown.to_lowercase(), shown })
        } else {
            Err(WRONG)
        }
    }

    /// The address to write to.
    pub fn as_str(&self) -> &str {
        &self.shown
    }

    /// The form by which addresses are compared.
    pub fn key(&self) -> &str {
        &self.key
    }
}

fn is_local_part(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    let allowed = |c: char| allowed(c) || (!c.is_ascii() && c.is_alphanumeric());
    text.len() <= MOST_LOCAL_BYTES
        && text.split('.').all(|atom| !atom.is_empty() && atom.chars().all(allowed))
}

fn is_domain(text: &str) -> bool {
    let sound = |label: &str| {
        !label.is_empty()
            && label.len() <= MOST_LABEL_BYTES
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    text.contains('.') && text.split('.').all(sound)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_domain_is_lowered_and_the_key_is_lowered_whole() {
        let email = Email::parse("  Ada.Lovelace@Example.ORG ").unwrap();
        assert_eq!((email.as_str(), email.key()), ("Ada.Lovelace@example.org", "ada.lovelace@example.org"));
    }

    #[test]
    fn addresses_in_use_are_taken() {
        for text in ["a@b.co", "o'neil+shop@mail.example.com", "zoë@bücher.example", "x_1%2@a-b.example"] {
            assert!(Email::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("{}@example.org", "x".repeat(65));
        for text in [
            "",
            "@",
            "a@",
            "@b.co",
            "a@b",
            "a b@c.de",
            "a@b..de",
            ".a@b.de",
            "a..b@c.de",
            "a@-b.de",
            "a@b.de\nBcc: c@d.ef",
            "a@b@c.de",
            "<a@b.de>",
            &long,
        ] {
            assert!(Email::parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn reading_again_changes_nothing(text in "[ -~é]{0,12}@[a-zA-Z.-]{0,12}") {
            if let Ok(email) = Email::parse(&text) {
                prop_assert_eq!(Email::parse(email.as_str()), Ok(email.clone()));
                let shouted = Email::parse(&email.as_str().to_uppercase()).unwrap();
                prop_assert_eq!(shouted.key(), email.key());
            }
        }
    }
}
