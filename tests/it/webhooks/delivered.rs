//! The simulated Digital Samba delivers, well and badly: a live count goes up and down.

use std::time::Duration;

use room_broker::simulator::digital_samba::{Deliveries, Visitor};
use room_broker::simulator::identity_provider::User;
use serde_json::json;

use super::delivered;
use crate::support::{TestApp, until};

fn visitor(name: &str) -> Visitor {
    Visitor {
        external_id: Some(name.to_owned()),
        name: Some(name.to_owned()),
        role: "attendee".to_owned(),
        initials: None,
    }
}

async fn deliveries(app: &TestApp) -> u64 {
    let accepted = app.counted("webhook_deliveries", &["accepted"]).await;
    accepted + app.counted("webhook_deliveries", &["repeated"]).await
}

async fn until_delivered(app: &TestApp, number: u64) {
    until("it is delivered", async || deliveries(app).await >= number).await;
}

#[tokio::test]
async fn the_count_follows_people_in_and_out_of_the_room_page() {
    let (app, key) = delivered().await;
    let joined = app.join(&app.token(User::Ada), "course-101").await.json();
    assert_eq!(app.live_count("course-101").await, 0);
    let reads = app.calls_of("get_room_live_participants");

    let page = app.http.get(joined["join_url"].as_str().unwrap());
    let page = app.answer(page).await.text;
    // session_started and participant_joined.
    until_delivered(&app, 2).await;
    assert_eq!(app.live_count("course-101").await, 1);
    let live = app.ask(&key, "/v1/rooms/course-101/live").await.json();
    assert_eq!((&live["live"], &live["count"]), (&json!(true), &json!(1)));

    let field = page.split("name=\"participant\" value=\"").nth(1).unwrap();
    let participant = field.split('"').next().unwrap().to_owned();
    let leave = format!("{}/course-101/leave", app.upstream.base_url());
    let form = [("participant", participant)];
    assert_eq!(
        app.answer(app.http.post(leave).form(&form)).await.status,
        200
    );
    until_delivered(&app, 3).await;
    assert_eq!(app.live_count("course-101").await, 0);
    // All of that was told, nothing was read.
    assert_eq!(app.calls_of("get_room_live_participants"), reads);
}

#[tokio::test]
async fn duplicates_and_another_order_change_nothing_in_either_form() {
    for older_body in [false, true] {
        let (app, _) = delivered().await;
        let id = app.room_id("course-101").await;
        assert_eq!(app.live_count("course-101").await, 0);
        app.upstream.deliver(Deliveries {
            older_body,
            raw_credential: older_body,
            copies: 2,
            held: true,
            ..Deliveries::default()
        });
        for name in ["a", "b", "c"] {
            assert!(app.upstream.enter(&id, visitor(name)));
        }
        app.hand.advance(Duration::from_secs(1));
        app.upstream.empty_room(&id);
        assert!(app.upstream.enter(&id, visitor("d")));
        app.upstream.deliver(Deliveries::default());
        // One session, four who came, three who left, each thrice.
        until_delivered(&app, 24).await;
        assert_eq!(app.live_count("course-101").await, 1, "older: {older_body}");
    }
}

#[tokio::test]
async fn what_was_lost_is_put_right_by_a_reading() {
    let (app, _) = delivered().await;
    let id = app.room_id("course-101").await;
    assert_eq!(app.live_count("course-101").await, 0);
    app.upstream.deliver(Deliveries {
        lose: 2,
        ..Deliveries::default()
    });
    // The session and the first to come are not told.
    assert!(app.upstream.enter(&id, visitor("a")));
    assert!(app.upstream.enter(&id, visitor("b")));
    until_delivered(&app, 1).await;
    assert_eq!(app.live_count("course-101").await, 1);
    app.hand.advance(Duration::from_secs(2));
    assert_eq!(app.live_count("course-101").await, 2);
    // Even if nothing at all is told.
    app.upstream.deliver(Deliveries {
        lose: 1000,
        ..Deliveries::default()
    });
    app.upstream.empty_room(&id);
    app.hand.advance(Duration::from_secs(60));
    assert_eq!(app.live_count("course-101").await, 0);
}

#[tokio::test]
async fn a_wrong_credential_is_tried_again_as_often_as_asked_and_never_believed() {
    let (app, _) = delivered().await;
    let id = app.room_id("course-101").await;
    assert_eq!(app.live_count("course-101").await, 0);
    app.upstream.deliver(Deliveries {
        wrong_credential: true,
        retries: 2,
        delay_ms: 1,
        ..Deliveries::default()
    });
    assert!(app.upstream.tell("room_locked", &id));
    until("three tries are refused", async || {
        app.counted("webhook_deliveries", &["unauthorized"]).await == 3
    })
    .await;
    assert_eq!(deliveries(&app).await, 0);
}

#[tokio::test]
async fn a_room_deleted_upstream_is_told_by_upstream_itself() {
    let (app, _) = delivered().await;
    let id = app.room_id("course-101").await;
    assert!(app.upstream.delete_room(&id));
    until_delivered(&app, 1).await;
    let joined = app.join(&app.token(User::Ada), "course-101").await.json();
    assert_ne!(joined["room"]["id"], id.as_str(), "{joined}");
}

#[tokio::test]
async fn while_upstream_cannot_be_read_the_count_is_what_was_told() {
    let (app, _) = delivered().await;
    let id = app.room_id("course-101").await;
    assert_eq!(app.live_count("course-101").await, 0);
    assert!(app.upstream.enter(&id, visitor("a")));
    until_delivered(&app, 2).await;
    app.upstream.take_down().await.unwrap();
    app.hand.advance(Duration::from_secs(10));
    assert_eq!(app.live_count("course-101").await, 1);
    // But not for ever.
    app.hand.advance(Duration::from_secs(600));
    assert!(app.live_count("course-101").await.is_null());
}
