//! A product backend, proven. Made by `authn` alone, after its credential held.

use std::sync::Arc;

use crate::domain::{RoomKey, RoomPattern, Scope, ScopeSet};

/// How a product backend proved itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ServiceKind {
    /// By an API key.
    ApiKey,
    /// By a token of an issuer, as one of its clients.
    Client,
}

impl ServiceKind {
    /// The word for it in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ApiKey => "api-key",
            Self::Client => "client",
        }
    }
}

/// A product backend, proven: which key or client it is, and what it may do where.
#[derive(Debug, Clone)]
pub struct ServicePrincipal {
    kind: ServiceKind,
    id: Arc<str>,
    name: Arc<str>,
    grants: Arc<Grants>,
}

/// What the configuration lets a key or a client do, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    /// What it may do.
    pub scopes: ScopeSet,
    /// In which rooms; none written is all of them.
    pub rooms: Vec<RoomPattern>,
}

impl ServicePrincipal {
    pub(super) fn new(
        kind: ServiceKind,
        id: Arc<str>,
        name: Arc<str>,
        grants: Arc<Grants>,
    ) -> Self {
        Self {
            kind,
            id,
            name,
            grants,
        }
    }

    /// How it proved itself.
    pub fn kind(&self) -> ServiceKind {
        self.kind
    }

    /// The id of the key; or the issuer's short name, a colon and the client id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The operator's name for it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it may do this.
    pub fn has(&self, scope: Scope) -> bool {
        self.grants.scopes.contains(scope)
    }

    /// Whether it may do what its scopes say in this room.
    pub fn may_touch(&self, room_key: &RoomKey) -> bool {
        let rooms = &self.grants.rooms;
        rooms.is_empty() || rooms.iter().any(|room| room.matches(room_key).is_some())
    }

    /// Whether it may touch rooms that no pattern names, and what belongs to no room.
    pub fn may_touch_every_room(&self) -> bool {
        self.grants.rooms.is_empty()
    }
}
