//! Upstream fails in every way that it can.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use room_broker::digital_samba::{Answer as Shape, Operation};
use room_broker::simulator::identity_provider::User;
use room_broker::simulator::{Fault, FaultKind};

use crate::support::Answer;

use super::app_for_all;
use super::raw_upstream::{Conduct, RawUpstream};

const ID: &str = "5f0c2b1e-7a44-4d0e-9b55-3e6c1d8a9f21";
const CANARY: &str = "canary-of-upstream";

#[track_caller]
fn assert_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (status, code),
        "{answer:?}"
    );
    assert!(!answer.text.contains(CANARY), "{answer:?}");
}

fn http(head: &str, body: &str) -> Conduct {
    Conduct::Answer(format!("HTTP/1.1 {head}\r\nconnection: close\r\n\r\n{body}").into_bytes())
}

#[tokio::test]
async fn an_answer_that_is_none_is_a_clear_problem() {
    let json = "content-type: application/json";
    for (conduct, status, code) in [
        (
            http("200 OK\r\ncontent-type: text/html", CANARY),
            502,
            "upstream-malformed",
        ),
        (
            http(&format!("200 OK\r\n{json}"), ""),
            502,
            "upstream-malformed",
        ),
        (
            http(&format!("200 OK\r\n{json}"), "{\"a\":"),
            502,
            "upstream-malformed",
        ),
        (
            http(&format!("200 OK\r\n{json}\r\ncontent-length: 99"), "{}"),
            502,
            "upstream-malformed",
        ),
        (
            http("302 Found\r\nlocation: http://x", ""),
            502,
            "upstream-malformed",
        ),
        (http("401 No", CANARY), 502, "upstream-refused"),
        (http("403 No", CANARY), 502, "upstream-refused"),
        (http("500 No", CANARY), 503, "upstream-unavailable"),
        (
            http("503 No\r\nretry-after: 7", CANARY),
            503,
            "upstream-unavailable",
        ),
        (http("504 No", CANARY), 504, "upstream-timeout"),
        (Conduct::Answer(Vec::new()), 503, "upstream-unavailable"),
        (
            Conduct::Answer(b"nonsense".to_vec()),
            503,
            "upstream-unavailable",
        ),
        (Conduct::Stop(String::new()), 504, "upstream-timeout"),
    ] {
        let upstream = RawUpstream::start(conduct).await;
        let (app, key) = upstream.app("[gateway]\nanswer_timeout = \"1s\"").await;
        // Answers whose secrets are masked, that are read for their count, and that are told as
        // they came.
        for path in ["/rooms", "/recordings", "/statistics/current"] {
            let answer = app.api(&key, Method::GET, path).await;
            assert_problem(&answer, status, code);
        }
    }
}

/// Operations whose answer may be of whatever type upstream says.
fn texts_and_files() -> impl Iterator<Item = (Method, String)> {
    let all = Operation::all().iter();
    let texts = all.filter(|operation| match operation.answer {
        Shape::Text | Shape::Export | Shape::Template => true,
        Shape::Page | Shape::Object | Shape::Array | Shape::Empty => false,
    });
    texts.map(|operation| {
        let segments = operation.path.split('/').map(|segment| {
            let is_parameter = segment.starts_with('{');
            if is_parameter { ID } else { segment }
        });
        let method = Method::from_bytes(operation.method.as_str().as_bytes());
        (method.unwrap(), segments.collect::<Vec<_>>().join("/"))
    })
}

#[tokio::test]
async fn a_text_or_a_file_that_is_none_is_a_clear_problem() {
    for (conduct, status, code) in [
        (
            http("200 OK\r\ncontent-type: text/html; charset=utf-8", CANARY),
            502,
            "upstream-malformed",
        ),
        (
            http("200 OK\r\ncontent-type: Text/HTML", CANARY),
            502,
            "upstream-malformed",
        ),
        (
            http("502 No\r\ncontent-type: text/html", CANARY),
            503,
            "upstream-unavailable",
        ),
        (Conduct::Answer(Vec::new()), 503, "upstream-unavailable"),
        (Conduct::Stop(String::new()), 504, "upstream-timeout"),
    ] {
        let upstream = RawUpstream::start(conduct).await;
        let more =
            "breaker_failures = 100\n[gateway]\nanswer_timeout = \"1s\"\nconcurrency_max = 100";
        let (app, key) = upstream.app(more).await;
        let calls = texts_and_files().map(|(method, path)| {
            let request = app.api_request(&key, method, &path);
            app.answer(request)
        });
        let answers = join_all(calls).await;
        assert!(answers.len() > 20);
        for answer in answers {
            assert_problem(&answer, status, code);
        }
    }
}

