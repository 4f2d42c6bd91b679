//! The connection to Redis, kept up by a task of its own: whoever has something to ask never waits
//! for a connection, and waits for an answer only while answers come.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use redis::{Client, ErrorKind, RedisError, RedisResult};
use tokio::sync::Notify;
use uuid::Uuid;

use super::connection::{Connection, Connector};
use super::keys::Keys;
use super::scripts::SCRIPTS;
use super::{Parameters, StateFault};
use crate::metrics::{Metrics, StateCall};

/// So many answers in a row that did not come in time, and nobody asks any more until a probe is
/// answered.
const TIMEOUTS_MAX: u32 = 3;
/// How often a connection is probed.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// For how long what a probe writes stays.
const PROBE_KEPT: Duration = Duration::from_secs(10);
/// Tries to connect are this far apart at first, and twice as far each time.
const RECONNECT_FIRST: Duration = Duration::from_millis(50);
/// And never farther.
const RECONNECT_MAX: Duration = Duration::from_secs(2);

pub(super) struct Link {
    connector: Connector,
    timeout: Duration,
    connect_timeout: Duration,
    connection: ArcSwapOption<Connection>,
    timeouts: AtomicU32,
    /// It may be another server by now that should be asked.
    is_doubtful: AtomicBool,
    /// It answers, but did not do what it was asked. Asked again all the same: it may do other things.
    is_impaired: AtomicBool,
    keys: Arc<Keys>,
    wake: Arc<Notify>,
    pub(super) metrics: Metrics,
}

impl Link {
    pub(super) fn new(parameters: &Parameters, keys: Arc<Keys>, metrics: Metrics) -> Self {
        metrics.state_up.set(0);
        Self {
            connector: Connector::new(parameters.servers.clone(), parameters.connect_timeout),
            timeout: parameters.timeout,
            connect_timeout: parameters.connect_timeout,
            connection: ArcSwapOption::empty(),
            timeouts: AtomicU32::new(0),
            is_doubtful: AtomicBool::new(false),
            is_impaired: AtomicBool::new(false),
            keys,
            wake: Arc::default(),
            metrics,
        }
    }

    fn is_connected(&self) -> bool {
        self.connection.load().is_some()
    }

    /// Whether it does what it is asked, as far as it was asked.
    pub(super) fn is_well(&self) -> bool {
        self.is_connected() && !self.is_impaired.load(Ordering::Relaxed)
    }

    /// What everybody asks over now.
    pub(super) fn current(&self) -> Option<Arc<Connection>> {
        self.connection.load_full()
    }

    /// Another connection to the same servers.
    pub(super) async fn connect(&self) -> Result<Connection, Trouble> {
        self.in_time(self.connector.connect()).await
    }

    /// A server that passes on what is announced.
    pub(super) async fn listener(&self) -> RedisResult<Client> {
        self.connector.listener().await
    }

    pub(super) fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    /// Does one thing with the connection, within the bound.
    pub(super) async fn run<T>(
        &self,
        operation: &'static str,
        work: impl AsyncFnOnce(Connection) -> RedisResult<T>,
    ) -> Result<T, StateFault> {
        let done = match self.current() {
            None => Err(StateFault::Unreachable),
            Some(current) => {
                self.judged(&current, work(Connection::clone(&current)))
                    .await
            }
        };
        self.count(operation, done.as_ref().err().copied());
        done
    }

    /// Counts a call.
    pub(super) fn count(&self, operation: &'static str, fault: Option<StateFault>) {
        let outcome = fault.map_or("ok", StateFault::word);
        self.metrics
            .state_calls
            .get_or_create(&StateCall { operation, outcome })
            .inc();
    }

