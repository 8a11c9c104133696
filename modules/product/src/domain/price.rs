//! Prices as decimal text, without floating point.

use kernel::money::MAX_AMOUNT;
use kernel::{Currency, Money};

use super::text::InvalidText;

/// Reads `19.99` as 1999 minor units of EUR, `1999` as as many of JPY. A point, at most as many decimals as the currency has, no
/// sign, no separators.
///
/// # Errors
/// Why it is not a price in that currency.
pub fn parse_decimal(text: &str, currency: Currency) -> Result<i64, InvalidText> {
    let malformed = || InvalidText("must be a decimal number such as 19.99".to_owned());
    let (whole, fraction) = match text.split_once('.') {
        Some((_, "")) => return Err(malformed()),
        Some((whole, fraction)) => (whole, fraction),
        None => (text, ""),
    };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return Err(malformed());
    }
    let exponent = usize::try_from(currency.exponent()).unwrap_or(0);
    let missing = exponent
        .checked_sub(fraction.len())
        .ok_or_else(|| InvalidText(format!("{currency} has {exponent} decimals")))?;
    let minor = format!("{whole}{fraction}{}", "0".repeat(missing));
    match minor.parse::<i64>() {
        Ok(amount) if amount <= MAX_AMOUNT => Ok(amount),
        _ => Err(InvalidText("is too large".to_owned())),
    }
}

/// Writes an amount as [`parse_decimal`] reads it.
pub fn format_decimal(price: Money) -> String {
    let text = price.to_string();
    // `19.99 EUR`: the number stands before the space.
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// Takes an amount that something may cost: not negative, not beyond what JSON clients can hold.
///
/// # Errors
/// Why it is not one.
pub fn parse_amount(amount: i64) -> Result<i64, InvalidText> {
    if (0..=MAX_AMOUNT).contains(&amount) {
        Ok(amount)
    } else {
        Err(InvalidText(format!("must be from 0 to {MAX_AMOUNT} minor units")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_price_survives_as_text(amount in 0..=MAX_AMOUNT, code in prop::sample::select(vec!["EUR", "JPY", "KWD"])) {
            let currency: Currency = code.parse().unwrap();
            prop_assert_eq!(parse_decimal(&format_decimal(Money::new(amount, currency)), currency), Ok(amount));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,30}") {
            if let Ok(amount) = parse_decimal(&text, Currency::EUR) {
                prop_assert!((0..=MAX_AMOUNT).contains(&amount));
            }
        }
    }

    #[test]
    fn decimals_follow_the_currency() {
        let jpy = "JPY".parse().unwrap();
        assert_eq!(parse_decimal("19.9", Currency::EUR), Ok(1990));
        assert_eq!(parse_decimal("0", Currency::EUR), Ok(0));
        assert_eq!(parse_decimal("1999", jpy), Ok(1999));
        assert!(parse_decimal("19.99", jpy).is_err());
    }

    #[test]
    fn anything_but_a_plain_decimal_is_refused() {
        for text in
            ["", ".", "1.", ".5", "-1", "+1", "1,50", "1e3", "1 000", "1.999", "99999999999999999", "１"]
        {
            assert!(parse_decimal(text, Currency::EUR).is_err(), "{text:?}");
        }
    }
}
