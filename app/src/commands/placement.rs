//! `banyan extract`, `absorb`, `rollback`: orders that take a while, shown step by step.

pub(super) mod handover;

use std::time::Duration;

use ::handover::{Kind, Phase, State};

use crate::cli::{Away, Back, DataChoice, Remote};
use crate::exit::{Failure, say};
use crate::home::{
    AbsorbOrder, Begun, CompleteOrder, ExtractOrder, HandoverView, OperationView, RollbackOrder,
};
use crate::host::ModuleName;
use crate::operator::Operator;
use crate::{config, logging};

/// Takes a module out of home.
pub(super) fn extract(module: ModuleName, away: Away, remote: &Remote) -> Result<(), Failure> {
    if matches!(away.data, DataChoice::Shared) && (away.store.is_some() || away.rehearse) {
        return Err(Failure::Usage(
            "--store and --rehearse are for a module that takes its data along: add --data move".to_owned(),
        ));
    }
    let order = ExtractOrder {
        module: module.as_str().to_owned(),
        to: away.to,
        instances: away.instances,
        weights: away.weights,
        hold_ms: millis(away.hold),
        shadow_ms: away.shadow.map_or(0, millis),
        store: away.store,
        max_pause_ms: millis(away.max_pause),
        rehearse: away.rehearse,
        watch_ms: millis(away.watch),
    };
    run(remote, "extract", &order)
}

/// Brings a module back.
pub(super) fn absorb(module: ModuleName, back: Back, remote: &Remote) -> Result<(), Failure> {
    let order = AbsorbOrder {
        module: module.as_str().to_owned(),
        weights: back.weights,
        hold_ms: millis(back.hold),
        max_pause_ms: millis(back.max_pause),
        watch_ms: millis(back.watch),
    };
    run(remote, "absorb", &order)
}

/// Undoes what runs, or brings the module back at once.
pub(super) fn rollback(module: ModuleName, max_pause: Duration, remote: &Remote) -> Result<(), Failure> {
    let order = RollbackOrder { module: module.as_str().to_owned(), max_pause_ms: millis(max_pause) };
    run(remote, "rollback", &order)
}

/// Ends the watch after a module moved with its data.
pub(super) fn complete(module: ModuleName, remote: &Remote) -> Result<(), Failure> {
    run(remote, "complete", &CompleteOrder { module: module.as_str().to_owned() })
}

fn run(remote: &Remote, path: &str, order: &impl serde::Serialize) -> Result<(), Failure> {
    let config = config::load(remote.common.config.as_deref())?;
    logging::install(&config.log);
    let operator = Operator::new(&config, remote.home.clone())?;
    let runtime = super::runtime()?;
    let ended = runtime.block_on(async {
        Ok::<_, Failure>(match operator.post(path, order).await? {
            Begun::Operation(begun) => {
                Begun::Operation(operator.watch(begun, |view| show(view, remote.json)).await?)
            }
            Begun::Handover(begun) => {
                let shown = |view: &HandoverView| handover::show(view, remote.json);
                Begun::Handover(Box::new(operator.watch_handover(*begun, shown).await?))
            }
        })
    })?;
    let undone = |reason: Option<String>| {
        Err(Failure::Undone(reason.unwrap_or_else(|| "no reason is known".to_owned())))
    };
    match ended {
        // Whoever rolls back wants it undone, but not the way back itself.
        Begun::Handover(ended) if path == "rollback" && ended.finishes && ended.state == State::Standby => {
            undone(ended.reason)
        }
        Begun::Operation(ended) if ended.phase == Phase::Undone && path != "rollback" => undone(ended.reason),
        Begun::Handover(ended)
            if matches!(ended.state, State::Aborted | State::Standby)
                && matches!(path, "extract" | "absorb")
                && !handover::was_rehearsed(&ended) =>
        {
            undone(ended.reason)
        }
        _ => Ok(()),
    }
}

fn show(view: &OperationView, json: bool) {
    if json {
        return say(&serde_json::to_string(view).unwrap_or_default());
    }
    let (module, weight) = (&view.module, view.weight);
    let direction = match view.kind {
        Kind::Extract => "out of home",
        Kind::Absorb => "back home",
    };
    say(&match view.phase {
        Phase::Preparing => format!("{module}: going {direction}, making the place ready"),
        Phase::Shadowing => format!("{module}: requests are copied to the node"),
        Phase::Shifting(_) => format!("{module}: {weight} % of the traffic is at the node"),
        Phase::Settling => format!("{module}: callers and background work follow"),
        Phase::Undoing => {
            format!("{module}: going back: {}", view.reason.as_deref().unwrap_or("no reason is known"))
        }
        Phase::Done => match view.kind {
            Kind::Extract => format!("{module}: runs at the node"),
            Kind::Absorb => format!("{module}: runs at home"),
        },
        Phase::Undone => format!("{module}: is where it was"),
    });
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
