//! Rooms that have somebody in them.

use serde_json::{Value, json};

use super::{Operation, Paging, ok};
use crate::simulator::digital_samba::participants::Participant;
use crate::simulator::digital_samba::refusal::{Answer, Refusal};
use crate::simulator::digital_samba::sessions::Session;
use crate::simulator::digital_samba::settings::{MICROSECONDS, shown_as};
use crate::simulator::digital_samba::team::{Room, Team};
use crate::simulator::exchange::Call;

#[derive(Clone, Copy)]
enum Form {
    Count,
    People,
}

pub(super) fn route<'c>(call: &'c Call, path: &[&'c str]) -> Option<Operation<'c>> {
    if call.method != "GET" {
        return None;
    }
    Some(match *path {
        ["rooms", "live"] => {
            Operation::new("list_live_rooms", |team| list(team, call, Form::Count))
        }
        ["rooms", "live", "participants"] => {
            Operation::new("list_live_rooms_participants", |team| {
                list(team, call, Form::People)
            })
        }
        ["live", "count"] => Operation::new("get_live_count", |team| {
            let present = team.live_sessions().flat_map(Session::present);
            ok(&json!({ "count": present.count() }))
        }),
        ["rooms", room, "live", "count"] => Operation::new("get_room_live_count", move |team| {
            let room = team.room(room).ok_or(Refusal::NotFound)?;
            let session = team.current_session(&room.id);
            let present = session.into_iter().flat_map(Session::present);
            ok(&json!({ "count": present.count() }))
        }),
        ["rooms", room, "live"] => {
            Operation::new("get_room_live", move |team| one(team, room, Form::Count))
        }
        ["rooms", room, "live", "participants"] => {
            Operation::new("get_room_live_participants", move |team| {
                one(team, room, Form::People)
            })
        }
        _ => return None,
    })
}

fn list(team: &Team, call: &Call, form: Form) -> Answer {
    let live = team.rooms().filter(|room| team.is_live(&room.id));
    let items = live.map(|room| (room.id.clone(), shown(team, room, form)));
    Paging::of(call)?.page(items.collect())?.with_number()
}

fn one(team: &Team, room: &str, form: Form) -> Answer {
    let room = team.room(room).ok_or(Refusal::NotFound)?;
    if !team.is_live(&room.id) && team.variations.idle_room_not_found {
        return Err(Refusal::NotFound);
    }
    ok(&shown(team, room, form))
}

fn shown(team: &Team, room: &Room, form: Form) -> Value {
    let session = team.current_session(&room.id);
    let present = session.into_iter().flat_map(Session::present);
    let people = match form {
        Form::Count => json!(present.count()),
        Form::People => present.map(person).collect(),
    };
    let now = team.clock.now();
    json!({
        "id": room.id,
        "external_id": room.text("external_id"),
        "start_time": session.map(|session| shown_as(session.started_at, MICROSECONDS)),
        "session_duration": session.map_or(0, |session| session.duration(now).as_secs()),
        "live_participants": people,
    })
}

fn person(participant: &Participant) -> Value {
    json!({
        "id": participant.id,
        "external_id": participant.visitor.external_id,
        "name": participant.visitor.name,
        "role": participant.visitor.role,
        "join_time": shown_as(participant.joined_at, MICROSECONDS),
    })
}
