//! Every operation around sessions, on a team in which something happened.

use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Team, visitor};
use crate::simulator::digital_samba::{Bookmark, Speech, Visitor};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Operation {
    id: String,
    method: String,
    path: String,
    status: u16,
    #[serde(default)]
    content_type: String,
    shape: String,
    #[serde(default)]
    fields: String,
    /// What a room in the path may be named by.
    #[serde(default)]
    room: String,
}

impl Operation {
    fn method(&self) -> Method {
        Method::from_bytes(self.method.as_bytes()).unwrap()
    }
}

fn operations() -> Vec<Operation> {
    serde_json::from_str(include_str!("operations.json")).unwrap()
}

/// What must have been done before, where what is there is not enough.
const FIRST: [(&str, &str, &str); 4] = [
    (
        "stop_recording",
        "/api/v1/rooms/{room}/recordings/start",
        "{}",
    ),
    (
        "stop_transcription",
        "/api/v1/rooms/{room}/transcription/start",
        "{}",
    ),
    (
        "stop_restreamer",
        "/api/v1/rooms/{room}/restreamers/start",
        STREAM,
    ),
    (
        "list_archived_recordings",
        "/api/v1/recordings/{recording}/archive",
        "{}",
    ),
];
const STREAM: &str = r#"{ "type": "youtube", "stream_key": "a-secret" }"#;

fn body_of(operation: &str) -> Value {
    match operation {
        "create_room" => json!({ "privacy": "private" }),
        "delete_rooms_by_tag" | "delete_rooms_by_tag_legacy" => json!({ "tags": ["clinic"] }),
        "start_restreamer" => serde_json::from_str(STREAM).unwrap(),
        "phone_participants_joined" => json!([{ "call_id": "call 2", "name": "Ben" }]),
        "phone_participants_left" => json!(["call/1"]),
        _ => json!({}),
    }
}

/// The ids of a room that was in use and is idle, and of one that is in use.
struct Scene {
    team: Team,
    names: Vec<(&'static str, String)>,
    ended_session: String,
}

impl Scene {
    async fn start() -> Self {
        let team = Team::start();
        for name in ["idle", "busy"] {
            let body = json!({
                "friendly_url": name, "privacy": "private", "tags": ["clinic"],
                "description": "Weekly planning", "external_id": "dept-112",
            });
            assert_eq!(team.post("/api/v1/rooms", body).await.0, 200);
        }
        let recorded = team.meeting("idle").await;
        team.acted("/api/v1/rooms/idle/recordings/start").await;
        let bookmark = Bookmark {
            text: "Decision".to_owned(),
            participant_id: None,
        };
        assert!(team.samba.bookmark("idle", bookmark));
        team.acted(&format!("/api/v1/sessions/{recorded}/end"))
            .await;
        team.time.advance(Duration::from_mins(2));
        let session = team.meeting("busy").await;
        let (_, people) = team.get("/api/v1/participants?live=true").await;
        let participant = text(&people["data"][0]["id"]);
        team.acted("/api/v1/rooms/busy/transcription/start").await;
        let speech = Speech {
            text: "We begin with the rota.".to_owned(),
            seconds: 3,
        };
        assert!(team.samba.say(&participant, speech));
        team.acted("/api/v1/rooms/busy/transcription/stop").await;
        let caller = json!([{ "call_id": "call/1", "caller_number": "+4312345" }]);
        let (_, busy) = team.get("/api/v1/rooms/busy").await;
        let busy = text(&busy["id"]);
        let joined = format!("/api/v1/rooms/{busy}/phone-participants/joined");
        assert_eq!(team.post(&joined, caller).await.0, 200);
        let (_, recordings) = team.get("/api/v1/recordings").await;
        let recording = text(&recordings["data"][0]["id"]);
        Self {
            team,
            names: vec![
                ("{room}", busy),
                ("{session}", session),
                ("{participant}", participant),
                ("{recording}", recording),
                ("{callId}", "call%2F1".to_owned()),
            ],
            ended_session: recorded,
        }
    }

    fn path_of(&self, operation: &Operation) -> String {
        let path = match operation.id.as_str() {
            "delete_room_resources" => operation.path.replace("{room}", "idle"),
            "delete_session_resources" => operation.path.replace("{session}", &self.ended_session),
            _ => operation.path.clone(),
        };
        self.filled(&path)
    }

    /// With the room's other name in it.
    fn path_by_name(&self, operation: &Operation) -> String {
        let path = match operation.id.as_str() {
            "delete_room_resources" => operation.path.replace("{room}", "idle"),
            _ => operation.path.replace("{room}", "busy"),
        };
        self.filled(&path)
    }

