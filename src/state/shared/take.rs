//! What is taken from limits, and how a batch of that goes over the wire.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use redis::ScriptInvocation;

use super::keys::Keys;
use super::scripts::SCRIPTS;
use crate::rate_limit::Rate;

/// One bucket to take from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Take {
    /// The limit's name.
    pub limit: &'static str,
    /// Its rate.
    pub rate: Rate,
    /// How many to take; 0 asks only whether there is one.
    pub cost: u32,
}

/// Buckets of one subject to take from at once: from all, or from none. Made once, since the numbers
/// are the same at each request. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Takes(Arc<Plan>);

#[derive(Debug)]
struct Plan {
    takes: Vec<Take>,
    /// Interval, capacity and cost of each bucket, as the script reads them.
    numbers: String,
}

/// What taking found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Every bucket had enough.
    Admitted {
        /// What the last one still has.
        remaining: u32,
    },
    /// One had not, and nothing was taken from any.
    Refused {
        /// Which one, by its place in what was asked.
        at: usize,
        /// When it has.
        retry_after: Duration,
    },
}

impl Takes {
    /// These buckets.
    pub fn new(takes: &[Take]) -> Self {
        let mut numbers = String::new();
        for take in takes {
            let interval = (60_000_000 / u64::from(take.rate.per_minute.get())).max(1);
            let capacity = interval.saturating_mul(take.rate.burst.get().into());
            // Writing into memory does not fail.
            let _written = write!(numbers, "{interval} {capacity} {} ", take.cost);
        }
        Self(Arc::new(Plan {
            takes: takes.to_vec(),
            numbers,
        }))
    }

    /// The buckets, in their order.
    pub fn all(&self) -> &[Take] {
        &self.0.takes
    }
}

/// A subject's hash, and what is to be taken of it.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) subject: String,
    pub(super) takes: Takes,
}

/// One call for all of these: the plans once each, and of each ask the place of its plan.
pub(super) fn call<'a>(
    keys: &Keys,
    asks: impl Iterator<Item = &'a Ask>,
) -> ScriptInvocation<'static> {
    let mut call = SCRIPTS.take.prepare_invoke();
    let mut plans: Vec<&Arc<Plan>> = Vec::new();
    let mut order = Vec::new();
    for ask in asks {
        let plan = &ask.takes.0;
        for take in &plan.takes {
            call.key(keys.bucket(&ask.subject, take.limit));
        }
        let place = plans.iter().position(|known| Arc::ptr_eq(known, plan));
        let place = place.unwrap_or_else(|| {
            plans.push(plan);
            plans.len() - 1
        });
        // Fewer than a batch can hold, which is less than a byte.
        order.push(u8::try_from(place).unwrap_or(u8::MAX));
    }
    call.arg(order);
    for plan in plans {
        call.arg(&plan.numbers);
    }
    call
}

/// What the script answers for one ask.
pub(super) fn read(place: u64, value: u64) -> Taken {
    match place.checked_sub(1) {
        None => Taken::Admitted {
            remaining: u32::try_from(value).unwrap_or(u32::MAX),
        },
        Some(at) => Taken::Refused {
            at: usize::try_from(at).unwrap_or(usize::MAX),
            retry_after: Duration::from_micros(value),
        },
    }
}
