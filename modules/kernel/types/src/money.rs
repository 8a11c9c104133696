//! Amounts of money: integer minor units and a currency. No floating point anywhere.

use serde::{Deserialize, Serialize};

use crate::Currency;

/// Largest magnitude of an amount: what a JSON client in ECMAScript can hold exactly (2^53 - 1).
pub const MAX_AMOUNT: i64 = (1 << 53) - 1;

/// An amount in minor units (cents for EUR, yen for JPY) of one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// Minor units: 1999 is 19.99 EUR, or 1999 JPY.
    #[schema(example = 1999)]
    pub amount: i64,
    /// ISO 4217 code.
    pub currency: Currency,
}

/// Arithmetic that would lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The two amounts are in different currencies.
    #[error("amounts are in {left} and {right}")]
    CurrencyMismatch {
        /// Currency of the left amount.
        left: Currency,
        /// Currency of the right amount.
        right: Currency,
    },
    /// The result is larger than [`MAX_AMOUNT`].
    #[error("the amount is larger than can be represented")]
    Overflow,
    /// Nothing to divide the amount over.
    #[error("an amount cannot be divided over no weight")]
    NoWeight,
}

// === impl Money ===

impl Money {
    /// `amount` minor units of `currency`.
    pub const fn new(amount: i64, currency: Currency) -> Self {
        Self { amount, currency }
    }

    /// Nothing, in `currency`.
    pub const fn zero(currency: Currency) -> Self {
        Self::new(0, currency)
    }

    /// Whether this is nothing at all.
    pub const fn is_zero(self) -> bool {
        self.amount == 0
    }

    /// Sum of two amounts of one currency.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        self.bounded(self.amount.checked_add(other.amount))
    }

    /// Difference of two amounts of one currency.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        self.bounded(self.amount.checked_sub(other.amount))
    }

    /// This amount `times` over.
    pub fn checked_mul(self, times: i64) -> Result<Self, MoneyError> {
        self.bounded(self.amount.checked_mul(times))
    }

    /// Sum of amounts that are all in `currency`.
    pub fn sum(currency: Currency, amounts: impl IntoIterator<Item = Self>) -> Result<Self, MoneyError> {
        amounts.into_iter().try_fold(Self::zero(currency), Self::checked_add)
    }

    /// Divides the amount in proportion to `weights` so that the parts sum to exactly the whole: each part is
    /// rounded down and the units left over go to the largest remainders, the earlier part first on a tie.
    pub fn allocate(self, weights: &[u32]) -> Result<Vec<Self>, MoneyError> {
        let total: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
        if total == 0 {
            return Err(MoneyError::NoWeight);
        }
        let amount = i128::from(self.amount);
        let mut parts: Vec<(usize, i128, i128)> = weights
            .iter()
            .enumerate()
            .map(|(place, weight)| {
                let share = amount * i128::from(*weight);
                (place, share.div_euclid(total), share.rem_euclid(total))
            })
            .collect();
        let left_over = amount - parts.iter().map(|(_, part, _)| part).sum::<i128>();
        parts.sort_by(|a, b| b.2.cmp(&a.2).then(a.0.cmp(&b.0)));
        for (_, part, _) in parts.iter_mut().take(usize::try_from(left_over).unwrap_or(0)) {
            *part += 1;
        }
        parts.sort_by_key(|(place, _, _)| *place);
        parts.into_iter().map(|(_, part, _)| self.bounded(i64::try_from(part).ok())).collect()
    }

    fn same_currency(self, other: Self) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            return Ok(());
        }
        Err(MoneyError::CurrencyMismatch { left: self.currency, right: other.currency })
    }

    fn bounded(self, amount: Option<i64>) -> Result<Self, MoneyError> {
        match amount {
            Some(amount) if amount.abs() <= MAX_AMOUNT => Ok(Self::new(amount, self.currency)),
            _ => Err(MoneyError::Overflow),
        }
    }
}

impl std::fmt::Display for Money {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let exponent = self.currency.exponent();
        let sign = if self.amount < 0 { "-" } else { "" };
        let unit = 10_u64.pow(exponent);
        let magnitude = self.amount.unsigned_abs();
        match usize::try_from(exponent).unwrap_or(0) {
            0 => write!(f, "{sign}{magnitude} {}", self.currency),
            width => write!(f, "{sign}{}.{:0width$} {}", magnitude / unit, magnitude % unit, self.currency),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const JPY: &str = "JPY";

    proptest! {
        #[test]
        fn parts_of_an_allocation_sum_to_the_whole(
            amount in -MAX_AMOUNT..=MAX_AMOUNT,
            weights in prop::collection::vec(0_u32..1_000_000, 1..20),
        ) {
            prop_assume!(weights.iter().any(|weight| *weight > 0));
            let whole = Money::new(amount, Currency::EUR);
            let parts = whole.allocate(&weights).unwrap();
            prop_assert_eq!(parts.len(), weights.len());
            prop_assert_eq!(parts.iter().map(|p| i128::from(p.amount)).sum::<i128>(), i128::from(amount));
            for (part, weight) in parts.iter().zip(&weights) {
                prop_assert!(*weight > 0 || part.is_zero());
            }
        }

        #[test]
        fn adding_and_taking_away_is_nothing(a in -MAX_AMOUNT/2..MAX_AMOUNT/2, b in -MAX_AMOUNT/2..MAX_AMOUNT/2) {
            let (x, y) = (Money::new(a, Currency::EUR), Money::new(b, Currency::EUR));
            prop_assert_eq!(x.checked_add(y).unwrap().checked_sub(y).unwrap(), x);
        }
    }

    #[test]
    fn currencies_do_not_mix() {
        let error = Money::new(1, Currency::EUR).checked_add(Money::new(1, Currency::USD));
        assert_eq!(error, Err(MoneyError::CurrencyMismatch { left: Currency::EUR, right: Currency::USD }));
    }

    #[test]
    fn overflow_is_an_error_and_not_a_wrap() {
        let most = Money::new(MAX_AMOUNT, Currency::EUR);
        assert_eq!(most.checked_add(Money::new(1, Currency::EUR)), Err(MoneyError::Overflow));
        assert_eq!(most.checked_mul(i64::MAX), Err(MoneyError::Overflow));
    }

    #[test]
    fn text_form_places_the_decimals_of_the_currency() {
        assert_eq!(Money::new(1999, Currency::EUR).to_string(), "19.99 EUR");
        assert_eq!(Money::new(-5, Currency::EUR).to_string(), "-0.05 EUR");
        assert_eq!(Money::new(1999, JPY.parse().unwrap()).to_string(), "1999 JPY");
    }
}
