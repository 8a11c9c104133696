//! The rules of the architecture that the compiler does not keep, checked on the tree itself.
//!
//! Each rule is a pure function from the tree to its violations. It is tested twice: the real tree has none, and a planted
//! one is found.
//!
//! | rule | what holds |
//! |---|---|
//! | [`crate_graph`] | who may depend on whom |
//! | [`own_tables`] | a module names no table of another |
//! | [`equal_schemas`] | both engines get the same tables |
//! | [`versions`] | migrations have the same versions for both engines, each once in a store |
//! | [`one_store`] | a module opens one store, in one place, and leaves transactions to the kernel |
//! | [`portable_queries`] | nothing of one database engine outside the kernel |
//! | [`equal_shape`] | every module has the same files for the same roles |
//! | [`module_names`] | what moves modules knows none by name |
//! | [`no_floats`] | money and domain values are never floating-point numbers |
//! | [`file_length`] | small files |
//! | [`file_docs`] | each file begins by saying what it is for |
//!
//! They read the tree through the rest: [`tree`] and [`layout`]; [`rust`], [`paths`] and [`queries`]; [`sql`] and [`tables`].

#![expect(clippy::expect_used, clippy::panic, reason = "a rule that cannot read the tree has to fail")]

mod crate_graph;
mod equal_schemas;
mod equal_shape;
mod file_docs;
mod file_length;
mod module_names;
mod no_floats;
mod one_store;
mod own_tables;
mod portable_queries;
mod versions;

mod layout;
mod paths;
mod queries;
mod rust;
mod sql;
mod tables;
mod tree;
