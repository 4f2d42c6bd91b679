//! The denials by whom they bar, for the look-up at every mint.

use std::collections::{BTreeMap, HashMap};

use super::denial::{Barred, Denial, DenialId};
use crate::authn::Principal;
use crate::clock::UnixTime;
use crate::domain::RoomKey;

#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    by_id: BTreeMap<DenialId, Denial>,
    by_person: HashMap<String, Vec<DenialId>>,
}

impl Index {
    pub(super) fn bars(&self, principal: &Principal, room_key: &RoomKey, now: UnixTime) -> bool {
        if self.by_id.is_empty() {
            return false;
        }
        let person = person_key(principal.issuer(), principal.subject().as_str());
        self.holds_for(&person, Some(room_key), now)
            || self.bars_user(principal.user_id().as_str(), Some(room_key), now)
    }

    /// In a room without a key, denials for everywhere count.
    pub(super) fn bars_user(
        &self,
        user_id: &str,
        room_key: Option<&RoomKey>,
        now: UnixTime,
    ) -> bool {
        !self.by_id.is_empty() && self.holds_for(&user_key(user_id), room_key, now)
    }

    fn holds_for(&self, key: &str, room_key: Option<&RoomKey>, now: UnixTime) -> bool {
        let ids = self.by_person.get(key).into_iter().flatten();
        ids.filter_map(|id| self.by_id.get(id))
            .any(|denial| denial.holds(room_key, now))
    }

    pub(super) fn insert(&mut self, id: DenialId, denial: Denial) {
        self.remove(&id);
        self.by_person
            .entry(key_of(&denial))
            .or_default()
            .push(id.clone());
        self.by_id.insert(id, denial);
    }

    pub(super) fn remove(&mut self, id: &DenialId) {
        let Some(denial) = self.by_id.remove(id) else {
            return;
        };
        let key = key_of(&denial);
        if let Some(ids) = self.by_person.get_mut(&key) {
            ids.retain(|other| other != id);
            if ids.is_empty() {
                self.by_person.remove(&key);
            }
        }
    }

    pub(super) fn forget_ended(&mut self, now: UnixTime) {
        let ended: Vec<DenialId> = self
            .iter()
            .filter(|(_, denial)| denial.until() <= now)
            .map(|(id, _)| id.clone())
            .collect();
        for id in ended {
            self.remove(&id);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&DenialId, &Denial)> {
        self.by_id.iter()
    }
}

impl FromIterator<(DenialId, Denial)> for Index {
    fn from_iter<T: IntoIterator<Item = (DenialId, Denial)>>(all: T) -> Self {
        let mut index = Self::default();
        for (id, denial) in all {
            index.insert(id, denial);
        }
        index
    }
}

fn key_of(denial: &Denial) -> String {
    match denial.barred() {
        Barred::Person { issuer, subject } => person_key(issuer, subject.as_str()),
        Barred::User { user_id } => user_key(user_id),
    }
}

/// A subject holds no NUL: no two people share a key, and no person one with a user id.
fn person_key(issuer: &str, subject: &str) -> String {
    format!("person\0{issuer}\0{subject}")
}

fn user_key(user_id: &str) -> String {
    format!("user\0{user_id}")
}
