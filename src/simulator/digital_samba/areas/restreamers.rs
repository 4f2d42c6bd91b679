//! Restreaming of a live session to somewhere else. The stream key is not even kept.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{Operation, body_of, done};
use crate::simulator::digital_samba::belongings::{Belonging, Kind};
use crate::simulator::digital_samba::refusal::{Answer, Faulty, Refusal};
use crate::simulator::digital_samba::team::Team;
use crate::simulator::exchange::Call;

/// What may be asked for, and how the room's page says it.
const TYPES: [(&str, &str); 3] = [
    ("youtube", "restreamed to YouTube"),
    ("vimeo", "restreamed to Vimeo"),
    ("cloudflare", "restreamed to Cloudflare"),
];
const TO_SERVER: &str = "restreamed to a server";

/// Where to each room is restreamed, in words, by the room's id.
#[derive(Default)]
pub(in crate::simulator::digital_samba) struct Restreamers(HashMap<String, &'static str>);

/// It ends with the session.
pub(in crate::simulator::digital_samba) const BELONGING: Belonging = Belonging {
    end_session: |team, session, _| {
        if let Some(room) = team.session(session).map(|session| session.room_id.clone()) {
            team.restreamers.0.remove(&room);
        }
    },
    ..Belonging::new("restreamers", Kind::Room)
};

pub(super) fn route<'c>(call: &'c Call, path: &[&'c str]) -> Option<Operation<'c>> {
    Some(match (call.method.as_str(), path) {
        ("POST", &["rooms", room, "restreamers", "start"]) => {
            Operation::new("start_restreamer", move |team| {
                start(team, room, &body_of(call)?)
            })
        }
        ("POST", &["rooms", room, "restreamers", "stop"]) => {
            Operation::new("stop_restreamer", move |team| stop(team, room))
        }
        _ => return None,
    })
}

impl Team {
    /// Where a room, named by its id, is restreamed to, in words.
    pub(in crate::simulator::digital_samba) fn restreamed_to(
        &self,
        room: &str,
    ) -> Option<&'static str> {
        self.restreamers.0.get(room).copied()
    }
}

fn start(team: &mut Team, room: &str, body: &Map<String, Value>) -> Answer {
    let room = team.room(room).ok_or(Refusal::NotFound)?.id.clone();
    let target = target(body)?;
    if !team.is_live(&room) {
        return Err(Refusal::Unprocessable("The room has no live session."));
    }
    if team.restreamed_to(&room).is_some() {
        return Err(Refusal::Conflict("The room is already being restreamed."));
    }
    team.restreamers.0.insert(room, target);
    done()
}

fn target(body: &Map<String, Value>) -> Result<&'static str, Refusal> {
    let mut faulty = Faulty::default();
    let mut text = |name: &str| match body.get(name) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.as_str()),
        Some(_) => {
            faulty.add(name, "field must be a string");
            None
        }
    };
    let (kind, server) = (text("type"), text("server_url"));
    let key = text("stream_key");
    if key.is_none_or(str::is_empty) {
        faulty.add("stream_key", "field is required");
    }
    let mut target = TO_SERVER;
    match (kind, server) {
        (Some(_), Some(_)) => faulty.add("type", "field is prohibited with server url"),
        (None, None) => faulty.add("type", "field is required without server url"),
        (Some(kind), None) => match TYPES.into_iter().find(|(known, _)| *known == kind) {
            Some((_, told)) => target = told,
            None => faulty.add("type", "chosen is invalid"),
        },
        (None, Some(server)) => {
            let url = url::Url::parse(server).ok();
            if !url.is_some_and(|url| matches!(url.scheme(), "rtmp" | "rtmps") && url.has_host()) {
                faulty.add("server_url", "field has an invalid format");
            }
        }
    }
    faulty.check()?;
    Ok(target)
}

fn stop(team: &mut Team, room: &str) -> Answer {
    let room = team.room(room).ok_or(Refusal::NotFound)?.id.clone();
    let stopped = team.restreamers.0.remove(&room);
    stopped.ok_or(Refusal::Unprocessable("The room is not being restreamed."))?;
    done()
}
