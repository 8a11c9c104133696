//! Plain values that every module and every contract may use. No I/O, no module, no framework.
//!
//! | file | what it holds |
//! |---|---|
//! | [`id`] | prefixed, sortable identifiers over UUIDv7 |
//! | [`money`], [`currency`] | integer minor units with an ISO 4217 code |
//! | [`time`] | UTC instants with microseconds |
//! | [`call`] | what every call between modules carries, and how it can fail |
//! | [`event`] | what one module tells others that it happened |
//! | [`claims`] | who is asking: principals, roles, permissions |
//! | [`code`] | the one catalogue of error codes |
//! | [`names`] | the ids that cross module boundaries |
//! | [`page`] | one page of a longer list |
//! | [`trace`] | W3C trace context |

pub mod call;
pub mod claims;
pub mod code;
pub mod currency;
pub mod event;
pub mod id;
pub mod money;
pub mod names;
pub mod page;
pub mod time;
pub mod trace;

pub use call::{CallContext, CallError, Caller, Executed};
pub use claims::{Permission, Principal, PublicKey, Role};
pub use code::{Coded, Detail, ErrorCode};
pub use currency::Currency;
pub use event::{Event, EventBatch};
pub use id::{Id, IdKind};
pub use money::{Money, MoneyError};
pub use names::{CartId, OrderId, ProductId, ReservationId, SessionId, UserId, VariantId};
pub use page::{Page, PageInfo};
pub use time::Timestamp;
pub use trace::{TraceContext, Traceparent};
