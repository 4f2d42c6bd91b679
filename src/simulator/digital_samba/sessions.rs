//! Sessions: one begins with the first participant, and ends by the API, when its length is
//! over, when its room goes, or a while after the last one left.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use super::belongings::BELONGINGS;
use super::participants::{Join, Participant, Visitor};
use super::settings::date_time;
use super::team::{Room, Team, keep};
use crate::clock::UnixTime;

/// How long an empty session waits for somebody to come back.
const EMPTY_MAX: Duration = Duration::from_mins(7);
/// Ended sessions that are remembered; the oldest are forgotten first.
const ENDED_MAX: usize = 10_000;
/// Participants of one session that are remembered; of those who left, the first are forgotten first.
const PARTICIPANTS_MAX: usize = 10_000;
/// Entries that are remembered; the oldest are forgotten first.
const JOINS_MAX: usize = 10_000;

/// A room's time from the first participant to the end.
pub(super) struct Session {
    pub(super) id: String,
    pub(super) room_id: String,
    pub(super) started_at: UnixTime,
    pub(super) ended_at: Option<UnixTime>,
    /// Everybody who ever came in, in order of their first entry.
    pub(super) participants: Vec<Participant>,
    /// The most that were in at one time.
    pub(super) participants_max: usize,
    /// By order of start.
    number: u64,
}

/// All sessions of a team.
#[derive(Default)]
pub(super) struct Sessions {
    /// By the room's id: a room has one at most.
    live: HashMap<String, Session>,
    ended: Vec<Session>,
    ever: u64,
}

impl Session {
    pub(super) fn is_live(&self) -> bool {
        self.ended_at.is_none()
    }

    /// Who is in now.
    pub(super) fn present(&self) -> impl Iterator<Item = &Participant> {
        self.participants.iter().filter(|one| one.is_present())
    }

    /// From the start to the end, or to now.
    pub(super) fn duration(&self, now: UnixTime) -> Duration {
        self.started_at.until(self.ended_at.unwrap_or(now))
    }

    /// Lets somebody in; answers the participant's id.
    fn enter(&mut self, visitor: Visitor, now: UnixTime) -> String {
        let known = self.participants.iter_mut();
        let known = known.rev().find(|one| one.is_same_person(&visitor));
        let id = if let Some(participant) = known {
            participant.come_again(visitor, now);
            participant.id.clone()
        } else {
            let participant = Participant::new(visitor, now);
            let id = participant.id.clone();
            self.participants.push(participant);
            id
        };
        if self.participants.len() > PARTICIPANTS_MAX {
            let gone = self.participants.iter().position(|one| !one.is_present());
            self.participants.remove(gone.unwrap_or(0));
        }
        self.participants_max = self.participants_max.max(self.present().count());
        id
    }

    /// When it ends of itself, as things stand.
    fn ends_at(&self, room: &Room) -> Option<UnixTime> {
        let minutes = room.settings.get("session_length").and_then(Value::as_u64);
        let length = minutes.map(|minutes| Duration::from_secs(minutes.saturating_mul(60)));
        let left = self.participants.iter().map(|one| one.left_at);
        let last_left = left.collect::<Option<Vec<_>>>().unwrap_or_default();
        let expires_at = room.text("expires_at").and_then(date_time);
        [
            length.map(|length| self.started_at.plus(length)),
            last_left.into_iter().max().map(|at| at.plus(EMPTY_MAX)),
            expires_at,
        ]
        .into_iter()
        .flatten()
        .min()
    }
}

impl Sessions {
    /// Every session, in order of start.
    pub(super) fn all(&self) -> Vec<&Session> {
        let mut all: Vec<_> = self.live.values().chain(&self.ended).collect();
        all.sort_by_key(|session| session.number);
        all
    }

    /// Forgets ended sessions.
    pub(super) fn forget(&mut self, forgotten: impl Fn(&Session) -> bool) {
        self.ended.retain(|session| !forgotten(session));
    }
}

impl Team {
    /// The session that goes on in a room. The room is named by its id.
    pub(super) fn current_session(&self, room: &str) -> Option<&Session> {
        self.sessions.live.get(room)
    }

