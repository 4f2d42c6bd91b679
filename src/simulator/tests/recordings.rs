use std::time::Duration;

use serde_json::{Value, json};

use super::{Team, visitor};
use crate::simulator::digital_samba::Bookmark;

const START: &str = "/api/v1/rooms/clinic/recordings/start";
const STOP: &str = "/api/v1/rooms/clinic/recordings/stop";

impl Team {
    /// A room with somebody in it.
    async fn busy_room(&self) -> Value {
        let room = self.room("clinic").await;
        assert!(self.samba.enter("clinic", visitor("user-1", "moderator")));
        room
    }

    async fn recording(&self) -> Value {
        let (_, page) = self.get("/api/v1/recordings?limit=1").await;
        let id = page["data"][0]["id"].as_str().unwrap();
        self.get(&format!("/api/v1/recordings/{id}")).await.1
    }
}

fn message(text: &str) -> Value {
    json!({ "message": text })
}

#[tokio::test]
async fn a_recording_runs_is_converted_and_is_ready() {
    let team = Team::start();
    let nothing = message("The room has no live session.");
    team.room("empty").await;
    let start = "/api/v1/rooms/empty/recordings/start";
    assert_eq!(team.post(start, json!({})).await, (422, nothing));

    let room = team.busy_room().await;
    assert_eq!(team.post(START, json!({})).await, (200, json!("")));
    let running = message("The room is already being recorded.");
    assert_eq!(team.post(START, json!({})).await, (409, running));
    team.time.advance(Duration::from_secs(90));
    assert_eq!(team.recording().await["status"], "IN_PROGRESS");
    assert_eq!(team.post(STOP, json!({})).await, (200, json!("")));
    let stopped = message("The room is not being recorded.");
    assert_eq!(team.post(STOP, json!({})).await, (422, stopped));
    team.time.advance(Duration::from_secs(59));
    assert_eq!(team.recording().await["status"], "PENDING_CONVERSION");
    team.time.advance(Duration::from_secs(1));
    let (_, sessions) = team.get("/api/v1/sessions").await;
    let recording = team.recording().await;
    let expected = json!({
        "id": recording["id"],
        "name": "clinic 9 June",
        "duration": 90,
        "status": "READY",
        "room_id": room["id"],
        "external_room_id": null,
        "friendly_url": "clinic",
        "room_is_deleted": false,
        "privacy": "private",
        "session_id": sessions["data"][0]["id"],
        "participant_id": null,
        "participant_name": null,
        "participant_external_id": null,
        "created_at": "2026-06-09T10:13:20Z",
        "updated_at": "2026-06-09T10:14:50Z",
    });
    assert_eq!(recording, expected);
}

#[tokio::test]
async fn the_end_of_a_session_ends_its_recording_and_the_room_s_page_tells_what_runs() {
    let team = Team::start();
    team.post("/api/v1/rooms", json!({ "friendly_url": "clinic" }))
        .await;
    team.page("/clinic").await;
    team.post(START, json!({})).await;
    assert!(
        team.page("/clinic")
            .await
            .1
            .contains("This room is recorded.")
    );
    team.samba.empty_room("clinic");
    team.time.advance(Duration::from_mins(30));
    let recording = team.recording().await;
    assert_eq!(
        (&recording["status"], &recording["duration"]),
        (&json!("READY"), &json!(420))
    );
    assert!(!team.page("/clinic").await.1.contains("recorded"));
}

#[tokio::test]
async fn recordings_are_listed_by_room_session_and_status_and_archived_ones_apart() {
    let team = Team::start();
    let room = team.busy_room().await;
    team.post(START, json!({})).await;
    team.post(STOP, json!({})).await;
    team.time.advance(Duration::from_mins(2));
    team.post(START, json!({})).await;
    let recording = team.recording().await;
    let (room, session) = (
        room["id"].as_str().unwrap(),
        recording["session_id"].as_str().unwrap(),
    );
    for (query, total) in [
        (String::new(), "2"),
        ("status=READY".to_owned(), "1"),
        ("status=IN_PROGRESS".to_owned(), "1"),
        ("status=PENDING_CONVERSION".to_owned(), "0"),
        (format!("room_id={room}"), "2"),
        (format!("room_id={session}"), "0"),
        (format!("session_id={session}"), "2"),
    ] {
        let (status, page) = team.get(&format!("/api/v1/recordings?{query}")).await;
        assert_eq!(
            (status, &page["total_count"]),
            (200, &json!(total)),
            "{query}"
        );
    }
    for query in ["status=DONE", "room_id=clinic", "session_id=1"] {
        assert_eq!(
            team.get(&format!("/api/v1/recordings?{query}")).await.0,
            422,
            "{query}"
        );
    }
    let (_, page) = team.get("/api/v1/recordings?order=asc").await;
    let ready = page["data"][0]["id"].as_str().unwrap().to_owned();
    let running = page["data"][1]["id"].as_str().unwrap();
    let not_ready = message("The recording is not ready.");
    let path = format!("/api/v1/recordings/{running}/archive");
    assert_eq!(team.post(&path, json!({})).await, (422, not_ready));
    for (act, listed, archived) in [("archive", "1", "1"), ("unarchive", "2", "0")] {
        let path = format!("/api/v1/recordings/{ready}/{act}");
        assert_eq!(team.post(&path, json!({})).await, (200, json!("")));
        let count = async |path: &str| team.get(path).await.1["total_count"].clone();
        assert_eq!(count("/api/v1/recordings").await, listed, "{act}");
        assert_eq!(
            count("/api/v1/recordings/archived").await,
            archived,
            "{act}"
        );
    }
}

