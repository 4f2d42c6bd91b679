//! The claims of a room token, in the order in which they are written.

use serde::Serialize;

use crate::domain::{BreakoutId, RoomId, TeamId};

/// What a room token says. Upstream reads these names and no others.
#[derive(Debug, Serialize)]
pub(super) struct Claims<'a> {
    /// The team.
    pub(super) td: TeamId,
    /// The room, always by its id: a name could come to mean another room.
    pub(super) rd: RoomId,
    /// The participant, for the app.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ud: Option<&'a str>,
    /// The display name; without it the participant is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) u: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) initials: Option<&'a str>,
    /// By name. Never left out: upstream would give the room's default role.
    pub(super) role: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) avatar: Option<&'a str>,
    #[serde(rename = "breakoutId", skip_serializing_if = "Option::is_none")]
    pub(super) breakout_id: Option<BreakoutId>,
    /// Seconds since the epoch, like the next two.
    pub(super) iat: u64,
    pub(super) nbf: u64,
    /// Never left out: upstream would take the token for ever.
    pub(super) exp: u64,
}

impl Claims<'_> {
    /// The name of the longest claim that can be made shorter.
    pub(super) fn longest(&self) -> &'static str {
        let lengths = [
            ("ud", self.ud.map_or(0, str::len)),
            ("u", self.u.map_or(0, str::len)),
            ("initials", self.initials.map_or(0, str::len)),
            ("avatar", self.avatar.map_or(0, str::len)),
        ];
        let longest = lengths.into_iter().max_by_key(|(_, length)| *length);
        longest.map_or("ud", |(name, _)| name)
    }
}
