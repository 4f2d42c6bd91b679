//! The connection to Redis, kept up by a task of its own: whoever has something to ask never waits
//! for a connection, and waits for an answer only while answers come.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError, RedisResult};
use tokio::sync::Notify;

use super::{Parameters, StateFault};
use crate::metrics::{Metrics, StateCall};

/// So many answers in a row that did not come in time, and nobody asks any more until a probe is
/// answered.
const TIMEOUTS_MAX: u32 = 3;
/// How often a connection is probed.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// Tries to connect are this far apart at first, and twice as far each time.
const RECONNECT_FIRST: Duration = Duration::from_millis(50);
/// And never farther.
const RECONNECT_MAX: Duration = Duration::from_secs(2);

pub(super) struct Link {
    client: Client,
    timeout: Duration,
    connect_timeout: Duration,
    connection: ArcSwapOption<MultiplexedConnection>,
    timeouts: AtomicU32,
    /// It may be another server by now that should be asked.
    is_doubtful: AtomicBool,
    wake: Arc<Notify>,
    pub(super) metrics: Metrics,
}

impl Link {
    pub(super) fn new(parameters: &Parameters, metrics: Metrics) -> Self {
        metrics.state_up.set(0);
        Self {
            client: parameters.url.client().clone(),
            timeout: parameters.timeout,
            connect_timeout: parameters.connect_timeout,
            connection: ArcSwapOption::empty(),
            timeouts: AtomicU32::new(0),
            is_doubtful: AtomicBool::new(false),
            wake: Arc::default(),
            metrics,
        }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    pub(super) fn is_up(&self) -> bool {
        self.connection.load().is_some()
    }

    /// Does one thing with the connection, within the bound.
    pub(super) async fn run<T>(
        &self,
        operation: &'static str,
        work: impl AsyncFnOnce(MultiplexedConnection) -> RedisResult<T>,
    ) -> Result<T, StateFault> {
        let done = self.try_run(work).await;
        let outcome = done.as_ref().map_or_else(|fault| fault.word(), |_| "ok");
        self.metrics
            .state_calls
            .get_or_create(&StateCall { operation, outcome })
            .inc();
        done
    }

    async fn try_run<T>(
        &self,
        work: impl AsyncFnOnce(MultiplexedConnection) -> RedisResult<T>,
    ) -> Result<T, StateFault> {
        let connection = self.connection.load_full();
        let connection = connection.ok_or(StateFault::Unreachable)?;
        let asked = work(MultiplexedConnection::clone(&connection));
        let Ok(answer) = tokio::time::timeout(self.timeout, asked).await else {
            if self.timeouts.fetch_add(1, Ordering::Relaxed) + 1 >= TIMEOUTS_MAX {
                self.lose(&connection);
            }
            return Err(StateFault::Timeout);
        };
        self.timeouts.store(0, Ordering::Relaxed);
        let fault = match answer {
            Ok(value) => return Ok(value),
            Err(error) => sort(&error),
        };
        match fault {
            StateFault::Unreachable => self.lose(&connection),
            // After a failover its name may lead to another server.
            StateFault::ReadOnly => self.is_doubtful.store(true, Ordering::Relaxed),
            StateFault::Timeout
            | StateFault::Full
            | StateFault::Refused
            | StateFault::Unreadable
            | StateFault::File => {}
        }
        Err(fault)
    }

    /// Nobody asks over this connection any more. A newer one stays.
    fn lose(&self, connection: &Arc<MultiplexedConnection>) {
        let current = self.connection.load();
        if current.as_ref().is_some_and(|c| Arc::ptr_eq(c, connection)) {
            drop(self.connection.compare_and_swap(&*current, None));
            self.metrics.state_up.set(0);
            self.wake.notify_one();
        }
    }

    /// Ends the task that keeps the connection up.
    pub(super) fn end(&self) {
        self.wake.notify_one();
    }

    /// Connects, probes, and connects again, until the link is dropped.
    pub(super) async fn supervise(link: Weak<Self>) {
        let mut pause = RECONNECT_FIRST;
        let mut was_up = true;
        let Some(wake) = link.upgrade().map(|link| Arc::clone(&link.wake)) else {
            return;
        };
        while let Some(strong) = link.upgrade() {
            let wait = match strong.keep_up().await {
                Ok(()) => {
                    pause = RECONNECT_FIRST;
                    PROBE_INTERVAL
                }
                Err(_fault) => {
                    let wait = pause;
                    pause = (pause * 2).min(RECONNECT_MAX);
                    wait
                }
            };
            let is_up = strong.is_up();
            match (was_up, is_up) {
                (true, false) => {
                    tracing::warn!("Redis cannot be used: what is shared by it is degraded");
                }
                (false, true) => tracing::info!("Redis can be used"),
                (true, true) | (false, false) => {}
            }
            was_up = is_up;
            drop(strong);
            if is_up {
                let _probe_or_wake = tokio::time::timeout(wait, wake.notified()).await;
            } else {
                tokio::time::sleep(wait).await;
            }
        }
    }

    /// One look after the connection.
    async fn keep_up(&self) -> Result<(), StateFault> {
        if self.is_up() && !self.is_doubtful.swap(false, Ordering::Relaxed) {
            return self.run("probe", ping).await;
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.connect_timeout))
            // Each operation has a bound of its own.
            .set_response_timeout(None);
        let connecting = self
            .client
            .get_multiplexed_async_connection_with_config(&config);
        let connected = tokio::time::timeout(self.connect_timeout, connecting).await;
        let connection = match connected {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => return Err(sort(&error)),
            Err(_elapsed) => return Err(StateFault::Timeout),
        };
        // A server that hangs still has its connections accepted.
        let probed = tokio::time::timeout(self.timeout, ping(connection.clone())).await;
        match probed {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(sort(&error)),
            Err(_elapsed) => return Err(StateFault::Timeout),
        }
        self.timeouts.store(0, Ordering::Relaxed);
        self.connection.store(Some(Arc::new(connection)));
        self.metrics.state_up.set(1);
        Ok(())
    }
}

async fn ping(mut connection: MultiplexedConnection) -> RedisResult<()> {
    redis::cmd("PING").query_async(&mut connection).await
}

/// What an error of the library means here. Its text is left behind: it may repeat what was asked.
pub(super) fn sort(error: &RedisError) -> StateFault {
    if error.is_io_error() {
        return StateFault::Unreachable;
    }
    if error.kind() == ErrorKind::AuthenticationFailed {
        return StateFault::Refused;
    }
    match error.code() {
        Some("READONLY" | "NOREPLICAS" | "MISCONF" | "MASTERDOWN" | "CLUSTERDOWN") => {
            StateFault::ReadOnly
        }
        Some("OOM") => StateFault::Full,
        Some("NOAUTH" | "WRONGPASS" | "NOPERM") => StateFault::Refused,
        Some("LOADING") => StateFault::Unreachable,
        Some(_) | None => StateFault::Unreadable,
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("is_up", &self.is_up())
            .finish_non_exhaustive()
    }
}
