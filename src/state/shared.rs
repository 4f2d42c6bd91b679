//! The form of many replicas: Redis 7 or Valkey. One round trip for each operation, of bounded
//! time; nothing waits for a connection, and nothing waits at all once a few answers stayed out.

mod connection;
mod examination;
mod keys;
mod lane;
mod link;
mod scripts;
mod subscriber;
mod take;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::RedisResult;
use thread_local::ThreadLocal;
use tokio::sync::broadcast;
use uuid::Uuid;

use super::fault::StateFault;
use super::lease::{Claim, Lease};
use super::notice::{Heard, Notice, Notices, WAITING_MAX};
use super::record::{Space, Stored, Write};
use super::redis_servers::RedisServers;
use crate::clock::Clock;
use crate::metrics::Metrics;

use connection::Connection;
pub use examination::{Examination, RedisServer, Unusable, examine};
use keys::Keys;
use lane::Lane;
use link::Link;
use scripts::SCRIPTS;
pub use take::{Take, Taken, Takes};

/// Notices that wait for Redis to come back; once there are more, everybody is told that some are
/// missing.
const UNSENT_MAX: usize = 1024;

/// On the wire in the place of a notice: too many to name them.
const EVERYTHING: &str = "everything";

/// What the form needs to know.
#[derive(Debug, Clone)]
pub struct Parameters {
    /// Where Redis is.
    pub servers: RedisServers,
    /// What every key begins with.
    pub prefix: String,
    /// The longest that a request waits for an answer.
    pub timeout: Duration,
    /// The longest that a connection may take to come about.
    pub connect_timeout: Duration,
}

/// The state that replicas share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Shared(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    link: Arc<Link>,
    keys: Arc<Keys>,
    /// One for each thread that asks.
    lanes: ThreadLocal<Arc<Lane>>,
    /// Tells the notices of this replica from those of others.
    replica: String,
    clock: Clock,
    notices: broadcast::Sender<Heard>,
    /// For the first who listens: nothing is told before it is there.
    first_listener: Mutex<Option<broadcast::Receiver<Heard>>>,
    unsent: Mutex<Unsent>,
}

/// Notices that nobody was told yet, as they go over the wire.
#[derive(Debug, Default)]
struct Unsent {
    waiting: VecDeque<String>,
    too_many: bool,
}

impl Shared {
    pub(super) fn start(parameters: &Parameters, clock: Clock, metrics: Metrics) -> Self {
        let (notices, first_listener) = broadcast::channel(WAITING_MAX);
        let keys = Arc::new(Keys::new(&parameters.prefix));
        let inner = Arc::new(Inner {
            link: Arc::new(Link::new(parameters, Arc::clone(&keys), metrics)),
            keys,
            lanes: ThreadLocal::new(),
            replica: Uuid::new_v4().simple().to_string(),
            clock,
            notices,
            first_listener: Mutex::new(Some(first_listener)),
            unsent: Mutex::default(),
        });
        tokio::spawn(Link::supervise(Arc::downgrade(&inner.link)));
        tokio::spawn(subscriber::run(Arc::downgrade(&inner)));
        Self(inner)
    }

    pub(super) fn is_well(&self) -> bool {
        self.0.link.is_well()
    }

    async fn run<T>(
        &self,
        operation: &'static str,
        work: impl AsyncFnOnce(Connection) -> RedisResult<T>,
    ) -> Result<T, StateFault> {
        self.0.link.run(operation, work).await
    }

    pub(super) async fn claim(&self, name: &str, ttl: Duration) -> Result<Claim, StateFault> {
        let (key, fences) = (self.0.keys.lease(name), self.0.keys.fences());
        let answer: (u64, i64) = self
            .run("claim", async |mut connection| {
                let mut call = SCRIPTS.claim.key(key);
                call.key(fences).arg(millis(ttl));
                call.invoke_async(&mut connection).await
            })
            .await?;
        Ok(match answer {
            (0, ends_in) => Claim::Others {
                ends_in: Duration::from_millis(u64::try_from(ends_in).unwrap_or(0)),
            },
            (fence, _) => Claim::Mine(Lease {
                name: name.to_owned(),
                fence,
            }),
        })
    }

    pub(super) async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<bool, StateFault> {
        let key = self.0.keys.lease(&lease.name);
        self.run("renew", async |mut connection| {
            let mut call = SCRIPTS.renew.key(key);
            call.arg(lease.fence).arg(millis(ttl));
            call.invoke_async(&mut connection).await
        })
        .await
    }

    pub(super) async fn release(&self, lease: &Lease) -> Result<(), StateFault> {
        let key = self.0.keys.lease(&lease.name);
        self.run("release", async |mut connection| {
            let mut call = SCRIPTS.release.key(key);
            call.arg(lease.fence).invoke_async(&mut connection).await
        })
        .await
    }

    pub(super) async fn is_first(&self, name: &str, ttl: Duration) -> Result<bool, StateFault> {
        let key = self.0.keys.seen(name);
        let set: Option<String> = self
            .run("is_first", async |mut connection| {
                redis::cmd("SET")
                    .arg(key)
                    .arg("")
                    .arg("NX")
                    .arg("PX")
                    .arg(millis(ttl))
                    .query_async(&mut connection)
                    .await
            })
            .await?;
        Ok(set.is_some())
    }

