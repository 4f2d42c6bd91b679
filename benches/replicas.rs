//! What it costs that replicas share their state, in one run: `cargo bench --bench replicas`.
//!
//! A replica is pinned to one core; the load, Redis and what else is beside it to the other. The load
//! sleeps while nothing is answered: one that never did would keep Redis waiting for its core, as
//! nothing does where that has one to itself. What is compared runs in turn, round by round, and the
//! medians are printed.
//!
//! Only where one replica is compared with three, everything (the load and Redis too) first shares
//! one core, then two: a machine with two cores has none left that the load could have to itself. The
//! CPU of the load and of Redis counts in that figure as the replicas' own does, and so it is printed:
//! on a machine where each had cores of their own, more would be left to the replicas. Each replica
//! has as many connections in either case, since what one is asked at once decides how many joins it
//! carries to Redis in one call: once as few as fill one core and leave two idle at times, and once as
//! many as fill both, which is what replicas can carry.
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

use load_support::broker::{self, Beside};
use load_support::client::{self, Connection, Requests};
use load_support::redis::{self, Redis};
use load_support::server::{
    BOTH_CORES, LOAD_CORE, Measured, SERVER_CORE, Server, confine_this, cpu_of_this, median,
    percentile, print_row,
};

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);
const CONNECTIONS: usize = 32;
/// To each replica, where it is asked what they can carry.
const MANY_CONNECTIONS: usize = 128;
/// One after the other in each round, for their times.
const CALLS: usize = 2_000;
const REPLICAS: usize = 3;
/// Who joins, in turn: each has a bucket of their own.
const PEOPLE: usize = 1_000;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("serve-broker") => load_support::server::serve_broker(&arguments[2]),
        Some("ping") => redis::ping(&arguments[2], CALLS),
        _measure => measure(),
    }
}

fn measure() {
    let Some(redis) = Redis::start() else {
        println!("redis-server is not installed: there is nothing to measure");
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let beside = Beside::start();
        confine_this(LOAD_CORE);
        let shared = beside.configuration_with(&redis.configuration());
        let start = |configuration| Server::start(&["serve-broker", configuration]);
        let alone = start(beside.configuration_path());
        let replicas: Vec<Server> = (0..REPLICAS).map(|_| start(shared.path())).collect();
        until_shared(&beside, &redis, &replicas).await;
        throughput(&beside, &redis, &alone, &replicas[0]).await;
        added_time(&beside, &redis, &alone, &replicas[0]).await;
        let name = "limits shared by Redis";
        more_replicas(name, &beside, &redis, &replicas).await;
        drop(replicas);
        let path = beside.configuration_path();
        let mut alones = vec![alone];
        alones.extend((1..REPLICAS).map(|_| start(path)));
        more_replicas("limits of one process", &beside, &redis, &alones).await;
    });
}

/// A replica that just started may not have reached Redis yet, and decide alone.
async fn until_shared(beside: &Beside, redis: &Redis, replicas: &[Server]) {
    let join = broker::join(beside);
    for replica in replicas {
        let mut connection = Connection::open(&replica.address).await;
        let mut before = redis.calls();
        loop {
            for _join in 0..100 {
                connection.exchange(&join).await;
            }
            let now = redis.calls();
            if now - before >= 100 {
                break;
            }
            before = now;
        }
    }
}

/// Many joins at once, with limits of one process and with those that replicas share.
async fn throughput(beside: &Beside, redis: &Redis, alone: &Server, replica: &Server) {
    let joins = broker::crowd(beside, PEOPLE);
    let (mut alones, mut shared) = (Vec::new(), Vec::new());
    let (mut carried, mut redis_micros) = (Vec::new(), Vec::new());
    client::spread(&[&alone.address], &joins, CONNECTIONS, ROUND / 4).await;
    client::spread(&[&replica.address], &joins, CONNECTIONS, ROUND / 4).await;
    for _round in 0..ROUNDS {
        alones.push(measured(alone, &joins).await);
        let before = redis.calls();
        let redis_before = redis.process.cpu();
        let measured = measured(replica, &joins).await;
        let joined = measured.per_second * ROUND.as_secs_f64();
        let redis_cpu = redis.process.cpu().saturating_sub(redis_before);
        let asked = redis.calls() - before;
        // One that lost Redis would be measured as if it were alone.
        assert!(
            asked as f64 > joined / CONNECTIONS as f64,
            "{asked} calls, {joined} joins"
        );
        carried.push(joined / asked as f64);
        redis_micros.push(redis_cpu.as_secs_f64() * 1e6 / joined);
        shared.push(measured);
    }
    println!(
        "{:<44} {:>10} {:>12} {:>9}",
        "joins of a cached room, 32 connections", "requests/s", "CPU us/req", "of alone"
    );
    print_row("limits of one process", &alones, &alones);
    print_row("limits shared by Redis", &shared, &alones);
    println!(
        "{:<44} {:>10.1} {:>12.1}",
        "joins a call of Redis; its CPU us a join",
        median(&carried),
        median(&redis_micros)
    );
}

