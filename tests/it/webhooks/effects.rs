//! What a delivery changes: what is remembered becomes doubtful, and nothing more.

use room_broker::simulator::identity_provider::User;
use serde_json::json;

use super::{receiving, today};
use crate::support::TestApp;

async fn join(app: &TestApp, user: User) -> crate::support::Answer {
    app.join(&app.token(user), "course-101").await
}

#[tokio::test]
async fn a_room_that_was_deleted_upstream_is_made_again_by_the_very_next_join_that_may() {
    let (app, _) = receiving("").await;
    let id = app.room_id("course-101").await;
    assert!(app.upstream.delete_room(&id));
    // Nobody told: the room is remembered.
    assert_eq!(
        join(&app, User::Ada).await.json()["room"]["id"],
        id.as_str()
    );
    let gone = today("room_deleted", &id, &json!({}));
    assert_eq!(app.tell(&gone).await.status, 204);
    let joined = join(&app, User::Ada).await.json();
    assert_eq!(joined["room"]["created"], true, "{joined}");
    assert_ne!(joined["room"]["id"], id.as_str());
}

#[tokio::test]
async fn a_room_that_was_deleted_upstream_is_closed_to_a_join_that_may_not_make_it() {
    let app = TestApp::spawn_with(|setup| {
        setup.config(&super::section("http://127.0.0.1:1", ""));
    })
    .await;
    let id = app.room_id("course-101").await;
    assert_eq!(join(&app, User::Ben).await.status, 200);
    assert!(app.upstream.delete_room(&id));
    let gone = today("room_deleted", &id, &json!({}));
    assert_eq!(app.tell(&gone).await.status, 204);
    assert_eq!(join(&app, User::Ben).await.code(), "forbidden");
}

#[tokio::test]
async fn a_role_that_was_deleted_upstream_is_seen_by_the_very_next_join_of_any_room() {
    let (app, _) = receiving("").await;
    app.room_id("course-101").await;
    let before = app.calls_of("get_room");
    let gone = json!({ "event": "role_deleted", "timestamp": "2026-09-14T13:20:00Z", "data": {} });
    assert_eq!(app.tell(&gone).await.status, 204);
    assert_eq!(join(&app, User::Ada).await.status, 200);
    assert_eq!(app.calls_of("get_room"), before + 1);
    assert_eq!(join(&app, User::Ada).await.status, 200);
    assert_eq!(app.calls_of("get_room"), before + 1);
}

#[tokio::test]
async fn a_delivery_about_a_room_that_is_not_there_does_nothing_to_one_that_is() {
    let (app, _) = receiving("").await;
    let id = app.room_id("course-101").await;
    let before = app.calls_of("*");
    let other = "5f0c2b1e-7a44-4d0e-9b55-3e6c1d8a9f21";
    for event in ["room_deleted", "session_ended", "participant_joined"] {
        let body = today(event, other, &json!({ "participantId": "p" }));
        assert_eq!(app.tell(&body).await.status, 204);
    }
    // And a lie about one that is makes it read again, and no more.
    let lie = today("room_deleted", &id, &json!({}));
    assert_eq!(app.tell(&lie).await.status, 204);
    assert_eq!(
        join(&app, User::Ada).await.json()["room"]["id"],
        id.as_str()
    );
    assert_eq!(app.calls_of("*"), before + 1);
    assert_eq!(app.upstream.creations(), 1);
}

#[tokio::test]
async fn a_hundred_copies_at_once_have_one_effect() {
    let (app, _) = receiving("").await;
    let id = app.room_id("course-101").await;
    assert_eq!(app.live_count("course-101").await, 0);
    let body = today("participant_joined", &id, &json!({ "participantId": "p1" }));
    let copies = (0..100).map(|_copy| app.tell(&body));
    for answer in futures_util::future::join_all(copies).await {
        assert_eq!(answer.status, 204);
    }
    assert_eq!(app.counted("webhook_deliveries", &["accepted"]).await, 1);
    assert_eq!(app.counted("webhook_deliveries", &["repeated"]).await, 99);
    assert_eq!(app.live_count("course-101").await, 1);
}

#[tokio::test]
async fn a_flood_of_events_while_people_join_causes_a_bounded_number_of_readings() {
    let (app, _) = receiving("").await;
    let id = app.room_id("course-101").await;
    let before = app.calls_of("*");
    for number in 0..500 {
        let body = today("room_locked", &id, &json!({ "n": number }));
        assert_eq!(app.tell(&body).await.status, 204);
        if number % 5 == 0 {
            assert_eq!(join(&app, User::Ada).await.status, 200);
        }
    }
    let readings = app.calls_of("*") - before;
    assert!((1..=10).contains(&readings), "{readings} readings");
    assert!(app.counted("webhook_effects", &["deferred"]).await >= 490);
    // What was put off is not lost: the room is read again once it may be.
    app.hand.advance(std::time::Duration::from_secs(60));
    crate::support::until("the room is read again", async || {
        join(&app, User::Ada).await;
        app.calls_of("*") > before + readings
    })
    .await;
}

#[tokio::test]
async fn a_flood_of_events_causes_no_call_by_itself() {
    let (app, _) = receiving("").await;
    let id = app.room_id("course-101").await;
    assert_eq!(app.live_count("course-101").await, 0);
    let before = app.calls_of("*");
    for number in 0..300 {
        let who = json!({ "participantId": format!("p{number}") });
        assert_eq!(
            app.tell(&today("participant_joined", &id, &who))
                .await
                .status,
            204
        );
    }
    assert_eq!(app.calls_of("*"), before);
    assert_eq!(app.live_count("course-101").await, 300);
}

#[tokio::test]
async fn while_upstream_is_down_a_room_that_became_doubtful_is_served_on() {
    let (app, _) = receiving("").await;
    let id = app.room_id("course-101").await;
    app.upstream.take_down().await.unwrap();
    let body = today("room_locked", &id, &json!({}));
    assert_eq!(app.tell(&body).await.status, 204);
    assert_eq!(
        join(&app, User::Ada).await.json()["room"]["id"],
        id.as_str()
    );
}
