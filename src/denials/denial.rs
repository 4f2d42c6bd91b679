//! One denial: whom, from where, until when.

use serde::{Deserialize, Serialize};

use crate::clock::UnixTime;
use crate::domain::{RoomKey, Subject, TextFault};

/// What the product calls a denial: 1 to 64 of `A-Z a-z 0-9 . _ -`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DenialId(Box<str>);

impl DenialId {
    /// The most characters.
    pub const LENGTH_MAX: usize = 64;

    /// Parses an id.
    ///
    /// # Errors
    /// [`TextFault`].
    pub fn parse(text: &str) -> Result<Self, TextFault> {
        if text.is_empty() {
            return Err(TextFault::Empty);
        }
        if text.len() > Self::LENGTH_MAX {
            return Err(TextFault::TooLong {
                max: Self::LENGTH_MAX,
            });
        }
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if !text.bytes().all(allowed) {
            return Err(TextFault::Character {
                allowed: "letters, digits, . _ and -",
            });
        }
        Ok(Self(text.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whom a denial bars.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Barred {
    /// A person as their issuer names them.
    Person {
        /// The claim `iss`.
        issuer: String,
        /// The claim `sub`, or the one that is configured for it.
        subject: Subject,
    },
    /// Whoever Digital Samba is told by this id.
    User {
        /// The room token's claim `ud`.
        user_id: String,
    },
}

/// Whom, from where, until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denial {
    #[serde(flatten)]
    barred: Barred,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    room: Option<RoomKey>,
    until_ms: u64,
}

impl Denial {
    /// Bars somebody from a room, or from every room, until a time.
    pub fn new(barred: Barred, room: Option<RoomKey>, until: UnixTime) -> Self {
        Self {
            barred,
            room,
            until_ms: until.millis(),
        }
    }

    /// Whom.
    pub fn barred(&self) -> &Barred {
        &self.barred
    }

    /// From where; `None` is everywhere.
    pub fn room(&self) -> Option<&RoomKey> {
        self.room.as_ref()
    }

    /// Until when.
    pub fn until(&self) -> UnixTime {
        UnixTime::from_millis(self.until_ms)
    }

    pub(super) fn holds(&self, room_key: Option<&RoomKey>, now: UnixTime) -> bool {
        let bars_from = |room| Some(room) == room_key;
        now < self.until() && self.room.as_ref().is_none_or(bars_from)
    }
}
