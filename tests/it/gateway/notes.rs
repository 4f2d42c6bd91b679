//! What is noted of a call: one audit line, one count; and what the caches forget.

use reqwest::Method;
use room_broker::simulator::identity_provider::User;
use room_broker::simulator::{Fault, Moment};
use serde_json::{Value, json};

use crate::support::scene::value_of;
use crate::support::socket::Socket;
use crate::support::until;

use super::{ALL, app_for_all};
use crate::internal::{Backend, app_with};

/// Of an audit log.
fn lines_of(text: &str) -> Vec<Value> {
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn each_call_leaves_one_audit_line_and_one_count() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.log");
    let (app, key) = app_for_all(&format!("[audit]\nfile = {file:?}")).await;
    app.put_room("course-101");
    let body = json!({ "role": "attendee", "u": "Canary Person" });
    let request = app.api_request(&key, Method::POST, "/rooms/course-101/token");
    app.answer(request.header("on-behalf-of", "user-42").json(&body))
        .await;
    app.api(&key, Method::GET, "/rooms/nowhere").await;
    app.api(&key, Method::GET, "/statistics/rooms").await;
    until("three lines are there", async || {
        std::fs::read_to_string(&file).unwrap().lines().count() == 3
    })
    .await;
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains("Canary") && !text.contains("user-42") && !text.contains(&key));
    let lines = lines_of(&text);
    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                line["operation"].as_str().unwrap(),
                line["room"].as_str(),
                line["outcome"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("create_room_token", Some("course-101"), "ok"),
            ("get_room", None, "not-found"),
            ("get_rooms_statistics_legacy", None, "not-implemented"),
        ]
    );
    assert!(lines[0]["on_behalf_of_hash"].is_string() && lines[0]["request_id"].is_string());
    let metrics = app.metrics().await;
    for (operation, class) in [
        ("create_room_token", "2xx"),
        ("get_room", "4xx"),
        ("get_rooms_statistics_legacy", "failed"),
    ] {
        let series = format!(
            "room_broker_gateway_calls_total{{operation=\"{operation}\",class=\"{class}\"}}"
        );
        assert_eq!(value_of(&metrics, &series), 1, "{series}");
    }
}

#[tokio::test]
async fn the_audit_line_names_the_room_by_what_the_call_had_of_it() {
    const SECRET: &str = "/rooms/caf%C3%A9%22%2C%22outcome%22%3A%22ok%E2%80%AE";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.log");
    let reader = Backend::that_may(&["rooms:read"]);
    let (all, limited) = (
        Backend::that_may(ALL),
        Backend::that_may(ALL).with("rooms = [\"lobby\"]"),
    );
    let audit = format!("[audit]\nfile = {file:?}");
    let app = app_with(&[&all, &limited, &reader], &audit).await;
    let key = all.key();
    let body = json!({ "external_id": "course-101", "privacy": "private" });
    let made = app.api_with(&key, Method::POST, "/rooms", &body).await;
    let made = made.json()["id"].as_str().unwrap().to_owned();
    let by_id = format!("/rooms/{made}");
    app.api_with(&limited.key(), Method::POST, "/rooms", &body)
        .await;
    app.api(&reader.key(), Method::DELETE, &by_id).await;
    app.api(&key, Method::DELETE, &by_id).await;
    app.api(&limited.key(), Method::GET, &by_id).await;
    app.api(&key, Method::GET, SECRET).await;
    app.api(&key, Method::GET, "/rooms/live").await;
    app.running.flush_audit_log();
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(
        !text.contains('\u{202e}'),
        "it could turn what is read around"
    );
    let lines = lines_of(&text);
    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            let word = |name: &str| line[name].as_str().unwrap_or("-");
            ["operation", "room", "upstream_room", "outcome"].map(word)
        })
        .collect();
    let made = made.as_str();
    assert_eq!(
        told,
        [
            ["create_room", "course-101", "-", "ok"],
            ["create_room", "course-101", "-", "forbidden"],
            ["delete_room", "-", made, "insufficient-scope"],
            ["delete_room", "-", made, "ok"],
            ["get_room", "-", made, "forbidden"],
            [
                "get_room",
                "-",
                "caf\u{e9}\",\"outcome\":\"ok\u{202e}",
                "not-found"
            ],
            ["list_live_rooms", "-", "-", "ok"],
        ]
    );
}

