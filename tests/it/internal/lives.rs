//! What goes on and went on in a room, by the real state of the simulated Digital Samba.

use std::time::Duration;

use reqwest::Method;
use room_broker::simulator::digital_samba::Visitor;
use room_broker::simulator::identity_provider::User;
use serde_json::{Value, json};

use super::{Backend, almighty, app_with};
use crate::support::{DEVELOPER_KEY, TestApp};

const ROOM: &str = "/v1/rooms/course-101";

/// What a session waits for somebody to come back.
const LINGER: Duration = Duration::from_secs(7 * 60);

fn visitor(id: &str, name: &str, role: &str) -> Visitor {
    Visitor {
        external_id: Some(id.to_owned()),
        name: Some(name.to_owned()),
        role: role.to_owned(),
        initials: None,
    }
}

impl TestApp {
    /// What the internal listener says below the room's path.
    async fn of_room(&self, key: &str, what: &str) -> Value {
        let answer = self.ask(key, &format!("{ROOM}/{what}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    async fn end_session(&self, key: &str) -> Value {
        let path = format!("{ROOM}/end-session");
        let answer = self.do_as(key, (Method::POST, &path), &Value::Null).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// A call to the video service itself, as a browser in the room would cause it.
    async fn upstream_post(&self, path: &str) {
        let url = format!("{}/api/v1{path}", self.upstream.base_url());
        let request = self.http.post(url).bearer_auth(DEVELOPER_KEY);
        let answer = self.answer(request.json(&json!({}))).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    fn enter(&self, who: Visitor) {
        assert!(self.upstream.enter("course-101", who));
    }
}

#[tokio::test]
async fn a_room_is_live_while_somebody_is_in_it() {
    let (app, key) = almighty().await;
    let live = "/v1/rooms/course-101/live";
    assert_eq!(app.ask(&key, live).await.code(), "no-such-room");
    let put = app.do_as(&key, (Method::PUT, ROOM), &Value::Null).await;
    assert_eq!(put.status, 200, "{put:?}");
    let idle = json!({ "key": "course-101", "live": false, "count": 0, "participants": [] });
    assert_eq!(app.of_room(&key, "live").await, idle);

    let joined = app.join(&app.token(User::Ada), "course-101").await.json();
    let page = app.http.get(joined["join_url"].as_str().unwrap());
    assert_eq!(page.send().await.unwrap().status(), 200);
    app.hand.advance(Duration::from_secs(90));
    app.enter(visitor("u2", "Ben Okoye", "attendee"));
    let both = app.of_room(&key, "live").await;
    let people = both["participants"].as_array().unwrap();
    let ids: Vec<&Value> = people.iter().map(|person| &person["id"]).collect();
    let expected = json!({
        "key": "course-101", "live": true, "count": 2,
        "start_time": "2026-09-14T13:20:00.000Z", "duration_seconds": 90,
        "participants": [
            { "id": ids[0], "external_id": "ada", "name": "Ada Winter", "role": "moderator", "join_time": "2026-09-14T13:20:00.000Z" },
            { "id": ids[1], "external_id": "u2", "name": "Ben Okoye", "role": "attendee", "join_time": "2026-09-14T13:21:30.000Z" },
        ],
    });
    assert_eq!(both, expected);

    assert!(app.upstream.leave(ids[0].as_str().unwrap()));
    let one = app.of_room(&key, "live").await;
    assert_eq!(one["count"], 1);
    assert_eq!(one["participants"][0]["external_id"], "u2");
    app.upstream.empty_room("course-101");
    assert_eq!(app.of_room(&key, "live").await, idle);
}

#[tokio::test]
async fn sessions_are_told_newest_first_and_page_by_page() {
    let (app, key) = almighty().await;
    app.put_room("course-101");
    app.put_room("lobby");
    assert!(
        app.upstream
            .enter("lobby", visitor("u9", "Cleo", "attendee"))
    );
    let none = json!({ "data": [], "total_count": 0 });
    assert_eq!(app.of_room(&key, "sessions").await, none);

    app.enter(visitor("u1", "Ada", "moderator"));
    app.enter(visitor("u2", "Ben", "attendee"));
    app.upstream.empty_room("course-101");
    app.hand.advance(LINGER);
    app.hand.advance(Duration::from_secs(60));
    app.enter(visitor("u1", "Ada", "moderator"));
    let page = app.of_room(&key, "sessions").await;
    let ids = [&page["data"][0]["id"], &page["data"][1]["id"]];
    let expected = json!({
        "data": [
            { "id": ids[0], "live": true, "start_time": "2026-09-14T13:28:00.000Z", "participants_live": 1, "participants_total": 1, "participants_max": 1 },
            { "id": ids[1], "live": false, "start_time": "2026-09-14T13:20:00.000Z", "end_time": "2026-09-14T13:27:00.000Z", "participants_live": 0, "participants_total": 2, "participants_max": 2 },
        ],
        "total_count": 2,
    });
    assert_eq!(page, expected);

    let first = app.of_room(&key, "sessions?limit=1").await;
    assert_eq!(&first["data"][0]["id"], ids[0]);
    assert_eq!(first["next_offset"], 1);
    let second = app.of_room(&key, "sessions?limit=1&offset=1").await;
    assert_eq!(&second["data"][0]["id"], ids[1]);
    assert_eq!(second["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_recording_is_told_from_its_start_until_it_is_ready() {
    let (app, key) = almighty().await;
    let room = app.put_room("course-101");
    let none = json!({ "data": [], "total_count": 0 });
    assert_eq!(app.of_room(&key, "recordings").await, none);
    app.enter(visitor("u1", "Ada", "moderator"));
    app.upstream_post(&format!("/rooms/{}/recordings/start", room.id))
        .await;
    app.hand.advance(Duration::from_secs(30));
    let page = app.of_room(&key, "recordings").await;
    assert_eq!(page["total_count"], 1);
    assert_eq!(page["data"][0]["status"], "IN_PROGRESS", "{page}");
    app.upstream_post(&format!("/rooms/{}/recordings/stop", room.id))
        .await;
    app.hand.advance(Duration::from_secs(60));
    let page = app.of_room(&key, "recordings").await;
    // Upstream's list says neither how long it is nor of which session.
    let recording = json!({
        "id": page["data"][0]["id"], "name": "course-101 14 September", "status": "READY",
        "created_at": "2026-09-14T13:20:00.000Z",
    });
    assert_eq!(page, json!({ "data": [recording], "total_count": 1 }));

    app.put_room("lobby");
    let other = app.ask(&key, "/v1/rooms/lobby/recordings").await;
    assert_eq!(other.json(), none, "another room's");
}

#[tokio::test]
async fn a_session_is_ended_for_everybody_and_only_once() {
    let (app, key) = almighty().await;
    app.put_room("course-101");
    assert_eq!(app.end_session(&key).await, json!({ "ended": false }));
    app.enter(visitor("u1", "Ada", "moderator"));
    app.enter(visitor("u2", "Ben", "attendee"));
    let session = app.of_room(&key, "sessions").await["data"][0]["id"].clone();
    let ended = json!({ "ended": true, "session_id": session });
    assert_eq!(app.end_session(&key).await, ended);
    assert_eq!(app.of_room(&key, "live").await["count"], 0);
    let over = app.of_room(&key, "sessions").await["data"][0].clone();
    assert_eq!((&over["id"], &over["live"]), (&session, &json!(false)));
    assert_eq!(over["end_time"], "2026-09-14T13:20:00.000Z");
    assert_eq!(app.end_session(&key).await, json!({ "ended": false }));
}

#[tokio::test]
async fn a_session_that_waits_for_somebody_to_come_back_is_ended_too() {
    let (app, key) = almighty().await;
    app.put_room("course-101");
    app.enter(visitor("u1", "Ada", "moderator"));
    app.upstream.empty_room("course-101");
    app.hand.advance(Duration::from_secs(60));
    assert_eq!(app.end_session(&key).await["ended"], true);
    assert_eq!(
        app.of_room(&key, "sessions").await["data"][0]["live"],
        false
    );
}

#[tokio::test]
async fn what_goes_on_in_a_room_that_is_another_backends_is_not_told() {
    let backend = Backend::that_may(&["*"]).with("rooms = [\"course-{course}\"]");
    let app = app_with(&[&backend], "").await;
    app.put_room("lobby");
    assert!(
        app.upstream
            .enter("lobby", visitor("u9", "Cleo", "attendee"))
    );
    let key = backend.key();
    for what in ["live", "sessions", "recordings"] {
        let answer = app.ask(&key, &format!("/v1/rooms/lobby/{what}")).await;
        assert_eq!(answer.code(), "forbidden", "{what}");
    }
    let end = (Method::POST, "/v1/rooms/lobby/end-session");
    let answer = app.do_as(&key, end, &Value::Null).await;
    assert_eq!(answer.code(), "forbidden");
}
