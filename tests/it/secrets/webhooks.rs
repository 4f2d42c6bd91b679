//! The webhook's segment and its secrets are seen nowhere, whatever is delivered, at the most
//! talkative level.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::{Method, RequestBuilder};
use serde_json::json;

use super::program::Program;
use crate::support::process::World;
use crate::support::{Answer, until};
use crate::webhooks::{PREVIOUS, SECRET, SEGMENT, section, today};

/// The endpoint and what looks like it, with the methods that it may be called by.
fn places() -> Vec<(Method, String)> {
    let here = format!("/webhooks/digital-samba/{SEGMENT}");
    vec![
        (Method::POST, here.clone()),
        (Method::POST, format!("{here}?key={SECRET}")),
        (Method::GET, here.clone()),
        (Method::OPTIONS, here.clone()),
        // Not it, and all the same it says where it is.
        (Method::POST, format!("{here}0")),
        (Method::POST, format!("{here}/{SECRET}")),
        (Method::POST, format!("/v1/{here}")),
        (Method::POST, "/webhooks/digital-samba/another".to_owned()),
    ]
}

fn credentials() -> Vec<String> {
    vec![
        SECRET.to_owned(),
        format!("Bearer {SECRET}"),
        PREVIOUS.to_owned(),
        format!("Bearer {SECRET}0"),
        format!("Basic {}", BASE64.encode(format!("hook:{SECRET}"))),
        format!("{SECRET}, {PREVIOUS}"),
        String::new(),
    ]
}

fn bodies() -> Vec<String> {
    let room = "5f0c2b1e-7a44-4d0e-9b55-3e6c1d8a9f21";
    vec![
        today(
            "participant_joined",
            room,
            &json!({ "participantId": "p1" }),
        )
        .to_string(),
        today("room_deleted", room, &json!({})).to_string(),
        // Whoever echoes what is unknown or wrong, echoes these.
        json!({ "event": SECRET, "roomId": SEGMENT }).to_string(),
        json!({ "eventType": "room_locked", "roomId": SECRET, "timestamp": SEGMENT }).to_string(),
        format!("{{\"event\":\"{SECRET}"),
        format!("[\"{SEGMENT}\"]"),
        format!("\"{SECRET}\"").repeat(10_000),
        String::new(),
    ]
}

#[tokio::test]
async fn neither_the_segment_nor_a_secret_is_seen_whatever_is_delivered() {
    for log_format in ["json", "text"] {
        let world = World::new();
        let more = format!("previous_secret = \"{PREVIOUS}\"\nsync_at_start = true");
        let config = format!(
            "{}\n{}\n[telemetry]\nlog_format = \"{log_format}\"\nlog_level = \"trace\"\n",
            world
                .configuration()
                .replace("workers = 2", "workers = 2\naccess_log = true"),
            section("http://127.0.0.1:1", &more),
        );
        let program = Program::serve(&world.write("broker.toml", &config));
        let (public, ops) = program.addresses().await;
        until("our webhook is registered", async || {
            world.upstream.controls().count("create_webhook").done == 1
        })
        .await;
        let mut let_out = String::new();
        let mut accepted = 0;
        let mut sent = async |request: RequestBuilder| {
            let answer = Answer::of(request.send().await.unwrap()).await;
            accepted += u32::from(answer.status == 204);
            writeln!(let_out, "{:?}\n{}", answer.headers, answer.text).unwrap();
        };
        for (method, path) in places() {
            for credential in credentials() {
                for body in bodies() {
                    let url = format!("{public}{path}");
                    let request = world.http.request(method.clone(), url).body(body);
                    let request = request.header("x-signature", SECRET);
                    sent(request.header("authorization", &credential)).await;
                }
            }
        }
        sent(world.http.get(format!("{ops}/metrics"))).await;
        // A segment that is none, which the reload must refuse without a word of it.
        let bad = config.replace(SEGMENT, &format!("{SEGMENT}/{SECRET}"));
        world.write("broker.toml", &bad);
        program.signal("HUP");
        program.until_said("reload refused", 1).await;
        program.signal("TERM");
        let (code, said) = program.ended();
        assert_eq!(code, Some(0));
        assert!(accepted > 0, "nothing was delivered");
        assert!(said.contains("request answered") && said.contains("TRACE"));
        let canaries = [
            SEGMENT.to_owned(),
            SECRET.to_owned(),
            PREVIOUS.to_owned(),
            BASE64.encode(format!("hook:{SECRET}")),
        ];
        super::assert_unseen(log_format, &[said, let_out].join("\n"), &canaries);
    }
}
