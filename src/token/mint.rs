//! Signs room tokens: the only place in the product that does.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jsonwebtoken::{Algorithm, Header};
use prometheus_client::metrics::histogram::Histogram;

use crate::authn::ServicePrincipal;
use crate::clock::{Clock, UnixTime};
use crate::developer_key::DeveloperKey;
use crate::domain::{
    AvatarUrl, BreakoutId, DisplayName, FriendlyUrl, Initials, RoleName, RoomBaseUrl, RoomId,
    RoomKey, Scope, TeamId,
};
use crate::metrics::Metrics;
use crate::policy::{Admission, ServiceGrant};
use crate::rooms::{Room, UpstreamRoom};

use super::claims::Claims;
use super::join_link::{LINK_BYTES_MAX, RoomToken, Validity};

/// A link is opened at once, on a server whose clock may be behind ours: `nbf` lies so far back
/// that it is in the past there too. It widens nobody's right, which began at the decision.
const CLOCK_SKEW: Duration = Duration::from_secs(5);

/// A client asks for its next token so long before the end of this one, or at half its life if
/// that is later.
const REFRESH_AHEAD: Duration = Duration::from_secs(60);

/// How a participant looks, decided by `join` from the admission, the principal and the request.
#[derive(Debug, Clone, Default)]
pub struct ParticipantDetails {
    /// The name; left out of the token of an end-to-end encrypted room.
    pub display_name: Option<DisplayName>,
    /// The initials on the tile.
    pub initials: Option<Initials>,
    /// The picture.
    pub avatar: Option<AvatarUrl>,
    /// The breakout room to start in.
    pub breakout_id: Option<BreakoutId>,
}

/// Why no token was signed.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// The admission is to another room.
    #[error("the admission is to another room")]
    AnotherRoom,
    /// Upstream would refuse the role, or give another.
    #[error("the room has no role {role}")]
    RoleNotInRoom {
        /// The role that policy gave.
        role: RoleName,
        /// The roles that the room has.
        roles: Box<[RoleName]>,
    },
    /// The admission's time is over.
    #[error("the admission has expired")]
    Expired,
    /// The link would not survive its way.
    #[error("the join link would exceed {LINK_BYTES_MAX} bytes; its longest claim is {claim}")]
    LinkTooLong {
        /// The claim to shorten.
        claim: &'static str,
    },
    /// The signature could not be made.
    #[error("the room token could not be signed")]
    Signing(#[source] jsonwebtoken::errors::Error),
}

/// Signs room tokens of one team.
pub struct Minter {
    team: TeamId,
    key: Arc<ArcSwap<DeveloperKey>>,
    base_url: RoomBaseUrl,
    header: Header,
    clock: Clock,
    mint_seconds: Histogram,
}

/// What of an admission goes into a token.
struct Pass<'a> {
    /// The room that it was given for; none where no policy gave it.
    room_key: Option<&'a RoomKey>,
    user_id: Option<&'a str>,
    role: &'a RoleName,
    not_before: UnixTime,
    expires_at: UnixTime,
}

/// What of a room goes into a token.
struct Door<'a> {
    key: Option<&'a RoomKey>,
    id: RoomId,
    friendly_url: &'a FriendlyUrl,
    roles: &'a [RoleName],
    end_to_end_encrypted: bool,
}

impl<'a> Door<'a> {
    fn of(room: &'a Room) -> Self {
        Self {
            key: Some(room.key()),
            id: room.id(),
            friendly_url: room.friendly_url(),
            roles: room.roles(),
            end_to_end_encrypted: room.end_to_end_encrypted(),
        }
    }
}

/// What a product backend that may mint tokens asks for: its own users are its own business, so
/// that no policy decides.
#[derive(Debug)]
pub struct ServicePass<'a> {
    room: &'a UpstreamRoom,
    wish: ServiceWish<'a>,
}

/// What a product backend wants in a token.
#[derive(Debug)]
pub struct ServiceWish<'a> {
    /// Whose token it is, for the app.
    pub user_id: Option<&'a str>,
    /// In which role.
    pub role: &'a RoleName,
    /// From when on, if not from now on.
    pub not_before: Option<UnixTime>,
    /// Until when.
    pub expires_at: UnixTime,
}

impl<'a> ServicePass<'a> {
    /// The proof that a product backend may let anybody into this room; `None` if it may not.
    pub fn of(
        service: &ServicePrincipal,
        room: &'a UpstreamRoom,
        wish: ServiceWish<'a>,
    ) -> Option<Self> {
        let key = room.external_id.as_deref().map(RoomKey::parse);
        let may_touch = match key {
            Some(Ok(key)) => service.may_touch(&key),
            Some(Err(_)) | None => service.may_touch_every_room(),
        };
        (service.has(Scope::TokensMint) && may_touch).then_some(Self { room, wish })
    }
}

impl Minter {
    /// A minter for the rooms of one team. The key may be replaced under it at a reload.
    pub fn new(
        team: TeamId,
        key: Arc<ArcSwap<DeveloperKey>>,
        base_url: RoomBaseUrl,
        clock: Clock,
        metrics: &Metrics,
    ) -> Self {
        Self {
            team,
            key,
            base_url,
            header: Header::new(Algorithm::HS256),
            clock,
            mint_seconds: metrics.mint_seconds.clone(),
        }
    }

