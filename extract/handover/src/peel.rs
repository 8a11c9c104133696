//! One change of a module's placement over its shared store, as plain data and transitions.
//!
//! ```text
//! extract   preparing ─▶ shadowing ─▶ shifting 0 ─▶ … ─▶ shifting n ─▶ settling ─▶ done
//!               │            │            │                   │           │
//!               └────────────┴────────────┴───────────────────┴───────────┴─▶ undoing ─▶ undone
//! ```
//!
//! The node may be several, each an instance of the module; they are one place.
//!
//! An absorb takes the same way with the weights falling. What traffic, callers and workers do is a pure function of kind
//! and phase ([`Operation::routing`]): there is no other record of it that could disagree after a crash.
//!
//! Both processes may write the shared store, through its transactions and leases. So every phase is safe for as long as it
//! lasts, in any order of failures; the phases are there to find out that the new place does not work while few notice.

use std::time::Duration;

use kernel::{Id, IdKind, Timestamp};
use serde::{Deserialize, Serialize};

use crate::control::NodeId;

/// Kind of [`OperationId`].
pub enum OperationKind {}
impl IdKind for OperationKind {
    const PREFIX: &'static str = "opn";
}
/// Names an operation.
pub type OperationId = Id<OperationKind>;

/// Which way the module goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Out of home.
    Extract,
    /// Back home.
    Absorb,
}

/// How it goes there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Percent of traffic at the node, one after another. Rising to 100 for an extract, falling to 0 for an absorb.
    pub weights: Vec<u8>,
    /// Least time at each weight, in milliseconds.
    pub hold_ms: u64,
    /// How long requests are copied to the node before any is answered by it, in milliseconds; 0 for not at all.
    pub shadow_ms: u64,
    /// How long the node may take to be ready, and what was entered to leave, in milliseconds.
    pub patience_ms: u64,
}

/// The plan does not lead where the operation should go.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPlan {
    /// As the text says.
    #[error("weights must rise from 1 to 100 and end with 100, as in 1,10,50,100")]
    Rising,
    /// As the text says.
    #[error("weights must fall from 99 to 0 and end with 0, as in 50,10,0")]
    Falling,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The place that the module goes to is made ready.
    Preparing,
    /// Requests are copied to the node; none is answered by it.
    Shadowing,
    /// Traffic is at the weight with this index.
    Shifting(usize),
    /// All traffic has moved; callers and workers follow, and what was entered before ends.
    Settling,
    /// Everything goes back to where it was.
    Undoing,
    /// The module is where it should be.
    Done,
    /// The module is where it was.
    Undone,
}

/// One change of a module's placement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Operation {
    /// Its name.
    pub id: OperationId,
    /// What goes.
    pub module: String,
    /// Which way.
    pub kind: Kind,
    /// How.
    pub plan: Plan,
    /// How far it is.
    pub phase: Phase,
    /// The nodes at the other end.
    pub nodes: Vec<NodeId>,
    /// Why it was undone.
    pub reason: Option<String>,
    /// Whether somebody asked for it to be undone.
    pub cancelled: bool,
    /// When it began.
    pub began_at: Timestamp,
    /// When its phase began.
    pub phase_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// What the driver sees of the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// How long the phase has lasted.
    pub lasted: Duration,
    /// Whether the place that the module goes to answers and can serve.
    pub ready: bool,
    /// Whether every node has taken over the routing of this phase, and what was entered before has ended.
    pub settled: bool,
    /// How the node does, compared with home.
    pub verdict: Verdict,
}

/// How the node does, compared with home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// As well as home.
    Pass,
    /// Too little was seen to tell.
    Wait,
    /// Worse than allowed.
    Fail(String),
}

/// What follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Move {
    /// Nothing yet.
    Stay,
    /// The next phase.
    To(Phase),
    /// Everything goes back, because of this.
    Undo(String),
}

/// Where things go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Routing {
    /// Percent of public traffic that goes to the node.
    pub weight: u8,
    /// Whether other modules' calls go to the node.
    pub callers_remote: bool,
    /// Whether the background work is the node's alone.
    pub workers_remote: bool,
    /// Percent of requests copied to the node.
    pub shadow_percent: u8,
}

// === impl Plan ===

