//! What is known of rooms, and for how long it counts. moka bounds the size; time is ours.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::ops::compute::Op;
use moka::sync::Cache;
use prometheus_client::metrics::counter::Counter;

use crate::clock::{Clock, Monotonic};
use crate::domain::{RoomId, RoomKey};
use crate::metrics::{Metrics, Outcome};

use super::directory::Parameters;
use super::room::Room;

/// After a failed re-read a stale room is served at once for so long, so that an outage costs
/// one caller in a while the wait, not everyone.
const REREAD_PAUSE: Duration = Duration::from_secs(5);

/// What was seen upstream.
#[derive(Debug)]
pub(super) enum Sighting {
    /// The room.
    Present(Arc<Room>),
    /// No such room.
    Absent,
    /// A room that must not be entered.
    Unusable,
    /// Nothing: upstream failed.
    Unknown,
}

#[derive(Debug, Clone)]
struct Entry {
    room: Arc<Room>,
    read_at: Monotonic,
    /// It was changed since: asked for anew, and served only while upstream fails.
    outdated: bool,
    /// In which era it was read; what was read in an earlier one counts as outdated.
    era: u64,
    /// Before this moment a stale room is served without another try.
    reread_at: Monotonic,
}

/// Rooms and absences by room key. Absences have a cache of their own, so that a flood of names
/// that do not exist cannot push out rooms that do.
#[derive(Debug)]
pub(super) struct RoomCache {
    rooms: Cache<RoomKey, Entry>,
    absences: Cache<RoomKey, Monotonic>,
    /// Which room key a room of upstream's belongs to: what happens there names ids.
    keys: Cache<RoomId, RoomKey>,
    fresh_for: Duration,
    stale_for: Duration,
    absent_for: Duration,
    era: AtomicU64,
    clock: Clock,
    hits: Counter,
    misses: Counter,
    stale: Counter,
    negative: Counter,
}

impl RoomCache {
    pub(super) fn new(parameters: &Parameters, clock: Clock, metrics: &Metrics) -> Self {
        let counter =
            |outcome: &'static str| metrics.room_cache.get_or_create_owned(&Outcome { outcome });
        Self {
            rooms: Cache::new(parameters.cache_size),
            absences: Cache::new(parameters.cache_size / 8 + 1),
            keys: Cache::new(parameters.cache_size),
            fresh_for: parameters.fresh_for,
            stale_for: parameters.stale_for,
            absent_for: parameters.absent_for,
            era: AtomicU64::new(0),
            clock,
            hits: counter("hit"),
            misses: counter("miss"),
            stale: counter("stale"),
            negative: counter("negative"),
        }
    }

    /// The room, if it is fresh, or stale and just tried in vain.
    pub(super) fn servable(&self, key: &RoomKey) -> Option<Arc<Room>> {
        let entry = self.rooms.get(key)?;
        let now = self.clock.monotonic();
        let is_vouched_for = !entry.outdated && entry.era == self.era.load(Ordering::Relaxed);
        if is_vouched_for && now.since(entry.read_at) < self.fresh_for {
            self.hits.inc();
            return Some(entry.room);
        }
        if now < entry.reread_at && self.may_be_served(&entry, now) {
            self.stale.inc();
            return Some(entry.room);
        }
        None
    }

    /// Whether the room could be served should upstream fail.
    pub(super) fn has_stale(&self, key: &RoomKey) -> bool {
        self.stale_room(key).is_some()
    }

    /// The room that was known before upstream failed, if that is not too long ago.
    pub(super) fn serve_stale(&self, key: &RoomKey) -> Option<Arc<Room>> {
        let room = self.stale_room(key)?;
        self.stale.inc();
        Some(room)
    }

    fn stale_room(&self, key: &RoomKey) -> Option<Arc<Room>> {
        let entry = self.rooms.get(key)?;
        self.may_be_served(&entry, self.clock.monotonic())
            .then_some(entry.room)
    }

