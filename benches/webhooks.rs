//! What webhooks cost, in one run: `cargo bench --bench webhooks`.
//!
//! The broker is pinned to one core, the load and what is beside it to the other. Joins alone and
//! joins beside deliveries run in turn, round by round, and the medians are printed.
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

use std::time::{Duration, Instant, SystemTime};

use load_support::broker::{self, Beside};
use load_support::client::{self, Connection, Requests};
use load_support::server::{LOAD_CORE, Server, confine_this, median, print_row};
use serde_json::{Value, json};

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);
const CONNECTIONS: usize = 32;
const SEGMENT: &str = "bench-segment-0123456789abcdef";
const SECRET: &str = "bench-secret-0123456789abcdef0123456789";
/// Deliveries beside joins, over so many connections that slow answers do not slow them down.
const A_SECOND: u32 = 500;
const SENDERS: u32 = 16;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("serve-broker") => load_support::server::serve_broker(&arguments[2]),
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
        confine_this(LOAD_CORE);
        let configuration = beside.configuration_with(&format!(
            "\n[webhooks]\npublic_url = \"http://127.0.0.1:1\"\nsegment = \"{SEGMENT}\"\nsecret = \"{SECRET}\"\n"
        ));
        let broker = Server::start(&["serve-broker", configuration.path()]);
        let room = joined_room(&beside, &broker.address).await;
        println!(
            "{:<44} {:>10} {:>12} {:>9}",
            "32 connections", "requests/s", "CPU us/req", "of alone"
        );
        deliveries_alone(&broker, &room).await;
        joins_beside_deliveries(&beside, &broker, &room).await;
        println!("\nresident memory, after all: {:.1} MB", broker.resident_mb());
    });
}

/// Joins, which makes the room; its id upstream.
async fn joined_room(beside: &Beside, address: &str) -> String {
    let mut connection = Connection::open(address).await;
    let joined = connection.exchange(&broker::join(beside)).await;
    let joined: Value = serde_json::from_slice(joined).unwrap();
    joined["room"]["id"].as_str().unwrap().to_owned()
}

async fn deliveries_alone(broker: &Server, room: &str) {
    let requests = deliveries(room);
    client::run(&broker.address, &requests, CONNECTIONS, ROUND / 4).await;
    let mut rounds = Vec::new();
    for _round in 0..ROUNDS {
        rounds.push(broker.measured(&requests, CONNECTIONS, ROUND).await);
    }
    print_row("deliveries accepted", &rounds, &[]);
}

async fn joins_beside_deliveries(beside: &Beside, broker: &Server, room: &str) {
    let (joins, requests) = (broker::seen(beside), deliveries(room));
    client::run(&broker.address, &joins, CONNECTIONS, ROUND / 4).await;
    let (mut alone, mut besides, mut delivered) = (Vec::new(), Vec::new(), Vec::new());
    for _round in 0..ROUNDS {
        alone.push(broker.measured(&joins, CONNECTIONS, ROUND).await);
        let deadline = Instant::now() + ROUND;
        let senders: Vec<_> = (0..SENDERS)
            .map(|_| tokio::spawn(paced(broker.address.clone(), requests.clone(), deadline)))
            .collect();
        besides.push(broker.measured(&joins, CONNECTIONS, ROUND).await);
        let mut answered = 0;
        for sender in senders {
            answered += sender.await.unwrap();
        }
        delivered.push(f64::from(answered) / ROUND.as_secs_f64());
    }
    print_row("joins of a cached room, alone", &alone, &alone);
    let name = format!("the same beside {:.0} deliveries/s", median(&delivered));
    print_row(&name, &besides, &alone);
}

/// Sends its share of deliveries until the time is over; how many.
async fn paced(address: String, requests: Requests, deadline: Instant) -> u32 {
    let mut connection = Connection::open(&address).await;
    let mut ticks = tokio::time::interval(Duration::from_secs(1) * SENDERS / A_SECOND);
    let mut answered = 0;
    while Instant::now() < deadline {
        ticks.tick().await;
        connection.exchange(&requests.next().unwrap()).await;
        answered += 1;
    }
    answered
}

/// Deliveries of which none is like another: people of a hundred rooms come and go, and one in
/// fifty says that the room which is joined has changed.
fn deliveries(room: &str) -> Requests {
    let room = room.to_owned();
    Requests::made(move |number| {
        let seconds = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let of_room = match number % 100 {
            0 | 50 => room.clone(),
            other => format!("5f0c2b1e-7a44-4d0e-9b55-{other:012}"),
        };
        let event = match number % 50 {
            0 => "room_locked",
            even if even % 2 == 0 => "participant_joined",
            _odd => "participant_left",
        };
        let body = json!({
            "eventType": event, "sessionId": "0d9c9a76-8a3f-4c4e-9a53-7f3f1d0b7c11", "roomId": of_room,
            "timestamp": seconds,
            "data": { "participantId": format!("p-{number}"), "externalId": format!("u-{number}"), "name": "Ada", "role": "attendee" },
        })
        .to_string();
        let length = body.len();
        format!(
            "POST /webhooks/digital-samba/{SEGMENT} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {SECRET}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    })
}
