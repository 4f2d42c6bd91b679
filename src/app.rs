//! Wiring: settings in, bound listeners out; run, reload, drain.

mod reload;
mod servers;
mod signals;
mod watch;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use arc_swap::ArcSwap;

use crate::audit::{AuditLog, OpenFailure};
use crate::clock::Clock;
use crate::developer_key::DeveloperKey;
use crate::digital_samba::Client;
use crate::gateway::Gateway;
use crate::http::internal::IdempotencyKeys;
use crate::http::{Health, InternalState, Limits, PublicState};
use crate::http_client::HttpClientError;
use crate::join::{Broker, Live};
use crate::metrics::Metrics;
use crate::rooms::{self, Directory, SettingsCatalogue};
use crate::settings::Settings;
use crate::token::Minter;
use crate::trace_context::Sampler;

pub use reload::{ReloadError, Reloader};
pub use signals::{Asked, Signals};
pub use watch::Watch;

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
}

/// What the listeners share and a reload replaces parts of.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    pub(crate) broker: Arc<Broker>,
    pub(crate) live: Arc<ArcSwap<Live>>,
    pub(crate) developer_key: Arc<ArcSwap<DeveloperKey>>,
    pub(crate) client: Arc<Client>,
    pub(crate) public: Arc<PublicState>,
    pub(crate) internal: Arc<InternalState>,
    pub(crate) origins: crate::http::routes::Origins,
    pub(crate) health: Arc<Health>,
    pub(crate) metrics: Metrics,
    pub(crate) clock: Clock,
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
    handles: Vec<ServerHandle>,
    servers: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Parts {
    pub(crate) fn build(
        settings: &Settings,
        surroundings: &Surroundings,
    ) -> Result<Self, StartError> {
        let clock = surroundings.clock.clone();
        let metrics = Metrics::default();
        let developer_key = Arc::new(ArcSwap::new(Arc::clone(
            &settings.digital_samba.developer_key,
        )));
        let client = Arc::new(Client::new(
            settings.digital_samba.parameters.clone(),
            Arc::clone(&developer_key),
            clock.clone(),
            metrics.clone(),
        )?);
        let directory = Directory::new(rooms::Parts {
            parameters: settings.rooms.parameters.clone(),
            upstream: Arc::<Client>::clone(&client),
            clock: clock.clone(),
            metrics: metrics.clone(),
        });
        let minter = Minter::new(
            settings.digital_samba.parameters.team,
            Arc::clone(&developer_key),
            settings.digital_samba.rooms_url.clone(),
            clock.clone(),
            &metrics,
        );
        let live = reload::build_live(settings, &clock, &metrics, None)?;
        let live = Arc::new(ArcSwap::from_pointee(live));
        let broker = Arc::new(Broker {
            directory,
            minter,
            audit: AuditLog::start(settings.audit.clone(), &metrics, clock.clone())?,
            metrics: metrics.clone(),
            clock: clock.clone(),
        });
        let gateway = Gateway::new(
            settings.gateway.clone(),
            &client,
            Arc::clone(&broker),
            Arc::clone(&live),
        )?;
        let (public, internal) = states(settings, &broker, &live, (&client, gateway));
        let health = Arc::new(Health::new(
            Arc::clone(&live),
            clock.clone(),
            metrics.clone(),
        ));
        let origins = Arc::new(ArcSwap::from_pointee(settings.public.origins.clone()));
        Ok(Self {
            broker,
            live,
            developer_key,
            client,
            public,
            internal,
            origins,
            health,
            metrics,
            clock,
        })
    }
}

/// What the handlers of the two listeners share.
fn states(
    settings: &Settings,
    broker: &Arc<Broker>,
    live: &Arc<ArcSwap<Live>>,
    upstream: (&Arc<Client>, Gateway),
) -> (Arc<PublicState>, Arc<InternalState>) {
    let limits = || Limits::new(settings.limits, &broker.clock, broker.metrics.clone());
    let (client, gateway) = upstream;
    let reads = |bytes| settings.http.body_limits(bytes);
    let public = Arc::new(PublicState {
        broker: Arc::clone(broker),
        live: Arc::clone(live),
        limits: limits(),
        room_base_url: settings.digital_samba.rooms_url.clone(),
        parameters: reads(settings.public.body_bytes_max),
    });
    let internal = Arc::new(InternalState {
        broker: Arc::clone(broker),
        gateway: Arc::new(gateway),
        client: Arc::clone(client),
        catalogue: SettingsCatalogue::built_in(),
        idempotency: IdempotencyKeys::new(broker.clock.clone()),
        live: Arc::clone(live),
        limits: limits(),
        room_base_url: settings.digital_samba.rooms_url.clone(),
        parameters: reads(settings.internal.body_bytes_max),
    });
    (public, internal)
}

impl App {
    /// Wires everything and binds the listeners. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn build(settings: &Settings, surroundings: &Surroundings) -> Result<Self, StartError> {
        let parts = Parts::build(settings, surroundings)?;
        let listeners = servers::Listeners::bind(settings, &parts, surroundings)?;
        Ok(Self {
            addresses: listeners.addresses,
            parts,
            listeners,
        })
    }

    /// Starts to serve, in the background. Keys of identity providers are fetched at once, without
    /// anything waiting for them.
    ///
    /// # Errors
    /// When a bound listener cannot be used.
    pub fn start(self) -> std::io::Result<Running> {
        reload::warm_up(&self.parts.live.load());
        let servers = self.listeners.into_servers()?;
        let handles = servers.iter().map(Server::handle).collect();
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
        for handle in &self.handles {
            handle.stop(true).await;
        }
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
