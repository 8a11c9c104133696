//! Postal addresses.

use diesel::prelude::*;
use kernel::on_each;
use kernel::store::{Db, StoreError, Tx};
use kernel::{Timestamp, UserId};

use crate::domain::{Address, AddressId, NewAddress};
use crate::schema::addresses;

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = addresses)]
struct Row {
    id: AddressId,
    user_id: UserId,
    #[diesel(embed)]
    place: PlaceRow,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = addresses, treat_none_as_null = true)]
struct PlaceRow {
    name: String,
    line1: String,
    line2: Option<String>,
    city: String,
    region: Option<String>,
    postal_code: String,
    country: String,
    phone: Option<String>,
    is_default: bool,
}

/// Adds an address.
pub(crate) fn insert(tx: &mut Tx<'_>, user_id: UserId, address: &Address) -> Result<(), StoreError> {
    let row = Row {
        id: address.id,
        user_id,
        place: address.place.clone().into(),
        created_at: address.created_at,
        updated_at: address.updated_at,
    };
    on_each!(tx, conn => diesel::insert_into(addresses::table).values(row).execute(conn))?;
    Ok(())
}

/// The address, if it is the account's.
pub(crate) fn find(db: &mut Db, user_id: UserId, id: AddressId) -> Result<Option<Address>, StoreError> {
    let own = addresses::table.find(id).filter(addresses::user_id.eq(user_id));
    let row: Option<Row> = on_each!(db, conn => own.select(Row::as_select()).first(conn).optional())?;
    Ok(row.map(Row::into_address))
}

/// The account's addresses from the oldest to the newest, beginning after `after`.
pub(crate) fn list(
    db: &mut Db,
    user_id: UserId,
    after: Option<AddressId>,
    limit: i64,
) -> Result<Vec<Address>, StoreError> {
    let rows: Vec<Row> = on_each!(db, conn => {
        let mut query = addresses::table
            .select(Row::as_select())
            .filter(addresses::user_id.eq(user_id))
            .order(addresses::id)
            .limit(limit)
            .into_boxed();
        if let Some(after) = after {
            query = query.filter(addresses::id.gt(after));
        }
        query.load(conn)
    })?;
    Ok(rows.into_iter().map(Row::into_address).collect())
}

pub(crate) fn count(db: &mut Db, user_id: UserId) -> Result<i64, StoreError> {
    let own = addresses::table.filter(addresses::user_id.eq(user_id));
    Ok(on_each!(db, conn => own.count().get_result(conn))?)
}

/// Writes the address's new content.
pub(crate) fn update(tx: &mut Tx<'_>, address: &Address) -> Result<(), StoreError> {
    let place = PlaceRow::from(address.place.clone());
    let change = diesel::update(addresses::table.find(address.id))
        .set((place, addresses::updated_at.eq(address.updated_at)));
    on_each!(tx, conn => change.execute(conn))?;
    Ok(())
}

/// Leaves the account without a default, so that another may become it.
pub(crate) fn clear_default(tx: &mut Tx<'_>, user_id: UserId, now: Timestamp) -> Result<(), StoreError> {
    let default =
        addresses::table.filter(addresses::user_id.eq(user_id)).filter(addresses::is_default.eq(true));
    let change =
        diesel::update(default).set((addresses::is_default.eq(false), addresses::updated_at.eq(now)));
    on_each!(tx, conn => change.execute(conn))?;
    Ok(())
}

/// Deletes the address, if it is the account's; says whether.
pub(crate) fn delete(tx: &mut Tx<'_>, user_id: UserId, id: AddressId) -> Result<bool, StoreError> {
    let own = addresses::table.find(id).filter(addresses::user_id.eq(user_id));
    Ok(on_each!(tx, conn => diesel::delete(own).execute(conn))? == 1)
}

// === impl Row ===

impl Row {
    fn into_address(self) -> Address {
        Address {
            id: self.id,
            place: self.place.into(),
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

// === impl PlaceRow ===

impl From<NewAddress> for PlaceRow {
    fn from(place: NewAddress) -> Self {
        let NewAddress { name, line1, line2, city, region, postal_code, country, phone, is_default } = place;
        Self { name, line1, line2, city, region, postal_code, country, phone, is_default }
    }
}

impl From<PlaceRow> for NewAddress {
    fn from(row: PlaceRow) -> Self {
        let PlaceRow { name, line1, line2, city, region, postal_code, country, phone, is_default } = row;
        Self { name, line1, line2, city, region, postal_code, country, phone, is_default }
    }
}
