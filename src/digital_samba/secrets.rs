//! Secrets in upstream's answers, one row for each. They are masked for a product backend without
//! the scope `secrets:read`.
//!
//! Links to recordings and library files are secrets too, but each is the very purpose of an
//! operation of its own, which its own scope opens: they are not masked there, and are nowhere
//! else.

use serde_json::Value;

use super::operations::Operation;

/// What stands in a secret's place.
pub const MASK: &str = "[masked by room-broker]";

const ROOMS: &[&str] = &["list_rooms", "create_room", "get_room", "update_room"];
const TEAM: &[&str] = &["get_default_room_settings", "update_default_room_settings"];
const WEBHOOKS: &[&str] = &[
    "list_webhooks",
    "create_webhook",
    "get_webhook",
    "update_webhook",
];

/// A member, wherever it is in an answer, and the operations that answer it.
const SECRETS: &[(&str, &[&str])] = &[
    ("authorization_header", WEBHOOKS),
    ("secret", WEBHOOKS),
    ("stream_key", ROOMS),
    ("restream_key", ROOMS),
    ("telephony_pin_dtmf", ROOMS),
    ("stream_key", TEAM),
    ("restream_key", TEAM),
    ("telephony_pin_dtmf", TEAM),
    ("owner_id", TEAM),
    ("token", &["create_library_file"]),
];

fn secrets_of(operation: &Operation) -> impl Iterator<Item = &'static str> + '_ {
    let rows = SECRETS.iter();
    rows.filter(|(_, operations)| operations.contains(&operation.id))
        .map(|(member, _)| *member)
}

/// Whether an operation's answers may hold secrets.
pub fn may_answer_secrets(operation: &Operation) -> bool {
    secrets_of(operation).next().is_some()
}

/// Masks the secrets in an answer.
pub fn mask(operation: &Operation, answer: &mut Value) {
    let members: Vec<&str> = secrets_of(operation).collect();
    mask_members(&members, answer);
}

fn mask_members(members: &[&str], value: &mut Value) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                if members.contains(&name.as_str()) && !value.is_null() {
                    *value = Value::from(MASK);
                } else {
                    mask_members(members, value);
                }
            }
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| mask_members(members, item)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Whether a body carries a mask back, which would overwrite the secret that it hides.
pub fn has_mask(body: &[u8]) -> bool {
    let mask = MASK.as_bytes();
    body.windows(mask.len()).any(|window| window == mask)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_row_names_operations_of_the_catalogue() {
        for (member, operations) in SECRETS {
            for id in *operations {
                assert!(Operation::named(id).is_some(), "{member} {id}");
            }
        }
    }

    #[test]
    fn secrets_are_masked_wherever_they_are_and_nothing_else_is() {
        let mut page = json!({ "data": [{ "restream_key": "k", "telephony_pin_dtmf": null, "token": "t",
            "breakouts": [{ "stream_key": "s", "name": "b" }] }] });
        mask(Operation::named("list_rooms").unwrap(), &mut page);
        let masked = json!({ "data": [{ "restream_key": MASK, "telephony_pin_dtmf": null, "token": "t",
            "breakouts": [{ "stream_key": MASK, "name": "b" }] }] });
        assert_eq!(page, masked);
        assert!(has_mask(page.to_string().as_bytes()) && !has_mask(b"{}"));
        assert!(!may_answer_secrets(
            Operation::named("get_recording_download_link").unwrap()
        ));
    }
}
