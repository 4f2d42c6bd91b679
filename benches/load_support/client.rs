//! A load of keep-alive connections that each send one request after the other.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Requests as bytes: one for all, each sent once, or each made when it is sent.
#[derive(Clone)]
pub(crate) struct Requests {
    source: Source,
    next: Arc<AtomicUsize>,
}

#[derive(Clone)]
enum Source {
    Repeated(Arc<Vec<u8>>),
    Once(Arc<Vec<Vec<u8>>>),
    Made(Arc<dyn Fn(usize) -> Vec<u8> + Send + Sync>),
}

impl Requests {
    pub(crate) fn repeated(request: Vec<u8>) -> Self {
        Self::from(Source::Repeated(Arc::new(request)))
    }

    pub(crate) fn once(requests: Vec<Vec<u8>>) -> Self {
        Self::from(Source::Once(Arc::new(requests)))
    }

    /// Each made of its number.
    pub(crate) fn made(make: impl Fn(usize) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::from(Source::Made(Arc::new(make)))
    }

    fn from(source: Source) -> Self {
        let next = Arc::default();
        Self { source, next }
    }

    pub(crate) fn next(&self) -> Option<Cow<'_, [u8]>> {
        let number = || self.next.fetch_add(1, Ordering::Relaxed);
        match &self.source {
            Source::Repeated(request) => Some(Cow::Borrowed(request)),
            Source::Once(all) => all.get(number()).map(|one| Cow::Borrowed(one.as_slice())),
            Source::Made(make) => Some(Cow::Owned(make(number()))),
        }
    }
}

/// Requests answered well, and the time that it took.
pub(crate) struct Ran {
    pub(crate) answered: u64,
    pub(crate) took: Duration,
}

/// Runs until the time is over or the requests are used up.
pub(crate) async fn run(
    address: &str,
    requests: &Requests,
    connections: usize,
    time: Duration,
) -> Ran {
    // A client that sleeps has to be woken by the server's kernel, which would count as the server's
    // time, and more so the slower the server is: this one never sleeps.
    let awake = tokio::spawn(async {
        loop {
            tokio::task::yield_now().await;
        }
    });
    let ran = spread(&[address], requests, connections, time).await;
    awake.abort();
    ran
}

/// The same over several servers in turn, by a client that sleeps while nothing is answered and so
/// leaves its core to whoever shares it.
pub(crate) async fn spread(
    addresses: &[&str],
    requests: &Requests,
    connections: usize,
    time: Duration,
) -> Ran {
    let started = Instant::now();
    let addresses = addresses.iter().cycle().take(connections);
    let tasks: Vec<_> = addresses
        .map(|&address| {
            tokio::spawn(one_connection(
                address.to_owned(),
                requests.clone(),
                started + time,
            ))
        })
        .collect();
    let mut answered = 0;
    for task in tasks {
        answered += task.await.unwrap();
    }
    let took = started.elapsed();
    Ran { answered, took }
}

async fn one_connection(address: String, requests: Requests, deadline: Instant) -> u64 {
    let mut connection = Connection::open(&address).await;
    let mut answered = 0;
    while Instant::now() < deadline {
        let Some(request) = requests.next() else {
            break;
        };
        connection.exchange(&request).await;
        answered += 1;
    }
    answered
}

/// A connection that stays open.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let buffer = vec![0; 16 * 1024];
        Self { stream, buffer }
    }

    /// Sends a request and reads its answer, a 200 with a length or a 204, to the end; its body.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> &[u8] {
        self.stream.write_all(request).await.unwrap();
        let mut filled = 0;
        loop {
            if filled == self.buffer.len() {
                self.buffer.resize(filled * 2, 0);
            }
            let read = self.stream.read(&mut self.buffer[filled..]).await.unwrap();
            assert!(read > 0, "the server hung up");
            filled += read;
            let Some(head) = find(&self.buffer[..filled.min(4096)], b"\r\n\r\n") else {
                continue;
            };
            let is_empty = self.buffer.starts_with(b"HTTP/1.1 204");
            assert!(
                is_empty || self.buffer.starts_with(b"HTTP/1.1 200"),
                "{}",
                String::from_utf8_lossy(&self.buffer[..filled])
            );
            let length = if is_empty {
                0
            } else {
                content_length(&self.buffer[..head])
            };
            let end = head + 4 + length;
            if filled >= end {
                return &self.buffer[head + 4..end];
            }
        }
    }
}

fn content_length(head: &[u8]) -> usize {
    let at = find(head, b"ontent-length: ")
        .or_else(|| find(head, b"ontent-Length: "))
        .expect("a length")
        + 15;
    let digits: Vec<u8> = head[at..]
        .iter()
        .copied()
        .take_while(u8::is_ascii_digit)
        .collect();
    String::from_utf8(digits).unwrap().parse().unwrap()
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}
