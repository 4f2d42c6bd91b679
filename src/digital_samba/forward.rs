//! Sends product backends' own requests on: within the gateway's share of the team's budget, so
//! that joins always have theirs, with bodies that stream and are never held whole unless they are
//! JSON of a bounded length.

mod chunks;
mod gathered;
mod media_type;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::Body as HttpBody;
use reqwest::header::{
    ACCEPT, CONTENT_DISPOSITION, CONTENT_LANGUAGE, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue, RETRY_AFTER,
};
use serde::de::IgnoredAny;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::Instrument as _;

use crate::http_client::{Response, Times, TransportError};
use crate::metrics::UpstreamCall;
use crate::rooms::UpstreamFailure;
use crate::trace_context;

use super::answer::{
    BUDGET_RETRY_AFTER_DEFAULT, REJECTION_BYTES_MAX, RETRY_AFTER_DEFAULT, retry_after, status_word,
};
use super::breaker::Leave;
use super::budget::Budget;
use super::client::Client;
use super::exchange::Exchange;
use super::operations::{Body, Operation};

use gathered::Gathered;
use media_type::{is_html, is_json};

pub use chunks::{Chunks, StreamFault, Upload, UploadFault, UploadSender, upload};

/// Header fields of an answer that are passed on, beside its status.
const PASSED_ON: [HeaderName; 4] = [
    CONTENT_TYPE,
    CONTENT_DISPOSITION,
    CONTENT_LANGUAGE,
    RETRY_AFTER,
];
/// What is said to whoever comes when all places in the queue are taken.
const QUEUE_RETRY_AFTER: Duration = Duration::from_secs(1);

/// How much of upstream the gateway may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardParameters {
    /// Its share of the team's requests a minute.
    pub requests_per_minute: usize,
    /// Requests under way at once.
    pub concurrency_max: usize,
    /// Requests that wait for one of those to end.
    pub queue_max: usize,
    /// How long one waits.
    pub queue_wait: Duration,
    /// Until an answer begins, its upload included.
    pub answer_timeout: Duration,
    /// Until the next piece of a body comes, or is taken.
    pub idle_timeout: Duration,
    /// For a whole exchange, however steadily it flows.
    pub total_timeout: Duration,
    /// The longest JSON answer that can be rewritten.
    pub json_bytes_max: usize,
    /// The longest answer that streams.
    pub download_bytes_max: u64,
}

/// One request to be sent on.
#[derive(Debug)]
pub struct ForwardRequest<'a> {
    /// What.
    pub operation: &'static Operation,
    /// The values of its path's parameters, decoded.
    pub parameters: &'a [String],
    /// Its query.
    pub query: &'a [(String, String)],
    /// Its body.
    pub body: ForwardBody,
    /// What becomes of a JSON answer.
    pub json: JsonAnswer<'a>,
}

/// What becomes of a JSON answer of a success.
#[derive(Clone, Copy)]
pub enum JsonAnswer<'a> {
    /// It is told as it came, and streams if it is long.
    AsItCame,
    /// It has to be whole.
    Whole,
    /// It has to be whole, and is told as this makes it, which fails for what is not JSON.
    Rewritten(&'a Rewrite<'a>),
}

type Rewrite<'a> = dyn Fn(Bytes) -> serde_json::Result<Bytes> + Sync + 'a;

impl std::fmt::Debug for JsonAnswer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::AsItCame => "AsItCame",
            Self::Whole => "Whole",
            Self::Rewritten(_) => "Rewritten",
        })
    }
}

/// A body on its way to upstream.
#[derive(Debug)]
pub enum ForwardBody {
    /// None.
    Nothing,
    /// JSON.
    Json(Bytes),
    /// A form, piece by piece.
    Upload(Upload),
}

/// What upstream said, to be told to the caller.
#[derive(Debug)]
pub struct Forwarded {
    /// Its status: a success, or a 4xx.
    pub status: u16,
    /// The fields that are passed on.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Its body.
    pub body: AnswerBody,
}

/// The body of an answer.
#[derive(Debug)]
pub enum AnswerBody {
    /// All of it.
    Whole(Bytes),
    /// Piece by piece.
    Chunks(Chunks),
}

