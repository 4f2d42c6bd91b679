//! The older reference's names and today's, as tables. What comes in may use either; what goes out
//! has the older names beside today's only for a caller who asks for the older form.

mod total_count;

use serde_json::{Map, Value, json};

use super::operations::Operation;

pub use total_count::with_numeric_total_count;

/// What an operation reads or tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Thing {
    Settings,
    Poll,
    Role,
    Webhook,
    EventNames,
    /// A statistics document today, whose own id is in the path.
    Session,
    Participant,
}

/// What the operations with two forms are about.
const THINGS: &[(&str, Thing)] = &[
    ("get_default_room_settings", Thing::Settings),
    ("update_default_room_settings", Thing::Settings),
    ("create_room", Thing::Settings),
    ("list_rooms", Thing::Settings),
    ("get_room", Thing::Settings),
    ("update_room", Thing::Settings),
    ("list_polls", Thing::Poll),
    ("create_poll", Thing::Poll),
    ("get_poll", Thing::Poll),
    ("update_poll", Thing::Poll),
    ("list_roles", Thing::Role),
    ("create_role", Thing::Role),
    ("get_role", Thing::Role),
    ("update_role", Thing::Role),
    ("list_webhooks", Thing::Webhook),
    ("create_webhook", Thing::Webhook),
    ("get_webhook", Thing::Webhook),
    ("update_webhook", Thing::Webhook),
    ("list_webhook_events", Thing::EventNames),
    ("get_session", Thing::Session),
    ("get_participant", Thing::Participant),
];

/// Members with two names: where, the older one, today's. A path leads to where they are; `[]` is
/// every item of a list.
const NAMES: &[(Thing, &[&str], &str, &str)] = &[
    (Thing::Settings, &[], "default_language", "language"),
    (Thing::Settings, &[], "logo_url", "custom_logo"),
    (Thing::Poll, &["options", "[]"], "label", "text"),
    (Thing::Role, &["permissions"], "chat", "general_chat"),
    (
        Thing::Role,
        &["permissions"],
        "emoji_reactions",
        "room_reactions",
    ),
    (Thing::Webhook, &[], "secret", "authorization_header"),
];

/// The members of the older `toolbar`, and today's names of them.
const TOOLBAR: &[(&str, &str)] = &[
    ("position", "toolbar_position"),
    ("visible", "toolbar_enabled"),
    ("color", "toolbar_color"),
];

/// Webhook events with two names, the older one first.
const EVENTS: &[(&str, &str)] = &[
    ("session.started", "session_started"),
    ("session.ended", "session_ended"),
    ("participant.joined", "participant_joined"),
    ("participant.left", "participant_left"),
    ("recording.started", "recording_started"),
    ("recording.stopped", "recording_stopped"),
    ("recording.ready", "recording_ready"),
    ("transcript.ready", "session_transcript_ready"),
];

fn thing_of(operation: &Operation) -> Option<Thing> {
    let found = THINGS.iter().find(|(id, _)| *id == operation.id);
    found.map(|(_, thing)| *thing)
}

/// Whether an operation has two forms.
pub fn has_two_forms(operation: &Operation) -> bool {
    thing_of(operation).is_some()
}

/// Gives the members of a request their names of today. A member that is there by both keeps the
/// value under today's.
pub fn to_current(operation: &Operation, body: &mut Map<String, Value>) {
    let Some(thing) = thing_of(operation) else {
        return;
    };
    for (_, path, older, current) in NAMES.iter().filter(|(of, ..)| *of == thing) {
        at(body, path, &mut |object| {
            if let Some(value) = object.remove(*older) {
                object.entry(*current).or_insert(value);
            }
        });
    }
    match thing {
        Thing::Settings => {
            split_toolbar(body);
            for member in ["roles", "default_role"] {
                if let Some(value) = body.get_mut(member) {
                    name_roles(value);
                }
            }
        }
        Thing::Webhook => {
            if let Some(events) = body.get_mut("events") {
                rename_events(events, |older, current| (older, current));
            }
        }
        Thing::Poll | Thing::Role | Thing::EventNames | Thing::Session | Thing::Participant => {}
    }
}

