//! An upstream at the level of bytes: it notes what arrives and answers with what it is given.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::internal::{Backend, app_with};
use crate::support::TestApp;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

/// What an upstream does with a request.
#[derive(Clone)]
pub(super) enum Conduct {
    /// Reads it and answers with these bytes, then closes.
    Answer(Vec<u8>),
    /// Reads it, answers with this and then keeps silent.
    Stop(String),
    /// Takes the connection and reads nothing from it.
    ReadNothing,
    /// Answers with this head, then with so many zeros as fast as they are taken.
    Zeros(String, usize),
}

/// An upstream on a socket.
pub(super) struct RawUpstream {
    url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    /// Bytes of zeros that left.
    pub(super) written: Arc<AtomicUsize>,
    serving: JoinHandle<()>,
}

impl Drop for RawUpstream {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl RawUpstream {
    pub(super) async fn start(conduct: Conduct) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (seen, written) = (Arc::default(), Arc::default());
        let (noted, counted) = (Arc::clone(&seen), Arc::clone(&written));
        let serving = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (noted, counted) = (Arc::clone(&noted), Arc::clone(&counted));
                tokio::spawn(serve(socket, conduct.clone(), noted, counted));
            }
        });
        Self {
            url,
            seen,
            written,
            serving,
        }
    }

    /// One that answers everything with this JSON.
    pub(super) async fn saying(json: &str) -> Self {
        Self::answering("application/json", json).await
    }

    /// One that answers everything with this.
    pub(super) async fn answering(content_type: &str, body: &str) -> Self {
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        Self::start(Conduct::Answer(answer.into_bytes())).await
    }

    /// Where it is.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Every request so far.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// An app in front of it, and a key that opens every operation.
    pub(super) async fn app(&self, more: &str) -> (TestApp, String) {
        let backend = Backend::that_may(super::ALL);
        let url = &self.url;
        let more = format!("[digital_samba]\napi_url = \"{url}\"\n{more}");
        let app = app_with(&[&backend], &more).await;
        let key = backend.key();
        (app, key)
    }
}

async fn serve(
    mut socket: TcpStream,
    conduct: Conduct,
    seen: Arc<Mutex<Vec<Seen>>>,
    written: Arc<AtomicUsize>,
) {
    if matches!(conduct, Conduct::ReadNothing) {
        std::future::pending::<()>().await;
    }
    let Some(request) = Box::pin(read(&mut socket)).await else {
        return;
    };
    seen.lock().unwrap().push(request);
    match conduct {
        Conduct::Answer(answer) => {
            let _closed = socket.write_all(&answer).await;
            let _closed = socket.shutdown().await;
        }
        Conduct::ReadNothing => {}
        Conduct::Stop(beginning) => {
            let _closed = socket.write_all(beginning.as_bytes()).await;
            std::future::pending::<()>().await;
        }
        Conduct::Zeros(head, total) => {
            let _closed = socket.write_all(head.as_bytes()).await;
            let zeros = vec![b'0'; 64 * 1024];
            let mut left = total;
            while left > 0 {
                let part = &zeros[..left.min(zeros.len())];
                if socket.write_all(part).await.is_err() {
                    return;
                }
                left -= part.len();
                written.fetch_add(part.len(), Ordering::AcqRel);
            }
            let _closed = socket.shutdown().await;
        }
    }
}

/// Reads a request with its body; `None` if it breaks off.
async fn read(socket: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let mut part = [0; 16 * 1024];
    loop {
        if let Some(end) = position(&bytes, b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let body = &bytes[end + 4..];
            let field = |name: &str| {
                let mut lines = head.lines();
                lines.find_map(|line| {
                    let (field, value) = line.split_once(": ")?;
                    field.eq_ignore_ascii_case(name).then(|| value.to_owned())
                })
            };
            let is_whole = match (field("content-length"), field("transfer-encoding")) {
                (Some(length), _) => body.len() >= length.parse::<usize>().unwrap(),
                (None, Some(_)) => body.ends_with(b"0\r\n\r\n"),
                (None, None) => true,
            };
            if is_whole {
                let body = body.to_vec();
                return Some(Seen { head, body });
            }
        }
        let length = socket
            .read(&mut part)
            .await
            .ok()
            .filter(|length| *length > 0)?;
        bytes.extend_from_slice(&part[..length]);
    }
}

fn position(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
