//! The listeners: bound first, so that an address that is taken stops the start; served later.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::{App as ActixApp, HttpServer, web};
use tokio::net::TcpSocket;

use crate::digital_samba::Routes;
use crate::http::internal::GatewayDescription;
use crate::http::routes::{self, Origins};
use crate::http::{self, Edge, HeaderLimit, Listener, TrustedProxies};
use crate::settings::{Http, Settings};

use super::{Parts, StartError, Surroundings};

/// Connections that wait to be accepted.
const BACKLOG: u32 = 2048;

/// Connections at once that product backends may have, for each worker.
const INTERNAL_CONNECTIONS_MAX: usize = 4096;

/// Where the servers are bound.
#[derive(Debug, Clone, Copy)]
pub(super) struct Addresses {
    pub(super) public: SocketAddr,
    pub(super) internal: SocketAddr,
    pub(super) ops: SocketAddr,
}

/// Three bound servers.
#[derive(Debug)]
pub(super) struct Listeners {
    pub(super) addresses: Addresses,
    public: TcpListener,
    internal: TcpListener,
    ops: TcpListener,
    plan: Plan,
}

/// What the servers are made of.
#[derive(Debug, Clone)]
struct Plan {
    parts: Parts,
    http: Http,
    path_prefix: String,
    public_edge: Edge,
    internal_edge: Edge,
    ops_edge: Edge,
}

impl Listeners {
    pub(super) fn bind(
        settings: &Settings,
        parts: &Parts,
        surroundings: &Surroundings,
    ) -> Result<Self, StartError> {
        let (public, public_address) = bind("public", settings.public.listen)?;
        let (internal, internal_address) = bind("internal", settings.internal.listen)?;
        let (ops, ops_address) = bind("ops", settings.ops.listen)?;
        let prefix = settings.public.path_prefix.as_str();
        let proxies = TrustedProxies::new(
            settings.http.trusted_proxies.iter().copied(),
            settings.http.client_address_from,
        );
        let edge = |listener, path_prefix: &str| Edge {
            listener,
            metrics: parts.metrics.clone(),
            clock: surroundings.clock.clone(),
            trusted_proxies: proxies.clone(),
            access_log: settings.http.access_log,
            sampler: surroundings.sampler,
            path_prefix: path_prefix.to_owned(),
            health: Arc::clone(&parts.health),
        };
        let plan = Plan {
            parts: parts.clone(),
            http: settings.http.clone(),
            path_prefix: settings.public.path_prefix.clone(),
            public_edge: edge(Listener::Public, prefix),
            internal_edge: edge(Listener::Internal, ""),
            ops_edge: edge(Listener::Ops, prefix),
        };
        Ok(Self {
            addresses: Addresses {
                public: public_address,
                internal: internal_address,
                ops: ops_address,
            },
            public,
            internal,
            ops,
            plan,
        })
    }

    pub(super) fn into_servers(self) -> std::io::Result<[Server; 3]> {
        let public = self.plan.public_server(self.public)?;
        let internal = self.plan.internal_server(self.internal)?;
        let ops = self.plan.ops_server(self.ops)?;
        Ok([public, internal, ops])
    }
}

fn bind(
    listener: &'static str,
    address: SocketAddr,
) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Bind {
        listener,
        address,
        source,
    };
    let socket = listen(address).map_err(failed)?;
    let bound = socket.local_addr().map_err(failed)?;
    Ok((socket, bound))
}

/// As the standard library binds, but for the backlog, which the server cannot set any more once it
/// is given a listener.
fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

impl Plan {
    fn public_server(&self, listener: TcpListener) -> std::io::Result<Server> {
        let state = web::Data::from(Arc::clone(&self.parts.public));
        let health = web::Data::from(Arc::clone(&self.parts.health));
        let (edge, prefix): (Edge, String) = (self.public_edge.clone(), self.path_prefix.clone());
        let origins: Origins = Arc::clone(&self.parts.origins);
        let server = HttpServer::new(move || {
            ActixApp::new()
                .app_data(state.clone())
                .app_data(health.clone())
                .service(web::scope(&prefix).configure(routes::public))
                .wrap(HeaderLimit)
                .wrap(routes::cors(Arc::clone(&origins)))
                .wrap(edge.clone())
        });
        let server = server
            .workers(self.workers())
            .client_request_timeout(self.http.request_timeout)
            .keep_alive(self.http.keep_alive)
            .max_connections(self.http.connections_max)
            .shutdown_timeout(self.shutdown_seconds())
            .disable_signals()
            .client_disconnect_timeout(Duration::from_secs(1));
        Ok(server.listen(listener)?.run())
    }

    /// For product backends: as the public one, without CORS and without a prefix.
    fn internal_server(&self, listener: TcpListener) -> std::io::Result<Server> {
        let state = web::Data::from(Arc::clone(&self.parts.internal));
        let health = web::Data::from(Arc::clone(&self.parts.health));
        let operations = web::Data::new(Routes::default());
        let description = web::Data::new(GatewayDescription::default());
        let edge = self.internal_edge.clone();
        let server = HttpServer::new(move || {
            ActixApp::new()
                .app_data(state.clone())
                .app_data(health.clone())
                .app_data(operations.clone())
                .app_data(description.clone())
                .configure(routes::internal)
                .wrap(from_fn(http::internal::audited))
                .wrap(HeaderLimit)
                .wrap(edge.clone())
        });
        let server = server
            .workers(self.workers())
            .client_request_timeout(self.http.request_timeout)
            .keep_alive(self.http.keep_alive)
            .max_connections(self.http.connections_max.min(INTERNAL_CONNECTIONS_MAX))
            .shutdown_timeout(self.shutdown_seconds())
            .disable_signals()
            .client_disconnect_timeout(Duration::from_secs(1));
        Ok(server.listen(listener)?.run())
    }

    fn ops_server(&self, listener: TcpListener) -> std::io::Result<Server> {
        let health = web::Data::from(Arc::clone(&self.parts.health));
        let registry = web::Data::new(self.parts.metrics.registry());
        let edge = self.ops_edge.clone();
        let server = HttpServer::new(move || {
            ActixApp::new()
                .app_data(health.clone())
                .app_data(registry.clone())
                .configure(routes::ops)
                .wrap(HeaderLimit)
                .wrap(edge.clone())
        });
        let server = server
            .workers(1)
            .client_request_timeout(self.http.request_timeout)
            .max_connections(256)
            .shutdown_timeout(1)
            .disable_signals();
        Ok(server.listen(listener)?.run())
    }

    fn workers(&self) -> usize {
        match self.http.workers {
            0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            workers => workers,
        }
    }

    fn shutdown_seconds(&self) -> u64 {
        self.http.shutdown_timeout.as_secs()
    }
}
