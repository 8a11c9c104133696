//! From cart to order.

use kernel::idempotency::{self, Answer, Key, once};
use kernel::store::{StoreError, Tx};
use kernel::{CallContext, CartId, Currency, OrderId, ReservationId, Timestamp};

use super::carts::owned;
use super::{Known, Service, Visitor};
use crate::domain::cart::{self, Priced};
use crate::domain::event::{Address, Event, Placed};
use crate::error::Error;
use crate::store::carts::{self, CartRow, Items};
use crate::store::{events, orders, sagas};

/// Times that a cart may change under a checkout before it is refused.
const MOST_TRIES: usize = 3;

/// What a buyer agrees to.
#[derive(Debug, Clone)]
pub(crate) struct Checkout {
    pub(crate) cart_id: CartId,
    /// The total that the buyer saw, in minor units.
    pub(crate) expected_total: Option<i64>,
    /// A guest's address; a user's is known.
    pub(crate) email: Option<String>,
    pub(crate) shipping_address: Option<Address>,
    pub(crate) payment: PaymentChoice,
}

/// How a buyer pays.
#[derive(Debug, Clone)]
pub(crate) struct PaymentChoice {
    pub(crate) provider: String,
    pub(crate) token: String,
}

/// A cart, priced outside of the transaction that turns it into an order.
#[derive(Clone)]
struct Offer {
    cart: CartRow,
    priced: Priced,
    email: String,
}

impl Service {
    /// Turns a cart into an order and begins its saga. The answer stands once this returns, whatever happens then.
    pub(crate) async fn check_out(
        &self,
        context: &CallContext,
        visitor: &Visitor,
        checkout: Checkout,
        key: Option<Key>,
        answer: fn(&Known) -> Result<Answer, StoreError>,
    ) -> Result<Answer, Error> {
        if self.provider(&checkout.payment.provider).is_none() {
            return Err(Error::invalid(
                "payment.provider",
                "this shop does not take payments of that provider",
            ));
        }
        let problems = checkout.shipping_address.as_ref().map(Address::problems).unwrap_or_default();
        if !problems.is_empty() {
            return Err(Error::Invalid(problems));
        }
        for _ in 0..MOST_TRIES {
            // A repeated request must get its answer even though the cart is gone by now.
            if let Some(known) = self.known_answer(key.clone()).await? {
                return Ok(known);
            }
            let offer = match self.offer(context, visitor, &checkout).await {
                // The same request may have been executed meanwhile, by another process: then its answer is there by now.
                Err(Error::CartCheckedOut) => {
                    return self.known_answer(key).await?.ok_or(Error::CartCheckedOut);
                }
                offer => offer?,
            };
            if let Some(placed) = self.place(offer, &checkout, key.clone(), answer).await? {
                self.due().notify_one();
                return Ok(placed);
            }
        }
        Err(Error::CartCheckedOut)
    }

    /// The answer that the key's first request got, if it was executed.
    async fn known_answer(&self, key: Option<Key>) -> Result<Option<Answer>, Error> {
        let Some(key) = key else { return Ok(None) };
        self.store().read(move |db| idempotency::answer_of::<Error>(db, &key)).await
    }

    /// Prices the cart: everything that needs other modules, and no transaction.
    async fn offer(
        &self,
        context: &CallContext,
        visitor: &Visitor,
        checkout: &Checkout,
    ) -> Result<Offer, Error> {
        let (looked_up, id) = (visitor.clone(), checkout.cart_id);
        let (cart, items): (CartRow, Items) = self
            .store()
            .read_snapshot(move |db| {
                let cart = owned(db, &looked_up, id)?;
                if !cart.is_open() {
                    return Err(Error::CartCheckedOut);
                }
                let items = carts::items(db, id)?;
                Ok((cart, items))
            })
            .await?;
        let ids = items.iter().map(|(variant_id, _)| *variant_id).collect();
        let variants = self.variants(context, ids, cart.currency).await?;
        let priced = cart::price(&items, &variants, cart.currency)?;
        if checkout.expected_total.is_some_and(|expected| expected != priced.total.amount) {
            return Err(Error::PriceChanged { current: priced.total });
        }
        let email = match (cart.user_id, &checkout.email) {
            (Some(user_id), _) => self.inner.users.enter()?.get_user(context.clone(), user_id).await?.email,
            (None, Some(email)) if is_address(email) => email.clone(),
            (None, _) => return Err(Error::invalid("email", "a guest must give an e-mail address")),
        };
        Ok(Offer { cart, priced, email })
    }

