//! Sessions, live and ended.

use serde_json::{Map, Value, json};

use super::filters::Filter;
use super::{Operation, Paging, body_of, done, flag};
use crate::simulator::digital_samba::belongings::{BELONGINGS, Belonging, Kind};
use crate::simulator::digital_samba::refusal::{Answer, Refusal};
use crate::simulator::digital_samba::sessions::Session;
use crate::simulator::digital_samba::settings::{MICROSECONDS, shown_as};
use crate::simulator::digital_samba::team::Team;
use crate::simulator::exchange::{Call, Reply};

pub(super) fn route<'c>(call: &'c Call, path: &[&'c str]) -> Option<Operation<'c>> {
    Some(match (call.method.as_str(), path) {
        ("GET", ["sessions"]) => Operation::new("list_sessions", |team| list(team, call, None)),
        ("GET", &["rooms", room, "sessions"]) => {
            Operation::new("list_room_sessions", move |team| {
                list(team, call, Some(room))
            })
        }
        ("POST", &["sessions", session, "end"]) => {
            Operation::new("end_session", move |team| end(team, session))
        }
        ("DELETE", &["sessions", session, "resources"]) => {
            Operation::new("delete_session_resources", move |team| {
                delete_resources(team, session, &body_of(call)?)
            })
        }
        ("DELETE", &["sessions", session, name]) => {
            let belonging = BELONGINGS.iter().find(|one| one.name == name)?;
            Operation::new(belonging.delete_of_session?, move |team| {
                delete(team, session, belonging)
            })
        }
        _ => return None,
    })
}

fn list(team: &Team, call: &Call, room: Option<&str>) -> Answer {
    let filter = Filter::of(call)?;
    let room = match room {
        Some(room) => Some(team.room_by_id(room).ok_or(Refusal::NotFound)?.id.as_str()),
        None => filter.room,
    };
    let sessions = team.sessions.all().into_iter().filter(|session| {
        room.is_none_or(|room| session.room_id == room)
            && filter.live.is_none_or(|live| session.is_live() == live)
            && filter.period.contains(session.started_at)
    });
    let items = sessions.map(|session| (session.id.clone(), listed(team, session)));
    Paging::of(call)?.page(items.collect())?.with_text()
}

/// A session as a page of sessions shows it.
pub(super) fn listed(team: &Team, session: &Session) -> Value {
    let room = team.room_ever(&session.room_id);
    let text = |name| room.and_then(|room| room.text(name));
    let time = |at| shown_as(at, MICROSECONDS);
    json!({
        "id": session.id,
        "start_time": time(session.started_at),
        "end_time": session.ended_at.map(time),
        "room_id": session.room_id,
        "room_external_id": text("external_id"),
        "description": text("description"),
        "friendly_url": text("friendly_url"),
        "room_is_deleted": room.is_none_or(|room| room.is_deleted),
        "participants_live": session.present().count(),
        "participants_total": session.participants.len(),
        "participants_max": session.participants_max,
        "live": session.is_live(),
    })
}

fn end(team: &mut Team, id: &str) -> Answer {
    let session = team.session(id).ok_or(Refusal::NotFound)?;
    if !session.is_live() {
        return Err(Refusal::Conflict("The session has already ended."));
    }
    let room = session.room_id.clone();
    team.end_session(&room, team.clock.now());
    done()
}

fn delete(team: &mut Team, id: &str, belonging: &Belonging) -> Answer {
    team.session(id).ok_or(Refusal::NotFound)?;
    (belonging.forget_session)(team, id);
    Ok(Reply::empty(204))
}

fn delete_resources(team: &mut Team, id: &str, body: &Map<String, Value>) -> Answer {
    let session = team.session(id).ok_or(Refusal::NotFound)?;
    if session.is_live() {
        return Err(Refusal::Unprocessable(
            "Cannot delete resources of a live session.",
        ));
    }
    let history = flag(body, "delete_history")?;
    let history = history.then_some(Kind::History);
    for kind in [Some(Kind::Resource), history].into_iter().flatten() {
        team.forget_of_session(id, kind);
    }
    Ok(Reply::empty(204))
}