#[tokio::test]
async fn a_download_link_needs_no_credential_and_ends() {
    let team = Team::start();
    team.busy_room().await;
    team.post(START, json!({})).await;
    let recording = team.recording().await;
    let path = format!(
        "/api/v1/recordings/{}/download",
        recording["id"].as_str().unwrap()
    );
    assert_eq!(
        team.get(&path).await,
        (422, message("The recording is not ready."))
    );
    team.post(STOP, json!({})).await;
    team.time.advance(Duration::from_mins(1));
    let (_, day) = team.get(&path).await;
    assert_eq!(day["valid_until"], "2026-06-10T10:14:20Z");
    for wrong in ["0", "-1", "x", "525601"] {
        assert_eq!(
            team.get(&format!("{path}?valid_for_minutes={wrong}"))
                .await
                .0,
            422
        );
    }
    let (_, brief) = team.get(&format!("{path}?valid_for_minutes=5")).await;
    assert_eq!(brief["valid_until"], "2026-06-09T10:19:20Z");
    let open = async |link: &str| team.client.get(link).send().await.unwrap().status();
    let link = brief["link"].as_str().unwrap();
    assert_eq!(open(link).await, 200);
    assert_eq!(open(&format!("{link}x")).await, 403);
    team.time.advance(Duration::from_mins(5));
    assert_eq!(open(link).await, 403);
    assert_eq!(open(day["link"].as_str().unwrap()).await, 200);
}

#[tokio::test]
async fn moments_of_a_recording_are_marked() {
    let team = Team::start();
    team.busy_room().await;
    let mark = |text: &str| Bookmark {
        text: text.to_owned(),
        participant_id: None,
    };
    assert!(!team.samba.bookmark("clinic", mark("too early")));
    team.post(START, json!({})).await;
    team.time.advance(Duration::from_millis(1500));
    let body = json!({ "text": "Decision", "participant_id": "p-1" });
    assert_eq!(team.post("/_sim/rooms/clinic/bookmarks", body).await.0, 204);
    let recording = team.recording().await;
    let path = format!(
        "/api/v1/recordings/{}/bookmarks",
        recording["id"].as_str().unwrap()
    );
    let (_, bookmarks) = team.get(&path).await;
    let expected = json!([{
        "id": bookmarks[0]["id"],
        "bookmark": "Decision",
        "time": 1500,
        "session_id": recording["session_id"],
        "participant_id": "p-1",
        "created_at": "2026-06-09T10:13:21Z",
    }]);
    assert_eq!(bookmarks, expected);
}

#[tokio::test]
async fn recordings_outlive_their_room_unless_they_are_deleted() {
    let team = Team::start();
    for (room, deleted, left) in [
        ("kept", "/api/v1/rooms/kept", "1"),
        ("emptied", "/api/v1/rooms/emptied/recordings", "1"),
        ("cleared", "/api/v1/rooms/cleared/resources", "1"),
    ] {
        team.room(room).await;
        assert!(team.samba.enter(room, visitor("user-1", "moderator")));
        team.post(&format!("/api/v1/rooms/{room}/recordings/start"), json!({}))
            .await;
        team.samba.empty_room(room);
        team.time.advance(Duration::from_mins(10));
        assert_eq!(team.delete(deleted, json!({})).await.0, 204);
        assert_eq!(
            team.get("/api/v1/recordings").await.1["total_count"],
            left,
            "{room}"
        );
    }
    let kept = team.recording().await;
    assert_eq!(
        (&kept["friendly_url"], &kept["room_is_deleted"]),
        (&json!("kept"), &json!(true))
    );
    let path = format!(
        "/api/v1/sessions/{}/recordings",
        kept["session_id"].as_str().unwrap()
    );
    assert_eq!(team.delete(&path, json!({})).await.0, 204);
    assert_eq!(team.get("/api/v1/recordings").await.1["total_count"], "0");
}
