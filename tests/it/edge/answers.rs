//! What all answers carry, and the failures that the framework raises by itself.

use reqwest::Method;
use room_broker::simulator::identity_provider::User;
use serde_json::json;

use crate::support::{Answer, TestApp};

#[track_caller]
fn assert_decorated(answer: &Answer, what: &str) {
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{what}");
    assert_eq!(answer.header("referrer-policy"), "no-referrer", "{what}");
    assert!(
        answer
            .header("content-security-policy")
            .contains("frame-ancestors 'none'"),
        "{what}"
    );
    assert!(!answer.header("cache-control").is_empty(), "{what}");
    assert_eq!(answer.header("x-request-id").len(), 36, "{what}");
    for revealing in ["server", "x-powered-by", "set-cookie"] {
        assert_eq!(answer.header(revealing), "", "{what}");
    }
}

#[tokio::test]
async fn every_answer_carries_the_security_fields() {
    let app = TestApp::spawn().await;
    let joined = app.join(&app.token(User::Ada), "course-101").await;
    assert_decorated(&joined, "a join");
    assert_eq!(joined.header("cache-control"), "no-store");
    assert_eq!(joined.header("content-type"), "application/json");
    for path in [
        "/docs",
        "/openapi.yaml",
        "/healthz",
        "/readyz",
        "/v1/me",
        "/x",
    ] {
        let answer = app
            .answer(app.http.get(format!("{}{path}", app.public)))
            .await;
        assert_decorated(&answer, path);
    }
    for path in ["/metrics", "/healthz", "/readyz", "/v1/me"] {
        let answer = app.answer(app.http.get(format!("{}{path}", app.ops))).await;
        assert_decorated(&answer, path);
    }
    let preflight = app
        .http
        .request(Method::OPTIONS, app.join_url("course-101"))
        .header("origin", "https://app.school.example")
        .header("access-control-request-method", "POST");
    assert_decorated(&app.answer(preflight).await, "a preflight");
    let huge = app
        .http
        .get(format!("{}/v1/me", app.public))
        .header("x-padding", "x".repeat(40_000));
    assert_decorated(&app.answer(huge).await, "a 431");
}

#[tokio::test]
async fn routes_are_matched_exactly() {
    let app = TestApp::spawn().await;
    for path in [
        "/",
        "/v1",
        "/v1/me/",
        "//v1/me",
        "/V1/me",
        "/v1/me/x",
        "/healthz/",
        "/metrics",
        "/v1/rooms",
        "/v1/rooms/",
        "/v1/rooms/course-101/",
        "/v1/rooms/course-101/join/x",
        "/v1/rooms/a/b/join",
        "/api/v1/rooms",
    ] {
        let answer = app
            .answer(app.http.get(format!("{}{path}", app.public)))
            .await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (404, "not-found"),
            "{path}"
        );
    }
    for path in ["/v1/me", "/docs", "/openapi.yaml", "/metrics/"] {
        let answer = app.answer(app.http.get(format!("{}{path}", app.ops))).await;
        assert_eq!(answer.code(), "not-found", "ops {path}");
    }
}

