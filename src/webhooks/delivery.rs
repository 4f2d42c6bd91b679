//! One delivery, whichever of the two documented bodies it has. What names no event is malformed;
//! the rest is read where it can be and left out where it cannot.

use std::borrow::Cow;

use chrono::DateTime;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::clock::UnixTime;
use crate::domain::RoomId;
use crate::occupancy::{ParticipantId, Person};

use super::event::Event;

/// A body that is no delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body is no webhook delivery")]
pub struct Malformed;

/// What upstream says that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// What; `None` for an event that is not known here.
    pub event: Option<Event>,
    /// When, if it says so.
    pub occurred_at: Option<UnixTime>,
    /// In which room.
    pub room: Option<RoomId>,
    /// Who.
    pub person: Option<Person>,
}

/// A value of the type that is expected, or of another, which counts as none.
#[derive(Deserialize)]
#[serde(untagged)]
enum Tolerant<T> {
    Expected(T),
    Other(IgnoredAny),
}

impl<T> Tolerant<T> {
    fn value(self) -> Option<T> {
        match self {
            Self::Expected(value) => Some(value),
            Self::Other(_) => None,
        }
    }
}

type Word<'a> = Tolerant<Cow<'a, str>>;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, rename = "eventType")]
    event_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    event: Option<Cow<'a, str>>,
    timestamp: Option<Tolerant<Timestamp>>,
    #[serde(rename = "roomId")]
    room_id: Option<Word<'a>>,
    data: Option<Tolerant<Data<'a>>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Timestamp {
    Seconds(u64),
    Fraction(f64),
    Text(String),
}

#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "as upstream names them")]
struct Data<'a> {
    #[serde(rename = "roomId")]
    room_id: Option<Word<'a>>,
    #[serde(rename = "room_id")]
    older_room_id: Option<Word<'a>>,
    #[serde(rename = "participantId")]
    participant_id: Option<Word<'a>>,
    #[serde(rename = "participant_id")]
    older_participant_id: Option<Word<'a>>,
    #[serde(rename = "externalId")]
    external_id: Option<Word<'a>>,
    #[serde(rename = "external_id")]
    older_external_id: Option<Word<'a>>,
}

impl Delivery {
    /// Reads a body.
    ///
    /// # Errors
    /// [`Malformed`] when it is no JSON object that names an event.
    pub fn parse(body: &[u8]) -> Result<Self, Malformed> {
        // serde would take a list for the members in their order.
        if !body.trim_ascii_start().starts_with(b"{") {
            return Err(Malformed);
        }
        let body: Body<'_> = serde_json::from_slice(body).map_err(|_not_a_delivery| Malformed)?;
        let name = match (&body.event_type, &body.event) {
            (Some(name), None) | (None, Some(name)) => name,
            (Some(name), Some(other)) if name == other => name,
            (Some(_), Some(_)) | (None, None) => return Err(Malformed),
        };
        let data = body.data.and_then(Tolerant::value);
        let (in_data, person) = data.map_or((None, None), Data::read);
        let room = first(body.room_id, None).or(in_data);
        Ok(Self {
            event: Event::parse(name),
            occurred_at: body.timestamp.and_then(Tolerant::value).and_then(time),
            room: room.and_then(|text| RoomId::parse(&text).ok()),
            person,
        })
    }
}

impl<'a> Data<'a> {
    fn read(self) -> (Option<Cow<'a, str>>, Option<Person>) {
        let room = first(self.room_id, self.older_room_id);
        let id = first(self.participant_id, self.older_participant_id);
        let user = first(self.external_id, self.older_external_id);
        let person = id
            .and_then(|id| ParticipantId::parse(&id))
            .map(|id| Person {
                id,
                user: user.map(|user| Box::from(&*user)),
                // A reading tells these; nobody is named on an event's word.
                name: None,
                role: None,
                joined_at: None,
            });
        (room, person)
    }
}

