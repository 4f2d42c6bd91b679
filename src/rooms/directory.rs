//! Which room? Room key in, room out: from memory, else found upstream, else created there, once
//! however many ask. Knows no HTTP and no policy.

mod change;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tracing::Instrument as _;

use crate::clock::Clock;
use crate::domain::{RoomId, RoomKey};
use crate::metrics::Metrics;
use crate::state::{Heard, Notice, State, Topic};

use super::cache::{RoomCache, Sighting};
use super::find_or_create::{FindOrCreate, Landed};
use super::flight::{Boarding, Flights, Landing};
use super::resolve_error::ResolveError;
use super::room::Room;
use super::template::Templates;
use super::upstream::{RoomUpstream, UpstreamFailure};
use super::watcher::RoomWatcher;

pub use change::DeleteError;

/// Callers that wait for upstream at once; more are told that we are busy. Bounds what an outage
/// can pile up.
const WAITERS_MAX: usize = 16_384;

/// What the directory needs to know.
#[derive(Debug, Clone)]
pub struct Parameters {
    /// Rooms kept in memory.
    pub cache_size: u64,
    /// A room is served without asking upstream for so long.
    pub fresh_for: Duration,
    /// And beyond that for so long while upstream fails.
    pub stale_for: Duration,
    /// "There is no such room" is remembered for so long.
    pub absent_for: Duration,
    /// Whether a room found upstream that was created for no room key is taken as ours.
    pub adopt: bool,
    /// Time to find or create a room, all together.
    pub deadline: Duration,
    /// A caller waits so long for the re-read of a room that could be served stale.
    pub reread_wait: Duration,
    /// Rooms that are looked up or created at once.
    pub flights_max: usize,
}

impl Parameters {
    /// Twice what upstream's budget lets through in the longest sensible deadline.
    pub const FLIGHTS_MAX: usize = 1024;
    /// Enough for an upstream in good health; a slow one must not make joins of known rooms slow.
    pub const REREAD_WAIT: Duration = Duration::from_secs(1);
}

/// What a directory is built of.
#[derive(Debug)]
pub struct Parts {
    /// The limits.
    pub parameters: Parameters,
    /// Where rooms really are.
    pub upstream: Arc<dyn RoomUpstream>,
    /// What replicas share.
    pub state: State,
    /// Who else remembers rooms.
    pub watchers: Vec<Arc<dyn RoomWatcher>>,
    /// Time.
    pub clock: Clock,
    /// Where lookups are counted.
    pub metrics: Metrics,
}

/// A room, and whether this very call created it.
#[derive(Debug, Clone)]
pub struct Found {
    /// The room.
    pub room: Arc<Room>,
    /// True for the one caller whose request created it.
    pub created: bool,
}

/// The rooms of one team by room key. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Directory {
    cache: Arc<RoomCache>,
    flights: Flights,
    waiters: Arc<Semaphore>,
    state: State,
    watchers: Arc<[Arc<dyn RoomWatcher>]>,
    work: Arc<FindOrCreate>,
    deadline: Duration,
    reread_wait: Duration,
}

impl Directory {
    /// A directory that knows no room yet.
    pub fn new(parts: Parts) -> Self {
        let Parts {
            parameters,
            upstream,
            state,
            watchers,
            clock,
            metrics,
        } = parts;
        Self {
            cache: Arc::new(RoomCache::new(&parameters, clock, &metrics)),
            flights: Flights::new(parameters.flights_max),
            waiters: Arc::new(Semaphore::new(WAITERS_MAX)),
            work: Arc::new(FindOrCreate {
                upstream,
                state: state.clone(),
                adopt: parameters.adopt,
                rooms_created: metrics.rooms_created,
            }),
            state,
            watchers: watchers.into(),
            deadline: parameters.deadline,
            reread_wait: parameters.reread_wait,
        }
    }

