//! The outermost layer of every listener: names the request, finds the client's address, turns
//! every failure into a problem, adds the fields that all answers carry, counts, and logs a
//! failure once.

use std::future::{Ready, ready};
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::sync::Arc;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, Method, StatusCode};
use actix_web::{Error, HttpMessage as _, HttpRequest, HttpResponse};
use futures_util::future::LocalBoxFuture;
use tracing::Instrument as _;
use uuid::{NoContext, Timestamp, Uuid};

use crate::clock::{Clock, Monotonic};
use crate::domain::RequestId;
use crate::metrics::{Metrics, Route};
use crate::trace_context::{self, Sampler};

use super::client_address::TrustedProxies;
use super::limits::LimitFields;
use super::problem::{Code, Problem};
use super::state::Health;
use super::unread_body::UnreadBody;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Which listener this is, in metrics and logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listener {
    /// For browsers and apps.
    Public,
    /// For product backends.
    Internal,
    /// For load balancers and Prometheus.
    Ops,
}

impl Listener {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Ops => "ops",
        }
    }
}

/// What is known of a request before anything else is done with it.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestContext {
    /// Names it in logs and answers.
    pub(super) request_id: RequestId,
    /// Where it comes from.
    pub(super) client_address: IpAddr,
}

impl RequestContext {
    /// The context of a request. One that the edge has not seen (there is none) gets a nil id.
    pub(super) fn of(request: &HttpRequest) -> Self {
        request.extensions().get::<Self>().copied().unwrap_or(Self {
            request_id: RequestId::new(Uuid::nil()),
            client_address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        })
    }
}

/// The outermost layer of a listener.
#[derive(Debug, Clone)]
pub struct Edge {
    /// Which listener it is around.
    pub listener: Listener,
    /// Counts.
    pub metrics: Metrics,
    /// Time.
    pub clock: Clock,
    /// Whose forwarding headers and request ids are believed.
    pub trusted_proxies: TrustedProxies,
    /// Whether every request is logged.
    pub access_log: bool,
    /// Which requests are traced.
    pub sampler: Sampler,
    /// Where a proxy mounts the listener.
    pub path_prefix: String,
    /// Whether the process is about to stop.
    pub health: Arc<Health>,
}

impl Edge {
    fn context_of(&self, request: &ServiceRequest) -> RequestContext {
        let peer = request
            .peer_addr()
            .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
        let request_id = if self.trusted_proxies.trusts(peer) {
            given_id(request.headers())
        } else {
            None
        };
        RequestContext {
            request_id: request_id.unwrap_or_else(|| self.new_id()),
            client_address: self.trusted_proxies.client_of(peer, request.headers()),
        }
    }

    fn new_id(&self) -> RequestId {
        let millis = self.clock.now().millis();
        let nanos = u32::try_from(millis % 1000)
            .unwrap_or_default()
            .saturating_mul(1_000_000);
        RequestId::new(Uuid::new_v7(Timestamp::from_unix(
            NoContext,
            millis / 1000,
            nanos,
        )))
    }

    /// Adds what every answer carries.
    fn decorate(request: &HttpRequest, context: RequestContext, headers: &mut HeaderMap) {
        let mut buffer = Uuid::encode_buffer();
        let id = context
            .request_id
            .as_uuid()
            .hyphenated()
            .encode_lower(&mut buffer);
        if let Ok(id) = HeaderValue::from_str(id) {
            headers.insert(X_REQUEST_ID, id);
        }
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        headers.insert(
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        );
        if !headers.contains_key(header::CACHE_CONTROL) {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
            let nothing = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
            headers.insert(header::CONTENT_SECURITY_POLICY, nothing);
        }
        if let Some(fields) = request.extensions().get::<Rc<LimitFields>>() {
            headers.insert(RATELIMIT_POLICY, fields.policy.clone());
            headers.insert(RATELIMIT, fields.state.clone());
        }
    }

    fn count(&self, request: &HttpRequest, status: StatusCode) {
        let route = super::routes::name_of(request);
        let labels = Route {
            listener: self.listener.as_str(),
            route,
            status: status.as_u16(),
        };
        self.metrics.http_requests.get_or_create(&labels).inc();
    }

    fn log_access(
        &self,
        request: &HttpRequest,
        context: RequestContext,
        status: StatusCode,
        started: Monotonic,
    ) {
        let micros = self.clock.monotonic().since(started).as_micros();
        tracing::info!(
            target: "room_broker::access",
            listener = self.listener.as_str(),
            request_id = %context.request_id,
            method = method_name(request.method()),
            route = super::routes::name_of(request),
            status = status.as_u16(),
            micros = u64::try_from(micros).unwrap_or(u64::MAX),
            "request answered"
        );
    }
}

fn given_id(headers: &HeaderMap) -> Option<RequestId> {
    headers
        .get(X_REQUEST_ID)?
        .to_str()
        .ok()
        .and_then(|text| RequestId::parse(text).ok())
}

impl<S, B> Transform<S, ServiceRequest> for Edge
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    S::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = EdgeService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(EdgeService {
            service,
            edge: Rc::new(self.clone()),
        }))
    }
}

/// [`Edge`] around one worker's service.
#[derive(Debug)]
pub struct EdgeService<S> {
    service: S,
    edge: Rc<Edge>,
}

