//! What one thread asks of limits, carried together: one call at a time, and what is asked meanwhile
//! goes with the next. Whoever is alone waits for one round trip and for nobody else. The connection
//! is the thread's own, so that no answer has to wake another thread first.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::StateFault;
use super::connection::Connection;
use super::keys::Keys;
use super::link::Link;
use super::take::{self, Ask, Taken, Takes};

/// Asks that one call carries at most: Redis does nothing else meanwhile.
const BATCH_MAX: usize = 64;
/// Where a connection of its own was refused, another is tried for so much later.
const OWN_RETRY: Duration = Duration::from_secs(2);

/// What one thread asks. Nothing breaks where several do.
#[derive(Debug)]
pub(super) struct Lane {
    link: Arc<Link>,
    keys: Arc<Keys>,
    queue: Mutex<Queue>,
    own: Mutex<Own>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<Waiting>,
    is_carried: bool,
}

#[derive(Debug)]
struct Waiting {
    ask: Ask,
    answer: oneshot::Sender<Result<Taken, StateFault>>,
}

/// The thread's own connection.
#[derive(Debug)]
enum Own {
    /// To be tried for from then on.
    None(Instant),
    Opening,
    /// Good for as long as the link's is the one that it was opened beside.
    Open(Connection, Arc<Connection>),
}

impl Lane {
    pub(super) fn new(link: Arc<Link>, keys: Arc<Keys>) -> Arc<Self> {
        Arc::new(Self {
            link,
            keys,
            queue: Mutex::default(),
            own: Mutex::new(Own::None(Instant::now())),
        })
    }

    /// Takes, with whatever else is asked now.
    pub(super) async fn take(
        self: &Arc<Self>,
        subject: String,
        takes: Takes,
    ) -> Result<Taken, StateFault> {
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting {
            ask: Ask { subject, takes },
            answer,
        };
        let is_first = {
            let mut queue = lock(&self.queue);
            queue.waiting.push(waiting);
            !std::mem::replace(&mut queue.is_carried, true)
        };
        if is_first {
            // A task of its own: whoever asked first may go away. It runs once all that is ready now
            // has asked.
            let carrier = Carrier {
                lane: Arc::clone(self),
                has_ended: false,
            };
            tokio::spawn(carrier.carry());
        }
        answered.await.unwrap_or(Err(StateFault::Unreachable))
    }

    async fn carry_batch(self: &Arc<Self>, batch: Vec<Waiting>) {
        let Some(current) = self.link.current() else {
            self.link.count("take", Some(StateFault::Unreachable));
            return answer_all(batch, StateFault::Unreachable);
        };
        let connection = self.connection(&current);
        if connection.has_slots() {
            // One call is for one slot, and so for one subject.
            let calls = by_subject(batch)
                .into_iter()
                .map(|part| self.call(part, &current, connection.clone()));
            join_all(calls).await;
        } else {
            self.call(batch, &current, connection).await;
        }
    }

    async fn call(&self, batch: Vec<Waiting>, current: &Arc<Connection>, mut over: Connection) {
        let call = take::call(&self.keys, batch.iter().map(|waiting| &waiting.ask));
        let asked = call.invoke_async::<Vec<u64>>(&mut over);
        let answers = match self.link.judged(current, asked).await {
            Ok(answers) => {
                self.link.count("take", None);
                answers
            }
            Err(fault) => {
                self.link.count("take", Some(fault));
                answer_all(batch, fault);
                if fault == StateFault::Timeout {
                    // They have waited for the same silence.
                    let waiting = std::mem::take(&mut lock(&self.queue).waiting);
                    answer_all(waiting, fault);
                }
                return;
            }
        };
        let mut answers = answers.chunks_exact(2);
        for waiting in batch {
            let taken = match answers.next() {
                Some(&[place, value]) => Ok(take::read(place, value)),
                Some(_) | None => Err(StateFault::Unreadable),
            };
            // Who went away does not want to know.
            let _heard = waiting.answer.send(taken);
        }
    }

    /// The thread's own connection; the link's while there is none.
    fn connection(self: &Arc<Self>, current: &Arc<Connection>) -> Connection {
        let mut own = lock(&self.own);
        match &*own {
            Own::Open(connection, beside) if Arc::ptr_eq(beside, current) => {
                return connection.clone();
            }
            Own::Opening => return Connection::clone(current),
            Own::None(from) if Instant::now() < *from => return Connection::clone(current),
            Own::Open(..) | Own::None(_) => {}
        }
        *own = Own::Opening;
        drop(own);
        let (lane, current) = (Arc::clone(self), Arc::clone(current));
        let meanwhile = Connection::clone(&current);
        tokio::spawn(async move {
            let opened = lane.link.connect().await;
            *lock(&lane.own) = match opened {
                Ok(connection) => Own::Open(connection, current),
                Err(_the_links_is_used_then) => Own::None(Instant::now() + OWN_RETRY),
            };
        });
        meanwhile
    }
}

/// Carries batch after batch until nobody waits. If its runtime ends before, the next that asks has
/// another.
struct Carrier {
    lane: Arc<Lane>,
    has_ended: bool,
}

impl Carrier {
    async fn carry(mut self) {
        loop {
            let batch = {
                let mut queue = lock(&self.lane.queue);
                if queue.waiting.is_empty() {
                    queue.is_carried = false;
                    self.has_ended = true;
                    return;
                }
                let size = queue.waiting.len().min(BATCH_MAX);
                queue.waiting.drain(..size).collect()
            };
            self.lane.carry_batch(batch).await;
        }
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        if !self.has_ended {
            *lock(&self.lane.queue) = Queue::default();
        }
    }
}

fn answer_all(batch: Vec<Waiting>, fault: StateFault) {
    for waiting in batch {
        let _heard = waiting.answer.send(Err(fault));
    }
}

fn by_subject(batch: Vec<Waiting>) -> Vec<Vec<Waiting>> {
    let mut parts: Vec<Vec<Waiting>> = Vec::new();
    for waiting in batch {
        let subject = &waiting.ask.subject;
        let part = parts.iter_mut().find(|part| {
            part.first()
                .is_some_and(|other| other.ask.subject == *subject)
        });
        match part {
            Some(part) => part.push(waiting),
            None => parts.push(vec![waiting]),
        }
    }
    parts
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it is held.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
