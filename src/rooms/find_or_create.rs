//! The work of one flight: read the room upstream, create it if it is not there, prove that it is
//! ours.

use std::sync::Arc;

use prometheus_client::metrics::counter::Counter;

use crate::domain::RoomKey;

use super::naming::friendly_url;
use super::resolve_error::ResolveError;
use super::room::Room;
use super::template::Templates;
use super::upstream::{CreateFailure, NewRoom, RoomUpstream, UpstreamFailure, UpstreamRoom};

/// Creations sent for one flight. A second one is sent only after the first's fate was read back
/// and there was no room; should the first arrive late, the second finds the name taken.
const CREATIONS_MAX: u32 = 2;

/// How a flight ended.
#[derive(Debug, Clone)]
pub(super) enum Landed {
    Room { room: Arc<Room>, created: bool },
    Absent,
}

#[derive(Debug)]
pub(super) struct FindOrCreate {
    pub(super) upstream: Arc<dyn RoomUpstream>,
    pub(super) adopt: bool,
    pub(super) rooms_created: Counter,
}

/// What one flight is about.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    key: &'a RoomKey,
    templates: &'a Templates,
}

impl FindOrCreate {
    pub(super) async fn run(
        self: Arc<Self>,
        key: RoomKey,
        may_create: bool,
        templates: Arc<Templates>,
    ) -> Result<Landed, ResolveError> {
        let wanted = Wanted {
            key: &key,
            templates: &templates,
        };
        match self.upstream.find(&friendly_url(&key)).await? {
            Some(found) => self.accept(wanted, found).await,
            None if may_create => self.create(wanted).await,
            None => Ok(Landed::Absent),
        }
    }

    /// The one place where rooms come into being.
    async fn create(&self, wanted: Wanted<'_>) -> Result<Landed, ResolveError> {
        let new = wanted.templates.new_room(wanted.key);
        let mut sent = 1;
        loop {
            let failure = match self.upstream.create(&new).await {
                Ok(room) => return self.accept_created(wanted, room).await,
                Err(CreateFailure::NameTaken) => {
                    return match self.upstream.find(&new.friendly_url).await? {
                        Some(found) => self.accept(wanted, found).await,
                        None => Err(name_is_unusable().into()),
                    };
                }
                Err(CreateFailure::Upstream(failure)) => failure,
            };
            if !leaves_its_fate_unknown(&failure) {
                return Err(failure.into());
            }
            match self.upstream.find(&new.friendly_url).await? {
                Some(found) if is_of(&found, &new) => {
                    return self.accept_created(wanted, found).await;
                }
                Some(found) => return self.accept(wanted, found).await,
                None if sent < CREATIONS_MAX => sent += 1,
                None => return Err(failure.into()),
            }
        }
    }

    async fn accept_created(
        &self,
        wanted: Wanted<'_>,
        created: UpstreamRoom,
    ) -> Result<Landed, ResolveError> {
        self.rooms_created.inc();
        // Older upstreams do not repeat the external id; the creation itself proves it.
        let external_id = created.external_id.or_else(|| Some(wanted.key.to_string()));
        let created = UpstreamRoom {
            external_id,
            ..created
        };
        let room = self.prove(wanted.key, wanted.templates, created).await?;
        Ok(Landed::Room {
            room,
            created: true,
        })
    }

    async fn accept(
        &self,
        wanted: Wanted<'_>,
        found: UpstreamRoom,
    ) -> Result<Landed, ResolveError> {
        let room = self.prove(wanted.key, wanted.templates, found).await?;
        Ok(Landed::Room {
            room,
            created: false,
        })
    }

    /// Proves that a room of the right name is this key's, and as private as it should be.
    pub(super) async fn prove(
        &self,
        key: &RoomKey,
        templates: &Templates,
        found: UpstreamRoom,
    ) -> Result<Arc<Room>, ResolveError> {
        match found.external_id.as_deref() {
            Some(owner) if owner == key.as_str() => {}
            None | Some("") if self.adopt => {}
            None | Some("") => return Err(ResolveError::Unclaimed),
            Some(_other) => return Err(ResolveError::BelongsToAnother),
        }
        if !found.is_private && !templates.settings_of(key).is_public() {
            return Err(ResolveError::NotPrivate);
        }
        let team_roles = if found.roles.is_empty() {
            self.upstream.role_names().await?
        } else {
            Vec::new()
        };
        Ok(Arc::new(Room::proven(key.clone(), found, team_roles)))
    }
}

/// Whether the room that was read back can be the one whose creation got no answer.
fn is_of(found: &UpstreamRoom, new: &NewRoom) -> bool {
    let asked = new.settings.get("external_id").and_then(|id| id.as_str());
    found.external_id.as_deref() == asked
}

/// Whether upstream may have created the room all the same.
fn leaves_its_fate_unknown(failure: &UpstreamFailure) -> bool {
    match failure {
        UpstreamFailure::Timeout
        | UpstreamFailure::Unavailable { .. }
        | UpstreamFailure::Malformed { .. } => true,
        UpstreamFailure::Refused { .. }
        | UpstreamFailure::OutOfBudget { .. }
        | UpstreamFailure::Rejected { .. } => false,
    }
}

/// The name is taken, yet there is no room of it: upstream does not want the name.
fn name_is_unusable() -> UpstreamFailure {
    UpstreamFailure::Rejected {
        status: 422,
        fields: vec!["friendly_url".to_owned()],
    }
}
