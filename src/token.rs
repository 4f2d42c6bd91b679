//! Room tokens: what they claim, the one place that signs them, and the link that carries them.
//! Knows no HTTP, no policy rules and no caches.

mod claims;
mod comparison;
mod join_link;
mod mint;

pub use comparison::{Comparison, compare};
pub use join_link::RoomToken;
pub use mint::{MintError, Minter, ParticipantDetails, ServicePass, ServiceWish};
