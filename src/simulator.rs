//! Stand-ins for the two programs that room-broker talks to: an honest Digital Samba and a small
//! OpenID provider, for `room-broker dev` and for tests. They speak HTTP only and share nothing
//! with the broker but the clock: a mistake in the broker's wire types must not be repeated here.

mod controls;
pub mod digital_samba;
mod exchange;
mod fault;
pub mod identity_provider;
mod server;
#[cfg(test)]
mod tests;

pub use controls::{Controls, Count, Moment};
pub use fault::{Fault, FaultKind};