/// Gives an answer the older names too, and the older form where a name has only one. `parameters`
/// are those of the operation's path.
pub fn to_older(operation: &Operation, parameters: &[String], answer: &mut Value) {
    let Some(thing) = thing_of(operation) else {
        return;
    };
    if thing == Thing::EventNames {
        rename_events(answer, |older, current| (current, older));
        return;
    }
    let items = match answer.get_mut("data") {
        Some(Value::Array(items)) => items.iter_mut().collect(),
        Some(_) | None => vec![answer],
    };
    for object in items.into_iter().filter_map(Value::as_object_mut) {
        for (_, path, older, current) in NAMES.iter().filter(|(of, ..)| *of == thing) {
            at(object, path, &mut |object| {
                if let Some(value) = object.get(*current).cloned() {
                    object.entry(*older).or_insert(value);
                }
            });
        }
        add_older(thing, parameters, object);
    }
}

fn add_older(thing: Thing, parameters: &[String], object: &mut Map<String, Value>) {
    match thing {
        Thing::Settings => {
            let parts = TOOLBAR.iter().filter_map(|(part, current)| {
                let value = object.get(*current)?.clone();
                Some(((*part).to_owned(), value))
            });
            let toolbar: Map<_, _> = parts.collect();
            if !toolbar.is_empty() {
                object.insert("toolbar".to_owned(), Value::Object(toolbar));
            }
            for member in ["roles", "default_role"] {
                if let Some(value) = object.get_mut(member) {
                    name_roles(value);
                }
            }
        }
        // `free` cannot be told from `single` any more.
        Thing::Poll => {
            let multiple = object.get("multiple").and_then(Value::as_bool);
            if let Some(multiple) = multiple {
                let kind = if multiple { "multiple" } else { "single" };
                object.entry("type").or_insert(json!(kind));
            }
        }
        Thing::Webhook => {
            if let Some(events) = object.get_mut("events") {
                rename_events(events, |older, current| (current, older));
            }
        }
        Thing::Session | Thing::Participant => {
            if let Some(id) = parameters.first() {
                object.entry("id").or_insert(json!(id));
            }
        }
        Thing::Role | Thing::EventNames => {}
    }
}

/// Does something to every object that a path leads to.
fn at(
    object: &mut Map<String, Value>,
    path: &[&str],
    change: &mut dyn FnMut(&mut Map<String, Value>),
) {
    match path {
        [] => change(object),
        [name, rest @ ..] => match (object.get_mut(*name), rest) {
            (Some(Value::Array(items)), ["[]", rest @ ..]) => {
                let objects = items.iter_mut().filter_map(Value::as_object_mut);
                objects.for_each(|object| at(object, rest, change));
            }
            (Some(Value::Object(object)), rest) => at(object, rest, change),
            (Some(_) | None, _) => {}
        },
    }
}

fn split_toolbar(body: &mut Map<String, Value>) {
    let Some(Value::Object(mut toolbar)) = body.remove("toolbar") else {
        return;
    };
    for (part, current) in TOOLBAR {
        if let Some(value) = toolbar.remove(*part) {
            body.entry(*current).or_insert(value);
        }
    }
}

