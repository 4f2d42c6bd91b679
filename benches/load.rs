//! What a join costs beside a bare handler, in one run: `cargo bench --bench load`.
//!
//! Server processes are pinned to one core, the load to the other. Each scenario runs in turn with
//! the bare handler, round by round, and the medians of the rounds' ratios are printed, so that a
//! machine whose speed drifts does not matter.
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

use std::time::Duration;

use load_support::broker::{self, Beside};
use load_support::client::{self, Requests};
use load_support::server::{LOAD_CORE, Server, confine_this, median, print_row};

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);
const CONNECTIONS: usize = 32;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("serve-bare") => load_support::server::serve_bare(),
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
        let bare = Server::start(&["serve-bare"]);
        let bare_requests = Requests::repeated(b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n".to_vec());
        let broker = Server::start(&["serve-broker", beside.configuration_path()]);
        println!(
            "start to first answer: {:.0} ms",
            broker.first_answer.as_secs_f64() * 1e3
        );
        println!("resident memory, idle: {:.1} MB", broker.resident_mb());
        println!(
            "\n{:<44} {:>10} {:>12} {:>9}",
            "scenario", "requests/s", "CPU us/req", "of bare"
        );
        client::run(
            &broker.address,
            &broker::seen(&beside),
            CONNECTIONS,
            ROUND / 4,
        )
        .await;
        let mut bares = Vec::new();
        let mut seen = Vec::new();
        for _round in 0..ROUNDS {
            bares.push(bare.measured(&bare_requests, CONNECTIONS, ROUND).await);
            seen.push(
                broker
                    .measured(&broker::seen(&beside), CONNECTIONS, ROUND)
                    .await,
            );
        }
        print_row("bare actix-web handler, 600-byte body", &bares, &bares);
        print_row("join: room cached, bearer seen before", &seen, &bares);
        for (algorithm, name) in broker::ALGORITHMS {
            let mut bares = Vec::new();
            let mut first = Vec::new();
            let mut more = Vec::new();
            for round in 0..ROUNDS {
                bares.push(bare.measured(&bare_requests, CONNECTIONS, ROUND / 4).await);
                let seen = broker::seen_of(&beside, algorithm, round);
                let seen = broker.measured(&seen, CONNECTIONS, ROUND).await;
                let requests = broker::first_seen(&beside, algorithm, round);
                first.push(broker.measured(&requests, CONNECTIONS, ROUND).await);
                more.push(first[round].cpu_micros - seen.cpu_micros);
            }
            print_row(name, &first, &bares);
            let more = median(&more);
            println!(
                "{:<44} {:>10} {more:>12.1}",
                "  more than one seen before, in turn", ""
            );
        }
        println!(
            "\nresident memory, after the load: {:.1} MB",
            broker.resident_mb()
        );
    });
}
