//! Connections to one server, to the master that sentinels name, or to a cluster.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterConfig;
use redis::cluster_async::ClusterConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, Pipeline, RedisFuture, RedisResult, Value};

use crate::state::redis_servers::RedisServers;

/// Above every bound that an operation may have: the library has to have one for a cluster.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection that many ask over at once. Cheap to clone.
#[derive(Clone)]
pub(super) enum Connection {
    /// To one server.
    One(MultiplexedConnection),
    /// To those of a cluster.
    Cluster(ClusterConnection),
}

impl Connection {
    /// Whether one call can touch but one slot.
    pub(super) fn has_slots(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::One(connection) => connection.req_packed_command(cmd),
            Self::Cluster(connection) => connection.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::One(connection) => connection.req_packed_commands(pipeline, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::One(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connection")
    }
}

/// Makes connections.
pub(super) struct Connector {
    servers: RedisServers,
    one: AsyncConnectionConfig,
    cluster: ClusterConfig,
    turn: AtomicUsize,
}

impl Connector {
    pub(super) fn new(servers: RedisServers, connect_timeout: Duration) -> Self {
        Self {
            servers,
            one: AsyncConnectionConfig::new()
                .set_connection_timeout(Some(connect_timeout))
                // Each operation has a bound of its own.
                .set_response_timeout(None),
            cluster: ClusterConfig::new()
                .set_connection_timeout(connect_timeout)
                .set_response_timeout(RESPONSE_TIMEOUT),
            turn: AtomicUsize::new(0),
        }
    }

    pub(super) async fn connect(&self) -> RedisResult<Connection> {
        if let Some(cluster) = self.servers.as_cluster() {
            let connecting = cluster.get_async_connection_with_config(self.cluster.clone());
            return connecting.await.map(Connection::Cluster);
        }
        let server = self.servers.server(0).await?;
        let connecting = server.get_multiplexed_async_connection_with_config(&self.one);
        connecting.await.map(Connection::One)
    }

    /// A server that passes on what is announced.
    pub(super) async fn listener(&self) -> RedisResult<Client> {
        // A node of a cluster that is gone, or cut off from the others, is not asked again and again.
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        self.servers.server(turn).await
    }
}
