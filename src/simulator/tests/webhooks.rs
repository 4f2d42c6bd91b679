use serde_json::{Value, json};

use super::Team;

fn hook() -> Value {
    json!({
        "endpoint": "https://broker.example.com/hooks/ds",
        "name": "room-broker",
        "authorization_header": "a-secret-shown-in-clear",
        "events": ["session_started", "recording_ready"],
    })
}

#[tokio::test]
async fn a_webhook_is_made_read_listed_without_events_changed_and_deleted() {
    let team = Team::start();
    let (status, made) = team.post("/api/v1/webhooks", hook()).await;
    assert_eq!(status, 200, "{made}");
    let id = made["id"].as_str().unwrap().to_owned();
    let mut shown = hook();
    shown["id"] = json!(id);
    shown["created_at"] = json!("2026-06-09T10:13:20Z");
    shown["updated_at"] = json!("2026-06-09T10:13:20Z");
    assert_eq!(made, shown);
    let path = format!("/api/v1/webhooks/{id}");
    assert_eq!(team.get(&path).await, (200, made));

    let mut item = shown.clone();
    item.as_object_mut().unwrap().remove("events");
    let page = json!({ "total_count": "1", "data": [item] });
    assert_eq!(team.get("/api/v1/webhooks").await, (200, page));

    let change = json!({ "name": null, "events": ["room_deleted"] });
    let (status, changed) = team.patch(&path, change).await;
    shown["name"] = Value::Null;
    shown["events"] = json!(["room_deleted"]);
    assert_eq!((status, changed), (200, shown));

    assert_eq!(team.delete(&path, json!({})).await, (204, json!("")));
    assert_eq!(team.get(&path).await.0, 404);
    assert_eq!(team.delete(&path, json!({})).await.0, 404);
}

#[tokio::test]
async fn each_wrong_field_of_a_webhook_is_refused_by_its_name() {
    let team = Team::start();
    let long = format!("https://broker.example.com/{}", "a".repeat(74));
    assert_eq!(long.len(), 101);
    for (field, value, named) in [
        ("endpoint", json!(null), "endpoint"),
        ("endpoint", json!("/hooks/ds"), "endpoint"),
        ("endpoint", json!("ftp://broker.example.com"), "endpoint"),
        ("endpoint", json!(long), "endpoint"),
        ("name", json!("ab"), "name"),
        ("authorization_header", json!(7), "authorization_header"),
        ("events", json!(null), "events"),
        ("events", json!([]), "events"),
        ("events", json!("session_started"), "events"),
        (
            "events",
            json!(["session_started", "session.started"]),
            "events.1",
        ),
    ] {
        let mut body = hook();
        body[field] = value;
        let (status, answer) = team.post("/api/v1/webhooks", body.clone()).await;
        assert_eq!(status, 422, "{body}");
        assert!(answer["errors"][named][0].is_string(), "{body}: {answer}");
    }
    assert_eq!(team.get("/api/v1/webhooks").await.1["total_count"], "0");
}

#[tokio::test]
async fn a_room_names_only_webhooks_and_libraries_that_are_there_and_forgets_them_when_they_go() {
    let team = Team::start();
    let (_, made) = team.post("/api/v1/webhooks", hook()).await;
    let (_, library) = team
        .post("/api/v1/libraries", json!({ "name": "Anatomy" }))
        .await;
    let unknown = "41c7e5d9-0b68-4f2a-9d3c-76a1b8e2f054";
    for (body, field) in [
        (json!({ "webhooks": [made["id"], unknown] }), "webhooks.1"),
        (json!({ "library_id": unknown }), "library_id"),
    ] {
        let (status, answer) = team.post("/api/v1/rooms", body).await;
        assert_eq!(status, 422);
        assert!(answer["errors"][field][0].is_string(), "{answer}");
    }
    let body = json!({
        "friendly_url": "clinic",
        "webhooks": [made["id"]],
        "library_id": library["id"],
    });
    let (status, room) = team.post("/api/v1/rooms", body).await;
    assert_eq!((status, &room["webhooks"]), (200, &json!([made["id"]])));
    for (kind, thing) in [("webhooks", &made), ("libraries", &library)] {
        let path = format!("/api/v1/{kind}/{}", thing["id"].as_str().unwrap());
        assert_eq!(team.delete(&path, json!({})).await.0, 204);
    }
    let (_, room) = team.get("/api/v1/rooms/clinic").await;
    assert_eq!(
        (&room["webhooks"], &room["library_id"]),
        (&json!([]), &Value::Null)
    );
}

#[tokio::test]
async fn there_are_39_different_events() {
    let (status, events) = Team::start().get("/api/v1/events").await;
    let mut names: Vec<String> = serde_json::from_value(events).unwrap();
    names.sort();
    names.dedup();
    assert_eq!((status, names.len()), (200, 39));
    assert!(names.contains(&"session_transcript_ready".to_owned()));
}
