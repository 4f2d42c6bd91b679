//! Whom a backend bars gets no token, by any way, until the time that it said.

use std::time::Duration;

use reqwest::Method;
use room_broker::clock::Clock;
use room_broker::metrics::Metrics;
use room_broker::simulator::Moment;
use room_broker::simulator::identity_provider::User;
use room_broker::state::{Parameters, State};
use serde_json::{Value, json};

use super::{Backend, almighty, app_with};
use crate::support::{START, TestApp, until};

const BAN: (Method, &str) = (Method::PUT, "/v1/denials/ban-1");

fn in_a_minute() -> u64 {
    START.seconds() + 60
}

/// The user's issuer and subject, as a denial names them.
async fn person(app: &TestApp, user: User) -> (Value, Value) {
    let me = app.http.get(format!("{}/v1/me", app.public));
    let me = app.answer(me.bearer_auth(app.token(user))).await.json();
    (me["issuer"].clone(), me["subject"].clone())
}

#[tokio::test]
async fn whoever_is_barred_gets_no_token_until_the_denial_ends() {
    let (app, key) = almighty().await;
    let token = app.token(User::Ada);
    assert_eq!(app.join(&token, "course-101").await.status, 200);
    let (issuer, subject) = person(&app, User::Ada).await;
    let body = json!({
        "issuer": issuer, "subject": subject, "room": "course-101", "until": in_a_minute()
    });
    let barred = app.do_as(&key, BAN, &body).await;
    assert_eq!(barred.status, 200, "{barred:?}");
    let mut expected = body.clone();
    expected["id"] = json!("ban-1");
    assert_eq!(barred.json(), expected);

    let refused = app.join(&token, "course-101").await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (403, "forbidden")
    );
    let read = app.read_room(User::Ada, "course-101").await;
    assert_eq!((read.status, read.code().as_str()), (403, "forbidden"));
    let other = app.join(&app.token(User::Ben), "course-101").await;
    assert_eq!(other.status, 200, "another person enters");

    app.hand.advance(Duration::from_secs(60));
    assert_eq!(app.join(&token, "course-101").await.status, 200);
    let gone = app.do_as(&key, (Method::GET, BAN.1), &Value::Null).await;
    assert_eq!((gone.status, gone.code().as_str()), (404, "not-found"));
}

#[tokio::test]
async fn whoever_is_barred_while_their_room_is_made_gets_no_token_for_it() {
    let (app, key) = almighty().await;
    let (_, subject) = person(&app, User::Ada).await;
    let controls = app.upstream.controls();
    controls.close_gate("create_room", Moment::BeforeEffect);
    let mut crowd = app.crowd(&app.token(User::Ada), "course-101", 1);
    controls.until_waiting("create_room", 1).await;
    let body = json!({ "user_id": subject, "until": in_a_minute() });
    assert_eq!(app.do_as(&key, BAN, &body).await.status, 200);
    controls.open_gate("create_room");
    let refused = crowd.remove(0).await.unwrap();
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (403, "forbidden")
    );
    assert_eq!(app.upstream.creations(), 1);
}

#[tokio::test]
async fn a_denial_everywhere_bars_from_every_room_and_can_be_lifted() {
    let (app, key) = almighty().await;
    let (_, subject) = person(&app, User::Ada).await;
    let body = json!({ "user_id": subject, "until": in_a_minute() });
    assert_eq!(app.do_as(&key, BAN, &body).await.status, 200);
    let token = app.token(User::Ada);
    assert_eq!(app.join(&token, "course-101").await.status, 403);
    let links = json!({ "create": true, "participants": [
        { "id": subject, "role": "attendee" }, { "id": "somebody", "role": "attendee" }
    ] });
    let path = "/v1/rooms/course-102/join-links";
    let linked = app.do_as(&key, (Method::POST, path), &links).await.json();
    assert_eq!(
        linked["results"][0]["problem"]["code"], "forbidden",
        "{linked}"
    );
    assert!(linked["results"][1]["join_url"].is_string(), "{linked}");

    let lifted = app.do_as(&key, (Method::DELETE, BAN.1), &Value::Null).await;
    assert_eq!(lifted.status, 204);
    assert_eq!(app.join(&token, "course-101").await.status, 200);
    let again = app.do_as(&key, (Method::DELETE, BAN.1), &Value::Null).await;
    assert_eq!(again.status, 404);
}