impl<S, B> Service<ServiceRequest> for EdgeService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    S::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Error>>;

    forward_ready!(service);

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let edge = Rc::clone(&self.edge);
        let context = edge.context_of(&request);
        let started = edge.access_log.then(|| edge.clock.monotonic());
        request.extensions_mut().insert(context);
        let unread = UnreadBody::of(&mut request);
        let header = |name: &str| {
            request
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let span = edge.sampler.server_span(context.request_id, header);
        let called = self.service.call(request);
        Box::pin(async move {
            let mut answer = match span {
                Some(span) => {
                    let response = called.instrument(span.clone()).await?;
                    let answer = span.in_scope(|| edge.finish_either(response, context, started));
                    note_answer(&span, &answer);
                    answer
                }
                None => edge.finish_either(called.await?, context, started),
            };
            if edge.health.is_draining() {
                // Whoever keeps the connection sends the next request elsewhere, instead of into
                // one that closes under it.
                close_after(answer.response_mut());
            }
            Ok(match unread {
                Some(body) => body.until_answered(answer),
                None => answer,
            })
        })
    }
}

fn note_answer<B>(span: &tracing::Span, answer: &ServiceResponse<B>) {
    let request = answer.request();
    let route = super::routes::name_of(request);
    let method = method_name(request.method());
    trace_context::note_answer(span, method, route, answer.status().as_u16());
}

/// A method's name; those that nobody offers are one word, since a caller may invent them.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

impl Edge {
    fn finish_either<B: MessageBody + 'static>(
        &self,
        response: ServiceResponse<B>,
        context: RequestContext,
        started: Option<Monotonic>,
    ) -> ServiceResponse<EitherBody<B>> {
        let failed = response.response().error().is_some() || is_bare_failure(&response);
        if failed {
            return self
                .finish(response, context, started)
                .map_into_right_body();
        }
        let (request, mut inner) = response.into_parts();
        Self::decorate(&request, context, inner.headers_mut());
        self.note(&request, context, inner.status(), started);
        ServiceResponse::new(request, inner.map_into_left_body())
    }

    /// Writes the body of a failure, whoever raised it, and keeps the fields that layers added.
    fn finish<B>(
        &self,
        response: ServiceResponse<B>,
        context: RequestContext,
        started: Option<Monotonic>,
    ) -> ServiceResponse {
        let (request, failed) = response.into_parts();
        let status = failed.status();
        let foreign;
        let ours = failed.error().and_then(|error| error.as_error::<Problem>());
        let problem = if let Some(problem) = ours {
            problem
        } else {
            foreign = foreign_problem(&failed, status);
            &foreign
        };
        log_failure(&request, context, problem);
        let status = problem.code().status();
        let mut written =
            HttpResponse::build(status).body(problem.body(context.request_id, &self.path_prefix));
        for (name, value) in failed.headers() {
            written.headers_mut().append(name.clone(), value.clone());
        }
        problem.add_headers(written.headers_mut());
        if closes_connection(problem.code()) {
            close_after(&mut written);
        }
        Self::decorate(&request, context, written.headers_mut());
        self.note(&request, context, status, started);
        ServiceResponse::new(request, written)
    }

    fn note(
        &self,
        request: &HttpRequest,
        context: RequestContext,
        status: StatusCode,
        started: Option<Monotonic>,
    ) {
        self.count(request, status);
        if let Some(started) = started {
            self.log_access(request, context, status, started);
        }
    }
}

/// A failure of the framework's own, without our type behind it.
fn foreign_problem<B>(failed: &HttpResponse<B>, status: StatusCode) -> Problem {
    let problem = Problem::new(Code::of_status(status));
    match failed.error() {
        Some(error) if status.is_server_error() => problem.because(error.to_string()),
        _no_cause_worth_logging => problem,
    }
}

fn is_bare_failure<B>(response: &ServiceResponse<B>) -> bool {
    let status = response.status();
    (status.is_client_error() || status.is_server_error())
        && response
            .headers()
            .get(header::CONTENT_TYPE)
            .is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"))
}

fn close_after<B>(response: &mut HttpResponse<B>) {
    response
        .head_mut()
        .set_connection_type(ConnectionType::Close);
}

/// After these the rest of the body is not worth reading.
const fn closes_connection(code: Code) -> bool {
    matches!(
        code,
        Code::PayloadTooLarge | Code::BodyTimeout | Code::HeadersTooLarge
    )
}

/// The one log line of a failure. Names no person, no room and no credential.
fn log_failure(request: &HttpRequest, context: RequestContext, problem: &Problem) {
    let code = problem.code();
    let route = super::routes::name_of(request);
    let request_id = context.request_id;
    let cause = problem
        .cause()
        .map(|cause| causes(cause.as_ref()))
        .unwrap_or_default();
    if code.status().is_server_error() {
        tracing::error!(%request_id, route, code = code.as_str(), cause, "a request failed");
    } else if problem.cause().is_some() && code != Code::RateLimited {
        tracing::info!(%request_id, route, code = code.as_str(), cause, "a request was refused");
    } else {
        // Limits are counted; a line for each would let a flood of requests flood the log.
        tracing::debug!(%request_id, route, code = code.as_str(), cause, "a request was refused");
    }
}

/// An error and what caused it, in one line.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
