//! Reading the file, with the line and column of everything that is wrong.

use std::str::FromStr as _;

use csv::ByteRecord;
use kernel::{Currency, Detail, Money};

use super::group::Grouped;
use super::records::Records;
use super::{Column, Columns, MOST_PROBLEMS, Sheet, SheetProduct, SheetVariant};
use crate::domain::category::DEEPEST;
use crate::domain::draft::parse_opening_stock;
use crate::domain::price::parse_decimal;
use crate::domain::text::{ImageUrl, InvalidText, Slug};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads a file.
///
/// # Errors
/// What is wrong with it, at most [`MOST_PROBLEMS`] mistakes.
pub fn read(bytes: &[u8]) -> Result<Sheet, Vec<Detail>> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let mut records = Records::of(bytes);
    let columns = match records.next() {
        Some(Ok((_, header))) => read_header(&header)?,
        Some(Err(problem)) => return Err(vec![problem]),
        None => return Err(vec![Detail::of("line 1, column 1", "the header is missing")]),
    };
    let mut reading = Reading { columns, problems: Vec::new(), rows: Grouped::default() };
    for record in records {
        match record {
            Ok((line, record)) => reading.take(line, &record),
            Err(problem) => reading.problems.push(problem),
        }
        if reading.problems.len() >= MOST_PROBLEMS {
            break;
        }
    }
    let Reading { columns, mut problems, rows } = reading;
    problems.truncate(MOST_PROBLEMS);
    if problems.is_empty() { Ok(Sheet { products: rows.products, columns }) } else { Err(problems) }
}

fn read_header(header: &ByteRecord) -> Result<Columns, Vec<Detail>> {
    let mut columns = Columns::default();
    let mut problems = Vec::new();
    for (place, name) in header.iter().enumerate() {
        let name = String::from_utf8_lossy(name);
        let at = format!("line 1, column {}", place + 1);
        match Column::ALL.into_iter().find(|column| column.name() == name.trim()) {
            None => problems.push(Detail::of(at, "there is no column of this name").with(shortened(&name))),
            Some(column) if columns.0.insert(column, place).is_some() => {
                problems.push(Detail::of(at, "the column stands in the header twice").with(column.name()));
            }
            Some(_) => {}
        }
    }
    for column in Column::ALL {
        if !column.is_optional() && !columns.0.contains_key(&column) {
            let at = format!("line 1, column {}", header.len() + 1);
            problems.push(Detail::of(at, "the column is missing").with(column.name()));
        }
    }
    if problems.is_empty() { Ok(columns) } else { Err(problems) }
}

struct Reading {
    columns: Columns,
    problems: Vec<Detail>,
    rows: Grouped,
}

/// The fields of one line.
struct Fields<'a> {
    line: u64,
    record: &'a ByteRecord,
    columns: &'a Columns,
    problems: &'a mut Vec<Detail>,
}

// === impl Reading ===

impl Reading {
    fn take(&mut self, line: u64, record: &ByteRecord) {
        let (has, wants) = (record.len(), self.columns.0.len());
        if has != wants {
            let at = format!("line {line}, column {}", has.min(wants) + 1);
            self.problems.push(Detail::of(at, format!("the header has {wants} fields, this line has {has}")));
            return;
        }
        let mut fields = Fields { line, record, columns: &self.columns, problems: &mut self.problems };
        let Some((product, variant)) = fields.product().zip(fields.variant()) else { return };
        self.rows.add(product, variant, &self.columns, &mut self.problems);
    }
}

// === impl Fields ===

impl Fields<'_> {
    fn product(&mut self) -> Option<SheetProduct> {
        let slug = self.parse(Column::ProductSlug, Slug::parse);
        let name = self.parse(Column::ProductName, super::Name::parse);
        let description = self.parse(Column::Description, super::Description::parse);
        let category = self.parse(Column::Category, parse_path);
        let status = self.parse(Column::Status, super::ProductStatus::from_str);
        let image_url = self.parse_optional(Column::ImageUrl, |text| match text {
            "" => Ok(None),
            _ => ImageUrl::parse(text).map(Some),
        });
        Some(SheetProduct {
            line: self.line,
            slug: slug?,
            name: name?,
            description: description?,
            category: category?,
            status: status?,
            image_url: image_url?,
            variants: Vec::new(),
        })
    }

    fn variant(&mut self) -> Option<SheetVariant> {
        let sku = self.parse(Column::Sku, super::Sku::parse);
        let name = self.parse(Column::VariantName, super::VariantName::parse);
        let stock = self.parse(Column::Stock, |text| match text {
            "" => Ok(0),
            _ => text
                .parse()
                .map_err(|_not_a_number| InvalidText("must be a whole number".to_owned()))
                .and_then(parse_opening_stock),
        });
        let status = self.parse_optional(Column::VariantStatus, |text| match text {
            "" => Ok(super::VariantStatus::Active),
            _ => text.parse(),
        });
        let prices = self.price();
        Some(SheetVariant {
            line: self.line,
            sku: sku?,
            name: name?,
            status: status?,
            stock: stock?,
            prices: prices?.into_iter().collect(),
        })
    }

    fn price(&mut self) -> Option<Option<Money>> {
        let currency = self.parse(Column::Currency, |text| match text {
            "" => Ok(None),
            _ => Currency::from_str(text).map(Some),
        })?;
        self.parse(Column::Price, |text| match (currency, text) {
            (None, "") => Ok(None),
            (None, _) => Err(InvalidText("needs a currency".to_owned())),
            (Some(currency), _) => {
                parse_decimal(text, currency).map(|amount| Some(Money::new(amount, currency)))
            }
        })
    }

    fn parse<T, E: std::fmt::Display>(
        &mut self,
        column: Column,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let place = self.columns.0.get(&column)?;
        let bytes = self.record.get(*place)?;
        let Ok(text) = std::str::from_utf8(bytes) else {
            self.note(column, "is not UTF-8".to_owned(), &String::from_utf8_lossy(bytes));
            return None;
        };
        match parse(text.trim()) {
            Ok(value) => Some(value),
            Err(error) => {
                self.note(column, error.to_string(), text);
                None
            }
        }
    }

    /// As [`Fields::parse`]; `Some(None)` when the file has no such column.
    fn parse_optional<T, E: std::fmt::Display>(
        &mut self,
        column: Column,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<Option<T>> {
        if self.columns.0.contains_key(&column) { self.parse(column, parse).map(Some) } else { Some(None) }
    }

    fn note(&mut self, column: Column, message: String, actual: &str) {
        self.problems.push(self.columns.problem(self.line, column, message).with(shortened(actual)));
    }
}

fn parse_path(text: &str) -> Result<Vec<Slug>, InvalidText> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let path = text.split('/').map(Slug::parse).collect::<Result<Vec<_>, _>>()?;
    if path.len() > DEEPEST {
        return Err(InvalidText(format!("has more than {DEEPEST} levels")));
    }
    Ok(path)
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}
