//! The rules of stock. What is held cannot be sold again, what has left is written down, and nothing is ever below zero.

use std::collections::BTreeMap;

use kernel::VariantId;
use product_contract::{ProductError, ReserveLine, Shortage};

use super::status::ReservationState;

/// Most lines of a reservation.
pub const MOST_LINES: usize = 100;
/// Most units that are held, moved or in the house at once.
pub const MOST_UNITS: i64 = 1_000_000_000;

/// Stock of one variant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stock {
    /// Units in the house.
    pub on_hand: i64,
    /// Units of them that are held.
    pub reserved: i64,
}

/// Lines of a reservation, by variant: the order in which stock is always changed, so that two changes never wait for each
/// other crosswise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lines(BTreeMap<VariantId, i64>);

/// What a request to reserve leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnReserve {
    /// A hold is to be made.
    Hold,
    /// It was made before.
    Already,
}

/// What a request to commit leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnCommit {
    /// The held units leave.
    Ship,
    /// They left before.
    Already,
}

/// What a request to release leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnRelease {
    /// Nothing is known of it: remember that it must not be made any more.
    Bury,
    /// The held units are free.
    Free,
    /// The units that had left are back.
    Restock,
    /// It was released before.
    Already,
}

// === impl Stock ===

impl Stock {
    /// Units that can be held now.
    pub fn available(self) -> i64 {
        self.on_hand.saturating_sub(self.reserved)
    }

    /// The stock after `delta` units came or went; `None` when what is held would not be covered any more, or it would be too much.
    pub fn adjusted(self, delta: i64) -> Option<Self> {
        let on_hand = self.on_hand.checked_add(delta)?;
        (self.reserved..=MOST_UNITS).contains(&on_hand).then_some(Self { on_hand, ..self })
    }

    /// The stock with `quantity` more units held, or how many there are.
    ///
    /// # Errors
    /// How many units could be held.
    pub fn hold(self, quantity: i64) -> Result<Self, i64> {
        if quantity <= self.available() {
            Ok(Self { reserved: self.reserved.saturating_add(quantity), ..self })
        } else {
            Err(self.available())
        }
    }
}

// === impl Lines ===

impl Lines {
    /// Takes the lines of a request.
    ///
    /// # Errors
    /// [`ProductError::Invalid`] for no line, a variant twice, or a quantity that is none.
    pub fn parse(lines: &[ReserveLine]) -> Result<Self, ProductError> {
        let invalid = |reason: String| Err(ProductError::Invalid { reason });
        if lines.is_empty() || lines.len() > MOST_LINES {
            return invalid(format!("a reservation has 1 to {MOST_LINES} lines"));
        }
        let mut by_variant = BTreeMap::new();
        for line in lines {
            if !(1..=MOST_UNITS).contains(&line.quantity) {
                return invalid(format!("{} units cannot be held", line.quantity));
            }
            if by_variant.insert(line.variant_id, line.quantity).is_some() {
                return invalid(format!("{} stands in two lines", line.variant_id));
            }
        }
        Ok(Self(by_variant))
    }

    /// Lines as they were stored.
    pub fn stored(lines: impl IntoIterator<Item = (VariantId, i64)>) -> Self {
        Self(lines.into_iter().collect())
    }

    /// The lines, by ascending variant.
    pub fn iter(&self) -> impl Iterator<Item = (VariantId, i64)> + '_ {
        self.0.iter().map(|(variant, quantity)| (*variant, *quantity))
    }

    /// The variants, ascending.
    pub fn variants(&self) -> Vec<VariantId> {
        self.0.keys().copied().collect()
    }

    /// The lines that `stock` does not cover.
    pub fn shortages(&self, stock: &BTreeMap<VariantId, Stock>) -> Vec<Shortage> {
        self.iter()
            .filter_map(|(variant_id, requested)| {
                let available = stock.get(&variant_id).copied().unwrap_or_default().hold(requested).err()?;
                Some(Shortage { variant_id, requested, available })
            })
            .collect()
    }
}

