//! A Redis server of a test's own: a process on a free port of loopback, in a folder of its own,
//! ended when it is dropped.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use room_broker::clock::Clock;
use room_broker::metrics::Metrics;
use room_broker::state::{Parameters, RedisParameters, RedisServers, RedisUrl, State};
use secrecy::SecretString;

use crate::support::until;

/// Where Debian puts it.
const DEFAULT_PROGRAM: &str = "redis-server";

pub struct RedisServer {
    child: Option<Child>,
    folder: tempfile::TempDir,
    port: u16,
    options: Vec<String>,
    password: Option<&'static str>,
}

impl RedisServer {
    /// A server that keeps an append-only file, as one that holds what must not be lost should.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same with options.
    pub async fn start_with(options: &[&str]) -> Self {
        let port = crate::support::listener().local_addr().unwrap().port();
        let mut server = Self {
            child: None,
            folder: tempfile::tempdir().unwrap(),
            port,
            options: options.iter().map(|&option| option.to_owned()).collect(),
            password: None,
        };
        server.start_again().await;
        server
    }

    /// Starts it where it was before, with what it has on its disk.
    pub async fn start_again(&mut self) {
        let child = Command::new(program())
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .arg("--dir")
            .arg(self.folder.path())
            .args(["--appendonly", "yes", "--appendfsync", "always"])
            .args(["--save", "", "--daemonize", "no"])
            .args(&self.options)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program().display()));
        self.child = Some(child);
        until("Redis answers", async || {
            let Ok(mut connection) = self.client().get_multiplexed_async_connection().await else {
                return false;
            };
            let answer: redis::RedisResult<String> =
                redis::cmd("PING").query_async(&mut connection).await;
            // One that wants a password is there too.
            answer.is_ok() || answer.is_err_and(|error| error.code() == Some("NOAUTH"))
        })
        .await;
    }

    /// Ends it at once, as a machine that fails does.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Loses everything that it has on its disk.
    pub fn lose_data(&self) {
        for entry in std::fs::read_dir(self.folder.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                std::fs::remove_dir_all(path).unwrap();
            } else {
                std::fs::remove_file(path).unwrap();
            }
        }
    }

    /// Stops it without ending it: connections stay, and nothing answers.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    /// One line of what it says of itself; `None` without it, and while it answers nobody.
    pub async fn info(&self, section: &str, line: &str) -> Option<String> {
        let text: String = self.try_command(&["INFO", section]).await.ok()?;
        let value = text.lines().find_map(|known| known.strip_prefix(line));
        Some(value?.strip_prefix(':')?.to_owned())
    }

    fn signal(&self, signal: &str) {
        let id = self.child.as_ref().unwrap().id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(sent.success());
    }

    /// Has it do something, as an operator would.
    pub async fn command<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        self.try_command(words).await.unwrap()
    }

    async fn try_command<T: redis::FromRedisValue>(&self, words: &[&str]) -> redis::RedisResult<T> {
        let mut connection = self.client().get_multiplexed_async_connection().await?;
        let (name, arguments) = words.split_first().unwrap();
        let mut command = redis::cmd(name);
        for argument in arguments {
            command.arg(argument);
        }
        command.query_async(&mut connection).await
    }

    pub fn client(&self) -> redis::Client {
        redis::Client::open(self.url()).unwrap()
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Is asked with this password from now on.
    pub fn with_password(mut self, password: &'static str) -> Self {
        self.password = Some(password);
        self
    }

    pub fn url(&self) -> String {
        match self.password {
            None => format!("redis://127.0.0.1:{}/", self.port),
            Some(password) => format!("redis://:{password}@127.0.0.1:{}/", self.port),
        }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A replica's state. Waits until it is connected.
pub async fn state_at(url: &str) -> State {
    let state = unready_state_at(url, &Metrics::default());
    until("the state is up", async || state.is_up()).await;
    state
}

pub fn unready_state_at(url: &str, metrics: &Metrics) -> State {
    open(url, None, metrics)
}

/// One that trusts these roots, or the machine's.
pub fn state_trusting(url: &str, roots: Option<&str>) -> State {
    open(url, roots, &Metrics::default())
}

fn open(url: &str, roots: Option<&str>, metrics: &Metrics) -> State {
    let servers = RedisServers::one(&RedisUrl::parse(&SecretString::from(url), roots).unwrap());
    state_on(servers, metrics)
}

/// One on these servers.
pub fn state_on(servers: RedisServers, metrics: &Metrics) -> State {
    let parameters = Parameters::Shared(Box::new(RedisParameters {
        servers,
        prefix: "test".to_owned(),
        timeout: Duration::from_secs(5),
        connect_timeout: Duration::from_secs(5),
    }));
    State::open(&parameters, Clock::system(), metrics.clone()).unwrap()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the tests' own environment, not the product's"
)]
pub fn program() -> PathBuf {
    std::env::var("ROOM_BROKER_TEST_REDIS")
        .map_or_else(|_unset| PathBuf::from(DEFAULT_PROGRAM), PathBuf::from)
}
