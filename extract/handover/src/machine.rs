//! A module's move together with its data, as plain data and transitions.
//!
//! ```text
//! begun ─▶ prepared ─▶ copying ─▶ catching_up ⇄ verified ─▶ sealing ─▶ drained ─▶ committed ─▶ activated ─▶ routed ─▶ watched ─▶ completing ─▶ complete
//!   │         │           │            │           │           │          │
//!   └─────────┴───────────┴────────────┴───────────┤           └──────────┴─▶ reopening
//!                                                  ▼                              │
//!                                        aborted ◀─ aborting ◀────────────────────┘
//! ```
//!
//! A state is entered when what it stands for holds. `committed` is the point of no return: it is entered by a
//! compare-and-set of the module's epoch, and from then on there is only forward. Before it there is only back, and once
//! the store may have been sealed, back goes through another epoch: the one that the target was promised is never used.
//!
//! What follows is a pure function of what is written down: the handover, and the ownership of the two stores
//! ([`Handover::next`]). So whoever drives, and dies, is followed by another that reads the same.

mod decide;

use kernel::Timestamp;
use serde::{Deserialize, Serialize};

use crate::control::NodeId;
use crate::peel::{Kind, OperationId};
use crate::sqlite::{Compared, TableDigest};

pub use decide::{Effect, Next, REHEARSED, Sight};

/// How far a handover is: what holds since it was entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It was ordered.
    Begun,
    /// The target is empty, can be written, and nothing is left of an older handover.
    Prepared,
    /// The base copy runs.
    Copying,
    /// Changes stream to the target.
    CatchingUp,
    /// Both stores hold the same rows at a matched position.
    Verified,
    /// Requests wait, and the source is being sealed.
    Sealing,
    /// The target has every change up to the seal.
    Drained,
    /// The target is the owner: the point of no return.
    Committed,
    /// The target takes writes.
    Activated,
    /// Every process sends its requests to the target.
    Routed,
    /// Changes stream back to the sealed source.
    Watched,
    /// The stream back has ended, and the source is put aside.
    Completing,
    /// The module is at the target for good.
    Complete,
    /// The source is the owner again, in an epoch of its own, and is being opened.
    Reopening,
    /// The target is removed, and the capture of changes ends.
    Aborting,
    /// Everything is where it was.
    Aborted,
    /// As aborted, but the target follows the source as it did before.
    Standby,
    /// Another handover goes the other way, with the stores as they are.
    Superseded,
}

/// Where a module is or goes: its store, and the nodes that host it; none stand for home.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// The store's URL.
    pub store: String,
    /// Whether that is the store which every process is configured with.
    pub as_configured: bool,
    /// The nodes.
    pub nodes: Vec<NodeId>,
}

/// What the target begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Base {
    /// Nothing: the source is copied.
    Copy,
    /// All but the last changes: it has followed the source since this handover.
    Follow(OperationId),
}

/// How a handover goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovePlan {
    /// What the target begins with.
    pub base: Base,
    /// Where the module is.
    pub source: Site,
    /// Where it goes.
    pub target: Site,
    /// Longest time that requests wait, in milliseconds. The switch ends by itself when it would take longer.
    pub max_pause_ms: u64,
    /// Whether it goes back when it is drained.
    pub rehearse: bool,
    /// Whether it completes by itself when it is watched: nobody wants to go back.
    pub finish: bool,
    /// How long the target may take to be ready, in milliseconds.
    pub patience_ms: u64,
    /// How long the target is watched closely; when it does badly in that time, everything goes back. In milliseconds.
    pub watch_ms: u64,
}

/// One move of a module with its data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handover {
    /// Its name.
    pub id: OperationId,
    /// What goes.
    pub module: String,
    /// Which way.
    pub kind: Kind,
    /// How.
    pub plan: MovePlan,
    /// The source's epoch. The target's is the next one; if it goes back after the seal, the source's is the one after that.
    pub epoch: u64,
    /// How far it is.
    pub state: State,
    /// What was measured and found on the way.
    pub facts: Facts,
    /// Whether somebody asked for it to go back.
    pub cancelled: bool,
    /// Why it went back.
    pub reason: Option<String>,
    /// When it began.
    pub began_at: Timestamp,
    /// When its state was entered.
    pub state_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// What a handover measured and found. It is written down with the states, for whoever asks later; nothing is decided by it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// Bytes of the base copy.
    pub copied_bytes: u64,
    /// How long it took, in milliseconds.
    pub copy_ms: u64,
    /// Rows that were brought over since.
    pub applied_rows: u64,
    /// What both stores held when they were compared.
    pub compared: Option<Compared>,
    /// The handover before that compared the stores, if this one did not need to: each row that changed since was compared when it
    /// was brought over.
    pub compared_by: Option<OperationId>,
    /// Last change of the source's log at the seal.
    pub position: Option<i64>,
    /// How long requests waited, in microseconds: from the first that could wait to the release.
    pub pause_us: Option<u64>,
    /// Last change that the target had when it took over.
    pub applied: Option<i64>,
    /// How many requests waited at home and were let in at the release, or when it went back.
    pub waited: u64,
    /// How many were refused meanwhile, not executed.
    pub refused: u64,
    /// How long those who were let in had waited.
    pub waits: Vec<Waited>,
    /// The store of before, under the name that it was put aside by.
    pub put_aside: Option<String>,
    /// What that holds.
    pub put_aside_holds: Vec<TableDigest>,
}

