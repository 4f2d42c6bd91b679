//! Takes deliveries in: proven, read, seen once, carried out. All of it is done in memory before
//! the answer, so that nothing queues and nothing can overflow.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use moka::sync::Cache;

use crate::clock::{Clock, UnixTime};
use crate::metrics::{Metrics, WebhookDelivery};

use super::credential::{Presented, Unauthorized};
use super::delivery::{Delivery, Malformed};
use super::effects::Effects;
use super::endpoint::Endpoint;

/// Deliveries that are recognised when they come again. Beyond that a repetition is carried out
/// again, which changes nothing.
const SEEN_MAX: u64 = 65_536;

/// An event that claims to be farther in the future is taken to be of now: what comes later must
/// be able to contradict it.
const AHEAD_MAX: Duration = Duration::from_secs(60);

/// Why a delivery is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReceiveError {
    /// It is not upstream's.
    #[error(transparent)]
    Unauthorized(#[from] Unauthorized),
    /// It is none.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// Takes deliveries in.
#[derive(Debug)]
pub struct Receiver {
    endpoint: ArcSwapOption<Endpoint>,
    seen: Cache<u64, ()>,
    hasher: RandomState,
    effects: Effects,
    clock: Clock,
    metrics: Metrics,
}

impl Receiver {
    /// A receiver at an endpoint; without one nothing is received.
    pub fn new(
        endpoint: Option<Arc<Endpoint>>,
        effects: Effects,
        clock: Clock,
        metrics: Metrics,
    ) -> Self {
        Self {
            endpoint: ArcSwapOption::new(endpoint),
            seen: Cache::new(SEEN_MAX),
            hasher: RandomState::new(),
            effects,
            clock,
            metrics,
        }
    }

    /// Replaces the endpoint: where it is, and what proves a delivery.
    pub fn move_to(&self, endpoint: Option<Arc<Endpoint>>) {
        self.endpoint.store(endpoint);
    }

    /// What deliveries change.
    pub fn effects(&self) -> &Effects {
        &self.effects
    }

    /// The endpoint, if this is its segment.
    pub fn endpoint_at(&self, segment: &str) -> Option<Arc<Endpoint>> {
        self.endpoint
            .load_full()
            .filter(|endpoint| endpoint.is_here(segment))
    }

    /// Takes one delivery in.
    ///
    /// # Errors
    /// [`ReceiveError`] when it is not proven or cannot be read.
    pub fn receive(
        &self,
        endpoint: &Endpoint,
        presented: &Presented<'_>,
        body: &[u8],
    ) -> Result<(), ReceiveError> {
        let proven = endpoint.credential().check(presented, body);
        proven.inspect_err(|_fault| self.count("none", "unauthorized"))?;
        let delivery = Delivery::parse(body);
        let delivery = delivery.inspect_err(|_fault| self.count("none", "malformed"))?;
        let Some(event) = delivery.event else {
            self.count("unknown", "ignored");
            return Ok(());
        };
        // Keyed with a secret of this process: nobody can make two bodies look like one.
        let seen = self.seen.entry(self.hasher.hash_one(body)).or_insert(());
        if !seen.is_fresh() {
            self.count(event.name(), "repeated");
            return Ok(());
        }
        self.count(event.name(), "accepted");
        let at = self.time_of(&delivery);
        self.effects.apply(event, &delivery, at);
        Ok(())
    }

    fn time_of(&self, delivery: &Delivery) -> UnixTime {
        let now = self.clock.now();
        let claimed = delivery.occurred_at;
        let Some(at) = claimed.filter(|at| *at <= now.plus(AHEAD_MAX)) else {
            return now;
        };
        let age = at.until(now);
        self.metrics.webhook_age_seconds.observe(age.as_secs_f64());
        at
    }

    fn count(&self, event: &'static str, outcome: &'static str) {
        let deliveries = &self.metrics.webhook_deliveries;
        deliveries
            .get_or_create(&WebhookDelivery { event, outcome })
            .inc();
    }
}
