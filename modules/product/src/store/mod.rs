//! The queries, written once for both engines. Reads take a connection, writes a transaction.

pub mod catalog;
pub mod categories;
pub mod details;
pub mod movements;
pub mod prices;
pub mod products;
pub mod projections;
pub mod purchases;
pub mod reservations;
pub mod reviews;
pub mod stock;
pub mod variants;

/// Most rows of one insert and most ids of one lookup: far below what either engine takes as parameters (SQLite 32 766,
/// PostgreSQL 65 535), and enough that a file of thousands of lines is not a statement a line.
const CHUNK: usize = 500;
