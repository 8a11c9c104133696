//! What follows from what is written down and seen.

use std::time::Duration;

use super::{Base, Handover, Ownership, State, StoreSeen};
use crate::peel::{OperationId, Verdict};

/// Why a rehearsal goes back.
pub const REHEARSED: &str = "it was a rehearsal";

/// What the driver sees. The stores' rows decide what is right; the rest, when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    /// The source's ownership.
    pub source: StoreSeen,
    /// The target's.
    pub target: StoreSeen,
    /// Whether this driver itself began the switch, so that it knows how long requests have been waiting. Never after a crash.
    pub holds: bool,
    /// Whether the pause has lasted for as long as it may.
    pub overdue: bool,
    /// Whether the target was looked at and found fit to be filled.
    pub fit: bool,
    /// Whether the target's processes have its store open and can serve; in the switch, whether they are alive.
    pub ready: bool,
    /// Whether what is still to be applied takes less than half of the pause.
    pub close: bool,
    /// Whether this driver has found both stores equal, lately, and nobody else wrote the target since.
    pub verified: bool,
    /// Whether, besides being drained, what changed since was found equal and the target can be written.
    pub proved: bool,
    /// Whether every process follows what was decided last.
    pub followed: bool,
    /// For how long this driver has seen the target not ready.
    pub unready: Duration,
    /// How long the state has lasted.
    pub lasted: Duration,
    /// How the target does while it is watched.
    pub verdict: Verdict,
}

/// What follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Nothing yet.
    Stay,
    /// Make it so. Doing it again changes nothing.
    Do(Effect),
    /// This state holds now: write it down.
    Enter(State),
    /// Write down that it goes back, by this state, for this reason.
    Back(State, String),
    /// Begin another handover that goes back, for this reason.
    Reverse(String),
    /// It cannot go on by itself, for this reason. What the stores hold is safe.
    Stuck(String),
}

/// What changes the stores, or asks them something that takes long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Look whether the target can be filled, and clear away what an older handover left.
    Prepare,
    /// Capture changes at the source and copy it.
    Copy,
    /// Bring changes to the target.
    Apply,
    /// Compare the stores.
    Verify,
    /// Wait for who is inside, then refuse writes in the source.
    Seal,
    /// Bring the last changes to the target and prove that it can take over.
    Drain,
    /// Open the target.
    Activate,
    /// Open the source again.
    Reopen,
    /// Remove the target and end the capture.
    CleanUp,
    /// Put the source aside and end the capture.
    Retire,
}

// === impl Handover ===

impl Handover {
    /// What follows.
    pub fn next(&self, sight: &Sight) -> Next {
        if let (Some(reason), Some(back)) = (self.wants_back(sight), self.way_back()) {
            return Next::Back(back, reason);
        }
        match self.state {
            State::Begun if sight.fit => Next::Enter(State::Prepared),
            State::Begun => Next::Do(Effect::Prepare),
            State::Prepared => Next::Enter(match self.plan.base {
                Base::Copy => State::Copying,
                Base::Follow(_) => State::CatchingUp,
            }),
            State::Copying if self.is_filled(sight.target) => Next::Enter(State::CatchingUp),
            State::Copying => Next::Do(Effect::Copy),
            State::CatchingUp if !self.is_filled(sight.target) => self.lost("the target"),
            State::CatchingUp if sight.close && sight.ready && sight.verified => Next::Enter(State::Verified),
            State::CatchingUp if sight.close && sight.ready => Next::Do(Effect::Verify),
            State::CatchingUp => Next::Do(Effect::Apply),
            State::Verified if !sight.verified || !sight.ready => Next::Enter(State::CatchingUp),
            State::Verified if sight.close => Next::Enter(State::Sealing),
            State::Verified => Next::Do(Effect::Apply),
            State::Sealing if !self.is_sealed(sight.source) => Next::Do(Effect::Seal),
            State::Sealing if self.is_drained(sight) && sight.proved => Next::Enter(State::Drained),
            State::Sealing => Next::Do(Effect::Drain),
            State::Drained => Next::Enter(State::Committed),
            State::Committed if self.is_active(sight.target) => Next::Enter(State::Activated),
            State::Committed if self.can_activate(sight.target) => Next::Do(Effect::Activate),
            State::Committed => {
                Next::Stuck("the target, which owns the module now, cannot be read".to_owned())
            }
            State::Activated if sight.followed => Next::Enter(State::Routed),
            State::Activated => Next::Stay,
            State::Routed => Next::Enter(State::Watched),
            State::Watched if self.plan.finish => Next::Enter(State::Completing),
            State::Watched => match &sight.verdict {
                Verdict::Fail(reason) if sight.lasted < Duration::from_millis(self.plan.watch_ms) => {
                    Next::Reverse(reason.clone())
                }
                _ => Next::Do(Effect::Apply),
            },
            // It may have gone back before the stores were its own.
            State::Standby if !self.is_adopted(sight) => Next::Do(Effect::Prepare),
            State::Standby => Next::Do(Effect::Apply),
            State::Completing if self.is_retired(sight) => Next::Enter(State::Complete),
            State::Completing => Next::Do(Effect::Retire),
            State::Reopening if !self.is_reopened(sight.source) => Next::Do(Effect::Reopen),
            State::Reopening if sight.followed => Next::Enter(match self.plan.base {
                Base::Copy => State::Aborting,
                Base::Follow(_) => State::Standby,
            }),
            State::Reopening => Next::Stay,
            State::Aborting if self.is_cleaned_up(sight) => Next::Enter(State::Aborted),
            State::Aborting => Next::Do(Effect::CleanUp),
            State::Complete | State::Aborted | State::Superseded => Next::Stay,
        }
    }

