//! What is known of the life of one room: its people, how well they are known, and the seats that
//! are held for those who are about to come.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::{Monotonic, UnixTime};
use crate::domain::UserId;

use super::RoomFull;
use super::people::{Happening, People, Person, Reading};

/// A seat is held so long for somebody who was given a token.
const SEAT_HELD_FOR: Duration = Duration::from_secs(60);

/// When a room that is full of people is worth another try.
const FULL_FOR: Duration = Duration::from_secs(15);

/// After a reading in vain nobody tries again for so long.
const FAILURE_PAUSE: Duration = Duration::from_secs(5);

/// Whether a room should be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// What is known will do.
    Content,
    /// It should be read.
    Reading,
}

/// A reading that was begun.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begun {
    order: u64,
    at: UnixTime,
}

#[derive(Debug, Default)]
struct Known {
    people: People,
    /// When it was read last.
    read_at: Option<Monotonic>,
    /// When it was tried in vain.
    failed_at: Option<Monotonic>,
    /// Whether something happened since.
    is_dirty: bool,
    seats: HashMap<UserId, Monotonic>,
}

/// The life of one room.
#[derive(Debug, Default)]
pub(super) struct Life {
    known: Mutex<Known>,
    reading: tokio::sync::Mutex<()>,
}

impl Life {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many are in, if it was read no longer ago than this.
    pub(super) fn count(&self, now: Monotonic, age_max: Duration) -> Option<usize> {
        let known = self.known();
        let is_known = known.read_at.is_some_and(|at| now.since(at) < age_max);
        is_known.then(|| known.people.count())
    }

    /// The same with who they are.
    pub(super) fn reading_of(&self, now: Monotonic, age_max: Duration) -> Option<Reading> {
        let known = self.known();
        let is_known = known.read_at.is_some_and(|at| now.since(at) < age_max);
        is_known.then(|| Reading {
            started_at: known.people.started_at(),
            people: known.people.present().cloned().collect(),
        })
    }

    pub(super) fn wish(&self, now: Monotonic, reread_after: Duration, quiet_max: Duration) -> Wish {
        let known = self.known();
        let failed = known.failed_at;
        if failed.is_some_and(|at| now.since(at) < FAILURE_PAUSE) {
            return Wish::Content;
        }
        let last_for = if known.is_dirty {
            reread_after
        } else {
            quiet_max
        };
        match known.read_at {
            Some(at) if now.since(at) < last_for => Wish::Content,
            Some(_) | None => Wish::Reading,
        }
    }

    /// Waits until nobody else reads.
    pub(super) async fn reading(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.reading.lock().await
    }

    pub(super) fn begin(&self, at: UnixTime) -> Begun {
        let order = self.known().people.order();
        Begun { order, at }
    }

    pub(super) fn learn(&self, reading: Reading, begun: Begun, now: Monotonic) {
        let mut known = self.known();
        known.people.learn(reading, begun.order, begun.at);
        known.is_dirty = known.people.order() != begun.order;
        known.read_at = Some(now);
        known.failed_at = None;
        let Known { people, seats, .. } = &mut *known;
        seats.retain(|user, _| !people.holds(user.as_str()));
    }

    pub(super) fn note_failure(&self, now: Monotonic) {
        self.known().failed_at = Some(now);
    }

    pub(super) fn note(&self, happening: &Happening) {
        let mut known = self.known();
        known.people.note(happening);
        known.is_dirty = true;
        if let Happening::Joined(
            Person {
                user: Some(user), ..
            },
            _,
        ) = happening
        {
            known.seats.retain(|holder, _| holder.as_str() != &**user);
        }
    }

    /// What was counted may be wrong: it is read again as soon as that may be.
    pub(super) fn outdate(&self) {
        self.note(&Happening::Other);
    }

    pub(super) fn take_seat(
        &self,
        user: &UserId,
        capacity: NonZeroU32,
        now: Monotonic,
    ) -> Result<(), RoomFull> {
        let mut known = self.known();
        let Known { people, seats, .. } = &mut *known;
        if people.holds(user.as_str()) {
            return Ok(());
        }
        seats.retain(|_, until| now < *until);
        let taken = people.count().saturating_add(seats.len());
        let capacity = usize::try_from(capacity.get()).unwrap_or(usize::MAX);
        if taken >= capacity && !seats.contains_key(user) {
            let first = seats.values().min();
            let retry_after = first.map_or(FULL_FOR, |until| until.since(now).min(FULL_FOR));
            return Err(RoomFull { retry_after });
        }
        seats.insert(user.clone(), now.plus(SEAT_HELD_FOR));
        Ok(())
    }
}
