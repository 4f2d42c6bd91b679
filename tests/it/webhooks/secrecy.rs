//! The segment and the secret leave by no way.

use serde_json::json;

use super::{SECRET, receiving, today};

#[tokio::test]
async fn neither_answers_nor_metrics_nor_debug_output_hold_the_segment_or_the_secret() {
    let (app, _) = receiving("").await;
    let mut told = Vec::new();
    let bodies = [
        json!({}),
        json!({ "event": "invented" }),
        today("room_locked", "?", &json!({})),
    ];
    for body in &bodies {
        told.push(app.tell(body).await.text);
    }
    let stranger = app.http.post(app.endpoint()).bearer_auth("wrong");
    told.push(format!("{:?}", app.answer(stranger).await));
    let get = app.http.get(app.endpoint()).bearer_auth(SECRET);
    told.push(format!("{:?}", app.answer(get).await));
    let metrics = app.http.get(format!("{}/metrics", app.ops));
    let metrics = app.answer(metrics).await.text;
    assert!(!metrics.contains("invented"), "{metrics}");
    told.push(metrics);
    told.push(format!("{:?}", super::moved(&app)));
    told.push(format!("{:?}", app.running));
    for text in told {
        assert!(!text.contains("canary-segment"), "{text}");
        assert!(!text.contains(SECRET), "{text}");
    }
}
