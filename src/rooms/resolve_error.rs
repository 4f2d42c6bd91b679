//! Why a room key gives no room.

use super::upstream::UpstreamFailure;

/// Why a room key gives no room. Cheap to clone: everyone who waited is told the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// There is no such room, and the caller may not create it.
    #[error("there is no such room")]
    NotFound,
    /// The room of this name was created for another room key.
    #[error("the room of this name belongs to another room key")]
    BelongsToAnother,
    /// The room of this name was created for no room key, and adoption is off.
    #[error("the room of this name was not created by room-broker (see rooms.adopt)")]
    Unclaimed,
    /// The room may be entered without a token, which its template does not say.
    #[error("the room is public, and its template does not say so")]
    NotPrivate,
    /// Too many rooms or callers wait for upstream.
    #[error("too many lookups are under way")]
    Busy,
    /// Upstream gave no answer that can be used.
    #[error("upstream cannot tell")]
    Upstream(
        #[from]
        #[source]
        UpstreamFailure,
    ),
}

impl ResolveError {
    /// Whether it says nothing about the room: then one that was known before may still be served.
    pub(super) fn is_upstreams(&self) -> bool {
        match self {
            Self::Upstream(_) | Self::Busy => true,
            Self::NotFound | Self::BelongsToAnother | Self::Unclaimed | Self::NotPrivate => false,
        }
    }
}
