//! The real program as a process of its own, with everything that it says.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crate::support::until;

/// A running program. Dropped, it is killed.
pub(super) struct Program {
    child: Child,
    /// Its standard output and standard error, apart: together they would cut into each other.
    said: [Arc<Mutex<Vec<u8>>>; 2],
    readers: Vec<JoinHandle<()>>,
}

impl Program {
    /// Starts it with nothing in its environment.
    pub(super) fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_room-broker"))
            .args(arguments)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = [Arc::default(), Arc::default()];
        let readers = vec![
            listen(child.stdout.take().unwrap(), Arc::clone(&said[0])),
            listen(child.stderr.take().unwrap(), Arc::clone(&said[1])),
        ];
        Self {
            child,
            said,
            readers,
        }
    }

    /// Starts the service.
    pub(super) fn serve(config: &Path) -> Self {
        Self::start(&["serve", "--config", config.to_str().unwrap()])
    }

    /// Everything that it said so far.
    pub(super) fn said(&self) -> String {
        let said = self
            .said
            .each_ref()
            .map(|said| said.lock().unwrap().clone());
        String::from_utf8_lossy(&said.concat()).into_owned()
    }

    /// Waits until it has said something so often.
    pub(super) async fn until_said(&self, text: &str, times: usize) {
        until(text, async || self.said().matches(text).count() >= times).await;
    }

    /// Waits until it serves; gives the addresses of its public and ops listeners.
    pub(super) async fn addresses(&self) -> (String, String) {
        self.until_said("serving", 1).await;
        self.until_said("127.0.0.1:", 3).await;
        let said = self.said();
        let line = said.lines().find(|line| line.contains("serving")).unwrap();
        (address(line, "public"), address(line, "ops"))
    }

    /// Waits until it serves; gives the address of its internal listener.
    pub(super) async fn internal_address(&self) -> String {
        self.addresses().await;
        let said = self.said();
        let line = said.lines().find(|line| line.contains("serving")).unwrap();
        address(line, "internal")
    }

    /// What the system shows everybody of the process.
    pub(super) fn shown_by_the_system(&self) -> String {
        let folder = format!("/proc/{}", self.child.id());
        ["cmdline", "environ", "comm", "status"]
            .map(|file| {
                let bytes = std::fs::read(format!("{folder}/{file}")).unwrap();
                String::from_utf8_lossy(&bytes).into_owned()
            })
            .concat()
    }

    /// Sends a signal by its name.
    pub(super) fn signal(&self, name: &str) {
        let id = self.child.id();
        let sent = Command::new("sh")
            .args(["-c", &format!("kill -{name} {id}")])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Waits for its end; gives its exit code and everything that it said.
    pub(super) fn ended(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().unwrap();
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        (status.code(), self.said())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn listen(mut from: impl Read + Send + 'static, into: Arc<Mutex<Vec<u8>>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buffer = [0; 8192];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            into.lock().unwrap().extend_from_slice(&buffer[..read]);
        }
    })
}

fn address(line: &str, name: &str) -> String {
    let (_, after) = line.split_once(name).unwrap();
    let (_, port) = after.split_once("127.0.0.1:").unwrap();
    let port: String = port.chars().take_while(char::is_ascii_digit).collect();
    format!("http://127.0.0.1:{port}")
}
