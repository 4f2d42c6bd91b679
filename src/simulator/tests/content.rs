//! Every operation of the content side, once, on a populated team.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Team, meeting, person};

const JSON: &str = "application/json";
const TEXT: &str = "text/plain";
const CSV: &str = "text/csv";
const NOTHING: &str = "";
const NONE: &str = "null";
const BY_BEN: &str = r#"{"participant":{"name":"Ben","external_id":"user-2"}}"#;
const ASKS: &str = r#"{"participant":{"name":"Ben","external_id":"user-2"},"question":"Why?"}"#;
const ANSWERS: &str = r#"{"participant":{"name":"Ben","external_id":"user-2"},"answer":"So."}"#;
const POLL: &str = r#"{"question":"Which topic?","options":[{"text":"Anatomy"}]}"#;
const QUIZ: &str =
    r#"{"title":"Bones","questions":[{"text":"Which?","choices":[{"text":"a"},{"text":"b"}]}]}"#;
const HOOK: &str = r#"{"endpoint":"https://a.example.com","events":["room_deleted"]}"#;
const ROLE: &str = r#"{"name":"helper","display_name":"Helpers","permissions":{}}"#;
/// In place of a body: a file with polls, or with quizzes.
const POLLS_FILE: &str = "question,type,option1\nWhich topic?,single,Anatomy\n";
const QUIZZES_FILE: &str = "quiz_title,timing_mode,time_limit_seconds,question,correct,type,\
    option1,option2\nBones,quiz,60,Which?,Femur,single,Femur,Ulna\n";

