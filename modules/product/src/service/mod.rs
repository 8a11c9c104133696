//! What can be done with the catalogue and with stock. The routes and the contract both call this.

mod catalog;
mod categories;
mod export;
mod import;
mod products;
mod purchases;
mod reservations;
mod reviews;
mod sample;
mod stock;
mod variants;

use std::sync::Arc;

use kernel::http::{Cursors, ETag, IfMatch};
use kernel::idempotency::Answer;
use kernel::store::{Store, StoreError};
use order_contract::Orders;
use seam::Handle;

pub use crate::domain::draft;
pub use crate::domain::rating::{Rating, format_hundredths};
pub use crate::domain::search::{Query as SearchWords, parse_query};
pub use crate::domain::status::{ProductStatus, ReviewStatus, VariantStatus};
pub use crate::domain::stock::Stock;
pub use crate::domain::text::{
    Description, ImageUrl, InvalidText, Name, Reason, ReviewBody, ReviewTitle, Sku, Slug, VariantName,
};
pub use crate::domain::{CategoryId, MovementId, ReviewId};
pub use crate::store::catalog::{Filter, Key, ListRow, Listed, Position, Sort};
pub use crate::store::categories::CategoryRow;
pub use crate::store::details::{ProductRef, VariantDetails};
pub use crate::store::movements::MovementRow;
pub use crate::store::products::ProductRow;
pub use crate::store::reviews::ReviewRow;
pub use crate::store::stock::StockRow;
pub use crate::store::variants::VariantRow;
pub use catalog::{CategoryView, ProductPage, VariantAvailability};
pub use import::Imported;
pub use products::StaffProduct;
pub use reviews::{ReviewChange, ReviewDraft};
pub use stock::Adjustment;
pub use variants::StaffVariant;

use crate::error::Error;
use crate::settings::Settings;

/// The use cases of the module. Clones share the store.
#[derive(Clone)]
pub struct Service {
    store: Store,
    orders: Handle<dyn Orders>,
    settings: Arc<Settings>,
}

/// Which version of a thing a change was made for.
#[derive(Clone)]
pub struct Precondition(Arc<dyn Fn(i32) -> bool + Send + Sync>);

/// Makes the answer to an effect from what was done, inside the effect's transaction.
pub type Render<T> = fn(&T) -> Result<Answer, StoreError>;

// === impl Service ===

impl Service {
    pub(crate) fn new(store: Store, orders: Handle<dyn Orders>, settings: Settings) -> Self {
        Self { store, orders, settings: Arc::new(settings) }
    }

    /// The module's store.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Makes and reads the cursors of the module's lists.
    pub fn cursors(&self) -> Cursors {
        Cursors::of(&self.store)
    }

    /// The module's settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}

// === impl Precondition ===

impl Precondition {
    /// Whatever version it has.
    pub fn none() -> Self {
        Self(Arc::new(|_version| true))
    }

    /// Only this version.
    pub fn version(wanted: i32) -> Self {
        Self(Arc::new(move |version| version == wanted))
    }

    pub(crate) fn check(&self, version: i32) -> Result<(), Error> {
        if (self.0)(version) { Ok(()) } else { Err(Error::Changed) }
    }
}

impl From<IfMatch> for Precondition {
    fn from(header: IfMatch) -> Self {
        Self(Arc::new(move |version| header.check(&ETag::of_version(version)).is_ok()))
    }
}
