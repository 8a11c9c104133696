//! Reports about one payment combine in any order.

use proptest::prelude::*;

use crate::domain::payment::{NextAction, PaymentState, Snapshot};

pub(super) fn states() -> impl Strategy<Value = PaymentState> {
    prop::sample::select(vec![
        PaymentState::Processing,
        PaymentState::RequiresAction,
        PaymentState::Authorized,
        PaymentState::Declined,
        PaymentState::Voided,
        PaymentState::Captured,
    ])
}

fn snapshots() -> impl Strategy<Value = Snapshot> {
    (states(), 0_i64..3, 0_i64..3, 0_i64..3, any::<bool>()).prop_map(
        |(state, authorized, captured, refunded, acts)| Snapshot {
            state,
            authorized,
            captured,
            refunded,
            next_action: (acts && state == PaymentState::RequiresAction)
                .then(|| NextAction { redirect_url: "https://pay.example".to_owned() }),
            decline_code: (state == PaymentState::Declined).then(|| "card_declined".to_owned()),
            ..Snapshot::void("p1")
        },
    )
}

proptest! {
    #[test]
    fn any_order_and_repetition_of_reports_ends_the_same(
        reports in prop::collection::vec(snapshots(), 1..6),
        order in any::<prop::sample::Index>(),
    ) {
        let join = |reports: &[Snapshot]| {
            reports.iter().skip(1).fold(reports[0].clone(), |known, report| known.join(report))
        };
        let mut shuffled = reports.clone();
        shuffled.rotate_left(order.index(reports.len()));
        shuffled.reverse();
        shuffled.extend(reports.iter().cloned());
        prop_assert_eq!(join(&reports), join(&shuffled));
    }

    #[test]
    fn totals_never_fall(known in snapshots(), report in snapshots()) {
        let joined = known.join(&report);
        prop_assert!(joined.authorized >= known.authorized && joined.captured >= known.captured);
        prop_assert!(joined.refunded >= known.refunded && joined.state >= known.state);
    }
}
