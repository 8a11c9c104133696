mod table;
mod world;

use std::time::Duration;

use kernel::Timestamp;

use super::*;
use crate::peel::Verdict;

/// A handover in a state, as it was ordered.
pub(crate) fn handover(state: State, base: Base) -> Handover {
    let now = Timestamp::from_micros(0);
    let site = |store: &str| Site { store: store.to_owned(), as_configured: false, nodes: Vec::new() };
    Handover {
        id: OperationId::new(),
        module: "order".into(),
        kind: Kind::Extract,
        plan: MovePlan {
            base,
            source: site("sqlite:a"),
            target: site("sqlite:b"),
            max_pause_ms: 1000,
            rehearse: false,
            finish: false,
            patience_ms: 1000,
            watch_ms: 1000,
        },
        epoch: 1,
        state,
        facts: Facts::default(),
        cancelled: false,
        reason: None,
        began_at: now,
        state_at: now,
        ended_at: None,
    }
}

/// A driver that has just been started sees the stores and nothing else.
fn fresh(source: StoreSeen, target: StoreSeen) -> Sight {
    Sight {
        source,
        target,
        holds: false,
        overdue: false,
        fit: false,
        ready: true,
        close: false,
        verified: false,
        proved: false,
        followed: true,
        unready: Duration::ZERO,
        lasted: Duration::ZERO,
        verdict: Verdict::Wait,
    }
}
