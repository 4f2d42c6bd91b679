//! What the handlers of the public listener share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::clock::{Clock, Monotonic};
use crate::digital_samba::Client;
use crate::domain::RoomBaseUrl;
use crate::gateway::Gateway;
use crate::join::{Broker, Live};
use crate::metrics::Metrics;
use crate::rooms::SettingsCatalogue;

use super::internal::IdempotencyKeys;
use super::limits::Limits;

/// How a listener reads bodies.
#[derive(Debug, Clone)]
pub struct BodyLimits {
    /// The longest body, in bytes.
    pub body_bytes_max: usize,
    /// The time for a whole body to arrive.
    pub body_timeout: Duration,
}

/// What the handlers of the public listener share.
#[derive(Debug)]
pub struct PublicState {
    /// The use cases.
    pub broker: Arc<Broker>,
    /// Who calls and what they may; replaced at a reload.
    pub live: Arc<ArcSwap<Live>>,
    /// How often.
    pub limits: Limits,
    /// Where rooms live, for the embedded SDK's options.
    pub room_base_url: RoomBaseUrl,
    /// How requests are read.
    pub parameters: BodyLimits,
}

/// What the handlers of the internal listener share.
#[derive(Debug)]
pub struct InternalState {
    /// The use cases.
    pub broker: Arc<Broker>,
    /// Upstream's own API.
    pub gateway: Arc<Gateway>,
    /// What upstream tells of rooms' lives.
    pub client: Arc<Client>,
    /// What room settings there are.
    pub catalogue: SettingsCatalogue,
    /// What was answered to requests that may come twice.
    pub idempotency: IdempotencyKeys,
    /// Who calls and what they may; replaced at a reload.
    pub live: Arc<ArcSwap<Live>>,
    /// How often.
    pub limits: Limits,
    /// Where rooms live.
    pub room_base_url: RoomBaseUrl,
    /// How requests are read.
    pub parameters: BodyLimits,
}

/// Whether traffic should come here; shared by all listeners.
#[derive(Debug)]
pub struct Health {
    live: Arc<ArcSwap<Live>>,
    draining: AtomicBool,
    developer_key_loaded: ArcSwap<Monotonic>,
    clock: Clock,
    metrics: Metrics,
}

impl Health {
    /// Ready as soon as the keys of one issuer are known.
    pub fn new(live: Arc<ArcSwap<Live>>, clock: Clock, metrics: Metrics) -> Self {
        let developer_key_loaded = ArcSwap::from_pointee(clock.monotonic());
        Self {
            live,
            draining: AtomicBool::new(false),
            developer_key_loaded,
            clock,
            metrics,
        }
    }

    /// From now on not ready: the process is about to stop.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Whether the process is about to stop.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Whether users can be authenticated.
    pub fn has_keys(&self) -> bool {
        self.live.load().authenticator.is_ready()
    }

    /// The developer key was loaded just now.
    pub fn note_developer_key_loaded(&self) {
        self.developer_key_loaded
            .store(Arc::new(self.clock.monotonic()));
    }

    /// Sets the gauges that only time moves.
    pub(super) fn refresh_gauges(&self) {
        let age = self
            .clock
            .monotonic()
            .since(**self.developer_key_loaded.load());
        self.metrics
            .developer_key_age_seconds
            .set(age.as_secs_f64());
    }
}
