//! Callers: people who are in by telephone. They are participants like others, under a call id
//! of the telephone service's choosing.

use std::collections::HashSet;

use serde_json::Value;

use super::{Operation, done};
use crate::simulator::digital_samba::belongings::{Belonging, Kind};
use crate::simulator::digital_samba::participants::{Participant, Visitor};
use crate::simulator::digital_samba::refusal::{Answer, Faulty, Refusal};
use crate::simulator::digital_samba::team::{Room, Team, keep};
use crate::simulator::exchange::Call;

/// Callers in one call of the API.
const CALLERS_MAX: usize = 100;
/// Callers of a team that are remembered; the oldest are forgotten first.
const KEPT_MAX: usize = 10_000;
const TEXT_MAX: usize = 255;

/// The telephone side of a team.
#[derive(Default)]
pub(in crate::simulator::digital_samba) struct Phone {
    /// Rooms that can be called.
    connected: HashSet<String>,
    callers: Vec<Caller>,
}

struct Caller {
    /// Their ids.
    room: String,
    participant: String,
    /// What the telephone service calls them.
    call_id: String,
}

/// Calls end with the session, and the number with the room.
pub(in crate::simulator::digital_samba) const BELONGING: Belonging = Belonging {
    forget_room: |team, room| {
        team.phone.connected.remove(room);
    },
    end_session: |team, session, _| {
        let room = team.session(session).map(|session| session.room_id.clone());
        let callers = &mut team.phone.callers;
        callers.retain(|caller| Some(&caller.room) != room.as_ref());
    },
    ..Belonging::new("phone", Kind::Room)
};

pub(super) fn route<'c>(call: &'c Call, path: &[&'c str]) -> Option<Operation<'c>> {
    if call.method != "POST" {
        return None;
    }
    Some(match *path {
        ["rooms", room, "phone", "connect"] => Operation::new("connect_phone", move |team| {
            let room = id_of(team, room)?;
            team.phone.connected.insert(room);
            done()
        }),
        ["rooms", room, "phone", "disconnect"] => Operation::new("disconnect_phone", move |team| {
            let room = id_of(team, room)?;
            team.phone.connected.remove(&room);
            hang_up(team, &room, |_| true);
            done()
        }),
        ["rooms", room, "phone-participants", "joined"] => {
            Operation::new("phone_participants_joined", move |team| {
                join(team, room, call)
            })
        }
        ["rooms", room, "phone-participants", "left"] => {
            Operation::new("phone_participants_left", move |team| {
                let room = id_of(team, room)?;
                let call_ids = call_ids(call)?;
                hang_up(team, &room, |caller| call_ids.contains(&caller.call_id));
                done()
            })
        }
        ["rooms", room, "phone-participants", id, "mute"] => {
            Operation::new("mute_phone_participant", move |team| {
                change(team, room, id, |one| one.is_muted = true)
            })
        }
        ["rooms", room, "phone-participants", id, "unmute"] => {
            Operation::new("unmute_phone_participant", move |team| {
                change(team, room, id, |one| one.is_muted = false)
            })
        }
        ["rooms", room, "phone-participants", id, "raise-hand"] => {
            Operation::new("raise_phone_participant_hand", move |team| {
                change(team, room, id, |one| one.hand_raised = true)
            })
        }
        ["rooms", room, "phone-participants", id, "lower-hand"] => {
            Operation::new("lower_phone_participant_hand", move |team| {
                change(team, room, id, |one| one.hand_raised = false)
            })
        }
        _ => return None,
    })
}

impl Team {
    /// Whether a room, named by its id, can be called.
    pub(in crate::simulator::digital_samba) fn is_on_the_phone(&self, room: &str) -> bool {
        self.phone.connected.contains(room)
    }
}

fn id_of(team: &Team, room: &str) -> Result<String, Refusal> {
    team.room_by_id(room)
        .map(|room| room.id.clone())
        .ok_or(Refusal::NotFound)
}

/// Who calls, as the telephone service says.
struct Announced {
    call_id: String,
    is_muted: bool,
    visitor: Visitor,
}

fn join(team: &mut Team, room: &str, call: &Call) -> Answer {
    let room = team.room_by_id(room).ok_or(Refusal::NotFound)?;
    let id = room.id.clone();
    for announced in announced(team, room, call)? {
        let Some(participant_id) = team.admit(&id, announced.visitor) else {
            continue;
        };
        if let Some(participant) = team.present_mut(&id, &participant_id) {
            participant.is_muted = announced.is_muted;
        }
        let callers = &mut team.phone.callers;
        callers.retain(|caller| caller.room != id || caller.call_id != announced.call_id);
        let caller = Caller {
            room: id.clone(),
            call_id: announced.call_id,
            participant: participant_id,
        };
        keep(callers, caller, KEPT_MAX);
    }
    done()
}

/// Reads the callers in a body. A call that is in already keeps its participant by its call id.
fn announced(team: &Team, room: &Room, call: &Call) -> Result<Vec<Announced>, Refusal> {
    let callers = items(call)?;
    let mut faulty = Faulty::default();
    let mut read = Vec::new();
    let role = room.default_role.as_deref().and_then(|id| team.role(id));
    let role = role.map(|role| role.name.clone()).unwrap_or_default();
    for (at, caller) in callers.iter().enumerate() {
        let mut text = |name: &str| match caller.get(name) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if (1..=TEXT_MAX).contains(&text.len()) => Some(text.clone()),
            Some(_) => {
                faulty.add(&format!("{at}.{name}"), "field must be a short string");
                None
            }
        };
        let (call_id, name) = (text("call_id"), text("name"));
        let (number, external_id) = (text("caller_number"), text("external_id"));
        let is_muted = caller.get("muted").unwrap_or(&Value::Bool(false));
        if !is_muted.is_boolean() {
            faulty.add(&format!("{at}.muted"), "field must be true or false");
        }
        let name = name.or(number);
        if name.is_none() {
            faulty.add(
                &format!("{at}.name"),
                "field is required without caller number",
            );
        }
        let Some(call_id) = call_id else {
            faulty.add(&format!("{at}.call_id"), "field is required");
            continue;
        };
        read.push(Announced {
            // Without one of their own, a call is a person.
            visitor: Visitor {
                external_id: external_id.or_else(|| Some(call_id.clone())),
                name,
                role: role.clone(),
                initials: None,
            },
            call_id,
            is_muted: is_muted == &Value::Bool(true),
        });
    }
    faulty.check()?;
    Ok(read)
}