    /// The sessions that go on.
    pub(super) fn live_sessions(&self) -> impl Iterator<Item = &Session> {
        self.sessions.live.values()
    }

    /// A session by its id, live or ended.
    pub(super) fn session(&self, id: &str) -> Option<&Session> {
        let live = self.sessions.live.values();
        live.chain(&self.sessions.ended)
            .find(|session| session.id == id)
    }

    /// A participant of any session by their id.
    pub(super) fn participant(&self, id: &str) -> Option<(&Session, &Participant)> {
        let live = self.sessions.live.values();
        live.chain(&self.sessions.ended).find_map(|session| {
            let participant = session.participants.iter().find(|one| one.id == id)?;
            Some((session, participant))
        })
    }

    /// Somebody who is in a room now, named by the ids of both.
    pub(super) fn present_mut(&mut self, room: &str, id: &str) -> Option<&mut Participant> {
        let session = self.sessions.live.get_mut(room)?;
        let mut present = session.participants.iter_mut();
        present.find(|one| one.id == id && one.is_present())
    }

    /// Lets somebody into a room, and starts its session if there is none; answers the
    /// participant's id. A known `external_id` is the same person again, not a second one.
    pub(super) fn admit(&mut self, room: &str, visitor: Visitor) -> Option<String> {
        let now = self.clock.now();
        let room_id = self.room(room)?.id.clone();
        let sessions = &mut self.sessions;
        let session = sessions.live.entry(room_id.clone()).or_insert_with(|| {
            sessions.ever += 1;
            Session {
                id: Uuid::new_v4().to_string(),
                room_id,
                started_at: now,
                ended_at: None,
                participants: Vec::new(),
                participants_max: 0,
                number: sessions.ever,
            }
        });
        Some(session.enter(visitor, now))
    }

    /// Lets somebody in through the room's door, where entries are noted.
    pub(super) fn enter(&mut self, room: &str, visitor: Visitor) -> Option<String> {
        let room = self.room(room)?;
        let id = room.id.clone();
        let join = Join {
            room_id: id.clone(),
            friendly_url: room.friendly_url().to_owned(),
            external_id: visitor.external_id.clone(),
            name: visitor.name.clone(),
            role: visitor.role.clone(),
            at: self.clock.now().seconds(),
        };
        keep(&mut self.joins, join, JOINS_MAX);
        self.admit(&id, visitor)
    }

    /// Somebody leaves; whether they were in.
    pub(super) fn leave(&mut self, id: &str) -> bool {
        let now = self.clock.now();
        let sessions = self.sessions.live.values_mut();
        let mut people = sessions.flat_map(|session| &mut session.participants);
        let found = people.find(|one| one.id == id && one.is_present());
        found.map(|participant| participant.leave(now)).is_some()
    }

    /// Everybody leaves a room, by its id or `friendly_url`. Its session waits for a while.
    pub(super) fn empty(&mut self, room: &str) {
        let now = self.clock.now();
        let Some(room) = self.room(room).map(|room| room.id.clone()) else {
            return;
        };
        if let Some(session) = self.sessions.live.get_mut(&room) {
            let present = session.participants.iter_mut();
            present.for_each(|participant| participant.leave(now));
        }
    }

    /// Ends what goes on in a room, named by its id: everybody is out, and what runs stops.
    pub(super) fn end_session(&mut self, room: &str, at: UnixTime) {
        let Some(mut session) = self.sessions.live.remove(room) else {
            return;
        };
        for participant in &mut session.participants {
            participant.leave(at);
        }
        session.ended_at = Some(at);
        let id = session.id.clone();
        keep(&mut self.sessions.ended, session, ENDED_MAX);
        for belonging in BELONGINGS {
            (belonging.end_session)(self, &id, at);
        }
    }

    /// Ends the sessions whose time has come, at that time.
    pub(super) fn end_due_sessions(&mut self) {
        let now = self.clock.now();
        let due = self.sessions.live.values().filter_map(|session| {
            let ends_at = session.ends_at(self.room(&session.room_id)?)?;
            (ends_at <= now).then(|| (session.room_id.clone(), ends_at))
        });
        for (room, at) in due.collect::<Vec<_>>() {
            self.end_session(&room, at);
        }
    }
}
