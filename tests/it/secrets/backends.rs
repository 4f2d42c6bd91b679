//! A backend's key, and whom it lets in, are seen nowhere, at the most talkative level.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::Method;
use serde_json::json;

use super::program::Program;
use crate::internal::Backend;
use crate::support::process::World;
use crate::support::{Answer, TEAM_ID};

#[tokio::test]
async fn no_key_no_name_and_no_link_of_a_backend_is_seen() {
    for log_format in ["json", "text"] {
        let world = World::new();
        let (known, unknown) = (Backend::that_may(&["*"]), Backend::that_may(&["*"]));
        let config = format!(
            "{}\n{}\n[telemetry]\nlog_format = \"{log_format}\"\nlog_level = \"trace\"\n",
            world
                .configuration()
                .replace("workers = 2", "workers = 2\naccess_log = true"),
            known.configuration()
        );
        let program = Program::serve(&world.write("broker.toml", &config));
        let internal = program.internal_address().await;
        let mut answered = String::new();
        let mut canaries = vec!["Canary Name".to_owned(), "canary-person".to_owned()];
        let people = json!({ "participants": [{ "id": "canary-person", "name": "Canary Name" }] });
        let room = "/v1/rooms/course-101";
        for key in [known.key(), unknown.key()] {
            let pair = BASE64.encode(format!("{TEAM_ID}:{key}"));
            let (_, secret) = key.rsplit_once('_').unwrap();
            canaries.extend([secret.to_owned(), pair.clone()]);
            for authorization in [
                format!("Bearer {key}"),
                format!("Bearer {pair}"),
                format!("Basic {pair}"),
                format!("Bearer {key}0"),
                format!("Token {key}"),
            ] {
                for (method, path, body) in [
                    (Method::PUT, room.to_owned(), json!({})),
                    (Method::POST, format!("{room}/join-links"), people.clone()),
                    (
                        Method::POST,
                        format!("{room}/join-links"),
                        json!({ "x": "canary-person" }),
                    ),
                    (
                        Method::PATCH,
                        room.to_owned(),
                        json!({ "settings": { "topic": 7 } }),
                    ),
                ] {
                    let request = world.http.request(method, format!("{internal}{path}"));
                    let request = request
                        .header("authorization", &authorization)
                        .header("on-behalf-of", "canary-person")
                        .json(&body);
                    let answer = Answer::of(request.send().await.unwrap()).await;
                    if answer.text.contains("join_url") {
                        let body = answer.json();
                        let token = body["results"][0]["token"].as_str().unwrap();
                        canaries.extend(token.split('.').skip(1).map(str::to_owned));
                    } else {
                        answered.push_str(&answer.text);
                    }
                    write!(answered, "{:?}", answer.headers).unwrap();
                }
            }
        }
        program.signal("TERM");
        let (code, said) = program.ended();
        assert_eq!(code, Some(0));
        assert!(said.contains("request answered"));
        assert!(canaries.len() > 8, "no link was granted");
        let audit = std::fs::read_to_string(world.path("audit.jsonl")).unwrap();
        assert!(audit.contains("on_behalf_of_hash"));
        let all = [said, answered, audit].join("\n");
        super::assert_unseen(log_format, &all, &canaries);
    }
}