/// One round of a server, by a load that sleeps.
async fn measured(server: &Server, joins: &Requests) -> Measured {
    let before = server.process.cpu();
    let ran = client::spread(&[&server.address], joins, CONNECTIONS, ROUND).await;
    Measured::of(&ran, server.process.cpu().saturating_sub(before))
}

/// One join after the other.
async fn added_time(beside: &Beside, redis: &Redis, alone: &Server, replica: &Server) {
    let join = broker::join(beside);
    let mut one = Connection::open(&alone.address).await;
    let mut other = Connection::open(&replica.address).await;
    let (mut alones, mut shared, mut pings) = (Vec::new(), Vec::new(), Vec::new());
    for _round in 0..ROUNDS {
        for _call in 0..CALLS {
            alones.push(timed(&mut one, &join).await);
            shared.push(timed(&mut other, &join).await);
        }
        pings.extend(redis.round_trips());
    }
    println!(
        "\n{:<44} {:>10} {:>10}",
        "one join after the other, us", "median", "p99"
    );
    let row = |name: &str, of: &dyn Fn(f64) -> f64| {
        println!("{name:<44} {:>10.1} {:>10.1}", of(0.5), of(0.99));
    };
    row("limits of one process", &|part| percentile(&alones, part));
    row("limits shared by Redis", &|part| percentile(&shared, part));
    let added = |part| percentile(&shared, part) - percentile(&alones, part);
    row("added", &added);
    row("PING of Redis from the replica's core", &|part| {
        percentile(&pings, part)
    });
    println!(
        "{:<44} {:>10.2} {:>10.2}",
        "added, in round trips of a PING",
        added(0.5) / percentile(&pings, 0.5),
        added(0.99) / percentile(&pings, 0.99)
    );
}

async fn timed(connection: &mut Connection, request: &[u8]) -> f64 {
    let started = Instant::now();
    connection.exchange(request).await;
    started.elapsed().as_secs_f64() * 1e6
}

/// One replica with all that is around it on one core, and three on two.
async fn more_replicas(name: &str, beside: &Beside, redis: &Redis, replicas: &[Server]) {
    let joins = broker::crowd(beside, PEOPLE);
    // Until their bearers are remembered.
    on_cores(BOTH_CORES, &joins, redis, replicas, CONNECTIONS).await;
    for connections in [CONNECTIONS, MANY_CONNECTIONS] {
        let (mut ones, mut threes) = (Vec::new(), Vec::new());
        for _round in 0..ROUNDS {
            let one = &replicas[..1];
            ones.push(on_cores(SERVER_CORE, &joins, redis, one, connections).await);
            threes.push(on_cores(BOTH_CORES, &joins, redis, replicas, connections).await);
        }
        let heading = format!("{name}, {connections} connections each");
        print_replicas(&heading, ones, threes);
    }
    confine_this(LOAD_CORE);
    redis.process.confine(LOAD_CORE);
    for replica in replicas {
        replica.process.confine(SERVER_CORE);
    }
}

fn print_replicas(heading: &str, ones: Vec<(Measured, f64)>, threes: Vec<(Measured, f64)>) {
    println!(
        "\n{heading:<44} {:>10} {:>12} {:>9}",
        "requests/s", "CPU us/req", "of one"
    );
    let (ones, around_one): (Vec<_>, Vec<_>) = ones.into_iter().unzip();
    let (threes, around_three): (Vec<_>, Vec<_>) = threes.into_iter().unzip();
    let around = |cpu: &[f64]| {
        println!(
            "{:<44} {:>10} {:>12.1}",
            "  load and Redis",
            "",
            median(cpu)
        );
    };
    print_row("one replica, one core for everything", &ones, &ones);
    around(&around_one);
    let name = format!("{REPLICAS} replicas, two cores for everything");
    print_row(&name, &threes, &ones);
    around(&around_three);
}

/// What the replicas do, and the CPU microseconds of what is around them for a join.
async fn on_cores(
    cores: &str,
    joins: &Requests,
    redis: &Redis,
    replicas: &[Server],
    connections_each: usize,
) -> (Measured, f64) {
    confine_this(cores);
    redis.process.confine(cores);
    for replica in replicas {
        replica.process.confine(cores);
    }
    let addresses: Vec<&str> = replicas.iter().map(|one| one.address.as_str()).collect();
    let connections = connections_each * replicas.len();
    let cpu = || replicas.iter().map(|replica| replica.process.cpu()).sum();
    let cpu_around = || redis.process.cpu() + cpu_of_this();
    let (before, before_around): (Duration, Duration) = (cpu(), cpu_around());
    let ran = client::spread(&addresses, joins, connections, ROUND).await;
    let around = cpu_around().saturating_sub(before_around);
    let measured = Measured::of(&ran, cpu().saturating_sub(before));
    (measured, around.as_secs_f64() * 1e6 / ran.answered as f64)
}
