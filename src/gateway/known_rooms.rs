//! Rooms that the gateway was asked about, by upstream's id and name: so that a token costs no
//! call, and a key that is for some rooms alone is held to them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::sync::Cache;

use crate::clock::{Clock, Monotonic};
use crate::digital_samba::RoomFacts;
use crate::domain::{RoomId, RoomKey};
use crate::rooms::{RoomWatcher, friendly_url};

use super::Parameters;

#[derive(Debug, Clone)]
struct Entry {
    facts: Arc<RoomFacts>,
    read_at: Monotonic,
}

/// Rooms by id, and ids by name. Bounded by moka; time is ours.
#[derive(Debug)]
pub struct KnownRooms {
    by_id: Cache<RoomId, Entry>,
    ids: Cache<String, RoomId>,
    fresh_for: Duration,
    clock: Clock,
    /// Rises whenever something is forgotten: what was read before that is not kept.
    generation: AtomicU64,
}

impl KnownRooms {
    /// Nothing known yet.
    pub fn new(parameters: &Parameters, clock: Clock) -> Self {
        Self {
            by_id: Cache::new(parameters.rooms_max),
            ids: Cache::new(parameters.rooms_max),
            fresh_for: parameters.rooms_fresh_for,
            clock,
            generation: AtomicU64::new(0),
        }
    }

    /// The room of this id or name.
    pub(super) fn get(&self, name: &str) -> Option<Arc<RoomFacts>> {
        if let Ok(id) = RoomId::parse(name) {
            return self.fresh(id);
        }
        let facts = self.fresh(self.ids.get(name)?)?;
        // A name may have gone to another room meanwhile.
        (facts.room.friendly_url.as_str() == name).then_some(facts)
    }

    fn fresh(&self, id: RoomId) -> Option<Arc<RoomFacts>> {
        let Entry { facts, read_at } = self.by_id.get(&id)?;
        let age = self.clock.monotonic().since(read_at);
        (age < self.fresh_for).then_some(facts)
    }

    /// To be taken before a room is read.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Remembers a room, unless something was forgotten since it was asked for.
    pub(super) fn learn(&self, facts: &Arc<RoomFacts>, generation: u64) {
        if self.generation() != generation {
            return;
        }
        let room = &facts.room;
        self.ids.insert(room.friendly_url.to_string(), room.id);
        let entry = Entry {
            facts: Arc::clone(facts),
            read_at: self.clock.monotonic(),
        };
        self.by_id.insert(room.id, entry);
    }

    /// Forgets a room by its id or name.
    pub(super) fn forget(&self, name: &str) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        let id = RoomId::parse(name).ok().or_else(|| self.ids.get(name));
        if let Some(id) = id {
            self.by_id.invalidate(&id);
        }
        self.ids.invalidate(name);
    }

    /// Forgets every room.
    pub(super) fn forget_all(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.by_id.invalidate_all();
        self.ids.invalidate_all();
    }
}

impl RoomWatcher for KnownRooms {
    /// A room of a key has the name that naming gives; one that was renamed since is told apart
    /// when it is read again.
    fn changed(&self, key: &RoomKey) {
        self.forget(friendly_url(key).as_str());
    }

    fn id_changed(&self, id: RoomId) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.by_id.invalidate(&id);
    }

    fn named_changed(&self, name: &str) {
        self.forget(name);
    }

    fn all_changed(&self) {
        self.forget_all();
    }
}
