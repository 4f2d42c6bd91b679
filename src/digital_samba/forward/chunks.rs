//! Bodies in pieces: at most a few of them are in memory at once, whichever side is slow, and one
//! that breaks off on one side breaks off visibly on the other.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use reqwest::header::HeaderValue;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use crate::http_client::{Response, TransportError};

/// Pieces between the two sides.
const PIECES_MAX: usize = 2;
/// The longest boundary (RFC 2046 section 5.1.1).
const BOUNDARY_BYTES_MAX: usize = 70;

/// Why an answer ends before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StreamFault {
    /// Upstream broke off, or nothing came for too long.
    #[error("upstream's answer broke off")]
    BrokenOff,
    /// Longer than what the gateway lets through.
    #[error("upstream's answer is too long")]
    TooLong,
}

/// Why an upload was not sent to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UploadFault {
    /// No `multipart/form-data` with a boundary.
    #[error("the upload is not called multipart/form-data with a boundary")]
    NotMultipart,
    /// It does not begin or end as its boundary has it.
    #[error("the upload is not a form of its boundary")]
    Malformed,
    /// Longer than allowed.
    #[error("the upload is too long")]
    TooLong,
    /// The caller broke off.
    #[error("the upload broke off")]
    BrokenOff,
    /// The caller sent nothing for too long, or too little.
    #[error("the upload takes too long")]
    TooSlow,
}

/// An answer in pieces. Ends with a fault unless upstream's answer came to its end.
#[derive(Debug)]
pub struct Chunks {
    /// How long it is, if upstream said.
    pub length: Option<u64>,
    pieces: mpsc::Receiver<Piece>,
    ended: bool,
}

#[derive(Debug)]
enum Piece {
    Bytes(Bytes),
    Fault(StreamFault),
    End,
}

/// What bounds an answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) idle_timeout: Duration,
    pub(super) bytes_max: u64,
}

/// What is known of an answer that streams.
#[derive(Debug)]
pub(super) struct Beginning {
    /// What was read of it.
    pub(super) read: Bytes,
    /// How long it is with that, if upstream said.
    pub(super) length: Option<u64>,
}

impl Chunks {
    /// An answer of which the beginning may be read already. Its permit is given back when it is
    /// over, or nobody takes it any more.
    pub(super) fn of(
        beginning: Beginning,
        response: Response,
        limits: Limits,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        let (sender, pieces) = mpsc::channel(PIECES_MAX);
        let Beginning { read, length } = beginning;
        tokio::spawn(async move {
            let last = match pump(read, response, limits, &sender).await {
                Ok(()) => Piece::End,
                Err(fault) => Piece::Fault(fault),
            };
            // Nobody there any more is no loss, and neither is an end that nobody takes: it
            // breaks off there.
            let _taken = tokio::time::timeout(limits.idle_timeout, sender.send(last)).await;
            drop(permit);
        });
        Self {
            length,
            pieces,
            ended: false,
        }
    }
}

async fn pump(
    read: Bytes,
    mut response: Response,
    limits: Limits,
    sender: &mpsc::Sender<Piece>,
) -> Result<(), StreamFault> {
    let mut left = limits.bytes_max;
    let mut next = Some(read);
    while let Some(bytes) = next {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        left = left.checked_sub(length).ok_or(StreamFault::TooLong)?;
        if !bytes.is_empty() {
            let sending = sender.send(Piece::Bytes(bytes));
            match tokio::time::timeout(limits.idle_timeout, sending).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return Err(StreamFault::BrokenOff),
            }
        }
        let chunk = response.chunk(limits.idle_timeout).await;
        next = chunk.map_err(|_error| StreamFault::BrokenOff)?;
    }
    Ok(())
}

impl Stream for Chunks {
    type Item = Result<Bytes, StreamFault>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        self.pieces.poll_recv(context).map(|piece| match piece {
            Some(Piece::Bytes(bytes)) => Some(Ok(bytes)),
            Some(Piece::End) => {
                self.ended = true;
                None
            }
            Some(Piece::Fault(fault)) => {
                self.ended = true;
                Some(Err(fault))
            }
            None => {
                self.ended = true;
                Some(Err(StreamFault::BrokenOff))
            }
        })
    }
}

/// A piece of an upload, `None` at its end, or why it has none.
type UploadPiece = Result<Option<Bytes>, UploadFault>;

/// An upload on its way: the caller's pieces come through a channel.
#[derive(Debug)]
pub struct Upload {
    content_type: HeaderValue,
    pieces: mpsc::Receiver<UploadPiece>,
    fault: FaultSlot,
}

/// Where the fault of an upload is found once upstream's side gave up.
#[derive(Debug, Clone, Default)]
pub(super) struct FaultSlot(Arc<Slot>);

#[derive(Debug, Default)]
struct Slot {
    fault: Mutex<Option<UploadFault>>,
    /// Upstream's side took all there was and waits for more.
    awaits_caller: AtomicBool,
}

impl FaultSlot {
    fn put(&self, fault: UploadFault) {
        *self.fault() = Some(fault);
    }

