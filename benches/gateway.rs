//! What the gateway costs beside a direct call and beside nginx, in one run:
//! `cargo bench --bench gateway`.
//!
//! What is compared runs in turn, and the medians are printed. Without nginx its rows are left out.
//! For the time that a call takes, all of it runs on one core, so that every cycle counts and no
//! other core has to be woken. For throughput the broker and nginx are pinned to one core, upstream
//! and the load to the other: first the simulated Digital Samba, which then bounds both, and then an
//! upstream that costs next to nothing, which shows what each of the two costs itself.
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
use load_support::server::{LOAD_CORE, SERVER_CORE, Server, confine_this, median, print_row};
use room_broker::simulator::{Fault, FaultKind};
use serde_json::{Value, json};

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);
const CONNECTIONS: usize = 32;
/// One after the other, for a median of their times.
const CALLS: usize = 2_000;
const BULK_CALLS: usize = 30;
const LINKS: usize = 1_000;
/// What a call to a service in another data centre takes at the least.
const UPSTREAM_LATENCY_MS: u64 = 20;

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
        confine_this(SERVER_CORE);
        added_time(&beside, &broker, &key, &room).await;
        confine_this(LOAD_CORE);
        to_the_simulator(&beside, &broker, &key, &room).await;
        to_a_constant_upstream().await;
        local_tokens(&beside, &broker, &key, &room).await;
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

/// One call after the other: to the simulated Digital Samba, through the gateway, through nginx.
async fn added_time(beside: &Beside, broker: &Server, key: &str, room: &str) {
    let path = format!("/api/v1/rooms/{room}");
    let upstream = beside.upstream_address();
    let nginx = Nginx::start(upstream);
    let mut ways = vec![
        ("directly", upstream, DEVELOPER_KEY),
        ("through the gateway", broker.address.as_str(), key),
    ];
    if let Some(nginx) = &nginx {
        ways.push(("through nginx", nginx.address.as_str(), DEVELOPER_KEY));
    }
    let mut calls = Vec::new();
    for (_way, address, key) in &ways {
        let connection = Connection::open(address).await;
        calls.push((connection, request("GET", &path, address, key, None)));
    }
    let mut taken = vec![Vec::new(); ways.len()];
    for _call in 0..CALLS {
        for ((connection, request), taken) in calls.iter_mut().zip(&mut taken) {
            taken.push(timed(connection, request).await);
        }
    }
    println!(
        "{:<44} {:>10} {:>12}",
        "one GET of a room after the other", "median us", "added us"
    );
    let direct = median(&taken[0]);
    for ((way, ..), taken) in ways.iter().zip(&taken) {
        let median = median(taken);
        println!("{way:<44} {median:>10.0} {:>12.0}", median - direct);
    }
}

async fn timed(connection: &mut Connection, request: &[u8]) -> f64 {
    let started = Instant::now();
    connection.exchange(request).await;
    started.elapsed().as_secs_f64() * 1e6
}

/// Many calls at once to the simulated Digital Samba, which this process is.
async fn to_the_simulator(beside: &Beside, broker: &Server, key: &str, room: &str) {
    let nginx = Nginx::start(beside.upstream_address());
    let path = format!("/api/v1/rooms/{room}");
    let ours = request("GET", &path, &broker.address, key, None);
    let theirs = |nginx: &Nginx| request("GET", &path, &nginx.address, DEVELOPER_KEY, None);
    throughput("the simulator", broker, ours, nginx.as_ref(), theirs).await;
}

/// Many calls at once to an upstream that costs next to nothing.
async fn to_a_constant_upstream() {
    let upstream = Server::start_beside(&["serve-upstream"]);
    let configuration = Configuration::of(&upstream.address);
    let broker = Server::start(&["serve-broker", configuration.path()]);
    let key = configuration.key();
    let nginx = Nginx::start(&upstream.address);
    let get = |address: &str| {
        let path = "/api/v1/rooms/0e8d7c6b-5a49-4382-9716-a5b4c3d2e1f1";
        request("GET", path, address, &key, None)
    };
    let ours = get(&broker.address);
    let theirs = |nginx: &Nginx| get(&nginx.address);
    throughput("a constant answer", &broker, ours, nginx.as_ref(), theirs).await;
}

/// Many calls at once, through the gateway and through nginx in turn.
async fn throughput(
    upstream: &str,
    broker: &Server,
    ours: Vec<u8>,
    nginx: Option<&Nginx>,
    theirs: impl Fn(&Nginx) -> Vec<u8>,
) {
    let through_us = Requests::repeated(ours);
    let through_nginx = nginx.map(|nginx| (nginx, Requests::repeated(theirs(nginx))));
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    client::run(&broker.address, &through_us, CONNECTIONS, ROUND / 4).await;
    for _round in 0..ROUNDS {
        ours.push(broker.measured(&through_us, CONNECTIONS, ROUND).await);
        if let Some((nginx, requests)) = &through_nginx {
            theirs.push(nginx.measured(requests, CONNECTIONS, ROUND).await);
        }
    }
    let name = format!("GETs of a room from {upstream}");
    println!(
        "\n{name:<44} {:>10} {:>12} {:>9}",
        "requests/s", "CPU us/req", "of nginx"
    );
    print_row("through the gateway", &ours, &theirs);
    if !theirs.is_empty() {
        print_row("through nginx, a plain reverse proxy", &theirs, &theirs);
    }
}

/// A token signed here, beside a call that is sent on: over loopback as it is, and to an upstream
/// that is as far away as another data centre.
async fn local_tokens(beside: &Beside, broker: &Server, key: &str, room: &str) {
    let body = json!({ "ud": "user-42", "u": "Ada", "role": "moderator" });
    let path = format!("/api/v1/rooms/{room}/token");
    let local = Requests::repeated(request("POST", &path, &broker.address, key, Some(&body)));
    let sent_on = |name: &str| {
        let path = format!("/api/v1/rooms/{room}/{name}");
        Requests::repeated(request("GET", &path, &broker.address, key, None))
    };
    let (near, far) = (sent_on("chat"), sent_on("questions"));
    let latency = FaultKind::Latency {
        latency_ms: UPSTREAM_LATENCY_MS,
    };
    beside.upstream_fails("list_questions", Fault::new(latency));
    let (mut locals, mut nears, mut fars) = (Vec::new(), Vec::new(), Vec::new());
    for _round in 0..ROUNDS {
        locals.push(broker.measured(&local, CONNECTIONS, ROUND).await);
        nears.push(broker.measured(&near, CONNECTIONS, ROUND).await);
        fars.push(broker.measured(&far, CONNECTIONS, ROUND).await);
    }
    println!(
        "\n{:<44} {:>10} {:>12} {:>9}",
        "tokens, 32 connections", "requests/s", "CPU us/req", "of far"
    );
    print_row("signed locally", &locals, &fars);
    print_row("a call that is sent on, over loopback", &nears, &fars);
    let name = format!("a call that is sent on, upstream {UPSTREAM_LATENCY_MS} ms away");
    print_row(&name, &fars, &fars);
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
