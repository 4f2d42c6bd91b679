//! Every operation of the catalogue once, through the gateway to the simulator, rooms by their
//! names alone: each with its status, its content type, and upstream's own count of it.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;
use room_broker::digital_samba::{Body, Operation};
use room_broker::simulator::digital_samba::{Speech, Visitor};
use serde_json::{Value, json};

use crate::support::{Answer, TestApp};

use super::app_for_all;

const BY_BEN: &str = r#"{"participant":{"name":"Ben","external_id":"user-2"}}"#;
const ASKS: &str = r#"{"participant":{"name":"Ben","external_id":"user-2"},"question":"Why?"}"#;
const ANSWERS: &str = r#"{"participant":{"name":"Ben","external_id":"user-2"},"answer":"So."}"#;
const POLL: &str = r#"{"question":"Which topic?","options":[{"text":"Anatomy"}]}"#;
const QUIZ: &str =
    r#"{"title":"Bones","questions":[{"text":"Which?","choices":[{"text":"a"},{"text":"b"}]}]}"#;
const HOOK: &str = r#"{"endpoint":"https://a.example.com","events":["room_deleted"]}"#;
const ROLE: &str = r#"{"name":"helper","display_name":"Helpers","permissions":{}}"#;
const STREAM: &str = r#"{"type":"youtube","stream_key":"a-secret"}"#;
const TAGS: &str = r#"{"tags":["clinic"]}"#;
const POLLS_FILE: &str = "question,type,option1\nWhich topic?,single,Anatomy\n";
const QUIZZES_FILE: &str = "quiz_title,timing_mode,time_limit_seconds,question,correct,type,option1,option2\nBones,quiz,60,Which?,Femur,single,Femur,Ulna\n";