    /// Waits for an answer within the bound, and draws from what comes of it whether anybody should
    /// go on asking there.
    pub(super) async fn judged<T>(
        &self,
        current: &Arc<Connection>,
        asked: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, StateFault> {
        let Ok(answer) = tokio::time::timeout(self.timeout, asked).await else {
            if self.timeouts.fetch_add(1, Ordering::Relaxed) + 1 >= TIMEOUTS_MAX {
                self.lose(current);
            }
            return Err(StateFault::Timeout);
        };
        self.timeouts.store(0, Ordering::Relaxed);
        let error = match answer {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let fault = sort(&error);
        match fault {
            StateFault::Unreachable => self.lose(current),
            StateFault::ReadOnly => {
                // After a failover its name may lead to another server.
                self.is_doubtful.store(true, Ordering::Relaxed);
                self.impair();
            }
            StateFault::Full | StateFault::Refused => self.impair(),
            // An error of the server's has a code. Without one it is no answer to what was asked,
            // and the connection may give each to the wrong question for ever.
            StateFault::Unreadable if error.code().is_none() => self.lose(current),
            StateFault::Timeout | StateFault::Unreadable | StateFault::File => {}
        }
        Err(fault)
    }

    /// Until a probe that writes is done. The next one comes when it would come anyway: where one thing
    /// is refused and a probe is not, each request would be followed by one.
    fn impair(&self) {
        self.is_impaired.store(true, Ordering::Relaxed);
        self.metrics.state_up.set(0);
    }

    /// Nobody asks over this connection any more. A newer one stays.
    fn lose(&self, connection: &Arc<Connection>) {
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
        let mut was_well = true;
        let Some(wake) = link.upgrade().map(|link| Arc::clone(&link.wake)) else {
            return;
        };
        while let Some(strong) = link.upgrade() {
            let kept_up = strong.keep_up().await;
            let wait = if kept_up.is_ok() {
                pause = RECONNECT_FIRST;
                PROBE_INTERVAL
            } else {
                let wait = pause;
                pause = (pause * 2).min(RECONNECT_MAX);
                wait
            };
            let is_well = strong.is_well();
            match (was_well, is_well, kept_up) {
                (true, false, Err(trouble)) => {
                    let Trouble { fault, said } = trouble;
                    tracing::warn!(fault = %fault, said, "Redis cannot be used");
                }
                (false, true, _) => tracing::info!("Redis can be used"),
                (_, _, Ok(()) | Err(_)) => {}
            }
            was_well = is_well;
            let is_connected = strong.is_connected();
            drop(strong);
            if is_connected {
                let _probe_or_wake = tokio::time::timeout(wait, wake.notified()).await;
            } else {
                tokio::time::sleep(wait).await;
            }
        }
    }

    /// One look after the connection.
    async fn keep_up(&self) -> Result<(), Trouble> {
        if self.is_connected() && !self.is_doubtful.swap(false, Ordering::Relaxed) {
            self.run("probe", ping).await?;
        } else {
            self.connect_anew().await?;
        }
        if self.is_impaired.load(Ordering::Relaxed) {
            self.run("probe", async |connection| self.write(connection).await)
                .await?;
            self.is_impaired.store(false, Ordering::Relaxed);
        }
        if self.is_well() {
            self.metrics.state_up.set(1);
        }
        Ok(())
    }

    async fn connect_anew(&self) -> Result<(), Trouble> {
        let connection = self.connect().await?;
        // A server that hangs still has its connections accepted.
        let probed = tokio::time::timeout(self.timeout, ping(connection.clone())).await;
        match probed {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(Trouble::of(&error)),
            Err(_elapsed) => return Err(StateFault::Timeout.into()),
        }
        self.timeouts.store(0, Ordering::Relaxed);
        self.connection.store(Some(Arc::new(connection)));
        Ok(())
    }

    /// Writes what nobody reads, by a script, as whatever is asked here.
    async fn write(&self, mut connection: Connection) -> RedisResult<()> {
        let mut call = SCRIPTS.probe.key(self.keys.probe());
        call.arg(PROBE_KEPT.as_millis().to_string());
        call.invoke_async(&mut connection).await
    }

    async fn in_time<T>(
        &self,
        connecting: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, Trouble> {
        match tokio::time::timeout(self.connect_timeout, connecting).await {
            Ok(Ok(connected)) => Ok(connected),
            Ok(Err(error)) => Err(Trouble::of(&error)),
            Err(_elapsed) => Err(StateFault::Timeout.into()),
        }
    }
}

/// Why there is no connection, for the log.
pub(super) struct Trouble {
    fault: StateFault,
    /// What the server or the library says about connecting, which names no secret.
    said: String,
}

impl Trouble {
    fn of(error: &RedisError) -> Self {
        Self {
            fault: sort(error),
            said: error.to_string(),
        }
    }
}

impl From<StateFault> for Trouble {
    fn from(fault: StateFault) -> Self {
        let said = String::new();
        Self { fault, said }
    }
}

/// Has a word of its own said back: another answer than that belongs to another question.
async fn ping(mut connection: Connection) -> RedisResult<()> {
    let word = Uuid::new_v4().to_string();
    let said: String = redis::cmd("PING")
        .arg(&word)
        .query_async(&mut connection)
        .await?;
    if said == word {
        return Ok(());
    }
    let fault = "a PING is answered with something else";
    Err((ErrorKind::UnexpectedReturnType, fault).into())
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
            .field("is_well", &self.is_well())
            .finish_non_exhaustive()
    }
}