#[tokio::test]
async fn a_backend_of_some_rooms_bars_nobody_elsewhere_and_sees_no_other_denials() {
    let all = Backend::that_may(&["*"]);
    let some = Backend::that_may(&["denials:*"]).with("rooms = [\"course-{course}\"]");
    let app = app_with(&[&all, &some], "").await;
    let body = |room: Value| json!({ "user_id": "u", "room": room, "until": in_a_minute() });
    for room in [json!("lobby"), Value::Null] {
        let refused = app.do_as(&some.key(), BAN, &body(room.clone())).await;
        assert_eq!(refused.code(), "forbidden", "{room}");
        assert_eq!(app.do_as(&all.key(), BAN, &body(room)).await.status, 200);
        for method in [Method::GET, Method::DELETE] {
            let refused = app.do_as(&some.key(), (method, BAN.1), &Value::Null).await;
            assert_eq!(refused.code(), "forbidden");
        }
        let over = app.do_as(&some.key(), BAN, &body(json!("course-1"))).await;
        assert_eq!(over.code(), "forbidden", "it is not theirs to replace");
    }
    let ours = (Method::PUT, "/v1/denials/ban-2");
    let put = app.do_as(&some.key(), ours, &body(json!("course-1"))).await;
    assert_eq!(put.status, 200);
    for (key, ids) in [
        (some.key(), vec!["ban-2"]),
        (all.key(), vec!["ban-1", "ban-2"]),
    ] {
        let list = app.ask(&key, "/v1/denials").await.json();
        let data = list["data"].as_array().unwrap();
        let seen: Vec<&str> = data.iter().map(|d| d["id"].as_str().unwrap()).collect();
        assert_eq!(seen, ids);
    }
}

#[tokio::test]
async fn a_denial_that_makes_no_sense_is_refused_by_the_name_of_its_member() {
    let (app, key) = almighty().await;
    let until = in_a_minute();
    for (body, member) in [
        (json!({ "until": until }), "user_id"),
        (json!({ "issuer": "x", "until": until }), "subject"),
        (json!({ "subject": "x", "until": until }), "issuer"),
        (
            json!({ "issuer": "x", "subject": "y", "user_id": "z", "until": until }),
            "user_id",
        ),
        (json!({ "user_id": "", "until": until }), "user_id"),
        (
            json!({ "issuer": "x", "subject": "", "until": until }),
            "subject",
        ),
        (
            json!({ "user_id": "u", "room": "/", "until": until }),
            "room",
        ),
        (json!({ "user_id": "u" }), "until"),
    ] {
        let refused = app.do_as(&key, BAN, &body).await;
        assert_eq!(refused.code(), "invalid-field", "{body}");
        assert_eq!(refused.json()["member"], member, "{body}");
    }
    let ended = json!({ "user_id": "u", "until": START.seconds() });
    let refused = app.do_as(&key, BAN, &ended).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (409, "denial-ended")
    );
    let unknown = json!({ "user_id": "u", "until": until, "why": "x" });
    assert_eq!(
        app.do_as(&key, BAN, &unknown).await.code(),
        "unknown-member"
    );
    for id in ["a%20b", "a".repeat(65).as_str()] {
        let path = format!("/v1/denials/{id}");
        let refused = app.do_as(&key, (Method::GET, &path), &Value::Null).await;
        assert_eq!(refused.code(), "invalid-field", "{id}");
    }
}

#[tokio::test]
async fn a_denial_in_a_file_holds_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let file = format!("[state]\nfile = \"{}\"\n", path.display());
    let backend = Backend::that_may(&["*"]);
    let mut app = app_with(&[&backend], &file).await;
    let (_, subject) = person(&app, User::Ada).await;
    let body = json!({ "user_id": subject, "until": in_a_minute() });
    assert_eq!(app.do_as(&backend.key(), BAN, &body).await.status, 200);
    app.running.stop().await.unwrap();
    drop(app);
    let parameters = Parameters::Embedded { file: Some(path) };
    until("the file is free", async || {
        State::open(&parameters, Clock::system(), Metrics::default()).is_ok()
    })
    .await;
    let app = app_with(&[&backend], &file).await;
    let refused = app.join(&app.token(User::Ada), "course-101").await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (403, "forbidden")
    );
}
