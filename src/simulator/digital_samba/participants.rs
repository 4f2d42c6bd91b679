//! Who is in a room, and who ever came in.

use serde::{Deserialize, Serialize};

use super::team::Team;
use crate::clock::UnixTime;

/// Entries that are remembered; the oldest are forgotten first.
const JOINS_MAX: usize = 10_000;

/// Who comes in.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Visitor {
    /// The token's `ud`.
    #[serde(default)]
    pub external_id: Option<String>,
    /// The token's `u`; people without one are asked.
    #[serde(default)]
    pub name: Option<String>,
    /// A role's name.
    pub role: String,
    /// The token's `initials`.
    #[serde(default)]
    pub initials: Option<String>,
}

/// One entry into a room.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Join {
    /// The room's UUID.
    pub room_id: String,
    /// The room's name in its address.
    pub friendly_url: String,
    /// The token's `ud`.
    pub external_id: Option<String>,
    /// The token's `u`.
    pub name: Option<String>,
    /// The role's name.
    pub role: String,
    /// When, in seconds since the epoch.
    pub at: u64,
}

pub(super) struct Participant {
    pub(super) id: String,
    pub(super) visitor: Visitor,
    pub(super) joined_at: UnixTime,
}

impl Team {
    /// Lets somebody in. A known `external_id` is the same person again, not a second one.
    pub(super) fn enter(&mut self, room: &str, visitor: Visitor) -> bool {
        let now = self.clock.now();
        let Some(room) = self.room_mut(room) else {
            return false;
        };
        if !room.is_live() {
            room.session_started = now;
        }
        let join = Join {
            room_id: room.id.clone(),
            friendly_url: room.friendly_url().to_owned(),
            external_id: visitor.external_id.clone(),
            name: visitor.name.clone(),
            role: visitor.role.clone(),
            at: now.seconds(),
        };
        room.present.retain(|participant| {
            participant.visitor.external_id.is_none()
                || participant.visitor.external_id != visitor.external_id
        });
        room.present.push(Participant {
            id: uuid::Uuid::new_v4().to_string(),
            visitor,
            joined_at: now,
        });
        self.joins.push(join);
        let excess = self.joins.len().saturating_sub(JOINS_MAX);
        self.joins.drain(..excess);
        true
    }

    pub(super) fn empty(&mut self, room: &str) {
        if let Some(room) = self.room_mut(room) {
            room.present.clear();
        }
    }
}
