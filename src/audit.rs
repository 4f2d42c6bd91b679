//! The audit log: one line of JSON for each token that was minted or refused and each call of a
//! product backend, without names of people, addresses or tokens. A line is composed into bytes where it happens and written by a thread of
//! its own; a caller never waits for a disk. Knows no HTTP and no policy.
//!
//! Who it was stands there as a pseudonym, the same on every replica: whoever knows an issuer and
//! a subject can find their lines, and nobody else. That is pseudonymity and not anonymity.

mod line;
mod writer;

use std::fs::{File, OpenOptions};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, UnixTime};
use crate::domain::{RequestId, RoleName, RoomId, RoomKey, Subject};
use crate::metrics::Metrics;

use writer::{Destination, Queue};

/// Where the lines go and how many may wait.
#[derive(Debug, Clone)]
pub struct Parameters {
    /// Where to.
    pub target: Target,
    /// How many lines may wait to be written; more are dropped and counted.
    pub queue_lines: usize,
}

/// Where lines are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Appended to a file.
    File(PathBuf),
    /// Standard output, of a service.
    StandardOutput,
    /// Standard error, of a command whose standard output is its result.
    StandardError,
}

/// A room token was minted.
#[derive(Debug, Clone, Copy)]
pub struct MintRecord<'a> {
    /// When.
    pub time: UnixTime,
    /// Whose request.
    pub who: Person<'a>,
    /// For which room.
    pub room_key: &'a RoomKey,
    /// Upstream's id of it.
    pub room_id: RoomId,
    /// In which role.
    pub role: &'a RoleName,
    /// By which rule of the policy.
    pub rule: &'a str,
    /// The token; of it, only the beginning of a hash of its signature is written:
    /// `printf %s "${TOKEN##*.}" | sha256sum | cut -c-16`.
    pub token: &'a str,
    /// Until when it is good.
    pub expires_at: UnixTime,
    /// In answer to which request.
    pub request_id: RequestId,
}

/// A room token was refused to somebody who is known.
#[derive(Debug, Clone, Copy)]
pub struct RefusalRecord<'a> {
    /// When.
    pub time: UnixTime,
    /// Whose request.
    pub who: Person<'a>,
    /// For which room.
    pub room_key: &'a RoomKey,
    /// The role that was asked for, if one was.
    pub requested_role: Option<&'a RoleName>,
    /// The rule that refused, if one did.
    pub rule: Option<&'a str>,
    /// Our word for why.
    pub reason: &'static str,
    /// In answer to which request.
    pub request_id: RequestId,
}

/// A product backend called, whatever came of it.
#[derive(Debug, Clone, Copy)]
pub struct ServiceRecord<'a> {
    /// When.
    pub time: UnixTime,
    /// How it proved itself: our word.
    pub kind: &'static str,
    /// The id of its key, or its client id.
    pub id: &'a str,
    /// The operator's name for it.
    pub name: &'a str,
    /// What it did: the name of a route or of an operation, never a path.
    pub operation: &'a str,
    /// In which room, if in one.
    pub room_key: Option<&'a RoomKey>,
    /// Upstream's id or name of the room, as the call's path had it.
    pub upstream_room: Option<&'a str>,
    /// For whom, by its own word; a hash is written.
    pub on_behalf_of: Option<&'a Subject>,
    /// To how many, where it may be many; they are not listed.
    pub items: Option<usize>,
    /// `ok`, or our code of the failure.
    pub outcome: &'a str,
    /// In answer to which request.
    pub request_id: RequestId,
}

/// Who, by the issuer's word.
#[derive(Debug, Clone, Copy)]
pub struct Person<'a> {
    /// The configured short name of the issuer.
    pub issuer_name: &'a str,
    /// The issuer's identifier, the claim `iss`.
    pub issuer: &'a str,
    /// The issuer's name of the person; a hash of both is written.
    pub subject: &'a Subject,
}

/// Why the audit log could not start, or not be opened again.
#[derive(Debug, thiserror::Error)]
pub enum OpenFailure {
    /// The file cannot be opened for appending.
    #[error("the audit log {} cannot be opened", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// No thread to write it.
    #[error("the thread that writes the audit log cannot be started")]
    Thread(#[source] std::io::Error),
}

/// The audit log. Cheap to clone; what waits is written even after the last clone is gone, if the
/// process lives long enough: [`AuditLog::flush`] before it ends.
#[derive(Debug, Clone)]
pub struct AuditLog(Arc<Open>);

#[derive(Debug)]
struct Open {
    queue: Arc<Queue>,
    file: Option<PathBuf>,
}

impl AuditLog {
    /// Opens the log and starts its writer.
    ///
    /// # Errors
    /// [`OpenFailure`] when the file or the thread cannot be had.
    pub fn start(
        parameters: Parameters,
        metrics: &Metrics,
        clock: Clock,
    ) -> Result<Self, OpenFailure> {
        let Parameters {
            target,
            queue_lines,
        } = parameters;
        let (destination, file) = match target {
            Target::File(path) => (Destination::File(open(&path)?), Some(path)),
            Target::StandardOutput => (Destination::StandardOutput, None),
            Target::StandardError => (Destination::StandardError, None),
        };
        let queue = Arc::new(Queue::new(queue_lines, metrics));
        writer::start(Arc::clone(&queue), destination, clock).map_err(OpenFailure::Thread)?;
        Ok(Self(Arc::new(Open { queue, file })))
    }

    /// Notes that a token was minted.
    pub fn minted(&self, record: &MintRecord<'_>) {
        self.0.queue.push(&line::minted(record));
    }

    /// Notes that a token was refused.
    pub fn refused(&self, record: &RefusalRecord<'_>) {
        self.0.queue.push(&line::refused(record));
    }

    /// Notes that a product backend called.
    pub fn service_called(&self, record: &ServiceRecord<'_>) {
        self.0.queue.push(&line::service_called(record));
    }

    /// Waits until every line noted so far is written; false if that takes longer than `timeout`.
    /// Blocks the thread.
    pub fn flush(&self, timeout: Duration) -> bool {
        self.0.queue.flush(timeout)
    }

    /// Opens the file anew, after it was renamed by a log rotation. Until that succeeds the old
    /// one is written on.
    ///
    /// # Errors
    /// [`OpenFailure::File`].
    pub fn reopen(&self) -> Result<(), OpenFailure> {
        if let Some(path) = &self.0.file {
            self.0.queue.replace_file(open(path)?);
        }
        Ok(())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.queue.close();
    }
}

fn open(path: &PathBuf) -> Result<File, OpenFailure> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // Who was where when: not everybody's business.
        options.mode(0o640);
    }
    options.open(path).map_err(|source| OpenFailure::File {
        path: path.clone(),
        source,
    })
}

#[cfg(test)]
mod tests;
