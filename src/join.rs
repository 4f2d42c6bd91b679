//! The main job: a proven principal asks for a room by the app's name of it, and gets a link that
//! opens it in the role that policy gives. Each step takes the proof that the step before made.

mod links;

use std::sync::Arc;

use crate::audit::{AuditLog, MintRecord, Person, RefusalRecord};
use crate::authn::{Authenticator, Principal, ServiceAuthenticator};
use crate::clock::Clock;
use crate::denials::{Denials, Denied};
use crate::domain::{AvatarUrl, BreakoutId, DisplayName, Initials, RequestId, RoleName, RoomKey};
use crate::metrics::{Join as JoinLabels, Metrics};
use crate::occupancy::{Occupancy, RoomFull};
use crate::policy::{Admission, FieldSource, Policy, Refusal};
use crate::rooms::{Directory, Found, ResolveError, Room, Templates};
use crate::token::{MintError, Minter, ParticipantDetails, RoomToken};

pub use links::{Guest, IfAbsent, LinkError, ServiceLink};

/// What a caller may ask for beside the room. Policy decides what of it counts.
#[derive(Debug, Default, Clone)]
pub struct JoinRequest {
    /// The name to be shown.
    pub display_name: Option<DisplayName>,
    /// The initials to be shown.
    pub initials: Option<Initials>,
    /// The picture to be shown.
    pub avatar: Option<AvatarUrl>,
    /// The breakout room to start in.
    pub breakout_id: Option<BreakoutId>,
    /// A role among those that policy allows.
    pub role: Option<RoleName>,
}

/// A join that was granted.
#[derive(Debug)]
pub struct Joined {
    /// Who joins, in which role, until when, by which rule.
    pub admission: Admission,
    /// The room.
    pub room: Arc<Room>,
    /// Whether it was created for this join.
    pub created: bool,
    /// How the participant is shown.
    pub details: ParticipantDetails,
    /// The token and the link.
    pub token: RoomToken,
}

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// Policy does not admit.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The rule does not let the caller choose this field.
    #[error("the deciding rule takes {field} from the verified claims alone")]
    FieldNotChosen {
        /// The field's name in the request.
        field: &'static str,
    },
    /// Somebody barred the caller from the room, whatever policy says.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// There is no such room, or not for this caller.
    #[error(transparent)]
    Room(#[from] ResolveError),
    /// As many are in the room as the deciding rule lets in.
    #[error(transparent)]
    Full(#[from] RoomFull),
    /// No token can be made.
    #[error(transparent)]
    Mint(#[from] MintError),
}

impl JoinError {
    /// The word for it in metrics.
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::FieldNotChosen { .. } => "field-not-chosen",
            Self::Denied(Denied::Barred) => "denied",
            Self::Denied(Denied::NotKnownYet) => "denials-unknown",
            Self::Room(ResolveError::NotFound) => "no-such-room",
            Self::Room(
                ResolveError::BelongsToAnother | ResolveError::Unclaimed | ResolveError::NotPrivate,
            ) => "room-conflict",
            Self::Room(ResolveError::Busy | ResolveError::Upstream(_)) => "room-unavailable",
            Self::Full(_) => "room-full",
            Self::Mint(_) => "not-minted",
        }
    }
}

/// What a caller may know of a room without entering it.
#[derive(Debug)]
pub struct Prospect {
    /// As what the caller may enter.
    pub admission: Admission,
    /// The room, if it exists.
    pub room: Option<Arc<Room>>,
    /// How many are in it, where the rule shows that and it is known.
    pub live_count: Option<usize>,
}

/// What one configuration decides with: replaced as a whole at a reload, and taken once for each
/// request. A principal by one configuration's claims under another's rules could be granted what
/// neither grants.
#[derive(Debug)]
pub struct Live {
    /// Which user calls.
    pub authenticator: Arc<Authenticator>,
    /// Which product backend calls.
    pub services: Arc<ServiceAuthenticator>,
    /// The rules.
    pub policy: Arc<Policy>,
    /// What new rooms are created with.
    pub templates: Arc<Templates>,
}

/// Who asks, and the configuration that proved it, which decides too.
#[derive(Debug, Clone)]
pub struct Asker {
    /// Who.
    pub principal: Arc<Principal>,
    /// By which configuration.
    pub live: Arc<Live>,
}

/// Everything that a join needs, built once.
#[derive(Debug)]
pub struct Broker {
    /// Room keys to rooms.
    pub directory: Directory,
    /// How many are in which room.
    pub occupancy: Occupancy,
    /// Who is barred from where.
    pub denials: Denials,
    /// Signs.
    pub minter: Minter,
    /// One line for each mint.
    pub audit: AuditLog,
    /// Counts.
    pub metrics: Metrics,
    /// Time.
    pub clock: Clock,
}

impl Broker {
    /// Admits, finds or creates the room, and mints.
    ///
    /// # Errors
    /// [`JoinError`]: refused, no room, or no token.
    pub async fn join(
        &self,
        asker: &Asker,
        room_key: &RoomKey,
        request: JoinRequest,
        request_id: RequestId,
    ) -> Result<Joined, JoinError> {
        let role = request.role.clone();
        let joined = self.admit_and_mint(asker, room_key, request).await;
        match &joined {
            Ok(joined) => self.note_minted(joined, request_id),
            Err(error) => self.note_refused(
                &Asked {
                    principal: &asker.principal,
                    room_key,
                    role,
                    request_id,
                },
                error,
            ),
        }
        joined
    }

