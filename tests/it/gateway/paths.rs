//! Paths: exact, or refused before anything else.

use reqwest::Method;

use crate::support::socket::{exchange, status_of};

use super::app_for_all;

#[tokio::test]
async fn whatever_could_be_read_in_two_ways_is_refused_before_anything_else() {
    let (app, key) = app_for_all("").await;
    app.put_room("course-101");
    for path in [
        "/rooms/..",
        "/rooms/../roles",
        "/../v1/rooms",
        "/rooms/.",
        "/rooms/./live",
        "/rooms/%2e%2e/roles",
        "/rooms/%2E%2E",
        "/rooms/..%2froles",
        "/rooms/course-101%2flive",
        "/rooms/course-101%5Clive",
        "/rooms/course-101%00",
        "/rooms/course-101%0d%0aHost:%20x",
        "/rooms/%252e%252e",
        "/rooms/course-101%252flive",
        "/rooms//course-101",
        "//rooms",
        "/rooms/course-101;x=y",
        "/rooms/%ff",
        "/rooms/%",
        "/rooms/%c0%ae%c0%ae",
    ] {
        for authorization in [format!("authorization: Bearer {key}\r\n"), String::new()] {
            let request = format!(
                "GET /api/v1{path} HTTP/1.1\r\nhost: x\r\n{authorization}connection: close\r\n\r\n"
            );
            let answer = exchange(&app.internal, request).await;
            assert_eq!(status_of(&answer), 400, "{path} {answer}");
        }
    }
    assert_eq!(app.upstream_calls(), 0);
}

#[tokio::test]
async fn a_query_that_becomes_too_long_is_its_callers_fault() {
    let (app, key) = app_for_all("").await;
    // Each becomes three characters.
    let long = format!("/rooms?tag={}", "!".repeat(25_000));
    for _more_than_open_the_breaker in 0..10 {
        let answer = app.api(&key, Method::GET, &long).await;
        assert_eq!(answer.code(), "bad-request", "{answer:?}");
    }
    assert_eq!(app.upstream_calls(), 0);
    let answer = app.api(&key, Method::GET, "/rooms").await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn what_is_refused_on_the_way_is_counted_where_it_was_going() {
    let (app, key) = app_for_all("").await;
    for path in ["/api/v1", "/api/v1/rooms", "/api/v1x"] {
        for listener in [&app.internal, &app.public] {
            let huge = app.http.get(format!("{listener}{path}")).bearer_auth(&key);
            let answer = app
                .answer(huge.header("x-padding", "x".repeat(40_000)))
                .await;
            assert_eq!(answer.code(), "headers-too-large", "{path}");
        }
    }
    let metrics = app.metrics().await;
    for (listener, route, count) in [
        ("internal", "gateway", Some(2)),
        ("internal", "none", Some(1)),
        ("public", "gateway", None),
        ("public", "none", Some(3)),
    ] {
        let labels = format!(r#"listener="{listener}",route="{route}",status="431""#);
        let line = metrics.lines().find(|line| line.contains(&labels));
        let counted = line.and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
        assert_eq!(counted, count, "{labels}");
    }
}

#[tokio::test]
async fn nothing_beside_the_catalogue_is_there() {
    let (app, key) = app_for_all("").await;
    let room = app.put_room("course-101").id;
    for path in [
        "/zoom",
        "/rooms/x/breakout-rooms",
        "/sessions/x/polls/y/publish-results",
        "/rooms/x/y/z",
        "/roomss",
        "/Rooms",
        "/rooms/x/polls/y/results/z",
    ] {
        let answer = app.api(&key, Method::GET, path).await;
        assert_eq!(answer.code(), "not-found", "{path}");
    }
    for (method, path, allowed) in [
        (Method::PUT, "/rooms", "POST, GET, DELETE"),
        (Method::DELETE, "/rooms/live", "GET"),
        (Method::GET, "/rooms/tags", "DELETE"),
        (Method::POST, "", "GET, PATCH"),
        (Method::HEAD, "/rooms", "POST, GET, DELETE"),
    ] {
        let answer = app.api(&key, method, path).await;
        assert_eq!(
            (answer.status, answer.header("allow")),
            (405, allowed),
            "{path}"
        );
    }
    assert_eq!(app.upstream_calls(), 0);
    for path in ["/", "", "/rooms/", &format!("/rooms/{room}/")] {
        let answer = app.api(&key, Method::GET, path).await;
        assert_eq!(answer.status, 200, "{path:?} {answer:?}");
    }
}
