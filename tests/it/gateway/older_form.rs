//! What only the older reference has, and its names for what is there today.

use reqwest::Method;
use room_broker::digital_samba::Operation;
use room_broker::simulator::digital_samba::Visitor;
use serde_json::{Value, json};

use crate::internal::{Backend, app_with};
use crate::support::TestApp;

use super::app_for_all;
use super::raw_upstream::RawUpstream;

#[tokio::test]
async fn deleting_by_tag_never_deletes_the_room_of_that_name() {
    let upstream = RawUpstream::start(super::raw_upstream::Conduct::Answer(
        b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_vec(),
    ))
    .await;
    let (app, key) = upstream.app("").await;
    let body = json!({ "tags": ["old"] });
    let answer = app
        .api_with(&key, Method::DELETE, "/rooms/tags", &body)
        .await;
    assert_eq!((answer.status, answer.text.as_str()), (202, ""));
    let seen = upstream.seen();
    assert!(
        seen[0].head.starts_with("DELETE /api/v1/rooms HTTP/1.1"),
        "{seen:?}"
    );
    assert_eq!(
        serde_json::from_slice::<Value>(&seen[0].body).unwrap(),
        body
    );
}

#[tokio::test]
async fn live_participants_are_counted() {
    let upstream = RawUpstream::saying("{\"live_participants\":7,\"live_sessions\":2}").await;
    let (app, key) = upstream.app("").await;
    let id = "5f0c2b1e-7a44-4d0e-9b55-3e6c1d8a9f21";
    for (path, asked) in [
        ("/live/count".to_owned(), "/statistics/current".to_owned()),
        (
            format!("/rooms/{id}/live/count"),
            format!("/rooms/{id}/live"),
        ),
    ] {
        let answer = app.api(&key, Method::GET, &path).await;
        assert_eq!((answer.status, answer.json()), (200, json!({ "count": 7 })));
        let seen = upstream.seen();
        let line = seen.last().unwrap().head.lines().next().unwrap().to_owned();
        assert_eq!(line, format!("GET /api/v1{asked} HTTP/1.1"));
    }
    let (app, key) = app_for_all("").await;
    app.put_room("course-101");
    let visitor: Visitor =
        serde_json::from_value(json!({ "name": "Ada", "role": "attendee" })).unwrap();
    assert!(app.upstream.enter("course-101", visitor));
    let answer = app
        .api(&key, Method::GET, "/rooms/course-101/live/count")
        .await;
    assert_eq!(answer.json(), json!({ "count": 1 }));
}

#[tokio::test]
async fn statistics_that_are_gone_name_what_took_their_place() {
    let (app, key) = app_for_all("").await;
    for (path, instead) in [
        ("rooms", "get_statistics_totals"),
        ("participants", "get_started_sessions_statistics"),
        ("sessions", "get_team_statistics"),
        ("recordings", "get_team_statistics"),
    ] {
        let answer = app
            .api(&key, Method::GET, &format!("/statistics/{path}"))
            .await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (501, "not-implemented")
        );
        assert!(answer.json()["detail"].as_str().unwrap().contains(instead));
    }
    assert_eq!(app.upstream_calls(), 0);
}

#[tokio::test]
async fn older_names_are_taken_and_told_to_who_asks_for_them_alone() {
    let (current, older) = (Backend::that_may(super::ALL), Backend::that_may(super::ALL));
    let id = older.id();
    let more = format!("[gateway]\nolder_form_for = [\"{id}\"]");
    let app = app_with(&[&current, &older], &more).await;
    let body = json!({
        "privacy": "private", "friendly_url": "old-1", "default_language": "en",
        "toolbar": { "position": "left", "visible": false },
        "roles": ["moderator", "attendee"], "default_role": "attendee",
    });
    let created = app
        .api_with(&current.key(), Method::POST, "/rooms", &body)
        .await;
    assert_eq!(created.status, 200, "{created:?}");
    let today = created.json();
    assert_eq!(
        (&today["language"], &today["toolbar_position"]),
        (&json!("en"), &json!("left"))
    );
    assert_eq!(
        (&today["toolbar_enabled"], today.get("toolbar")),
        (&json!(false), None)
    );
    assert!(today.get("default_language").is_none() && today["roles"][0].is_object());

    let by_key = app
        .api(&older.key(), Method::GET, "/rooms/old-1")
        .await
        .json();
    let request = app.api_request(&current.key(), Method::GET, "/rooms/old-1");
    let by_header = app
        .answer(request.header("digital-samba-reference", "1.1"))
        .await
        .json();
    for room in [by_key, by_header] {
        assert_eq!(
            (&room["language"], &room["default_language"]),
            (&json!("en"), &json!("en"))
        );
        assert_eq!(room["toolbar"]["position"], "left");
        assert_eq!(room["toolbar"]["visible"], false);
        assert_eq!(room["roles"], json!(["moderator", "attendee"]));
        assert_eq!(room["default_role"], "attendee");
    }
    let role =
        json!({ "name": "old-role", "display_name": "Old", "permissions": { "chat": true } });
    let role = app
        .api_with(&older.key(), Method::POST, "/roles", &role)
        .await
        .json();
    assert_eq!(
        role["permissions"]["chat"],
        role["permissions"]["general_chat"]
    );
    assert_eq!(role["permissions"]["general_chat"], true, "{role}");
}

