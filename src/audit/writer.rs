//! The queue of composed lines and the thread that writes them: appended under a short lock, taken
//! in one piece, bounded, and never waited for. What does not fit is counted, and the log itself
//! says how much is missing.

use std::fs::File;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;

use crate::clock::Clock;
use crate::metrics::{Metrics, Outcome};

use super::line;

/// How long lines gather before they are written together. A writer that waited for each line
/// would cost each request a system call to wake it.
const GATHER_FOR: Duration = Duration::from_millis(5);
/// Between tries while the destination cannot be written.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Buffers that a burst has grown are given back beyond this.
const KEPT_BYTES: usize = 64 * 1024;

/// Where the lines go.
pub(super) enum Destination {
    File(File),
    StandardOutput,
    StandardError,
}

impl Destination {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write(bytes),
            Self::StandardOutput => {
                let mut output = io::stdout().lock();
                let written = output.write(bytes)?;
                output.flush()?;
                Ok(written)
            }
            Self::StandardError => io::stderr().lock().write(bytes),
        }
    }
}

/// Lines on their way to the writer.
#[derive(Debug)]
pub(super) struct Queue {
    pending: Mutex<Pending>,
    /// The writer waits here: for lines, between batches, and between tries.
    wake: Condvar,
    /// Those who flush wait here.
    done: Condvar,
    lines_max: usize,
    lines_written: Counter,
    lines_dropped: Counter,
}

#[derive(Debug, Default)]
struct Pending {
    bytes: Vec<u8>,
    lines: usize,
    /// Dropped since the writer last came by.
    dropped: u64,
    /// Lines ever accepted, and ever done with.
    accepted: u64,
    finished: u64,
    /// The writer has nothing to do and must be woken for a line.
    writer_idle: bool,
    flushing: usize,
    new_file: Option<File>,
    closed: bool,
}

/// What the writer takes at once.
struct Batch {
    lines: usize,
    dropped: u64,
    new_file: Option<File>,
}

impl Queue {
    pub(super) fn new(lines_max: usize, metrics: &Metrics) -> Self {
        let counter = |outcome| {
            let counter = metrics.audit_lines.get_or_create(&Outcome { outcome });
            counter.clone()
        };
        Self {
            pending: Mutex::default(),
            wake: Condvar::new(),
            done: Condvar::new(),
            lines_max,
            lines_written: counter("written"),
            lines_dropped: counter("dropped"),
        }
    }

    /// Nothing panics under the lock; should it, the lines in it are as good as before.
    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a line, or counts it as dropped.
    pub(super) fn push(&self, line: &[u8]) {
        let mut pending = self.lock();
        if pending.lines >= self.lines_max {
            pending.dropped += 1;
            drop(pending);
            self.lines_dropped.inc();
            return;
        }
        pending.bytes.extend_from_slice(line);
        pending.lines += 1;
        pending.accepted += 1;
        let wake = std::mem::take(&mut pending.writer_idle);
        drop(pending);
        if wake {
            self.wake.notify_one();
        }
    }

    /// Waits until every line accepted so far is done with.
    pub(super) fn flush(&self, timeout: Duration) -> bool {
        let mut pending = self.lock();
        let target = pending.accepted;
        pending.flushing += 1;
        self.wake.notify_one();
        let unfinished = |pending: &mut Pending| pending.finished < target;
        let (mut pending, _) = self
            .done
            .wait_timeout_while(pending, timeout, unfinished)
            .unwrap_or_else(PoisonError::into_inner);
        pending.flushing -= 1;
        pending.finished >= target
    }

    pub(super) fn replace_file(&self, file: File) {
        self.lock().new_file = Some(file);
        self.wake.notify_one();
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_one();
    }

    /// Swaps what waits for an empty buffer, once there is something; none when it is all over.
    fn take(&self, bytes: &mut Vec<u8>) -> Option<Batch> {
        let nothing_to_do = |pending: &mut Pending| {
            pending.writer_idle =
                pending.lines == 0 && pending.new_file.is_none() && !pending.closed;
            pending.writer_idle
        };
        let mut pending = self
            .wake
            .wait_while(self.lock(), nothing_to_do)
            .unwrap_or_else(PoisonError::into_inner);
        if pending.lines == 0 && pending.new_file.is_none() {
            return None;
        }
        std::mem::swap(&mut pending.bytes, bytes);
        Some(Batch {
            lines: std::mem::take(&mut pending.lines),
            dropped: std::mem::take(&mut pending.dropped),
            new_file: pending.new_file.take(),
        })
    }

    /// Counts lines as done with, then lets new ones gather, unless somebody is in a hurry.
    fn finish(&self, lines: usize) {
        let mut pending = self.lock();
        pending.finished += u64::try_from(lines).unwrap_or(u64::MAX);
        self.done.notify_all();
        let nobody_hurries = |pending: &mut Pending| pending.flushing == 0 && !pending.closed;
        let _gathered = self
            .wake
            .wait_timeout_while(pending, GATHER_FOR, nobody_hurries);
    }

    /// Waits before the next try. Gives a new file if one came, or an error to give up with.
    fn wait_to_retry(&self) -> Result<Option<File>, Closed> {
        let no_news = |pending: &mut Pending| pending.new_file.is_none() && !pending.closed;
        let (mut pending, _) = self
            .wake
            .wait_timeout_while(self.lock(), RETRY_AFTER, no_news)
            .unwrap_or_else(PoisonError::into_inner);
        match pending.new_file.take() {
            Some(file) => Ok(Some(file)),
            None if pending.closed => Err(Closed),
            None => Ok(None),
        }
    }
}

/// Nobody is left who could make the destination writable.
struct Closed;

