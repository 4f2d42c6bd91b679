//! The same request twice, under one `Idempotency-Key`.

use reqwest::Method;
use room_broker::simulator::Moment;
use serde_json::{Value, json};

use super::{Backend, app_with};
use crate::support::{Answer, TestApp};

const LINKS: (Method, &str) = (Method::POST, "/v1/rooms/course-101/join-links");
const ROOM: &str = "/v1/rooms/course-101";

async fn keyed(
    app: &TestApp,
    key: &str,
    what: (Method, &str),
    (id, body): (&str, &Value),
) -> Answer {
    let request = app.call(key, what, body).header("idempotency-key", id);
    app.answer(request).await
}

fn people(id: &str) -> Value {
    json!({ "participants": [{ "id": id }] })
}

#[tokio::test]
async fn the_same_request_is_answered_alike_and_another_is_refused() {
    let (one, other) = (Backend::that_may(&["*"]), Backend::that_may(&["*"]));
    let app = app_with(&[&one, &other], "").await;
    app.put_room("course-101");
    let key = one.key();
    let first = keyed(&app, &key, LINKS, ("k1", &people("a"))).await;
    assert_eq!(first.status, 200, "{first:?}");
    // A new token would have another time.
    app.hand.advance(std::time::Duration::from_secs(30));
    let again = keyed(&app, &key, LINKS, ("k1", &people("a"))).await;
    assert_eq!(again.text, first.text);
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(first.header("idempotent-replayed"), "");
    let reused = keyed(&app, &key, LINKS, ("k1", &people("b"))).await;
    assert_eq!(reused.code(), "idempotency-key-reused");
    let elsewhere = keyed(&app, &key, (Method::PUT, ROOM), ("k1", &people("a"))).await;
    assert_eq!(elsewhere.code(), "unknown-member");

    let others = keyed(&app, &other.key(), LINKS, ("k1", &people("b"))).await;
    assert_eq!(others.status, 200);
    let without = app.do_as(&key, LINKS, &people("a")).await;
    assert_ne!(without.text, first.text);
    app.hand.advance(std::time::Duration::from_secs(24 * 3600));
    let later = keyed(&app, &key, LINKS, ("k1", &people("b"))).await;
    assert_eq!(later.status, 200, "{later:?}");
}

#[tokio::test]
async fn while_it_is_under_way_the_same_request_is_a_conflict() {
    let backend = Backend::that_may(&["*"]);
    let app = app_with(&[&backend], "").await;
    let key = backend.key();
    let controls = app.upstream.controls();
    controls.close_gate("create_room", Moment::BeforeEffect);
    let put = app.call(&key, (Method::PUT, ROOM), &json!({}));
    let put = put.header("idempotency-key", "k");
    let first = tokio::spawn(async move { Answer::of(put.send().await.unwrap()).await });
    controls.until_waiting("create_room", 1).await;
    let second = keyed(&app, &key, (Method::PUT, ROOM), ("k", &json!({}))).await;
    assert_eq!(second.code(), "idempotency-key-in-use");
    assert_eq!(second.header("retry-after"), "1");
    let settings = json!({ "settings": { "max_participants": 5 } });
    let other = keyed(&app, &key, (Method::PUT, ROOM), ("k", &settings)).await;
    assert_eq!(other.code(), "idempotency-key-reused");
    controls.open_gate("create_room");
    let first = first.await.unwrap();
    assert_eq!(first.json()["created"], true);
    let again = keyed(&app, &key, (Method::PUT, ROOM), ("k", &json!({}))).await;
    assert_eq!(again.text, first.text);
    assert_eq!(app.upstream.creations(), 1);
}

#[tokio::test]
async fn a_failure_may_be_tried_again_under_the_same_key() {
    let backend = Backend::that_may(&["*"]);
    let app = app_with(&[&backend], "").await;
    let key = backend.key();
    let failed = keyed(&app, &key, LINKS, ("k", &people("a"))).await;
    assert_eq!(failed.code(), "no-such-room");
    app.put_room("course-101");
    app.hand.advance(std::time::Duration::from_secs(10));
    let done = keyed(&app, &key, LINKS, ("k", &people("a"))).await;
    assert_eq!(done.status, 200, "{done:?}");
    for id in ["", "a b", &"x".repeat(256)] {
        let answer = keyed(&app, &key, LINKS, (id, &people("a"))).await;
        assert_eq!(answer.code(), "bad-request", "{id:?}");
    }
}