#[tokio::test]
async fn a_session_and_a_participant_have_their_ids_for_who_asks_for_the_older_form() {
    let (app, key) = app_for_all("").await;
    app.put_room("course-101");
    let ada: Visitor =
        serde_json::from_value(json!({ "name": "Ada", "role": "attendee" })).unwrap();
    assert!(app.upstream.enter("course-101", ada));
    for (list, name) in [("/sessions", "start_time"), ("/participants", "join_time")] {
        let page = app.api(&key, Method::GET, list).await.json();
        let (id, first) = (page["data"][0]["id"].clone(), &page["data"][0]);
        assert!(first[name].is_string(), "{first}");
        let path = format!("{list}/{}", id.as_str().unwrap());
        let today = app.api(&key, Method::GET, &path).await.json();
        assert_eq!(today.get("id"), None, "{today}");
        let request = app.api_request(&key, Method::GET, &path);
        let mut older = app
            .answer(request.header("digital-samba-reference", "1.1"))
            .await
            .json();
        assert_eq!(older.as_object_mut().unwrap().remove("id"), Some(id));
        assert_eq!(older, today);
    }
}

/// A room, and a backend of the older form that may see secrets.
struct OlderCaller {
    app: TestApp,
    key: String,
}

impl OlderCaller {
    async fn new() -> Self {
        let backend = Backend::that_may(&["*", "secrets:read"]);
        let more = format!("[gateway]\nolder_form_for = [\"{}\"]", backend.id());
        let app = app_with(&[&backend], &more).await;
        app.put_room("course-101");
        let key = backend.key();
        Self { app, key }
    }

    async fn done(&self, method: Method, path: &str, body: Value) -> Value {
        let answer = self.app.api_with(&self.key, method, path, &body).await;
        assert_eq!(answer.status, 200, "{path} {answer:?}");
        answer.json()
    }

    async fn read(&self, path: &str) -> Value {
        self.done(Method::GET, path, json!({})).await
    }
}

#[tokio::test]
async fn polls_have_their_older_names_in_and_out() {
    let caller = OlderCaller::new().await;
    let polls = "/rooms/course-101/polls";
    let made = json!({
        "question": "Which?", "type": "multiple", "options": [{ "label": "A" }, { "text": "B" }],
    });
    let made = caller.done(Method::POST, polls, made).await;
    let path = format!("{polls}/{}", made["id"].as_str().unwrap());
    let poll = caller.read(&path).await;
    let page = caller.read(polls).await;
    for told in [&made, &poll, &page["data"][0]] {
        assert_eq!(told["multiple"], true, "{told}");
        assert_eq!(told["type"], "multiple", "{told}");
    }
    for (option, name) in [(0, "A"), (1, "B")] {
        assert_eq!(poll["options"][option]["label"], name, "{poll}");
        assert_eq!(poll["options"][option]["text"], name, "{poll}");
    }
    let change = json!({ "type": "single", "options": [{ "label": "C" }] });
    caller.done(Method::PATCH, &path, change).await;
    let poll = caller.read(&path).await;
    assert_eq!(
        (&poll["type"], &poll["options"][0]["label"]),
        (&json!("single"), &json!("C"))
    );
}

#[tokio::test]
async fn webhooks_have_their_older_names_in_and_out() {
    let caller = OlderCaller::new().await;
    let hook = json!({
        "endpoint": "https://hooks.example/x", "secret": "a-secret",
        "events": ["session.started", "transcript.ready", "recording_ready"],
    });
    let made = caller.done(Method::POST, "/webhooks", hook).await;
    let path = format!("/webhooks/{}", made["id"].as_str().unwrap());
    let read = caller.read(&path).await;
    let page = caller.read("/webhooks").await;
    for told in [&made, &read, &page["data"][0]] {
        assert_eq!(told["secret"], "a-secret", "{told}");
        assert_eq!(told["authorization_header"], "a-secret", "{told}");
    }
    let events = json!(["session.started", "transcript.ready", "recording.ready"]);
    assert_eq!(read["events"], events, "{read}");
    let change = json!({ "secret": "another", "events": ["participant.left"] });
    caller.done(Method::PATCH, &path, change).await;
    let read = caller.read(&path).await;
    assert_eq!(read["secret"], "another", "{read}");
    assert_eq!(read["events"], json!(["participant.left"]), "{read}");
}

