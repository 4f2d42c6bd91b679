//! Who is in a room, and who ever came in.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::UnixTime;

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

/// One person in one session, however often they came and went.
pub(super) struct Participant {
    pub(super) id: String,
    pub(super) visitor: Visitor,
    /// The first time.
    pub(super) joined_at: UnixTime,
    /// The last time; `None` while they are in.
    pub(super) left_at: Option<UnixTime>,
    pub(super) hand_raised: bool,
    pub(super) is_muted: bool,
    came_back_at: UnixTime,
    stayed_before: Duration,
}

impl Participant {
    pub(super) fn new(visitor: Visitor, now: UnixTime) -> Self {
        Self {
            id: Uuid::new_v4().to_string(),
            visitor,
            joined_at: now,
            left_at: None,
            hand_raised: false,
            is_muted: false,
            came_back_at: now,
            stayed_before: Duration::ZERO,
        }
    }

    pub(super) fn is_present(&self) -> bool {
        self.left_at.is_none()
    }

    /// The same person, by their token's `ud`.
    pub(super) fn is_same_person(&self, visitor: &Visitor) -> bool {
        self.visitor.external_id.is_some() && self.visitor.external_id == visitor.external_id
    }

    /// Somebody known comes again, perhaps under another name or in another role.
    pub(super) fn come_again(&mut self, visitor: Visitor, now: UnixTime) {
        self.visitor = visitor;
        if let Some(left_at) = self.left_at.take() {
            self.stayed_before += self.came_back_at.until(left_at);
            self.came_back_at = now;
        }
    }

    pub(super) fn leave(&mut self, now: UnixTime) {
        self.left_at.get_or_insert(now);
        self.hand_raised = false;
    }

    /// How long they were in, all stays together.
    pub(super) fn stayed(&self, now: UnixTime) -> Duration {
        self.stayed_before + self.came_back_at.until(self.left_at.unwrap_or(now))
    }
}
