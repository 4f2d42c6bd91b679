//! Links by a product backend's word: for one participant, or for many at once. Upstream is asked
//! only for a room that is not known.

use std::sync::Arc;

use crate::authn::ServicePrincipal;
use crate::denials::Denied;
use crate::domain::RoomKey;
use crate::policy::{GrantRefusal, Invitee, ServiceGrant};
use crate::rooms::{Found, ResolveError, Room};
use crate::token::{MintError, ParticipantDetails, RoomToken};

use super::{Broker, Live};

/// Somebody whom a backend lets in.
#[derive(Debug)]
pub struct Guest {
    /// Who, as what, until when.
    pub invitee: Invitee,
    /// How they are shown.
    pub details: ParticipantDetails,
}

/// A link by a backend's word.
#[derive(Debug)]
pub struct ServiceLink {
    /// Who, as what, until when.
    pub grant: ServiceGrant,
    /// How they are shown.
    pub details: ParticipantDetails,
    /// The token and the link.
    pub token: RoomToken,
}

/// Why somebody gets no link.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// It may not be granted.
    #[error(transparent)]
    Refused(#[from] GrantRefusal),
    /// Somebody barred the guest from the room.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// No token can be made.
    #[error(transparent)]
    Mint(#[from] MintError),
}

/// What becomes of a room that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfAbsent {
    /// It is created.
    Create,
    /// There are no links.
    Refuse,
}

impl Broker {
    /// The room that links are to lead into, from memory where it is known.
    ///
    /// # Errors
    /// [`ResolveError`].
    pub async fn room_for_links(
        &self,
        live: &Live,
        room_key: &RoomKey,
        if_absent: IfAbsent,
    ) -> Result<Found, ResolveError> {
        if let Some(found) = self.directory.cached(room_key) {
            return Ok(found);
        }
        let may_create = if_absent == IfAbsent::Create;
        let templates = &live.templates;
        self.directory
            .resolve(room_key, may_create, templates)
            .await
    }

    /// A link for one guest.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn link(
        &self,
        live: &Live,
        service: &ServicePrincipal,
        room: &Arc<Room>,
        guest: Guest,
    ) -> Result<ServiceLink, LinkError> {
        let now = self.clock.now();
        let Guest { invitee, details } = guest;
        self.denials
            .check_user(invitee.id.as_str(), Some(room.key()), now)?;
        let grant = live.policy.grant(service, room.key(), invitee, now)?;
        let token = self.minter.mint_granted(&grant, room, &details, now)?;
        Ok(ServiceLink {
            grant,
            details,
            token,
        })
    }
}
