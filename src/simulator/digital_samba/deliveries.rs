//! Webhooks that are delivered: what happens goes to whoever registered for it, in one of the
//! documented forms, and as badly as a test asks for.

use std::fmt::Write as _;
use std::time::Duration;

use aws_lc_rs::hmac;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use url::{Host, Url};

use super::areas::webhooks::{EVENTS, Webhook};
use super::participants::Visitor;
use super::settings::shown_as;
use super::shelf::Kept as _;
use super::team::Team;
use crate::clock::UnixTime;

/// Parcels under way; more are lost.
const PARCELS_MAX: usize = 10_000;
/// One try of one delivery.
const PATIENCE: Duration = Duration::from_secs(5);
/// Before another try.
const RETRY_PAUSE: Duration = Duration::from_millis(100);
/// Copies and tries that can be asked for.
const TIMES_MAX: u32 = 1_000;

/// How webhooks are delivered. The default is today's documented form, once, at once, in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Deliveries {
    /// The body and the names of the reference 1.1.
    pub older_body: bool,
    /// `authorization_header` is sent as it is, without `Bearer`.
    pub raw_credential: bool,
    /// Another credential is sent.
    pub wrong_credential: bool,
    /// Nothing is sent until this is false again; then the latest comes first.
    pub held: bool,
    /// Also to endpoints that are not on this machine.
    pub beyond_loopback: bool,
    /// Copies beside the first.
    pub copies: u32,
    /// Milliseconds before each is sent.
    pub delay_ms: u64,
    /// So many of the next are lost.
    pub lose: u32,
    /// Further tries of a delivery that was not answered with 2xx.
    pub retries: u32,
}

/// One delivery, ready to be sent.
pub(super) struct Parcel {
    endpoint: Url,
    authorization: Option<String>,
    signature: Option<String>,
    body: String,
    delay: Duration,
    tries: u32,
}

/// What is on its way out.
pub(super) struct Outbox {
    sender: mpsc::Sender<Parcel>,
    held: Vec<Parcel>,
}

impl Outbox {
    pub(super) fn new() -> (Self, mpsc::Receiver<Parcel>) {
        let (sender, parcels) = mpsc::channel(PARCELS_MAX);
        let held = Vec::new();
        (Self { sender, held }, parcels)
    }

    pub(super) fn clear(&mut self) {
        self.held.clear();
    }

    fn post(&mut self, parcel: Parcel, is_held: bool) {
        if !is_held {
            // A full channel loses it, as the real one might.
            let _lost = self.sender.try_send(parcel);
        } else if self.held.len() < PARCELS_MAX {
            self.held.push(parcel);
        }
    }

    fn release(&mut self) {
        for parcel in std::mem::take(&mut self.held).into_iter().rev() {
            self.post(parcel, false);
        }
    }
}

/// Delivers until the team is gone.
#[expect(
    clippy::disallowed_methods,
    reason = "the simulator shares nothing with the broker, its HTTP client neither"
)]
pub(super) async fn deliver(mut parcels: mpsc::Receiver<Parcel>) {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .build();
    let Ok(client) = client else { return };
    while let Some(parcel) = parcels.recv().await {
        for attempt in 0..parcel.tries {
            let pause = if attempt == 0 {
                parcel.delay
            } else {
                RETRY_PAUSE
            };
            tokio::time::sleep(pause).await;
            let mut request = client
                .post(parcel.endpoint.clone())
                .header("content-type", "application/json")
                .body(parcel.body.clone());
            if let Some(authorization) = &parcel.authorization {
                request = request.header("authorization", authorization);
            }
            if let Some(signature) = &parcel.signature {
                request = request.header("x-signature", signature);
            }
            let answer = request.send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                break;
            }
        }
    }
}

/// What happened, where and to whom.
pub(super) struct News<'n> {
    pub(super) event: &'n str,
    pub(super) room: Option<&'n str>,
    pub(super) session: Option<&'n str>,
    pub(super) at: UnixTime,
    /// In camelCase.
    pub(super) data: Map<String, Value>,
}

impl Team {
    /// Changes how webhooks are delivered from now on.
    pub(super) fn change_deliveries(&mut self, deliveries: Deliveries) {
        self.deliveries = deliveries;
        if !deliveries.held {
            self.outbox.release();
        }
    }

