//! Wiring: settings in, bound listeners out; run, reload, drain.

mod follow;
mod parts;
mod registration;
mod reload;
mod servers;
mod signals;
mod watch;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};

use crate::audit::OpenFailure;
use crate::clock::Clock;
use crate::http_client::HttpClientError;
use crate::settings::Settings;
use crate::state::FileFault;
use crate::trace_context::Sampler;
use crate::webhooks::Endpoint;

pub(crate) use parts::Parts;
pub use reload::{ReloadError, Reloader};
pub use signals::{Asked, Signals};
pub use watch::Watch;

/// How often a start looks whether it knows what must be known before anybody is let in.
const SETTLING_LOOK: Duration = Duration::from_millis(5);

/// How long the last audit lines may take to be written.
pub(crate) const AUDIT_FLUSH: Duration = Duration::from_secs(5);

/// Why the service cannot start, beside its configuration.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be bound.
    #[error("{listener}.listen: {address} cannot be bound")]
    Bind {
        /// The section of the configuration.
        listener: &'static str,
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The audit log cannot be opened.
    #[error(transparent)]
    Audit(#[from] OpenFailure),
    /// TLS cannot be set up.
    #[error(transparent)]
    HttpClient(#[from] HttpClientError),
    /// The file of the state cannot be used.
    #[error(transparent)]
    State(#[from] FileFault),
}

/// What a process gives its app, beside the settings.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Time.
    pub clock: Clock,
    /// Which requests are traced.
    pub sampler: Sampler,
}

/// A broker with its listeners bound, not yet serving.
#[derive(Debug)]
pub struct App {
    addresses: servers::Addresses,
    parts: Parts,
    listeners: servers::Listeners,
    registers: Option<Arc<Endpoint>>,
}

/// An app that serves.
#[derive(Debug)]
pub struct Running {
    /// Where the public listener is.
    pub public_address: SocketAddr,
    /// Where the internal listener is.
    pub internal_address: SocketAddr,
    /// Where the ops listener is.
    pub ops_address: SocketAddr,
    parts: Parts,
    handles: [ServerHandle; 3],
    servers: tokio::task::JoinHandle<std::io::Result<()>>,
    settling: tokio::task::JoinHandle<()>,
}

impl App {
    /// How long a start waits for what must be known before anybody is let in.
    pub const SETTLING_MAX: Duration = Duration::from_secs(1);

    /// Wires everything, binds the listeners, and begins to fetch the keys of identity providers.
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn build(settings: &Settings, surroundings: &Surroundings) -> Result<Self, StartError> {
        let parts = Parts::build(settings, surroundings)?;
        let listeners = servers::Listeners::bind(settings, &parts, surroundings)?;
        reload::warm_up(&parts.live.load());
        Ok(Self {
            addresses: listeners.addresses,
            parts,
            listeners,
            registers: settings
                .webhooks
                .endpoint
                .clone()
                .filter(|_endpoint| settings.webhooks.sync_at_start),
        })
    }

    /// Waits until keys and denials are read, but no longer than `at_most`. The listeners are bound: who calls
    /// meanwhile waits too, where a proxy that asks nobody's health would hand on a 503.
    pub async fn settle_in(&self, at_most: Duration) {
        let health = &self.parts.health;
        let settled = async {
            while !(health.has_keys() && health.knows_denials()) {
                tokio::time::sleep(SETTLING_LOOK).await;
            }
        };
        if tokio::time::timeout(at_most, settled).await.is_err() {
            tracing::warn!("serving without all keys or denials: not ready yet");
        }
    }

    /// Starts to serve, in the background.
    ///
    /// # Errors
    /// When a bound listener cannot be used.
    pub fn start(self) -> std::io::Result<Running> {
        if let Some(endpoint) = self.registers {
            let client = Arc::clone(&self.parts.client);
            let state = self.parts.state.clone();
            tokio::spawn(registration::register(client, endpoint, state));
        }
        let settling = tokio::spawn(
            self.parts
                .public
                .webhooks
                .effects()
                .clone()
                .settle_for_ever(),
        );
        let servers = self.listeners.into_servers()?;
        let handles = servers.each_ref().map(Server::handle);
        let servers = tokio::spawn(serve_all(servers));
        let servers::Addresses {
            public,
            internal,
            ops,
        } = self.addresses;
        Ok(Running {
            public_address: public,
            internal_address: internal,
            ops_address: ops,
            parts: self.parts,
            handles,
            servers,
            settling,
        })
    }
}

async fn serve_all([public, internal, ops]: [Server; 3]) -> std::io::Result<()> {
    // One that fails ends all: a service of which a part is missing must not look alive.
    tokio::try_join!(public, internal, ops).map(|((), (), ())| ())
}

impl Running {
    /// Replaces policy, templates, keys, origins and product backends while requests go on.
    pub fn reloader(&self) -> Reloader {
        Reloader::new(self.parts.clone())
    }

    /// Not ready any more, still serving.
    pub fn drain(&self) {
        self.parts.health.drain();
    }

    /// Not ready any more, then finishes what is in flight, then gone.
    ///
    /// # Errors
    /// When a listener failed while it served.
    pub async fn stop(&mut self) -> std::io::Result<()> {
        self.drain();
        let [public, internal, ops] = &self.handles;
        // At once, since both have one time limit; then ops, so that whoever watches sees the end.
        tokio::join!(public.stop(true), internal.stop(true));
        ops.stop(true).await;
        self.settling.abort();
        let served = (&mut self.servers).await.map_err(std::io::Error::other);
        self.flush_audit_log();
        served?
    }

    /// Waits until a server ends by itself, which it does only when it fails.
    ///
    /// # Errors
    /// Why it failed.
    pub async fn failed(&mut self) -> std::io::Result<()> {
        let failed = (&mut self.servers).await.map_err(std::io::Error::other);
        self.flush_audit_log();
        failed?
    }

    /// Has what was decided so far written down. Waits for it.
    pub fn flush_audit_log(&self) {
        if !self.parts.broker.audit.flush(AUDIT_FLUSH) {
            tracing::error!("the last audit lines could not be written in time");
        }
    }
}