    fn filled(&self, path: &str) -> String {
        let names = self.names.iter();
        names.fold(path.to_owned(), |path, (name, value)| {
            path.replace(name, value)
        })
    }
}

impl Team {
    /// Somebody comes in; answers the session's id.
    async fn meeting(&self, room: &str) -> String {
        let visitor = Visitor {
            name: Some("Ines Valdez".to_owned()),
            ..visitor("user-1", "moderator")
        };
        assert!(self.samba.enter(room, visitor));
        let (_, page) = self.get("/api/v1/sessions?live=true").await;
        text(&page["data"][0]["id"])
    }

    /// An action succeeds, and says nothing.
    async fn acted(&self, path: &str) {
        assert_eq!(self.post(path, json!({})).await, (200, json!("")), "{path}");
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

impl Scene {
    /// Calls an operation; answers everything that is not as it should be.
    async fn faults_of(&self, operation: &Operation) -> Vec<String> {
        let (id, samba) = (operation.id.as_str(), &self.team.samba);
        let before = samba.controls().count(id).done;
        let request = self
            .team
            .request(operation.method(), &self.path_of(operation));
        let answer = request.json(&body_of(id)).send().await.unwrap();
        let status = answer.status().as_u16();
        let kind = answer.headers().get("content-type");
        let kind = kind.map_or("", |kind| kind.to_str().unwrap()).to_owned();
        let body = answer.text().await.unwrap();
        let mut faults = Vec::new();
        if status != operation.status {
            faults.push(format!("{id}: {status} {body}"));
        }
        let expected = &operation.content_type;
        if !kind.starts_with(expected) || expected.is_empty() != kind.is_empty() {
            faults.push(format!("{id}: of type {kind}"));
        }
        if samba.controls().count(id).done != before + 1 {
            faults.push(format!("{id}: not counted"));
        }
        let body: Value = serde_json::from_str(&body).unwrap_or_default();
        let item = match operation.shape.as_str() {
            "page" => &body["data"][0],
            "array" => &body[0],
            _ => &body,
        };
        let fields = operation.fields.split_whitespace();
        let missing = fields.filter(|name| item.get(name).is_none());
        faults.extend(missing.map(|name| format!("{id}: without {name}")));
        faults
    }
}

#[tokio::test]
async fn every_operation_answers_with_its_status_its_type_and_its_fields() {
    let mut faults = Vec::new();
    for operation in operations() {
        let scene = Scene::start().await;
        let firsts = FIRST.iter().filter(|(of, ..)| *of == operation.id);
        for (_, path, body) in firsts {
            let path = scene.filled(path);
            let body = serde_json::from_str(body).unwrap();
            assert_eq!(scene.team.post(&path, body).await.0, 200, "{path}");
        }
        faults.extend(scene.faults_of(&operation).await);
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[tokio::test]
async fn a_room_s_other_name_is_known_only_where_it_is_documented() {
    for operation in operations() {
        if operation.room.is_empty() {
            continue;
        }
        let scene = Scene::start().await;
        for (_, path, body) in FIRST.iter().filter(|(of, ..)| *of == operation.id) {
            let body = serde_json::from_str(body).unwrap();
            assert_eq!(scene.team.post(&scene.filled(path), body).await.0, 200);
        }
        let path = scene.path_by_name(&operation);
        let request = scene.team.request(operation.method(), &path);
        let answer = request.json(&body_of(&operation.id)).send().await.unwrap();
        let expected = match operation.room.as_str() {
            "id" => 404,
            _ => operation.status,
        };
        assert_eq!(answer.status(), expected, "{}", operation.id);
    }
}

#[tokio::test]
async fn every_operation_asks_for_the_key_and_names_what_it_does_not_know() {
    let scene = Scene::start().await;
    for operation in operations() {
        let method = operation.method();
        let address = format!("{}{}", scene.team.samba.base_url(), operation.path);
        let answer = scene
            .team
            .client
            .request(method.clone(), address)
            .send()
            .await;
        assert_eq!(answer.unwrap().status(), 401, "{}", operation.id);
        if operation.path.contains('{') {
            let path = operation.path.replace('{', "no-").replace('}', "");
            let request = scene
                .team
                .request(method, &path)
                .json(&body_of(&operation.id));
            let status = request.send().await.unwrap().status();
            assert_eq!(status, 404, "{}", operation.id);
        }
    }
}

#[tokio::test]
async fn the_reference_s_statistics_are_as_unknown_as_any_path() {
    let team = Team::start();
    for what in ["rooms", "participants", "sessions", "recordings"] {
        let answer = team.get(&format!("/api/v1/statistics/{what}")).await;
        assert_eq!(answer.0, 404, "{what}");
    }
}
