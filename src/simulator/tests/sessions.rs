use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{Team, told, visitor};
use crate::simulator::digital_samba::Visitor;

fn moderator() -> Visitor {
    Visitor {
        name: Some("Ines Valdez".to_owned()),
        ..visitor("user-1", "moderator")
    }
}

impl Team {
    /// The only item of a page.
    async fn only(&self, path: &str) -> Value {
        let (status, page) = self.get(path).await;
        assert_eq!((status, &page["total_count"]), (200, &json!("1")), "{page}");
        page["data"][0].clone()
    }
}

fn id_of(thing: &Value) -> &str {
    thing["id"].as_str().unwrap()
}

#[tokio::test]
async fn a_session_begins_with_the_first_participant_and_ends_seven_minutes_after_the_last() {
    let team = Team::start();
    let body = json!({ "friendly_url": "clinic", "external_id": "dept-112" });
    let (_, room) = team.post("/api/v1/rooms", body).await;
    assert_eq!(team.get("/api/v1/sessions").await.1["total_count"], "0");

    assert!(team.samba.enter("clinic", moderator()));
    team.time.advance(Duration::from_secs(60));
    assert!(team.samba.enter("clinic", visitor("user-2", "attendee")));
    let session = team.only("/api/v1/sessions").await;
    let expected = json!({
        "id": session["id"],
        "start_time": "2026-06-09T10:13:20.000000Z",
        "end_time": null,
        "room_id": room["id"],
        "room_external_id": "dept-112",
        "description": null,
        "friendly_url": "clinic",
        "room_is_deleted": false,
        "participants_live": 2,
        "participants_total": 2,
        "participants_max": 2,
        "live": true,
    });
    assert_eq!(session, expected);

    team.samba.empty_room("clinic");
    team.time.advance(Duration::from_secs(7 * 60 - 1));
    let session = team
        .only(&format!("/api/v1/rooms/{}/sessions", id_of(&room)))
        .await;
    assert_eq!(
        (&session["participants_live"], &session["live"]),
        (&json!(0), &json!(true))
    );
    team.time.advance(Duration::from_mins(60));
    let session = team.only("/api/v1/sessions?live=false").await;
    assert_eq!(session["end_time"], "2026-06-09T10:21:20.000000Z");

    assert!(team.samba.enter("clinic", moderator()));
    let second = team.only("/api/v1/sessions?live=true").await;
    assert_ne!(second["id"], session["id"]);
    assert_eq!(second["participants_total"], 1);
}

#[tokio::test]
async fn who_comes_back_with_the_same_external_id_is_the_same_participant() {
    let team = Team::start();
    let room = team.room("clinic").await;
    assert!(team.samba.enter("clinic", moderator()));
    let ines = team.only("/api/v1/participants").await;
    team.time.advance(Duration::from_secs(30));
    let control = format!("/_sim/participants/{}", id_of(&ines));
    assert_eq!(team.delete(&control, json!({})).await.0, 204);
    assert_eq!(
        team.delete(&control, json!({})).await.0,
        404,
        "nobody leaves twice"
    );
    let session = team.only("/api/v1/sessions").await;
    let gone = team.only("/api/v1/participants?live=false").await;
    let expected = json!({
        "id": ines["id"],
        "external_id": "user-1",
        "session_id": session["id"],
        "room_id": room["id"],
        "room_external_id": null,
        "room_is_deleted": false,
        "name": "Ines Valdez",
        "role": "moderator",
        "friendly_url": "clinic",
        "join_time": "2026-06-09 10:13:20",
        "leave_time": "2026-06-09 10:13:50",
        "live": false,
    });
    assert_eq!(gone, expected);

    team.time.advance(Duration::from_secs(30));
    assert!(team.samba.enter("clinic", moderator()));
    let back = team
        .only(&format!("/api/v1/rooms/{}/participants", id_of(&room)))
        .await;
    assert_eq!((&back["id"], &back["live"]), (&ines["id"], &json!(true)));
    assert_eq!(back["leave_time"], Value::Null);
    for unnamed in 0..2 {
        let nameless = Visitor {
            external_id: None,
            ..moderator()
        };
        assert!(team.samba.enter("clinic", nameless), "{unnamed}");
    }
    let session = team.only("/api/v1/sessions").await;
    assert_eq!(session["participants_total"], 3);
    assert_eq!(session["participants_max"], 3);
}

