//! Who is in one room: a set that events change and a reading replaces. Pure.

use std::collections::HashMap;

use crate::clock::UnixTime;

/// People that are remembered of one room: twice as many as upstream lets in.
const PEOPLE_MAX: usize = 4096;

/// Upstream's id of one person in one session.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ParticipantId(Box<str>);

impl ParticipantId {
    /// The longest.
    const BYTES_MAX: usize = 64;

    /// An id as upstream tells it; `None` for what cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        let is_one = (1..=Self::BYTES_MAX).contains(&text.len());
        is_one.then(|| Self(Box::from(text)))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Somebody who is in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Upstream's id.
    pub id: ParticipantId,
    /// The token's `ud`.
    pub user: Option<Box<str>>,
    /// The name shown, if it was read.
    pub name: Option<Box<str>>,
    /// The role, if it was read.
    pub role: Option<Box<str>>,
    /// Since when.
    pub joined_at: Option<UnixTime>,
}

/// Who is in a room, as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// When the session began.
    pub started_at: Option<UnixTime>,
    /// Who is in it.
    pub people: Vec<Person>,
}

/// What happened in a room, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// Somebody came.
    Joined(Person, UnixTime),
    /// Somebody left.
    Left(ParticipantId, UnixTime),
    /// A session ended: nobody is in any more.
    Ended(UnixTime),
    /// Something else that makes a reading worth while.
    Other,
}

#[derive(Debug)]
struct Presence {
    /// Nobody where somebody left.
    person: Option<Person>,
    since: UnixTime,
    /// When it was learnt, counted in happenings.
    order: u64,
}

/// Who is in one room, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct People {
    presences: HashMap<ParticipantId, Presence>,
    started_at: Option<UnixTime>,
    ended_at: Option<UnixTime>,
    read_at: Option<UnixTime>,
    /// Happenings so far.
    order: u64,
}

impl People {
    pub(super) fn count(&self) -> usize {
        self.present().count()
    }

    /// Whether somebody is in under this id of ours.
    pub(super) fn holds(&self, user: &str) -> bool {
        self.present().any(|one| one.user.as_deref() == Some(user))
    }

    /// Who is in.
    pub(super) fn present(&self) -> impl Iterator<Item = &Person> {
        self.presences
            .values()
            .filter_map(|one| one.person.as_ref())
    }

    /// Since when the session goes on, if that was read.
    pub(super) fn started_at(&self) -> Option<UnixTime> {
        self.started_at
    }

    pub(super) fn order(&self) -> u64 {
        self.order
    }

    /// Takes a happening in. Whatever its order and however often it comes, the latest counts; of
    /// two at the same second the one that leaves. What a reading knew already changes nothing.
    pub(super) fn note(&mut self, happening: &Happening) {
        self.order = self.order.wrapping_add(1);
        match happening {
            Happening::Joined(person, at) => {
                let is_over = self.ended_at.is_some_and(|ended| *at <= ended);
                if !is_over {
                    self.set(&person.id, Some(person), *at);
                }
            }
            Happening::Left(id, at) => self.set(id, None, *at),
            Happening::Ended(at) => {
                if self
                    .read_at
                    .is_none_or(|read| at.seconds() >= read.seconds())
                {
                    self.presences.retain(|_, one| one.since > *at);
                    self.ended_at = self.ended_at.max(Some(*at));
                    self.started_at = None;
                }
            }
            Happening::Other => {}
        }
    }

    fn set(&mut self, id: &ParticipantId, person: Option<&Person>, at: UnixTime) {
        if self
            .read_at
            .is_some_and(|read| at.seconds() < read.seconds())
        {
            return;
        }
        if let Some(known) = self.presences.get(id)
            && (known.since > at || (known.since == at && known.person.is_none()))
        {
            return;
        }
        if self.presences.len() >= PEOPLE_MAX && !self.presences.contains_key(id) {
            self.presences.retain(|_, one| one.person.is_some());
            if self.presences.len() >= PEOPLE_MAX {
                return;
            }
        }
        let presence = Presence {
            person: person.cloned(),
            since: at,
            order: self.order,
        };
        self.presences.insert(id.clone(), presence);
    }

    /// Takes a reading in that was begun after `order` happenings, at `read_at`. What happened
    /// since then is laid over it.
    pub(super) fn learn(&mut self, reading: Reading, order: u64, read_at: UnixTime) {
        self.presences.retain(|_, one| one.order > order);
        // Events count in seconds: who leaves in the second of the reading has left after it.
        let since = UnixTime::from_seconds(read_at.seconds());
        self.started_at = reading.started_at;
        for person in reading.people.into_iter().take(PEOPLE_MAX) {
            self.presences.entry(person.id.clone()).or_insert(Presence {
                person: Some(person),
                since,
                order,
            });
        }
        self.read_at = Some(read_at);
    }
}
