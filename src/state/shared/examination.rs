//! Is a Redis as replicas need it? Asked by an operator, over a connection of its own.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ErrorKind, InfoDict, RedisError, RedisResult};

use super::connection::{Connection, Connector};
use super::keys::Keys;
use super::link::sort;
use super::{Parameters, StateFault};

/// The oldest Redis that is spoken to. A Valkey says here which Redis it stands for.
const MAJOR_MIN: u32 = 7;

/// No request waits meanwhile, so that this is longer than theirs.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is left behind by the attempt to write is gone after so long.
const TRIAL_MS: u64 = 1000;

/// Writes as replicas do: by a script.
const WRITE: &str = "return redis.call('SET', KEYS[1], '', 'PX', ARGV[1])";

/// Why a Redis cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It cannot be reached, or does not answer as a Redis does.
    #[error("Redis cannot be reached: {said}")]
    Unreachable {
        /// What the connection came to, which names no secret.
        said: String,
    },
    /// It wants another password or user.
    #[error("Redis refuses the user or the password")]
    Refused,
    /// It did not answer.
    #[error("Redis does not answer")]
    Timeout,
}

/// What a Redis is like that answers.
#[derive(Debug)]
pub struct Examination {
    /// Whether it takes a write of ours.
    pub written: Result<(), StateFault>,
    /// What it says about itself; `None` where our user may not ask.
    pub server: Option<RedisServer>,
}

/// What a Redis says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisServer {
    /// Its name and version.
    pub name: String,
    /// Whether it is new enough.
    pub is_supported: bool,
    /// What it does when its memory is used up, by its own word for that.
    pub eviction: Option<String>,
    /// Whether it keeps what was written through a restart.
    pub has_append_only_file: bool,
}

impl RedisServer {
    /// Whether it may throw away what it acknowledged.
    pub fn evicts(&self) -> bool {
        self.eviction.as_deref() != Some("noeviction")
    }

    fn of(info: &InfoDict) -> Self {
        let version: String = info.get("redis_version").unwrap_or_default();
        let major = version
            .split('.')
            .next()
            .and_then(|major| major.parse().ok());
        let name = match info.get::<String>("valkey_version") {
            Some(valkey) => format!("Valkey {valkey}"),
            None => format!("Redis {version}"),
        };
        Self {
            name,
            is_supported: major.is_some_and(|major: u32| major >= MAJOR_MIN),
            eviction: info.get("maxmemory_policy"),
            has_append_only_file: info.get("aof_enabled") == Some(1),
        }
    }
}

/// Looks at the Redis that is configured; of a cluster, at one node. Writes one key under the prefix,
/// which is gone at once.
///
/// # Errors
/// [`Unusable`].
pub async fn examine(parameters: &Parameters) -> Result<Examination, Unusable> {
    let patience = parameters.connect_timeout;
    let connector = Connector::new(parameters.servers.clone(), patience);
    let mut node = bounded(patience, one_node(&connector, patience)).await?;
    let pinged: RedisResult<()> = redis::cmd("PING").query_async(&mut node).await;
    match pinged {
        // A user who may not ask for a sign of life may do what counts all the same.
        Err(error) if error.code() != Some("NOPERM") => return Err(unusable(&error)),
        Ok(()) | Err(_) => {}
    }
    let connection = bounded(patience, connector.connect()).await?;
    Ok(Examination {
        written: write(connection, &parameters.prefix).await,
        server: server(&mut node).await,
    })
}

async fn bounded<T>(
    patience: Duration,
    connecting: impl Future<Output = RedisResult<T>>,
) -> Result<T, Unusable> {
    match tokio::time::timeout(patience, connecting).await {
        Ok(connected) => connected.map_err(|error| unusable(&error)),
        Err(_elapsed) => Err(Unusable::Timeout),
    }
}

async fn one_node(connector: &Connector, patience: Duration) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(patience))
        .set_response_timeout(Some(PATIENCE));
    let client = connector.listener().await?;
    let connecting = client.get_multiplexed_async_connection_with_config(&config);
    connecting.await
}

async fn write(mut connection: Connection, prefix: &str) -> Result<(), StateFault> {
    let key = Keys::new(prefix).seen("doctor");
    let script = redis::Script::new(WRITE);
    let mut call = script.key(key);
    let writing = call.arg(TRIAL_MS).invoke_async(&mut connection);
    let written: Result<RedisResult<()>, _> = tokio::time::timeout(PATIENCE, writing).await;
    match written {
        Ok(written) => written.map_err(|error| sort(&error)),
        Err(_elapsed) => Err(StateFault::Timeout),
    }
}

async fn server(connection: &mut MultiplexedConnection) -> Option<RedisServer> {
    let info: RedisResult<InfoDict> = redis::cmd("INFO").query_async(connection).await;
    info.ok().map(|info| RedisServer::of(&info))
}

fn unusable(error: &RedisError) -> Unusable {
    if error.is_timeout() {
        return Unusable::Timeout;
    }
    let is_refused = error.kind() == ErrorKind::AuthenticationFailed;
    if is_refused || sort(error) == StateFault::Refused {
        return Unusable::Refused;
    }
    Unusable::Unreachable {
        said: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(info: &str) -> RedisServer {
        let value = redis::Value::BulkString(info.as_bytes().to_vec());
        RedisServer::of(&redis::from_redis_value(value).unwrap())
    }

    #[test]
    fn a_valkey_is_told_by_its_own_name_and_judged_as_the_redis_that_it_stands_for() {
        let valkey = server(
            "redis_version:7.2.4\r\nvalkey_version:8.1.3\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\n",
        );
        assert_eq!(valkey.name, "Valkey 8.1.3");
        assert!(valkey.is_supported && !valkey.evicts() && valkey.has_append_only_file);
        let old =
            server("redis_version:6.2.14\r\nmaxmemory_policy:volatile-lru\r\naof_enabled:0\r\n");
        assert_eq!(old.name, "Redis 6.2.14");
        assert!(!old.is_supported && old.evicts() && !old.has_append_only_file);
        assert!(!server("").is_supported);
    }
}