/// Operation, method and path, body, status, content type. What deletes comes last.
#[rustfmt::skip]
const OPERATIONS: &[(&str, &str, &str, u16, &str)] = &[
    ("list_permissions", "GET permissions", NONE, 200, JSON),
    ("list_roles", "GET roles", NONE, 200, JSON),
    ("create_role", "POST roles", ROLE, 200, JSON),
    ("get_role", "GET roles/helper", NONE, 200, JSON),
    ("update_role", "PATCH roles/helper", r#"{"permissions":{"broadcast":true}}"#, 200, JSON),
    ("delete_role", "DELETE roles/helper", NONE, 204, NOTHING),

    ("list_chat_messages", "GET rooms/clinic/chat", NONE, 200, JSON),
    ("send_chat_message", "POST rooms/clinic/chat", r#"{"message":"Hello"}"#, 200, JSON),
    ("export_chat", "GET rooms/clinic/chat/export", r#"{"locale":"it"}"#, 200, TEXT),

    ("list_questions", "GET rooms/clinic/questions", NONE, 200, JSON),
    ("create_question", "POST rooms/clinic/questions", ASKS, 200, JSON),
    ("export_questions", "GET rooms/clinic/questions/export", NONE, 200, TEXT),
    ("update_question", "PATCH rooms/clinic/questions/{question}", ASKS, 200, JSON),
    ("dismiss_question", "POST rooms/clinic/questions/{question}/dismiss", BY_BEN, 200, JSON),
    ("reopen_question", "POST rooms/clinic/questions/{question}/reopen", BY_BEN, 200, JSON),
    ("upvote_question", "POST rooms/clinic/questions/{question}/vote", BY_BEN, 200, JSON),
    ("create_answer", "POST rooms/clinic/questions/{question}/answers", ANSWERS, 200, JSON),
    ("update_answer", "PATCH rooms/clinic/questions/{question}/answers/{answer}", ANSWERS, 200, JSON),
    ("start_live_answer", "POST rooms/clinic/questions/{question}/live-answers/start", BY_BEN, 200, JSON),
    ("stop_live_answer", "POST rooms/clinic/questions/{question}/live-answers/stop", BY_BEN, 200, JSON),
    ("start_live_answer", "POST rooms/clinic/questions/{question}/live-answers/start", BY_BEN, 200, JSON),
    ("cancel_live_answer", "POST rooms/clinic/questions/{question}/live-answers/cancel", BY_BEN, 200, JSON),

    ("list_polls", "GET rooms/clinic/polls", NONE, 200, JSON),
    ("create_poll", "POST rooms/clinic/polls", POLL, 200, JSON),
    ("get_poll", "GET rooms/{room}/polls/{poll}", NONE, 200, JSON),
    ("update_poll", "PATCH rooms/{room}/polls/{poll}", r#"{"options":null}"#, 200, JSON),
    ("get_poll_results", "GET rooms/clinic/polls/{poll}/results", NONE, 200, JSON),
    ("export_polls", "GET rooms/clinic/polls/export", NONE, 200, TEXT),
    ("import_polls", "POST rooms/{room}/polls/import", POLLS_FILE, 200, JSON),
    ("get_poll_import_template", "GET rooms/{room}/polls/template", NONE, 200, CSV),

    ("list_quizzes", "GET rooms/clinic/quizzes", NONE, 200, JSON),
    ("create_quiz", "POST rooms/clinic/quizzes", QUIZ, 200, JSON),
    ("get_quiz", "GET rooms/{room}/quizzes/{quiz}", NONE, 200, JSON),
    ("update_quiz", "PATCH rooms/{room}/quizzes/{quiz}", r#"{"questions":null}"#, 200, JSON),
    ("get_quiz_results", "GET rooms/clinic/quizzes/{quiz}/results", NONE, 200, JSON),
    ("export_quizzes", "GET rooms/{room}/quizzes/export", NONE, 200, TEXT),
    ("import_quizzes", "POST rooms/{room}/quizzes/import", QUIZZES_FILE, 200, JSON),
    ("get_quiz_import_template", "GET rooms/{room}/quizzes/template", NONE, 200, CSV),

    ("list_libraries", "GET libraries", NONE, 200, JSON),
    ("create_library", "POST libraries", r#"{"name":"Biology"}"#, 200, JSON),
    ("get_library", "GET libraries/{library}", NONE, 200, JSON),
    ("update_library", "PATCH libraries/{library}", r#"{"name":"Biology"}"#, 200, JSON),
    ("get_library_hierarchy", "GET libraries/{library}/hierarchy", NONE, 200, JSON),
    ("list_library_folders", "GET libraries/{library}/folders", NONE, 200, JSON),
    ("create_library_folder", "POST libraries/{library}/folders", "{}", 200, JSON),
    ("get_library_folder", "GET libraries/{library}/folders/{folder}", NONE, 200, JSON),
    ("update_library_folder", "PATCH libraries/{library}/folders/{folder}", "{}", 200, JSON),
    ("list_library_files", "GET libraries/{library}/files", NONE, 200, JSON),
    ("create_library_file", "POST libraries/{library}/files", r#"{"file_size":7}"#, 200, JSON),
    ("get_library_file", "GET libraries/{library}/files/{file}", NONE, 200, JSON),
    ("update_library_file", "PATCH libraries/{library}/files/{file}", "{}", 200, JSON),
    ("get_library_file_links", "GET libraries/{library}/files/{file}/links", NONE, 200, JSON),
    ("create_library_webapp", "POST libraries/{library}/webapps", "{}", 200, JSON),
    ("create_library_whiteboard", "POST libraries/{library}/whiteboards", "{}", 200, JSON),

    ("list_webhook_events", "GET events", NONE, 200, JSON),
    ("list_webhooks", "GET webhooks", NONE, 200, JSON),
    ("create_webhook", "POST webhooks", HOOK, 200, JSON),
    ("get_webhook", "GET webhooks/{webhook}", NONE, 200, JSON),
    ("update_webhook", "PATCH webhooks/{webhook}", "{}", 200, JSON),

    ("delete_session_chat", "DELETE sessions/{session}/chat", NONE, 204, NOTHING),
    ("delete_room_chat", "DELETE rooms/clinic/chat", NONE, 204, NOTHING),
    ("remove_question_vote", "DELETE rooms/clinic/questions/{question}/vote", BY_BEN, 204, NOTHING),
    ("delete_answer", "DELETE rooms/clinic/questions/{question}/answers/{answer}", BY_BEN, 204, NOTHING),
    ("delete_question", "DELETE rooms/clinic/questions/{question}", BY_BEN, 204, NOTHING),
    ("delete_session_questions", "DELETE sessions/{session}/questions", NONE, 204, NOTHING),
    ("delete_room_questions", "DELETE rooms/clinic/questions", NONE, 204, NOTHING),
    ("delete_poll", "DELETE rooms/{room}/polls/{poll}", NONE, 204, NOTHING),
    ("delete_session_polls", "DELETE sessions/{session}/polls", NONE, 204, NOTHING),
    ("delete_room_polls", "DELETE rooms/clinic/polls", NONE, 204, NOTHING),
    ("delete_quiz", "DELETE rooms/{room}/quizzes/{quiz}", NONE, 204, NOTHING),
    ("delete_session_quizzes", "DELETE sessions/{session}/quizzes", NONE, 204, NOTHING),
    ("delete_room_quizzes", "DELETE rooms/clinic/quizzes", NONE, 204, NOTHING),
    ("delete_library_file", "DELETE libraries/{library}/files/{file}", NONE, 204, NOTHING),
    ("delete_library_folder", "DELETE libraries/{library}/folders/{folder}", NONE, 204, NOTHING),
    ("delete_library", "DELETE libraries/{library}", NONE, 204, NOTHING),
    ("delete_webhook", "DELETE webhooks/{webhook}", NONE, 204, NOTHING),
];

/// How many operations the catalogue has on this side, those by session among them.
const OPERATIONS_COUNT: usize = 75;

/// A team with one of everything, and what stands for the parameters of paths.
async fn populated() -> (Team, Vec<(&'static str, String)>) {
    let (team, session) = meeting().await;
    let (_, room) = team.get("/api/v1/rooms/clinic").await;
    let room = room["id"].as_str().unwrap().to_owned();
    let mut named = vec![("{session}", session), ("{room}", room)];
    let question = json!({ "participant": person("user-2"), "question": "Why?" });
    let made = team.post("/api/v1/rooms/clinic/questions", question).await;
    assert_eq!(made.0, 200);
    let (_, page) = team.get("/api/v1/rooms/clinic/questions").await;
    let question = page["data"][0]["id"].as_str().unwrap().to_owned();
    let answers = format!("/api/v1/rooms/clinic/questions/{question}/answers");
    let answer = serde_json::from_str(ANSWERS).unwrap();
    assert_eq!(team.post(&answers, answer).await.0, 200);
    let (_, page) = team.get("/api/v1/rooms/clinic/questions").await;
    let answer = page["data"][0]["answers"][0]["id"].as_str().unwrap();
    named.extend([("{answer}", answer.to_owned()), ("{question}", question)]);
    for (name, path, body, id) in [
        ("{library}", "libraries", "{}", "id"),
        ("{folder}", "libraries/{library}/folders", "{}", "id"),
        ("{file}", "libraries/{library}/files", "{}", "file_id"),
        ("{webhook}", "webhooks", HOOK, "id"),
        ("{poll}", "rooms/clinic/polls", POLL, "id"),
        ("{quiz}", "rooms/clinic/quizzes", QUIZ, "id"),
    ] {
        let path = format!("/api/v1/{}", filled(path, &named));
        let (status, made) = team.post(&path, serde_json::from_str(body).unwrap()).await;
        assert_eq!(status, 200, "{path}: {made}");
        named.push((name, made[id].as_str().unwrap().to_owned()));
    }
    (team, named)
}

fn filled(path: &str, named: &[(&str, String)]) -> String {
    let filled = named.iter();
    filled.fold(path.to_owned(), |path, (name, id)| path.replace(name, id))
}

#[tokio::test]
async fn each_operation_answers_with_its_status_and_content_type_and_is_counted_by_its_name() {
    let (team, named) = populated().await;
    let mut ids: Vec<_> = OPERATIONS.iter().map(|(id, ..)| *id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), OPERATIONS_COUNT);
    for (id, address, body, status, kind) in OPERATIONS {
        let (method, path) = address.split_once(' ').unwrap();
        let path = format!("/api/v1/{}", filled(path, &named));
        let before = team.samba.controls().count(id).done;
        let answer = if let Ok(body) = serde_json::from_str::<Value>(body) {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let request = team.request(method, &path);
            let request = if body.is_null() {
                request
            } else {
                request.json(&body)
            };
            request.send().await.unwrap()
        } else {
            team.send_file(&path, "file", "rows.csv", body.as_bytes())
                .await
        };
        let shown = answer.headers().get("content-type");
        let shown = shown.map_or("", |kind| kind.to_str().unwrap()).to_owned();
        let answered = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        assert_eq!(answered, *status, "{id}: {text}");
        assert!(
            shown.starts_with(kind) && shown.is_empty() == kind.is_empty(),
            "{id}: {shown}"
        );
        assert_eq!(team.samba.controls().count(id).done, before + 1, "{id}");
    }
}

#[tokio::test]
async fn a_room_s_other_name_is_unknown_where_only_its_id_is_documented() {
    let (team, mut named) = populated().await;
    let by_id = OPERATIONS
        .iter()
        .filter(|(_, address, ..)| address.contains("{room}"));
    assert_eq!(by_id.clone().count(), 11);
    named.retain(|(name, _)| *name != "{room}");
    named.push(("{room}", "clinic".to_owned()));
    for (id, address, ..) in by_id {
        let (method, path) = address.split_once(' ').unwrap();
        let path = format!("/api/v1/{}", filled(path, &named));
        let request = team.request(Method::from_bytes(method.as_bytes()).unwrap(), &path);
        let answer = request
            .json(&json!({ "options": null, "questions": null }))
            .send();
        assert_eq!(answer.await.unwrap().status(), 404, "{id}");
    }
}

#[tokio::test]
async fn nothing_of_a_room_or_thing_that_is_not_there_is_found() {
    let team = Team::start();
    let nobody = "41c7e5d9-0b68-4f2a-9d3c-76a1b8e2f054";
    let missing = json!({ "message": "Not Found", "error": "not-found" });
    // Of the roles, the helper is not there either.
    let by_path =
        |path: &str| path.contains('{') || path.contains("clinic") || path.contains("helper");
    for (id, address, body, ..) in OPERATIONS {
        let (method, path) = address.split_once(' ').unwrap();
        if !by_path(path) {
            continue;
        }
        let parts = path.split('/');
        let parts = parts.map(|part| if part.starts_with('{') { nobody } else { part });
        let path = format!("/api/v1/{}", parts.collect::<Vec<_>>().join("/"));
        let request = team.request(Method::from_bytes(method.as_bytes()).unwrap(), &path);
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let request = if body.is_null() {
            request
        } else {
            request.json(&body)
        };
        let answer = super::told(request.send().await.unwrap()).await;
        assert_eq!(answer, (404, missing.clone()), "{id}");
    }
}