    fn may_be_served(&self, entry: &Entry, now: Monotonic) -> bool {
        now.since(entry.read_at) < self.fresh_for.saturating_add(self.stale_for)
    }

    /// Whether upstream said a moment ago that there is no such room.
    pub(super) fn is_absent(&self, key: &RoomKey) -> bool {
        let Some(seen_at) = self.absences.get(key) else {
            return false;
        };
        let absent = self.clock.monotonic().since(seen_at) < self.absent_for;
        if absent {
            self.negative.inc();
        }
        absent
    }

    pub(super) fn count_miss(&self) {
        self.misses.inc();
    }

    /// Remembers what upstream said.
    pub(super) fn learn(&self, key: &RoomKey, sighting: Sighting) {
        let now = self.clock.monotonic();
        match sighting {
            Sighting::Present(room) => {
                self.absences.invalidate(key);
                self.keys.insert(room.id(), key.clone());
                let entry = Entry {
                    room,
                    read_at: now,
                    outdated: false,
                    era: self.era.load(Ordering::Relaxed),
                    reread_at: now,
                };
                self.rooms.insert(key.clone(), entry);
            }
            Sighting::Absent => {
                self.rooms.invalidate(key);
                self.absences.insert(key.clone(), now);
            }
            Sighting::Unusable => self.forget(key),
            Sighting::Unknown => {
                self.amend(key, |entry| Entry {
                    reread_at: now.plus(REREAD_PAUSE),
                    ..entry
                });
            }
        }
    }

    /// There is such a room from now on.
    pub(super) fn forget_absence(&self, key: &RoomKey) {
        self.absences.invalidate(key);
    }

    /// The room was changed upstream, or may have been: it is to be read again.
    pub(super) fn outdate(&self, key: &RoomKey) {
        let now = self.clock.monotonic();
        self.absences.invalidate(key);
        self.amend(key, |entry| Entry {
            outdated: true,
            reread_at: now,
            ..entry
        });
    }

    /// Any room may have been changed: each is to be read again.
    pub(super) fn outdate_all(&self) {
        self.era.fetch_add(1, Ordering::Relaxed);
        self.absences.invalidate_all();
    }

    /// Changes an entry in one step: one that is forgotten meanwhile must not come back.
    fn amend(&self, key: &RoomKey, change: impl FnOnce(Entry) -> Entry) {
        self.rooms
            .entry_by_ref(key)
            .and_compute_with(|known| match known {
                Some(entry) => Op::Put(change(entry.into_value())),
                None => Op::Nop,
            });
    }

    /// Whose room it is, if it was seen.
    pub(super) fn key_of(&self, id: RoomId) -> Option<RoomKey> {
        self.keys.get(&id)
    }

    pub(super) fn forget(&self, key: &RoomKey) {
        self.rooms.invalidate(key);
        self.absences.invalidate(key);
    }

    pub(super) fn forget_all(&self) {
        self.rooms.invalidate_all();
        self.absences.invalidate_all();
    }

    /// The keys of the rooms that upstream knows by this id or name, which it may compare without
    /// case. Looks through all of them: rooms are changed rarely.
    pub(super) fn keys_of(&self, name: &str) -> Vec<RoomKey> {
        let id = RoomId::parse(name).ok();
        let known = self.rooms.iter();
        known
            .filter(|(_, entry)| {
                let friendly_url = entry.room.friendly_url().as_str();
                Some(entry.room.id()) == id || friendly_url.eq_ignore_ascii_case(name)
            })
            .map(|(_, entry)| entry.room.key().clone())
            .collect()
    }

    /// Forgets this room, not a newer one of the same room key.
    pub(super) fn forget_room(&self, room: &Room) {
        let known = self.rooms.get(room.key());
        if known.is_some_and(|entry| entry.room.id() == room.id()) {
            self.rooms.invalidate(room.key());
        }
    }
}