    /// The room, if it can be told without asking upstream.
    pub fn cached(&self, key: &RoomKey) -> Option<Found> {
        let room = self.cache.servable(key)?;
        Some(Found {
            room,
            created: false,
        })
    }

    /// The room: from memory, else found upstream, else created there if that is allowed, with the
    /// templates of the configuration that allowed it.
    ///
    /// # Errors
    /// [`ResolveError`] when there is none, it is not ours, or upstream cannot be asked.
    pub async fn resolve(
        &self,
        key: &RoomKey,
        may_create: bool,
        templates: &Arc<Templates>,
    ) -> Result<Found, ResolveError> {
        if let Some(told) = self.tell(key, may_create) {
            return told;
        }
        self.cache.count_miss();
        let patience = if self.cache.has_stale(key) {
            self.reread_wait.min(self.deadline)
        } else {
            self.deadline
        };
        let asked = tokio::time::timeout(patience, self.ask(key, may_create, templates)).await;
        let asked = asked.unwrap_or_else(|_elapsed| {
            // The work goes on; until it ends, nobody else need wait so long.
            self.cache.learn(key, Sighting::Unknown);
            Err(UpstreamFailure::Timeout.into())
        });
        match asked {
            Err(error) if error.is_upstreams() => match self.cache.serve_stale(key) {
                Some(room) => Ok(Found {
                    room,
                    created: false,
                }),
                None => Err(error),
            },
            told => told,
        }
    }

