//! The log: lines for machines or for people, with the request's id, without its path.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use room_broker::simulator::Fault;
use room_broker::simulator::identity_provider::User;
use serde_json::Value;
use uuid::Uuid;

use crate::support::Answer;
use crate::support::process::{World, program};

use super::{join, serve, terminate};

#[tokio::test]
async fn every_line_is_an_object_with_time_level_target_and_message() {
    let world = World::new();
    let mut broker = serve(&world, |text| {
        format!("{text}\n[telemetry]\nlog_level = \"debug\"\n")
    })
    .await;
    join(&world, &broker, User::Ada, "course-101").await;
    let garbage = world.http.post(broker.join_url("course-101"));
    let garbage = garbage.bearer_auth("garbage").send().await.unwrap();
    let unauthorized = Answer::of(garbage).await;
    assert_eq!(unauthorized.status, 401);
    let fault = Fault::answer("application/json", r#"{"id":"junk"}"#);
    world.upstream.controls().fail("get_room", fault);
    let failed = join(&world, &broker, User::Cleo, "course-101-b").await;
    let failed = if failed.status == 502 {
        failed
    } else {
        join(&world, &broker, User::Ada, "course-101 b").await
    };
    let log = terminate(&mut broker).await;

    let mut told = Vec::new();
    for line in &log {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line:?}"));
        let time = line["timestamp"].as_str().unwrap();
        assert!(chrono::DateTime::parse_from_rfc3339(time).is_ok(), "{time}");
        for member in ["level", "target", "message"] {
            assert!(line[member].is_string(), "{member}: {line}");
        }
        told.push(line);
    }
    let of = |answer: &Answer| {
        let id = answer.header("x-request-id");
        let line = told.iter().find(|line| line["request_id"] == id);
        line.unwrap_or_else(|| panic!("nothing of {answer:?}"))
    };
    let line = of(&unauthorized);
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["code"], "unauthorized");
    assert_eq!(line["cause"], "malformed");
    assert_eq!(line["route"], "join");
    let line = of(&failed);
    assert_eq!(line["code"], failed.code());
    assert!(Uuid::parse_str(line["request_id"].as_str().unwrap()).is_ok());
    let messages: Vec<_> = told.iter().map(|line| &line["message"]).collect();
    assert!(messages.ends_with(&[&"stopped".into()]), "{messages:?}");
}

#[tokio::test]
async fn the_access_log_names_the_route_and_never_the_path() {
    let world = World::new();
    let mut broker = serve(&world, |text| {
        text.replace("workers = 2", "workers = 2\naccess_log = true")
    })
    .await;
    let joined = join(&world, &broker, User::Ada, "course-101").await;
    assert_eq!(joined.status, 200);
    let strange = world.http.request(
        reqwest::Method::from_bytes(b"CANARY").unwrap(),
        format!("{}/canary-path?canary=1", broker.public),
    );
    let strange = Answer::of(strange.send().await.unwrap()).await;
    let log = terminate(&mut broker).await;

    let lines: Vec<Value> = log
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let access = |answer: &Answer| {
        let mut of = lines.iter().filter(|line| {
            line["target"] == "room_broker::access"
                && line["request_id"] == answer.header("x-request-id")
        });
        let (line, second) = (of.next(), of.next());
        assert!(second.is_none(), "twice: {second:?}");
        line.unwrap_or_else(|| panic!("no line of {answer:?}"))
    };
    let line = access(&joined);
    assert_eq!(line["listener"], "public");
    assert_eq!(line["method"], "POST");
    assert_eq!(line["route"], "join");
    assert_eq!(line["status"], 200);
    assert!(line["micros"].as_u64().unwrap() > 0);
    let line = access(&strange);
    assert_eq!(line["method"], "other");
    assert_eq!(line["route"], "none");
    assert_eq!(line["status"], 404);
    for line in &log {
        for word in ["course-101", "canary", "CANARY", "/v1/"] {
            assert!(!line.contains(word), "{word}: {line}");
        }
    }
}

#[tokio::test]
async fn without_an_access_log_a_good_request_leaves_no_line() {
    let world = World::new();
    let mut broker = serve(&world, |text| text).await;
    let joined = join(&world, &broker, User::Ada, "course-101").await;
    let log = terminate(&mut broker).await.join("\n");
    assert_eq!(joined.status, 200);
    assert!(!log.contains(joined.header("x-request-id")), "{log}");
}

#[tokio::test]
async fn lines_for_people_are_no_json_and_have_no_colours_in_a_pipe() {
    let world = World::new();
    let text = format!(
        "{}\n[telemetry]\nlog_format = \"text\"\n",
        world.configuration()
    );
    let config = world.write("broker.toml", &text);
    let mut child = program(["serve", "--config"])
        .arg(&config)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pipe = child.stderr.take().unwrap();
    let (id, listening) = (
        child.id(),
        tokio::task::spawn_blocking(move || {
            let mut lines = BufReader::new(pipe).lines().map_while(Result::ok);
            let mut said = Vec::new();
            said.extend(lines.by_ref().find(|line| line.contains("serving")));
            said
        }),
    );
    let said = listening.await.unwrap();
    let killed = std::process::Command::new("kill")
        .args(["-KILL", &id.to_string()])
        .status();
    assert!(killed.unwrap().success());
    child.wait().unwrap();
    let line = said.first().expect("it serves");
    let (time, rest) = line.split_once(' ').unwrap();
    assert!(chrono::DateTime::parse_from_rfc3339(time).is_ok(), "{line}");
    let rest = rest.trim_start();
    assert!(
        rest.starts_with("INFO room_broker::cli::serve: serving public=127.0.0.1:"),
        "{line}"
    );
}
