//! The real binary: started with a configuration file, listened to, signalled, ended by its id.

use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use room_broker::clock::Clock;
use room_broker::simulator::digital_samba::DigitalSamba;
use room_broker::simulator::identity_provider::{Algorithm, IdentityProvider, User};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::{DEVELOPER_KEY, configuration, start_provider, start_upstream, until};

/// What a broker of its own process needs around it: services, and a folder for files.
pub(crate) struct World {
    pub(crate) upstream: DigitalSamba,
    pub(crate) provider: IdentityProvider,
    pub(crate) http: reqwest::Client,
    folder: TempDir,
}

impl World {
    /// Services on the machine's clock.
    pub(crate) fn new() -> Self {
        Self {
            upstream: start_upstream(&Clock::system()),
            provider: start_provider(&Clock::system()),
            http: super::http_client(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Where a file of this name is.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file that only its owner may read; swapped in whole, as mounted secrets are.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let (path, new) = (self.path(name), self.path(&format!("{name}.new")));
        std::fs::write(&new, text).unwrap();
        std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o400)).unwrap();
        std::fs::rename(&new, &path).unwrap();
        path
    }

    /// The configuration of most tests, its developer key in a file, its audit log out of the way.
    pub(crate) fn configuration(&self) -> String {
        if !self.path("developer_key").exists() {
            self.write("developer_key", &format!("{DEVELOPER_KEY}\n"));
        }
        let text = configuration(self.upstream.base_url(), self.provider.issuer());
        let inline = format!("developer_key = \"{DEVELOPER_KEY}\"");
        let in_file = format!(
            "developer_key_file = \"{}\"",
            self.path("developer_key").display()
        );
        let audit = self.path("audit.jsonl");
        let text = text.replace(&inline, &in_file);
        let text = text.replace("workers = 2", "workers = 2\ndrain_for = \"0s\"");
        format!("{text}\n[audit]\nfile = \"{}\"\n", audit.display())
    }

    /// A demo user's token.
    pub(crate) fn token(&self, user: User) -> String {
        self.provider.token(user, Algorithm::Rs256).unwrap()
    }
}

/// The program with these arguments, and none of this process's environment.
pub(crate) fn program<I: AsRef<std::ffi::OsStr>>(
    arguments: impl IntoIterator<Item = I>,
) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_room-broker"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

/// What a command that ends by itself did.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs a command to its end, beside the services of this process.
pub(crate) async fn run(mut command: Command) -> Ended {
    let ended = tokio::task::spawn_blocking(move || command.output());
    let Output {
        status,
        stdout,
        stderr,
    } = ended.await.unwrap().unwrap();
    Ended {
        code: status.code().expect("ended by itself"),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    }
}

/// A running `room-broker serve`. Dropped, it is ended.
pub(crate) struct Broker {
    child: Child,
    log: UnboundedReceiver<String>,
    pub(crate) public: String,
    pub(crate) internal: String,
    pub(crate) ops: String,
}

impl Broker {
    /// Starts with a configuration file and waits until it is ready.
    pub(crate) async fn serve(world: &World, config: &Path) -> Self {
        Self::serve_with(world, config, &[]).await
    }

    /// The same with variables of the environment.
    pub(crate) async fn serve_with(
        world: &World,
        config: &Path,
        environment: &[(&str, &str)],
    ) -> Self {
        let broker = Self::start(config, environment).await;
        until("the broker is ready", async || {
            let ready = world.http.get(format!("{}/readyz", broker.ops));
            ready
                .send()
                .await
                .is_ok_and(|answer| answer.status() == 200)
        })
        .await;
        broker
    }

    /// Starts with a configuration file and waits until it listens.
    pub(crate) async fn start(config: &Path, environment: &[(&str, &str)]) -> Self {
        let mut broker = Self::spawn(config, environment);
        broker.until_serving().await;
        broker
    }

