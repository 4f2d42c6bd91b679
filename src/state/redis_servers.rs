//! Which servers hold the shared state: one, the master that sentinels name, or a cluster's.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{Client, ConnectionAddr, ErrorKind, RedisError, RedisResult, TlsMode};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;

use super::redis_url::RedisUrl;

/// A cluster that moves a slot is asked again this often, and this far apart: within the bound of an
/// operation, mostly.
const CLUSTER_RETRIES: u32 = 3;
const CLUSTER_RETRY_WAIT_MS_MIN: u64 = 5;
const CLUSTER_RETRY_WAIT_MS_MAX: u64 = 50;

/// A server's host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisAddress {
    host: String,
    port: u16,
}

/// It is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a host and a port such as redis-1:6379")]
pub struct RedisAddressFault;

impl FromStr for RedisAddress {
    type Err = RedisAddressFault;

    fn from_str(text: &str) -> Result<Self, RedisAddressFault> {
        let (host, port) = text.rsplit_once(':').ok_or(RedisAddressFault)?;
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let is_host = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        let is_good = match bare {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host.bytes().all(is_host),
        };
        let port = port.parse().map_err(|_not_a_port| RedisAddressFault)?;
        if !is_good || port == 0 {
            return Err(RedisAddressFault);
        }
        let host = bare.unwrap_or(host).to_owned();
        Ok(Self { host, port })
    }
}

/// The sentinels that name a master.
#[derive(Debug, Clone)]
pub struct Sentinels {
    /// Where they are.
    pub addresses: Vec<RedisAddress>,
    /// What they call the master.
    pub master: String,
    /// Whom they let in, if it is not everybody.
    pub username: Option<String>,
    /// And with which password.
    pub password: Option<SecretString>,
}

/// The library takes no client from that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cannot be used for the servers that are named beside it")]
pub struct RedisServersFault;

impl From<RedisError> for RedisServersFault {
    fn from(_repeats_what_is_secret: RedisError) -> Self {
        Self
    }
}

/// Which servers, and how they are spoken to. Cheap to clone.
#[derive(Clone)]
pub struct RedisServers(Form);

#[derive(Clone)]
enum Form {
    One(Client),
    Cluster {
        cluster: Box<ClusterClient>,
        /// Those that are known from the start.
        nodes: Vec<Client>,
    },
    Sentinels {
        /// Keeps its connections to the sentinels.
        client: Arc<Mutex<SentinelClient>>,
        named: Sentinels,
    },
}

impl RedisServers {
    /// One server.
    pub fn one(url: &RedisUrl) -> Self {
        Self(Form::One(url.client().clone()))
    }

    /// A cluster, of which this server and the others are known from the start: spoken to as the URL
    /// says, all of them.
    ///
    /// # Errors
    /// [`RedisServersFault`].
    pub fn cluster(url: &RedisUrl, others: &[RedisAddress]) -> Result<Self, RedisServersFault> {
        let first = url.client().get_connection_info();
        let others = others.iter().map(|other| {
            let address = beside(first.addr(), other);
            first.clone().set_addr(address)
        });
        let nodes: Vec<_> = std::iter::once(first.clone()).chain(others).collect();
        let mut cluster = ClusterClientBuilder::new(nodes.clone())
            .retries(CLUSTER_RETRIES)
            .min_retry_wait(CLUSTER_RETRY_WAIT_MS_MIN)
            .max_retry_wait(CLUSTER_RETRY_WAIT_MS_MAX);
        if let Some(certificates) = url.certificates() {
            cluster = cluster.certs(certificates);
        }
        let nodes = nodes.into_iter().map(Client::open);
        Ok(Self(Form::Cluster {
            cluster: Box::new(cluster.build()?),
            nodes: nodes.collect::<RedisResult<_>>()?,
        }))
    }

    /// The master that sentinels name, spoken to as the URL says but for its host; and the sentinels
    /// over TLS if the master is.
    ///
    /// # Errors
    /// [`RedisServersFault`].
    pub fn sentinels(url: &RedisUrl, named: Sentinels) -> Result<Self, RedisServersFault> {
        let info = url.client().get_connection_info();
        let addresses = named.addresses.iter().map(|at| beside(info.addr(), at));
        let mut builder =
            SentinelClientBuilder::new(addresses, &named.master, SentinelServerType::Master)?
                .set_client_to_redis_db(info.redis_settings().db());
        if let Some(username) = info.redis_settings().username() {
            builder = builder.set_client_to_redis_username(username);
        }
        if let Some(password) = info.redis_settings().password() {
            builder = builder.set_client_to_redis_password(password);
        }
        if matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
            builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
        }
        if let Some(certificates) = url.certificates() {
            builder = builder.set_client_to_redis_certificates(certificates);
        }
        if let Some(username) = &named.username {
            builder = builder.set_client_to_sentinel_username(username);
        }
        if let Some(password) = &named.password {
            builder = builder.set_client_to_sentinel_password(password.expose_secret());
        }
        let client = Arc::new(Mutex::new(builder.build()?));
        Ok(Self(Form::Sentinels { client, named }))
    }

    /// What a cluster is connected to by.
    pub(super) fn as_cluster(&self) -> Option<&ClusterClient> {
        match &self.0 {
            Form::Cluster { cluster, .. } => Some(cluster),
            Form::One(_) | Form::Sentinels { .. } => None,
        }
    }

    /// The one server to speak to; of a cluster, a node that passes on what any other is told, and
    /// another one at each `turn`.
    pub(super) async fn server(&self, turn: usize) -> RedisResult<Client> {
        match &self.0 {
            Form::One(client) => Ok(client.clone()),
            Form::Sentinels { client, .. } => client.lock().await.async_get_client().await,
            Form::Cluster { nodes, .. } => {
                let node = nodes.get(turn.checked_rem(nodes.len()).unwrap_or(0));
                node.cloned()
                    .ok_or_else(|| (ErrorKind::InvalidClientConfig, "no node is known").into())
            }
        }
    }
}

/// An address that is spoken to as this one is.
fn beside(known: &ConnectionAddr, at: &RedisAddress) -> ConnectionAddr {
    let RedisAddress { host, port } = at.clone();
    if let ConnectionAddr::TcpTls {
        insecure,
        tls_params,
        ..
    } = known
    {
        return ConnectionAddr::TcpTls {
            host,
            port,
            insecure: *insecure,
            tls_params: tls_params.clone(),
        };
    }
    ConnectionAddr::Tcp(host, port)
}

/// Host names at most.
impl fmt::Debug for RedisServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = |client: &Client| client.get_connection_info().addr().to_string();
        match &self.0 {
            Form::One(client) => write!(f, "{}", address(client)),
            Form::Cluster { nodes, .. } => {
                let nodes = nodes.iter().map(address);
                f.debug_list().entries(nodes).finish()
            }
            Form::Sentinels { named, .. } => named.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        let good = |text: &str| text.parse::<RedisAddress>().unwrap();
        for text in ["redis-1:6379", "10.0.0.1:1", "a_b.c:65535"] {
            let RedisAddress { host, port } = good(text);
            assert_eq!(format!("{host}:{port}"), text);
        }
        assert_eq!(good("[::1]:6379").host, "::1");
        for text in [
            "",
            "redis",
            "redis:",
            ":1",
            "a:0",
            "a:65536",
            "::1:6379",
            "[a]:1",
            "user@a:1",
            "redis://a:1",
        ] {
            assert_eq!(
                text.parse::<RedisAddress>(),
                Err(RedisAddressFault),
                "{text}"
            );
        }
    }
}
