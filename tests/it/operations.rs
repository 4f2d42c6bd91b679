//! What an operator meets beside the main job: a health check while the configuration is bad,
//! commands in a pipe, changes that wait for a start, an end that is asked for twice.

use std::io::ErrorKind;
use std::pin::pin;
use std::process::Stdio;

use room_broker::simulator::Moment;
use room_broker::simulator::identity_provider::User;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

use crate::support::process::{Broker, World, program, run};
use crate::support::{DEVELOPER_KEY, until};

const MINT: [&str; 5] = [
    "mint",
    "--claims",
    r#"{"sub":"t1","groups":["teacher:101"]}"#,
    "--room",
    "course-101",
];

#[tokio::test]
async fn a_health_check_asks_the_service_whatever_the_configuration_is_like_by_now() {
    let world = World::new();
    let config = world.write("broker.toml", &world.configuration());
    let broker = Broker::serve(&world, &config).await;
    let address = broker.ops.strip_prefix("http://").unwrap();
    let text = format!("[ops]\nlisten = \"{address}\"\n[policy]\nunknown = 1\n");
    let bad = world.write("bad.toml", &text);
    let check = |command: &str| {
        let mut command = program([command, "--config"]);
        command.arg(&bad);
        // Where nobody listens.
        command.env("HTTP_PROXY", "http://127.0.0.1:1");
        command.env("http_proxy", "http://127.0.0.1:1");
        command
    };
    let ended = run(check("healthcheck")).await;
    assert_eq!(ended.code, 0, "{}", ended.err);
    let ended = run(check("check-config")).await;
    assert_eq!(ended.code, 2, "it is bad: {}", ended.err);
}

#[tokio::test]
async fn minting_says_the_link_alone_and_the_audit_line_beside_it() {
    let world = World::new();
    let text = world.configuration();
    let (text, _audit) = text.split_once("[audit]").unwrap();
    let config = world.write("broker.toml", text);
    let mut command = program(MINT);
    command.arg("--config").arg(&config);
    let ended = run(command).await;
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert_eq!(ended.out.lines().count(), 1, "{}", ended.out);
    assert!(ended.out.starts_with("http://"), "{}", ended.out);
    let line: serde_json::Value = serde_json::from_str(ended.err.trim()).unwrap();
    assert_eq!(line["event"], "mint");
}

#[tokio::test]
async fn the_doctor_leaves_no_audit_file_behind() {
    let world = World::new();
    let config = world.write("broker.toml", &world.configuration());
    let mut command = program(["doctor", "--config"]);
    command.arg(&config);
    let ended = run(command).await;
    assert!(ended.out.contains("ok "), "{}{}", ended.out, ended.err);
    assert!(!world.path("audit.jsonl").exists());
}

/// What a proxy is told first by the one connection that it takes.
async fn told(proxy: std::net::TcpListener) -> String {
    let proxy = TcpListener::from_std(proxy).unwrap();
    let (mut connection, _) = proxy.accept().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap().to_ascii_lowercase()
}

#[tokio::test]
async fn upstream_is_called_through_the_proxy_that_the_environment_names() {
    let world = World::new();
    let text = world.configuration();
    let text = text.replace(world.upstream.base_url(), "https://127.0.0.1:1");
    let config = world.write("broker.toml", &text);
    let proxy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let address = proxy.local_addr().unwrap();
    let doctor = |none_for: &str| {
        let mut command = program(["doctor", "--config"]);
        command.arg(&config);
        command.env("HTTPS_PROXY", format!("http://ada:secret@{address}"));
        command.env("NO_PROXY", none_for);
        run(command)
    };
    let direct = doctor("127.0.0.1").await;
    assert_eq!(direct.code, 1, "{}", direct.out);
    let came = proxy.accept();
    assert!(came.is_err_and(|error| error.kind() == ErrorKind::WouldBlock));

    let mut tunnelled = pin!(doctor(""));
    let told = tokio::select! {
        told = told(proxy) => told,
        ended = &mut tunnelled => panic!("it asked no proxy: {}", ended.out),
    };
    let tunnelled = tunnelled.await;
    assert_eq!(tunnelled.code, 1, "{}", tunnelled.out);
    assert!(
        told.starts_with("connect 127.0.0.1:1 http/1.1\r\n"),
        "{told}"
    );
    let credential = "\r\nproxy-authorization: basic ywrhonnly3jlda==\r\n";
    assert!(told.contains(credential), "{told}");
    assert!(!told.contains(DEVELOPER_KEY), "{told}");
    let said = format!("{}{}", tunnelled.out, tunnelled.err);
    assert!(!said.contains("secret"), "{said}");
}

#[tokio::test]
async fn completions_end_well_in_a_closed_pipe() {
    let mut child = program(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!((ended.status.code(), said.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn claims_that_cannot_be_read_are_named() {
    let world = World::new();
    let config = world.write("broker.toml", &world.configuration());
    let mut command = program(["policy", "explain", "--claims", "@no/such/file"]);
    command
        .args(["--room", "course-101", "--config"])
        .arg(config);
    let ended = run(command).await;
    assert_eq!(ended.code, 1);
    assert!(
        ended
            .err
            .starts_with("error: --claims: no/such/file cannot be read"),
        "{}",
        ended.err
    );
}

#[tokio::test]
async fn a_reload_names_the_sections_that_wait_for_a_start() {
    let world = World::new();
    let config = world.write("broker.toml", &world.configuration());
    let mut broker = Broker::serve(&world, &config).await;
    let changed = world
        .configuration()
        .replace("[limits]\n", "[limits]\nprincipal_burst = 7\n")
        .replace("enabled = false", "enabled = true");
    world.write("broker.toml", &changed);
    broker.signal("HUP");
    let line = broker
        .until_logged("changed; what is not marked (reload) waits for a start")
        .await;
    assert_eq!(line["section"], "limits");
    broker.until_logged("configuration reloaded").await;
}

#[tokio::test]
async fn told_to_stop_again_it_gives_up_what_hangs_and_still_writes_its_audit_log() {
    let world = World::new();
    let config = world.write("broker.toml", &world.configuration());
    let mut broker = Broker::serve(&world, &config).await;
    let refused = world
        .http
        .post(broker.join_url("course-102"))
        .bearer_auth(world.token(User::Ada));
    assert_eq!(refused.send().await.unwrap().status(), 403);
    let controls = world.upstream.controls();
    controls.close_gate("get_room", Moment::BeforeEffect);
    let request = world
        .http
        .post(broker.join_url("course-101"))
        .bearer_auth(world.token(User::Ada));
    let hangs = tokio::spawn(request.send());
    controls.until_waiting("get_room", 1).await;
    // One signal may be taken for another that is not looked at yet.
    until("it has ended", async || {
        broker.signal("TERM");
        broker.has_ended()
    })
    .await;
    assert_eq!(broker.ended().await.code(), Some(0));
    let log = broker.rest_of_log().await.join("\n");
    assert!(log.contains("told to stop again"), "{log}");
    assert!(hangs.await.unwrap().is_err());
    let audit = std::fs::read_to_string(world.path("audit.jsonl")).unwrap();
    assert_eq!(audit.lines().count(), 1, "{audit}");
}
