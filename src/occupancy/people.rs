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
}

/// Somebody who is in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Upstream's id.
    pub id: ParticipantId,
    /// The token's `ud`.
    pub user: Option<Box<str>>,
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
    is_in: bool,
    user: Option<Box<str>>,
    since: UnixTime,
    /// When it was learnt, counted in happenings.
    order: u64,
}

/// Who is in one room, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct People {
    presences: HashMap<ParticipantId, Presence>,
    ended_at: Option<UnixTime>,
    read_at: Option<UnixTime>,
    /// Happenings so far.
    order: u64,
}

impl People {
    pub(super) fn count(&self) -> usize {
        self.presences.values().filter(|one| one.is_in).count()
    }

    /// Whether somebody is in under this id of ours.
    pub(super) fn holds(&self, user: &str) -> bool {
        let mut present = self.presences.values().filter(|one| one.is_in);
        present.any(|one| one.user.as_deref() == Some(user))
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
                    self.set(&person.id, person.user.clone(), *at, true);
                }
            }
            Happening::Left(id, at) => self.set(id, None, *at, false),
            Happening::Ended(at) => {
                if self.read_at.is_none_or(|read| at.seconds() >= read.seconds()) {
                    self.presences.retain(|_, one| one.since > *at);
                    self.ended_at = self.ended_at.max(Some(*at));
                }
            }
            Happening::Other => {}
        }
    }

    fn set(&mut self, id: &ParticipantId, user: Option<Box<str>>, at: UnixTime, is_in: bool) {
        if self.read_at.is_some_and(|read| at.seconds() < read.seconds()) {
            return;
        }
        if let Some(known) = self.presences.get(id)
            && (known.since > at || (known.since == at && !known.is_in))
        {
            return;
        }
        if self.presences.len() >= PEOPLE_MAX && !self.presences.contains_key(id) {
            self.presences.retain(|_, one| one.is_in);
            if self.presences.len() >= PEOPLE_MAX {
                return;
            }
        }
        let presence = Presence {
            is_in,
            user,
            since: at,
            order: self.order,
        };
        self.presences.insert(id.clone(), presence);
    }

    /// Takes a reading in that was begun after `order` happenings, at `read_at`. What happened
    /// since then is laid over it.
    pub(super) fn learn(&mut self, people: Vec<Person>, order: u64, read_at: UnixTime) {
        self.presences.retain(|_, one| one.order > order);
        // Events count in seconds: who leaves in the second of the reading has left after it.
        let since = UnixTime::from_seconds(read_at.seconds());
        for Person { id, user } in people.into_iter().take(PEOPLE_MAX) {
            self.presences.entry(id).or_insert(Presence {
                is_in: true,
                user,
                since,
                order,
            });
        }
        self.read_at = Some(read_at);
    }
}