/// Why there is no answer of upstream's to tell.
#[derive(Debug, thiserror::Error)]
pub enum ForwardFailure {
    /// The gateway's share of this minute is used up.
    #[error("the gateway's share of the upstream budget is used up")]
    ShareUsedUp {
        /// When to come back.
        retry_after: Duration,
    },
    /// Too many wait already, or it took too long.
    #[error("too many requests of the gateway are under way")]
    Crowded {
        /// When to come back.
        retry_after: Duration,
    },
    /// The path and query, encoded as upstream reads them, are longer than a URI may be.
    #[error("the path and query are too long to be sent on")]
    TooLong,
    /// The caller's upload is no form, is too long or too slow, or broke off.
    #[error(transparent)]
    Upload(#[from] UploadFault),
    /// Upstream failed.
    #[error(transparent)]
    Upstream(#[from] UpstreamFailure),
}

/// Sends requests on. Shares the client's breaker and total budget, and has its own bounds.
pub struct Forwarder {
    exchange: Arc<Exchange>,
    parameters: ForwardParameters,
    share: Budget,
    permits: Arc<Semaphore>,
    queue: Semaphore,
}

impl std::fmt::Debug for Forwarder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Forwarder")
            .field("parameters", &self.parameters)
            .finish_non_exhaustive()
    }
}

impl Forwarder {
    /// A forwarder beside a client, whose connections it uses too.
    pub fn new(parameters: ForwardParameters, client: &Client) -> Self {
        let exchange = client.exchange();
        Self {
            share: exchange
                .budget
                .share("gateway", parameters.requests_per_minute),
            permits: Arc::new(Semaphore::new(parameters.concurrency_max)),
            queue: Semaphore::new(parameters.queue_max),
            exchange,
            parameters,
        }
    }

    /// Sends one request once; a caller repeats what is worth repeating.
    ///
    /// # Errors
    /// [`ForwardFailure`] unless upstream succeeded or said with a 4xx what is wrong.
    pub async fn send(&self, request: ForwardRequest<'_>) -> Result<Forwarded, ForwardFailure> {
        let operation = request.operation.id;
        let sent = self.pass_guards(request).await;
        let status = match &sent {
            Ok(answer) => status_word(answer.status),
            Err(failure) => Cow::Borrowed(label(failure)),
        };
        let label = UpstreamCall { operation, status };
        let calls = &self.exchange.metrics.upstream_calls;
        calls.get_or_create(&label).inc();
        sent
    }

