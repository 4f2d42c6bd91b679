//! The calls that product backends cause: rooms changed and listed, sessions, recordings.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::domain::{RoomId, SessionId};
use crate::rooms::{DeleteFailure, Resources, UpstreamFailure, UpstreamRoom};

use super::api_url::RoomSegment;
use super::client::Client;
use super::exchange::Call;
use super::operations::{
    DELETE_ROOM, END_SESSION, GET_ROOM_LIVE_PARTICIPANTS, LIST_RECORDINGS, LIST_ROOM_SESSIONS,
    LIST_ROOMS, Operation, UPDATE_ROOM,
};
use super::records::{ListedRoom, LiveRoom, Page, Paging, Recording, Session};
use super::wire;

impl Client {
    pub(super) async fn update_room(
        &self,
        room: RoomId,
        settings: &Map<String, Value>,
    ) -> Result<Option<UpstreamRoom>, UpstreamFailure> {
        let call = Call {
            room: Some(RoomSegment::Id(room)),
            body: serde_json::to_vec(settings).ok(),
            ..Call::of(&UPDATE_ROOM)
        };
        let updated = none_if_gone(self.exchange.call::<wire::Room>(&call).await)?;
        match updated.map(UpstreamRoom::from) {
            Some(other) if other.id != room => Err(UpstreamFailure::Malformed {
                what: "it is another room",
            }),
            updated => Ok(updated),
        }
    }

    pub(super) async fn delete_room(
        &self,
        room: RoomId,
        resources: Resources,
    ) -> Result<(), DeleteFailure> {
        let body = match resources {
            Resources::Kept => None,
            Resources::Deleted => Some(json!({ "delete_resources": true }).to_string()),
        };
        let call = Call {
            room: Some(RoomSegment::Id(room)),
            body: body.map(String::into_bytes),
            ..Call::of(&DELETE_ROOM)
        };
        match none_if_gone(self.exchange.command(&call).await) {
            Ok(_deleted_or_gone) => Ok(()),
            Err(UpstreamFailure::Rejected {
                status: 409 | 422, ..
            }) if resources == Resources::Deleted => Err(DeleteFailure::Live),
            Err(failure) => Err(failure.into()),
        }
    }

    /// A page of the team's rooms.
    ///
    /// # Errors
    /// [`UpstreamFailure`].
    pub async fn rooms(&self, paging: Paging) -> Result<Page<ListedRoom>, UpstreamFailure> {
        let query = paging.query();
        let call = Call {
            query: &query,
            ..Call::of(&LIST_ROOMS)
        };
        self.exchange.call(&call).await
    }

    /// Who is in a room; nobody where it has no session.
    ///
    /// # Errors
    /// [`UpstreamFailure`].
    pub async fn live(&self, room: RoomId) -> Result<Option<LiveRoom>, UpstreamFailure> {
        let call = Call {
            room: Some(RoomSegment::Id(room)),
            ..Call::of(&GET_ROOM_LIVE_PARTICIPANTS)
        };
        none_if_gone(self.exchange.call(&call).await)
    }

    /// A page of a room's sessions.
    ///
    /// # Errors
    /// [`UpstreamFailure`].
    pub async fn sessions(
        &self,
        room: RoomId,
        paging: Paging,
    ) -> Result<Page<Session>, UpstreamFailure> {
        self.page(&LIST_ROOM_SESSIONS, room, &paging.query()).await
    }

    /// A page of a room's recordings.
    ///
    /// # Errors
    /// [`UpstreamFailure`].
    pub async fn recordings(
        &self,
        room: RoomId,
        paging: Paging,
    ) -> Result<Page<Recording>, UpstreamFailure> {
        let [limit, offset] = paging.query();
        let query = [limit, offset, ("room_id", room.to_string())];
        self.page(&LIST_RECORDINGS, room, &query).await
    }

    /// Ends the session that goes on in a room; `None` if there is none.
    ///
    /// # Errors
    /// [`UpstreamFailure`].
    pub async fn end_session(&self, room: RoomId) -> Result<Option<SessionId>, UpstreamFailure> {
        let query = [("limit", "1".to_owned()), ("live", "true".to_owned())];
        let page: Page<Session> = self.page(&LIST_ROOM_SESSIONS, room, &query).await?;
        // An upstream that does not know the filter gives the newest, live or not.
        let Some(session) = page.data.into_iter().find(|session| session.live) else {
            return Ok(None);
        };
        let call = Call {
            room: Some(RoomSegment::Session(session.id)),
            ..Call::of(&END_SESSION)
        };
        match self.exchange.command(&call).await {
            Ok(()) => Ok(Some(session.id)),
            // It ended by itself meanwhile.
            Err(UpstreamFailure::Rejected {
                status: 404 | 409, ..
            }) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn page<T: DeserializeOwned>(
        &self,
        operation: &'static Operation,
        room: RoomId,
        query: &[(&str, String)],
    ) -> Result<Page<T>, UpstreamFailure> {
        let call = Call {
            room: Some(RoomSegment::Id(room)),
            query,
            ..Call::of(operation)
        };
        self.exchange.call(&call).await
    }
}

fn none_if_gone<T>(answer: Result<T, UpstreamFailure>) -> Result<Option<T>, UpstreamFailure> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(UpstreamFailure::Rejected { status: 404, .. }) => Ok(None),
        Err(failure) => Err(failure),
    }
}

#[cfg(test)]
mod tests;
