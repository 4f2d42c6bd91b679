//! Operations that only the older reference has: how each is answered with what upstream has today.

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::digital_samba::{
    AnswerBody, ForwardBody, ForwardRequest, Forwarded, JsonAnswer, Operation,
};
use crate::rooms::UpstreamFailure;

use super::Gateway;
use super::call::Wanted;
use super::error::GatewayError;

/// Pages of participants that are looked through for one person's sessions.
const PAGES_MAX: usize = 3;
/// The most records on one page.
const PAGE_SIZE: usize = 100;

/// How an operation is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Older {
    /// Upstream has it today.
    Today,
    /// As another one with the same body.
    SentAs(&'static str),
    /// As `{count}`, from the live participants that another one tells.
    Count { of: &'static str },
    /// From the participant and the participations of the same person.
    Sessions,
    /// Not at all; another one tells more.
    NotOffered { instead: &'static str },
}

/// The operations of the older reference alone.
const WAYS: &[(&str, Older)] = &[
    (
        "delete_rooms_by_tag_legacy",
        Older::SentAs("delete_rooms_by_tag"),
    ),
    (
        "get_room_live_count",
        Older::Count {
            of: "get_room_live",
        },
    ),
    (
        "get_live_count",
        Older::Count {
            of: "get_current_statistics",
        },
    ),
    ("list_participant_sessions", Older::Sessions),
    (
        "get_rooms_statistics_legacy",
        Older::NotOffered {
            instead: "get_statistics_totals",
        },
    ),
    (
        "get_participants_statistics_legacy",
        Older::NotOffered {
            instead: "get_started_sessions_statistics",
        },
    ),
    (
        "get_sessions_statistics_legacy",
        Older::NotOffered {
            instead: "get_team_statistics",
        },
    ),
    (
        "get_recordings_statistics_legacy",
        Older::NotOffered {
            instead: "get_team_statistics",
        },
    ),
];

/// How an operation is answered.
pub(super) fn way_of(operation: &Operation) -> Older {
    let found = WAYS.iter().find(|(id, _)| *id == operation.id);
    found.map_or(Older::Today, |(_, way)| *way)
}

/// Whether an operation is answered at all, if only by another one.
pub fn is_offered(operation: &Operation) -> bool {
    !matches!(way_of(operation), Older::NotOffered { .. })
}

#[derive(Deserialize)]
struct Live {
    live_participants: Option<u64>,
}

#[derive(Deserialize)]
struct Participations {
    data: Vec<Participation>,
}

#[derive(Clone, Deserialize)]
struct Participation {
    id: Option<String>,
    external_id: Option<String>,
    session_id: Option<String>,
    room_id: Option<String>,
    join_time: Option<String>,
    leave_time: Option<String>,
    live: Option<bool>,
}

impl Gateway {
    /// `{count}` of those who are live.
    pub(super) async fn count(
        &self,
        of: &'static str,
        wanted: &Wanted<'_>,
    ) -> Result<Forwarded, GatewayError> {
        let told = self.ask(of, &wanted.parameters, &[]).await?;
        let Forwarded {
            status: 200,
            body: AnswerBody::Whole(body),
            ..
        } = &told
        else {
            return Ok(told);
        };
        let live: Live = read(body)?;
        Ok(in_json(
            200,
            &json!({ "count": live.live_participants.unwrap_or(0) }),
        ))
    }

    /// The sessions of a participant: its own, and those of the same person (by `external_id`)
    /// among the newest participations.
    pub(super) async fn sessions_of_participant(
        &self,
        wanted: &Wanted<'_>,
    ) -> Result<Forwarded, GatewayError> {
        let told = self.ask("get_participant", &wanted.parameters, &[]).await?;
        let Forwarded {
            status: 200,
            body: AnswerBody::Whole(body),
            ..
        } = &told
        else {
            return Ok(told);
        };
        let participant: Participation = read(body)?;
        let id = wanted.parameters.first().cloned();
        let newest = self.newest_participations().await?;
        let own = newest.iter().find(|other| other.id == id);
        let person = own.and_then(|own| own.external_id.clone());
        let mut sessions = vec![own.cloned().unwrap_or(participant)];
        for other in newest.iter().filter(|other| other.id != id) {
            let is_same_person = person.is_some() && other.external_id == person;
            let is_new = sessions
                .iter()
                .all(|known| known.session_id != other.session_id);
            if is_same_person && is_new {
                sessions.push(other.clone());
            }
        }
        let sessions: Vec<Value> = sessions
            .into_iter()
            .filter(|session| session.session_id.is_some())
            .map(|session| {
                json!({
                    "id": session.session_id,
                    "room_id": session.room_id,
                    "join_time": session.join_time,
                    "leave_time": session.leave_time,
                    "live": session.live,
                })
            })
            .collect();
        Ok(in_json(200, &page_of(sessions, &wanted.query)))
    }

    async fn newest_participations(&self) -> Result<Vec<Participation>, GatewayError> {
        let mut all = Vec::new();
        for page in 0..PAGES_MAX {
            let query = [
                ("limit".to_owned(), PAGE_SIZE.to_string()),
                ("offset".to_owned(), (page * PAGE_SIZE).to_string()),
            ];
            let told = self.ask("list_participants", &[], &query).await?;
            let Forwarded {
                status: 200,
                body: AnswerBody::Whole(body),
                ..
            } = &told
            else {
                break;
            };
            let Participations { data } = read(body)?;
            let is_last = data.len() < PAGE_SIZE;
            all.extend(data);
            if is_last {
                break;
            }
        }
        Ok(all)
    }

    /// A call of the gateway's own, within its share.
    pub(super) async fn ask(
        &self,
        id: &str,
        parameters: &[String],
        query: &[(String, String)],
    ) -> Result<Forwarded, GatewayError> {
        let Some(operation) = Operation::named(id) else {
            return Err(GatewayError::NotImplemented { instead: "" });
        };
        let request = ForwardRequest {
            operation,
            parameters,
            query,
            body: ForwardBody::Nothing,
            json: JsonAnswer::Whole,
        };
        Ok(self.forwarder.send(request).await?)
    }
}

fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, UpstreamFailure> {
    serde_json::from_slice(body).map_err(|_error| UpstreamFailure::Malformed {
        what: "a member is missing or of another type",
    })
}

/// The part of a list that a query asks for, as a page.
fn page_of(items: Vec<Value>, query: &[(String, String)]) -> Value {
    let number = |name: &str, default: usize| {
        let found = query.iter().find(|(known, _)| known == name);
        found
            .and_then(|(_, value)| value.parse().ok())
            .unwrap_or(default)
    };
    let total = items.len();
    let items = items.into_iter().skip(number("offset", 0));
    let data: Vec<Value> = items.take(number("limit", PAGE_SIZE)).collect();
    json!({ "total_count": total, "data": data })
}

/// An answer of ours in upstream's form.
pub(super) fn in_json(status: u16, body: &Value) -> Forwarded {
    Forwarded {
        status,
        headers: vec![(CONTENT_TYPE, HeaderValue::from_static("application/json"))],
        body: AnswerBody::Whole(Bytes::from(body.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_that_is_gone_has_its_way_and_no_other() {
        for operation in Operation::all() {
            let is_gone = way_of(operation) != Older::Today;
            assert_eq!(is_gone, operation.replaced_by.is_some(), "{}", operation.id);
        }
        for (_, way) in WAYS {
            match way {
                Older::SentAs(id) | Older::Count { of: id } | Older::NotOffered { instead: id } => {
                    assert!(Operation::named(id).is_some(), "{id}");
                }
                Older::Today | Older::Sessions => {}
            }
        }
    }
}