fn call_ids(call: &Call) -> Result<HashSet<String>, Refusal> {
    let mut faulty = Faulty::default();
    let mut ids = HashSet::new();
    for (at, item) in items(call)?.into_iter().enumerate() {
        match item.as_str() {
            Some(id) => ids.extend([id.to_owned()]),
            None => faulty.add(&at.to_string(), "field must be a string"),
        }
    }
    faulty.check()?;
    Ok(ids)
}

/// The body, which is a list here.
fn items(call: &Call) -> Result<Vec<Value>, Refusal> {
    let items: Vec<Value> = call.list().map_err(|_cause| Refusal::Malformed)?;
    if items.len() > CALLERS_MAX {
        return Err(Refusal::Unprocessable("Too many callers at once."));
    }
    Ok(items)
}

fn hang_up(team: &mut Team, room: &str, gone: impl Fn(&Caller) -> bool) {
    let all = team.phone.callers.drain(..);
    let (gone, left) = all.partition(|caller| caller.room == room && gone(caller));
    team.phone.callers = left;
    let gone: Vec<Caller> = gone;
    for caller in gone {
        team.leave(&caller.participant);
    }
}

fn change(team: &mut Team, room: &str, id: &str, change: impl FnOnce(&mut Participant)) -> Answer {
    let room = id_of(team, room)?;
    let mut callers = team.phone.callers.iter();
    let caller = callers.find(|caller| caller.room == room && caller.call_id == id);
    let participant_id = caller.ok_or(Refusal::NotFound)?.participant.clone();
    let participant = team.present_mut(&room, &participant_id);
    change(participant.ok_or(Refusal::NotFound)?);
    done()
}
