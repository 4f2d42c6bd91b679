//! The link that takes a participant into a room: room URL and token.

use crate::clock::UnixTime;
use crate::domain::{FriendlyUrl, RoomBaseUrl};

/// A longer link is refused by servers and proxies on its way (8 KiB for a whole request line and
/// its headers is a common bound, and `Referer` may repeat the link).
pub(super) const LINK_BYTES_MAX: usize = 4096;

/// A signed room token and the link that carries it. Whoever has either can enter: `Debug` leaves
/// both out.
pub struct RoomToken {
    join_url: String,
    token_at: usize,
    not_before: UnixTime,
    expires_at: UnixTime,
    refresh_after: UnixTime,
}

/// From when until when a token counts, and when to ask for the next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Validity {
    pub(super) not_before: UnixTime,
    pub(super) expires_at: UnixTime,
    pub(super) refresh_after: UnixTime,
}

impl RoomToken {
    /// Puts a token behind its room's URL; `None` if that is too long for a link.
    pub(super) fn new(
        base: &RoomBaseUrl,
        room: &FriendlyUrl,
        token: &str,
        validity: Validity,
    ) -> Option<Self> {
        const QUERY: &str = "?token=";
        let parts = [base.as_str(), room.as_str(), QUERY, token];
        let length: usize = parts.iter().map(|part| part.len()).sum();
        if length > LINK_BYTES_MAX {
            return None;
        }
        let mut join_url = String::with_capacity(length);
        join_url.extend(parts);
        Some(Self {
            join_url,
            token_at: length - token.len(),
            not_before: validity.not_before,
            expires_at: validity.expires_at,
            refresh_after: validity.refresh_after,
        })
    }

    /// The signed token.
    pub fn token(&self) -> &str {
        self.join_url.get(self.token_at..).unwrap_or_default()
    }

    /// The link: room URL and token.
    pub fn join_url(&self) -> &str {
        &self.join_url
    }

    /// The token's claim `nbf`.
    pub fn not_before(&self) -> UnixTime {
        self.not_before
    }

    /// The token's claim `exp`.
    pub fn expires_at(&self) -> UnixTime {
        self.expires_at
    }

    /// When a client should ask for its next token.
    pub fn refresh_after(&self) -> UnixTime {
        self.refresh_after
    }
}

impl std::fmt::Debug for RoomToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RoomToken")
            .field("join_url", &"[redacted]")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