#[tokio::test]
async fn a_session_is_ended_by_the_api_once() {
    let team = Team::start();
    team.room("clinic").await;
    assert!(team.samba.enter("clinic", moderator()));
    let session = team.only("/api/v1/sessions").await;
    let end = format!("/api/v1/sessions/{}/end", id_of(&session));
    assert_eq!(team.post(&end, json!({})).await, (200, json!("")));
    let (status, refusal) = team.post(&end, json!({})).await;
    assert_eq!(
        (status, &refusal["message"]),
        (409, &json!("The session has already ended."))
    );
    assert_eq!(
        team.post("/api/v1/sessions/none/end", json!({})).await.0,
        404
    );
    let person = team.only("/api/v1/participants").await;
    assert_eq!(
        (&person["live"], &person["leave_time"]),
        (&json!(false), &json!("2026-06-09 10:13:20"))
    );
    assert_eq!(team.get("/api/v1/rooms/live").await.1["total_count"], 0);
}

#[tokio::test]
async fn a_session_ends_when_its_length_is_over_or_its_room_goes() {
    let team = Team::start();
    for (name, rest) in [
        ("short", json!({ "session_length": 5 })),
        ("brief", json!({ "expires_at": "2026-06-09 10:15:20" })),
        ("gone", json!({})),
    ] {
        let mut body = rest;
        body["friendly_url"] = json!(name);
        assert_eq!(team.post("/api/v1/rooms", body).await.0, 200);
        assert!(team.samba.enter(name, moderator()));
    }
    assert!(team.samba.delete_room("gone"));
    team.time.advance(Duration::from_mins(10));
    let (_, page) = team.get("/api/v1/sessions?order=asc&live=false").await;
    let ends: Vec<_> = page["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|session| {
            (
                session["friendly_url"].as_str().unwrap(),
                session["end_time"].as_str().unwrap(),
                session["room_is_deleted"].as_bool().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        ends,
        [
            ("short", "2026-06-09T10:18:20.000000Z", false),
            ("brief", "2026-06-09T10:15:20.000000Z", true),
            ("gone", "2026-06-09T10:13:20.000000Z", true),
        ]
    );
}

#[tokio::test]
async fn a_room_takes_its_history_along_only_on_request_and_never_while_it_is_live() {
    let team = Team::start();
    for name in ["kept", "forgotten"] {
        team.room(name).await;
        assert!(team.samba.enter(name, moderator()));
    }
    let all = json!({ "delete_history": true });
    let refusal = json!({ "message": "Cannot delete resources of a live room." });
    let path = "/api/v1/rooms/forgotten";
    assert_eq!(team.delete(path, all.clone()).await, (422, refusal.clone()));
    let resources = format!("{path}/resources");
    assert_eq!(team.delete(&resources, json!({})).await, (422, refusal));
    team.samba.empty_room("forgotten");
    team.time.advance(Duration::from_mins(7));
    assert_eq!(team.delete(&resources, json!({})).await.0, 204);
    assert_eq!(
        team.delete(path, json!({ "delete_history": "yes" }))
            .await
            .0,
        422
    );
    assert_eq!(team.delete(path, all).await.0, 204);
    assert_eq!(team.delete("/api/v1/rooms/kept", json!({})).await.0, 204);
    let session = team.only("/api/v1/sessions").await;
    assert_eq!(
        (&session["friendly_url"], &session["room_is_deleted"]),
        (&json!("kept"), &json!(true))
    );
    assert_eq!(
        team.only("/api/v1/participants").await["room_is_deleted"],
        true
    );

    let resources = format!("/api/v1/sessions/{}/resources", id_of(&session));
    let request = team.request(Method::DELETE, &resources);
    assert_eq!(told(request.send().await.unwrap()).await.0, 204);
    assert_eq!(
        team.delete(&resources, json!({ "delete_history": true }))
            .await
            .0,
        204
    );
    assert_eq!(team.delete(&resources, json!({})).await.0, 404);
}

#[tokio::test]
async fn the_resources_of_a_live_session_stay() {
    let team = Team::start();
    team.room("clinic").await;
    assert!(team.samba.enter("clinic", moderator()));
    let session = team.only("/api/v1/sessions").await;
    let path = format!("/api/v1/sessions/{}/resources", id_of(&session));
    let refusal = json!({ "message": "Cannot delete resources of a live session." });
    assert_eq!(team.delete(&path, json!({})).await, (422, refusal));
}
