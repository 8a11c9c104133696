//! Writing the file.

use kernel::Money;

use super::Column;
use crate::domain::price::format_decimal;
use crate::domain::status::{ProductStatus, VariantStatus};

/// One line: a variant with one of its prices.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// The product's slug.
    pub product_slug: &'a str,
    /// The product's name.
    pub product_name: &'a str,
    /// The product's description.
    pub description: &'a str,
    /// Path of its category.
    pub category: &'a str,
    /// The variant's stock keeping unit.
    pub sku: &'a str,
    /// What sets it apart.
    pub variant_name: &'a str,
    /// One of its prices.
    pub price: Option<Money>,
    /// Units in the house.
    pub stock: i64,
    /// Whether the product is in the shop.
    pub status: ProductStatus,
    /// Whether the variant is on sale.
    pub variant_status: VariantStatus,
    /// The product's picture.
    pub image_url: &'a str,
}

/// Writes a file into memory, line by line.
pub struct SheetWriter {
    writer: csv::Writer<Vec<u8>>,
}

// === impl SheetWriter ===

impl SheetWriter {
    /// A file with its header.
    ///
    /// # Errors
    /// Never while there is memory; the type says so because the writer's does.
    pub fn new() -> Result<Self, csv::Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(Column::ALL.map(Column::name))?;
        Ok(Self { writer })
    }

    /// Adds a line.
    ///
    /// # Errors
    /// As [`SheetWriter::new`].
    pub fn line(&mut self, line: Line<'_>) -> Result<(), csv::Error> {
        let (price, currency) = line
            .price
            .map_or_else(Default::default, |price| (format_decimal(price), price.currency.to_string()));
        let stock = line.stock.to_string();
        self.writer.write_record(Column::ALL.map(|column| match column {
            Column::ProductSlug => line.product_slug,
            Column::ProductName => line.product_name,
            Column::Description => line.description,
            Column::Category => line.category,
            Column::Sku => line.sku,
            Column::VariantName => line.variant_name,
            Column::Price => price.as_str(),
            Column::Currency => currency.as_str(),
            Column::Stock => stock.as_str(),
            Column::Status => line.status.name(),
            Column::VariantStatus => line.variant_status.name(),
            Column::ImageUrl => line.image_url,
        }))
    }

    /// The file.
    ///
    /// # Errors
    /// As [`SheetWriter::new`].
    pub fn finish(self) -> Result<Vec<u8>, csv::Error> {
        self.writer.into_inner().map_err(|error| error.into_error().into())
    }
}
