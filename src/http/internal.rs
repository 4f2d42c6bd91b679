//! The internal listener: what product backends may do, each by a scope. A handler names the scope
//! that it needs in the type of its caller, so that a check cannot be forgotten; what is known of
//! the call is written to the audit log whatever comes of it.

mod audit;
mod caller;
pub(super) mod description;
pub(super) mod explain;
pub(super) mod gateway;
mod idempotency;
pub(super) mod join_links;
pub(super) mod lives;
pub(super) mod room_list;
pub(super) mod rooms;

pub use audit::{CallNote, audited};
pub use caller::{InRoom, ProvenService, Right, Service, ServiceCaller, right};
pub use description::GatewayDescription;
pub use idempotency::IdempotencyKeys;
