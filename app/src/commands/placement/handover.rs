//! How a handover is shown.

use handover::{Kind, State};

use crate::exit::say;
use crate::figures;
use crate::home::HandoverView;

/// Shows how far it is: a line, or an object.
pub(in crate::commands) fn show(view: &HandoverView, json: bool) {
    if json {
        return say(&serde_json::to_string(view).unwrap_or_default());
    }
    say(&line(view));
}

/// How far it is, as a line.
fn line(view: &HandoverView) -> String {
    let (module, now) = (&view.module, &view.now);
    let direction = match view.kind {
        Kind::Extract => "out of home",
        Kind::Absorb => "back home",
    };
    let mut line = format!(
        "{module}: {}",
        match view.state {
            State::Begun => format!("going {direction} with its data, to {}", view.target),
            State::Prepared => "the new store can be filled".to_owned(),
            State::Copying => format!("copying {}", view.source),
            State::CatchingUp => "changes stream to the copy".to_owned(),
            State::Verified => "both stores hold the same".to_owned(),
            State::Sealing => "requests wait, the old store is being sealed".to_owned(),
            State::Drained => "the new store has every change".to_owned(),
            State::Committed =>
                format!("the new store is the owner, in epoch {}", view.epoch.saturating_add(1)),
            State::Activated => "the new store takes writes".to_owned(),
            State::Routed => "every process sends its requests to the new place".to_owned(),
            State::Watched => match view.kind {
                Kind::Extract => "is at the new place; changes stream back to the old store".to_owned(),
                Kind::Absorb => "is at home again; changes stream to the store that it left".to_owned(),
            },
            State::Completing => "the old store is put aside".to_owned(),
            State::Complete => match view.kind {
                Kind::Extract => "is at the new place for good".to_owned(),
                Kind::Absorb => "is at home again for good".to_owned(),
            },
            State::Reopening => "going back, the old store is opened again".to_owned(),
            State::Aborting => "going back, the new store is removed".to_owned(),
            State::Aborted => "is where it was".to_owned(),
            State::Standby => "is where it was; the other store goes on following".to_owned(),
            State::Superseded => "another handover goes on from here".to_owned(),
        }
    );
    let left = || now.eta_ms.map_or(String::new(), |eta| format!(", {} left", figures::seconds(eta)));
    if now.total > 0 && view.state == State::Copying {
        let mib = |bytes: u64| bytes >> 20;
        let (done, total, rate) = (mib(now.done), mib(now.total), mib(now.rate));
        line = format!("{line}: {done} of {total} MiB ({rate} MiB a second{})", left());
    } else if now.total > 0 {
        line = format!(
            "{line}; comparing: {} of {} rows ({} a second{})",
            now.done,
            now.total,
            now.rate,
            left()
        );
    } else if now.lag > 0 {
        line = format!("{line}; {} changes behind ({} rows a second{})", now.lag, now.rate, left());
    }
    if let Some(waiting) = now.waiting_ms {
        line = format!("{line}; requests have been waiting for {waiting} ms");
    }
    if let (Some(pause), true) = (view.facts.pause_us, shows_pause(view.state)) {
        line = format!("{line}; requests waited for {}", figures::millis(pause));
    }
    if let Some(reason) = view.reason.as_ref().filter(|_| went_back(view.state)) {
        line = format!("{line}: {reason}");
    }
    if let Some(trouble) = &now.trouble {
        line = format!("{line}; TROUBLE: {trouble}");
    }
    line
}

/// Whether it went back because that was all that was wanted.
pub(super) fn was_rehearsed(view: &HandoverView) -> bool {
    view.rehearse && view.facts.pause_us.is_some() && view.reason.as_deref() == Some(handover::REHEARSED)
}

fn shows_pause(state: State) -> bool {
    matches!(state, State::Routed | State::Watched | State::Aborting | State::Aborted | State::Standby)
}

fn went_back(state: State) -> bool {
    matches!(state, State::Reopening | State::Aborting | State::Aborted | State::Standby)
}

#[cfg(test)]
mod tests {
    use kernel::Timestamp;

    use super::*;

    fn view(state: State, now: serde_json::Value) -> HandoverView {
        let mut all = serde_json::json!({
            "done": 0, "total": 0, "rate": 0, "eta_ms": null, "lag": 0, "waiting_ms": null, "trouble": null
        });
        if let (Some(all), Some(now)) = (all.as_object_mut(), now.as_object()) {
            all.extend(now.clone());
        }
        let json = serde_json::json!({
            "id": handover::OperationId::new(), "module": "order", "kind": "extract", "state": state,
            "source": "sqlite:/a", "target": "sqlite:/b", "epoch": 1, "rehearse": false, "finishes": false,
            "reason": null, "facts": {}, "now": all, "advice": null, "began_at": Timestamp::now(), "ended_at": null
        });
        serde_json::from_value(json).expect("a view")
    }

    #[test]
    fn a_copy_is_told_with_its_rate_and_the_time_that_is_left() {
        let now = serde_json::json!({"done": 300 << 20, "total": 1000_u64 << 20, "rate": 200 << 20, "eta_ms": 3500});
        let told = line(&view(State::Copying, now));
        assert_eq!(told, "order: copying sqlite:/a: 300 of 1000 MiB (200 MiB a second, 3.5 s left)");
    }

    #[test]
    fn what_streams_is_told_with_its_lag_and_what_is_compared_with_its_rows() {
        let lag = serde_json::json!({"lag": 1200, "rate": 4000, "eta_ms": 300});
        let told = line(&view(State::CatchingUp, lag));
        assert_eq!(
            told,
            "order: changes stream to the copy; 1200 changes behind (4000 rows a second, 0.3 s left)"
        );
        let rows = serde_json::json!({"done": 500, "total": 900, "rate": 100, "eta_ms": 4000});
        let told = line(&view(State::CatchingUp, rows));
        assert!(told.ends_with("comparing: 500 of 900 rows (100 a second, 4.0 s left)"), "{told}");
    }

    #[test]
    fn waiting_requests_and_trouble_are_told_while_they_last() {
        let now = serde_json::json!({"waiting_ms": 812, "trouble": "nod_x did not follow"});
        let told = line(&view(State::Sealing, now));
        assert!(
            told.ends_with("requests have been waiting for 812 ms; TROUBLE: nod_x did not follow"),
            "{told}"
        );
    }
}
