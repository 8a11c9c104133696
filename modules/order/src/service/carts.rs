//! Carts.

use kernel::store::{Db, StoreError, Tx};
use kernel::{CallContext, CartId, Currency, Timestamp, UserId, VariantId};
use order_contract::CartSummary;

use super::{CartItem, CartView, Service, Visitor, secret};
use crate::domain::cart::{self, MOST_ITEMS, MOST_UNITS};
use crate::error::Error;
use crate::store::carts::{self, CartRow, Items};

impl Service {
    /// Opens a cart: a user's, of whom each has one, or a guest's, whose secret is given once.
    pub(crate) async fn open_cart(
        &self,
        visitor: &Visitor,
        currency: Currency,
    ) -> Result<(CartRow, Option<String>), Error> {
        let user_id = Self::user_id_of(visitor);
        self.store()
            .write(move |tx| {
                if let Some(user_id) = user_id {
                    return Ok((ensure_open(tx, user_id, currency)?, None));
                }
                let token = secret::fresh();
                let cart = CartRow { guest_hash: Some(secret::hash(&token)), ..blank(currency) };
                carts::insert(tx, &cart)?;
                Ok((cart, Some(token)))
            })
            .await
    }

    /// A cart with what its items cost now.
    pub(crate) async fn get_cart(
        &self,
        context: &CallContext,
        visitor: &Visitor,
        id: CartId,
    ) -> Result<CartView, Error> {
        let visitor = visitor.clone();
        let (cart, items) = self
            .store()
            .read_snapshot(move |db| {
                let cart = owned(db, &visitor, id)?;
                let items = carts::items(db, id)?;
                Ok::<_, Error>((cart, items))
            })
            .await?;
        Ok(self.view(context, cart, items).await)
    }

    /// How full a user's open cart is.
    pub(crate) async fn cart_summary(&self, user_id: UserId) -> Result<CartSummary, StoreError> {
        let quantities = self.store().read(move |db| carts::quantities_of_user(db, user_id)).await?;
        let lines = i64::try_from(quantities.len()).unwrap_or(i64::MAX);
        Ok(CartSummary { lines, units: quantities.into_iter().sum() })
    }

    /// Sets the units of one variant. Units of a variant that is not sold can only be taken out.
    pub(crate) async fn set_item(
        &self,
        context: &CallContext,
        visitor: &Visitor,
        id: CartId,
        variant_id: VariantId,
        quantity: i64,
    ) -> Result<CartView, Error> {
        if !(0..=MOST_UNITS).contains(&quantity) {
            return Err(Error::invalid("quantity", "must be from 0 to 999"));
        }
        let looked_up = visitor.clone();
        let currency =
            self.store().read(move |db| owned(db, &looked_up, id).map(|cart| cart.currency)).await?;
        if quantity > 0 {
            let variants = self.variants(context, vec![variant_id], currency).await?;
            cart::price(&[(variant_id, quantity)], &variants, currency)?;
        }
        let visitor = visitor.clone();
        let (cart, items) = self
            .store()
            .write(move |tx| {
                let now = Timestamp::now();
                let cart = owned(tx, &visitor, id)?;
                if !cart.is_open() {
                    return Err(Error::CartCheckedOut);
                }
                carts::set_item(tx, id, variant_id, quantity, now)?;
                let items = carts::items(tx, id)?;
                if quantity > 0 && items.len() > MOST_ITEMS {
                    return Err(Error::invalid("items", "a cart holds at most 50 different variants"));
                }
                carts::update(tx, &cart, now)?;
                Ok((cart, items))
            })
            .await?;
        Ok(self.view(context, cart, items).await)
    }

    /// Throws a cart away, unless it has become an order.
    pub(crate) async fn delete_cart(&self, visitor: &Visitor, id: CartId) -> Result<(), Error> {
        let visitor = visitor.clone();
        self.store()
            .write(move |tx| {
                let cart = owned(tx, &visitor, id)?;
                if cart.is_open() { Ok(carts::delete(tx, id)?) } else { Err(Error::CartCheckedOut) }
            })
            .await
    }

