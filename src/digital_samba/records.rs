//! What upstream tells of rooms' lives, in one shape whatever upstream's was: numbers as numbers,
//! times as RFC 3339 has them, in UTC. What cannot be read is left out, but for ids.

use chrono::{DateTime, NaiveDateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use uuid::Uuid;

use crate::domain::{RoomId, SessionId};

/// One page of a list.
#[derive(Debug, Deserialize)]
pub struct Page<T> {
    /// How many there are on all pages, if upstream says it.
    #[serde(default, deserialize_with = "number")]
    pub total_count: Option<u64>,
    /// Those on this page.
    pub data: Vec<T>,
}

/// Which part of a list, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paging {
    /// How many, at most [`Paging::LIMIT_MAX`].
    pub limit: usize,
    /// After how many.
    pub offset: usize,
}

impl Paging {
    /// The most that upstream gives at once.
    pub const LIMIT_MAX: usize = 100;

    pub(super) fn query(self) -> [(&'static str, String); 2] {
        [
            ("limit", self.limit.to_string()),
            ("offset", self.offset.to_string()),
        ]
    }
}

/// A room of a list: enough to tell whose it is.
#[derive(Debug, Deserialize)]
pub struct ListedRoom {
    /// Upstream's id.
    pub id: RoomId,
    /// Its name in URLs.
    #[serde(default)]
    pub friendly_url: Option<String>,
    /// The room key that it was created for, if any.
    #[serde(default)]
    pub external_id: Option<Value>,
}

/// Who is in a room now.
#[derive(Debug, Deserialize)]
pub struct LiveRoom {
    /// Since when; nothing where nobody is in it.
    #[serde(default, deserialize_with = "time")]
    pub start_time: Option<Moment>,
    /// For how many seconds.
    #[serde(default, deserialize_with = "number")]
    pub session_duration: Option<u64>,
    /// Who.
    #[serde(default)]
    pub live_participants: Vec<LiveParticipant>,
}

/// Somebody who is in a room now.
#[derive(Debug, Deserialize, Serialize)]
pub struct LiveParticipant {
    /// Upstream's id of this presence.
    pub id: Uuid,
    /// The id that the token named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// The name shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Since when.
    #[serde(
        default,
        deserialize_with = "time",
        skip_serializing_if = "Option::is_none"
    )]
    pub join_time: Option<Moment>,
}

/// One session of a room.
#[derive(Debug, Deserialize, Serialize)]
pub struct Session {
    /// Upstream's id.
    pub id: SessionId,
    /// Whether it goes on.
    #[serde(default)]
    pub live: bool,
    /// When it began.
    #[serde(
        default,
        deserialize_with = "time",
        skip_serializing_if = "Option::is_none"
    )]
    pub start_time: Option<Moment>,
    /// When it ended.
    #[serde(
        default,
        deserialize_with = "time",
        skip_serializing_if = "Option::is_none"
    )]
    pub end_time: Option<Moment>,
    /// How many are in it now.
    #[serde(
        default,
        deserialize_with = "number",
        skip_serializing_if = "Option::is_none"
    )]
    pub participants_live: Option<u64>,
    /// How many were in it, all in all.
    #[serde(
        default,
        deserialize_with = "number",
        skip_serializing_if = "Option::is_none"
    )]
    pub participants_total: Option<u64>,
    /// How many were in it at once, at most.
    #[serde(
        default,
        deserialize_with = "number",
        skip_serializing_if = "Option::is_none"
    )]
    pub participants_max: Option<u64>,
}

/// One recording of a room. How to get its file is another matter.
#[derive(Debug, Deserialize, Serialize)]
pub struct Recording {
    /// Upstream's id.
    pub id: Uuid,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How far it is: `READY` and the like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Of which session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    /// How long, in seconds.
    #[serde(
        default,
        rename(serialize = "duration_seconds"),
        deserialize_with = "number",
        skip_serializing_if = "Option::is_none"
    )]
    pub duration: Option<u64>,
    /// Since when it is there.
    #[serde(
        default,
        deserialize_with = "time",
        skip_serializing_if = "Option::is_none"
    )]
    pub created_at: Option<Moment>,
}

/// A moment as upstream tells it: with a zone, or without one in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(DateTime<Utc>);

impl Moment {
    fn parse(text: &str) -> Option<Self> {
        let zoned = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
        let bare = || NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S");
        let time = zoned.or_else(|_no_zone| bare().map(|time| time.and_utc()));
        time.ok().map(Self)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Moment>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(value.as_str().and_then(Moment::parse))
}

/// A number that some upstreams send as text.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let text = value.as_str().and_then(|text| text.parse().ok());
    Ok(value.as_u64().or(text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_form_of_numbers_and_times_becomes_one() {
        let id = "b1d9e0c4-2f37-4c58-8a6d-90b7f4e15c33";
        let page: Page<Session> = serde_json::from_value(json!({
            "total_count": "2",
            "data": [
                { "id": id, "live": true, "start_time": "2026-06-19T14:00:02.123456Z", "end_time": null, "participants_live": "2" },
                { "id": id, "start_time": "2026-06-19 14:00:02", "end_time": "soon", "participants_max": 3, "more": {} },
            ],
        }))
        .unwrap();
        assert_eq!(page.total_count, Some(2));
        assert_eq!(
            serde_json::to_value(&page.data).unwrap(),
            json!([
                { "id": id, "live": true, "start_time": "2026-06-19T14:00:02.123Z", "participants_live": 2 },
                { "id": id, "live": false, "start_time": "2026-06-19T14:00:02.000Z", "participants_max": 3 },
            ])
        );
        let bare: Page<Session> = serde_json::from_value(json!({ "data": [] })).unwrap();
        assert_eq!(bare.total_count, None);
    }
}
