//! What hangs on rooms and sessions: the one seam through which an end or a deletion reaches
//! every area, and through which statistics count what the areas hold.

use super::areas::{
    chat, libraries, participants, phone, polls, questions, quizzes, recordings, restreamers,
    transcripts,
};
use super::refusal::{Answer, Refusal};
use super::team::Team;
use crate::clock::UnixTime;
use crate::simulator::exchange::Reply;

/// What goes when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Part of the room: goes with it, always.
    Room,
    /// Recordings, chat and the like: goes only if `delete_resources` says so.
    Resource,
    /// Who met when: goes only if `delete_history` says so.
    History,
    /// The room's library: goes only if `delete_library` says so.
    Library,
}

/// What a number of the statistics is about.
#[derive(Clone, Copy)]
pub(super) struct Scope<'s> {
    pub(super) session: &'s str,
    /// One participant's share of it.
    pub(super) participant: Option<&'s str>,
}

/// A number of the statistics by its name.
pub(super) type Counter = (&'static str, fn(&Team, Scope<'_>) -> u64);

/// One thing that hangs on rooms and sessions. Rooms and sessions are named by their UUIDs.
#[derive(Clone, Copy)]
pub(super) struct Belonging {
    /// Its last path segment in `DELETE sessions/{session}/…`.
    pub(super) name: &'static str,
    /// That operation's id, if there is such a one.
    pub(super) delete_of_session: Option<&'static str>,
    pub(super) kind: Kind,
    pub(super) forget_room: fn(&mut Team, room: &str),
    pub(super) forget_session: fn(&mut Team, session: &str),
    /// The session is over: what runs in it stops.
    pub(super) end_session: fn(&mut Team, session: &str, at: UnixTime),
    pub(super) counters: &'static [Counter],
}

impl Belonging {
    /// Does nothing yet; an area fills in what it has.
    pub(super) const fn new(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            delete_of_session: None,
            kind,
            forget_room: |_, _| {},
            forget_session: |_, _| {},
            end_session: |_, _, _| {},
            counters: &[],
        }
    }

    /// A resource that the API deletes by itself too.
    pub(super) const fn resource(name: &'static str, delete_of_session: &'static str) -> Self {
        Self {
            delete_of_session: Some(delete_of_session),
            ..Self::new(name, Kind::Resource)
        }
    }
}

/// Everything that hangs on rooms and sessions, one line for each.
pub(super) const BELONGINGS: &[Belonging] = &[
    participants::HISTORY,
    phone::BELONGING,
    restreamers::BELONGING,
    recordings::BELONGING,
    transcripts::TRANSCRIPTS,
    transcripts::SUMMARIES,
    chat::BELONGING,
    questions::BELONGING,
    libraries::BELONGING,
    polls::BELONGING,
    quizzes::BELONGING,
];

impl Team {
    pub(super) fn forget_of_room(&mut self, room: &str, kind: Kind) {
        for belonging in BELONGINGS.iter().filter(|one| one.kind == kind) {
            (belonging.forget_room)(self, room);
        }
    }

    /// Carries out `DELETE rooms/{room}/…` of one belonging.
    pub(super) fn forget_in_room(&mut self, room: &str, belonging: &Belonging) -> Answer {
        let room = self.room(room).ok_or(Refusal::NotFound)?.id.clone();
        (belonging.forget_room)(self, &room);
        Ok(Reply::empty(204))
    }

    pub(super) fn forget_of_session(&mut self, session: &str, kind: Kind) {
        for belonging in BELONGINGS.iter().filter(|one| one.kind == kind) {
            (belonging.forget_session)(self, session);
        }
    }

    /// What the areas count in a scope.
    pub(super) fn counted(&self, scope: Scope<'_>) -> impl Iterator<Item = (&'static str, u64)> {
        let counters = BELONGINGS.iter().flat_map(|belonging| belonging.counters);
        counters.map(move |(name, count)| (*name, count(self, scope)))
    }
}
