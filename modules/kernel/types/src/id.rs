//! Identifiers: a three-letter prefix and a UUIDv7 (RFC 9562) in Crockford base32, as in
//! `prd_06fgz1v8q5x7k3m2n9r4t0w1ya`.
//!
//! They sort by creation time, say what they name, and cannot be mistaken for one another: an [`Id`] of one
//! kind is a different type from an `Id` of another. The text form is kept inline, so an id is `Copy` and
//! is bound to a query or written to JSON without allocating.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

/// Length of an id's text: prefix (3), underscore, 26 base32 digits.
pub const ID_LENGTH: usize = 30;
const DIGITS: usize = 26;
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// What an [`Id`] names. Implemented by an empty type per kind of thing.
pub trait IdKind: 'static {
    /// Exactly three lower-case ASCII letters.
    const PREFIX: &'static str;
}

/// An identifier of one kind of thing.
#[cfg_attr(feature = "diesel", derive(diesel::expression::AsExpression, diesel::deserialize::FromSqlRow))]
#[cfg_attr(feature = "diesel", diesel(sql_type = diesel::sql_types::Text))]
pub struct Id<K: IdKind> {
    text: [u8; ID_LENGTH],
    kind: PhantomData<fn() -> K>,
}

/// The text is not an id of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an id of the form {prefix}_ and 26 base32 digits")]
pub struct InvalidId {
    /// The prefix that was expected.
    pub prefix: &'static str,
}

// === impl Id ===

impl<K: IdKind> Id<K> {
    /// A fresh id. Ids made by one process are strictly increasing.
    pub fn new() -> Self {
        Self::from_uuid(Uuid::now_v7())
    }

    /// The id of what is at `url`, always the same (UUIDv5, RFC 9562, 5.5). It does not sort by time.
    pub fn of_url(url: &str) -> Self {
        Self::from_uuid(Uuid::new_v5(&Uuid::NAMESPACE_URL, url.as_bytes()))
    }

    /// The id whose number is `uuid`.
    pub fn from_uuid(uuid: Uuid) -> Self {
        let mut text = [b'_'; ID_LENGTH];
        for (to, from) in text.iter_mut().zip(K::PREFIX.bytes()) {
            *to = from;
        }
        let number = uuid.as_u128();
        for (place, to) in text.iter_mut().rev().take(DIGITS).enumerate() {
            let shift = u32::try_from(place * 5).unwrap_or(0);
            let digit = usize::try_from((number >> shift) & 31).unwrap_or(0);
            *to = ALPHABET.get(digit).copied().unwrap_or(b'0');
        }
        Self { text, kind: PhantomData }
    }

    /// The text form.
    pub fn as_str(&self) -> &str {
        // The constructor only ever writes ASCII, so the fallback is not reached.
        std::str::from_utf8(&self.text).unwrap_or_default()
    }
}

impl<K: IdKind> Default for Id<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: IdKind> FromStr for Id<K> {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidId { prefix: K::PREFIX };
        let digits =
            text.strip_prefix(K::PREFIX).and_then(|rest| rest.strip_prefix('_')).ok_or_else(invalid)?;
        if digits.len() != DIGITS {
            return Err(invalid());
        }
        let mut number: u128 = 0;
        for byte in digits.bytes() {
            let digit = ALPHABET.iter().position(|d| *d == byte).ok_or_else(invalid)?;
            let digit = u128::try_from(digit).map_err(|_out_of_range| invalid())?;
            number = number.checked_mul(32).and_then(|n| n.checked_add(digit)).ok_or_else(invalid)?;
        }
        Ok(Self::from_uuid(Uuid::from_u128(number)))
    }
}

impl<K: IdKind> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K: IdKind> Copy for Id<K> {}

impl<K: IdKind> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl<K: IdKind> Eq for Id<K> {}

impl<K: IdKind> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K: IdKind> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

impl<K: IdKind> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl<K: IdKind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<K: IdKind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<K: IdKind> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de, K: IdKind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl<K: IdKind> utoipa::PartialSchema for Id<K> {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .pattern(Some(format!("^{}_[0-9a-hjkmnp-tv-z]{{26}}$", K::PREFIX)))
            .examples([
                Self::from_uuid(Uuid::from_u128(0x019a_b1c2_d3e4_7f00_8000_0000_0000_0001)).to_string()
            ])
            .into()
    }
}

impl<K: IdKind> utoipa::ToSchema for Id<K> {
    fn name() -> std::borrow::Cow<'static, str> {
        std::borrow::Cow::Owned(format!("Id_{}", K::PREFIX))
    }
}

#[cfg(feature = "diesel")]
mod columns {
    use diesel::backend::Backend;
    use diesel::deserialize::{self, FromSql};
    use diesel::serialize::{self, Output, ToSql};
    use diesel::sql_types::Text;

    use super::{Id, IdKind};

    impl<K: IdKind, DB: Backend> ToSql<Text, DB> for Id<K>
    where
        str: ToSql<Text, DB>,
    {
        fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
            self.as_str().to_sql(out)
        }
    }

    impl<K: IdKind, DB: Backend> FromSql<Text, DB> for Id<K>
    where
        String: FromSql<Text, DB>,
    {
        fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
            Ok(String::from_sql(bytes)?.parse()?)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    enum Thing {}
    impl IdKind for Thing {
        const PREFIX: &'static str = "thg";
    }

    proptest! {
        #[test]
        fn text_and_number_are_the_same_id(number: u128) {
            let id = Id::<Thing>::from_uuid(Uuid::from_u128(number));
            prop_assert_eq!(id.as_str().parse::<Id<Thing>>().unwrap(), id);
        }

        #[test]
        fn text_sorts_like_the_number(a: u128, b: u128) {
            let (x, y) = (Id::<Thing>::from_uuid(Uuid::from_u128(a)), Id::<Thing>::from_uuid(Uuid::from_u128(b)));
            prop_assert_eq!(x.as_str().cmp(y.as_str()), a.cmp(&b));
        }

        #[test]
        fn nothing_else_parses(text in ".{0,40}") {
            if let Ok(id) = text.parse::<Id<Thing>>() {
                prop_assert_eq!(id.as_str(), text.as_str());
            }
        }
    }

    #[test]
    fn a_number_over_128_bits_is_refused() {
        assert!(format!("thg_{}", "z".repeat(26)).parse::<Id<Thing>>().is_err());
    }

    #[test]
    fn an_id_of_another_kind_is_refused() {
        let text = Id::<Thing>::new().to_string().replace("thg", "usr");
        assert!(text.parse::<Id<Thing>>().is_err());
    }
}
