//! Sagas against a model of stock and of a provider, with crashes, lost answers, cancellations and late buyers between the steps.

use std::collections::BTreeMap;
use std::time::Duration;

use kernel::{CartId, Currency, ProductId, ReservationId, Timestamp, VariantId};
use proptest::prelude::*;

use crate::domain::event::{Event, Line, Placed};
use crate::domain::order::{Order, Status, Stock};
use crate::domain::payment::{NextAction, PaymentState, Snapshot};
use crate::domain::saga::{Step, next_step};

const TOTAL: i64 = 1999;
const START: Timestamp = Timestamp::from_micros(1_795_457_480_000_000);

/// What happens besides the saga's own steps.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Happening {
    /// The next step is taken and noted.
    Step,
    /// The next step is taken, but the process dies before it is noted.
    Crash,
    /// The buyer asks to cancel.
    Cancel,
    /// The buyer approves what waits for it.
    Approve,
    /// The buyer refuses it.
    Refuse,
    /// The buyer tries another payment, which will do this.
    Pay(Outcome),
    /// The time to pay runs out.
    TimePasses,
}

/// What the provider does with a payment.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Outcome {
    Authorizes,
    Declines,
    WaitsForBuyer,
    LosesTheAnswer,
    AuthorizesTooLittle,
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    use Outcome::*;
    prop::sample::select(vec![Authorizes, Declines, WaitsForBuyer, LosesTheAnswer, AuthorizesTooLittle])
}

fn happenings() -> impl Strategy<Value = Happening> {
    use Happening::*;
    prop_oneof![
        6 => Just(Step),
        3 => Just(Crash),
        1 => Just(Cancel),
        1 => Just(Approve),
        1 => Just(Refuse),
        1 => outcomes().prop_map(Pay),
        1 => Just(TimePasses),
    ]
}

/// The world outside of the order.
struct World {
    now: Timestamp,
    stock: Stock,
    has_stock: bool,
    /// The hold may have been taken by somebody else by the time it is committed.
    hold_lost: bool,
    capture_refused: bool,
    payments: BTreeMap<u32, Snapshot>,
}

impl World {
    /// Takes a step, and gives the facts to note.
    fn take(&mut self, step: &Step, order: &Order) -> Option<Vec<Event>> {
        let event = match step {
            Step::ReserveStock if self.stock == Stock::Released || !self.has_stock => {
                Event::StockRefused { reason: "insufficient_stock".to_owned() }
            }
            Step::ReserveStock => {
                self.stock = Stock::Held;
                Event::StockReserved
            }
            Step::CreatePayment(payment) => {
                let outcome = outcome_of(&payment.token);
                let made = self.payments.entry(payment.attempt).or_insert_with(|| make(outcome));
                if outcome == Outcome::LosesTheAnswer {
                    Event::PaymentUnknown { attempt: payment.attempt }
                } else {
                    Event::PaymentSeen { attempt: payment.attempt, snapshot: made.clone() }
                }
            }
            Step::AskPayment(payment) => match self.payments.get(&payment.attempt) {
                Some(snapshot) => Event::PaymentSeen { attempt: payment.attempt, snapshot: snapshot.clone() },
                None => Event::PaymentNotFound { attempt: payment.attempt },
            },
            Step::CommitStock if self.hold_lost => {
                Event::CancelRequested { reason: "reservation_gone".to_owned(), by: None }
            }
            Step::CommitStock => {
                self.stock = Stock::Committed;
                Event::StockCommitted
            }
            Step::CapturePayment(payment) => self.change(payment.attempt, |refused, made| {
                if made.state == PaymentState::Authorized {
                    if refused {
                        made.state = PaymentState::Declined;
                    } else {
                        made.state = PaymentState::Captured;
                        made.captured = made.authorized;
                    }
                }
            }),
            Step::VoidPayment(payment) => self.change(payment.attempt, |_, made| {
                if !matches!(made.state, PaymentState::Captured | PaymentState::Declined) {
                    made.state = PaymentState::Voided;
                }
            }),
            Step::RefundPayment(payment) => {
                self.change(payment.attempt, |_, made| made.refunded = made.captured)
            }
            Step::ReleaseStock => {
                self.stock = Stock::Released;
                Event::StockReleased
            }
            Step::Confirm => Event::Confirmed,
            Step::GiveUp(reason) => Event::CancelRequested { reason: (*reason).to_owned(), by: None },
            Step::BeginExpiry => Event::ExpiryBegan,
            Step::FinishUndoing if order.status == Status::Expiring => Event::Expired,
            Step::FinishUndoing => Event::Cancelled,
            Step::WaitUntil(_) | Step::Rest => return None,
        };
        Some(vec![event])
    }