    /// Writes the order. `None` when the cart has changed since it was priced.
    async fn place(
        &self,
        offer: Offer,
        checkout: &Checkout,
        key: Option<Key>,
        answer: fn(&Known) -> Result<Answer, StoreError>,
    ) -> Result<Option<Answer>, Error> {
        let now = Timestamp::now();
        let pay_until = now.plus(self.settings().payment());
        let (order_id, reservation_id) = (OrderId::new(), ReservationId::new());
        let checkout = checkout.clone();
        let placed = self
            .store()
            .write(move |tx| {
                let placed = once::<PlaceError>(tx, key.as_ref(), |tx| {
                    let cart = carts::find(tx, offer.cart.id)?.ok_or(PlaceError::CartChanged)?;
                    if cart.version != offer.cart.version || !cart.is_open() {
                        return Err(PlaceError::CartChanged);
                    }
                    carts::update(tx, &CartRow { status: carts::CHECKED_OUT.to_owned(), ..cart }, now)?;
                    let placed = Placed {
                        number: orders::next_number(tx, now)?,
                        user_id: offer.cart.user_id,
                        guest_hash: offer.cart.guest_hash.clone(),
                        email: offer.email.clone(),
                        cart_id: offer.cart.id,
                        currency: currency(&offer),
                        lines: offer.priced.lines.clone(),
                        total: offer.priced.total.amount,
                        shipping_address: checkout.shipping_address.clone(),
                        reservation_id,
                        pay_until,
                    };
                    Ok(answer(&begin(tx, order_id, placed, &checkout.payment, now)?)?)
                });
                match placed {
                    Ok(answer) => Ok(Some(answer)),
                    Err(PlaceError::CartChanged) => Ok(None),
                    Err(PlaceError::Refused(error)) => Err(error),
                }
            })
            .await?;
        Ok(placed)
    }
}

/// Begins an order's stream, its projection and its saga.
fn begin(
    tx: &mut Tx<'_>,
    order_id: OrderId,
    placed: Placed,
    payment: &PaymentChoice,
    now: Timestamp,
) -> Result<Known, StoreError> {
    let order = events::begin(tx, order_id, &Event::Placed(Box::new(placed)), now)?;
    let started = Event::PaymentStarted {
        attempt: 1,
        provider: payment.provider.clone(),
        token: payment.token.clone(),
    };
    let order = events::append(tx, order_id, order, vec![started], now)?;
    orders::project_lines(tx, order_id, &order)?;
    sagas::begin(tx, order_id, now)?;
    Ok((order_id, order))
}

fn currency(offer: &Offer) -> Currency {
    offer.priced.total.currency
}

/// Only keeps out what cannot be an address; whether it is one, only a message to it can tell.
fn is_address(email: &str) -> bool {
    email.len() <= 254
        && !email.chars().any(|c| c.is_whitespace() || c.is_control())
        && email.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.'))
}

enum PlaceError {
    CartChanged,
    Refused(Error),
}

impl From<StoreError> for PlaceError {
    fn from(error: StoreError) -> Self {
        Self::Refused(error.into())
    }
}

impl From<idempotency::KeyError> for PlaceError {
    fn from(error: idempotency::KeyError) -> Self {
        Self::Refused(error.into())
    }
}