/// Starts the thread that writes until the queue is closed and empty.
pub(super) fn start(queue: Arc<Queue>, destination: Destination, clock: Clock) -> io::Result<()> {
    let mut writer = Writer {
        queue,
        destination,
        failing: false,
    };
    std::thread::Builder::new()
        .name("audit-writer".to_owned())
        .spawn(move || writer.run(&clock))?;
    Ok(())
}

struct Writer {
    queue: Arc<Queue>,
    destination: Destination,
    failing: bool,
}

impl Writer {
    fn run(&mut self, clock: &Clock) {
        let mut bytes = Vec::new();
        while let Some(batch) = self.queue.take(&mut bytes) {
            if let Some(file) = batch.new_file {
                self.destination = Destination::File(file);
            }
            if batch.dropped > 0 {
                bytes.extend_from_slice(&line::dropped(clock.now(), batch.dropped));
                tracing::warn!(lines = batch.dropped, "audit lines were dropped");
            }
            self.write(&bytes, batch.lines);
            bytes.clear();
            bytes.shrink_to(KEPT_BYTES);
            self.queue.finish(batch.lines);
        }
    }

    /// Writes all of it, however long that takes; gives up only when the log is closed.
    fn write(&mut self, bytes: &[u8], lines: usize) {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.destination.write(rest) {
                Ok(written) if written > 0 => rest = rest.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                unwritable => {
                    self.note_failure(unwritable.err());
                    match self.queue.wait_to_retry() {
                        Ok(None) => {}
                        Ok(Some(file)) => {
                            self.destination = Destination::File(file);
                            rest = from_line_start(bytes, rest.len());
                        }
                        Err(Closed) => {
                            let pieces = rest.split(|byte| *byte == b'\n').count();
                            let lost = pieces.saturating_sub(1);
                            self.count(lines.saturating_sub(lost), lost);
                            return;
                        }
                    }
                }
            }
        }
        if std::mem::take(&mut self.failing) {
            tracing::info!("the audit log is written again");
        }
        self.count(lines, 0);
    }

    /// Says once that the destination fails, not at each try.
    fn note_failure(&mut self, error: Option<io::Error>) {
        if !std::mem::replace(&mut self.failing, true) {
            let error = error.unwrap_or_else(|| io::ErrorKind::WriteZero.into());
            tracing::error!(%error, "the audit log cannot be written; its lines wait");
        }
    }

    fn count(&self, written: usize, dropped: usize) {
        let number = |lines| u64::try_from(lines).unwrap_or(u64::MAX);
        self.queue.lines_written.inc_by(number(written));
        self.queue.lines_dropped.inc_by(number(dropped));
    }
}

/// The rest of a batch from the start of its first line that is not wholly written: a new file
/// must not begin in the middle of one.
fn from_line_start(bytes: &[u8], rest: usize) -> &[u8] {
    let written = bytes.len().saturating_sub(rest);
    let done = bytes.get(..written).unwrap_or_default();
    let start = done.iter().rposition(|byte| *byte == b'\n');
    bytes
        .get(start.map_or(0, |end| end + 1)..)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use crate::clock::UnixTime;

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    fn start_writing(queue: &Arc<Queue>, file: File) {
        let (clock, _) = Clock::manual(UnixTime::from_seconds(0));
        start(Arc::clone(queue), Destination::File(file), clock).unwrap();
    }

    #[test]
    fn a_line_wakes_an_idle_writer() {
        let queue = Arc::new(Queue::new(10, &Metrics::default()));
        start_writing(&queue, tempfile::tempfile().unwrap());
        while !queue.lock().writer_idle {
            std::thread::yield_now();
        }
        queue.push(b"line\n");
        let unfinished = |pending: &mut Pending| pending.finished == 0;
        let pending = queue.lock();
        let (_pending, waited) = queue
            .done
            .wait_timeout_while(pending, LONG, unfinished)
            .unwrap();
        assert!(!waited.timed_out());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_replaced_in_the_middle_of_a_line_gets_the_whole_line() {
        use std::io::{Read, Seek};
        use std::os::fd::OwnedFd;
        use std::os::unix::net::UnixStream;

        const LINES: usize = 40_000;
        // A socket that nobody empties takes a part, and then no more.
        let (mut other_end, socket) = UnixStream::pair().unwrap();
        socket.set_nonblocking(true).unwrap();
        let queue = Arc::new(Queue::new(LINES, &Metrics::default()));
        for n in 0..LINES {
            queue.push(format!("{n:08} {}\n", "x".repeat(90)).as_bytes());
        }
        start_writing(&queue, File::from(OwnedFd::from(socket)));
        other_end.read_exact(&mut [0]).unwrap();
        let mut file = tempfile::tempfile().unwrap();
        queue.replace_file(file.try_clone().unwrap());
        assert!(queue.flush(LONG));

        let mut text = String::new();
        file.rewind().unwrap();
        file.read_to_string(&mut text).unwrap();
        assert!(text.lines().all(|line| line.len() == 99));
        assert!(text.lines().count() < LINES);
        assert_eq!(
            text.lines().last().and_then(|line| line.get(..8)),
            Some("00039999")
        );
    }

    #[test]
    fn a_new_file_begins_with_a_whole_line() {
        let bytes = b"one\ntwo\nthree\n";
        assert_eq!(from_line_start(bytes, bytes.len()), bytes);
        assert_eq!(from_line_start(bytes, bytes.len() - 2), bytes);
        assert_eq!(from_line_start(bytes, 10), b"two\nthree\n");
        assert_eq!(from_line_start(bytes, 8), b"two\nthree\n");
        assert_eq!(from_line_start(bytes, 3), b"three\n");
    }
}
