//! Orders after they were placed: looked at, cancelled, paid anew.

use std::time::{Duration, Instant};

use kernel::http::Paging;
use kernel::idempotency::{Answer, Key, once};
use kernel::store::{Db, StoreError};
use kernel::{OrderId, Page, Permission, ProductId, Timestamp, UserId};

use super::checkout::PaymentChoice;
use super::payments::WebhookEvent;
use super::{Known, Service, Visitor};
use crate::domain::event::Event;
use crate::domain::order::{Order, Status};
use crate::domain::saga::{Step, next_step};
use crate::error::Error;
use crate::store::orders::{OrderFilter, OrderRow};
use crate::store::sagas::SagaRow;
use crate::store::{events, inbox, orders, sagas};

/// An order as read for somebody who may.
pub(crate) type OrderView = Known;

/// An order's saga, for staff.
#[derive(Debug, Clone)]
pub(crate) struct SagaView {
    pub(crate) row: SagaRow,
    pub(crate) order: Order,
    pub(crate) next: Step,
}

impl Service {
    /// An order that is the visitor's, or anybody's for staff.
    pub(crate) async fn get_order(&self, visitor: &Visitor, id: OrderId) -> Result<OrderView, Error> {
        let visitor = visitor.clone();
        self.store().read(move |db| Ok((id, visible(db, &visitor, id, Permission::ReadOrders)?))).await
    }

    /// An order's events, the oldest first.
    pub(crate) async fn history(
        &self,
        visitor: &Visitor,
        id: OrderId,
    ) -> Result<Vec<(Event, Timestamp)>, Error> {
        let visitor = visitor.clone();
        self.store()
            .read_snapshot(move |db| {
                visible(db, &visitor, id, Permission::ReadOrders)?;
                Ok(events::history(db, id)?)
            })
            .await
    }

    /// Orders by `filter`, the newest first.
    pub(crate) async fn list_orders(
        &self,
        filter: OrderFilter,
        list: &str,
        paging: Paging<OrderId>,
    ) -> Result<Page<OrderRow>, Error> {
        let limit = paging.limit;
        let rows = self
            .store()
            .read(move |db| orders::list(db, &filter, paging.after, i64::from(limit) + 1))
            .await?;
        let cursors = self.cursors();
        Ok(Page::cut(rows, limit, |last| cursors.encode(list, &last.id)))
    }

    /// Waits until the order needs nothing more of this process, at most until `deadline`.
    pub(crate) async fn wait_settled(
        &self,
        visitor: &Visitor,
        id: OrderId,
        deadline: Instant,
    ) -> Result<OrderView, Error> {
        let mut steps = self.inner.steps.subscribe();
        loop {
            let (id, order) = self.get_order(visitor, id).await?;
            if order.status.is_settled() || awaits_buyer(&order) || Instant::now() >= deadline {
                return Ok((id, order));
            }
            // A step taken by another process is not heard here; so it is looked for now and then.
            let at_latest = deadline.min(Instant::now() + Duration::from_millis(500));
            let heard = async { while !matches!(steps.recv().await, Ok(other) if other == id) {} };
            if tokio::time::timeout_at(at_latest.into(), heard).await.is_err() {
                log::trace!("no step was heard of");
            }
        }
    }

    /// Asks for an order to be undone. What has to be undone, the saga sees.
    pub(crate) async fn cancel(
        &self,
        visitor: &Visitor,
        id: OrderId,
        reason: String,
        key: Option<Key>,
        answer: fn(&Known) -> Result<Answer, StoreError>,
    ) -> Result<Answer, Error> {
        let visitor = visitor.clone();
        self.change(id, key, answer, move |db| {
            let order = visible(db, &visitor, id, Permission::ManageOrders)?;
            if !order.is_cancellable() {
                return Err(Error::NotCancellable);
            }
            let requested = Event::CancelRequested { reason: reason.clone(), by: Self::user_id_of(&visitor) };
            Ok((order, requested))
        })
        .await
    }

    /// Begins another payment after the last came to nothing.
    pub(crate) async fn pay(
        &self,
        visitor: &Visitor,
        id: OrderId,
        payment: PaymentChoice,
        key: Option<Key>,
        answer: fn(&Known) -> Result<Answer, StoreError>,
    ) -> Result<Answer, Error> {
        if self.provider(&payment.provider).is_none() {
            return Err(Error::invalid("provider", "this shop does not take payments of that provider"));
        }
        let visitor = visitor.clone();
        self.change(id, key, answer, move |db| {
            let order = visible(db, &visitor, id, Permission::ManageOrders)?;
            if !order.is_payable() {
                return Err(Error::NotPayable);
            }
            let attempt = u32::try_from(order.payments.len()).unwrap_or(u32::MAX).saturating_add(1);
            let started = Event::PaymentStarted {
                attempt,
                provider: payment.provider.clone(),
                token: payment.token.clone(),
            };
            Ok((order, started))
        })
        .await
    }

