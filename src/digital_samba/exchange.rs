//! How a request gets to upstream and back: breaker, concurrency, budget, timeouts, retries.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::rand;
use hyper::{Request, Uri};
use reqwest::Body;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tracing::Instrument as _;

use crate::clock::Clock;
use crate::developer_key::DeveloperKey;
use crate::http_client::{HttpClientError, Proxies, Times, Transport, TransportError};
use crate::metrics::{Metrics, UpstreamCall};
use crate::rooms::UpstreamFailure;
use crate::state::State;
use crate::trace_context;

use super::answer::{self, Again, Fault, status_word};
use super::api_url::RoomSegment;
use super::breaker::Breaker;
use super::budget::Budget;
use super::client::Parameters;
use super::operations::Operation;
use super::wire;

/// A request waits at most so long for one of those under way to end.
const PERMIT_WAIT_MAX: Duration = Duration::from_secs(5);
/// The first retry waits up to this long, each further one up to twice as long.
const BACKOFF_FIRST: Duration = Duration::from_millis(100);

/// One request.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) operation: &'static Operation,
    pub(super) room: Option<RoomSegment<'a>>,
    pub(super) query: &'a [(&'a str, String)],
    pub(super) body: Option<Vec<u8>>,
}

impl Call<'_> {
    /// A request for one operation, without query and body.
    pub(super) fn of(operation: &'static Operation) -> Self {
        Self {
            operation,
            room: None,
            query: &[],
            body: None,
        }
    }
}

pub(super) struct Exchange {
    pub(super) transport: Transport,
    pub(super) parameters: Parameters,
    key: Arc<ArcSwap<DeveloperKey>>,
    /// What was last written of a key, and of which.
    authorization: ArcSwap<Option<(Arc<DeveloperKey>, HeaderValue)>>,
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
    pub(super) budget: Budget,
    pub(super) breaker: Breaker,
    permits: Semaphore,
}

impl Exchange {
    pub(super) fn new(
        parameters: Parameters,
        key: Arc<ArcSwap<DeveloperKey>>,
        clock: Clock,
        metrics: Metrics,
        state: State,
    ) -> Result<Self, HttpClientError> {
        let transport = Transport::new(
            parameters.api_url.as_url(),
            parameters.connect_timeout,
            Proxies::OfEnvironment,
        )?;
        let breaker = Breaker::new(
            parameters.breaker_failures,
            parameters.breaker_open_for,
            clock.clone(),
            metrics.upstream_breaker_open.clone(),
        );
        Ok(Self {
            transport,
            budget: Budget::new(
                "upstream",
                parameters.requests_per_minute,
                clock.clone(),
                state,
            ),
            breaker,
            permits: Semaphore::new(parameters.concurrency_max),
            parameters,
            key,
            authorization: ArcSwap::default(),
            clock,
            metrics,
        })
    }