#[tokio::test]
async fn a_json_answer_that_stops_in_the_middle_ends_by_itself() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{";
    let broken_off = Conduct::Zeros(head.to_owned(), 0);
    let silent = Conduct::Stop(head.to_owned());
    for (conduct, status, code) in [
        (broken_off, 502, "upstream-malformed"),
        (silent, 504, "upstream-timeout"),
    ] {
        let upstream = RawUpstream::start(conduct).await;
        let (app, key) = upstream.app("[gateway]\nidle_timeout = \"1s\"").await;
        let answer = app.api(&key, Method::GET, "/rooms").await;
        assert_problem(&answer, status, code);
    }
}

#[tokio::test]
async fn half_a_file_never_looks_whole() {
    for length in [
        "content-length: 1000000\r\n",
        "transfer-encoding: chunked\r\n",
    ] {
        let body = "00010\r\n0123456789abcdef\r\n";
        let head = format!("200 OK\r\ncontent-type: text/plain\r\n{length}")
            .trim_end()
            .to_owned();
        let upstream = RawUpstream::start(http(&head, body)).await;
        let (app, key) = upstream.app("").await;
        let path = format!("/rooms/{ID}/chat/export");
        let answer = app
            .api_request(&key, Method::GET, &path)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        assert!(answer.bytes().await.is_err(), "{length}");
    }
}

#[tokio::test]
async fn what_upstream_says_is_wrong_is_told_as_it_says_it() {
    let (app, key) = app_for_all("").await;
    let answer = app.api(&key, Method::GET, "/rooms/nowhere").await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.json()["error"], "not-found");
    let body = serde_json::json!({ "privacy": "private", "friendly_url": "a/b" });
    let answer = app.api_with(&key, Method::POST, "/rooms", &body).await;
    assert_eq!(answer.status, 422);
    assert!(
        answer.json()["errors"]["friendly_url"].is_array(),
        "{answer:?}"
    );

    // A web page in the place of the message is not passed on.
    let upstream = RawUpstream::start(http("404 No\r\ncontent-type: text/html", CANARY)).await;
    let (app, key) = upstream.app("").await;
    let answer = app.api(&key, Method::GET, "/rooms").await;
    assert_eq!(answer.status, 404);
    assert!(answer.json()["message"].is_string() && !answer.text.contains(CANARY));
}

#[tokio::test]
async fn too_many_requests_says_when_to_come_back_even_where_upstream_does_not() {
    for (said, told) in [
        (Some("7"), "7"),
        (
            Some("Wed, 21 Oct 2026 07:28:00 GMT"),
            "Wed, 21 Oct 2026 07:28:00 GMT",
        ),
        (None, "10"),
    ] {
        let (app, key) = app_for_all("").await;
        let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        headers.extend(said.map(|said| ("retry-after".to_owned(), said.to_owned())));
        let fault = Fault::new(FaultKind::Answer {
            status: 429,
            headers,
            body: r#"{"message":"Slowly.","error":"rate-limit"}"#.to_owned(),
        });
        app.upstream.controls().fail("list_rooms", fault.times(1));
        let answer = app.api(&key, Method::GET, "/rooms").await;
        assert_eq!(
            (answer.status, answer.json()["error"].as_str()),
            (429, Some("rate-limit"))
        );
        assert_eq!(answer.header("retry-after"), told);
    }
}

#[tokio::test]
async fn the_breaker_is_shared_and_one_failing_operation_does_not_open_it() {
    let (app, key) = app_for_all("").await;
    let controls = app.upstream.controls();
    controls.fail("list_rooms", Fault::status(500));
    for _ in 0..20 {
        assert_eq!(
            app.api(&key, Method::GET, "/rooms").await.code(),
            "upstream-unavailable"
        );
    }
    assert_eq!(
        app.join(&app.token(User::Ada), "course-101").await.status,
        200
    );
    controls.clear_faults("list_rooms");
    controls.fail("list_rooms", Fault::status(503));
    for _ in 0..5 {
        app.api(&key, Method::GET, "/rooms").await;
    }
    let calls = app.upstream_calls();
    assert_eq!(
        app.api(&key, Method::GET, "/roles").await.code(),
        "upstream-unavailable"
    );
    assert_eq!(
        app.join(&app.token(User::Ada), "course-102").await.status,
        403
    );
    assert_eq!(app.upstream_calls(), calls);
    controls.clear_faults("list_rooms");
    app.hand.advance(Duration::from_secs(11));
    assert_eq!(app.api(&key, Method::GET, "/roles").await.status, 200);
}