    /// Where a handover goes that does not go on; `None` if it must.
    pub fn way_back(&self) -> Option<State> {
        match self.state {
            // Nobody was refused anything yet.
            State::Begun | State::Prepared | State::Copying | State::CatchingUp | State::Verified => {
                Some(match self.plan.base {
                    Base::Follow(_) => State::Standby,
                    Base::Copy => State::Aborting,
                })
            }
            State::Sealing | State::Drained => Some(State::Reopening),
            _ => None,
        }
    }

    /// Why it should not go on.
    fn wants_back(&self, sight: &Sight) -> Option<String> {
        let patient = sight.unready < Duration::from_millis(self.plan.patience_ms);
        if self.cancelled {
            return Some("an operator asked for it".to_owned());
        }
        match self.state {
            State::Sealing | State::Drained if !sight.holds => {
                Some("home stopped in the middle of the switch".to_owned())
            }
            State::Drained if self.plan.rehearse => Some(REHEARSED.to_owned()),
            State::Sealing | State::Drained if sight.overdue => {
                Some(format!("requests would have waited for longer than {} ms", self.plan.max_pause_ms))
            }
            // What waits would be released to nobody.
            State::Sealing | State::Drained if !sight.ready => {
                Some("a process that it goes to has ended, or does not answer".to_owned())
            }
            // Filling it takes as long as it takes; being able to serve does not.
            State::CatchingUp if !sight.ready && !patient => {
                Some("the place it goes to was not ready in time".to_owned())
            }
            _ => None,
        }
    }

    fn lost(&self, what: &str) -> Next {
        match self.way_back() {
            Some(back) => Next::Back(back, format!("{what} is gone, or is not this handover's any more")),
            None => Next::Stuck(format!("{what} is gone")),
        }
    }

    fn is_mine(&self, seen: StoreSeen) -> Option<Ownership> {
        match seen {
            StoreSeen::Owned(row) if row.operation == Some(self.id) => Some(row),
            _ => None,
        }
    }

    /// Whether the store belongs to this handover, or still to the one that it goes on from.
    fn is_ours(&self, operation: Option<OperationId>) -> bool {
        operation.is_some() && (operation == Some(self.id) || operation == self.plan.before())
    }

    fn is_adopted(&self, sight: &Sight) -> bool {
        self.is_mine(sight.source).is_some() && self.is_mine(sight.target).is_some()
    }

    fn is_filled(&self, target: StoreSeen) -> bool {
        self.is_mine(target).is_some_and(|row| row.sealed && row.applied.is_some())
    }

    fn is_sealed(&self, source: StoreSeen) -> bool {
        self.is_mine(source)
            .is_some_and(|row| row.sealed && row.epoch == self.epoch && row.position.is_some())
    }

    fn is_drained(&self, sight: &Sight) -> bool {
        let (source, target) = (self.is_mine(sight.source), self.is_mine(sight.target));
        match (source.and_then(|row| row.position), target.and_then(|row| row.applied)) {
            (Some(position), Some(applied)) => applied >= position,
            _ => false,
        }
    }

    fn is_active(&self, target: StoreSeen) -> bool {
        matches!(target, StoreSeen::Owned(row) if row.epoch == self.target_epoch() && !row.sealed)
    }

    fn can_activate(&self, target: StoreSeen) -> bool {
        self.is_mine(target).is_some_and(|row| row.sealed && row.epoch <= self.target_epoch())
    }

    fn is_reopened(&self, source: StoreSeen) -> bool {
        matches!(source, StoreSeen::Owned(row) if row.epoch == self.reopened_epoch() && !row.sealed)
    }

    fn is_cleaned_up(&self, sight: &Sight) -> bool {
        let source = match sight.source {
            StoreSeen::Owned(row) => !self.is_ours(row.operation),
            StoreSeen::Absent | StoreSeen::Foreign | StoreSeen::Unreadable => false,
        };
        let target = match sight.target {
            StoreSeen::Owned(row) => !self.is_ours(row.operation),
            StoreSeen::Absent | StoreSeen::Foreign => true,
            StoreSeen::Unreadable => false,
        };
        source && target
    }

    fn is_retired(&self, sight: &Sight) -> bool {
        let target = match sight.target {
            StoreSeen::Owned(row) => row.operation != Some(self.id),
            StoreSeen::Absent | StoreSeen::Foreign | StoreSeen::Unreadable => false,
        };
        target && self.is_mine(sight.source).is_none() && sight.source != StoreSeen::Unreadable
    }
}
