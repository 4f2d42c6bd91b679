//! Reads the configuration again when it is told to, and when one of its files has changed: on a
//! thread of its own, since a disk or a mounted secret may hang, and requests and signals must not
//! wait for it.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};

use tokio::runtime::Handle;

use crate::app::{Reloader, Watch};
use crate::clock::Clock;
use crate::settings::{Fault, Settings, Sources};

const REFUSED: &str = "reload refused; the old configuration goes on";

/// How often the files may change while they are read before we take what we have.
const READS_MAX: u32 = 3;

/// Tells the thread to read the configuration again. Dropped, the thread ends.
#[derive(Debug)]
pub(super) struct Refresh(Sender<()>);

impl Refresh {
    /// Now, whether a file has changed or not.
    pub(super) fn ask(&self) {
        // The thread ends after us; were it gone, there would be nobody to tell.
        let _gone = self.0.send(());
    }
}

/// What the thread knows.
pub(super) struct Refresher {
    reloader: Reloader,
    sources: Sources,
    watch: Watch,
    fixed: Vec<(&'static str, String)>,
}

impl Refresher {
    /// Starts from the configuration in force.
    pub(super) fn new(reloader: Reloader, sources: Sources, in_force: &Settings) -> Self {
        Self {
            reloader,
            sources,
            watch: Watch::new(in_force.files.clone()),
            fixed: in_force.fixed_sections(),
        }
    }

    /// Starts the thread. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub(super) fn start(self) -> io::Result<Refresh> {
        let (sender, told) = channel();
        let runtime = Handle::current();
        std::thread::Builder::new()
            .name("configuration".to_owned())
            .spawn(move || {
                // What a reload sets going runs there.
                let _entered = runtime.enter();
                self.run(&told);
            })?;
        Ok(Refresh(sender))
    }

    fn run(mut self, told: &Receiver<()>) {
        loop {
            match told.recv_timeout(Watch::INTERVAL) {
                Ok(()) => {
                    self.reloader.reopen_audit_log();
                    // Looked at now: a fault is told once, not again at the next look.
                    self.watch.changed();
                    self.reload();
                }
                Err(RecvTimeoutError::Timeout) => {
                    if self.watch.changed() {
                        self.reload();
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// A bad configuration is reported, and the old one goes on.
    fn reload(&mut self) {
        let settings = match self.read() {
            Ok(settings) => settings,
            Err(faults) => {
                self.reloader.note_refused();
                for fault in faults {
                    tracing::error!(key = fault.key, problem = fault.problem, "{REFUSED}");
                }
                return;
            }
        };
        for warning in &settings.warnings {
            super::warn(warning);
        }
        match self.reloader.apply(&settings) {
            Ok(()) => {
                self.tell_what_waits_for_a_start(&settings);
                tracing::info!("configuration reloaded");
            }
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, "{REFUSED}");
            }
        }
    }

    /// Reads until no file of it has changed meanwhile: what changes later, the watch sees.
    fn read(&mut self) -> Result<Settings, Vec<Fault>> {
        let mut reads = 0;
        loop {
            let settings = Settings::load(&self.sources)?;
            reads += 1;
            if self.watch.files() == settings.files || reads >= READS_MAX {
                return tested(settings);
            }
            // Files that were not watched before may have changed since they were read.
            self.watch = Watch::new(settings.files);
        }
    }

    fn tell_what_waits_for_a_start(&mut self, settings: &Settings) {
        let fixed = settings.fixed_sections();
        for ((section, old), (_, new)) in self.fixed.iter().zip(&fixed) {
            if old != new {
                tracing::warn!(
                    section,
                    "changed; what is not marked (reload) waits for a start"
                );
            }
        }
        self.fixed = fixed;
    }
}

/// A configuration whose policy does what its author wrote down.
fn tested(settings: Settings) -> Result<Settings, Vec<Fault>> {
    let failures = settings.failed_policy_tests(Clock::system().now());
    if failures.is_empty() {
        return Ok(settings);
    }
    let faults = failures.into_iter().map(|failure| Fault {
        key: format!("policy.{}", failure.key),
        problem: failure.difference,
    });
    Err(faults.collect())
}
