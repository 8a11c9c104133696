//! The address book of an account.

use kernel::http::Paging;
use kernel::idempotency::{Answer, Key, once};
use kernel::store::{StoreError, Tx};
use kernel::{Timestamp, UserId};

use super::{Read, Service, one_more};
use crate::domain::{Address, AddressId, AddressPatch, Invalid, MOST_ADDRESSES, NewAddress};
use crate::error::Error;
use crate::store::addresses;

impl Service {
    /// Adds an address, once for each key. The first one becomes the default; a later one replaces it if it says so.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the account has 50, or what the key or the store refuse.
    pub async fn add_address(
        &self,
        user_id: UserId,
        place: NewAddress,
        key: Option<Key>,
        answer: fn(&Address) -> Result<Answer, StoreError>,
    ) -> Result<Answer, Error> {
        let (id, now) = (AddressId::new(), Timestamp::now());
        self.inner
            .store
            .write(move |tx| {
                once(tx, key.as_ref(), |tx| {
                    let count = addresses::count(tx, user_id)?;
                    if count >= MOST_ADDRESSES {
                        let reason = format!("an account has at most {MOST_ADDRESSES} addresses");
                        return Err(Invalid::of("address", reason).into());
                    }
                    let place = NewAddress { is_default: place.is_default || count == 0, ..place.clone() };
                    let address = Address { id, place, created_at: now, updated_at: now };
                    make_room_for_default(tx, user_id, &address, now)?;
                    addresses::insert(tx, user_id, &address)?;
                    Ok(answer(&address)?)
                })
            })
            .await
    }

    /// The account's addresses from the oldest to the newest; one more than asked for if there are more.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn addresses(&self, user_id: UserId, paging: Paging<AddressId>) -> Result<Vec<Address>, Error> {
        let rows: Read<_> = self
            .inner
            .store
            .read(move |db| addresses::list(db, user_id, paging.after, one_more(paging.limit)))
            .await;
        Ok(rows?)
    }

    /// One of the account's addresses.
    ///
    /// # Errors
    /// [`Error::AddressNotFound`], or when the store fails.
    pub async fn address(&self, user_id: UserId, id: AddressId) -> Result<Address, Error> {
        let address: Read<_> = self.inner.store.read(move |db| addresses::find(db, user_id, id)).await;
        address?.ok_or(Error::AddressNotFound)
    }

    /// Changes some fields of an address. Making it the default takes that from the one that was.
    ///
    /// # Errors
    /// [`Error::AddressNotFound`], [`Error::Invalid`], or when the store fails.
    pub async fn change_address(
        &self,
        user_id: UserId,
        id: AddressId,
        patch: AddressPatch,
    ) -> Result<Address, Error> {
        let now = Timestamp::now();
        self.inner
            .store
            .write(move |tx| {
                let old = addresses::find(tx, user_id, id)?.ok_or(Error::AddressNotFound)?;
                let place = old.place.patched(patch.clone())?;
                let address = Address { place, updated_at: now, ..old };
                make_room_for_default(tx, user_id, &address, now)?;
                addresses::update(tx, &address)?;
                Ok(address)
            })
            .await
    }

    /// Deletes an address. No other becomes the default in its place.
    ///
    /// # Errors
    /// [`Error::AddressNotFound`], or when the store fails.
    pub async fn delete_address(&self, user_id: UserId, id: AddressId) -> Result<(), Error> {
        self.inner
            .store
            .write(
                move |tx| {
                    if addresses::delete(tx, user_id, id)? { Ok(()) } else { Err(Error::AddressNotFound) }
                },
            )
            .await
    }
}

fn make_room_for_default(
    tx: &mut Tx<'_>,
    user_id: UserId,
    address: &Address,
    now: Timestamp,
) -> Result<(), StoreError> {
    if address.place.is_default { addresses::clear_default(tx, user_id, now) } else { Ok(()) }
}
