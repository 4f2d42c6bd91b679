//! Who met when, as the API tells it, and raised hands.

use serde_json::{Value, json};

use super::filters::Filter;
use super::{Operation, Paging, done, sessions};
use crate::simulator::digital_samba::belongings::{Belonging, Kind};
use crate::simulator::digital_samba::participants::Participant;
use crate::simulator::digital_samba::refusal::{Answer, Refusal};
use crate::simulator::digital_samba::sessions::Session;
use crate::simulator::digital_samba::settings::shown_as;
use crate::simulator::digital_samba::team::Team;
use crate::simulator::exchange::Call;

/// Participants' times carry no zone.
const WITHOUT_ZONE: &str = "%Y-%m-%d %H:%M:%S";

/// Sessions and their participants. What is going on cannot be forgotten.
pub(in crate::simulator::digital_samba) const HISTORY: Belonging = Belonging {
    forget_room: |team, room| team.sessions.forget(|session| session.room_id == room),
    forget_session: |team, id| team.sessions.forget(|session| session.id == id),
    ..Belonging::new("history", Kind::History)
};

/// Whose participants are listed.
#[derive(Clone, Copy)]
enum Of<'c> {
    Team,
    Room(&'c str),
    Session(&'c str),
}

pub(super) fn route<'c>(call: &'c Call, path: &[&'c str]) -> Option<Operation<'c>> {
    Some(match (call.method.as_str(), path) {
        ("GET", ["participants"]) => {
            Operation::new("list_participants", |team| list(team, call, Of::Team))
        }
        ("GET", &["rooms", room, "participants"]) => {
            Operation::new("list_room_participants", move |team| {
                list(team, call, Of::Room(room))
            })
        }
        ("GET", &["sessions", session, "participants"]) => {
            Operation::new("list_session_participants", move |team| {
                list(team, call, Of::Session(session))
            })
        }
        ("GET", &["participants", participant, "sessions"]) => {
            Operation::new("list_participant_sessions", move |team| {
                list_sessions(team, call, participant)
            })
        }
        ("POST", &["rooms", room, "participants", participant, "raise-hand"]) => {
            Operation::new("raise_participant_hand", move |team| {
                hold_hand(team, room, participant, true)
            })
        }
        ("POST", &["rooms", room, "participants", participant, "lower-hand"]) => {
            Operation::new("lower_participant_hand", move |team| {
                hold_hand(team, room, participant, false)
            })
        }
        _ => return None,
    })
}

fn list(team: &Team, call: &Call, of: Of<'_>) -> Answer {
    let mut filter = Filter::of(call)?;
    match of {
        Of::Team => {}
        Of::Room(room) => filter.room = Some(&team.room_by_id(room).ok_or(Refusal::NotFound)?.id),
        Of::Session(id) => filter.session = Some(&team.session(id).ok_or(Refusal::NotFound)?.id),
    }
    let sessions = team.sessions.all().into_iter().filter(|session| {
        filter.room.is_none_or(|room| session.room_id == room)
            && filter.session.is_none_or(|id| session.id == id)
    });
    let mut people: Vec<_> = sessions
        .flat_map(|session| session.participants.iter().map(move |one| (session, one)))
        .filter(|(_, one)| {
            filter.live.is_none_or(|live| one.is_present() == live)
                && filter.period.contains(one.joined_at)
        })
        .collect();
    people.sort_by_key(|(_, one)| one.joined_at);
    let items = people.into_iter();
    let items = items.map(|(session, one)| (one.id.clone(), listed(team, session, one)));
    Paging::of(call)?.page(items.collect())?.with_text()
}

fn listed(team: &Team, session: &Session, participant: &Participant) -> Value {
    let room = team.room_ever(&session.room_id);
    let text = |name| room.and_then(|room| room.text(name));
    let time = |at| shown_as(at, WITHOUT_ZONE);
    json!({
        "id": participant.id,
        "external_id": participant.visitor.external_id,
        "session_id": session.id,
        "room_id": session.room_id,
        "room_external_id": text("external_id"),
        "room_is_deleted": room.is_none_or(|room| room.is_deleted),
        "name": participant.visitor.name,
        "role": participant.visitor.role,
        "friendly_url": text("friendly_url"),
        "join_time": time(participant.joined_at),
        "leave_time": participant.left_at.map(time),
        "live": participant.is_present(),
    })
}

/// The sessions of the same person: of the same `external_id`, where they have one.
fn list_sessions(team: &Team, call: &Call, id: &str) -> Answer {
    let (_, person) = team.participant(id).ok_or(Refusal::NotFound)?;
    let all = team.sessions.all().into_iter();
    let theirs = all.filter(|session| {
        let mut participants = session.participants.iter();
        participants.any(|one| one.id == id || one.is_same_person(&person.visitor))
    });
    let items = theirs.map(|session| (session.id.clone(), sessions::listed(team, session)));
    Paging::of(call)?.page(items.collect())?.with_text()
}

fn hold_hand(team: &mut Team, room: &str, participant: &str, up: bool) -> Answer {
    let room = team.room_by_id(room).ok_or(Refusal::NotFound)?.id.clone();
    let participant = team.present_mut(&room, participant);
    participant.ok_or(Refusal::NotFound)?.hand_raised = up;
    done()
}
