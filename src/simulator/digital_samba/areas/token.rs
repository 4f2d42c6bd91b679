//! The join token that the API makes itself.

use serde_json::{Map, Value, json};

use super::{Operation, body_of, ok};
use crate::clock::UnixTime;
use crate::simulator::digital_samba::refusal::{Answer, Faulty, Refusal};
use crate::simulator::digital_samba::settings::date_time;
use crate::simulator::digital_samba::team::Team;
use crate::simulator::exchange::Call;

/// Smaller numbers are minutes from now, larger ones unix seconds. Upstream does not say where
/// it draws the line; this is nineteen years of minutes, or April 1970.
const MINUTES_MAX: u64 = 9_999_999;

pub(super) fn route<'c>(call: &'c Call, path: &[&'c str]) -> Option<Operation<'c>> {
    match (call.method.as_str(), path) {
        ("POST", &["rooms", room, "token"]) => {
            Some(Operation::new("create_room_token", move |team| {
                create(team, room, &body_of(call)?)
            }))
        }
        _ => None,
    }
}

fn create(team: &Team, room: &str, body: &Map<String, Value>) -> Answer {
    let room = team.room(room).ok_or(Refusal::NotFound)?;
    let mut faulty = Faulty::default();
    let now = team.clock.now().seconds();
    let mut claims = Map::new();
    claims.insert("td".to_owned(), json!(team.id));
    claims.insert("rd".to_owned(), json!(room.id));
    claims.insert("iat".to_owned(), json!(now));
    for name in ["ud", "u", "initials", "role", "breakoutId", "avatar"] {
        match body.get(name) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) => {
                claims.insert(name.to_owned(), json!(text));
            }
            Some(_) => faulty.add(name, "field must be a string"),
        }
    }
    if let Some(role) = claims.get("role").and_then(Value::as_str)
        && team.role_in(room, role).is_none()
    {
        faulty.add("role", "chosen is invalid");
    }
    for name in ["nbf", "exp"] {
        match body.get(name) {
            None | Some(Value::Null) => {}
            Some(value) => match seconds(name, value, now) {
                Some(seconds) => {
                    claims.insert(name.to_owned(), json!(seconds));
                }
                None => faulty.add(name, "field is not a valid time"),
            },
        }
    }
    faulty.check()?;
    let token = team.sign(&Value::Object(claims));
    let link = format!("{}?token={token}", team.room_url(room));
    ok(&json!({ "token": token, "link": link }))
}

fn seconds(name: &str, value: &Value, now: u64) -> Option<u64> {
    match value {
        Value::Number(number) => match number.as_u64()? {
            minutes @ 0..=MINUTES_MAX if name == "exp" => Some(now + minutes * 60),
            seconds => Some(seconds),
        },
        Value::String(text) => date_time(text).map(UnixTime::seconds),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