    async fn pass_guards(&self, request: ForwardRequest<'_>) -> Result<Forwarded, ForwardFailure> {
        let open = |retry_after| UpstreamFailure::Unavailable { retry_after };
        self.exchange.breaker.check().map_err(open)?;
        let permit = self.permit().await?;
        let leave = self.exchange.breaker.leave().map_err(open)?;
        // The own share first: what is refused here takes nothing from the joins.
        self.share
            .take()
            .await
            .map_err(|retry_after| ForwardFailure::ShareUsedUp { retry_after })?;
        self.exchange
            .budget
            .take()
            .await
            .map_err(|retry_after| UpstreamFailure::OutOfBudget { retry_after })?;
        let span = trace_context::client_span(request.operation.id);
        let sending = self.exchange_one(request, leave, permit);
        sending.instrument(span).await
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, ForwardFailure> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(permit);
        }
        let crowded = || ForwardFailure::Crowded {
            retry_after: QUEUE_RETRY_AFTER,
        };
        let _place = self.queue.try_acquire().map_err(|_full| crowded())?;
        let waiting = Arc::clone(&self.permits).acquire_owned();
        match tokio::time::timeout(self.parameters.queue_wait, waiting).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(crowded()),
        }
    }

    async fn exchange_one(
        &self,
        request: ForwardRequest<'_>,
        leave: Leave<'_>,
        permit: OwnedSemaphorePermit,
    ) -> Result<Forwarded, ForwardFailure> {
        let ForwardRequest {
            operation,
            parameters,
            query,
            body,
            json,
        } = request;
        let api_url = &self.exchange.parameters.api_url;
        let target = api_url.with(operation, parameters, query);
        let (body, content_type, caller_fault) = match body {
            ForwardBody::Nothing => (HttpBody::default(), None, None),
            ForwardBody::Json(json) => {
                let json_type = HeaderValue::from_static("application/json");
                (HttpBody::from(json), Some(json_type), None)
            }
            ForwardBody::Upload(upload) => {
                let (content_type, body, fault) = upload.into_body();
                (body, Some(content_type), Some(fault))
            }
        };
        let request = self.exchange.request(operation, target, body);
        let mut request = request.map_err(|_unwritable| ForwardFailure::TooLong)?;
        let headers = request.headers_mut();
        if let Some(content_type) = content_type {
            headers.insert(CONTENT_TYPE, content_type);
        }
        if !operation.answer.is_json() {
            headers.insert(ACCEPT, HeaderValue::from_static("application/json, */*"));
        }
        let times = Times {
            head: self.parameters.answer_timeout,
            whole: self.parameters.total_timeout,
        };
        let started = self.exchange.clock.monotonic();
        let sent = self.exchange.transport.send(request, times).await;
        let taken = self.exchange.clock.monotonic().since(started);
        let seconds = &self.exchange.metrics.upstream_seconds;
        seconds.observe(taken.as_secs_f64());
        if let Some(fault) = caller_fault.and_then(|fault| fault.take(&sent)) {
            // The caller's fault, not upstream's: the breaker learns nothing (`leave` is dropped).
            return Err(fault.into());
        }
        let response = match sent {
            Ok(response) => response,
            Err(error) => {
                leave.failed();
                return Err(unanswered(error).into());
            }
        };
        if matches!(response.status().as_u16(), 502..=504) {
            leave.failed();
        } else {
            // A bare 500 is about this one request; it must not shut the joins out.
            leave.answered();
        }
        self.sort(operation, response, json, permit).await
    }

    /// A success or a 4xx to be told, or a failure.
    async fn sort(
        &self,
        operation: &Operation,
        response: Response,
        json: JsonAnswer<'_>,
        permit: OwnedSemaphorePermit,
    ) -> Result<Forwarded, ForwardFailure> {
        let status = response.status();
        let code = status.as_u16();
        let malformed = |what| ForwardFailure::from(UpstreamFailure::Malformed { what });
        let pause = retry_after(&response);
        match code {
            401 | 403 => Err(UpstreamFailure::Refused { status: code }.into()),
            504 => Err(UpstreamFailure::Timeout.into()),
            500..=599 => {
                let retry_after = pause.unwrap_or(RETRY_AFTER_DEFAULT);
                Err(UpstreamFailure::Unavailable { retry_after }.into())
            }
            400..=499 => {
                if code == 429 {
                    let pause = pause.unwrap_or(BUDGET_RETRY_AFTER_DEFAULT);
                    self.exchange.budget.pause(pause);
                }
                Ok(Box::pin(self.rejection(response)).await)
            }
            200..=299 if operation.answer.is_json() => self.json(response, json, permit).await,
            200..=299 if is_html(response.headers()) => Err(malformed("it is a web page")),
            200..=299 => Ok(Forwarded {
                status: code,
                headers: passed_on(response.headers()),
                body: self.stream(Bytes::new(), response.length_left(), response, permit),
            }),
            _ => Err(malformed(
                "it is a redirect or another status without meaning here",
            )),
        }
    }

    /// A 4xx: its JSON as it came, or upstream's form of a message where there is none.
    async fn rejection(&self, response: Response) -> Forwarded {
        let status = response.status().as_u16();
        let headers = response.headers();
        let is_json = is_json(headers);
        // A 429 says when, also where upstream does not: nothing more is sent until then.
        let seconds = || HeaderValue::from(BUDGET_RETRY_AFTER_DEFAULT.as_secs());
        let retry_after = headers.get(RETRY_AFTER).cloned();
        let retry_after = retry_after.or_else(|| (status == 429).then(seconds));
        let reading = response.read(REJECTION_BYTES_MAX);
        let body = match tokio::time::timeout(self.parameters.idle_timeout, reading).await {
            Ok(Ok(body)) if is_json && is_well_formed(&body) => Bytes::from(body),
            Ok(_) | Err(_) => {
                Bytes::from_static(br#"{"message":"The video service refused the request."}"#)
            }
        };
        let mut headers = vec![(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        headers.extend(retry_after.map(|seconds| (RETRY_AFTER, seconds)));
        Forwarded {
            status,
            headers,
            body: AnswerBody::Whole(body),
        }
    }

    /// A JSON answer: whole where it fits, so that half of one is a clear failure; else on as it
    /// comes, unless it has to be whole.
    async fn json(
        &self,
        mut response: Response,
        answer: JsonAnswer<'_>,
        permit: OwnedSemaphorePermit,
    ) -> Result<Forwarded, ForwardFailure> {
        let malformed = |what| ForwardFailure::from(UpstreamFailure::Malformed { what });
        if !is_json(response.headers()) {
            return Err(malformed("it is not called JSON"));
        }
        let status = response.status().as_u16();
        let headers = passed_on(response.headers());
        // Asked before anything is read: it becomes what is left.
        let length = response.length_left();
        let bytes_max = self.parameters.json_bytes_max;
        let mut read = Gathered::default();
        loop {
            match response.chunk(self.parameters.idle_timeout).await {
                Ok(Some(chunk)) => read.push(chunk),
                Ok(None) => break,
                Err(error) if error.is_timeout() => return Err(UpstreamFailure::Timeout.into()),
                Err(_error) => return Err(malformed("it breaks off")),
            }
            if read.len() > bytes_max {
                if !matches!(answer, JsonAnswer::AsItCame) {
                    return Err(malformed("it is too long"));
                }
                let body = self.stream(read.into(), length, response, permit);
                return Ok(Forwarded {
                    status,
                    headers,
                    body,
                });
            }
        }
        let read = Bytes::from(read);
        let told = match answer {
            JsonAnswer::Rewritten(rewrite) => rewrite(read).ok(),
            JsonAnswer::AsItCame | JsonAnswer::Whole => is_well_formed(&read).then_some(read),
        };
        Ok(Forwarded {
            status,
            headers,
            body: AnswerBody::Whole(told.ok_or_else(|| malformed("it is not JSON"))?),
        })
    }

    fn stream(
        &self,
        read: Bytes,
        length: Option<u64>,
        response: Response,
        permit: OwnedSemaphorePermit,
    ) -> AnswerBody {
        let limits = chunks::Limits {
            idle_timeout: self.parameters.idle_timeout,
            bytes_max: self.parameters.download_bytes_max,
        };
        let beginning = chunks::Beginning { read, length };
        AnswerBody::Chunks(Chunks::of(beginning, response, limits, permit))
    }
}

fn unanswered(error: TransportError) -> UpstreamFailure {
    if error.is_timeout() {
        return UpstreamFailure::Timeout;
    }
    let retry_after = RETRY_AFTER_DEFAULT;
    UpstreamFailure::Unavailable { retry_after }
}

/// The word for a failure in the metric of upstream calls.
fn label(failure: &ForwardFailure) -> &'static str {
    match failure {
        ForwardFailure::ShareUsedUp { .. } => "share",
        ForwardFailure::Crowded { .. } => "concurrency",
        ForwardFailure::TooLong => "too_long",
        ForwardFailure::Upload(_) => "upload",
        ForwardFailure::Upstream(failure) => match failure {
            UpstreamFailure::Refused { .. } => "refused",
            UpstreamFailure::OutOfBudget { .. } => "budget",
            UpstreamFailure::Unavailable { .. } => "unavailable",
            UpstreamFailure::Timeout => "timeout",
            UpstreamFailure::Malformed { .. } => "malformed",
            UpstreamFailure::Rejected { .. } => "rejected",
        },
    }
}

fn passed_on(headers: &HeaderMap) -> Vec<(HeaderName, HeaderValue)> {
    let fields = PASSED_ON.into_iter();
    fields
        .filter_map(|name| {
            let value = headers.get(&name)?.clone();
            Some((name, value))
        })
        .collect()
}

fn is_well_formed(json: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(json).is_ok()
}

impl ForwardBody {
    /// Whether an operation takes it.
    pub fn fits(&self, operation: &Operation) -> bool {
        match self {
            Self::Nothing => operation.body != Body::Multipart,
            Self::Json(_) => operation.body == Body::Json,
            Self::Upload(_) => operation.body == Body::Multipart,
        }
    }
}
