//! W3C Trace Context (level 1): the caller's trace goes on in our span, and from there into the
//! calls that we make. No span is made for a request that is not sampled, nor for its calls.

use std::collections::HashMap;

use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{Status, TraceContextExt as _};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tracing::Span;
use tracing::field::Empty;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::domain::RequestId;

/// Decides which requests get a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sampler {
    per_million: Option<u32>,
}

impl Sampler {
    /// Samples none: export is off.
    pub const OFF: Self = Self { per_million: None };

    /// Samples this share of the requests whose caller did not decide, in millionths.
    pub const fn per_million(share: u32) -> Self {
        Self {
            per_million: Some(share),
        }
    }

    /// A span for a request, if it is sampled: as its caller's `traceparent` says, else by chance.
    /// `header` reads a field of the request.
    pub fn server_span<'a>(
        self,
        id: RequestId,
        header: impl Fn(&str) -> Option<&'a str>,
    ) -> Option<Span> {
        let per_million = self.per_million?;
        let mut carrier = HashMap::new();
        for name in ["traceparent", "tracestate"] {
            if let Some(value) = header(name) {
                carrier.insert(name.to_owned(), value.to_owned());
            }
        }
        let parent = TraceContextPropagator::new().extract(&carrier);
        let told = parent.span().span_context().clone();
        let sampled = if told.is_valid() {
            told.is_sampled()
        } else {
            chance(id) < per_million
        };
        if !sampled {
            return None;
        }
        let span = tracing::info_span!(
            "request",
            otel.kind = "server",
            request_id = %id,
            http.request.method = Empty,
            http.route = Empty,
            http.response.status_code = Empty,
        );
        // Fails only where no exporter is installed, and then nothing is exported.
        let _no_exporter = span.set_parent(parent);
        Some(span)
    }
}

/// Notes on a request's span how it was answered, in OpenTelemetry's words. `route` is the route's
/// name, never the path.
pub fn note_answer(span: &Span, method: &str, route: &str, status: u16) {
    // The exporter's span has begun, and no record of ours renames it any more.
    let context = span.context();
    context.span().update_name(format!("{method} {route}"));
    span.record("http.request.method", method);
    span.record("http.route", route);
    span.record("http.response.status_code", status);
    if status >= 500 {
        context.span().set_status(Status::error(""));
    }
}

/// A span for a call that goes out, if the request that causes it is sampled.
pub fn client_span(operation: &'static str) -> Span {
    if Span::current().is_none() {
        return Span::none();
    }
    tracing::info_span!("call", otel.kind = "client", otel.name = operation)
}

/// A number below a million out of the random part of the id, so that it needs no dice of its own.
fn chance(id: RequestId) -> u32 {
    let (_time, random) = id.as_uuid().as_u64_pair();
    u32::try_from(random % 1_000_000).unwrap_or_default()
}

/// `traceparent` and `tracestate` of the current span, for a request that goes out; none if the
/// request that causes it is not sampled.
pub fn outgoing() -> HeaderMap {
    let mut headers = HeaderMap::new();
    let span = Span::current();
    if span.is_disabled() {
        return headers;
    }
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(&span.context(), &mut carrier);
    for (name, value) in carrier {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::layer::SubscriberExt as _;
    use uuid::Uuid;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn outgoing_traceparent(sampler: Sampler, incoming: Option<&str>) -> Option<String> {
        let provider = SdkTracerProvider::builder().build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            let id = RequestId::new(Uuid::nil());
            let span =
                sampler.server_span(id, |name| incoming.filter(|_| name == "traceparent"))?;
            let _entered = span.enter();
            outgoing()
                .get("traceparent")
                .map(|value| value.to_str().unwrap().to_owned())
        })
    }

    #[test]
    fn a_sampled_trace_goes_on_under_a_span_of_ours() {
        let incoming = format!("00-{TRACE}-00f067aa0ba902b7-01");
        let outgoing = outgoing_traceparent(Sampler::per_million(0), Some(&incoming)).unwrap();
        assert!(
            outgoing.starts_with(&format!("00-{TRACE}-")) && outgoing.ends_with("-01"),
            "{outgoing}"
        );
        assert!(!outgoing.contains("00f067aa0ba902b7"), "{outgoing}");
    }

    #[test]
    fn what_the_caller_does_not_sample_is_not_sampled_and_chance_decides_the_rest() {
        let unsampled = format!("00-{TRACE}-00f067aa0ba902b7-00");
        assert_eq!(
            outgoing_traceparent(Sampler::per_million(1_000_000), Some(&unsampled)),
            None
        );
        assert_eq!(outgoing_traceparent(Sampler::OFF, Some(&unsampled)), None);
        assert!(outgoing_traceparent(Sampler::per_million(1_000_000), None).is_some());
        assert!(
            outgoing_traceparent(Sampler::per_million(1_000_000), Some("forged\r\nx: y")).is_some()
        );
    }
}
