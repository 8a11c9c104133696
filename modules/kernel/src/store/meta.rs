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
    let mut fresh = [0; 32];
    getrandom::fill(&mut fresh).map_err(|error| StoreError::Corrupt(format!("no entropy: {error}")))?;
    let row = (store_meta::name.eq(CURSOR_KEY), store_meta::value.eq(STANDARD.encode(fresh)));
    on_each!(db, conn => diesel::insert_into(store_meta::table).values(&row).on_conflict_do_nothing().execute(conn))?;
    let kept: String =
        on_each!(db, conn => store_meta::table.find(CURSOR_KEY).select(store_meta::value).first(conn))?;
    STANDARD
        .decode(kept)
        .ok()
        .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
        .ok_or_else(|| StoreError::Corrupt("the cursor key is not 32 bytes".to_owned()))
}
