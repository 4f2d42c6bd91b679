//! Secrets in upstream's answers, one row for each. They are masked for a product backend without
//! the scope `secrets:read`.
//!
//! Links to recordings and library files are secrets too, but each is the very purpose of an
//! operation of its own, which its own scope opens: they are not masked there, and are nowhere
//! else.

use std::fmt;
use std::sync::LazyLock;

use bytes::Bytes;
use memchr::memmem::Finder;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

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

/// A JSON answer with its secrets masked, and for the rest as it came.
///
/// # Errors
/// When it is not JSON.
pub fn masked(operation: &Operation, answer: &Bytes) -> serde_json::Result<Bytes> {
    let members: Vec<&str> = secrets_of(operation).collect();
    if !may_name(&members, answer) {
        let _well_formed: IgnoredAny = serde_json::from_slice(answer)?;
        return Ok(answer.clone());
    }
    let mut secrets = Vec::new();
    let search = Search {
        members: &members,
        found: &mut secrets,
    };
    let mut reader = serde_json::Deserializer::from_slice(answer);
    search.deserialize(&mut reader)?;
    reader.end()?;
    if secrets.is_empty() {
        return Ok(answer.clone());
    }
    let mask = Value::from(MASK).to_string();
    let mut masked = Vec::with_capacity(answer.len() + secrets.len() * mask.len());
    let mut copied = 0;
    for secret in secrets {
        let start = secret.as_ptr().addr() - answer.as_ptr().addr();
        masked.extend_from_slice(answer.get(copied..start).unwrap_or_default());
        masked.extend_from_slice(mask.as_bytes());
        copied = start + secret.len();
    }
    masked.extend_from_slice(answer.get(copied..).unwrap_or_default());
    Ok(Bytes::from(masked))
}

/// Whether JSON may have members of these names: one of them stands there, or an escape that could
/// be a letter of one (RFC 8259 section 7: only `\u` can).
fn may_name(members: &[&str], json: &[u8]) -> bool {
    let mut signs = SIGNS.iter().filter(|(name, _)| match name {
        Some(name) => members.contains(name),
        None => true,
    });
    signs.any(|(_, sign)| sign.find(json).is_some())
}

/// What finds each member of [`SECRETS`], and an escape: made once, since making them costs more
/// than a search.
static SIGNS: LazyLock<Vec<(Option<&str>, Finder<'_>)>> = LazyLock::new(|| {
    let mut names: Vec<&str> = SECRETS.iter().map(|(member, _)| *member).collect();
    names.sort_unstable();
    names.dedup();
    let members = names
        .into_iter()
        .map(|name| (Some(name), Finder::new(name)));
    members.chain([(None, Finder::new("\\u"))]).collect()
});

/// Finds secrets' values in JSON as it is read, without keeping anything else of it.
struct Search<'s, 'de> {
    members: &'s [&'s str],
    found: &'s mut Vec<&'de str>,
}

impl<'de> Search<'_, 'de> {
    fn deeper(&mut self) -> Search<'_, 'de> {
        Search {
            members: self.members,
            found: self.found,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Search<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Search<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut object: A) -> Result<(), A::Error> {
        while let Some(is_secret) = object.next_key_seed(IsSecret(self.members))? {
            if !is_secret {
                object.next_value_seed(self.deeper())?;
                continue;
            }
            let value: &'de RawValue = object.next_value()?;
            if value.get() != "null" {
                self.found.push(value.get());
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(self.deeper())?.is_some() {}
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
}

/// Whether a member's name is one of these, however it is escaped.
struct IsSecret<'s>(&'s [&'s str]);

impl<'de> DeserializeSeed<'de> for IsSecret<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<bool, D::Error> {
        reader.deserialize_str(self)
    }
}

impl Visitor<'_> for IsSecret<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(self.0.contains(&name))
    }
}

/// Whether a body carries a mask back, which would overwrite the secret that it hides.
pub fn has_mask(body: &[u8]) -> bool {
    let mask = MASK.as_bytes();
    body.windows(mask.len()).any(|window| window == mask)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_names_operations_of_the_catalogue() {
        for (member, operations) in SECRETS {
            for id in *operations {
                assert!(Operation::named(id).is_some(), "{member} {id}");
            }
        }
    }

    fn masked_text(operation: &str, answer: &str) -> Option<String> {
        let operation = Operation::named(operation).unwrap();
        let masked = masked(operation, &Bytes::copy_from_slice(answer.as_bytes())).ok()?;
        Some(String::from_utf8(masked.to_vec()).unwrap())
    }

    #[test]
    fn secrets_are_masked_wherever_they_are_and_nothing_else_changes() {
        let page = r#" {"data": [ {"restream_key" :"k\"]}", "telephony_pin_dtmf":null, "z": 1.50, "token": "t",
            "breakouts":[{"stream\u005fkey": {"a":["b"]},"name":"b\u00e9"}]}], "a": -1e3, "stream_key": 7 } "#;
        let masked = r#" {"data": [ {"restream_key" :MASK, "telephony_pin_dtmf":null, "z": 1.50, "token": "t",
            "breakouts":[{"stream\u005fkey": MASK,"name":"b\u00e9"}]}], "a": -1e3, "stream_key": MASK } "#;
        let masked = masked.replace("MASK", &format!("\"{MASK}\""));
        assert_eq!(masked_text("list_rooms", page), Some(masked.clone()));
        assert!(has_mask(masked.as_bytes()) && !has_mask(b"{}"));
        assert!(!may_answer_secrets(
            Operation::named("get_recording_download_link").unwrap()
        ));
    }

    #[test]
    fn a_name_is_seen_however_it_is_written() {
        for name in [
            "stream_key",
            r"stream\u005fkey",
            r"stream_k\u0065y",
            r"\u0073\u0074\u0072\u0065\u0061\u006d\u005F\u006b\u0065\u0079",
        ] {
            let answer = format!(r#"{{"a":[{{"{name}":"hidden"}}]}}"#);
            let masked = masked_text("get_room", &answer).unwrap();
            assert!(!masked.contains("hidden"), "{name}");
        }
        let without = r#"{"join_url":"https:\/\/acme.example","topic":"a \"b\" \\ c"}"#;
        assert_eq!(masked_text("get_room", without).unwrap(), without);
    }

    #[test]
    fn what_is_not_json_cannot_be_masked() {
        for text in ["", "{", r#"{"stream_key":}"#, r#"{"a":1}{}"#, "nul"] {
            assert_eq!(masked_text("get_room", text), None, "{text}");
        }
        assert_eq!(masked_text("get_room", "[true]").unwrap(), "[true]");
    }
}
