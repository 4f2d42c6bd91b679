//! Browsers: an exact list of origins, on failures and preflights too.

use reqwest::Method;
use room_broker::simulator::identity_provider::User;

use crate::support::{Answer, TestApp};

const LISTED: &str = "https://app.school.example";

/// What a page of an origin gets when it asks.
async fn ask(app: &TestApp, origin: &str, method: Method, path: &str) -> Answer {
    let url = format!("{}{path}", app.public);
    let request = app.http.request(method, url).header("origin", origin);
    app.answer(request).await
}

fn preflight(app: &TestApp, origin: &str) -> reqwest::RequestBuilder {
    app.http
        .request(Method::OPTIONS, app.join_url("course-101"))
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "authorization,content-type",
        )
}

#[tokio::test]
async fn a_listed_origin_may_read_the_answer_and_the_fields_that_tell_of_limits() {
    let app = TestApp::spawn().await;
    let request = app
        .http
        .post(app.join_url("course-101"))
        .bearer_auth(app.token(User::Ada))
        .header("origin", LISTED);
    let joined = app.answer(request).await;
    assert_eq!(joined.status, 200);
    assert_eq!(joined.header("access-control-allow-origin"), LISTED);
    assert_eq!(joined.header("access-control-allow-credentials"), "");
    let exposed = joined
        .header("access-control-expose-headers")
        .to_lowercase();
    for field in [
        "x-request-id",
        "retry-after",
        "ratelimit",
        "ratelimit-policy",
    ] {
        assert!(exposed.split(", ").any(|name| name == field), "{exposed}");
    }
    assert!(joined.header("vary").to_lowercase().contains("origin"));
}

#[tokio::test]
async fn failures_of_every_kind_can_be_read_by_a_listed_origin() {
    let app = TestApp::spawn().await;
    for (method, path, status) in [
        (Method::POST, "/v1/rooms/course-101/join", 401),
        (Method::GET, "/v1/me", 401),
        (Method::GET, "/nowhere", 404),
        (Method::GET, "/v1/rooms/course-101/join", 405),
        (Method::DELETE, "/v1/me", 405),
    ] {
        let refused = ask(&app, LISTED, method, path).await;
        assert_eq!(refused.status, status, "{path} {refused:?}");
        assert_eq!(
            refused.header("access-control-allow-origin"),
            LISTED,
            "{path}"
        );
        assert!(
            refused.header("vary").to_lowercase().contains("origin"),
            "{path}"
        );
        refused.code();
    }
    let request = app
        .http
        .get(format!("{}/v1/me", app.public))
        .header("origin", LISTED)
        .header("x-padding", "x".repeat(40_000));
    let too_large = app.answer(request).await;
    assert_eq!(too_large.code(), "headers-too-large");
    assert_eq!(too_large.header("access-control-allow-origin"), LISTED);
}

#[tokio::test]
async fn an_origin_that_is_not_listed_gets_no_permission_whatever_it_looks_like() {
    let app = TestApp::spawn().await;
    for origin in [
        "https://evil.example",
        "null",
        "http://app.school.example",
        "https://app.school.example:8443",
        "https://app.school.example.evil.example",
        "https://evilapp.school.example",
        "https://APP.school.example",
        "https://app.school.example/",
        "*",
    ] {
        for path in ["/v1/me", "/healthz", "/nowhere"] {
            let answer = ask(&app, origin, Method::GET, path).await;
            assert_eq!(
                answer.header("access-control-allow-origin"),
                "",
                "{origin} {path}"
            );
            assert!(
                answer.header("vary").to_lowercase().contains("origin"),
                "{origin} {path}"
            );
        }
        let refused = app.answer(preflight(&app, origin)).await;
        assert_eq!(refused.status, 400, "{origin} {refused:?}");
        assert_eq!(refused.header("access-control-allow-origin"), "");
        refused.code();
    }
}

#[tokio::test]
async fn a_preflight_of_a_listed_origin_is_answered_without_a_credential() {
    let app = TestApp::spawn().await;
    let allowed = app.answer(preflight(&app, LISTED)).await;
    assert_eq!((allowed.status, allowed.text.as_str()), (200, ""));
    assert_eq!(allowed.header("access-control-allow-origin"), LISTED);
    assert_eq!(allowed.header("access-control-max-age"), "600");
    assert_eq!(allowed.header("access-control-allow-credentials"), "");
    let methods = allowed.header("access-control-allow-methods");
    assert!(methods.contains("POST") && methods.contains("GET") && !methods.contains("DELETE"));
    let headers = allowed
        .header("access-control-allow-headers")
        .to_lowercase();
    assert!(headers.contains("authorization") && headers.contains("content-type"));
    assert!(!headers.contains('*'));
    for field in ["origin", "access-control-request-method"] {
        assert!(allowed.header("vary").to_lowercase().contains(field));
    }
}

#[tokio::test]
async fn a_preflight_for_another_method_or_header_is_refused() {
    let app = TestApp::spawn().await;
    for (method, header) in [("DELETE", "authorization"), ("POST", "x-evil")] {
        let request = app
            .http
            .request(Method::OPTIONS, app.join_url("course-101"))
            .header("origin", LISTED)
            .header("access-control-request-method", method)
            .header("access-control-request-headers", header);
        let refused = app.answer(request).await;
        assert_eq!(refused.status, 400, "{method} {header}");
        refused.code();
    }
}

#[tokio::test]
async fn the_ops_listener_grants_no_origin_anything() {
    let app = TestApp::spawn().await;
    for path in ["/metrics", "/healthz"] {
        let request = app
            .http
            .get(format!("{}{path}", app.ops))
            .header("origin", LISTED);
        let answer = app.answer(request).await;
        assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
    }
}
