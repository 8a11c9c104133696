//! Facts about the store itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use diesel::prelude::*;

use super::{Db, StoreError};
use crate::on_each;
use crate::schema::store_meta;

const CURSOR_KEY: &str = "cursor_key";

/// The key that authenticates this store's cursors, made when the store is first opened.
pub(super) fn cursor_key(db: &mut Db) -> Result<[u8; 32], StoreError> {
    let kept = match read(db)? {
        Some(kept) => kept,
        None => make(db)?,
    };
    STANDARD
        .decode(kept)
        .ok()
        .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
        .ok_or_else(|| StoreError::Corrupt("the cursor key is not 32 bytes".to_owned()))
}

fn read(db: &mut Db) -> Result<Option<String>, StoreError> {
    let kept = store_meta::table.find(CURSOR_KEY).select(store_meta::value);
    Ok(on_each!(db, conn => kept.first(conn).optional())?)
}

/// Of two processes that make one at once, both take the same.
fn make(db: &mut Db) -> Result<String, StoreError> {
    let row = (store_meta::name.eq(CURSOR_KEY), store_meta::value.eq(STANDARD.encode(fresh_secret()?)));
    on_each!(db, conn => diesel::insert_into(store_meta::table).values(&row).on_conflict_do_nothing().execute(conn))?;
    read(db)?.ok_or_else(|| StoreError::Corrupt("the cursor key is gone".to_owned()))
}

/// 256 random bits.
pub(super) fn fresh_secret() -> Result<[u8; 32], StoreError> {
    let mut fresh = [0; 32];
    getrandom::fill(&mut fresh).map_err(|error| StoreError::Corrupt(format!("no entropy: {error}")))?;
    Ok(fresh)
}
