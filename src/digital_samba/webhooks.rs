//! The team's webhooks, and who is in a room.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::domain::{RoomId, WebhookId};
use crate::occupancy::{LiveUpstream, ParticipantId, Person, Reading};
use crate::rooms::UpstreamFailure;

use super::api_url::RoomSegment;
use super::backend_calls::none_if_gone;
use super::client::{Client, PAGE_SIZE, PAGES_MAX};
use super::exchange::Call;
use super::operations::{
    CREATE_WEBHOOK, DELETE_WEBHOOK, GET_WEBHOOK, LIST_WEBHOOKS, UPDATE_WEBHOOK,
};
use super::records::Moment;

/// A webhook as upstream has it. Its endpoint may be the secret of whoever registered it.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "WireWebhook")]
pub struct Webhook {
    /// Upstream's id.
    pub id: WebhookId,
    /// Where it delivers.
    pub endpoint: SecretString,
    /// What it is called.
    pub name: Option<String>,
    /// What it sends, if upstream shows it.
    pub authorization: Option<SecretString>,
    /// Of which events; a list leaves them out.
    pub events: Vec<String>,
}

/// What a webhook should be.
#[derive(Debug, Clone)]
pub struct WebhookSpec {
    /// What it is called.
    pub name: &'static str,
    /// Where it delivers.
    pub endpoint: SecretString,
    /// What it sends.
    pub authorization: Option<SecretString>,
    /// What it signs with.
    pub signing_secret: Option<SecretString>,
    /// Of which events.
    pub events: Vec<&'static str>,
}

impl WebhookSpec {
    fn body(&self) -> Vec<u8> {
        let mut body = Map::new();
        body.insert("name".to_owned(), json!(self.name));
        body.insert("endpoint".to_owned(), json!(self.endpoint.expose_secret()));
        body.insert("events".to_owned(), json!(self.events));
        for (member, secret) in [
            ("authorization_header", &self.authorization),
            ("secret", &self.signing_secret),
        ] {
            if let Some(secret) = secret {
                body.insert(member.to_owned(), json!(secret.expose_secret()));
            }
        }
        Value::Object(body).to_string().into_bytes()
    }
}

#[derive(Deserialize)]
struct Webhooks {
    data: Vec<Webhook>,
}

#[derive(Deserialize)]
struct Created {
    id: WebhookId,
}

#[derive(Deserialize)]
struct WireWebhook {
    id: WebhookId,
    endpoint: String,
    name: Option<String>,
    authorization_header: Option<String>,
    #[serde(default)]
    events: Vec<String>,
}

impl From<WireWebhook> for Webhook {
    fn from(wire: WireWebhook) -> Self {
        Self {
            id: wire.id,
            endpoint: SecretString::from(wire.endpoint),
            name: wire.name,
            authorization: wire.authorization_header.map(SecretString::from),
            events: wire.events,
        }
    }
}

impl Client {
    /// The team's webhooks, without their events.
    ///
    /// # Errors
    /// [`UpstreamFailure`].
    pub async fn webhooks(&self) -> Result<Vec<Webhook>, UpstreamFailure> {
        let mut webhooks = Vec::new();
        for page in 0..PAGES_MAX {
            let query = [
                ("limit", PAGE_SIZE.to_string()),
                ("offset", (page * PAGE_SIZE).to_string()),
            ];
            let call = Call {
                query: &query,
                ..Call::of(&LIST_WEBHOOKS)
            };
            let Webhooks { data } = self.exchange.call(&call).await?;
            let is_last = data.len() < PAGE_SIZE;
            webhooks.extend(data);
            if is_last {
                break;
            }
        }
        Ok(webhooks)
    }

    /// A webhook, with its events.
    ///
    /// # Errors
    /// [`UpstreamFailure`].
    pub async fn webhook(&self, id: WebhookId) -> Result<Option<Webhook>, UpstreamFailure> {
        let call = Call {
            room: Some(RoomSegment::Webhook(id)),
            ..Call::of(&GET_WEBHOOK)
        };
        none_if_gone(self.exchange.call(&call).await)
    }

    /// Registers a webhook.
    ///
    /// # Errors
    /// [`UpstreamFailure`].
    pub async fn create_webhook(&self, spec: &WebhookSpec) -> Result<WebhookId, UpstreamFailure> {
        let call = Call {
            body: Some(spec.body()),
            ..Call::of(&CREATE_WEBHOOK)
        };
        let created: Created = self.exchange.call(&call).await?;
        Ok(created.id)
    }

    /// Changes a webhook.
    ///
    /// # Errors
    /// [`UpstreamFailure`].
    pub async fn update_webhook(
        &self,
        id: WebhookId,
        spec: &WebhookSpec,
    ) -> Result<(), UpstreamFailure> {
        let call = Call {
            room: Some(RoomSegment::Webhook(id)),
            body: Some(spec.body()),
            ..Call::of(&UPDATE_WEBHOOK)
        };
        self.exchange.command(&call).await
    }

    /// Takes a webhook away; one that is gone already is no failure.
    ///
    /// # Errors
    /// [`UpstreamFailure`].
    pub async fn delete_webhook(&self, id: WebhookId) -> Result<(), UpstreamFailure> {
        let call = Call {
            room: Some(RoomSegment::Webhook(id)),
            ..Call::of(&DELETE_WEBHOOK)
        };
        none_if_gone(self.exchange.command(&call).await).map(|_deleted_or_gone| ())
    }

    async fn people_in(&self, room: RoomId) -> Result<Reading, UpstreamFailure> {
        let Some(live) = self.live(room).await? else {
            return Ok(Reading::default());
        };
        let people = live.live_participants.into_iter();
        let people = people
            .filter_map(|person| {
                Some(Person {
                    id: ParticipantId::parse(&person.id.to_string())?,
                    user: person.external_id.map(String::into_boxed_str),
                    name: person.name.map(String::into_boxed_str),
                    role: person.role.map(String::into_boxed_str),
                    joined_at: person.join_time.and_then(Moment::unix),
                })
            })
            .collect();
        Ok(Reading {
            started_at: live.start_time.and_then(Moment::unix),
            people,
        })
    }
}

impl LiveUpstream for Client {
    fn people(&self, room: RoomId) -> BoxFuture<'_, Result<Reading, UpstreamFailure>> {
        self.people_in(room).boxed()
    }
}
