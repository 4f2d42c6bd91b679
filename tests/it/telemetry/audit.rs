//! The audit log: exactly the documented members, a new file after a rotation, all of it at the end.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::process::Command;

use room_broker::simulator::identity_provider::User;
use serde_json::Value;

use crate::support::process::World;
use crate::support::until;

use super::{join, serve, terminate};

const MINTED: [&str; 11] = [
    "event",
    "expires_at",
    "issuer",
    "request_id",
    "role",
    "room",
    "room_id",
    "rule",
    "subject_hash",
    "time",
    "token_hash",
];
const REFUSED: [&str; 7] = [
    "event",
    "issuer",
    "reason",
    "request_id",
    "room",
    "subject_hash",
    "time",
];

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line:?}")))
        .collect()
}

fn members(line: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = line
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn each_decision_is_one_line_of_the_documented_members() {
    let world = World::new();
    let mut broker = serve(&world, |text| text).await;
    let minted = join(&world, &broker, User::Ada, "course-101").await;
    let refused = join(&world, &broker, User::Cleo, "course-101").await;
    terminate(&mut broker).await;

    let lines = lines(&world.path("audit.jsonl"));
    assert_eq!(lines.len(), 2);
    let of = |id: &str| lines.iter().find(|line| line["request_id"] == id).unwrap();
    let line = of(minted.header("x-request-id"));
    assert_eq!(members(line), MINTED);
    let answer = minted.json();
    assert_eq!(line["event"], "mint");
    assert_eq!(line["issuer"], "school");
    assert_eq!(line["room"], "course-101");
    assert_eq!(line["room_id"], answer["room"]["id"]);
    assert_eq!(line["role"], "moderator");
    assert_eq!(line["rule"], "teachers moderate");
    let expires_at = line["expires_at"].as_str().unwrap();
    let expires_at = chrono::DateTime::parse_from_rfc3339(expires_at).unwrap();
    assert_eq!(
        expires_at.timestamp(),
        answer["expires_at"].as_i64().unwrap()
    );
    let line = of(refused.header("x-request-id"));
    assert_eq!(members(line), REFUSED);
    assert_eq!(line["event"], "refused");
    assert_eq!(line["reason"], "refused");

    let text = std::fs::read_to_string(world.path("audit.jsonl")).unwrap();
    let token = answer["token"].as_str().unwrap();
    // Within quotes: a subject of three letters may stand in an id of hexadecimal digits by chance.
    let subject = world.provider.claims(User::Ada)["sub"].to_string();
    for secret in [token, "Ada", "ada@", &subject] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn what_waits_to_be_written_is_written_before_the_end() {
    // More than a pipe holds while nobody reads it.
    const JOINS: usize = 400;
    let world = World::new();
    let pipe = world.path("audit.jsonl");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let held = File::options().read(true).write(true).open(&pipe).unwrap();
    let mut broker = serve(&world, |text| text).await;
    for _ in 0..JOINS {
        join(&world, &broker, User::Ada, "course-101").await;
    }
    broker.signal("TERM");
    broker.until_logged("draining").await;
    let ops = broker.ops.strip_prefix("http://").unwrap();
    until("nobody listens", async || {
        tokio::net::TcpStream::connect(ops).await.is_err()
    })
    .await;
    // Only what is left to write keeps it. From now on it is read, until the broker is gone.
    let mut reader = File::open(&pipe).unwrap();
    drop(held);
    let reading = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).map(|_| text)
    });
    let text = reading.await.unwrap().unwrap();
    assert_eq!(text.lines().count(), JOINS);
    assert_eq!(broker.ended().await.code(), Some(0));
}

#[tokio::test]
async fn sighup_opens_a_rotated_file_anew_even_if_the_configuration_is_bad_by_then() {
    let world = World::new();
    let mut broker = serve(&world, |text| text).await;
    let audit = world.path("audit.jsonl");
    let mut ids = Vec::new();
    for (rotation, configuration, message) in [
        ("audit.1", world.configuration(), "configuration reloaded"),
        (
            "audit.2",
            "[policy]\nunknown = 1\n".to_owned(),
            "reload refused; the old configuration goes on",
        ),
    ] {
        let joined = join(&world, &broker, User::Ada, "course-101").await;
        ids.push(joined.header("x-request-id").to_owned());
        until("the line is written", async || lines(&audit).len() == 1).await;
        world.write("broker.toml", &configuration);
        std::fs::rename(&audit, world.path(rotation)).unwrap();
        broker.signal("HUP");
        broker.until_logged(message).await;
    }
    let joined = join(&world, &broker, User::Ada, "course-101").await;
    ids.push(joined.header("x-request-id").to_owned());
    terminate(&mut broker).await;
    for (file, id) in ["audit.1", "audit.2", "audit.jsonl"].into_iter().zip(&ids) {
        let lines = lines(&world.path(file));
        assert_eq!(lines.len(), 1, "{file}: {lines:#?}");
        assert_eq!(lines[0]["request_id"], id.as_str(), "{file}");
    }
}
