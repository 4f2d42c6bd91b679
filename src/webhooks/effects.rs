//! What a delivery changes, here and at the other replicas. Here it is done at once and in memory;
//! reading upstream is left to whoever asks next, so that no flood of events can cause it.

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
use crate::state::{Heard, Notice, State, Topic};

use super::delivery::Delivery;
use super::event::{Event, Remembered};

/// A room is read again for events at once so often, then twice a minute: whoever sends a flood of
/// them while people join must not use up upstream's budget.
const OF_ONE_ROOM: Rate = rate(30, 10);
/// All rooms, because a role went.
const OF_ALL_ROOMS: Rate = rate(2, 4);
/// Tellings of other replicas that who is in a room changed, beside those that a room did.
const OF_OCCUPANTS: Rate = rate(60, 10);
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

/// What became doubtful, as replicas tell each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Doubt {
    Room(RoomId),
    AllRooms,
    Occupants(RoomId),
}

impl Doubt {
    fn to_text(self) -> String {
        match self {
            Self::Room(room) => format!("room {room}"),
            Self::AllRooms => "rooms".to_owned(),
            Self::Occupants(room) => format!("occupants {room}"),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let room = |text| RoomId::parse(text).ok();
        match text.split_once(' ') {
            Some(("room", id)) => room(id).map(Self::Room),
            Some(("occupants", id)) => room(id).map(Self::Occupants),
            Some(_) => None,
            None => (text == "rooms").then_some(Self::AllRooms),
        }
    }
}

/// What deliveries change. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Effects {
    directory: Directory,
    occupancy: Occupancy,
    state: State,
    rooms: Arc<Limiter<RoomId>>,
    all: Arc<Limiter<RoomId>>,
    occupants: Arc<Limiter<RoomId>>,
    /// What waits until the limits let it through.
    deferred: Arc<Mutex<HashSet<Doubt>>>,
    metrics: Metrics,
}

impl Effects {
    /// Effects on these.
    pub fn new(
        directory: Directory,
        occupancy: Occupancy,
        state: State,
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
            state,
            rooms: limiter("webhook-room", OF_ONE_ROOM, ROOMS_TRACKED_MAX),
            all: limiter("webhook-rooms", OF_ALL_ROOMS, 1),
            occupants: limiter("webhook-occupants", OF_OCCUPANTS, ROOMS_TRACKED_MAX),
            deferred: Arc::default(),
            metrics,
        }
    }

    /// How many are in which room.
    pub fn occupancy(&self) -> &Occupancy {
        &self.occupancy
    }

    /// Carries out what an event means, as of this time.
    pub(super) fn apply(&self, event: Event, delivery: &Delivery, at: UnixTime) {
        let doubtful = event.doubtful();
        if doubtful.contains(&Remembered::Role) {
            self.spread(Doubt::AllRooms);
        } else if doubtful.contains(&Remembered::Room)
            && let Some(room) = delivery.room
        {
            self.spread(Doubt::Room(room));
        }
        if let Some(room) = delivery.room {
            self.note_life(event, room, delivery, at);
        }
    }

    /// Sessions, people and recordings: who is in a room is all that is remembered of them.
    fn note_life(&self, event: Event, room: RoomId, delivery: &Delivery, at: UnixTime) {
        if event == Event::RoomDeleted {
            self.occupancy.forget(room);
            return self.spread(Doubt::Occupants(room));
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
        // Who is counted here is counted; the others read it.
        if self.state.shared().is_some() {
            self.spread(Doubt::Occupants(room));
        }
    }

    /// Follows a doubt here and tells it to the others, at once or when the limits let it through.
    fn spread(&self, doubt: Doubt) {
        let (limiter, room) = match doubt {
            Doubt::Room(room) => (&self.rooms, room),
            Doubt::AllRooms => (&self.all, RoomId::new(Uuid::nil())),
            Doubt::Occupants(room) => (&self.occupants, room),
        };
        if limiter.check(&room).is_err() {
            self.count("deferred");
            return self.defer(doubt);
        }
        match doubt {
            Doubt::Room(room) => {
                self.directory.note_changed(room);
                self.count("room");
            }
            Doubt::AllRooms => {
                self.directory.note_all_changed();
                self.count("all-rooms");
            }
            Doubt::Occupants(_done_already) => {}
        }
        if self.state.shared().is_some() {
            let (state, subject) = (self.state.clone(), doubt.to_text());
            let topic = Topic::Happening;
            // Nobody waits for the others.
            tokio::spawn(async move { state.announce(Notice { topic, subject }).await });
        }
    }

    fn defer(&self, doubt: Doubt) {
        let deferred = &mut *self.deferred();
        if deferred.len() < DEFERRED_MAX {
            deferred.insert(doubt);
        } else {
            deferred.insert(Doubt::AllRooms);
        }
    }

    /// Follows what another replica was told.
    pub fn hear(&self, heard: &Heard) {
        match heard {
            Heard::Notice(Notice {
                topic: Topic::Happening,
                subject,
            }) => match Doubt::parse(subject) {
                Some(Doubt::Room(room)) => self.directory.note_changed(room),
                Some(Doubt::AllRooms) => self.directory.note_all_changed(),
                Some(Doubt::Occupants(room)) => self.occupancy.outdate(room),
                None => {}
            },
            Heard::Notice(Notice {
                topic:
                    Topic::Room | Topic::NamedRoom | Topic::RoomCreated | Topic::Rooms | Topic::Denial,
                ..
            }) => {}
            // The directory follows that by itself.
            Heard::Missed | Heard::Emptied => self.occupancy.forget_all(),
        }
    }

    /// Carries out what was put off, as far as the limits have it now.
    fn settle(&self) {
        let deferred = std::mem::take(&mut *self.deferred());
        for doubt in deferred {
            self.spread(doubt);
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

    fn deferred(&self) -> MutexGuard<'_, HashSet<Doubt>> {
        self.deferred.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, outcome: &'static str) {
        let effects = &self.metrics.webhook_effects;
        effects.get_or_create(&Outcome { outcome }).inc();
    }
}