fn first<'a>(one: Option<Word<'a>>, other: Option<Word<'a>>) -> Option<Cow<'a, str>> {
    let value = |word: Option<Word<'a>>| word.and_then(Tolerant::value);
    value(one).or_else(|| value(other))
}

/// Seconds since the epoch, or a text as ISO 8601 has it.
fn time(timestamp: Timestamp) -> Option<UnixTime> {
    match timestamp {
        Timestamp::Seconds(seconds) => Some(UnixTime::from_seconds(seconds)),
        // Written with a point, but still seconds.
        Timestamp::Fraction(seconds) => {
            let whole = std::time::Duration::try_from_secs_f64(seconds).ok()?;
            Some(UnixTime::from_seconds(whole.as_secs()))
        }
        Timestamp::Text(text) => {
            let time = DateTime::parse_from_rfc3339(&text).ok()?;
            u64::try_from(time.timestamp_millis())
                .ok()
                .map(UnixTime::from_millis)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const ROOM: &str = "5f0c2b1e-7a44-4d0e-9b55-3e6c1d8a9f21";

    fn parse(body: &Value) -> Result<Delivery, Malformed> {
        Delivery::parse(body.to_string().as_bytes())
    }

    #[test]
    fn both_bodies_say_the_same() {
        let today = json!({
            "eventType": "participant_joined", "sessionId": ROOM, "roomId": ROOM,
            "timestamp": 1_789_392_000,
            "data": { "participantId": "p1", "externalId": "u1", "name": "Ada" },
        });
        let older = json!({
            "event": "participant.joined", "timestamp": "2026-09-14T13:20:00Z",
            "data": { "room_id": ROOM, "session_id": ROOM, "participant_id": "p1", "external_id": "u1" },
        });
        let delivery = parse(&today).unwrap();
        assert_eq!(delivery, parse(&older).unwrap());
        assert_eq!(delivery.event, Some(Event::ParticipantJoined));
        assert_eq!(
            delivery.occurred_at,
            Some(UnixTime::from_seconds(1_789_392_000))
        );
        assert_eq!(delivery.person.unwrap().user.as_deref(), Some("u1"));
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        for (member, value) in [
            ("timestamp", json!(-1)),
            ("timestamp", json!("yesterday")),
            ("timestamp", json!({})),
            ("roomId", json!(3)),
            ("roomId", json!("../x")),
            ("data", json!([1])),
            (
                "data",
                json!({ "participantId": { "a": 1 }, "externalId": 7 }),
            ),
            ("data", json!({ "participantId": "x".repeat(9999) })),
        ] {
            let mut body = json!({ "eventType": "room_locked" });
            body[member] = value;
            let delivery = parse(&body).unwrap();
            let nothing = Delivery {
                event: Some(Event::RoomLocked),
                occurred_at: None,
                room: None,
                person: None,
            };
            assert_eq!(delivery, nothing, "{body}");
        }
    }

    #[test]
    fn what_names_no_event_is_malformed() {
        let deep = format!("{}{}", r#"{"event":"#, "[".repeat(10_000));
        let texts = [
            "",
            "{",
            "[]",
            "null",
            "{}",
            "\u{feff}{}",
            r#"["room_locked"]"#,
            r#"{"event":3}"#,
            r#"{"event":null}"#,
            r#"{"event":"room_locked","event":"room_locked"}"#,
            r#"{"event":"room_locked","eventType":"room_deleted"}"#,
            &deep,
        ];
        for text in texts {
            assert_eq!(
                Delivery::parse(text.as_bytes()),
                Err(Malformed),
                "{text:.50}"
            );
        }
        let invalid = b"{\"event\":\"room_\xfflocked\"}";
        assert_eq!(Delivery::parse(invalid), Err(Malformed));
        assert_eq!(parse(&json!({ "event": "brand_new" })).unwrap().event, None);
    }
}