    /// Sends a request until it is answered, at most `1 + retries_max` times.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
    ) -> Result<T, UpstreamFailure> {
        self.call_and_read(call, wire::read).await
    }

    /// The same where the body of a good answer says nothing: there is none, or some text.
    pub(super) async fn command(&self, call: &Call<'_>) -> Result<(), UpstreamFailure> {
        self.call_and_read(call, |_body| Ok(())).await
    }

    async fn call_and_read<T>(
        &self,
        call: &Call<'_>,
        read: fn(&[u8]) -> Result<T, &'static str>,
    ) -> Result<T, UpstreamFailure> {
        let started = self.clock.monotonic();
        let mut retries = 0;
        loop {
            let spent = self.clock.monotonic().since(started);
            let left = self.parameters.deadline.saturating_sub(spent);
            let fault = match self.try_once(call, read, left).await {
                Ok(answer) => return Ok(answer),
                Err(fault) => fault,
            };
            let may_repeat = match fault.again {
                Again::Never => false,
                Again::IfRead => call.operation.is_read(),
                Again::Always => true,
            };
            let pause = backoff(retries).max(fault.pause.unwrap_or_default());
            let spent = self.clock.monotonic().since(started);
            let in_time = spent.saturating_add(pause) < self.parameters.deadline;
            if !may_repeat || !in_time || retries >= self.parameters.retries_max {
                return Err(fault.failure);
            }
            retries += 1;
            tokio::time::sleep(pause).await;
        }
    }

    /// One try, counted and timed.
    async fn try_once<T>(
        &self,
        call: &Call<'_>,
        read: fn(&[u8]) -> Result<T, &'static str>,
        left: Duration,
    ) -> Result<T, Fault> {
        let sent = self.pass_guards(call, left).await;
        let tried = sent.and_then(|body| read(&body).map_err(Fault::malformed));
        let status = match &tried {
            Ok(_) => status_word(200),
            Err(fault) => fault.label.clone(),
        };
        let operation = call.operation.id;
        let label = UpstreamCall { operation, status };
        self.metrics.upstream_calls.get_or_create(&label).inc();
        tried
    }

    async fn pass_guards(&self, call: &Call<'_>, left: Duration) -> Result<Vec<u8>, Fault> {
        let open =
            |retry_after| Fault::unsent(UpstreamFailure::Unavailable { retry_after }, "breaker");
        // Asked twice: nobody queues before a closed door, and the door may close meanwhile.
        self.breaker.check().map_err(open)?;
        let waiting = tokio::time::timeout(PERMIT_WAIT_MAX.min(left), self.permits.acquire());
        let Ok(Ok(_permit)) = waiting.await else {
            let retry_after = Duration::from_secs(1);
            let failure = UpstreamFailure::Unavailable { retry_after };
            return Err(Fault::unsent(failure, "concurrency"));
        };
        let leave = self.breaker.leave().map_err(open)?;
        self.budget.take().await.map_err(|retry_after| {
            Fault::unsent(UpstreamFailure::OutOfBudget { retry_after }, "budget")
        })?;

        let started = self.clock.monotonic();
        let span = trace_context::client_span(call.operation.id);
        let sent = self.send(call, left).instrument(span).await;
        let taken = self.clock.monotonic().since(started);
        self.metrics.upstream_seconds.observe(taken.as_secs_f64());
        match &sent {
            Err(fault) if fault.is_outage => leave.failed(),
            Ok(_) | Err(_) => leave.answered(),
        }
        if let Err(fault) = &sent
            && let UpstreamFailure::OutOfBudget { retry_after } = fault.failure
        {
            self.budget.pause(retry_after);
        }
        sent
    }

    /// A request in the team's name.
    pub(super) fn request(
        &self,
        operation: &Operation,
        target: String,
        body: Body,
    ) -> Result<Request<Body>, TransportError> {
        let target = Uri::try_from(target).map_err(|_too_long| TransportError::Unwritable)?;
        let mut request = Request::new(body);
        *request.method_mut() = operation.method.on_the_wire();
        *request.uri_mut() = target;
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, self.authorization());
        headers.extend(trace_context::outgoing());
        Ok(request)
    }

    /// The field that proves who asks, of the key of today.
    fn authorization(&self) -> HeaderValue {
        let key = self.key.load();
        let written = self.authorization.load();
        if let Some((of, field)) = &**written
            && Arc::ptr_eq(of, &key)
        {
            return field.clone();
        }
        let Parameters {
            team,
            authorization,
            ..
        } = self.parameters;
        let field = key.authorization(authorization, team);
        let written = (Arc::clone(&key), field.clone());
        self.authorization.store(Arc::new(Some(written)));
        field
    }

    async fn send(&self, call: &Call<'_>, left: Duration) -> Result<Vec<u8>, Fault> {
        let Parameters {
            api_url,
            request_timeout,
            answer_bytes_max,
            ..
        } = &self.parameters;
        let target = api_url.of(call.operation, call.room, call.query);
        let body = call.body.clone().map(Body::from).unwrap_or_default();
        let request = self.request(call.operation, target, body);
        let mut request = request.map_err(Fault::unanswered)?;
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(CONTENT_TYPE, json);
        let whole = (*request_timeout).min(left);
        let times = Times { head: whole, whole };
        match self.transport.send(request, times).await {
            Ok(answer) => answer::sort(answer, *answer_bytes_max).await,
            Err(error) => Err(Fault::unanswered(error)),
        }
    }
}

/// Anything up to a bound that doubles: retries of many callers must not come at once.
fn backoff(retries: u32) -> Duration {
    let bound = BACKOFF_FIRST.saturating_mul(1 << retries.min(10));
    let mut random = [0; 1];
    // Without randomness the pause is the whole bound.
    let part = rand::fill(&mut random).map_or(u8::MAX, |()| random.first().copied().unwrap_or(0));
    bound * u32::from(part) / u32::from(u8::MAX)
}
