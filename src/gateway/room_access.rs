//! Which room a call is about, whether its caller may touch that room, and what a call makes
//! untrue of what we remember.

use std::sync::Arc;

use serde_json::json;

use crate::digital_samba::{AnswerBody, Forwarded, RoomFacts};
use crate::domain::{FriendlyUrl, RoomId, RoomKey};
use crate::rooms::{Directory, UpstreamFailure, friendly_url};

use super::Gateway;
use super::call::Wanted;
use super::error::GatewayError;
use super::older::in_json;

/// Operations that change what every room may be.
const CHANGE_ALL_ROOMS: &[&str] = &[
    "update_default_room_settings",
    "delete_rooms_by_tag",
    "create_role",
    "update_role",
    "delete_role",
];
/// Operations that change the room in their path.
const CHANGE_THEIR_ROOM: &[&str] = &["update_room", "delete_room"];

/// What a call makes untrue of what is remembered.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    /// Any room may be another then.
    of_all: bool,
    /// Upstream's name or id of the room that is another.
    named: Option<String>,
    /// Its room key, and the one that it is given in its place.
    keys: [Option<RoomKey>; 2],
}

impl Change {
    /// Nothing for most calls.
    pub(super) fn of(wanted: &Wanted<'_>, room: &RoomOfCall) -> Option<Self> {
        let id = wanted.operation.id;
        let changes_its_room = CHANGE_THEIR_ROOM.contains(&id);
        let (named, given) = if changes_its_room {
            (wanted.room().map(str::to_owned), wanted.given_key())
        } else {
            (None, None)
        };
        let has_key = changes_its_room || id == "create_room";
        let change = Self {
            of_all: CHANGE_ALL_ROOMS.contains(&id),
            named,
            keys: [room.key().filter(|_| has_key).cloned(), given],
        };
        (change != Self::default()).then_some(change)
    }

    /// Forgets it here and at every replica, so that the very next join sees how it is.
    pub(super) fn forget(&self, directory: &Directory) {
        if self.of_all {
            directory.invalidate_all();
        }
        if let Some(name) = &self.named {
            directory.invalidate_named(name);
        }
        for key in self.keys.iter().flatten() {
            directory.invalidate(key);
        }
    }

    /// Has it read again, here and at every replica; until then it counts while upstream fails.
    pub(super) fn outdate(&self, directory: &Directory) {
        if self.of_all {
            directory.outdate_all();
        }
        if let Some(name) = &self.named {
            directory.outdate_named(name);
        }
        for key in self.keys.iter().flatten() {
            directory.outdate(key);
        }
    }
}

/// The room of a call, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct RoomOfCall {
    facts: Option<Arc<RoomFacts>>,
    key: Option<RoomKey>,
}

impl RoomOfCall {
    /// The room, if it was looked up.
    pub(super) fn facts(&self) -> Option<&Arc<RoomFacts>> {
        self.facts.as_ref()
    }

    /// The app's name of it, if it has one.
    pub(super) fn key(&self) -> Option<&RoomKey> {
        self.key.as_ref()
    }

    fn set(&mut self, facts: Arc<RoomFacts>) {
        self.key = key_of(&facts);
        self.facts = Some(facts);
    }
}

fn key_of(facts: &RoomFacts) -> Option<RoomKey> {
    let external_id = facts.room.external_id.as_deref()?;
    RoomKey::parse(external_id).ok()
}

impl Gateway {
    /// Finds the room that a call is about where that is needed, puts its id in the name's place,
    /// and holds a key that is for some rooms alone to them. An answer instead, if the room is not
    /// there.
    pub(super) async fn find_room(
        &self,
        wanted: &mut Wanted<'_>,
        room: &mut RoomOfCall,
    ) -> Result<Option<Forwarded>, GatewayError> {
        let is_limited = !wanted.service.may_touch_every_room();
        let Some(name) = wanted.room() else {
            room.key = wanted.given_key();
            if is_limited {
                check_creation(wanted, room)?;
            }
            return Ok(None);
        };
        let must_know = is_limited
            || wanted.operation.id == "create_room_token"
            || (wanted.operation.room_by_id && RoomId::parse(name).is_err());
        let facts = match self.rooms.get(name) {
            Some(facts) => facts,
            None if must_know => match Box::pin(self.read_room(name)).await? {
                Ok(facts) => facts,
                // Alike for a room that is not there and one that is another's.
                Err(_no_room) if is_limited => return Err(GatewayError::RoomNotOpen),
                Err(answer) => return Ok(Some(answer)),
            },
            None => return Ok(None),
        };
        room.set(Arc::clone(&facts));
        if let Some(first) = wanted.parameters.first_mut() {
            *first = facts.room.id.to_string();
        }
        if is_limited {
            let key = room.key().ok_or(GatewayError::RoomNotOpen)?;
            if !wanted.service.may_touch(key) {
                return Err(GatewayError::RoomNotOpen);
            }
            if wanted.operation.id == "update_room" {
                check_names(wanted, key)?;
            }
        }
        Ok(None)
    }

    /// Reads a room, within the gateway's share; upstream's answer, if that is a 4xx.
    async fn read_room(
        &self,
        name: &str,
    ) -> Result<Result<Arc<RoomFacts>, Forwarded>, GatewayError> {
        if RoomId::parse(name).is_err() && FriendlyUrl::parse(name).is_err() {
            // No room is named so, and upstream need not be asked.
            let body = json!({ "message": "Not Found", "error": "not-found" });
            return Ok(Err(in_json(404, &body)));
        }
        let generation = self.rooms.generation();
        let told = self.ask("get_room", &[name.to_owned()], &[]).await?;
        let Forwarded {
            status: 200,
            body: AnswerBody::Whole(body),
            ..
        } = &told
        else {
            return Ok(Err(told));
        };
        let mut facts = RoomFacts::read(body)?;
        let room = &facts.room;
        if room.id.to_string() != name.to_ascii_lowercase() && room.friendly_url.as_str() != name {
            return Err(UpstreamFailure::Malformed {
                what: "it is about another room",
            }
            .into());
        }
        if facts.room.roles.is_empty() {
            let limit = [("limit".to_owned(), "100".to_owned())];
            let roles = self.ask("list_roles", &[], &limit).await?;
            if let AnswerBody::Whole(body) = &roles.body {
                facts.with_team_roles(body);
            }
        }
        let facts = Arc::new(facts);
        self.rooms.learn(&facts, generation);
        Ok(Ok(facts))
    }
}

/// A key for some rooms alone may create one of them, and do nothing else outside of rooms.
fn check_creation(wanted: &Wanted<'_>, room: &RoomOfCall) -> Result<(), GatewayError> {
    if wanted.operation.id != "create_room" {
        return Err(GatewayError::RoomNotOpen);
    }
    let key = room.key().ok_or(GatewayError::RoomNotOpen)?;
    check_names(wanted, key)
}

/// Neither name may make a room another's: not the app's name of it, and not the one in URLs, by
/// which rooms are found. `key` is what it has now.
fn check_names(wanted: &Wanted<'_>, key: &RoomKey) -> Result<(), GatewayError> {
    let given = wanted.given_key();
    if given.is_none() && wanted.member("external_id").is_some() {
        return Err(GatewayError::RoomNotOpen);
    }
    let key = given.as_ref().unwrap_or(key);
    let canonical = friendly_url(key);
    let fits = match wanted.member("friendly_url") {
        None => true,
        Some(name) => name.as_str() == Some(canonical.as_str()),
    };
    if wanted.service.may_touch(key) && fits {
        Ok(())
    } else {
        Err(GatewayError::RoomNotOpen)
    }
}
