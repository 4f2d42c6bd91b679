//! Server processes on a core of their own.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use actix_web::{App as ActixApp, HttpResponse, HttpServer, web};
use room_broker::app::{App, Surroundings};
use room_broker::clock::Clock;
use room_broker::settings::{Settings, Sources};
use room_broker::trace_context::Sampler;

use super::client::{self, Requests};

const SERVER_CORE: &str = "0";

/// A child process that serves; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
    pub(crate) first_answer: Duration,
}

/// One round.
pub(crate) struct Measured {
    pub(crate) per_second: f64,
    pub(crate) cpu_micros: f64,
}

impl Server {
    /// Starts this program in another role, and waits for the address that it prints.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let started = Instant::now();
        let program = std::env::current_exe().unwrap();
        let mut child = Command::new("taskset")
            .args(["-c", SERVER_CORE])
            .arg(program)
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("taskset, from util-linux");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line.trim().to_owned();
        let _first = std::net::TcpStream::connect(&address).unwrap();
        Self {
            child,
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
        let before = self.cpu();
        let ran = client::run(&self.address, requests, connections, time).await;
        let cpu = self.cpu().saturating_sub(before);
        Measured {
            per_second: ran.answered as f64 / ran.took.as_secs_f64(),
            cpu_micros: cpu.as_secs_f64() * 1e6 / ran.answered as f64,
        }
    }

    /// User and system time of the process so far.
    fn cpu(&self) -> Duration {
        let mut nanos = 0;
        for task in std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap() {
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

    pub(crate) fn resident_mb(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
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

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
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

/// The broker, as `serve` runs it, with one worker.
pub(crate) fn serve_broker(configuration: &str) {
    let sources = Sources {
        files: vec![configuration.into()],
        ..Sources::default()
    };
    let settings = Settings::load(&sources).expect("a good configuration");
    actix_web::rt::System::new().block_on(async {
        let surroundings = Surroundings {
            clock: Clock::system(),
            sampler: Sampler::OFF,
        };
        let mut running = App::build(&settings, &surroundings)
            .unwrap()
            .start()
            .unwrap();
        println!("{}", running.public_address);
        running.failed().await.unwrap();
    });
}
