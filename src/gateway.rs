//! The drop-in gateway: a product backend speaks upstream's own API, and each call is
//! bounded, translated where the older reference differs, and masked. Holds no developer key, and
//! knows nothing of how its caller proved itself or is answered.

mod call;
mod counters;
mod error;
mod known_rooms;
mod older;
mod refusal;
mod room_access;
mod token;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use tracing::Instrument as _;

use crate::digital_samba::legacy::{has_two_forms, to_current, to_older, with_numeric_total_count};
use crate::digital_samba::secrets::{has_mask, masked, may_answer_secrets};
use crate::digital_samba::{
    Answer, Client, ForwardBody, ForwardFailure, ForwardParameters, ForwardRequest, Forwarded,
    Forwarder, JsonAnswer, Operation,
};
use crate::domain::{RoomKey, Scope};
use crate::join::{Broker, Live};
use crate::rooms::UpstreamFailure;

pub use call::{GatewayBody, GatewayCall};
pub use error::GatewayError;
pub use known_rooms::KnownRooms;
pub use older::is_offered;

use call::Wanted;
use counters::Counters;
use older::Older;
use room_access::{Change, RoomOfCall};

/// How the gateway is bounded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameters {
    /// What it may have of upstream.
    pub forward: ForwardParameters,
    /// The longest JSON body.
    pub body_bytes_max: usize,
    /// The longest upload.
    pub upload_bytes_max: usize,
    /// Rooms that it remembers.
    pub rooms_max: u64,
    /// For how long.
    pub rooms_fresh_for: Duration,
    /// Product backends that are answered in the older reference's form, by the id of their key.
    pub older_form_for: BTreeSet<String>,
}

/// The gateway.
#[derive(Debug)]
pub struct Gateway {
    parameters: Parameters,
    forwarder: Arc<Forwarder>,
    rooms: Arc<KnownRooms>,
    broker: Arc<Broker>,
    live: Arc<ArcSwap<Live>>,
    counters: Counters,
}

/// What came of a call.
#[derive(Debug)]
pub struct Answered {
    /// The room that it was about, if that has a room key.
    pub room_key: Option<RoomKey>,
    /// What its caller is told.
    pub told: Result<Forwarded, GatewayError>,
}

impl Gateway {
    /// A gateway beside a broker, through its client. The directory tells `rooms` what changes.
    pub fn new(
        parameters: Parameters,
        (client, rooms): (&Client, Arc<KnownRooms>),
        broker: Arc<Broker>,
        live: Arc<ArcSwap<Live>>,
    ) -> Self {
        Self {
            forwarder: Arc::new(Forwarder::new(parameters.forward.clone(), client)),
            rooms,
            counters: Counters::new(&broker.metrics),
            parameters,
            broker,
            live,
        }
    }

    /// How it is bounded.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Answers one call, of a product backend that has the operation's scope.
    pub async fn call(&self, call: GatewayCall<'_>) -> Answered {
        let operation = call.operation;
        let mut room = RoomOfCall::default();
        let told = Box::pin(self.answer(call, &mut room)).await;
        let status = told.as_ref().ok().map(|answer| answer.status);
        self.counters.count(operation, status);
        Answered {
            room_key: room.key().cloned(),
            told,
        }
    }

    async fn answer(
        &self,
        call: GatewayCall<'_>,
        room: &mut RoomOfCall,
    ) -> Result<Forwarded, GatewayError> {
        let operation = call.operation;
        let is_older =
            call.wants_older_form || self.parameters.older_form_for.contains(call.service.id());
        let mut wanted = Wanted::of(call)?;
        if let Some(faulty) = self.find_room(&mut wanted, room).await? {
            return Ok(faulty);
        }
        if let Some(refusal) = self.refusal(&wanted).await? {
            return Ok(refusal);
        }
        match older::way_of(operation) {
            Older::Today if operation.id == "create_room_token" => self.token(&wanted, room),
            Older::Today => self.forward(wanted, room, is_older).await,
            Older::SentAs(id) => {
                wanted.operation = Operation::named(id).unwrap_or(operation);
                self.forward(wanted, room, is_older).await
            }
            // Boxed since they are rare, and each call would make room for them.
            Older::Count { of } => Box::pin(self.count(of, &wanted)).await,
            Older::Sessions => Box::pin(self.sessions_of_participant(&wanted)).await,
            Older::NotOffered { instead } => Err(GatewayError::NotImplemented { instead }),
        }
    }