/// Bodies of those that need one; a file's text for the imports.
const BODIES: &[(&str, &str)] = &[
    ("create_room", r#"{"privacy":"private"}"#),
    ("delete_rooms_by_tag", TAGS),
    ("delete_rooms_by_tag_legacy", TAGS),
    ("send_chat_message", r#"{"message":"Hello"}"#),
    ("create_question", ASKS),
    ("update_question", ASKS),
    ("delete_question", BY_BEN),
    ("dismiss_question", BY_BEN),
    ("reopen_question", BY_BEN),
    ("upvote_question", BY_BEN),
    ("remove_question_vote", BY_BEN),
    ("create_answer", ANSWERS),
    ("update_answer", ANSWERS),
    ("delete_answer", BY_BEN),
    ("start_live_answer", BY_BEN),
    ("stop_live_answer", BY_BEN),
    ("cancel_live_answer", BY_BEN),
    ("create_poll", POLL),
    ("update_poll", r#"{"options":null}"#),
    ("import_polls", POLLS_FILE),
    ("create_quiz", QUIZ),
    ("update_quiz", r#"{"questions":null}"#),
    ("import_quizzes", QUIZZES_FILE),
    (
        "phone_participants_joined",
        r#"[{"call_id":"call 2","name":"Ben"}]"#,
    ),
    ("phone_participants_left", r#"["call 2"]"#),
    ("start_restreamer", STREAM),
    ("create_role", ROLE),
    ("update_role", r#"{"permissions":{"broadcast":true}}"#),
    ("create_library_file", r#"{"file_size":7}"#),
    ("create_webhook", HOOK),
];

/// What must have been done right before.
const FIRST: &[(&str, &str)] = &[("cancel_live_answer", "start_live_answer")];

/// What ends or removes something comes last, in this order: what is inside before what holds it.
const LAST: &[&str] = &[
    "disconnect_phone",
    "delete_role",
    "delete_session_chat",
    "delete_room_chat",
    "remove_question_vote",
    "delete_answer",
    "delete_question",
    "delete_session_questions",
    "delete_room_questions",
    "delete_session_summaries",
    "delete_room_summaries",
    "delete_session_transcripts",
    "delete_room_transcripts",
    "delete_poll",
    "delete_session_polls",
    "delete_room_polls",
    "delete_quiz",
    "delete_session_quizzes",
    "delete_room_quizzes",
    "delete_recording",
    "delete_session_recordings",
    "delete_room_recordings",
    "delete_library_file",
    "delete_library_folder",
    "delete_library",
    "delete_webhook",
    "delete_session_resources",
    "delete_room_resources",
    "end_session",
    "delete_room",
    "delete_rooms_by_tag",
    "delete_rooms_by_tag_legacy",
];

/// Operations that upstream is not asked, or not by that name.
const ANSWERED_HERE: &[&str] = &["create_room_token"];

/// A team in which something happened, and what stands for the parameters of paths.
struct Scene {
    app: TestApp,
    key: String,
    names: BTreeMap<&'static str, String>,
    ended_session: String,
}

fn text(value: &Value) -> String {
    let text = value.as_str();
    text.unwrap_or_else(|| panic!("{value} is no text"))
        .to_owned()
}

impl Scene {
    async fn start() -> Self {
        let (app, key) = app_for_all("").await;
        let mut scene = Self {
            app,
            key,
            names: BTreeMap::from([
                ("room", "clinic".to_owned()),
                ("role", "helper".to_owned()),
                ("callId", "call%201".to_owned()),
            ]),
            ended_session: String::new(),
        };
        for room in ["idle", "clinic"] {
            scene.create_tagged(room).await;
        }
        scene.ended_session = scene.meeting("idle").await;
        scene
            .done(Method::POST, "/rooms/idle/recordings/start", "{}")
            .await;
        let end = format!("/sessions/{}/end", scene.ended_session);
        scene.done(Method::POST, &end, "{}").await;
        scene.app.hand.advance(Duration::from_mins(2));
        let session = scene.meeting("clinic").await;
        scene.names.insert("session", session);
        let people = scene.done(Method::GET, "/participants?live=true", "").await;
        let participant = text(&people["data"][0]["id"]);
        scene
            .done(Method::POST, "/rooms/clinic/transcription/start", "")
            .await;
        let speech = Speech {
            text: "We begin with the rota.".to_owned(),
            seconds: 3,
        };
        assert!(scene.app.upstream.say(&participant, speech));
        scene
            .done(Method::POST, "/rooms/clinic/transcription/stop", "")
            .await;
        scene.names.insert("participant", participant);
        let recordings = scene.done(Method::GET, "/recordings", "").await;
        let recording = text(&recordings["data"][0]["id"]);
        scene.names.insert("recording", recording);
        let caller = r#"[{"call_id":"call 1","name":"Ada"}]"#;
        let joined = "/rooms/clinic/phone-participants/joined";
        scene.done(Method::POST, joined, caller).await;
        scene.add_things().await;
        scene
    }

    async fn create_tagged(&self, room: &str) {
        let body = json!({ "friendly_url": room, "privacy": "private", "tags": ["clinic"] });
        self.done(Method::POST, "/rooms", &body.to_string()).await;
    }

    /// Somebody comes in; the session's id.
    async fn meeting(&self, room: &str) -> String {
        let visitor = json!({ "external_id": "user-1", "name": "Ines", "role": "moderator" });
        let visitor: Visitor = serde_json::from_value(visitor).unwrap();
        assert!(self.app.upstream.enter(room, visitor));
        let sessions = self.done(Method::GET, "/sessions?live=true", "").await;
        text(&sessions["data"][0]["id"])
    }

    /// One of everything that a path can name.
    async fn add_things(&mut self) {
        self.done(Method::POST, "/rooms/clinic/questions", ASKS)
            .await;
        let page = self.done(Method::GET, "/rooms/clinic/questions", "").await;
        let question = text(&page["data"][0]["id"]);
        let answers = format!("/rooms/clinic/questions/{question}/answers");
        self.done(Method::POST, &answers, ANSWERS).await;
        let page = self.done(Method::GET, "/rooms/clinic/questions", "").await;
        let answer = text(&page["data"][0]["answers"][0]["id"]);
        self.names
            .extend([("question", question), ("answer", answer)]);
        for (name, path, body, id) in [
            ("library", "/libraries", "{}", "id"),
            ("libraryFolder", "/libraries/{library}/folders", "{}", "id"),
            ("libraryFile", "/libraries/{library}/files", "{}", "file_id"),
            ("webhook", "/webhooks", HOOK, "id"),
            ("poll", "/rooms/clinic/polls", POLL, "id"),
            ("quiz", "/rooms/clinic/quizzes", QUIZ, "id"),
        ] {
            let made = self.done(Method::POST, &self.filled(path), body).await;
            self.names.insert(name, text(&made[id]));
        }
    }

    fn filled(&self, path: &str) -> String {
        let names = self.names.iter();
        names.fold(path.to_owned(), |path, (name, value)| {
            path.replace(&format!("{{{name}}}"), value)
        })
    }

    async fn done(&self, method: Method, path: &str, body: &str) -> Value {
        let request = self.app.api_request(&self.key, method, path);
        let request = request.header("content-type", "application/json");
        let answer = self.app.answer(request.body(body.to_owned())).await;
        assert_eq!(answer.status, 200, "{path} {answer:?}");
        serde_json::from_str(&answer.text).unwrap_or_default()
    }

    async fn call(&self, operation: &Operation) -> Answer {
        let path = match operation.id {
            "delete_room_resources" => operation.path.replace("{room}", "idle"),
            "delete_session_resources" => operation.path.replace("{session}", &self.ended_session),
            _ => operation.path.to_owned(),
        };
        let method = Method::from_bytes(operation.method.as_str().as_bytes()).unwrap();
        let request = self.app.api_request(&self.key, method, &self.filled(&path));
        let body = BODIES.iter().find(|(id, _)| *id == operation.id);
        let body = body.map_or("{}", |(_, body)| *body);
        let request = match operation.body {
            Body::Nothing => request,
            Body::Json => request.header("content-type", "application/json").body(body),
            Body::Multipart => request
                .header("content-type", "multipart/form-data; boundary=b")
                .body(format!(
                    "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"rows.csv\"\r\ncontent-type: text/csv\r\n\r\n{body}\r\n--b--\r\n"
                )),
        };
        self.app.answer(request).await
    }
}

/// Every operation, in an order in which each finds what it needs.
fn in_order() -> Vec<&'static Operation> {
    let all = Operation::all().iter();
    let mut ordered: Vec<_> = all
        .filter(|operation| !LAST.contains(&operation.id))
        .collect();
    ordered.extend(LAST.iter().map(|id| Operation::named(id).unwrap()));
    assert_eq!(ordered.len(), Operation::all().len());
    ordered
}

#[tokio::test]
async fn every_operation_comes_through_with_its_status_and_content_type() {
    let scene = Scene::start().await;
    let mut faults = Vec::new();
    for operation in in_order() {
        let id = operation.id;
        for (_, first) in FIRST.iter().filter(|(of, _)| *of == id) {
            scene.call(Operation::named(first).unwrap()).await;
        }
        if id == "delete_rooms_by_tag_legacy" {
            scene.create_tagged("again").await;
        }
        let upstream = scene.app.upstream.controls();
        let before = upstream.count(id).done;
        let answer = scene.call(operation).await;
        let is_gone = id.ends_with("_statistics_legacy");
        let status = if is_gone { 501 } else { operation.status() };
        if answer.status != status {
            faults.push(format!("{id}: {} {}", answer.status, answer.text));
        }
        let kind = answer.header("content-type");
        let expected = match operation.answer.content_type() {
            _ if is_gone => "application/problem+json",
            kind => kind.unwrap_or_default(),
        };
        if !kind.starts_with(expected) || kind.is_empty() != expected.is_empty() {
            faults.push(format!("{id}: of type {kind:?}, not {expected:?}"));
        }
        let is_counted = upstream.count(id).done == before + 1;
        let is_upstreams = operation.replaced_by.is_none() && !ANSWERED_HERE.contains(&id);
        if is_counted != is_upstreams {
            faults.push(format!("{id}: called upstream: {is_counted}"));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}
