//! How many are in a room: counted from what happens there, corrected by reading upstream. Knows no
//! webhooks and no HTTP; what it is told happened is a hint, and what was read counts more.

mod life;
mod people;
#[cfg(test)]
mod tests;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use moka::sync::Cache;

use crate::clock::Clock;
use crate::domain::{RoomId, UserId};
use crate::metrics::{Metrics, Outcome};
use crate::rate_limit::{Limiter, Rate};
use crate::rooms::UpstreamFailure;

use life::{Life, Wish};
pub use people::{Happening, ParticipantId, Person, Reading};

/// A count that nothing contradicts is read again after so long, should events be lost.
const QUIET_MAX: Duration = Duration::from_secs(60);

/// A caller waits so long for a count; then what events said has to do.
const READ_WAIT: Duration = Duration::from_secs(1);

/// A count this old tells nothing any more, whatever events said since.
const AGE_MAX: Duration = Duration::from_secs(600);

/// What the upstream API must tell. The `digital_samba` client implements it.
pub trait LiveUpstream: Send + Sync + std::fmt::Debug {
    /// Who is in a room now; nobody where it has no session.
    fn people(&self, room: RoomId) -> BoxFuture<'_, Result<Reading, UpstreamFailure>>;
}

/// What occupancy needs to know.
#[derive(Debug, Clone, Copy)]
pub struct Parameters {
    /// Rooms whose occupants are remembered.
    pub rooms_max: u64,
    /// After something happened in a room it is read again, but not sooner than this after the
    /// last time.
    pub reread_after: Duration,
    /// Readings in a minute, of all rooms: a part of upstream's budget.
    pub rereads_per_minute: NonZeroU32,
    /// Whether what happens is told at all; if not, only readings count.
    pub is_told: bool,
}

/// What occupancy is built of.
#[derive(Debug)]
pub struct Parts {
    /// The limits.
    pub parameters: Parameters,
    /// Who is really there.
    pub upstream: Arc<dyn LiveUpstream>,
    /// Time.
    pub clock: Clock,
    /// Where readings are counted.
    pub metrics: Metrics,
}

/// Nobody more may enter by this rule for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the room is full")]
pub struct RoomFull {
    /// When it is worth another try.
    pub retry_after: Duration,
}

/// How many are in which room. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Occupancy {
    rooms: Cache<RoomId, Arc<Life>>,
    readings: Arc<Limiter<u64>>,
    upstream: Arc<dyn LiveUpstream>,
    parameters: Parameters,
    clock: Clock,
    metrics: Metrics,
}

impl Occupancy {
    /// Occupancy that knows nothing yet.
    pub fn new(parts: Parts) -> Self {
        let Parts {
            parameters,
            upstream,
            clock,
            metrics,
        } = parts;
        let rate = Rate {
            per_minute: parameters.rereads_per_minute,
            burst: parameters.rereads_per_minute,
        };
        let readings = Limiter::new("occupancy", rate, 1, std::convert::identity, clock.clone());
        Self {
            rooms: Cache::new(parameters.rooms_max),
            readings: Arc::new(readings),
            upstream,
            parameters,
            clock,
            metrics,
        }
    }

    /// How many are in a room, as far as memory can tell.
    pub fn known(&self, room: RoomId) -> Option<usize> {
        let life = self.rooms.get(&room)?;
        life.count(self.clock.monotonic(), AGE_MAX)
    }

    /// Who is in a room, as [`Occupancy::count`] counts them.
    pub async fn people(&self, room: RoomId) -> Option<Reading> {
        self.count(room).await?;
        let life = self.rooms.get(&room)?;
        life.reading_of(self.clock.monotonic(), AGE_MAX)
    }

    /// Whether what happens is told at all.
    pub fn is_told(&self) -> bool {
        self.parameters.is_told
    }

    /// How many are in a room: from memory if nothing happened since it was read, else read again
    /// as often as the limits have it; `None` where that cannot be told.
    pub async fn count(&self, room: RoomId) -> Option<usize> {
        let life = self.rooms.get_with(room, || Arc::new(Life::default()));
        if self.wish(&life) != Wish::Content {
            // Whoever waits in vain takes what events said.
            let read = tokio::time::timeout(READ_WAIT, self.read(room, &life)).await;
            if read.is_err() {
                life.note_failure(self.clock.monotonic());
                self.note_reading("timeout");
            }
        }
        life.count(self.clock.monotonic(), AGE_MAX)
    }

    /// A seat for somebody who is about to be given a token. Until they come, or do not come for a
    /// while, it is theirs. Who is in the room already needs none. Where the count cannot be told
    /// everybody is let pass: upstream has its own `max_participants`.
    ///
    /// # Errors
    /// [`RoomFull`].
    pub async fn take_seat(
        &self,
        room: RoomId,
        user: &UserId,
        capacity: NonZeroU32,
    ) -> Result<(), RoomFull> {
        let known = self.count(room).await.is_some();
        let Some(life) = self.rooms.get(&room).filter(|_life| known) else {
            self.note_check("unknown");
            return Ok(());
        };
        let taken = life.take_seat(user, capacity, self.clock.monotonic());
        self.note_check(if taken.is_ok() { "free" } else { "full" });
        taken
    }

    /// Something happened in a room. Rooms that nobody asked about are not followed; whether this
    /// one is.
    pub fn note(&self, room: RoomId, happening: &Happening) -> bool {
        let Some(life) = self.rooms.get(&room) else {
            return false;
        };
        life.note(happening);
        true
    }

    /// Something happened that another replica counted: the room is read again.
    pub fn outdate(&self, room: RoomId) {
        if let Some(life) = self.rooms.get(&room) {
            life.outdate();
        }
    }

    /// Nothing that is remembered can be relied on.
    pub fn forget_all(&self) {
        self.rooms.invalidate_all();
    }

    /// The room is gone.
    pub fn forget(&self, room: RoomId) {
        self.rooms.invalidate(&room);
    }

    fn wish(&self, life: &Life) -> Wish {
        let quiet_max = if self.parameters.is_told {
            QUIET_MAX
        } else {
            self.parameters.reread_after
        };
        life.wish(
            self.clock.monotonic(),
            self.parameters.reread_after,
            quiet_max,
        )
    }

    /// Reads a room once, however many ask.
    async fn read(&self, room: RoomId, life: &Life) {
        let _mine = life.reading().await;
        // Somebody else may have read it meanwhile.
        if self.wish(life) == Wish::Content {
            return;
        }
        if self.readings.check(&0).is_err() {
            life.note_failure(self.clock.monotonic());
            return self.note_reading("limited");
        }
        let begun = life.begin(self.clock.now());
        match self.upstream.people(room).await {
            Ok(reading) => {
                life.learn(reading, begun, self.clock.monotonic());
                self.note_reading("read");
            }
            Err(_failure) => {
                life.note_failure(self.clock.monotonic());
                self.note_reading("failed");
            }
        }
    }

    fn note_reading(&self, outcome: &'static str) {
        let readings = &self.metrics.occupancy_readings;
        readings.get_or_create(&Outcome { outcome }).inc();
    }

    fn note_check(&self, outcome: &'static str) {
        let checks = &self.metrics.capacity_checks;
        checks.get_or_create(&Outcome { outcome }).inc();
    }
}