    /// Sends a call on, and makes its answer the caller's.
    async fn forward(
        &self,
        wanted: Wanted<'_>,
        room: &RoomOfCall,
        is_older: bool,
    ) -> Result<Forwarded, GatewayError> {
        let operation = wanted.operation;
        let change = Change::of(&wanted, room);
        let sending = Sending {
            operation,
            parameters: wanted.parameters,
            query: wanted.query,
            body: wanted.body,
            masks: may_answer_secrets(operation) && !wanted.service.has(Scope::SecretsRead),
            ages: is_older && has_two_forms(operation),
        };
        match change {
            None => Ok(sending.through(&self.forwarder).await?),
            // Boxed since it is rare, and each call would make room for it.
            Some(change) => Box::pin(self.change(sending, change)).await,
        }
    }

    /// Sends a change on, in a task of its own: a caller who hangs up must not leave something
    /// changed upstream and remembered here as it was.
    async fn change(&self, sending: Sending, change: Change) -> Result<Forwarded, GatewayError> {
        let (forwarder, broker) = (Arc::clone(&self.forwarder), Arc::clone(&self.broker));
        let work = async move {
            let sent = sending.through(&forwarder).await;
            match &sent {
                Ok(refused) if refused.status >= 400 => {}
                Ok(_done) => change.forget(&broker.directory),
                // Upstream may have done it. Should it fail for joins too, they have what is known.
                Err(_unknown) => change.outdate(&broker.directory),
            }
            sent
        };
        match tokio::spawn(work.in_current_span()).await {
            Ok(sent) => Ok(sent?),
            Err(_dropped_at_shutdown) => {
                let retry_after = Duration::from_secs(1);
                Err(UpstreamFailure::Unavailable { retry_after }.into())
            }
        }
    }
}

/// What is sent on, and how its answer is told.
struct Sending {
    operation: &'static Operation,
    parameters: Vec<String>,
    query: Vec<(String, String)>,
    body: ForwardBody,
    /// Secrets are masked.
    masks: bool,
    /// It is told in the older form.
    ages: bool,
}

impl Sending {
    async fn through(self, forwarder: &Forwarder) -> Result<Forwarded, ForwardFailure> {
        let Self {
            operation,
            masks,
            ages,
            ..
        } = self;
        let older = ages.then_some(self.parameters.as_slice());
        let rewrite = |body| rewritten(operation, body, masks, older);
        let json = if masks || ages || operation.answer == Answer::Page {
            JsonAnswer::Rewritten(&rewrite)
        } else {
            JsonAnswer::AsItCame
        };
        let request = ForwardRequest {
            operation,
            parameters: &self.parameters,
            query: &self.query,
            body: self.body,
            json,
        };
        forwarder.send(request).await
    }
}

/// A JSON answer as its caller may and wants to read it; an error if it is not JSON. `older` are
/// the parameters of the path, if the older form is wanted.
fn rewritten(
    operation: &Operation,
    body: Bytes,
    masks: bool,
    older: Option<&[String]>,
) -> serde_json::Result<Bytes> {
    let body = match operation.answer {
        Answer::Page => with_numeric_total_count(&body).map_or(body, Bytes::from),
        Answer::Object
        | Answer::Array
        | Answer::Empty
        | Answer::Text
        | Answer::Export
        | Answer::Template => body,
    };
    let body = if let Some(parameters) = older {
        let mut answer: Value = serde_json::from_slice(&body)?;
        to_older(operation, parameters, &mut answer);
        Bytes::from(answer.to_string())
    } else {
        body
    };
    if masks {
        return masked(operation, &body);
    }
    if older.is_none() {
        let _well_formed: IgnoredAny = serde_json::from_slice(&body)?;
    }
    Ok(body)
}

/// A JSON body as upstream takes it today.
fn current_body(operation: &'static Operation, json: Bytes) -> Result<ForwardBody, GatewayError> {
    if may_answer_secrets(operation) && has_mask(&json) {
        return Err(GatewayError::MaskSentBack);
    }
    if !has_two_forms(operation) {
        return Ok(ForwardBody::Json(json));
    }
    let mut body: Map<String, Value> =
        serde_json::from_slice(&json).map_err(|_not_an_object| GatewayError::NotAnObject)?;
    to_current(operation, &mut body);
    Ok(ForwardBody::Json(Bytes::from(
        Value::Object(body).to_string(),
    )))
}