/// Roles that are told as objects, by their names.
fn name_roles(value: &mut Value) {
    match value {
        Value::Array(roles) => roles.iter_mut().for_each(name_roles),
        Value::Object(role) => {
            if let Some(name) = role.get("name").or(role.get("id")).cloned() {
                *value = name;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn rename_events(
    events: &mut Value,
    direction: fn(&'static str, &'static str) -> (&'static str, &'static str),
) {
    for event in events.as_array_mut().into_iter().flatten() {
        let mut pairs = EVENTS
            .iter()
            .map(|(older, current)| direction(older, current));
        if let Some((_, to)) = pairs.find(|(from, _)| event.as_str() == Some(from)) {
            *event = json!(to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn current(id: &str, mut body: Value) -> Value {
        let operation = Operation::named(id).unwrap();
        to_current(operation, body.as_object_mut().unwrap());
        body
    }

    fn older(id: &str, mut answer: Value) -> Value {
        let parameters = ["5f0c2b1e".to_owned()];
        to_older(Operation::named(id).unwrap(), &parameters, &mut answer);
        answer
    }

    #[test]
    fn every_operation_with_two_forms_is_in_the_catalogue() {
        for (id, _) in THINGS {
            assert!(Operation::named(id).is_some(), "{id}");
        }
    }

    #[test]
    fn older_names_become_todays() {
        let room = json!({
            "default_language": "en", "logo_url": "https://x/y.png",
            "toolbar": { "position": "left", "visible": false },
            "roles": ["a", { "id": "1", "name": "b" }], "default_role": { "id": "2" },
        });
        let expected = json!({
            "language": "en", "custom_logo": "https://x/y.png", "toolbar_position": "left",
            "toolbar_enabled": false, "roles": ["a", "b"], "default_role": "2",
        });
        assert_eq!(current("create_room", room), expected);
        for (id, older, today) in [
            (
                "create_poll",
                json!({ "type": "free", "options": [{ "label": "A" }, { "text": "B" }] }),
                json!({ "type": "free", "options": [{ "text": "A" }, { "text": "B" }] }),
            ),
            (
                "create_role",
                json!({ "permissions": { "chat": true, "emoji_reactions": false, "broadcast": true } }),
                json!({ "permissions": { "general_chat": true, "room_reactions": false, "broadcast": true } }),
            ),
            (
                "create_webhook",
                json!({ "secret": "s", "events": ["session.started", "transcript.ready", "session_ended", "x"] }),
                json!({ "authorization_header": "s", "events": ["session_started", "session_transcript_ready", "session_ended", "x"] }),
            ),
            (
                "update_room",
                json!({ "default_language": "de", "language": "en", "toolbar": 7 }),
                json!({ "language": "en" }),
            ),
            ("create_quiz", json!({ "label": 1 }), json!({ "label": 1 })),
        ] {
            assert_eq!(current(id, older), today, "{id}");
        }
    }

    #[test]
    fn todays_answers_get_their_older_names_beside() {
        let room = json!({
            "language": "en", "custom_logo": null, "toolbar_position": "left", "toolbar_enabled": true,
            "roles": [{ "id": "1", "name": "a" }], "default_role": { "id": "1", "name": "a" },
        });
        let page = older("list_rooms", json!({ "total_count": 1, "data": [room] }));
        let expected = json!({
            "language": "en", "default_language": "en", "custom_logo": null, "logo_url": null,
            "toolbar_position": "left", "toolbar_enabled": true,
            "toolbar": { "position": "left", "visible": true }, "roles": ["a"], "default_role": "a",
        });
        assert_eq!(page["data"][0], expected);
        let poll = older(
            "get_poll",
            json!({ "multiple": true, "options": [{ "text": "A" }] }),
        );
        let expected = json!({ "multiple": true, "type": "multiple", "options": [{ "text": "A", "label": "A" }] });
        assert_eq!(poll, expected);
        let events = older(
            "list_webhook_events",
            json!(["session_started", "role_changed"]),
        );
        assert_eq!(events, json!(["session.started", "role_changed"]));
        for id in ["get_session", "get_participant"] {
            let told = older(id, json!({ "session_id": "s", "live": true }));
            let expected = json!({ "id": "5f0c2b1e", "session_id": "s", "live": true });
            assert_eq!(told, expected, "{id}");
        }
    }
}