#[tokio::test]
async fn what_changes_through_the_gateway_is_what_the_very_next_join_sees() {
    let (app, key) = app_for_all("").await;
    let token = app.token(User::Ada);
    let room = async || app.join(&token, "course-101").await.json()["room"].clone();
    let first = room().await;
    let id = first["id"].as_str().unwrap();
    for name in ["course-101", id] {
        let calls = app.calls("get_room");
        let body = json!({ "description": format!("by {name}") });
        let changed = app
            .api_with(&key, Method::PATCH, &format!("/rooms/{name}"), &body)
            .await;
        assert_eq!(changed.status, 200);
        assert_eq!(room().await["id"], first["id"]);
        assert_eq!(app.calls("get_room"), calls + 1, "{name}");
    }
    let deleted = app.api(&key, Method::DELETE, &format!("/rooms/{id}")).await;
    assert_eq!(deleted.status, 204, "{deleted:?}");
    let second = room().await;
    assert!(second["id"] != first["id"] && second["created"] == true);

    let roles = app.api(&key, Method::GET, "/roles").await.json();
    let role = roles["data"][0]["id"].as_str().unwrap();
    let calls = app.calls("get_room");
    let body = json!({ "display_name": "Someone", "permissions": { "broadcast": true } });
    let changed = app
        .api_with(&key, Method::PATCH, &format!("/roles/{role}"), &body)
        .await;
    assert_eq!(changed.status, 200, "{changed:?}");
    room().await;
    assert_eq!(app.calls("get_room"), calls + 1);
}

#[tokio::test]
async fn a_change_whose_caller_breaks_off_leaves_its_line_and_is_forgotten_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.log");
    let (app, key) = app_for_all(&format!("[audit]\nfile = {file:?}")).await;
    let token = app.token(User::Ada);
    assert_eq!(app.join(&token, "course-101").await.status, 200);
    let controls = app.upstream.controls();
    controls.close_gate("update_room", Moment::AfterEffect);
    let mut caller = Socket::open(&app.internal).await;
    let body = json!({ "description": "another" }).to_string();
    caller
        .send(format!(
            "PATCH /api/v1/rooms/course-101 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await;
    controls.until_waiting("update_room", 1).await;
    caller.reset();
    until("the call's line is there", async || {
        app.running.flush_audit_log();
        let text = std::fs::read_to_string(&file).unwrap();
        let told = |line: &str| serde_json::from_str::<Value>(line).unwrap();
        text.lines().map(told).any(|line| {
            line["operation"] == "update_room"
                && line["upstream_room"] == "course-101"
                && line["outcome"] == "unanswered"
        })
    })
    .await;
    controls.open_gate("update_room");
    let reads = app.calls("get_room");
    until("the room is read again", async || {
        assert_eq!(app.join(&token, "course-101").await.status, 200);
        app.calls("get_room") > reads
    })
    .await;
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text.matches("update_room").count(), 1, "{text}");
}

#[tokio::test]
async fn changes_that_fail_as_upstream_does_take_no_known_room_away() {
    let (app, key) = app_for_all("").await;
    let token = app.token(User::Ada);
    let room = app.join(&token, "course-101").await.json()["room"].clone();
    let id = room["id"].as_str().unwrap();
    let controls = app.upstream.controls();
    for operation in ["update_role", "update_room", "delete_room", "get_room"] {
        controls.fail(operation, Fault::status(503));
    }
    let (role, room) = (format!("/roles/{id}"), format!("/rooms/{id}"));
    for (method, path) in [
        (Method::PATCH, &role),
        (Method::PATCH, &room),
        (Method::DELETE, &room),
    ] {
        let failed = app.api_with(&key, method, path, &json!({})).await;
        assert_eq!(failed.code(), "upstream-unavailable");
        let joined = app.join(&token, "course-101").await;
        assert_eq!(joined.status, 200, "{path} {joined:?}");
    }
}

#[tokio::test]
async fn a_room_that_is_created_through_the_gateway_is_there_for_the_next_join() {
    let (app, key) = app_for_all("").await;
    let student = app.token(User::Ben);
    assert_eq!(app.join(&student, "course-101").await.status, 403);
    let body = json!({
        "external_id": "course-101", "friendly_url": "course-101", "privacy": "private",
        "roles": ["moderator", "attendee"], "default_role": "attendee",
    });
    assert_eq!(
        app.api_with(&key, Method::POST, "/rooms", &body)
            .await
            .status,
        200
    );
    assert_eq!(app.join(&student, "course-101").await.status, 200);
}
