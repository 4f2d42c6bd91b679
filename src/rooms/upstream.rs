//! The port to the upstream API: what this layer needs of it, in this layer's words.

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

use crate::domain::{FriendlyUrl, RoleName, RoomId};

/// A room as upstream tells it. Not yet proven to belong to a room key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamRoom {
    /// Upstream's id.
    pub id: RoomId,
    /// Its name in URLs.
    pub friendly_url: FriendlyUrl,
    /// The room key that it was created for, if any.
    pub external_id: Option<String>,
    /// Whether a token is needed to enter.
    pub is_private: bool,
    /// Role names that it offers; empty when upstream did not say.
    pub roles: Vec<RoleName>,
    /// The role of a token that names none.
    pub default_role: Option<RoleName>,
    /// Whether media is end-to-end encrypted.
    pub end_to_end_encrypted: bool,
}

/// What to create.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRoom {
    /// Its name in URLs.
    pub friendly_url: FriendlyUrl,
    /// Every setting of the template, `friendly_url`, `external_id` and `privacy` included.
    pub settings: Map<String, Value>,
}

/// Why upstream gave no answer that can be used. Carries none of upstream's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamFailure {
    /// The developer key or the team is wrong (401, 403).
    #[error("upstream refuses the developer key (status {status})")]
    Refused {
        /// Upstream's status.
        status: u16,
    },
    /// The request budget is used up, ours or upstream's (429).
    #[error("the upstream request budget is used up")]
    OutOfBudget {
        /// When to come back.
        retry_after: Duration,
    },
    /// Not reachable, a server error, or the circuit breaker is open.
    #[error("upstream is unavailable")]
    Unavailable {
        /// When to come back.
        retry_after: Duration,
    },
    /// No answer in time.
    #[error("upstream did not answer in time")]
    Timeout,
    /// An answer that makes no sense: malformed, mistyped, too large.
    #[error("upstream's answer cannot be read: {what}")]
    Malformed {
        /// What is wrong with it, in our words.
        what: &'static str,
    },
    /// A 4xx that says that the request is wrong, with the fields it names (names alone).
    #[error("upstream rejects the request (status {status})")]
    Rejected {
        /// Upstream's status.
        status: u16,
        /// The names of the fields in `errors`.
        fields: Vec<String>,
    },
}

/// Why no room was created.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CreateFailure {
    /// The name is taken: someone was faster, or it is another's.
    #[error("the friendly URL is taken")]
    NameTaken,
    /// Anything else.
    #[error(transparent)]
    Upstream(#[from] UpstreamFailure),
}

/// What becomes of recordings, chats and the like when a room is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resources {
    /// They stay.
    Kept,
    /// They go too.
    Deleted,
}

/// Why a room was not deleted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeleteFailure {
    /// Somebody is in it, and its resources cannot be deleted then.
    #[error("the room is live")]
    Live,
    /// Anything else.
    #[error(transparent)]
    Upstream(#[from] UpstreamFailure),
}

/// What the directory needs of the upstream API. The `digital_samba` client implements it.
pub trait RoomUpstream: Send + Sync + std::fmt::Debug {
    /// Reads a room by its name; `None` when there is none (404).
    fn find<'a>(
        &'a self,
        name: &'a FriendlyUrl,
    ) -> BoxFuture<'a, Result<Option<UpstreamRoom>, UpstreamFailure>>;

    /// Creates a room.
    fn create<'a>(&'a self, new: &'a NewRoom)
    -> BoxFuture<'a, Result<UpstreamRoom, CreateFailure>>;

    /// Changes settings of a room; `None` when there is none of this id (404).
    fn update<'a>(
        &'a self,
        room: RoomId,
        settings: &'a Map<String, Value>,
    ) -> BoxFuture<'a, Result<Option<UpstreamRoom>, UpstreamFailure>>;

    /// Deletes a room; without its resources, what was recorded in it stays. No room of this id is
    /// as good.
    fn delete(
        &self,
        room: RoomId,
        resources: Resources,
    ) -> BoxFuture<'_, Result<(), DeleteFailure>>;

    /// The names of the team's roles, for rooms whose own roles upstream did not tell.
    fn role_names(&self) -> BoxFuture<'_, Result<Vec<RoleName>, UpstreamFailure>>;
}
