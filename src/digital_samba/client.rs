//! The calls that room-broker makes upstream.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use crate::clock::{Clock, UnixTime};
use crate::developer_key::{AuthorizationForm, DeveloperKey};
use crate::domain::{FriendlyUrl, RoleName, RoomId, TeamId};
use crate::http_client::HttpClientError;
use crate::metrics::Metrics;
use crate::rooms::{
    CreateFailure, DeleteFailure, NewRoom, Resources, RoomUpstream, UpstreamFailure, UpstreamRoom,
};

use super::api_url::{ApiUrl, RoomSegment};
use super::exchange::{Call, Exchange};
use super::operations::{
    CREATE_ROOM, CREATE_ROOM_TOKEN, GET_ROOM, GET_TEAM, LIST_ROLES, LIST_ROOMS,
};
use super::wire;

/// Records on one page: the most that upstream gives.
const PAGE_SIZE: usize = 100;
/// Pages that are read of a list: upstream's word alone must not keep us asking.
const PAGES_MAX: usize = 10;

/// What the client needs to know.
#[derive(Debug, Clone)]
pub struct Parameters {
    /// Where the API is.
    pub api_url: ApiUrl,
    /// Which team the developer key belongs to.
    pub team: TeamId,
    /// How the key is presented.
    pub authorization: AuthorizationForm,
    /// Time for TCP and TLS.
    pub connect_timeout: Duration,
    /// Time for one exchange.
    pub request_timeout: Duration,
    /// Time for all tries of one call.
    pub deadline: Duration,
    /// Tries after the first; of reads, and of requests that upstream never saw.
    pub retries_max: u32,
    /// Our share of the team's budget; every try counts.
    pub requests_per_minute: usize,
    /// Requests under way at once.
    pub concurrency_max: usize,
    /// A longer answer is not read.
    pub answer_bytes_max: usize,
    /// Consecutive failures that open the circuit breaker.
    pub breaker_failures: u32,
    /// For so long nothing is sent; then one trial decides.
    pub breaker_open_for: Duration,
}

/// What upstream says of the team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamInfo {
    /// Its id.
    pub id: TeamId,
    /// Its subdomain.
    pub domain: Option<String>,
    /// Its own host name, if it has one.
    pub custom_host: Option<String>,
}

/// The client of the upstream API. Cheap to clone: breaker, budget and connections are shared.
#[derive(Clone)]
pub struct Client {
    pub(super) exchange: Arc<Exchange>,
}

impl Client {
    /// A client. The key may be replaced under it at a reload.
    ///
    /// # Errors
    /// [`HttpClientError`] when TLS cannot be set up.
    pub fn new(
        parameters: Parameters,
        key: Arc<ArcSwap<DeveloperKey>>,
        clock: Clock,
        metrics: Metrics,
    ) -> Result<Self, HttpClientError> {
        let exchange = Exchange::new(parameters, key, clock, metrics)?;
        Ok(Self {
            exchange: Arc::new(exchange),
        })
    }

    /// What a forwarder shares with it.
    pub(super) fn exchange(&self) -> Arc<Exchange> {
        Arc::clone(&self.exchange)
    }

    /// The team that the developer key belongs to.
    ///
    /// # Errors
    /// [`UpstreamFailure`].
    pub async fn team(&self) -> Result<TeamInfo, UpstreamFailure> {
        let team: wire::Team = self.exchange.call(&Call::of(&GET_TEAM)).await?;
        Ok(TeamInfo {
            id: team.id,
            domain: team.domain,
            custom_host: team.custom_cname,
        })
    }

    /// A token that upstream itself signs for a room, to compare with ours.
    ///
    /// # Errors
    /// [`UpstreamFailure`].
    pub async fn upstream_token(
        &self,
        room: RoomId,
        role: &RoleName,
        expires_at: UnixTime,
    ) -> Result<SecretString, UpstreamFailure> {
        let body = json!({ "role": role, "exp": expires_at.seconds() });
        let call = Call {
            room: Some(RoomSegment::Id(room)),
            body: Some(body.to_string().into_bytes()),
            ..Call::of(&CREATE_ROOM_TOKEN)
        };
        let signed: wire::SignedToken = self.exchange.call(&call).await?;
        Ok(SecretString::from(signed.token))
    }