/// How many requests waited for so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waited {
    /// At most, in milliseconds, and longer than the bound before; without one, longer than all.
    pub up_to_ms: Option<u64>,
    /// So many.
    pub requests: u64,
}

/// A store's ownership row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ownership {
    /// The period of ownership.
    pub epoch: u64,
    /// Whether no owner may write it.
    pub sealed: bool,
    /// The handover that runs on it.
    pub operation: Option<OperationId>,
    /// The last change of this store's own log that its follower must have.
    pub position: Option<i64>,
    /// The last change of the other store's log that is here.
    pub applied: Option<i64>,
}

/// What is seen of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreSeen {
    /// It does not exist.
    Absent,
    /// There is something that is no store, or none with an owner.
    Foreign,
    /// It exists and cannot be read now.
    Unreadable,
    /// Whose it is.
    Owned(Ownership),
}

// === impl State ===

impl State {
    /// All of them, in the order in which they can be entered.
    pub const ALL: [Self; 18] = [
        Self::Begun,
        Self::Prepared,
        Self::Copying,
        Self::CatchingUp,
        Self::Verified,
        Self::Sealing,
        Self::Drained,
        Self::Committed,
        Self::Activated,
        Self::Routed,
        Self::Watched,
        Self::Completing,
        Self::Complete,
        Self::Reopening,
        Self::Aborting,
        Self::Aborted,
        Self::Standby,
        Self::Superseded,
    ];

    /// Whether nothing follows.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Complete | Self::Aborted | Self::Superseded)
    }

    /// Whether the target is the owner.
    pub fn is_committed(self) -> bool {
        matches!(
            self,
            Self::Committed
                | Self::Activated
                | Self::Routed
                | Self::Watched
                | Self::Completing
                | Self::Complete
        )
    }

    /// Whether requests for the module wait.
    pub fn parks(self) -> bool {
        matches!(self, Self::Sealing | Self::Drained | Self::Committed | Self::Reopening)
    }

    /// Whether it rests: the module has one owner, and its other store follows.
    pub fn rests(self) -> bool {
        matches!(self, Self::Watched | Self::Standby)
    }

    /// Whether the target's nodes should have the target's store open already.
    pub fn warms(self) -> bool {
        matches!(self, Self::CatchingUp | Self::Verified | Self::Sealing | Self::Drained)
    }

    /// Its name, as it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Prepared => "prepared",
            Self::Copying => "copying",
            Self::CatchingUp => "catching_up",
            Self::Verified => "verified",
            Self::Sealing => "sealing",
            Self::Drained => "drained",
            Self::Committed => "committed",
            Self::Activated => "activated",
            Self::Routed => "routed",
            Self::Watched => "watched",
            Self::Completing => "completing",
            Self::Complete => "complete",
            Self::Reopening => "reopening",
            Self::Aborting => "aborting",
            Self::Aborted => "aborted",
            Self::Standby => "standby",
            Self::Superseded => "superseded",
        }
    }
}

// === impl Handover ===

impl Handover {
    /// The target's epoch.
    pub fn target_epoch(&self) -> u64 {
        self.epoch.saturating_add(1)
    }

    /// The source's epoch if it goes back after the seal.
    pub fn reopened_epoch(&self) -> u64 {
        self.epoch.saturating_add(2)
    }

    /// The site that owns the module while it rests, and the one that follows.
    pub fn owner_and_follower(&self) -> (&Site, &Site) {
        match self.state.is_committed() {
            true => (&self.plan.target, &self.plan.source),
            false => (&self.plan.source, &self.plan.target),
        }
    }
}

impl MovePlan {
    /// The handover that it goes on from.
    pub fn before(&self) -> Option<OperationId> {
        match self.base {
            Base::Copy => None,
            Base::Follow(before) => Some(before),
        }
    }
}

impl Site {
    /// Whether it is the home process.
    pub fn is_home(&self) -> bool {
        self.nodes.is_empty()
    }
}

#[cfg(test)]
pub(crate) mod tests;
