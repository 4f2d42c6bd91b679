//! What the gateway costs beside a direct call and beside nginx, in one run:
//! `cargo bench --bench gateway`.
//!
//! The broker and nginx are pinned to one core, upstream and the load to the other. What is compared
//! runs in turn, round by round, and the medians are printed. Without nginx its row is left out.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    reason = "a program for developers that measures time and stops at the first surprise"
)]

mod load_support;

use std::time::{Duration, Instant};

use load_support::broker::{Beside, Configuration, DEVELOPER_KEY};
use load_support::client::{self, Connection, Requests};
use load_support::nginx::Nginx;
use load_support::server::{Server, median, print_row};
use serde_json::{Value, json};

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);
const CONNECTIONS: usize = 32;
/// One after the other, for a median of their times.
const CALLS: usize = 2_000;
const BULK_CALLS: usize = 30;
const LINKS: usize = 1_000;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("serve-upstream") => load_support::server::serve_constant_room(),
        Some("serve-broker") => load_support::server::serve_internal(&arguments[2]),
        _measure => measure(),
    }
}

fn measure() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let beside = Beside::start();
        let broker = Server::start(&["serve-broker", beside.configuration_path()]);
        let key = beside.backend_key();
        let room = ensured_room(&broker.address, &key).await;
        added_time(&beside, &broker, &key, &room).await;
        throughput().await;
        local_tokens(&broker, &key, &room).await;
        many_links(&broker, &key).await;
    });
}

/// Creates the room; its id.
async fn ensured_room(broker: &str, key: &str) -> String {
    let create = request(
        "POST",
        "/api/v1/rooms",
        broker,
        key,
        Some(&json!({
            "privacy": "private", "friendly_url": "course-101", "external_id": "course-101",
            "roles": ["moderator", "attendee"], "default_role": "attendee",
        })),
    );
    let mut connection = Connection::open(broker).await;
    let room: Value = serde_json::from_slice(connection.exchange(&create).await).unwrap();
    room["id"].as_str().unwrap().to_owned()
}

/// One call after the other, to the simulated Digital Samba directly and through the gateway.
async fn added_time(beside: &Beside, broker: &Server, key: &str, room: &str) {
    let path = format!("/api/v1/rooms/{room}");
    let upstream = beside.upstream_address();
    let direct = request("GET", &path, upstream, DEVELOPER_KEY, None);
    let through = request("GET", &path, &broker.address, key, None);
    let (mut upstream, mut gateway) = (
        Connection::open(upstream).await,
        Connection::open(&broker.address).await,
    );
    let (mut directs, mut throughs) = (Vec::new(), Vec::new());
    for _call in 0..CALLS {
        directs.push(timed(&mut upstream, &direct).await);
        throughs.push(timed(&mut gateway, &through).await);
    }
    let (direct, through) = (median(&directs), median(&throughs));
    println!(
        "one GET of a room, median: directly {direct:.0} us, through the gateway {through:.0} us, added {:.0} us",
        through - direct
    );
}

async fn timed(connection: &mut Connection, request: &[u8]) -> f64 {
    let started = Instant::now();
    connection.exchange(request).await;
    started.elapsed().as_secs_f64() * 1e6
}

/// Many calls at once, through the gateway and through nginx, to an upstream that costs little.
async fn throughput() {
    let upstream = Server::start_beside(&["serve-upstream"]);
    let configuration = Configuration::of(&upstream.address);
    let broker = Server::start(&["serve-broker", configuration.path()]);
    let key = configuration.key();
    let get = |host: &str| {
        let path = "/api/v1/rooms/0e8d7c6b-5a49-4382-9716-a5b4c3d2e1f1";
        Requests::repeated(request("GET", path, host, &key, None))
    };
    let nginx = Nginx::start(&upstream.address);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let requests = get(&broker.address);
    client::run(&broker.address, &requests, CONNECTIONS, ROUND / 4).await;
    for _round in 0..ROUNDS {
        ours.push(broker.measured(&requests, CONNECTIONS, ROUND).await);
        if let Some(nginx) = &nginx {
            let requests = get(&nginx.address);
            theirs.push(nginx.measured(&requests, CONNECTIONS, ROUND).await);
        }
    }
    println!(
        "\n{:<44} {:>10} {:>12} {:>9}",
        "GET of a room, 32 connections", "requests/s", "CPU us/req", "of nginx"
    );
    print_row("through the gateway", &ours, &theirs);
    if !theirs.is_empty() {
        print_row("through nginx, a plain reverse proxy", &theirs, &theirs);
    }
}

/// A token signed here, beside a call that is sent on.
async fn local_tokens(broker: &Server, key: &str, room: &str) {
    let body = json!({ "ud": "user-42", "u": "Ada", "role": "moderator" });
    let path = format!("/api/v1/rooms/{room}/token");
    let local = Requests::repeated(request("POST", &path, &broker.address, key, Some(&body)));
    let path = format!("/api/v1/rooms/{room}/chat");
    let sent_on = Requests::repeated(request("GET", &path, &broker.address, key, None));
    let (mut locals, mut forwarded) = (Vec::new(), Vec::new());
    for _round in 0..ROUNDS {
        locals.push(broker.measured(&local, CONNECTIONS, ROUND).await);
        forwarded.push(broker.measured(&sent_on, CONNECTIONS, ROUND).await);
    }
    println!(
        "\n{:<44} {:>10} {:>12} {:>9}",
        "tokens, 32 connections", "requests/s", "CPU us/req", "of sent"
    );
    print_row("signed locally", &locals, &forwarded);
    print_row(
        "a call that is sent on to the simulator",
        &forwarded,
        &forwarded,
    );
}

/// Links for a whole course in one call.
async fn many_links(broker: &Server, key: &str) {
    let participants: Vec<Value> = (0..LINKS)
        .map(|number| json!({ "id": format!("user-{number}"), "name": format!("Student {number}"), "role": "attendee" }))
        .collect();
    let body = json!({ "participants": participants });
    let many = request(
        "POST",
        "/v1/rooms/course-101/join-links",
        &broker.address,
        key,
        Some(&body),
    );
    let mut connection = Connection::open(&broker.address).await;
    let mut millis = Vec::new();
    for _call in 0..BULK_CALLS {
        millis.push(timed(&mut connection, &many).await / 1e3);
    }
    println!(
        "\n{LINKS} join links in one call, median: {:.1} ms",
        median(&millis)
    );
}

fn request(method: &str, path: &str, host: &str, key: &str, body: Option<&Value>) -> Vec<u8> {
    let body = body.map(Value::to_string).unwrap_or_default();
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\nAccept: application/json\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}