    /// Some room of the team, to compare tokens with; `None` if there is none.
    ///
    /// # Errors
    /// [`UpstreamFailure`].
    pub async fn any_room(&self) -> Result<Option<UpstreamRoom>, UpstreamFailure> {
        let query = [("limit", "1".to_owned())];
        let call = Call {
            query: &query,
            ..Call::of(&LIST_ROOMS)
        };
        let rooms: wire::RoomIds = self.exchange.call(&call).await?;
        let Some(id) = rooms.first() else {
            return Ok(None);
        };
        // Items of a list are only a part of a room.
        let call = Call {
            room: Some(RoomSegment::Id(id)),
            ..Call::of(&GET_ROOM)
        };
        let room: wire::Room = self.exchange.call(&call).await?;
        Ok(Some(room.into()))
    }

    async fn find_room(&self, name: &FriendlyUrl) -> Result<Option<UpstreamRoom>, UpstreamFailure> {
        let call = Call {
            room: Some(RoomSegment::Name(name)),
            ..Call::of(&GET_ROOM)
        };
        match self.exchange.call::<wire::Room>(&call).await {
            Ok(room) => of_name(room, name).map(Some),
            Err(UpstreamFailure::Rejected { status: 404, .. }) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn create_room(&self, new: &NewRoom) -> Result<UpstreamRoom, CreateFailure> {
        let body = Value::Object(new.settings.clone()).to_string();
        let call = Call {
            body: Some(body.into_bytes()),
            ..Call::of(&CREATE_ROOM)
        };
        match self.exchange.call::<wire::Room>(&call).await {
            Ok(room) => Ok(of_name(room, &new.friendly_url)?),
            // Matched on the field, never on the text.
            Err(UpstreamFailure::Rejected {
                status: 400 | 422,
                fields,
            }) if fields.iter().any(|field| field == "friendly_url") => {
                Err(CreateFailure::NameTaken)
            }
            Err(failure) => Err(failure.into()),
        }
    }

    async fn list_role_names(&self) -> Result<Vec<RoleName>, UpstreamFailure> {
        let mut names = Vec::new();
        for page in 0..PAGES_MAX {
            let query = [
                ("limit", PAGE_SIZE.to_string()),
                ("offset", (page * PAGE_SIZE).to_string()),
            ];
            let call = Call {
                query: &query,
                ..Call::of(&LIST_ROLES)
            };
            let roles = self.exchange.call::<wire::Roles>(&call).await?.into_list();
            let is_last = roles.len() < PAGE_SIZE;
            names.extend(roles.into_iter().filter_map(wire::Role::name));
            if is_last {
                break;
            }
        }
        Ok(names)
    }
}

/// An answer about another room than the one that was asked for is no answer.
fn of_name(room: wire::Room, name: &FriendlyUrl) -> Result<UpstreamRoom, UpstreamFailure> {
    let room = UpstreamRoom::from(room);
    if room.friendly_url != *name {
        return Err(UpstreamFailure::Malformed {
            what: "it is about another room",
        });
    }
    Ok(room)
}

impl RoomUpstream for Client {
    fn find<'a>(
        &'a self,
        name: &'a FriendlyUrl,
    ) -> BoxFuture<'a, Result<Option<UpstreamRoom>, UpstreamFailure>> {
        self.find_room(name).boxed()
    }

    fn create<'a>(
        &'a self,
        new: &'a NewRoom,
    ) -> BoxFuture<'a, Result<UpstreamRoom, CreateFailure>> {
        self.create_room(new).boxed()
    }

    fn update<'a>(
        &'a self,
        room: RoomId,
        settings: &'a Map<String, Value>,
    ) -> BoxFuture<'a, Result<Option<UpstreamRoom>, UpstreamFailure>> {
        self.update_room(room, settings).boxed()
    }

    fn delete(
        &self,
        room: RoomId,
        resources: Resources,
    ) -> BoxFuture<'_, Result<(), DeleteFailure>> {
        self.delete_room(room, resources).boxed()
    }

    fn role_names(&self) -> BoxFuture<'_, Result<Vec<RoleName>, UpstreamFailure>> {
        self.list_role_names().boxed()
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
