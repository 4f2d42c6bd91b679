//! Every event, by each of its names, in each of the two bodies.

use room_broker::webhooks::EVENTS;
use serde_json::{Value, json};

use super::{receiving, today};
use crate::support::TestApp;

const NOBODY: &str = "5f0c2b1e-7a44-4d0e-9b55-3e6c1d8a9f21";

fn older(event: &str, number: usize) -> Value {
    json!({
        "event": event,
        "timestamp": "2026-09-14T13:20:00Z",
        "data": { "room_id": NOBODY, "session_id": NOBODY, "participant_id": number.to_string() },
    })
}

async fn accepted(app: &TestApp, event: &str) -> u64 {
    let label = format!("event=\"{event}\"");
    app.counted("webhook_deliveries", &[&label, "accepted"])
        .await
}

#[tokio::test]
async fn every_event_is_one_whatever_its_name_and_body() {
    let (app, _) = receiving("").await;
    for event in EVENTS.iter().map(|event| event.name()) {
        let dotted = event.replace('_', ".");
        let bodies = [
            today(event, NOBODY, &json!({})),
            today(&dotted, NOBODY, &json!({})),
            older(event, 1),
            older(&dotted, 2),
        ];
        for body in bodies {
            assert_eq!(app.tell(&body).await.status, 204, "{body}");
        }
        assert_eq!(accepted(&app, event).await, 4, "{event}");
    }
    assert_eq!(app.tell(&older("transcript.ready", 3)).await.status, 204);
    assert_eq!(accepted(&app, "session_transcript_ready").await, 5);
}

#[tokio::test]
async fn an_event_that_is_not_known_is_counted_and_ignored_whatever_is_in_it() {
    let (app, _) = receiving("").await;
    for body in [
        json!({ "event": "room_painted", "data": 3 }),
        json!({ "eventType": "room.painted", "roomId": [], "timestamp": "?" }),
        json!({ "eventType": "\u{202e}".repeat(3000) }),
    ] {
        assert_eq!(app.tell(&body).await.status, 204);
    }
    let labels = ["event=\"unknown\"", "ignored"];
    assert_eq!(app.counted("webhook_deliveries", &labels).await, 3);
}

#[tokio::test]
async fn the_age_of_an_event_is_measured_unless_it_is_of_the_future() {
    let (app, _) = receiving("").await;
    let mut body = today("room_locked", NOBODY, &json!({}));
    assert_eq!(app.tell(&body).await.status, 204);
    for timestamp in [
        json!(u64::MAX),
        json!(9_999_999_999_u64),
        json!(1e300),
        json!("9999-01-01T00:00:00Z"),
    ] {
        body["timestamp"] = timestamp;
        assert_eq!(app.tell(&body).await.status, 204);
    }
    assert_eq!(app.counted("webhook_age_seconds_count", &[]).await, 1);
}
