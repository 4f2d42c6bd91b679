//! Proof that a product backend lets somebody into one room in one role until a time. Rules are
//! not asked: the scope `tokens:mint` is the right, the room's patterns and the policy's longest
//! token bound it.

use std::time::Duration;

use crate::authn::ServicePrincipal;
use crate::clock::UnixTime;
use crate::domain::{RoleName, RoomKey, Scope, Subject, UserId};

use super::engine::Policy;

/// The farthest that a link may begin ahead: what is planned changes, and a link cannot be taken
/// back.
const NOT_BEFORE_AHEAD_MAX: Duration = Duration::from_secs(31 * 24 * 3600);

/// How long a token lasts for which nobody said it, or the policy's longest if that is less.
const TTL_DEFAULT: Duration = Duration::from_secs(2 * 3600);

/// Proof that a product backend lets somebody into one room in one role until a time. Made by
/// [`Policy::grant`] alone.
#[derive(Debug, Clone)]
pub struct ServiceGrant {
    room_key: RoomKey,
    user_id: UserId,
    role: RoleName,
    not_before: UnixTime,
    expires_at: UnixTime,
}

/// Whom a backend wants to let in.
#[derive(Debug, Clone)]
pub struct Invitee {
    /// Who it is, as Digital Samba is to be told.
    pub id: Subject,
    /// In which role.
    pub role: RoleName,
    /// From when on; now if left out.
    pub not_before: Option<UnixTime>,
    /// Until when.
    pub until: Until,
}

/// Until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// This moment.
    At(UnixTime),
    /// So long from the beginning.
    For(Duration),
    /// As long as is usual.
    Usual,
}

/// Why a backend lets nobody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GrantRefusal {
    /// It lacks the scope.
    #[error("the scope {} is missing", Scope::TokensMint)]
    Scope,
    /// The room is outside of its patterns.
    #[error("the room is outside of the backend's patterns")]
    OtherRoom,
    /// The beginning is too far ahead.
    #[error("must be at most {} days ahead", NOT_BEFORE_AHEAD_MAX.as_secs() / 86_400)]
    TooFarAhead,
    /// The end is not after the beginning, or over already.
    #[error("must end later than it begins, and later than now")]
    Over,
    /// Longer than the policy lets any token last.
    #[error("must end at most {} seconds after it begins (policy.token_ttl_max)", max.as_secs())]
    TooLong {
        /// The policy's longest.
        max: Duration,
    },
}

impl Policy {
    /// Lets somebody into a room by a backend's word.
    ///
    /// # Errors
    /// [`GrantRefusal`].
    pub fn grant(
        &self,
        service: &ServicePrincipal,
        room_key: &RoomKey,
        invitee: Invitee,
        now: UnixTime,
    ) -> Result<ServiceGrant, GrantRefusal> {
        if !service.has(Scope::TokensMint) {
            return Err(GrantRefusal::Scope);
        }
        if !service.may_touch(room_key) {
            return Err(GrantRefusal::OtherRoom);
        }
        let not_before = invitee.not_before.map_or(now, |asked| asked.max(now));
        if now.until(not_before) > NOT_BEFORE_AHEAD_MAX {
            return Err(GrantRefusal::TooFarAhead);
        }
        let max = self.token_ttl_max();
        let expires_at = match invitee.until {
            Until::At(end) => end,
            Until::For(duration) => not_before.plus(duration),
            Until::Usual => not_before.plus(TTL_DEFAULT.min(max)),
        };
        if expires_at <= not_before {
            return Err(GrantRefusal::Over);
        }
        if not_before.until(expires_at) > max {
            return Err(GrantRefusal::TooLong { max });
        }
        Ok(ServiceGrant {
            room_key: room_key.clone(),
            user_id: UserId::new("", &invitee.id),
            role: invitee.role,
            not_before,
            expires_at,
        })
    }
}

impl ServiceGrant {
    /// Which room.
    pub fn room_key(&self) -> &RoomKey {
        &self.room_key
    }

    /// Who, as Digital Samba is told.
    pub fn user_id(&self) -> &UserId {
        &self.user_id
    }

    /// In which role.
    pub fn role(&self) -> &RoleName {
        &self.role
    }

    /// From when on.
    pub fn not_before(&self) -> UnixTime {
        self.not_before
    }

    /// Until when.
    pub fn expires_at(&self) -> UnixTime {
        self.expires_at
    }
}
