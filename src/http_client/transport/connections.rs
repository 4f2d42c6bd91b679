//! Connections to the one origin, kept for whoever sends next. Written here, below hyper-util's own
//! pool: that one serves any number of origins, and starts a task for each connection given back.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Uri};
use reqwest::Body;
use tokio::time::Instant;
use tower_service::Service as _;

use super::TransportError;
use super::connector::{ConnectTimeout, Connector};

/// One that nobody used for so long may be forgotten on its way by now.
const IDLE_MAX: Duration = Duration::from_secs(90);

/// Makes connections over HTTP/1.1 and keeps those that may be used again. How many are kept is
/// bounded by how many were needed at once, and so by callers' own bounds.
#[derive(Clone)]
pub(super) struct Connections {
    origin: Uri,
    connector: Connector,
    idle: Arc<Mutex<VecDeque<Idle>>>,
}

impl std::fmt::Debug for Connections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connections")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

struct Idle {
    connection: SendRequest<Body>,
    /// When its last request began. It is idle since then at the most.
    since: Instant,
}

/// A connection that an answer is read from. Given back by its holder once that came to its end;
/// one that is dropped is closed, since nobody knows what would come over it next.
pub(super) struct InUse {
    connection: SendRequest<Body>,
    since: Instant,
    idle: Arc<Mutex<VecDeque<Idle>>>,
}

impl Connections {
    pub(super) fn new(origin: Uri, connector: Connector) -> Self {
        Self {
            origin,
            connector,
            idle: Arc::default(),
        }
    }

    /// Sends a request in origin form (RFC 9112 section 3.2.1), now, and waits for the head of its
    /// answer. A kept connection that closed before anything was written is not the request's
    /// fault: it goes over another.
    pub(super) async fn send(
        &self,
        mut request: Request<Body>,
        now: Instant,
    ) -> Result<(hyper::Response<Incoming>, InUse), TransportError> {
        while let Some(mut connection) = self.kept(now) {
            match connection.try_send_request(request).await {
                Ok(answer) => return Ok((answer, self.in_use(connection, now))),
                Err(mut refused) => match refused.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(TransportError::BrokenOff),
                },
            }
        }
        // Boxed since it is rare, and each call would make room for it.
        let mut connection = Box::pin(self.connect()).await?;
        let answer = connection.send_request(request).await;
        let answer = answer.map_err(|_error| TransportError::BrokenOff)?;
        Ok((answer, self.in_use(connection, now)))
    }

    /// The connection that was used last, of those that can take a request now.
    fn kept(&self, now: Instant) -> Option<SendRequest<Body>> {
        let mut idle = locked(&self.idle);
        while idle.front().is_some_and(|oldest| oldest.is_over(now)) {
            idle.pop_front();
        }
        // One that is not ready still sends what its answer did not wait for.
        let ready = idle.iter().rposition(|idle| idle.connection.is_ready())?;
        idle.remove(ready).map(|idle| idle.connection)
    }

    fn in_use(&self, connection: SendRequest<Body>, since: Instant) -> InUse {
        InUse {
            connection,
            since,
            idle: Arc::clone(&self.idle),
        }
    }

    async fn connect(&self) -> Result<SendRequest<Body>, TransportError> {
        let mut connector = self.connector.clone();
        let connecting = async {
            poll_fn(|context| connector.poll_ready(context)).await?;
            connector.call(self.origin.clone()).await
        };
        let stream = connecting
            .await
            .map_err(|error| TransportError::Unconnected {
                too_slow: ConnectTimeout::is_cause_of(error.as_ref()),
            })?;
        let (sender, connection) = http1::handshake(stream)
            .await
            .map_err(|_error| TransportError::BrokenOff)?;
        // Its errors are those of the request that it carries.
        tokio::spawn(connection);
        Ok(sender)
    }
}

impl InUse {
    /// Its answer came to its end.
    pub(super) fn give_back(self) {
        if !self.connection.is_closed() {
            locked(&self.idle).push_back(Idle {
                connection: self.connection,
                since: self.since,
            });
        }
    }
}

impl Idle {
    fn is_over(&self, now: Instant) -> bool {
        self.connection.is_closed() || now.duration_since(self.since) > IDLE_MAX
    }
}

fn locked(idle: &Mutex<VecDeque<Idle>>) -> MutexGuard<'_, VecDeque<Idle>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}
