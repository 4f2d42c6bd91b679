//! A Redis that replicas share.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use super::server::{Process, SERVER_CORE, free_address};

const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";
const PONG: &[u8] = b"+PONG\r\n";

/// Redis beside the load; stopped when dropped.
pub(crate) struct Redis {
    pub(crate) process: Process,
    pub(crate) address: String,
    _directory: tempfile::TempDir,
}

impl Redis {
    /// Starts it, with a log that it syncs every second; `None` where it is not installed.
    pub(crate) fn start() -> Option<Self> {
        let program = ["/usr/bin/redis-server", "/usr/local/bin/redis-server"];
        let program = program.into_iter().find(|path| Path::new(path).exists())?;
        let directory = tempfile::tempdir().unwrap();
        let address = free_address();
        let (host, port) = address.split_once(':').unwrap();
        let at = directory.path().to_str().unwrap();
        let place = ["--bind", host, "--port", port, "--dir", at];
        let kept = [
            "--appendonly",
            "yes",
            "--save",
            "",
            "--logfile",
            "redis.log",
        ];
        let process = Process::start_beside(program, &[place, kept].concat());
        while TcpStream::connect(&address).is_err() {
            std::thread::yield_now();
        }
        Some(Self {
            process,
            address,
            _directory: directory,
        })
    }

    /// The section of a configuration that names it.
    pub(crate) fn configuration(&self) -> String {
        format!("\n[state.redis]\nurl = \"redis://{}/\"\n", self.address)
    }

    /// Calls of scripts so far.
    pub(crate) fn calls(&self) -> u64 {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(b"INFO commandstats\r\nQUIT\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let mut lines = text.lines();
        let count = lines.find_map(|line| line.strip_prefix("cmdstat_evalsha:calls="));
        let count = count.and_then(|line| line.split(',').next());
        count.map_or(0, |count| count.parse().unwrap())
    }

    /// Round trips of a PING from the core of what is measured, in microseconds.
    pub(crate) fn round_trips(&self) -> Vec<f64> {
        let program = std::env::current_exe().unwrap();
        let ended = Command::new("taskset")
            .args(["-c", SERVER_CORE, program.to_str().unwrap()])
            .args(["ping", &self.address])
            .output()
            .unwrap();
        let text = String::from_utf8(ended.stdout).unwrap();
        text.lines().map(|line| line.parse().unwrap()).collect()
    }
}

/// Sends one PING after the other, and prints what each took.
pub(crate) fn ping(address: &str, times: usize) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    for _time in 0..times {
        let started = Instant::now();
        stream.write_all(PING).unwrap();
        let mut answer = [0; PONG.len()];
        stream.read_exact(&mut answer).unwrap();
        println!("{}", started.elapsed().as_secs_f64() * 1e6);
        assert_eq!(answer, PONG);
    }
}
