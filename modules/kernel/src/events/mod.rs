//! Events between modules, wherever those run.
//!
//! ```text
//! source's store                         consumer's store
//! outbox ──▶ `to:CONSUMER`  ─contract─▶  `from:SOURCE`
//! ```
//!
//! **Rules.** An event is written in the transaction in which it happened ([`publish`]), and taken in within the transaction that
//! does what follows from it ([`take`]). In between an [`Outlet`] delivers by a call of the consumer's contract, which goes
//! where the consumer is placed. Sequence numbers are counted in the transaction itself: they have no gaps, and their
//! order is the order of commits. The consumer answers with the last number it has; whoever delivers believes that
//! answer and nothing else. So a batch that comes twice changes nothing, and one that is missing is sent again.
//!
//! **Leases.** Two processes over one store do not deliver at the same time. That saves work; it is not what makes it
//! right: a process that outlives its lease sends what the consumer has already.
//!
//! **Odd cases.** A consumer whose store is older than its position was (a restored copy) answers with a smaller number
//! and is sent everything from there that is still kept: events are kept for [`KEPT`] after every consumer has them.

mod inbox;
mod outbox;
mod outlet;
mod positions;

pub use inbox::take;
pub use outbox::{KEPT, publish};
pub use outlet::{MOST, Outlet};

#[cfg(test)]
mod tests;
