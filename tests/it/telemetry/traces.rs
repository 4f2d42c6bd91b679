//! Traces: exported if sampled, never else; the caller's goes on upstream.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value as AnyValue};
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind};
use prost::Message as _;
use room_broker::simulator::identity_provider::User;
use serde_json::json;

use crate::support::Answer;
use crate::support::process::{Broker, World};

use super::recorder::Recorder;
use super::{serve, terminate};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const OTHER_TRACE: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const CALLER: &str = "00f067aa0ba902b7";

/// Everything that a collector was sent, by the name of the service.
fn exported(collector: &Recorder) -> Vec<(String, Span)> {
    let mut spans = Vec::new();
    for request in collector.requests() {
        assert_eq!(
            (request.method.as_str(), request.path.as_str()),
            ("POST", "/v1/traces")
        );
        assert_eq!(
            request.header("content-type"),
            Some("application/x-protobuf")
        );
        let sent = ExportTraceServiceRequest::decode(request.body.as_slice()).unwrap();
        for of_resource in sent.resource_spans {
            let resource = of_resource.resource.unwrap().attributes;
            let service = attribute(&resource, "service.name");
            let of_scopes = of_resource.scope_spans.into_iter();
            spans.extend(
                of_scopes
                    .flat_map(|scope| scope.spans)
                    .map(|span| (service.clone(), span)),
            );
        }
    }
    spans
}

fn attribute(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    let value = found.and_then(|found| found.value.clone()?.value);
    match value {
        Some(AnyValue::StringValue(text)) => text,
        Some(AnyValue::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    let number = bytes
        .iter()
        .fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    format!("{number:0width$x}", width = bytes.len() * 2)
}

/// An upstream that has the room `course-101`.
fn upstream() -> Recorder {
    Recorder::start(&json!({
        "id": "5f0c2b1e-7a44-4d0e-9b55-3e6c1d8a9f21", "friendly_url": "course-101",
        "external_id": "course-101", "privacy": "private", "roles": ["moderator", "attendee"],
    }))
}

async fn serve_traced(world: &World, upstream: &Recorder, collector: &str, ratio: &str) -> Broker {
    serve(world, |text| {
        let text = text.replace(world.upstream.base_url(), &upstream.url);
        format!(
            "{text}\n[telemetry]\notlp_endpoint = \"{collector}/v1/traces\"\ntrace_ratio = {ratio}\n"
        )
    })
    .await
}

async fn join_within(world: &World, broker: &Broker, traceparent: Option<String>) -> Answer {
    let mut request = world
        .http
        .post(broker.join_url("course-101"))
        .bearer_auth(world.token(User::Ada));
    if let Some(traceparent) = traceparent {
        request = request.header("traceparent", traceparent);
    }
    let answer = Answer::of(request.send().await.unwrap()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer
}

#[tokio::test]
async fn a_sampled_trace_goes_on_in_spans_of_ours_and_upstream() {
    let (world, upstream) = (World::new(), upstream());
    let collector = Recorder::start(&json!({}));
    let mut broker = serve_traced(&world, &upstream, &collector.url, "0").await;
    let traceparent = format!("00-{TRACE}-{CALLER}-01");
    let answer = join_within(&world, &broker, Some(traceparent)).await;
    // What is not exported yet is exported at the end.
    terminate(&mut broker).await;

    let spans = exported(&collector);
    assert!(
        spans
            .iter()
            .all(|(service, span)| { service == "room-broker" && hex(&span.trace_id) == TRACE })
    );
    let of_kind = |kind| {
        let mut found = spans.iter().filter(|(_, span)| span.kind() == kind);
        let (first, more) = (found.next(), found.next());
        assert!(more.is_none(), "{spans:#?}");
        &first.unwrap().1
    };
    let (request, call) = (of_kind(SpanKind::Server), of_kind(SpanKind::Client));
    assert_eq!(request.name, "POST join");
    assert_eq!(hex(&request.parent_span_id), CALLER);
    for (key, value) in [
        ("request_id", answer.header("x-request-id")),
        ("http.request.method", "POST"),
        ("http.route", "join"),
        ("http.response.status_code", "200"),
    ] {
        assert_eq!(attribute(&request.attributes, key), value, "{key}");
    }
    assert_eq!(call.name, "get_room");
    assert_eq!(call.parent_span_id, request.span_id);

    let calls = upstream.requests();
    assert_eq!(calls.len(), 1, "{calls:#?}");
    let expected = format!("00-{TRACE}-{}-01", hex(&call.span_id));
    assert_eq!(calls[0].header("traceparent"), Some(expected.as_str()));
}

#[tokio::test]
async fn what_is_not_sampled_is_not_exported_nor_told_upstream() {
    let (world, upstream) = (World::new(), upstream());
    let collector = Recorder::start(&json!({}));
    let mut broker = serve_traced(&world, &upstream, &collector.url, "0").await;
    let unsampled = format!("00-{OTHER_TRACE}-{CALLER}-00");
    join_within(&world, &broker, Some(unsampled)).await;
    join_within(&world, &broker, None).await;
    join_within(&world, &broker, Some("forged".to_owned())).await;
    let sampled = format!("00-{TRACE}-{CALLER}-01");
    join_within(&world, &broker, Some(sampled)).await;
    terminate(&mut broker).await;

    let spans = exported(&collector);
    let names: Vec<_> = spans.iter().map(|(_, span)| span.name.as_str()).collect();
    assert_eq!(
        names,
        ["POST join"],
        "the sampled one alone, of a known room"
    );
    assert_eq!(hex(&spans[0].1.trace_id), TRACE);
    let calls = upstream.requests();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].header("traceparent"), None);
}

#[tokio::test]
async fn a_ratio_of_one_samples_whoever_did_not_decide() {
    let (world, upstream) = (World::new(), upstream());
    let collector = Recorder::start(&json!({}));
    let mut broker = serve_traced(&world, &upstream, &collector.url, "1").await;
    join_within(&world, &broker, None).await;
    terminate(&mut broker).await;
    let spans = exported(&collector);
    let joins = spans.iter().filter(|(_, span)| span.name == "POST join");
    assert_eq!(joins.count(), 1);
    // Readiness was asked for on the ops listener.
    assert!(spans.iter().any(|(_, span)| span.name == "GET readyz"));
    let calls = upstream.requests();
    let traceparent = calls[0].header("traceparent").unwrap();
    let trace = traceparent.split('-').nth(1).unwrap();
    assert!(spans.iter().any(|(_, span)| hex(&span.trace_id) == trace));
}

#[tokio::test]
async fn a_collector_that_is_not_there_fails_nobody_and_is_complained_of() {
    let (world, upstream) = (World::new(), upstream());
    let nobody = crate::support::listener();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let mut broker = serve_traced(&world, &upstream, &url, "1").await;
    join_within(&world, &broker, None).await;
    let log = terminate(&mut broker).await;
    let told = |line: &String| line.contains("opentelemetry") && line.contains("xport");
    assert!(log.iter().any(told), "{log:#?}");
}