    fn change(&mut self, attempt: u32, change: impl Fn(bool, &mut Snapshot)) -> Event {
        let made = self.payments.entry(attempt).or_insert_with(|| Snapshot::void("never"));
        change(self.capture_refused, made);
        Event::PaymentSeen { attempt, snapshot: made.clone() }
    }

    /// The buyer decides about whatever waits.
    fn decide(&mut self, state: PaymentState) {
        for made in self.payments.values_mut().filter(|made| made.state == PaymentState::RequiresAction) {
            made.state = state;
            made.next_action = None;
            made.authorized = if state == PaymentState::Authorized { TOTAL } else { 0 };
        }
    }
}

fn make(outcome: Outcome) -> Snapshot {
    let (state, authorized) = match outcome {
        Outcome::Authorizes | Outcome::LosesTheAnswer => (PaymentState::Authorized, TOTAL),
        Outcome::AuthorizesTooLittle => (PaymentState::Authorized, TOTAL - 1),
        Outcome::Declines => (PaymentState::Declined, 0),
        Outcome::WaitsForBuyer => (PaymentState::RequiresAction, 0),
    };
    let next_action = (state == PaymentState::RequiresAction)
        .then(|| NextAction { redirect_url: "https://pay.example".to_owned() });
    Snapshot { state, authorized, next_action, ..Snapshot::void("p") }
}

fn outcome_of(token: &str) -> Outcome {
    match token {
        "Declines" => Outcome::Declines,
        "WaitsForBuyer" => Outcome::WaitsForBuyer,
        "LosesTheAnswer" => Outcome::LosesTheAnswer,
        "AuthorizesTooLittle" => Outcome::AuthorizesTooLittle,
        _ => Outcome::Authorizes,
    }
}

fn started(attempt: u32, outcome: Outcome) -> Event {
    Event::PaymentStarted { attempt, provider: "model".to_owned(), token: format!("{outcome:?}") }
}

fn place(first: Outcome) -> Order {
    let line = Line {
        variant_id: VariantId::new(),
        product_id: ProductId::new(),
        sku: "S".to_owned(),
        name: "Thing".to_owned(),
        quantity: 1,
        unit_price: TOTAL,
        total: TOTAL,
    };
    let placed = Placed {
        number: "R-2026-000001".to_owned(),
        user_id: None,
        guest_hash: None,
        email: "a@b.example".to_owned(),
        cart_id: CartId::new(),
        currency: Currency::EUR,
        lines: vec![line],
        total: TOTAL,
        shipping_address: None,
        reservation_id: ReservationId::new(),
        pay_until: START.plus(Duration::from_secs(900)),
    };
    let mut order = Order::place(placed, START);
    order.apply(started(1, first), START).unwrap();
    order
}