    /// Starts with a configuration file.
    pub(crate) fn spawn(config: &Path, environment: &[(&str, &str)]) -> Self {
        let mut command = program(["serve", "--config"]);
        command.arg(config).envs(environment.iter().copied());
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = lines_of(child.stderr.take().unwrap());
        Self {
            child,
            log,
            public: String::new(),
            internal: String::new(),
            ops: String::new(),
        }
    }

    /// Waits until it listens.
    pub(crate) async fn until_serving(&mut self) {
        let serving = self.until_logged("serving").await;
        self.public = format!("http://{}", serving["public"].as_str().unwrap());
        self.internal = format!("http://{}", serving["internal"].as_str().unwrap());
        self.ops = format!("http://{}", serving["ops"].as_str().unwrap());
    }

    /// The next line of the log with this message; earlier lines are passed over.
    pub(crate) async fn until_logged(&mut self, message: &str) -> Value {
        let mut seen = Vec::new();
        let wanted = async {
            while let Some(line) = self.log.recv().await {
                let value: Value = serde_json::from_str(&line).unwrap_or_default();
                if value["message"] == message {
                    return Some(value);
                }
                seen.push(line);
            }
            None
        };
        let found = tokio::time::timeout(Duration::from_secs(30), wanted).await;
        let found = found.ok().flatten();
        found.unwrap_or_else(|| panic!("it does not say {message:?} but {seen:#?}"))
    }

    /// The lines of the log that nobody waited for, until the process has closed it.
    pub(crate) async fn rest_of_log(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(line) = self.log.recv().await {
            lines.push(line);
        }
        lines
    }

    /// Sends a signal to this process alone.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([format!("-{name}"), self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        until("the process has ended", async || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        })
        .await;
        status.unwrap()
    }

    /// `POST /v1/rooms/{room}/join`.
    pub(crate) fn join_url(&self, room: &str) -> String {
        format!("{}/v1/rooms/{room}/join", self.public)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It may have ended already.
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

/// A running `room-broker simulate` on ports of its own. Dropped, it is ended.
pub(crate) struct Simulator {
    child: Child,
    pub(crate) banner: String,
}

impl Simulator {
    /// Starts and waits until it has said all of its banner.
    pub(crate) async fn start(flags: &[&str], environment: &[(&str, &str)]) -> Self {
        let own = ["simulate", "--listen", "127.0.0.1:0"];
        let provider = ["--provider-listen", "127.0.0.1:0"];
        let mut command = program([&own, &provider[..], flags].concat());
        command.envs(environment.iter().copied());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = lines_of(child.stdout.take().unwrap());
        let said = async {
            let mut banner = String::new();
            while let Some(line) = lines.recv().await {
                banner.push_str(&line);
                banner.push('\n');
                if line.ends_with("/_sim/counts") {
                    break;
                }
            }
            banner
        };
        let banner = tokio::time::timeout(Duration::from_secs(30), said).await;
        Self {
            child,
            banner: banner.unwrap(),
        }
    }

    /// The word that follows this text in the banner.
    pub(crate) fn after(&self, text: &str) -> String {
        let (_, rest) = self.banner.split_once(text).unwrap();
        rest.split_whitespace().next().unwrap().to_owned()
    }

    /// The last word of the line that ends with this text.
    pub(crate) fn last_word_of(&self, text: &str) -> String {
        let line = self.banner.lines().find(|line| line.ends_with(text));
        line.unwrap().rsplit(' ').next().unwrap().to_owned()
    }

    /// Asks it to end.
    pub(crate) fn terminate(&self) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        until("the simulator has ended", async || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        })
        .await;
        status.unwrap()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // It may have ended already.
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

fn lines_of(pipe: impl Read + Send + 'static) -> UnboundedReceiver<String> {
    let (sender, lines) = unbounded_channel();
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            // Nobody listens any more: the pipe is still emptied, or the writer would block.
            let _unheard = sender.send(line);
        }
    });
    lines
}