    /// Says that something happened to a room that is there; whether the event and the room are.
    pub(super) fn stage_news(&mut self, event: &str, room: &str) -> bool {
        let Some(id) = self.room(room).map(|room| room.id.clone()) else {
            return false;
        };
        let is_known = EVENTS.split_whitespace().any(|known| known == event);
        if is_known {
            self.tell_of_room(event, &id);
        }
        is_known
    }

    pub(super) fn tell_of_room(&mut self, event: &str, room: &str) {
        self.tell(&News {
            event,
            room: Some(room),
            session: None,
            at: self.clock.now(),
            data: Map::new(),
        });
    }

    /// Says that somebody came or left.
    pub(super) fn tell_of_participant(
        &mut self,
        event: &str,
        (room, session): (&str, &str),
        (id, visitor): (&str, &Visitor),
    ) {
        let data = json!({
            "participantId": id,
            "externalId": visitor.external_id,
            "name": visitor.name,
            "role": visitor.role,
        });
        self.tell(&News {
            event,
            room: Some(room),
            session: Some(session),
            at: self.clock.now(),
            data: data.as_object().cloned().unwrap_or_default(),
        });
    }

    /// Says to every webhook that wants to hear it what happened.
    pub(super) fn tell(&mut self, news: &News<'_>) {
        let named = news.room.and_then(|room| self.room_ever(room));
        let named = named.and_then(|room| room.settings.get("webhooks")?.as_array());
        let named = named.filter(|named| !named.is_empty());
        let hears = |webhook: &&Webhook| {
            webhook.hears(news.event)
                && named.is_none_or(|named| named.contains(&json!(webhook.id())))
        };
        let options = self.deliveries;
        let webhooks = self.webhooks.iter().filter(hears);
        let parcels: Vec<Parcel> = webhooks
            .filter_map(|webhook| parcel(webhook, news, options))
            .collect();
        for parcel in parcels {
            if self.deliveries.lose > 0 {
                self.deliveries.lose -= 1;
                continue;
            }
            for _copy in 0..options.copies.min(TIMES_MAX) {
                self.outbox.post(parcel.copy(), options.held);
            }
            self.outbox.post(parcel, options.held);
        }
    }
}

impl Parcel {
    fn copy(&self) -> Self {
        Self {
            endpoint: self.endpoint.clone(),
            authorization: self.authorization.clone(),
            signature: self.signature.clone(),
            body: self.body.clone(),
            delay: self.delay,
            tries: self.tries,
        }
    }
}

fn parcel(webhook: &Webhook, news: &News<'_>, options: Deliveries) -> Option<Parcel> {
    let endpoint = Url::parse(webhook.endpoint()).ok()?;
    if !options.beyond_loopback && !is_loopback(&endpoint) {
        return None;
    }
    let body = if options.older_body {
        older_body(news)
    } else {
        body(news)
    };
    let body = body.to_string();
    let wrong = options.wrong_credential.then_some("wrong");
    let authorization = wrong.or(webhook.authorization_header()).map(|value| {
        if options.raw_credential {
            value.to_owned()
        } else {
            format!("Bearer {value}")
        }
    });
    let signature = webhook
        .secret()
        .map(|secret| sign(wrong.unwrap_or(secret), &body));
    Some(Parcel {
        endpoint,
        authorization,
        signature,
        body,
        delay: Duration::from_millis(options.delay_ms),
        tries: options.retries.min(TIMES_MAX) + 1,
    })
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn body(news: &News<'_>) -> Value {
    json!({
        "eventType": news.event,
        "sessionId": news.session,
        "roomId": news.room,
        "timestamp": news.at.seconds(),
        "data": news.data,
    })
}

/// As the reference 1.1 has it: the ids stand in the data, whose names are in `snake_case`.
fn older_body(news: &News<'_>) -> Value {
    let event = match news.event {
        "session_transcript_ready" => "transcript.ready".to_owned(),
        event => event.replacen('_', ".", 1),
    };
    let mut data = Map::new();
    data.insert("room_id".to_owned(), json!(news.room));
    data.insert("session_id".to_owned(), json!(news.session));
    for (name, value) in &news.data {
        data.insert(snake_case(name), value.clone());
    }
    json!({
        "event": event,
        "timestamp": shown_as(news.at, "%Y-%m-%dT%H:%M:%SZ"),
        "data": data,
    })
}

fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

fn sign(secret: &str, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, body.as_bytes());
    tag.as_ref().iter().fold(String::new(), |mut hex, byte| {
        // Writing into memory does not fail.
        let _written = write!(hex, "{byte:02x}");
        hex
    })
}
