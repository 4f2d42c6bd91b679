//! One piece of work for each room key at a time, however many wait for it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::domain::{RoomId, RoomKey};

use super::find_or_create::Landed;
use super::naming::friendly_url;
use super::resolve_error::ResolveError;
use super::upstream::UpstreamFailure;

/// A flight that ended without a word (its task was dropped at shutdown) may be asked for again.
const LOST_RETRY_AFTER: Duration = Duration::from_secs(1);

/// A flight during which more rooms are changed than this is taken to have read one of them.
const CHANGED_MAX: usize = 64;

type Outcome = Option<Result<Landed, ResolveError>>;

/// The flights under way, bounded.
#[derive(Debug, Clone)]
pub(super) struct Flights {
    under_way: Arc<Mutex<HashMap<RoomKey, UnderWay>>>,
    max: usize,
}

/// A flight, and which rooms were changed since it took off: it may have read one of them before.
#[derive(Debug)]
struct UnderWay {
    flight: Flight,
    changed: Vec<RoomId>,
}

/// What those who wait hold of a flight.
#[derive(Debug, Clone)]
pub(super) struct Flight {
    may_create: bool,
    is_there: Arc<AtomicBool>,
    outcome: watch::Receiver<Outcome>,
}

/// What a caller gets who wants to wait for a flight.
#[derive(Debug)]
pub(super) enum Boarding<T> {
    /// One is under way.
    Joined(Flight),
    /// None was, and none is needed.
    Known(T),
    /// This call starts one; the landing belongs to its task.
    Started(Flight, Landing),
    /// Too many are under way.
    Full,
}

impl Flight {
    /// Whether it creates a room that is not there.
    pub(super) fn may_create(&self) -> bool {
        self.may_create
    }

    /// Waits for its end.
    pub(super) async fn landed(mut self) -> Result<Landed, ResolveError> {
        let lost = || {
            Err(ResolveError::Upstream(UpstreamFailure::Unavailable {
                retry_after: LOST_RETRY_AFTER,
            }))
        };
        match self.outcome.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or_else(lost),
            Err(_task_was_dropped) => lost(),
        }
    }
}

impl Flights {
    pub(super) fn new(max: usize) -> Self {
        Self {
            under_way: Arc::default(),
            max,
        }
    }

    /// The flight of this room key, or the leave to start one. `known` is asked again before a
    /// start: a flight may have landed since the caller looked.
    pub(super) fn board<T>(
        &self,
        key: &RoomKey,
        may_create: bool,
        known: impl FnOnce() -> Option<T>,
    ) -> Boarding<T> {
        let mut under_way = lock(&self.under_way);
        if let Some(there) = under_way.get(key) {
            return Boarding::Joined(there.flight.clone());
        }
        if let Some(told) = known() {
            return Boarding::Known(told);
        }
        if under_way.len() >= self.max {
            return Boarding::Full;
        }
        let (tell, outcome) = watch::channel(None);
        let is_there = Arc::default();
        let flight = Flight {
            may_create,
            is_there: Arc::clone(&is_there),
            outcome,
        };
        let taking_off = UnderWay {
            flight: flight.clone(),
            changed: Vec::new(),
        };
        under_way.insert(key.clone(), taking_off);
        drop(under_way);
        let landing = Landing {
            flights: self.clone(),
            key: key.clone(),
            is_there,
            tell,
        };
        Boarding::Started(flight, landing)
    }

    /// Lets a flight end for those who wait for it, but nobody else join it or keep its result.
    pub(super) fn abandon(&self, key: &RoomKey) {
        lock(&self.under_way).remove(key);
    }

    /// There is such a room now: a flight that looked before may not say for the future that there
    /// is none.
    pub(super) fn note_created(&self, key: &RoomKey) {
        if let Some(there) = lock(&self.under_way).get(key) {
            there.flight.is_there.store(true, Ordering::Relaxed);
        }
    }

    /// The room that upstream knows by this id or name was changed: a flight that may have read it
    /// before keeps nothing of it.
    pub(super) fn note_changed(&self, name: &str) {
        let mut under_way = lock(&self.under_way);
        match RoomId::parse(name) {
            Ok(id) => under_way.retain(|_, there| {
                there.changed.push(id);
                there.changed.len() < CHANGED_MAX
            }),
            Err(_friendly) => {
                under_way.retain(|key, _| !friendly_url(key).as_str().eq_ignore_ascii_case(name));
            }
        }
    }

    /// Abandons every flight.
    pub(super) fn abandon_all(&self) {
        lock(&self.under_way).clear();
    }
}

/// The end of a flight, held by its task. However the task ends, the flight leaves the map.
#[derive(Debug)]
pub(super) struct Landing {
    flights: Flights,
    key: RoomKey,
    is_there: Arc<AtomicBool>,
    tell: watch::Sender<Outcome>,
}

impl Landing {
    /// Keeps the result (unless the flight was abandoned), then tells everyone who waits. Kept
    /// while nobody can board: who comes later finds it in the cache.
    pub(super) fn land(
        self,
        done: Result<Landed, ResolveError>,
        keep: impl FnOnce(&Result<Landed, ResolveError>),
    ) {
        {
            let mut under_way = lock(&self.flights.under_way);
            if self.is_current(&under_way) {
                let changed = under_way.remove(&self.key).map(|there| there.changed);
                let looked_too_early = match &done {
                    Ok(Landed::Absent) => self.is_there.load(Ordering::Relaxed),
                    Ok(Landed::Room { room, .. }) => {
                        changed.is_some_and(|changed| changed.contains(&room.id()))
                    }
                    Err(_no_room) => false,
                };
                if !looked_too_early {
                    keep(&done);
                }
            }
        }
        self.tell.send_replace(Some(done));
    }

    fn is_current(&self, under_way: &HashMap<RoomKey, UnderWay>) -> bool {
        let current = under_way.get(&self.key);
        current.is_some_and(|there| {
            let outcome = &there.flight.outcome;
            outcome.same_channel(&self.tell.subscribe())
        })
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        let mut under_way = lock(&self.flights.under_way);
        if self.is_current(&under_way) {
            under_way.remove(&self.key);
        }
    }
}

fn lock(map: &Mutex<HashMap<RoomKey, UnderWay>>) -> MutexGuard<'_, HashMap<RoomKey, UnderWay>> {
    // Nothing panics while it is held, and a map of receivers is whole at every moment.
    map.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
impl Flights {
    pub(super) fn count(&self) -> usize {
        lock(&self.under_way).len()
    }
}
