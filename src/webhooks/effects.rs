//! What a delivery changes here. Everything is done at once and in memory; reading upstream is
//! left to whoever asks next, so that no flood of events can cause it.

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use uuid::Uuid;

use crate::clock::{Clock, UnixTime};
use crate::domain::RoomId;
use crate::metrics::{Metrics, Outcome};
use crate::occupancy::{Happening, Occupancy};
use crate::rate_limit::{Limiter, Rate};
use crate::rooms::Directory;

use super::delivery::Delivery;
use super::event::{Event, Remembered};

/// A room is read again for events at once so often, then twice a minute: whoever sends a flood of
/// them while people join must not use up upstream's budget.
const OF_ONE_ROOM: Rate = rate(30, 10);
/// All rooms, because a role went.
const OF_ALL_ROOMS: Rate = rate(2, 4);
/// Rooms that wait for their next reading; more of them count as all.
const DEFERRED_MAX: usize = 4096;
const ROOMS_TRACKED_MAX: usize = 100_000;
const SETTLE_EVERY: Duration = Duration::from_secs(1);

const fn rate(per_minute: u32, burst: u32) -> Rate {
    Rate {
        per_minute: at_least_one(per_minute),
        burst: at_least_one(burst),
    }
}

const fn at_least_one(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}

/// What waits until the limits let it through.
#[derive(Debug, Default)]
struct Deferred {
    rooms: HashSet<RoomId>,
    all: bool,
}

/// What deliveries change. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Effects {
    directory: Directory,
    occupancy: Occupancy,
    rooms: Arc<Limiter<RoomId>>,
    all: Arc<Limiter<RoomId>>,
    deferred: Arc<Mutex<Deferred>>,
    metrics: Metrics,
}

impl Effects {
    /// Effects on these.
    pub fn new(
        directory: Directory,
        occupancy: Occupancy,
        clock: &Clock,
        metrics: Metrics,
    ) -> Self {
        let limiter = |name, rate, tracked_max| {
            let shared = |number: u64| RoomId::new(Uuid::from_u128(number.into()));
            Arc::new(Limiter::new(name, rate, tracked_max, shared, clock.clone()))
        };
        Self {
            directory,
            occupancy,
            rooms: limiter("webhook-room", OF_ONE_ROOM, ROOMS_TRACKED_MAX),
            all: limiter("webhook-rooms", OF_ALL_ROOMS, 1),
            deferred: Arc::default(),
            metrics,
        }
    }

    /// Carries out what an event means, as of this time.
    pub(super) fn apply(&self, event: Event, delivery: &Delivery, at: UnixTime) {
        let doubtful = event.doubtful();
        if doubtful.contains(&Remembered::Role) {
            self.all_changed();
        } else if doubtful.contains(&Remembered::Room)
            && let Some(room) = delivery.room
        {
            self.room_changed(room);
        }
        if let Some(room) = delivery.room {
            self.note_life(event, room, delivery, at);
        }
    }

    /// Sessions, people and recordings: who is in a room is all that is remembered of them.
    fn note_life(&self, event: Event, room: RoomId, delivery: &Delivery, at: UnixTime) {
        if event == Event::RoomDeleted {
            return self.occupancy.forget(room);
        }
        let person = delivery.person.clone();
        let happening = match (event, person) {
            (Event::ParticipantJoined, Some(person)) => Happening::Joined(person, at),
            (Event::ParticipantLeft, Some(person)) => Happening::Left(person.id, at),
            (Event::SessionEnded, _) => Happening::Ended(at),
            (Event::SessionStarted | Event::ParticipantJoined | Event::ParticipantLeft, _) => {
                Happening::Other
            }
            _of_no_account => return,
        };
        if self.occupancy.note(room, &happening) {
            self.count("occupants");
        }
    }

    fn room_changed(&self, room: RoomId) {
        if self.rooms.check(&room).is_ok() {
            self.directory.note_changed(room);
            return self.count("room");
        }
        self.count("deferred");
        let deferred = &mut *self.deferred();
        if deferred.rooms.len() < DEFERRED_MAX {
            deferred.rooms.insert(room);
        } else {
            deferred.all = true;
        }
    }

    fn all_changed(&self) {
        if self.all.check(&RoomId::new(Uuid::nil())).is_ok() {
            self.directory.note_all_changed();
            return self.count("all-rooms");
        }
        self.count("deferred");
        self.deferred().all = true;
    }

    /// Carries out what was put off, as far as the limits have it now.
    fn settle(&self) {
        let Deferred { rooms, all } = std::mem::take(&mut *self.deferred());
        if all {
            self.all_changed();
        }
        for room in rooms {
            self.room_changed(room);
        }
    }

    /// Carries out again and again what was put off.
    pub async fn settle_for_ever(self) {
        let mut ticks = tokio::time::interval(SETTLE_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.settle();
        }
    }

    fn deferred(&self) -> MutexGuard<'_, Deferred> {
        self.deferred.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, outcome: &'static str) {
        let effects = &self.metrics.webhook_effects;
        effects.get_or_create(&Outcome { outcome }).inc();
    }
}
