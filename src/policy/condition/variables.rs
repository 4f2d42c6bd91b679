//! The variables of a condition, handed to evaluation as it asks for them: borrowed where they
//! exist, built only if they are mentioned.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use cel::common::types::{CelMap, CelMapKey, CelString, CelTimestamp};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use chrono::DateTime;

use crate::authn::Attributes;
use crate::clock::UnixTime;
use crate::domain::{Captures, RoomKey};

/// How many elements an evaluation may go through, in the worst case some tens of milliseconds.
/// Only loops within loops over hundreds of a principal's claims come near it.
pub(super) const STEPS_MAX: usize = 200_000;

/// The variables `user`, `principal`, `room` and `now` of one evaluation.
pub(in crate::policy) struct Variables<'a> {
    pub(in crate::policy) attributes: Attributes<'a>,
    pub(in crate::policy) room_key: &'a RoomKey,
    pub(in crate::policy) captures: &'a Captures<'a>,
    pub(in crate::policy) now: UnixTime,
    steps: AtomicUsize,
}

impl<'a> Variables<'a> {
    pub(in crate::policy) fn new(
        attributes: Attributes<'a>,
        room_key: &'a RoomKey,
        captures: &'a Captures<'a>,
        now: UnixTime,
    ) -> Self {
        Self {
            attributes,
            room_key,
            captures,
            now,
            steps: AtomicUsize::new(0),
        }
    }

    /// Whether the evaluation went through more than it may: then its result is worth nothing.
    pub(super) fn exhausted(&self) -> bool {
        self.steps.load(Ordering::Relaxed) > STEPS_MAX
    }

    /// Every loop over the principal's values begins by asking for them here, so this is where
    /// their size is counted: a loop in a loop asks again each time round.
    fn spend(&self, steps: usize) -> bool {
        self.steps.fetch_add(steps, Ordering::Relaxed) <= STEPS_MAX
    }

    /// What a path leads to within a value.
    fn within<'b>(&'b self, value: CowVal<'b, 'b>, path: Option<&str>) -> Option<CowVal<'b, 'b>> {
        let value = match (value, path) {
            (CowVal::Borrowed(value), Some(path)) => CowVal::Borrowed(find(value, path)?),
            (value, None) => value,
            // A text: nothing is within it.
            (CowVal::Owned(_), Some(_)) => return None,
        };
        let steps = match value.as_iterable() {
            Some(_) => self.attributes.weight(),
            None => 1,
        };
        self.spend(steps).then_some(value)
    }

    fn room<'b>(&'b self, member: Option<&str>) -> Option<CowVal<'b, 'b>> {
        let key = self.room_key.as_str();
        let Some(member) = member else {
            return self.spend(1).then(|| CowVal::owned(self.room_map()));
        };
        let value = match member {
            "key" => key,
            capture => self.captures.get(capture)?,
        };
        self.spend(1).then(|| CowVal::owned(CelString::from(value)))
    }

    fn room_map<'b>(&'b self) -> CelMap<'b> {
        let entry = |(name, value): (&'b str, &'b str)| {
            let value: Box<dyn Val + 'b> = Box::new(CelString::from(value));
            (CelMapKey::from(name), value)
        };
        let key = ("key", self.room_key.as_str());
        let entries: HashMap<_, _> = self.captures.iter().chain([key]).map(entry).collect();
        CelMap::from(entries)
    }

    fn now<'b>(&self) -> Option<CowVal<'b, 'b>> {
        let millis = i64::try_from(self.now.millis()).ok()?;
        let now = DateTime::from_timestamp_millis(millis)?.fixed_offset();
        self.spend(1)
            .then(|| CowVal::owned(CelTimestamp::from(now)))
    }
}

impl VariableResolver for Variables<'_> {
    /// Asked for whole paths first (`user.claims.org`), then for their beginnings: answering the
    /// path saves building what lies between.
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let (root, path) = first_step(variable);
        match (root, path.map(first_step)) {
            ("user", None) => self.within(CowVal::Borrowed(self.attributes.user()), None),
            ("user", Some((member, path))) => {
                self.within(self.attributes.user_member(member)?, path)
            }
            ("principal", None) => self.within(CowVal::Borrowed(self.attributes.principal()), None),
            ("principal", Some((member, path))) => {
                self.within(self.attributes.principal_member(member)?, path)
            }
            ("room", _) => self.room(path),
            ("now", None) => self.now(),
            _unknown => None,
        }
    }
}

fn first_step(path: &str) -> (&str, Option<&str>) {
    match path.split_once('.') {
        Some((first, rest)) => (first, Some(rest)),
        None => (path, None),
    }
}

fn find<'b>(value: &'b dyn Val, path: &str) -> Option<&'b dyn Val> {
    let mut value = value;
    for name in path.split('.') {
        match value.as_indexer()?.get(&CelString::from(name)).ok()? {
            CowVal::Borrowed(inner) => value = inner,
            CowVal::Owned(_) => return None,
        }
    }
    Some(value)
}