    /// The caller's fault in an exchange that ended so, if it is the caller's.
    pub(super) fn take<T>(&self, sent: &Result<T, TransportError>) -> Option<UploadFault> {
        let awaited = matches!(sent, Err(TransportError::Timeout))
            && self.0.awaits_caller.load(Ordering::Acquire);
        let fault = self.fault().take();
        fault.or(awaited.then_some(UploadFault::TooSlow))
    }

    fn fault(&self) -> MutexGuard<'_, Option<UploadFault>> {
        self.0.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn await_caller(&self, pieces: &mut mpsc::Receiver<UploadPiece>) -> Option<UploadPiece> {
        self.0.awaits_caller.store(true, Ordering::Release);
        let piece = pieces.recv().await;
        self.0.awaits_caller.store(false, Ordering::Release);
        piece
    }
}

/// Takes the caller's side of an upload, piece by piece.
#[derive(Debug)]
pub struct UploadSender {
    sender: mpsc::Sender<UploadPiece>,
    fault: FaultSlot,
    delimiter: Vec<u8>,
    /// The first bytes, until they are as long as the delimiter, and the last ones.
    head: Vec<u8>,
    tail: Vec<u8>,
    left: usize,
}

/// The two ends of an upload of at most `bytes_max` bytes, called `content_type`.
///
/// # Errors
/// [`UploadFault::NotMultipart`] for any other content type.
pub fn upload(content_type: &str, bytes_max: usize) -> Result<(UploadSender, Upload), UploadFault> {
    let boundary = boundary(content_type).ok_or(UploadFault::NotMultipart)?;
    let field =
        HeaderValue::from_str(content_type).map_err(|_no_field| UploadFault::NotMultipart)?;
    let (sender, pieces) = mpsc::channel(PIECES_MAX);
    let fault = FaultSlot::default();
    let uploading = UploadSender {
        sender,
        fault: fault.clone(),
        delimiter: format!("--{boundary}").into_bytes(),
        head: Vec::new(),
        tail: Vec::new(),
        left: bytes_max,
    };
    let upload = Upload {
        content_type: field,
        pieces,
        fault,
    };
    Ok((uploading, upload))
}

fn boundary(content_type: &str) -> Option<&str> {
    let (essence, parameters) = content_type.split_once(';')?;
    if !essence.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("boundary")
            .then_some(value.trim().trim_matches('"'))
    })?;
    let fits = (1..=BOUNDARY_BYTES_MAX).contains(&boundary.len());
    (fits
        && boundary
            .bytes()
            .all(|byte| byte.is_ascii_graphic() || byte == b' '))
    .then_some(boundary)
}

impl UploadSender {
    /// Passes a piece on; waits while upstream is slow.
    ///
    /// # Errors
    /// [`UploadFault`] when the form is too long or does not begin as one, or upstream wants no
    /// more.
    pub async fn send(&mut self, piece: Bytes) -> Result<(), UploadFault> {
        let Some(left) = self.left.checked_sub(piece.len()) else {
            return Err(self.give_up(UploadFault::TooLong).await);
        };
        self.left = left;
        let delimiter = self.delimiter.len();
        if self.head.len() < delimiter {
            let wanted = delimiter.saturating_sub(self.head.len());
            self.head.extend(piece.iter().take(wanted));
            if !self.delimiter.starts_with(&self.head) {
                return Err(self.give_up(UploadFault::Malformed).await);
            }
        }
        // `--boundary--` and the line ends after it.
        let window = delimiter.saturating_add(8);
        let kept = piece.len().saturating_sub(window);
        self.tail.extend(piece.iter().skip(kept));
        let surplus = self.tail.len().saturating_sub(window);
        self.tail.drain(..surplus);
        let sent = self.sender.send(Ok(Some(piece))).await;
        sent.map_err(|_upstream_is_gone| UploadFault::BrokenOff)
    }

    /// The caller sent all of it.
    ///
    /// # Errors
    /// [`UploadFault::Malformed`] when it does not end as a form.
    pub async fn finish(mut self) -> Result<(), UploadFault> {
        let mut end = self.delimiter.clone();
        end.extend_from_slice(b"--");
        if self.tail.trim_ascii_end().ends_with(&end) {
            let _upstream_may_be_gone = self.sender.send(Ok(None)).await;
            return Ok(());
        }
        Err(self.give_up(UploadFault::Malformed).await)
    }

    /// Ends the upload so that upstream cannot take it for a whole one.
    pub async fn give_up(&mut self, fault: UploadFault) -> UploadFault {
        self.fault.put(fault);
        let _upstream_may_be_gone = self.sender.send(Err(fault)).await;
        fault
    }
}

impl Upload {
    /// Its content type, its body for the HTTP client, and where its fault will be.
    pub(super) fn into_body(self) -> (HeaderValue, reqwest::Body, FaultSlot) {
        let Self {
            content_type,
            pieces,
            fault,
        } = self;
        // A caller who is gone without a word broke off.
        let beginning = (pieces, fault.clone());
        let stream = futures_util::stream::unfold(beginning, |(mut pieces, slot)| async {
            let piece = slot.await_caller(&mut pieces).await;
            let piece = piece.unwrap_or(Err(UploadFault::BrokenOff)).transpose()?;
            Some((piece, (pieces, slot)))
        });
        (content_type, reqwest::Body::wrap_stream(stream), fault)
    }
}
