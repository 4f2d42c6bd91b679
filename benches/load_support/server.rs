//! Server processes on a core of their own.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use actix_web::{App as ActixApp, HttpResponse, HttpServer, web};
use room_broker::app::{App, Running, Surroundings};
use room_broker::clock::Clock;
use room_broker::settings::{Settings, Sources};
use room_broker::trace_context::Sampler;

use super::client::{self, Ran, Requests};

/// Where that runs which is measured.
pub(crate) const SERVER_CORE: &str = "0";
/// Where the load runs, and what is beside that which is measured.
pub(crate) const LOAD_CORE: &str = "1";
pub(crate) const BOTH_CORES: &str = "0,1";

/// A child process that serves this program in another role.
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) address: String,
    pub(crate) first_answer: Duration,
}

/// A child process on a core of its own; killed when dropped.
pub(crate) struct Process(Child);

/// One round.
pub(crate) struct Measured {
    pub(crate) per_second: f64,
    pub(crate) cpu_micros: f64,
}

impl Measured {
    pub(crate) fn of(ran: &Ran, cpu: Duration) -> Self {
        Self {
            per_second: ran.answered as f64 / ran.took.as_secs_f64(),
            cpu_micros: cpu.as_secs_f64() * 1e6 / ran.answered as f64,
        }
    }
}

impl Server {
    /// Starts this program in another role, and waits for the address that it prints.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_on(SERVER_CORE, arguments)
    }

    /// The same, on the core of the load: not what is measured.
    pub(crate) fn start_beside(arguments: &[&str]) -> Self {
        Self::start_on(LOAD_CORE, arguments)
    }

    fn start_on(core: &str, arguments: &[&str]) -> Self {
        let started = Instant::now();
        let program = std::env::current_exe().unwrap();
        let mut process = Process::start_on(core, program.to_str().unwrap(), arguments);
        let mut line = String::new();
        BufReader::new(process.0.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line.trim().to_owned();
        let _first = std::net::TcpStream::connect(&address).unwrap();
        Self {
            process,
            address,
            first_answer: started.elapsed(),
        }
    }

    pub(crate) async fn measured(
        &self,
        requests: &Requests,
        connections: usize,
        time: Duration,
    ) -> Measured {
        self.process
            .measured(&self.address, requests, connections, time)
            .await
    }

    pub(crate) fn resident_mb(&self) -> f64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.process.0.id())).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .unwrap();
        line.split_whitespace()
            .nth(1)
            .unwrap()
            .parse::<f64>()
            .unwrap()
            / 1024.0
    }
}

impl Process {
    /// Starts a program on the core of what is measured.
    pub(crate) fn start(program: &str, arguments: &[&str]) -> Self {
        Self::start_on(SERVER_CORE, program, arguments)
    }

    /// The same on the core of the load.
    pub(crate) fn start_beside(program: &str, arguments: &[&str]) -> Self {
        Self::start_on(LOAD_CORE, program, arguments)
    }

    /// Has it run on these cores from now on.
    pub(crate) fn confine(&self, cores: &str) {
        confine(self.0.id(), cores);
    }

    fn start_on(core: &str, program: &str, arguments: &[&str]) -> Self {
        let child = Command::new("taskset")
            .args(["-c", core, program])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("taskset, from util-linux");
        Self(child)
    }

    pub(crate) async fn measured(
        &self,
        address: &str,
        requests: &Requests,
        connections: usize,
        time: Duration,
    ) -> Measured {
        let before = self.cpu();
        let ran = client::run(address, requests, connections, time).await;
        Measured::of(&ran, self.cpu().saturating_sub(before))
    }

    /// User and system time of the process so far.
    pub(crate) fn cpu(&self) -> Duration {
        cpu(self.0.id())
    }
}

/// The same of this process, the load.
pub(crate) fn cpu_of_this() -> Duration {
    cpu(std::process::id())
}

fn cpu(process: u32) -> Duration {
    let mut nanos = 0;
    for task in std::fs::read_dir(format!("/proc/{process}/task")).unwrap() {
        let line =
            std::fs::read_to_string(task.unwrap().path().join("schedstat")).unwrap_or_default();
        nanos += line
            .split(' ')
            .next()
            .and_then(|text| text.parse::<u64>().ok())
            .unwrap_or_default();
    }
    Duration::from_nanos(nanos)
}

