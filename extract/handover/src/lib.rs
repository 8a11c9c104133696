//! Where modules run, and how that changes.
//!
//! - [`Control`]: the control store. It holds each module's placement, the nodes, the operations and the audit log.
//! - [`Operation`]: one change of a module's placement, as plain data with its transitions.
//!
//! Nothing here has an effect beyond the control store: whoever drives an operation looks at the world, asks
//! [`Operation::next`] what follows, writes it down with [`Control::advance`], and only then makes the world look like
//! [`Operation::routing`] says. So a driver that dies is followed by another that reads what was decided.

mod control;
mod machine;
mod peel;
mod receipt;
mod schema;
pub mod sqlite;

pub use control::{
    Audit, Control, ControlError, Entry, JournalEntry, Node, NodeId, NodeKind, Placed, Placements, Stored,
};
pub use machine::{
    Base, Effect, Facts, Handover, MovePlan, Next, Ownership, REHEARSED, Sight, Site, State, StoreSeen,
    Waited,
};
pub use peel::{
    InvalidPlan, Kind, Move, Operation, OperationId, OperationKind, Phase, Plan, Routing, Seen, Verdict,
};
pub use receipt::{Finding, InvalidReceipt, Receipt};