    /// Where the team's rooms are.
    pub fn base_url(&self) -> &RoomBaseUrl {
        &self.base_url
    }

    /// Signs a token for an admission to this room.
    ///
    /// # Errors
    /// [`MintError`] when the room is another or lacks the role, the admission is over, or the link gets too
    /// long.
    pub fn mint(
        &self,
        admission: &Admission,
        room: &Room,
        details: &ParticipantDetails,
        now: UnixTime,
    ) -> Result<RoomToken, MintError> {
        let pass = Pass {
            room_key: Some(admission.room_key()),
            user_id: Some(admission.principal().user_id().as_str()),
            role: admission.role(),
            not_before: admission.not_before(),
            expires_at: admission.expires_at(),
        };
        self.sign_timed(&pass, room, details, now)
    }

    /// Signs a token for somebody whom a product backend lets into this room.
    ///
    /// # Errors
    /// As [`Minter::mint`].
    pub fn mint_granted(
        &self,
        grant: &ServiceGrant,
        room: &Room,
        details: &ParticipantDetails,
        now: UnixTime,
    ) -> Result<RoomToken, MintError> {
        let pass = Pass {
            room_key: Some(grant.room_key()),
            user_id: Some(grant.user_id().as_str()),
            role: grant.role(),
            not_before: grant.not_before(),
            expires_at: grant.expires_at(),
        };
        self.sign_timed(&pass, room, details, now)
    }

    fn sign_timed(
        &self,
        pass: &Pass<'_>,
        room: &Room,
        details: &ParticipantDetails,
        now: UnixTime,
    ) -> Result<RoomToken, MintError> {
        let begun = self.clock.monotonic();
        let token = self.sign(pass, &Door::of(room), details, now)?;
        let took = self.clock.monotonic().since(begun);
        self.mint_seconds.observe(took.as_secs_f64());
        Ok(token)
    }

    /// Signs a token that a product backend asks for.
    ///
    /// # Errors
    /// [`MintError`] when the room lacks the role, its time is over, or the link gets too long.
    pub fn mint_for_service(
        &self,
        pass: &ServicePass<'_>,
        details: &ParticipantDetails,
        now: UnixTime,
    ) -> Result<RoomToken, MintError> {
        let ServicePass { room, wish } = pass;
        let door = Door {
            key: None,
            id: room.id,
            friendly_url: &room.friendly_url,
            roles: &room.roles,
            end_to_end_encrypted: room.end_to_end_encrypted,
        };
        let pass = Pass {
            room_key: None,
            user_id: wish.user_id,
            role: wish.role,
            // As asked: nobody's clock is guessed at then.
            not_before: wish.not_before.map_or(now, |asked| asked.plus(CLOCK_SKEW)),
            expires_at: wish.expires_at,
        };
        self.sign(&pass, &door, details, now)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that signs room tokens"
    )]
    fn sign(
        &self,
        pass: &Pass<'_>,
        room: &Door<'_>,
        details: &ParticipantDetails,
        now: UnixTime,
    ) -> Result<RoomToken, MintError> {
        if pass.room_key != room.key {
            return Err(MintError::AnotherRoom);
        }
        if !room.roles.contains(pass.role) {
            return Err(MintError::RoleNotInRoom {
                role: pass.role.clone(),
                roles: room.roles.into(),
            });
        }
        if pass.expires_at.seconds() <= now.seconds() {
            return Err(MintError::Expired);
        }
        let name = details.display_name.as_ref().map(DisplayName::as_str);
        let claims = Claims {
            td: self.team,
            rd: room.id,
            ud: pass.user_id,
            // The name of an encrypted room's participant must not be readable upstream.
            u: name.filter(|_| !room.end_to_end_encrypted),
            initials: details.initials.as_ref().map(Initials::as_str),
            role: pass.role.as_str(),
            avatar: details.avatar.as_ref().map(AvatarUrl::as_str),
            breakout_id: details.breakout_id,
            iat: now.seconds(),
            nbf: pass
                .not_before
                .seconds()
                .saturating_sub(CLOCK_SKEW.as_secs()),
            exp: pass.expires_at.seconds(),
        };
        let key = self.key.load();
        let token = jsonwebtoken::encode(&self.header, &claims, key.signer())
            .map_err(MintError::Signing)?;
        let validity = validity(&claims);
        RoomToken::new(&self.base_url, room.friendly_url, &token, validity).ok_or_else(|| {
            MintError::LinkTooLong {
                claim: claims.longest(),
            }
        })
    }
}

fn validity(claims: &Claims<'_>) -> Validity {
    let half = claims.iat + (claims.exp - claims.iat) / 2;
    let ahead = claims.exp.saturating_sub(REFRESH_AHEAD.as_secs());
    Validity {
        not_before: UnixTime::from_seconds(claims.nbf),
        expires_at: UnixTime::from_seconds(claims.exp),
        refresh_after: UnixTime::from_seconds(half.max(ahead)),
    }
}

impl std::fmt::Debug for Minter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Minter")
            .field("team", &self.team)
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