impl Plan {
    /// The plan, if it leads where `kind` goes.
    ///
    /// # Errors
    /// Says what the weights must be.
    pub fn checked(self, kind: Kind) -> Result<Self, InvalidPlan> {
        let ends = self.weights.last().copied();
        match kind {
            Kind::Extract => {
                let rises = self.weights.is_sorted_by(|a, b| a < b);
                let from = self.weights.first().is_some_and(|first| *first >= 1);
                if rises && from && ends == Some(100) { Ok(self) } else { Err(InvalidPlan::Rising) }
            }
            Kind::Absorb => {
                let falls = self.weights.is_sorted_by(|a, b| a > b);
                let from = self.weights.first().is_some_and(|first| *first <= 99);
                if falls && from && ends == Some(0) { Ok(self) } else { Err(InvalidPlan::Falling) }
            }
        }
    }
}

// === impl Routing ===

impl Routing {
    /// All at home.
    pub const HOME: Self =
        Self { weight: 0, callers_remote: false, workers_remote: false, shadow_percent: 0 };
    /// All at the node.
    pub const NODE: Self =
        Self { weight: 100, callers_remote: true, workers_remote: true, shadow_percent: 0 };
}

// === impl Operation ===

impl Operation {
    /// Where things go in this phase.
    pub fn routing(&self) -> Routing {
        let (from, to) = match self.kind {
            Kind::Extract => (Routing::HOME, Routing::NODE),
            Kind::Absorb => (Routing::NODE, Routing::HOME),
        };
        // While traffic is at both places, so is the background work: leases keep the two apart.
        let both = Routing { workers_remote: false, ..from };
        match self.phase {
            Phase::Preparing => both,
            Phase::Shadowing => Routing { shadow_percent: 100, ..both },
            Phase::Shifting(step) => {
                let weight = self.plan.weights.get(step).copied().unwrap_or(to.weight);
                Routing { weight, ..both }
            }
            Phase::Settling | Phase::Done => to,
            Phase::Undoing | Phase::Undone => from,
        }
    }

    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Done | Phase::Undone)
    }

    /// What follows from what is seen.
    pub fn next(&self, seen: &Seen) -> Move {
        let within = |limit: u64| seen.lasted < Duration::from_millis(limit);
        let undoable = !matches!(self.phase, Phase::Undoing | Phase::Done | Phase::Undone);
        if self.cancelled && undoable {
            return Move::Undo("an operator asked for it".to_owned());
        }
        match self.phase {
            Phase::Done | Phase::Undone => Move::Stay,
            Phase::Preparing if seen.ready => Move::To(self.first()),
            Phase::Preparing if within(self.plan.patience_ms) => Move::Stay,
            Phase::Preparing => Move::Undo("the place it goes to was not ready in time".to_owned()),
            Phase::Shadowing | Phase::Shifting(_) if !seen.ready => {
                Move::Undo("the place it goes to does not answer".to_owned())
            }
            Phase::Shadowing => match &seen.verdict {
                Verdict::Fail(reason) => Move::Undo(reason.clone()),
                _ if within(self.plan.shadow_ms) => Move::Stay,
                Verdict::Pass => Move::To(Phase::Shifting(0)),
                Verdict::Wait if within(self.plan.shadow_ms.saturating_mul(3)) => Move::Stay,
                // Somebody wanted to know, and it is not known.
                Verdict::Wait => Move::Undo("too few reads came to compare the two places by".to_owned()),
            },
            Phase::Shifting(step) => match &seen.verdict {
                Verdict::Fail(reason) => Move::Undo(reason.clone()),
                _ if within(self.plan.hold_ms) => Move::Stay,
                // Too little traffic to tell: what nobody uses is not held up for ever.
                Verdict::Wait if within(self.plan.hold_ms.saturating_mul(3)) => Move::Stay,
                _ if step + 1 < self.plan.weights.len() => Move::To(Phase::Shifting(step + 1)),
                _ => Move::To(Phase::Settling),
            },
            Phase::Settling if seen.settled || !within(self.plan.patience_ms) => Move::To(Phase::Done),
            Phase::Undoing if seen.settled || !within(self.plan.patience_ms) => Move::To(Phase::Undone),
            Phase::Settling | Phase::Undoing => Move::Stay,
        }
    }

    fn first(&self) -> Phase {
        match self.kind {
            Kind::Extract if self.plan.shadow_ms > 0 => Phase::Shadowing,
            _ => Phase::Shifting(0),
        }
    }
}

#[cfg(test)]
mod tests;
