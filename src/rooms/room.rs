//! A room that exists upstream and belongs to a room key.

use crate::domain::{FriendlyUrl, RoleName, RoomId, RoomKey};

use super::upstream::UpstreamRoom;

/// A room that exists upstream and is proven to belong to its room key. Made by the directory
/// alone; shared as `Arc<Room>`.
#[derive(Debug)]
pub struct Room {
    key: RoomKey,
    id: RoomId,
    friendly_url: FriendlyUrl,
    roles: Box<[RoleName]>,
    default_role: Option<RoleName>,
    end_to_end_encrypted: bool,
}

impl Room {
    /// Made by the directory alone, once the room is proven to be this key's. A room whose own
    /// roles upstream did not tell has the team's.
    pub(super) fn proven(key: RoomKey, found: UpstreamRoom, team_roles: Vec<RoleName>) -> Self {
        let UpstreamRoom {
            id,
            friendly_url,
            roles,
            default_role,
            end_to_end_encrypted,
            ..
        } = found;
        let roles = if roles.is_empty() { team_roles } else { roles };
        Self {
            key,
            id,
            friendly_url,
            roles: roles.into_boxed_slice(),
            default_role,
            end_to_end_encrypted,
        }
    }

    /// The app's name of it.
    pub fn key(&self) -> &RoomKey {
        &self.key
    }

    /// Upstream's id, the token's `rd`.
    pub fn id(&self) -> RoomId {
        self.id
    }

    /// Upstream's name of it in URLs.
    pub fn friendly_url(&self) -> &FriendlyUrl {
        &self.friendly_url
    }

    /// The roles that a token may name in this room.
    pub fn roles(&self) -> &[RoleName] {
        &self.roles
    }

    /// The role of a token that names none.
    pub fn default_role(&self) -> Option<&RoleName> {
        self.default_role.as_ref()
    }

    /// Whether media is end-to-end encrypted: then a name must not go into the token.
    pub fn end_to_end_encrypted(&self) -> bool {
        self.end_to_end_encrypted
    }

    /// Whether a token may name this role.
    pub fn has_role(&self, role: &RoleName) -> bool {
        self.roles.contains(role)
    }
}