#[tokio::test]
async fn room_keys_are_decoded_once_and_what_could_be_a_path_is_refused() {
    let app = TestApp::spawn().await;
    let token = app.token(User::Ada);
    for key in [
        "..%2f..%2fv1",
        "%2e%2e",
        "a%2fb",
        "a%5cb",
        "a%252fb",
        "%00",
        "a%0d%0ab",
        "a%20b",
        "%C3%A9",
        "%ff",
        "a%25b",
        "a;b",
        "a%3fb",
        "a%23b",
        &"k".repeat(129),
    ] {
        // By hand: a client library would rewrite some of these.
        let request = format!(
            "POST /v1/rooms/{key}/join HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
        );
        let answer = crate::support::socket::exchange(&app.public, request).await;
        let status = crate::support::socket::status_of(&answer);
        assert_eq!(status, 400, "{key} {answer}");
        assert!(
            answer.contains(r#""code":"invalid-room-key""#),
            "{key} {answer}"
        );
    }
    assert_eq!(app.upstream_calls(), 0);
    let encoded = app.join(&token, "%63ourse-101").await;
    assert_eq!(encoded.json()["room"]["key"], "course-101");
}

#[tokio::test]
async fn a_method_that_is_not_offered_is_told_those_that_are() {
    let app = TestApp::spawn().await;
    for (method, path, allow) in [
        (Method::GET, "/v1/rooms/course-101/join", "POST"),
        (Method::PUT, "/v1/rooms/course-101/join", "POST"),
        (Method::OPTIONS, "/v1/rooms/course-101/join", "POST"),
        (Method::POST, "/v1/rooms/course-101", "GET, HEAD"),
        (Method::DELETE, "/v1/me", "GET, HEAD"),
        (Method::TRACE, "/v1/me", "GET, HEAD"),
        (Method::POST, "/healthz", "GET, HEAD"),
        (Method::POST, "/readyz", "GET, HEAD"),
        (Method::PATCH, "/docs", "GET, HEAD"),
        (Method::POST, "/openapi.yaml", "GET, HEAD"),
    ] {
        let request = app
            .http
            .request(method.clone(), format!("{}{path}", app.public));
        let refused = app.answer(request).await;
        assert_eq!(
            (
                refused.status,
                refused.code().as_str(),
                refused.header("allow")
            ),
            (405, "method-not-allowed", allow),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn an_answer_that_the_caller_does_not_accept_is_not_made() {
    let app = TestApp::spawn().await;
    let token = app.token(User::Ada);
    let accepting = async |accept: &str| {
        let request = app
            .http
            .post(app.join_url("course-101"))
            .bearer_auth(&token)
            .header("accept", accept);
        app.answer(request).await
    };
    for accept in [
        "text/html",
        "application/xml",
        "application/json;q=0",
        "text/*, image/png",
    ] {
        let refused = accepting(accept).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (406, "not-acceptable"),
            "{accept}"
        );
    }
    assert_eq!(app.upstream_calls(), 0);
    for accept in [
        "*/*",
        "application/*",
        "text/html, application/json;q=0.1",
        "application/problem+json",
        "APPLICATION/JSON",
    ] {
        assert_eq!(accepting(accept).await.status, 200, "{accept}");
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let app = TestApp::spawn().await;
    for (base, path) in [
        (&app.public, "/healthz"),
        (&app.public, "/readyz"),
        (&app.public, "/docs"),
        (&app.public, "/openapi.yaml"),
        (&app.ops, "/metrics"),
        (&app.ops, "/healthz"),
    ] {
        let url = format!("{base}{path}");
        let got = app.answer(app.http.get(&url)).await;
        let headed = app.answer(app.http.head(&url)).await;
        assert_eq!((got.status, headed.status), (200, 200), "{path}");
        assert!(!got.text.is_empty() && headed.text.is_empty(), "{path}");
        assert_eq!(
            headed.header("content-type"),
            got.header("content-type"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn health_and_readiness_answer_on_both_listeners() {
    let app = TestApp::spawn().await;
    for base in [&app.public, &app.ops] {
        let alive = app.answer(app.http.get(format!("{base}/healthz"))).await;
        assert_eq!(
            (alive.status, alive.json()),
            (200, json!({ "status": "ok" }))
        );
        let ready = app.answer(app.http.get(format!("{base}/readyz"))).await;
        assert_eq!(
            (ready.status, ready.json()),
            (
                200,
                json!({ "status": "ready", "checks": { "identity_providers": "ok", "state": "ok" } })
            )
        );
    }
}

#[tokio::test]
async fn behind_a_proxys_path_only_that_path_is_served() {
    let app = TestApp::spawn_with(|setup| {
        setup.config("[public]\npath_prefix = \"/video/calls\"");
    })
    .await;
    let token = app.token(User::Ada);
    let url = format!("{}/video/calls/v1/rooms/course-101/join", app.public);
    let joined = app.answer(app.http.post(url).bearer_auth(&token)).await;
    assert_eq!(joined.status, 200, "{joined:?}");
    let missed = app.join(&token, "course-101").await;
    assert_eq!(missed.code(), "not-found");
    let refused = app
        .answer(app.http.put(format!("{}/video/calls/v1/me", app.public)))
        .await;
    assert_eq!(refused.code(), "method-not-allowed");
    let docs = app
        .answer(app.http.get(format!("{}/video/calls/docs", app.public)))
        .await;
    assert_eq!(docs.status, 200);
    let joins = app
        .metric(r#"room_broker_http_requests_total{listener="public",route="join",status="200"}"#)
        .await;
    assert_eq!(joins, 1);
}