#[tokio::test]
async fn the_list_of_events_has_their_older_names() {
    let caller = OlderCaller::new().await;
    let events = caller.read("/events").await;
    let events = events.as_array().unwrap();
    for (older, today) in [
        ("session.started", "session_started"),
        ("transcript.ready", "session_transcript_ready"),
    ] {
        assert!(events.contains(&json!(older)), "{events:?}");
        assert!(!events.contains(&json!(today)), "{events:?}");
    }
    assert!(events.contains(&json!("room_deleted")), "{events:?}");
}

#[tokio::test]
async fn a_logo_has_its_older_name_in_and_out() {
    let caller = OlderCaller::new().await;
    let logo = "https://cdn.example/logo.png";
    let change = json!({ "logo_url": logo });
    let changed = caller
        .done(Method::PATCH, "/rooms/course-101", change)
        .await;
    for room in [changed, caller.read("/rooms/course-101").await] {
        assert_eq!(
            (&room["logo_url"], &room["custom_logo"]),
            (&json!(logo), &json!(logo))
        );
    }
}

#[tokio::test]
async fn what_upstream_would_take_as_something_else_is_refused_in_its_own_form() {
    let (app, key) = app_for_all("").await;
    app.put_room("course-101");
    let literal = Operation::all().iter().filter_map(|operation| {
        let segment = operation.path.strip_prefix("/rooms/")?.split('/').next()?;
        (!segment.starts_with('{')).then(|| segment.to_owned())
    });
    let (long, short) = ("a".repeat(33), "ab".to_owned());
    let names: Vec<String> = literal.chain(["TAGS".to_owned(), long, short]).collect();
    assert!(names.contains(&"tags".to_owned()) && names.contains(&"live".to_owned()));
    for name in &names {
        for (method, path) in [
            (Method::POST, "/rooms"),
            (Method::PATCH, "/rooms/course-101"),
        ] {
            let body = json!({ "privacy": "private", "friendly_url": name });
            let answer = app.api_with(&key, method, path, &body).await;
            assert_eq!(answer.status, 422, "{name} {answer:?}");
            assert_eq!(answer.header("content-type"), "application/json");
            let told = answer.json();
            assert_eq!(
                told["errors"]["friendly_url"],
                json!([told["message"]]),
                "{name}"
            );
        }
    }
    assert_eq!((app.calls("create_room"), app.calls("update_room")), (0, 0));
    for name in ["abc".to_owned(), "a".repeat(32)] {
        let body = json!({ "privacy": "private", "friendly_url": name });
        assert_eq!(
            app.api_with(&key, Method::POST, "/rooms", &body)
                .await
                .status,
            200
        );
    }

    let role = |permission: &str| json!({ "name": "helper", "display_name": "Helpers", "permissions": { (permission): true } });
    for (method, path) in [(Method::POST, "/roles"), (Method::PATCH, "/roles/attendee")] {
        let answer = app.api_with(&key, method, path, &role("fly")).await;
        assert_eq!(answer.status, 422, "{answer:?}");
        assert!(
            answer.json()["errors"]["permissions.fly"].is_array(),
            "{answer:?}"
        );
    }
    assert_eq!((app.calls("create_role"), app.calls("update_role")), (0, 0));
    let known = app
        .api_with(&key, Method::POST, "/roles", &role("emoji_reactions"))
        .await;
    assert_eq!(known.status, 200, "{known:?}");
}

#[tokio::test]
async fn sessions_of_a_participant_are_those_of_the_same_person() {
    let participants = json!({
        // What upstream says of one participant and of the list, in one answer for both.
        "session_id": "s1", "room_id": "r1", "total_count": "3",
        "data": [
            { "id": "p3", "external_id": "other", "session_id": "s3", "room_id": "r1" },
            { "id": "p2", "external_id": "person", "session_id": "s2", "room_id": "r2", "live": false },
            { "id": "p1", "external_id": "person", "session_id": "s1", "room_id": "r1", "live": true },
        ],
    });
    let upstream = RawUpstream::saying(&participants.to_string()).await;
    let (app, key) = upstream.app("").await;
    let told = app
        .api(&key, Method::GET, "/participants/p1/sessions")
        .await
        .json();
    assert_eq!(told["total_count"], 2);
    let ids: Vec<&Value> = told["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|session| &session["id"])
        .collect();
    assert_eq!(ids, ["s1", "s2"]);
    let told = app
        .api(
            &key,
            Method::GET,
            "/participants/p1/sessions?limit=1&offset=1",
        )
        .await
        .json();
    assert_eq!(
        (&told["total_count"], &told["data"][0]["id"]),
        (&json!(2), &json!("s2"))
    );
}