    /// Gives a guest's cart to a user, merged with the one they have. Claiming again gives the same cart.
    pub(crate) async fn claim_cart(&self, user_id: UserId, guest_token: &str) -> Result<CartId, Error> {
        let hash = secret::hash(guest_token);
        self.store()
            .write(move |tx| {
                let mut guest = carts::of_guest(tx, &hash)?.ok_or(Error::CartNotFound)?;
                if guest.claimed_hash.is_some() {
                    return already_claimed(&guest, user_id);
                }
                if !guest.is_open() {
                    return Err(Error::CartNotFound);
                }
                let now = Timestamp::now();
                guest.claimed_hash = guest.guest_hash.take();
                guest.user_id = Some(user_id);
                let Some(own) = carts::open_of_user(tx, user_id)? else {
                    carts::update(tx, &guest, now)?;
                    return Ok(guest.id);
                };
                let (into, from) = (carts::items(tx, own.id)?, carts::items(tx, guest.id)?);
                for (variant_id, quantity) in cart::merge(&into, &from) {
                    carts::set_item(tx, own.id, variant_id, quantity, now)?;
                }
                guest.status = carts::MERGED.to_owned();
                guest.merged_into = Some(own.id);
                carts::update(tx, &guest, now)?;
                carts::update(tx, &own, now)?;
                Ok(own.id)
            })
            .await
    }

    /// Whether the guest owns the cart, or owned it until a user claimed it.
    pub(crate) async fn is_cart_of(&self, guest: &Visitor, id: CartId) -> Result<bool, StoreError> {
        let hash = guest.guest_hash.clone().unwrap_or_default();
        let cart = self.store().read(move |db| carts::of_guest(db, &hash)).await?;
        Ok(cart.is_some_and(|cart| cart.id == id))
    }

    async fn view(&self, context: &CallContext, cart: CartRow, items: Items) -> CartView {
        let ids = items.iter().map(|(variant_id, _)| *variant_id).collect();
        // A cart can be looked at while the product module is away; it only has no prices then.
        let variants = self.variants(context, ids, cart.currency).await.unwrap_or_default();
        let total = cart::price(&items, &variants, cart.currency).ok().map(|priced| priced.total);
        let items = items
            .into_iter()
            .map(|(variant_id, quantity)| CartItem {
                variant_id,
                quantity,
                variant: variants.iter().find(|variant| variant.id == variant_id).cloned(),
            })
            .collect();
        CartView { cart, items, total }
    }
}

/// A cart that is the visitor's. Somebody else's is as good as none.
pub(super) fn owned(db: &mut Db, visitor: &Visitor, id: CartId) -> Result<CartRow, Error> {
    carts::find(db, id)?
        .filter(|cart| visitor.owns(cart.user_id, cart.guest_hash.as_deref()))
        .ok_or(Error::CartNotFound)
}

fn ensure_open(tx: &mut Tx<'_>, user_id: UserId, currency: Currency) -> Result<CartRow, StoreError> {
    if let Some(cart) = carts::open_of_user(tx, user_id)? {
        return Ok(cart);
    }
    let cart = CartRow { user_id: Some(user_id), ..blank(currency) };
    carts::insert(tx, &cart)?;
    Ok(cart)
}

fn blank(currency: Currency) -> CartRow {
    let now = Timestamp::now();
    CartRow {
        id: CartId::new(),
        user_id: None,
        guest_hash: None,
        claimed_hash: None,
        merged_into: None,
        currency,
        status: carts::OPEN.to_owned(),
        version: 1,
        created_at: now,
        updated_at: now,
    }
}

fn already_claimed(cart: &CartRow, user_id: UserId) -> Result<CartId, Error> {
    match cart.merged_into {
        _ if cart.user_id != Some(user_id) => Err(Error::CartNotFound),
        Some(into) => Ok(into),
        // The cart that it went into was thrown away.
        None if cart.status == carts::MERGED => Err(Error::CartNotFound),
        None => Ok(cart.id),
    }
}