fn run(world: &mut World, order: &mut Order, happening: Happening) {
    let before = order.status;
    let now = world.now;
    let note = |order: &mut Order, events: Vec<Event>| {
        for event in events {
            if order.would_change(&event) {
                order.apply(event, now).unwrap();
            }
        }
    };
    match happening {
        Happening::Step | Happening::Crash => {
            let step = next_step(order, now);
            if let Some(facts) = world.take(&step, order)
                && happening == Happening::Step
            {
                note(order, facts);
            }
        }
        Happening::Cancel if order.is_cancellable() => {
            note(order, vec![Event::CancelRequested { reason: "asked_for".to_owned(), by: None }]);
        }
        Happening::Approve => world.decide(PaymentState::Authorized),
        Happening::Refuse => world.decide(PaymentState::Declined),
        Happening::Pay(outcome) if order.is_payable() => {
            let attempt = u32::try_from(order.payments.len() + 1).unwrap();
            note(order, vec![started(attempt, outcome)]);
        }
        Happening::TimePasses => world.now = world.now.plus(Duration::from_secs(600)),
        Happening::Cancel | Happening::Pay(_) => {}
    }
    assert!(
        before == order.status || !matches!(before, Status::Cancelled | Status::Expired | Status::Rejected),
        "left a terminal status: {before:?} -> {:?}",
        order.status
    );
}

#[test]
fn money_of_a_payment_that_was_thought_dead_is_given_back_beside_the_one_that_paid() {
    let mut world = World {
        now: START,
        stock: Stock::None,
        has_stock: true,
        hold_lost: false,
        capture_refused: false,
        payments: BTreeMap::new(),
    };
    let mut order = place(Outcome::Declines);
    for happening in [Happening::Step; 2].into_iter().chain([Happening::Pay(Outcome::Authorizes)]) {
        run(&mut world, &mut order, happening);
    }
    for _ in 0..10 {
        run(&mut world, &mut order, Happening::Step);
    }
    assert_eq!(order.status, Status::Confirmed);
    let late =
        Snapshot { state: PaymentState::Captured, authorized: TOTAL, captured: TOTAL, ..Snapshot::void("p") };
    world.payments.insert(1, late.clone());
    order.apply(Event::PaymentSeen { attempt: 1, snapshot: late }, START).unwrap();
    for _ in 0..5 {
        run(&mut world, &mut order, Happening::Step);
    }
    assert_eq!(order.status, Status::Confirmed);
    assert_eq!(world.payments.values().map(Snapshot::net_captured).sum::<i64>(), TOTAL);
    assert_eq!(next_step(&order, world.now), Step::Rest);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_saga_ends_with_stock_and_money_agreeing(
        first in outcomes(),
        has_stock in prop::bool::weighted(0.9),
        hold_lost in prop::bool::weighted(0.1),
        capture_refused in prop::bool::weighted(0.1),
        happenings in prop::collection::vec(happenings(), 0..40),
    ) {
        let mut order = place(first);
        let mut world = World {
            now: START, stock: Stock::None, has_stock, hold_lost, capture_refused, payments: BTreeMap::new(),
        };
        for happening in happenings {
            run(&mut world, &mut order, happening);
        }
        // From here on nothing but the saga and time moves.
        for _ in 0..60 {
            run(&mut world, &mut order, Happening::Step);
        }
        world.now = world.now.plus(Duration::from_secs(3600));
        for _ in 0..60 {
            run(&mut world, &mut order, Happening::Step);
        }

        let net: i64 = world.payments.values().map(Snapshot::net_captured).sum();
        let set_aside = world.payments.values().any(|made| made.state == PaymentState::Authorized);
        match order.status {
            Status::Confirmed => {
                prop_assert_eq!(world.stock, Stock::Committed);
                prop_assert_eq!(net, TOTAL);
            }
            Status::Cancelled | Status::Expired | Status::Rejected => {
                prop_assert!(!matches!(world.stock, Stock::Held | Stock::Committed));
                prop_assert_eq!(net, 0);
                prop_assert!(!set_aside, "money is still set aside");
            }
            other => prop_assert!(false, "did not end: {other:?} {order:?}"),
        }
        for made in world.payments.values() {
            prop_assert!(made.refunded <= made.captured && made.captured <= made.authorized);
            prop_assert!(made.authorized <= TOTAL);
        }
    }
}
