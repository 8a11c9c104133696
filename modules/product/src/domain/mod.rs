//! The rules of the catalogue and of stock: values and decisions, no I/O.

pub mod category;
pub mod draft;
pub mod price;
pub mod rating;
pub mod search;
pub mod sheet;
pub mod status;
pub mod stock;
pub mod text;

use kernel::{Id, IdKind};

/// Kind of [`CategoryId`].
pub enum CategoryKind {}
impl IdKind for CategoryKind {
    const PREFIX: &'static str = "cat";
}
/// Names a category.
pub type CategoryId = Id<CategoryKind>;

/// Kind of [`ReviewId`].
pub enum ReviewKind {}
impl IdKind for ReviewKind {
    const PREFIX: &'static str = "rev";
}
/// Names a review.
pub type ReviewId = Id<ReviewKind>;

/// Kind of [`MovementId`].
pub enum MovementKind {}
impl IdKind for MovementKind {
    const PREFIX: &'static str = "mov";
}
/// Names an entry of the stock ledger.
pub type MovementId = Id<MovementKind>;
