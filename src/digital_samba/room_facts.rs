//! What the gateway needs to know of a room that it was asked about by upstream's name of it.

use serde::Deserialize;

use crate::domain::RoleName;
use crate::rooms::{UpstreamFailure, UpstreamRoom};

use super::wire;

/// A room, and the ids of its roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomFacts {
    /// The room.
    pub room: UpstreamRoom,
    role_ids: Vec<(String, RoleName)>,
}

#[derive(Deserialize)]
struct Roles {
    #[serde(default)]
    roles: Vec<RoleWithId>,
    #[serde(default)]
    data: Vec<RoleWithId>,
}

/// A role as an object; one that is told as its name alone has no id.
#[derive(Deserialize)]
#[serde(untagged)]
enum RoleWithId {
    Object { id: String, name: RoleName },
    Other(serde::de::IgnoredAny),
}

impl RoleWithId {
    fn pair(self) -> Option<(String, RoleName)> {
        match self {
            Self::Object { id, name } => Some((id, name)),
            Self::Other(_) => None,
        }
    }
}

impl RoomFacts {
    /// Reads upstream's answer to `get_room`.
    ///
    /// # Errors
    /// [`UpstreamFailure::Malformed`] when it is no room.
    pub fn read(answer: &[u8]) -> Result<Self, UpstreamFailure> {
        let malformed = |what| UpstreamFailure::Malformed { what };
        let room: wire::Room = wire::read(answer).map_err(malformed)?;
        Ok(Self {
            room: room.into(),
            role_ids: ids_in(answer, |roles| roles.roles),
        })
    }

    /// Takes the team's roles for the room's, from an answer to `list_roles`: a room whose own
    /// roles upstream did not tell has them.
    pub fn with_team_roles(&mut self, answer: &[u8]) {
        self.role_ids = ids_in(answer, |roles| roles.data);
        let names = self.role_ids.iter().map(|(_, name)| name.clone());
        self.room.roles = names.collect();
    }

    /// The room's role of this name or id.
    pub fn role(&self, name_or_id: &str) -> Option<&RoleName> {
        let mut names = self.room.roles.iter();
        names.find(|role| role.as_str() == name_or_id).or_else(|| {
            let mut ids = self.role_ids.iter();
            ids.find(|(id, _)| id == name_or_id).map(|(_, name)| name)
        })
    }
}

fn ids_in(answer: &[u8], part: fn(Roles) -> Vec<RoleWithId>) -> Vec<(String, RoleName)> {
    match serde_json::from_slice(answer) {
        Ok(roles) => part(roles)
            .into_iter()
            .filter_map(RoleWithId::pair)
            .collect(),
        Err(_no_roles) => Vec::new(),
    }
}