    async fn admit_and_mint(
        &self,
        asker: &Asker,
        room_key: &RoomKey,
        request: JoinRequest,
    ) -> Result<Joined, JoinError> {
        let Live {
            policy, templates, ..
        } = &*asker.live;
        let now = self.clock.now();
        let admission = policy.decide(&asker.principal, room_key, request.role.as_ref(), now)?;
        self.denials.check(&asker.principal, room_key, now)?;
        let details = details(&admission, request)?;
        let Found { room, created } = if let Some(found) = self.directory.cached(room_key) {
            found
        } else {
            // Boxed: what waits for upstream must not make the future of a cached join large, which
            // is moved several times on its way.
            let may_create = admission.may_create();
            Box::pin(self.directory.resolve(room_key, may_create, templates)).await?
        };
        if let Some(capacity) = admission.capacity() {
            let user = admission.principal().user_id();
            Box::pin(self.occupancy.take_seat(room.id(), user, capacity)).await?;
        }
        // Once more: somebody may have been barred while the room was made.
        self.denials.check(&asker.principal, room_key, now)?;
        let token = self.minter.mint(&admission, &room, &details, now)?;
        Ok(Joined {
            admission,
            room,
            created,
            details,
            token,
        })
    }

    /// Says whether the caller may enter, as what, and whether the room exists. Creates nothing.
    ///
    /// # Errors
    /// [`JoinError`]: refused, or upstream cannot tell.
    pub async fn prospect(&self, asker: &Asker, room_key: &RoomKey) -> Result<Prospect, JoinError> {
        let Live {
            policy, templates, ..
        } = &*asker.live;
        let now = self.clock.now();
        let admission = policy.decide(&asker.principal, room_key, None, now)?;
        self.denials.check(&asker.principal, room_key, now)?;
        let room = match self.directory.cached(room_key) {
            Some(found) => Some(found.room),
            None => Box::pin(self.directory.look_up(room_key, templates)).await?,
        };
        if room.is_none() && !admission.may_create() {
            return Err(ResolveError::NotFound.into());
        }
        let live_count = match &room {
            Some(room) if admission.show_live() => Box::pin(self.occupancy.count(room.id())).await,
            Some(_) | None => None,
        };
        Ok(Prospect {
            admission,
            room,
            live_count,
        })
    }

    fn note_minted(&self, joined: &Joined, request_id: RequestId) {
        let admission = &joined.admission;
        self.audit.minted(&MintRecord {
            time: self.clock.now(),
            who: person(admission.principal()),
            room_key: joined.room.key(),
            room_id: joined.room.id(),
            role: admission.role(),
            rule: admission.rule(),
            token: joined.token.token(),
            expires_at: joined.token.expires_at(),
            request_id,
        });
        let outcome = if joined.created { "created" } else { "joined" };
        self.count(outcome, admission.role().as_str());
    }

    fn note_refused(&self, asked: &Asked<'_>, error: &JoinError) {
        let rule = match error {
            JoinError::Refused(refusal) => refusal.rule(),
            JoinError::FieldNotChosen { .. }
            | JoinError::Denied(_)
            | JoinError::Room(_)
            | JoinError::Full(_)
            | JoinError::Mint(_) => None,
        };
        self.audit.refused(&RefusalRecord {
            time: self.clock.now(),
            who: person(asked.principal),
            room_key: asked.room_key,
            requested_role: asked.role.as_ref(),
            rule,
            reason: error.outcome(),
            request_id: asked.request_id,
        });
        self.count(error.outcome(), "");
    }

    fn count(&self, outcome: &'static str, role: &str) {
        self.metrics
            .joins
            .get_or_create(&JoinLabels {
                outcome,
                role: role.to_owned(),
            })
            .inc();
    }
}

/// What was asked, for the audit line of a refusal.
struct Asked<'a> {
    principal: &'a Principal,
    room_key: &'a RoomKey,
    role: Option<RoleName>,
    request_id: RequestId,
}

fn person(principal: &Principal) -> Person<'_> {
    Person {
        issuer_name: principal.issuer_name(),
        issuer: principal.issuer(),
        subject: principal.subject(),
    }
}

/// Takes name, initials and avatar from where the deciding rule says.
fn details(admission: &Admission, request: JoinRequest) -> Result<ParticipantDetails, JoinError> {
    let principal = admission.principal();
    let appearance = admission.appearance();
    Ok(ParticipantDetails {
        display_name: choose(
            appearance.name,
            "display_name",
            request.display_name,
            principal.display_name(),
        )?,
        initials: choose(appearance.initials, "initials", request.initials, None)?,
        avatar: choose(
            appearance.avatar,
            "avatar_url",
            request.avatar,
            principal.avatar(),
        )?,
        breakout_id: request.breakout_id,
    })
}

fn choose<T: Clone>(
    source: FieldSource,
    field: &'static str,
    asked: Option<T>,
    claimed: Option<&T>,
) -> Result<Option<T>, JoinError> {
    match (source, asked) {
        (FieldSource::Request, Some(asked)) => Ok(Some(asked)),
        (FieldSource::Claim | FieldSource::Request, None) => Ok(claimed.cloned()),
        (FieldSource::Omit, None) => Ok(None),
        (FieldSource::Claim | FieldSource::Omit, Some(_)) => {
            Err(JoinError::FieldNotChosen { field })
        }
    }
}
