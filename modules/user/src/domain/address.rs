//! Postal addresses.

use kernel::{Id, IdKind, Timestamp};

use super::text::{line, optional_line};
use super::{Country, Fields, Invalid};

/// Most addresses of one account.
pub(crate) const MOST_ADDRESSES: i64 = 50;

/// Kind of [`AddressId`].
pub enum AddressKind {}

impl IdKind for AddressKind {
    const PREFIX: &'static str = "adr";
}

/// Names an address of an account.
pub type AddressId = Id<AddressKind>;

/// An address as an account keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Names it.
    pub id: AddressId,
    /// Where it is.
    pub place: NewAddress,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Where to send something; every field checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAddress {
    /// Who lives there.
    pub name: String,
    /// Street and number.
    pub line1: String,
    /// Flat, floor, company.
    pub line2: Option<String>,
    /// City.
    pub city: String,
    /// State, province, county.
    pub region: Option<String>,
    /// Postal code.
    pub postal_code: String,
    /// ISO 3166-1 alpha-2, upper case.
    pub country: String,
    /// For the carrier.
    pub phone: Option<String>,
    /// Whether it is the account's default; at most one is.
    pub is_default: bool,
}

/// The fields of an address as they were typed.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "each field is the one of NewAddress")]
pub struct AddressText {
    pub name: String,
    pub line1: String,
    pub line2: Option<String>,
    pub city: String,
    pub region: Option<String>,
    pub postal_code: String,
    pub country: String,
    pub phone: Option<String>,
    pub is_default: bool,
}

/// A change of some fields as it was typed. `Some(None)` clears a field.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "each field is the one of NewAddress")]
pub struct AddressPatch {
    pub name: Option<String>,
    pub line1: Option<String>,
    pub line2: Option<Option<String>>,
    pub city: Option<String>,
    pub region: Option<Option<String>>,
    pub postal_code: Option<String>,
    pub country: Option<String>,
    pub phone: Option<Option<String>>,
    pub is_default: Option<bool>,
}

// === impl NewAddress ===

impl NewAddress {
    /// Checks every field.
    ///
    /// # Errors
    /// Names all that are wrong.
    pub fn parse(typed: &AddressText) -> Result<Self, Invalid> {
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        let mut fields = Fields::default();
        let name = fields.take("name", line(&typed.name, 100));
        let line1 = fields.take("line1", line(&typed.line1, 200));
        let line2 = fields.take("line2", optional_line(&text(&typed.line2), 200));
        let city = fields.take("city", line(&typed.city, 100));
        let region = fields.take("region", optional_line(&text(&typed.region), 100));
        let postal_code = fields.take("postal_code", line(&typed.postal_code, 20));
        let country = fields.take("country", Country::parse(&typed.country));
        let phone = fields.take("phone", optional_line(&text(&typed.phone), 32).and_then(phone_number));
        match (name, line1, line2, city, region, postal_code, country, phone) {
            (
                Some(name),
                Some(line1),
                Some(line2),
                Some(city),
                Some(region),
                Some(postal_code),
                Some(country),
                Some(phone),
            ) => Ok(Self {
                name,
                line1,
                line2,
                city,
                region,
                postal_code,
                country: country.code().to_owned(),
                phone,
                is_default: typed.is_default,
            }),
            _ => Err(fields.invalid()),
        }
    }

    /// This address with some fields changed, checked as a whole.
    ///
    /// # Errors
    /// Names all that are wrong.
    pub fn patched(self, patch: AddressPatch) -> Result<Self, Invalid> {
        Self::parse(&AddressText {
            name: patch.name.unwrap_or(self.name),
            line1: patch.line1.unwrap_or(self.line1),
            line2: patch.line2.unwrap_or(self.line2),
            city: patch.city.unwrap_or(self.city),
            region: patch.region.unwrap_or(self.region),
            postal_code: patch.postal_code.unwrap_or(self.postal_code),
            country: patch.country.unwrap_or(self.country),
            phone: patch.phone.unwrap_or(self.phone),
            is_default: patch.is_default.unwrap_or(self.is_default),
        })
    }
}

fn phone_number(text: Option<String>) -> Result<Option<String>, String> {
    let Some(text) = text else { return Ok(None) };
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let sound = text.chars().all(|c| c.is_ascii_digit() || " +-()/.".contains(c));
    if sound && digits >= 5 { Ok(Some(text)) } else { Err("is not a telephone number".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed() -> AddressText {
        AddressText {
            name: "Ada".to_owned(),
            line1: "1 St James Square".to_owned(),
            city: "London".to_owned(),
            postal_code: "SW1Y 4LB".to_owned(),
            country: "gb".to_owned(),
            phone: Some("+44 20 7946 0000".to_owned()),
            ..AddressText::default()
        }
    }

    #[test]
    fn a_good_address_is_taken_and_its_country_is_in_upper_case() {
        assert_eq!(NewAddress::parse(&typed()).unwrap().country, "GB");
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let bad = AddressText {
            country: "UK".to_owned(),
            phone: Some("call me".to_owned()),
            city: " ".to_owned(),
            ..typed()
        };
        let invalid = NewAddress::parse(&bad).unwrap_err();
        let fields: Vec<_> = invalid.details.iter().filter_map(|detail| detail.field.as_deref()).collect();
        assert_eq!(fields, ["city", "country", "phone"]);
    }

    #[test]
    fn a_patch_changes_what_it_names_and_clears_what_it_nulls() {
        let address = NewAddress::parse(&typed()).unwrap();
        let patch =
            AddressPatch { city: Some("York".to_owned()), phone: Some(None), ..AddressPatch::default() };
        let patched = address.clone().patched(patch).unwrap();
        assert_eq!(patched, NewAddress { city: "York".to_owned(), phone: None, ..address });
    }
}
