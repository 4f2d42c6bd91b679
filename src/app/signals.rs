//! The signals of the operating system that a service listens to.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Stop, after load balancers had time to turn elsewhere (SIGTERM).
    Stop,
    /// Stop without that time: somebody waits at a terminal (SIGINT).
    StopNow,
    /// Read the configuration again (SIGHUP).
    Reload,
}

/// The signals that a service listens to.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// When the system does not let signals be caught.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits until somebody asks to stop.
    pub async fn stop(&mut self) {
        while self.next().await == Asked::Reload {}
    }

    /// The next one.
    pub async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.interrupt.recv() => Asked::StopNow,
            _ = self.hang_up.recv() => Asked::Reload,
        }
    }
}
