//! What happens upstream reaches what is remembered here. A delivery is a hint: it drops what is
//! remembered or has it read again, and is never believed. Knows no HTTP beyond two header fields.

mod credential;
mod delivery;
mod effects;
mod endpoint;
mod event;
mod receiver;
mod registration;

pub use credential::{Credential, CredentialForm, Presented, SecretFault, Unauthorized};
pub use delivery::{Delivery, Malformed};
pub use effects::Effects;
pub use endpoint::{Endpoint, EndpointFault, PublicUrl, Segment};
pub use event::{EVENTS, Event, Remembered};
pub use receiver::{ReceiveError, Receiver};
pub use registration::{Step, SyncError, remove, sync};