    /// The room if there is one; creates nothing.
    ///
    /// # Errors
    /// [`ResolveError`] when it is not ours or upstream cannot be asked.
    pub async fn look_up(
        &self,
        key: &RoomKey,
        templates: &Arc<Templates>,
    ) -> Result<Option<Arc<Room>>, ResolveError> {
        match self.resolve(key, false, templates).await {
            Ok(found) => Ok(Some(found.room)),
            Err(ResolveError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Forgets what is known of a room key, and lets nothing that is on its way be remembered; the
    /// other replicas read the room again.
    pub fn invalidate(&self, key: &RoomKey) {
        self.flights.abandon(key);
        self.cache.forget(key);
        self.tell_watchers(key);
        self.announce(Topic::Room, key.to_string());
    }

    fn tell_watchers(&self, key: &RoomKey) {
        for watcher in &*self.watchers {
            watcher.changed(key);
        }
    }

    /// Tells every replica what may be another by now.
    fn announce(&self, topic: Topic, subject: String) {
        let state = self.state.clone();
        // Nobody waits for the others.
        tokio::spawn(async move { state.announce(Notice { topic, subject }).await });
    }

    /// Follows what a replica announced.
    pub fn hear(&self, heard: &Heard) {
        match heard {
            Heard::Notice(Notice {
                topic: Topic::Room,
                subject,
            }) => {
                if let Ok(key) = RoomKey::parse(subject) {
                    self.flights.abandon(&key);
                    self.cache.outdate(&key);
                    self.tell_watchers(&key);
                }
            }
            Heard::Notice(Notice {
                topic: Topic::NamedRoom,
                subject,
            }) => self.note_named_changed(subject),
            Heard::Notice(Notice {
                topic: Topic::RoomCreated,
                subject,
            }) => {
                // Whoever has read the room need not read it again.
                if let Ok(key) = RoomKey::parse(subject) {
                    self.flights.note_created(&key);
                    self.cache.forget_absence(&key);
                }
            }
            Heard::Notice(Notice {
                topic: Topic::Rooms,
                ..
            })
            | Heard::Missed
            | Heard::Emptied => {
                self.note_all_changed();
            }
            Heard::Notice(Notice {
                topic: Topic::Denial | Topic::Happening,
                ..
            }) => {}
        }
    }

    /// Forgets every room, as [`Directory::invalidate`] does one: something changed that any of
    /// them may hang on.
    pub fn invalidate_all(&self) {
        self.flights.abandon_all();
        self.cache.forget_all();
        self.tell_watchers_of_all();
        self.announce(Topic::Rooms, String::new());
    }

    fn tell_watchers_of_all(&self) {
        for watcher in &*self.watchers {
            watcher.all_changed();
        }
    }

    /// Something happened upstream to a room that it knows by this id: the very next caller asks
    /// anew. Until then it can be served should upstream fail.
    pub fn note_changed(&self, id: RoomId) {
        if let Some(key) = self.cache.key_of(id) {
            self.flights.abandon(&key);
            self.cache.outdate(&key);
        }
        for watcher in &*self.watchers {
            watcher.id_changed(id);
        }
    }

    /// The same where any room may be another by now.
    pub fn note_all_changed(&self) {
        self.flights.abandon_all();
        self.cache.outdate_all();
        self.tell_watchers_of_all();
    }

    /// Forgets a room that upstream answered 404 for, unless a newer one took its place.
    pub fn note_gone(&self, room: &Room) {
        self.cache.forget_room(room);
    }

    /// What memory alone can answer.
    fn tell(&self, key: &RoomKey, may_create: bool) -> Option<Result<Found, ResolveError>> {
        if let Some(found) = self.cached(key) {
            return Some(Ok(found));
        }
        if !may_create && self.cache.is_absent(key) {
            return Some(Err(ResolveError::NotFound));
        }
        None
    }

    async fn ask(
        &self,
        key: &RoomKey,
        may_create: bool,
        templates: &Arc<Templates>,
    ) -> Result<Found, ResolveError> {
        let _waiting = self
            .waiters
            .try_acquire()
            .map_err(|_all_taken| ResolveError::Busy)?;
        loop {
            let known = || self.tell(key, may_create);
            let (flight, is_mine) = match self.flights.board(key, may_create, known) {
                Boarding::Known(told) => return told,
                Boarding::Full => return Err(ResolveError::Busy),
                Boarding::Joined(flight) => (flight, false),
                Boarding::Started(flight, landing) => {
                    let work =
                        Arc::clone(&self.work).run(key.clone(), may_create, Arc::clone(templates));
                    self.take_off(key.clone(), work, landing);
                    (flight, true)
                }
            };
            let creates = flight.may_create();
            match flight.landed().await? {
                Landed::Room { room, created } => {
                    return Ok(Found {
                        room,
                        created: created && is_mine,
                    });
                }
                // Someone who may not create asked first; ask again for ourselves.
                Landed::Absent if may_create && !creates => {}
                Landed::Absent => return Err(ResolveError::NotFound),
            }
        }
    }

    /// The work runs in a task of its own: a caller who hangs up neither ends it nor makes the
    /// next one start it a second time.
    fn take_off(
        &self,
        key: RoomKey,
        work: impl Future<Output = Result<Landed, ResolveError>> + Send + 'static,
        landing: Landing,
    ) {
        let (cache, state) = (Arc::clone(&self.cache), self.state.clone());
        let deadline = self.deadline;
        let flight = async move {
            let done = tokio::time::timeout(deadline, work).await;
            let done = done.unwrap_or(Err(UpstreamFailure::Timeout.into()));
            let is_new = matches!(done, Ok(Landed::Room { created: true, .. }));
            landing.land(done, |done| cache.learn(&key, sighting(done)));
            if is_new {
                let (topic, subject) = (Topic::RoomCreated, key.to_string());
                state.announce(Notice { topic, subject }).await;
            }
        };
        // In the span of the request that caused it.
        tokio::spawn(flight.in_current_span());
    }
}

/// What the end of a flight teaches the cache.
fn sighting(done: &Result<Landed, ResolveError>) -> Sighting {
    match done {
        Ok(Landed::Room { room, .. }) => Sighting::Present(Arc::clone(room)),
        Ok(Landed::Absent) => Sighting::Absent,
        Err(error) if error.is_upstreams() => Sighting::Unknown,
        Err(_not_servable) => Sighting::Unusable,
    }
}

#[cfg(test)]
mod tests;