    /// Appends the event that `decide` chooses, wakes the saga and keeps the answer, all in one transaction.
    async fn change(
        &self,
        id: OrderId,
        key: Option<Key>,
        answer: fn(&Known) -> Result<Answer, StoreError>,
        decide: impl Fn(&mut Db) -> Result<(Order, Event), Error> + Send + 'static,
    ) -> Result<Answer, Error> {
        let answered = self
            .store()
            .write(move |tx| {
                once::<Error>(tx, key.as_ref(), |tx| {
                    let now = Timestamp::now();
                    let (order, event) = decide(tx)?;
                    let order = events::append(tx, id, order, vec![event], now)?;
                    sagas::wake(tx, id, false, now)?;
                    Ok(answer(&(id, order))?)
                })
            })
            .await?;
        self.due().notify_one();
        Ok(answered)
    }

    /// Takes in a provider's message: it is believed only so far that the provider is asked.
    pub(crate) async fn receive_webhook(
        &self,
        provider: &'static str,
        event: WebhookEvent,
    ) -> Result<(), Error> {
        self.store()
            .write(move |tx| {
                let now = Timestamp::now();
                if !inbox::receive(tx, provider, &event.event_id, now)? {
                    return Ok(());
                }
                // A message may come before the payment's own answer; then the saga asks anyway.
                if let Some(order_id) = inbox::order_of(tx, provider, &event.reference)? {
                    sagas::wake(tx, order_id, true, now)?;
                }
                Ok::<_, Error>(())
            })
            .await?;
        self.due().notify_one();
        Ok(())
    }

    /// Makes a saga run now, as staff may ask when they have mended what it failed at.
    pub(crate) async fn retry(&self, id: OrderId) -> Result<(), Error> {
        self.store()
            .write(move |tx| {
                events::load(tx, id)?.ok_or(Error::OrderNotFound)?;
                Ok::<_, Error>(sagas::wake(tx, id, true, Timestamp::now())?)
            })
            .await?;
        self.due().notify_one();
        Ok(())
    }

    /// An order's saga.
    pub(crate) async fn saga(&self, id: OrderId) -> Result<SagaView, Error> {
        self.store()
            .read_snapshot(move |db| {
                let order = events::load(db, id)?.ok_or(Error::OrderNotFound)?;
                let row = sagas::find(db, id)?.ok_or(Error::OrderNotFound)?;
                Ok(SagaView { next: next_step(&order, Timestamp::now()), row, order })
            })
            .await
    }

    /// Whether the user has a confirmed order with the product in it.
    pub(crate) async fn has_bought(
        &self,
        user_id: UserId,
        product_id: ProductId,
    ) -> Result<bool, StoreError> {
        self.store().read(move |db| orders::has_bought(db, user_id, product_id)).await
    }

    /// Makes the projection anew from the events. Gives the number of orders.
    ///
    /// # Errors
    /// When the store fails or an order's events cannot be read.
    pub async fn rebuild(&self) -> Result<u64, Error> {
        const AT_ONCE: i64 = 200;
        let (mut after, mut rebuilt) = (None, 0_u64);
        loop {
            let ids = self.store().read(move |db| orders::ids_after(db, after, AT_ONCE)).await?;
            let Some(last) = ids.last().copied() else { return Ok(rebuilt) };
            rebuilt = rebuilt.saturating_add(u64::try_from(ids.len()).unwrap_or(0));
            self.store()
                .write(move |tx| {
                    for id in &ids {
                        let order = events::load(tx, *id)?.ok_or(Error::OrderNotFound)?;
                        orders::project(tx, *id, &order)?;
                        orders::project_lines(tx, *id, &order)?;
                    }
                    Ok::<_, Error>(())
                })
                .await?;
            after = Some(last);
        }
    }
}

/// An order that the visitor owns or, with `permission`, anybody's. Another's order is as good as none.
fn visible(db: &mut Db, visitor: &Visitor, id: OrderId, permission: Permission) -> Result<Order, Error> {
    let order = events::load(db, id)?.ok_or(Error::OrderNotFound)?;
    let staff = visitor.user.as_ref().is_some_and(|user| user.may(permission));
    if staff || visitor.owns(order.placed.user_id, order.placed.guest_hash.as_deref()) {
        Ok(order)
    } else {
        Err(Error::OrderNotFound)
    }
}

/// Whether the order waits for something that only the buyer can do.
fn awaits_buyer(order: &Order) -> bool {
    let acts = order.payments.last().and_then(|payment| payment.seen.as_ref());
    order.status == Status::AwaitingPayment
        && (order.is_payable() || acts.is_some_and(|seen| seen.next_action.is_some()))
}