impl Drop for Process {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// Has this process, the load, run on these cores from now on.
pub(crate) fn confine_this(cores: &str) {
    confine(std::process::id(), cores);
}

/// All threads of a process.
fn confine(process: u32, cores: &str) {
    let set = Command::new("taskset")
        .args(["-acp", cores, &process.to_string()])
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(set.success(), "taskset refuses");
}

/// An address of loopback that was free a moment ago; nothing else here asks for one.
pub(crate) fn free_address() -> String {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    free.local_addr().unwrap().to_string()
}

pub(crate) fn median(values: &[f64]) -> f64 {
    percentile(values, 0.5)
}

/// The value that this part of all is below.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a part of a length"
)]
pub(crate) fn percentile(values: &[f64], part: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[(values.len() as f64 * part) as usize]
}

pub(crate) fn median_of(rounds: &[Measured], of: impl Fn(&Measured) -> f64) -> f64 {
    median(&rounds.iter().map(of).collect::<Vec<_>>())
}

/// A row of medians, with the ratio to what ran in turn with it.
pub(crate) fn print_row(name: &str, rounds: &[Measured], others: &[Measured]) {
    let ratios = rounds.iter().zip(others);
    let ratios: Vec<f64> = ratios
        .map(|(round, other)| round.per_second / other.per_second)
        .collect();
    let ratio = if ratios.is_empty() {
        String::new()
    } else {
        format!("{:.2}", median(&ratios))
    };
    let (per_second, cpu) = (
        median_of(rounds, |round| round.per_second),
        median_of(rounds, |round| round.cpu_micros),
    );
    println!("{name:<44} {per_second:>10.0} {cpu:>12.1} {ratio:>9}");
}

/// A handler that does nothing but answer 600 bytes.
pub(crate) fn serve_bare() {
    actix_web::rt::System::new().block_on(async {
        let body = "x".repeat(600);
        let server = HttpServer::new(move || {
            let body = body.clone();
            ActixApp::new().route(
                "/",
                web::get().to(move || std::future::ready(HttpResponse::Ok().body(body.clone()))),
            )
        });
        let server = server.workers(1).bind("127.0.0.1:0").unwrap();
        println!("{}", server.addrs()[0]);
        server.run().await.unwrap();
    });
}

/// An upstream that costs next to nothing: whatever it is asked, it answers with one room.
pub(crate) fn serve_constant_room() {
    const ROOM: &str = include_str!("room.json");
    actix_web::rt::System::new().block_on(async {
        let room = || async {
            HttpResponse::Ok()
                .content_type("application/json")
                .body(ROOM)
        };
        let server = HttpServer::new(move || ActixApp::new().default_service(web::to(room)));
        let server = server.workers(1).bind("127.0.0.1:0").unwrap();
        println!("{}", server.addrs()[0]);
        server.run().await.unwrap();
    });
}

/// The broker, as `serve` runs it, with one worker; prints the public listener's address.
pub(crate) fn serve_broker(configuration: &str) {
    serve(&settings(configuration), |running| running.public_address);
}

/// The same without upstream's limits, which are far below what is measured; prints the internal
/// listener's address.
pub(crate) fn serve_internal(configuration: &str) {
    let mut settings = settings(configuration);
    settings.digital_samba.parameters.requests_per_minute = usize::MAX;
    settings.gateway.forward.requests_per_minute = usize::MAX;
    serve(&settings, |running| running.internal_address);
}

fn settings(configuration: &str) -> Settings {
    let sources = Sources {
        files: vec![configuration.into()],
        ..Sources::default()
    };
    Settings::load(&sources).expect("a good configuration")
}

fn serve(settings: &Settings, address: fn(&Running) -> SocketAddr) {
    actix_web::rt::System::new().block_on(async {
        let surroundings = Surroundings {
            clock: Clock::system(),
            sampler: Sampler::OFF,
        };
        let app = App::build(settings, &surroundings).unwrap();
        app.settle_in(App::SETTLING_MAX).await;
        let mut running = app.start().unwrap();
        println!("{}", address(&running));
        running.failed().await.unwrap();
    });
}
