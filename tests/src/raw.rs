//! A store's file, opened past the program.

use std::path::Path;

use diesel::{Connection as _, RunQueryDsl as _, SqliteConnection};

diesel::define_sql_function! {
    /// The epoch that a connection presents.
    fn module_epoch() -> BigInt;
}

/// Opens the file, and presents the epoch that it is in: without that nobody can write it.
pub fn open(path: &Path) -> SqliteConnection {
    use diesel::QueryDsl as _;
    diesel::table! {
        ownership (id) {
            id -> Integer,
            epoch -> BigInt,
        }
    }
    let mut connection =
        SqliteConnection::establish(path.to_str().expect("a path")).expect("the store opens");
    let epoch: i64 = ownership::table.select(ownership::epoch).first(&mut connection).expect("an epoch");
    module_epoch_utils::register_nondeterministic_impl(&connection, move || epoch).expect("a function");
    connection
}
