//! Webhooks: who is to be told of which events. That they are told is not simulated.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Operation, Paging, body_of, ok};
use crate::clock::UnixTime;
use crate::simulator::digital_samba::fields::{Fields, SOME};
use crate::simulator::digital_samba::refusal::{Answer, Faulty, Refusal};
use crate::simulator::digital_samba::settings::shown;
use crate::simulator::digital_samba::shelf::{Kept, Shelf};
use crate::simulator::digital_samba::team::Team;
use crate::simulator::exchange::{Call, Reply};

pub(in crate::simulator::digital_samba) type Webhooks = Shelf<Webhook, 100>;

const EVENTS: &str = "session_started session_ended session_summary_ready session_transcript_ready \
    room_locked room_unlocked room_deleted role_deleted participant_joined participant_left \
    participant_waiting_joined participant_waiting_left participant_invited \
    participant_hand_raised participant_hand_lowered participant_avatar_uploaded \
    participant_avatar_deleted phone_participant_muted phone_participant_unmuted \
    phone_participant_asked_to_unmute recording_started recording_stopped recording_ready \
    recording_deleted question_asked question_answered question_updated question_dismissed \
    question_reopened question_deleted answer_updated answer_deleted file_added_to_library \
    file_renamed file_deleted_from_library file_processing_failed folder_added_to_library \
    folder_renamed folder_deleted_from_library";

pub(in crate::simulator::digital_samba) struct Webhook {
    id: String,
    endpoint: String,
    /// Shown in clear text, as upstream does.
    authorization_header: Option<String>,
    name: Option<String>,
    events: Vec<String>,
    created_at: UnixTime,
    updated_at: UnixTime,
}

impl Kept for Webhook {
    fn id(&self) -> &str {
        &self.id
    }
}

pub(super) fn route<'c>(call: &'c Call, path: &[&'c str]) -> Option<Operation<'c>> {
    Some(match (call.method.as_str(), path) {
        ("GET", ["events"]) => Operation::new("list_webhook_events", |_| {
            ok(&EVENTS.split_whitespace().collect())
        }),
        ("GET", ["webhooks"]) => Operation::new("list_webhooks", |team| list(team, call)),
        ("POST", ["webhooks"]) => {
            Operation::new("create_webhook", |team| create(team, &body_of(call)?))
        }
        ("GET", &["webhooks", id]) => Operation::new("get_webhook", move |team| read(team, id)),
        ("PATCH", &["webhooks", id]) => Operation::new("update_webhook", move |team| {
            update(team, id, &body_of(call)?)
        }),
        ("DELETE", &["webhooks", id]) => {
            Operation::new("delete_webhook", move |team| delete(team, id))
        }
        _ => return None,
    })
}

/// A room may name only webhooks that are there.
pub(super) fn check_named(team: &Team, settings: &Map<String, Value>, faulty: &mut Faulty) {
    let named = settings.get("webhooks").and_then(Value::as_array);
    for (at, name) in named.into_iter().flatten().enumerate() {
        let id = name.as_str().unwrap_or_default();
        if team.webhooks.get(id).is_none() {
            faulty.add(&format!("webhooks.{at}"), "chosen is invalid");
        }
    }
}

fn list(team: &Team, call: &Call) -> Answer {
    let items = team.webhooks.iter().map(|webhook| {
        let mut item = shown_webhook(webhook);
        if let Value::Object(item) = &mut item {
            item.remove("events");
        }
        (webhook.id.clone(), item)
    });
    Paging::of(call)?.page(items.collect())?.with_text()
}

fn create(team: &mut Team, body: &Map<String, Value>) -> Answer {
    let now = team.clock.now();
    let mut webhook = Webhook {
        id: Uuid::new_v4().to_string(),
        endpoint: String::new(),
        authorization_header: None,
        name: None,
        events: Vec::new(),
        created_at: now,
        updated_at: now,
    };
    let mut fields = Fields::of(body);
    fields.require(&["endpoint", "events"]);
    write(&mut webhook, fields)?;
    let answer = ok(&shown_webhook(&webhook));
    team.webhooks.add(webhook)?;
    answer
}

fn read(team: &Team, id: &str) -> Answer {
    let webhook = team.webhooks.get(id).ok_or(Refusal::NotFound)?;
    ok(&shown_webhook(webhook))
}

fn update(team: &mut Team, id: &str, body: &Map<String, Value>) -> Answer {
    let now = team.clock.now();
    let webhook = team.webhooks.get_mut(id).ok_or(Refusal::NotFound)?;
    write(webhook, Fields::of(body))?;
    webhook.updated_at = now;
    read(team, id)
}

/// Rooms that named it no longer do: one that named only this is open to all webhooks again.
fn delete(team: &mut Team, id: &str) -> Answer {
    if !team.webhooks.remove(id) {
        return Err(Refusal::NotFound);
    }
    for room in team.rooms_mut() {
        if let Some(Value::Array(named)) = room.settings.get_mut("webhooks") {
            named.retain(|name| name != id);
        }
    }
    Ok(Reply::empty(204))
}

/// Writes a body into a webhook, all of it or, if anything is wrong, nothing.
fn write(webhook: &mut Webhook, mut fields: Fields<'_>) -> Result<(), Refusal> {
    let endpoint = fields.address("endpoint", &(3..=100));
    let name = fields.text("name", &(3..=100));
    let authorization_header = fields.text("authorization_header", &SOME);
    let known = |name: &str| EVENTS.split_whitespace().any(|event| event == name);
    let events = fields.texts("events", known);
    if events.as_ref().is_some_and(Vec::is_empty) {
        fields.refuse("events", "field is required");
    }
    let (named, authorized) = (fields.has("name"), fields.has("authorization_header"));
    fields.check()?;
    if let Some(endpoint) = endpoint {
        webhook.endpoint = endpoint;
    }
    if named {
        webhook.name = name;
    }
    if authorized {
        webhook.authorization_header = authorization_header;
    }
    if let Some(events) = events {
        webhook.events = events;
    }
    Ok(())
}

fn shown_webhook(webhook: &Webhook) -> Value {
    json!({
        "id": webhook.id,
        "endpoint": webhook.endpoint,
        "authorization_header": webhook.authorization_header,
        "name": webhook.name,
        "events": webhook.events,
        "created_at": shown(webhook.created_at),
        "updated_at": shown(webhook.updated_at),
    })
}
