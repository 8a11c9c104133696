//! The catalogue as a file: comma-separated values (RFC 4180) in UTF-8, one line for each price of a variant.
//!
//! | column | meaning |
//! |---|---|
//! | `product_slug` | names the product: one that exists is changed, another is made |
//! | `product_name`, `description` | texts of the product |
//! | `category_slug` | where it stands, as a path such as `kitchen/coffee`; what is missing of the path is made; empty: nowhere |
//! | `sku` | names the variant: one that exists is changed, another is made |
//! | `variant_name` | what sets the variant apart; empty when there is only one |
//! | `price`, `currency` | a price as decimal text, and its ISO 4217 code; both empty: no price. Further prices of a variant stand on further lines |
//! | `stock` | opening stock of a variant that is made, empty for none. For one that exists it is not looked at, so that yesterday's file does not undo today's sales |
//! | `status` | of the product: `draft`, `active` or `archived` |
//! | `variant_status` | optional column: `active` (also when empty) or `archived` |
//! | `image_url` | optional column: the product's picture |
//!
//! Columns may stand in any order; an unknown one is refused. What is said more than once (a product's name on the lines of its
//! variants) must be said alike. Products and prices that the file does not name stay as they are.

mod group;
mod read;
mod records;
mod write;

use std::collections::HashMap;

use kernel::{Detail, Money};

use super::status::{ProductStatus, VariantStatus};
use super::text::{Description, ImageUrl, Name, Sku, Slug, VariantName};

pub use read::read;
pub use write::{Line, SheetWriter};

/// Most mistakes that are told of one file.
pub const MOST_PROBLEMS: usize = 100;

/// A file that was read.
#[derive(Debug)]
pub struct Sheet {
    /// Its products, in the order in which they first stand in it.
    pub products: Vec<SheetProduct>,
    columns: Columns,
}

/// A product of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SheetProduct {
    /// The line on which it first stands.
    pub line: u64,
    /// Names it.
    pub slug: Slug,
    /// Its name.
    pub name: Name,
    /// Its description.
    pub description: Description,
    /// Path of its category, from the top.
    pub category: Vec<Slug>,
    /// Whether it is in the shop.
    pub status: ProductStatus,
    /// Its picture. `None` when the file has no column for it.
    pub image_url: Option<Option<ImageUrl>>,
    /// Its variants, in the order in which they first stand in the file.
    pub variants: Vec<SheetVariant>,
}

/// A variant of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SheetVariant {
    /// The line on which it first stands.
    pub line: u64,
    /// Names it.
    pub sku: Sku,
    /// What sets it apart.
    pub name: VariantName,
    /// Whether it is on sale. `None` when the file has no column for it.
    pub status: Option<VariantStatus>,
    /// Opening stock.
    pub stock: i64,
    /// Its prices, one for each currency.
    pub prices: Vec<Money>,
}

macro_rules! columns {
    ($($column:ident $name:literal,)+) => {
        /// A column.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Column {
            $(#[doc = concat!("`", $name, "`")] $column,)+
        }

        impl Column {
            /// Every column, in the order in which a file is written.
            pub const ALL: [Self; 12] = [$(Self::$column,)+];

            /// Its name in the header.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$column => $name,)+ }
            }
        }
    };
}

columns! {
    ProductSlug "product_slug",
    ProductName "product_name",
    Description "description",
    Category "category_slug",
    Sku "sku",
    VariantName "variant_name",
    Price "price",
    Currency "currency",
    Stock "stock",
    Status "status",
    VariantStatus "variant_status",
    ImageUrl "image_url",
}

/// Where each column stands in one file, counted from 0.
#[derive(Debug, Default)]
struct Columns(HashMap<Column, usize>);

// === impl Sheet ===

impl Sheet {
    /// Says what is wrong with a place in the file.
    pub fn problem(&self, line: u64, column: Column, message: impl Into<String>) -> Detail {
        self.columns.problem(line, column, message.into())
    }
}

// === impl Column ===

impl Column {
    fn is_optional(self) -> bool {
        matches!(self, Self::VariantStatus | Self::ImageUrl)
    }
}

// === impl Columns ===

impl Columns {
    fn problem(&self, line: u64, column: Column, message: String) -> Detail {
        let number = self.0.get(&column).map_or(1, |place| place + 1);
        Detail::of(format!("line {line}, column {number} ({})", column.name()), message)
    }
}

#[cfg(test)]
mod tests;
