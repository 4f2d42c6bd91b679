//! What hangs on upstream beside joins: how it fails, and what goes on.

use reqwest::Method;
use room_broker::simulator::identity_provider::User;
use serde_json::{Value, json};

use super::ways::{CANARY, Failing, every_way};
use super::{NOT_FRESH, message};
use crate::internal::{Backend, app_with};
use crate::webhooks::{receiving, today};

/// Long enough for 10 MB on a busy machine, and no breaker.
const ONE_TRY: &str =
    "[digital_samba]\nrequest_timeout = \"2s\"\nretries_max = 0\nbreaker_failures = 1000\n";

const ROOM: &str = "/v1/rooms/course-101";

#[tokio::test]
async fn through_every_fault_backends_read_our_own_words_and_what_is_known_stays_known() {
    // What upstream rejects is the backend's to mend, and told as such.
    let not_rejected = |failing: &Failing| failing.code != "upstream-rejected";
    for failing in every_way().into_iter().filter(not_rejected) {
        let name = failing.name;
        let backend = Backend::that_may(&["*"]);
        let (app, key) = (app_with(&[&backend], ONE_TRY).await, backend.key());
        let ada = app.token(User::Ada);
        assert_eq!(app.join(&ada, "course-101").await.status, 200);
        app.upstream.controls().fail("*", failing.fault);
        let body = json!({ "settings": { "max_participants": 9 } });
        for (method, body) in [
            (Method::PUT, &body),
            (Method::PATCH, &body),
            (Method::DELETE, &Value::Null),
        ] {
            let told = app.do_as(&key, (method.clone(), ROOM), body).await;
            assert_eq!(
                (told.status, told.code().as_str()),
                (failing.status, failing.code),
                "{name} {method}"
            );
            assert!(!format!("{told:?}").contains(CANARY), "{name} {told:?}");
        }
        assert_eq!(app.join(&ada, "course-101").await.status, 200, "{name}");
        // Others are no better: traffic stays here.
        let ready = app.http.get(format!("{}/readyz", app.ops));
        assert_eq!(app.answer(ready).await.status, 200, "{name}");
    }
}

#[tokio::test]
async fn through_every_fault_no_count_is_told_and_no_room_is_full() {
    // What spoils the record of a room leaves a count as it is.
    let spoils_any_answer = |failing: &Failing| !failing.name.contains("another");
    for failing in every_way().into_iter().filter(spoils_any_answer) {
        let (app, _) = receiving(ONE_TRY).await;
        app.room_id("course-101").await;
        app.upstream
            .controls()
            .fail("get_room_live_participants", failing.fault);
        let told = app.live_count("course-101").await;
        assert_eq!(told, Value::Null, "{}", failing.name);
        for number in 0..5 {
            let student = app.student(&format!("s{number}"));
            let joined = app.join(&student, "course-101").await;
            assert_eq!(joined.status, 200, "{} {joined:?}", failing.name);
        }
    }
}

#[tokio::test]
async fn an_upstream_that_lost_its_rooms_is_given_them_again_by_who_may() {
    let backend = Backend::that_may(&["*"]);
    let (app, key) = (app_with(&[&backend], "").await, backend.key());
    let (ada, ben) = (app.token(User::Ada), app.token(User::Ben));
    let first = app.join(&ada, "course-101").await.json();
    let id = first["room"]["id"].as_str().unwrap();
    assert!(app.upstream.delete_room(id));
    // It is remembered for a while: nobody told.
    assert_eq!(app.join(&ben, "course-101").await.status, 200);
    app.hand.advance(NOT_FRESH);
    assert_eq!(app.join(&ben, "course-101").await.code(), "forbidden");
    let body = json!({ "settings": { "max_participants": 9 } });
    let gone = app.do_as(&key, (Method::PATCH, ROOM), &body);
    assert_eq!(gone.await.code(), "no-such-room");
    let again = app.join(&ada, "course-101").await.json();
    assert_eq!(again["room"]["created"], true);
    assert_ne!(again["room"]["id"], first["room"]["id"]);
    assert_eq!(app.join(&ben, "course-101").await.status, 200);
    // Where upstream says so in its own words, they are not ours.
    app.upstream.controls().fail("get_room", message(404, &[]));
    app.hand.advance(NOT_FRESH);
    let told = app.join(&ben, "course-101").await;
    assert!(!told.text.contains(CANARY), "{told:?}");
}

#[tokio::test]
async fn through_every_fault_a_room_that_became_doubtful_is_served_on() {
    for failing in every_way() {
        let (app, _) = receiving(ONE_TRY).await;
        let id = app.room_id("course-101").await;
        app.upstream.controls().fail("*", failing.fault);
        let doubt = today("room_locked", &id, &json!({}));
        assert_eq!(app.tell(&doubt).await.status, 204);
        let joined = app.join(&app.token(User::Ada), "course-101").await;
        assert_eq!(joined.status, 200, "{} {joined:?}", failing.name);
        assert_eq!(joined.json()["room"]["id"], id.as_str());
    }
}
