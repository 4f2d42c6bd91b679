//! One audit line for each call of a backend that is known, and no secret anywhere.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Backend, app_with};
use crate::support::TestApp;

/// The lines of the internal listener.
fn lines_after(app: &TestApp, path: &std::path::Path) -> (String, Vec<Value>) {
    app.running.flush_audit_log();
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let lines: Vec<Value> = lines.collect();
    (text, lines)
}

#[tokio::test]
async fn each_call_is_one_line_whatever_came_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.jsonl");
    let backend = Backend::that_may(&["rooms:*", "tokens:mint"]).with("rooms = [\"course-{c}\"]");
    let audit = format!("[audit]\nfile = \"{}\"", file.display());
    let app = app_with(&[&backend], &audit).await;
    let key = backend.key();
    let room = "/v1/rooms/course-101";
    let put = app.call(&key, (Method::PUT, room), &Value::Null);
    let put = app
        .answer(put.header("on-behalf-of", "canary-person"))
        .await;
    let people =
        json!({ "participants": [{ "id": "canary-id", "name": "Canary Name" }, { "id": "" }] });
    let minted = app
        .do_as(&key, (Method::POST, &format!("{room}/join-links")), &people)
        .await;
    app.ask(&key, "/v1/rooms/lobby").await;
    app.ask(&key, "/v1/rooms/course-101/live").await;
    app.ask(&backend.wrong_key(), room).await;

    let (text, lines) = lines_after(&app, &file);
    let said: Vec<_> = lines
        .iter()
        .map(|line| {
            let word = |name: &str| line[name].as_str().unwrap_or("-").to_owned();
            assert_eq!(word("event"), "service");
            assert_eq!(word("kind"), "api-key");
            assert_eq!(word("id"), backend.key.id().as_str());
            assert_eq!(word("name"), "shop");
            (word("operation"), word("room"), word("outcome"))
        })
        .collect();
    let expected = [
        ("ensure-room", "course-101", "ok"),
        ("join-links", "course-101", "ok"),
        ("read-room", "lobby", "forbidden"),
        ("room-live", "course-101", "insufficient-scope"),
    ];
    let expected = expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
    assert_eq!(said, expected);
    assert_eq!(lines[0]["request_id"], put.header("x-request-id"));
    assert_eq!(lines[0]["on_behalf_of_hash"], person_hash("canary-person"));
    assert_eq!(lines[1]["items"], 2);
    let token = minted.json()["results"][0]["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let (_, secret) = key.rsplit_once('_').unwrap();
    for canary in ["canary", "Canary", secret, &token] {
        assert!(!text.contains(canary), "{canary}");
    }
}

fn person_hash(text: &str) -> String {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    let digits = hash.as_ref().iter().take(16);
    digits
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .concat()
}

#[tokio::test]
async fn for_whom_a_backend_acts_is_bounded_and_said_once() {
    let backend = Backend::that_may(&["rooms:read"]);
    let app = app_with(&[&backend], "").await;
    app.put_room("course-101");
    let long = "x".repeat(256);
    for people in [
        vec![""],
        vec![long.as_str()],
        vec!["a", "b"],
        vec!["a\tb"],
        vec!["\u{e9}"],
    ] {
        let mut request = app.call(
            &backend.key(),
            (Method::GET, "/v1/rooms/course-101"),
            &Value::Null,
        );
        for person in &people {
            request = request.header("on-behalf-of", *person);
        }
        assert_eq!(
            app.answer(request).await.code(),
            "bad-request",
            "{people:?}"
        );
    }
}