// === Decisions ===

/// What to do about a request to reserve, by what is known under its id.
///
/// # Errors
/// [`ProductError::ReservationGone`] when it was released, [`ProductError::Invalid`] when the id names other lines.
pub fn on_reserve(
    known: Option<(ReservationState, &Lines)>,
    wanted: &Lines,
) -> Result<OnReserve, ProductError> {
    match known {
        None => Ok(OnReserve::Hold),
        Some((ReservationState::Released, _)) => Err(ProductError::ReservationGone),
        Some((ReservationState::Held | ReservationState::Committed, lines)) if lines == wanted => {
            Ok(OnReserve::Already)
        }
        Some(_) => {
            Err(ProductError::Invalid { reason: "the reservation was made for other lines".to_owned() })
        }
    }
}

/// What to do about a request to commit. A hold that ran out still counts while nobody has taken its units.
///
/// # Errors
/// [`ProductError::ReservationGone`] when nothing is held under the id.
pub fn on_commit(known: Option<ReservationState>) -> Result<OnCommit, ProductError> {
    match known {
        Some(ReservationState::Held) => Ok(OnCommit::Ship),
        Some(ReservationState::Committed) => Ok(OnCommit::Already),
        Some(ReservationState::Released) | None => Err(ProductError::ReservationGone),
    }
}

/// What to do about a request to release; there is always something that makes it true.
pub fn on_release(known: Option<ReservationState>) -> OnRelease {
    match known {
        None => OnRelease::Bury,
        Some(ReservationState::Held) => OnRelease::Free,
        Some(ReservationState::Committed) => OnRelease::Restock,
        Some(ReservationState::Released) => OnRelease::Already,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(quantity: i64) -> ReserveLine {
        ReserveLine { variant_id: VariantId::new(), quantity }
    }

    proptest! {
        #[test]
        fn stock_never_falls_below_what_is_held(
            on_hand in 0..=MOST_UNITS, share in 0_i64..=100, quantity in 1..=MOST_UNITS, delta: i64,
        ) {
            let stock = Stock { on_hand, reserved: on_hand / 100 * share };
            if let Some(after) = stock.adjusted(delta) {
                prop_assert!(after.on_hand >= after.reserved && after.available() >= 0);
            }
            match stock.hold(quantity) {
                Ok(after) => prop_assert!(after.reserved <= after.on_hand),
                Err(available) => prop_assert!(available < quantity),
            }
        }
    }

    #[test]
    fn lines_that_break_the_contract_are_refused() {
        let twice = line(1);
        for lines in [vec![], vec![line(0)], vec![line(-1)], vec![line(i64::MAX)], vec![twice, twice]] {
            assert!(matches!(Lines::parse(&lines), Err(ProductError::Invalid { .. })), "{lines:?}");
        }
        let many: Vec<_> = (0..=MOST_LINES).map(|_| line(1)).collect();
        assert!(Lines::parse(&many).is_err());
    }

    #[test]
    fn the_same_request_is_the_same_hold_and_another_one_is_refused() {
        let (lines, other) = (Lines::parse(&[line(2)]).unwrap(), Lines::parse(&[line(2)]).unwrap());
        for state in [ReservationState::Held, ReservationState::Committed] {
            assert_eq!(on_reserve(Some((state, &lines)), &lines), Ok(OnReserve::Already));
            assert!(matches!(on_reserve(Some((state, &lines)), &other), Err(ProductError::Invalid { .. })));
        }
        let released = on_reserve(Some((ReservationState::Released, &lines)), &lines);
        assert_eq!(released, Err(ProductError::ReservationGone));
    }

    #[test]
    fn every_shortage_is_told_at_once() {
        let lines = Lines::parse(&[line(2), line(1)]).unwrap();
        let shortages = lines.shortages(&BTreeMap::new());
        assert_eq!(shortages.len(), 2);
        assert!(shortages.iter().all(|short| short.available == 0));
    }
}