    /// Takes from some buckets of one subject at once: from all, or from none. What is asked on one
    /// thread at once goes in one call. Of the subject, a hash is kept.
    ///
    /// # Errors
    /// [`StateFault`]; whoever asks has a limiter of its own to fall back on.
    pub async fn take(&self, subject: &[&str], takes: &Takes) -> Result<Taken, StateFault> {
        let Inner { link, keys, .. } = &*self.0;
        let lane = || Lane::new(Arc::clone(link), Arc::clone(keys));
        let lane = self.0.lanes.get_or(lane);
        lane.take(keys::hashed(subject), takes.clone()).await
    }

    /// Takes one of at most `most` in any `window`; else says when there will be one. Exact, where
    /// a bucket lets through nearly twice as many in a window that begins with a burst.
    ///
    /// # Errors
    /// [`StateFault`].
    pub async fn take_of_window(
        &self,
        name: &str,
        most: usize,
        window: Duration,
    ) -> Result<Result<(), Duration>, StateFault> {
        let key = self.0.keys.window(name);
        let wait: u64 = self
            .run("take_of_window", async |mut connection| {
                let mut call = SCRIPTS.take_of_window.key(key);
                call.arg(most).arg(micros(window));
                call.invoke_async(&mut connection).await
            })
            .await?;
        Ok(match wait {
            0 => Ok(()),
            wait => Err(Duration::from_micros(wait)),
        })
    }

    pub(super) async fn put(
        &self,
        space: Space,
        id: &str,
        stored: &Stored,
        write: Write,
    ) -> Result<bool, StateFault> {
        let ttl = match stored.expires_at {
            None => 0,
            Some(end) => millis(self.0.clock.now().until(end)).max(1),
        };
        let written: i64 = self
            .run("put", async |mut connection| {
                let mut call = SCRIPTS.put.key(self.0.keys.record(space, id));
                call.key(self.0.keys.ids(space))
                    .arg(id)
                    .arg(&stored.text)
                    .arg(ttl)
                    .arg(i32::from(write == Write::IfNew))
                    .arg(space.records_max);
                call.invoke_async(&mut connection).await
            })
            .await?;
        match written {
            1 => Ok(true),
            0 => Ok(false),
            _full => Err(StateFault::Full),
        }
    }

    pub(super) async fn get(&self, space: Space, id: &str) -> Result<Option<Stored>, StateFault> {
        let key = self.0.keys.record(space, id);
        let text: Option<String> = self
            .run("get", async |mut connection| {
                redis::cmd("GET")
                    .arg(key)
                    .query_async(&mut connection)
                    .await
            })
            .await?;
        Ok(text.map(Stored::of_text))
    }

    pub(super) async fn delete(&self, space: Space, id: &str) -> Result<bool, StateFault> {
        self.run("delete", async |mut connection| {
            let mut call = SCRIPTS.delete.key(self.0.keys.record(space, id));
            call.key(self.0.keys.ids(space)).arg(id);
            call.invoke_async(&mut connection).await
        })
        .await
    }

    pub(super) async fn list(&self, space: Space) -> Result<Vec<(String, Stored)>, StateFault> {
        let rows: Vec<(String, String)> = self
            .run("list", async |mut connection| {
                let mut call = SCRIPTS.list.key(self.0.keys.ids(space));
                call.arg(self.0.keys.record(space, ""));
                call.invoke_async(&mut connection).await
            })
            .await?;
        let stored = rows
            .into_iter()
            .map(|(id, text)| (id, Stored::of_text(text)));
        Ok(stored.collect())
    }

    pub(super) async fn announce(&self, notice: Notice) {
        let text = format!("{} {}", notice.topic.word(), notice.subject);
        if self.0.publish(&text).await.is_err() {
            self.0.keep_unsent(text);
        }
    }

    pub(super) fn listen(&self) -> Notices {
        let first = &self.0.first_listener;
        let first = first.lock().unwrap_or_else(PoisonError::into_inner).take();
        Notices(first.unwrap_or_else(|| self.0.notices.subscribe()))
    }
}

impl Inner {
    async fn publish(&self, text: &str) -> Result<(), StateFault> {
        let text = format!("{} {text}", self.replica);
        self.link
            .run("announce", async |mut connection| {
                let mut call = SCRIPTS.announce.key(self.keys.sequence());
                call.arg(self.keys.channel()).arg(text);
                call.invoke_async(&mut connection).await
            })
            .await
    }

    fn keep_unsent(&self, text: String) {
        let mut unsent = self.unsent.lock().unwrap_or_else(PoisonError::into_inner);
        if unsent.waiting.len() < UNSENT_MAX {
            unsent.waiting.push_back(text);
        } else {
            unsent.too_many = true;
        }
    }

    /// Tells what could not be told before, in its order.
    async fn send_unsent(&self) {
        loop {
            let next = {
                let unsent = self.unsent.lock().unwrap_or_else(PoisonError::into_inner);
                if unsent.too_many {
                    Some(EVERYTHING.to_owned())
                } else {
                    unsent.waiting.front().cloned()
                }
            };
            let Some(text) = next else { return };
            if self.publish(&text).await.is_err() {
                return;
            }
            let mut unsent = self.unsent.lock().unwrap_or_else(PoisonError::into_inner);
            if text == EVERYTHING {
                *unsent = Unsent::default();
            } else if unsent.waiting.front() == Some(&text) {
                unsent.waiting.pop_front();
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.link.end();
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
