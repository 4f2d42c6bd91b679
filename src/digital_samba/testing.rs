//! A server for tests that answers with the very bytes it is told, or not at all.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the server does with one request.
#[derive(Debug, Clone)]
pub(super) enum Reply {
    /// Sends these bytes and closes.
    Bytes(Vec<u8>),
    /// Closes without a word.
    Close,
    /// Sends these bytes, then says nothing and keeps the connection open.
    Stall(Vec<u8>),
}

/// A reply with this status, header lines and body.
pub(super) fn reply(status: u16, headers: &str, body: &str) -> Reply {
    let length = body.len();
    Reply::Bytes(
        format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
            .into_bytes(),
    )
}

/// A 200 with a JSON body.
pub(super) fn json(body: &serde_json::Value) -> Reply {
    reply(200, "content-type: application/json\r\n", &body.to_string())
}

#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Load {
    pub(super) arrived: usize,
    pub(super) now: usize,
    pub(super) most: usize,
}

/// Requests as they came, replies as they were queued; the last reply is repeated.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) url: String,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    requests: Mutex<Vec<String>>,
    replies: Mutex<VecDeque<Reply>>,
    load: watch::Sender<Load>,
    held: watch::Sender<bool>,
}

impl Server {
    pub(super) async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State {
            requests: Mutex::default(),
            replies: Mutex::new(replies.into_iter().collect()),
            load: watch::Sender::default(),
            held: watch::Sender::new(false),
        });
        let serving = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&serving)));
            }
        });
        Self { url, state }
    }

    pub(super) fn requests(&self) -> Vec<String> {
        self.state.requests.lock().unwrap().clone()
    }

    pub(super) fn load(&self) -> Load {
        *self.state.load.borrow()
    }

    /// Waits until so many requests have come.
    pub(super) async fn until_arrived(&self, count: usize) {
        let mut load = self.state.load.subscribe();
        load.wait_for(|load| load.arrived >= count).await.unwrap();
    }

    /// Answers wait from now on, or go out.
    pub(super) fn hold(&self, held: bool) {
        self.state.held.send_replace(held);
    }
}

async fn serve(mut stream: TcpStream, state: Arc<State>) {
    let Some(request) = request_of(&mut stream).await else {
        return;
    };
    state.requests.lock().unwrap().push(request);
    let reply = {
        let mut replies = state.replies.lock().unwrap();
        let next = replies.pop_front().unwrap();
        if replies.is_empty() {
            replies.push_back(next.clone());
        }
        next
    };
    state.load.send_modify(|load| {
        load.arrived += 1;
        load.now += 1;
        load.most = load.most.max(load.now);
    });
    state.held.subscribe().wait_for(|held| !held).await.unwrap();
    match reply {
        Reply::Bytes(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Reply::Close => {}
        Reply::Stall(bytes) => {
            let _ = stream.write_all(&bytes).await;
            std::future::pending::<()>().await;
        }
    }
    state.load.send_modify(|load| load.now -= 1);
}

/// Head and body as text.
async fn request_of(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().unwrap());
        if body.len() >= length {
            return Some(text);
        }
    }
}
