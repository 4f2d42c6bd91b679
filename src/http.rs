//! The listeners: thin handlers that extract, call one function and respond. `problem` is the only
//! place where failures become statuses.

mod authenticate;
mod body;
mod client_address;
mod documents;
mod edge;
mod failure;
mod header_limit;
mod health;
pub mod internal;
mod join;
mod json_text;
mod limits;
mod me;
pub mod problem;
mod rooms;
pub mod routes;
mod state;
mod unread_body;

pub use client_address::TrustedProxies;
pub use edge::{Edge, Listener};
pub use header_limit::HeaderLimit;
pub use limits::{LimitParameters, Limits};
pub use state::{BodyLimits, Health, InternalState, PublicState};
