//! A load of keep-alive connections that each send one request after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Requests as bytes: one for all, or each sent once.
#[derive(Clone)]
pub(crate) struct Requests {
    all: Arc<Vec<Vec<u8>>>,
    next: Arc<AtomicUsize>,
    once: bool,
}

impl Requests {
    pub(crate) fn repeated(request: Vec<u8>) -> Self {
        Self {
            all: Arc::new(vec![request]),
            next: Arc::default(),
            once: false,
        }
    }

    pub(crate) fn once(requests: Vec<Vec<u8>>) -> Self {
        Self {
            all: Arc::new(requests),
            next: Arc::default(),
            once: true,
        }
    }

    fn next(&self) -> Option<&[u8]> {
        if !self.once {
            return self.all.first().map(Vec::as_slice);
        }
        self.all
            .get(self.next.fetch_add(1, Ordering::Relaxed))
            .map(Vec::as_slice)
    }
}

/// Requests answered with 200, and the time that it took.
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
    let started = Instant::now();
    let tasks: Vec<_> = (0..connections)
        .map(|_| {
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
    awake.abort();
    Ran { answered, took }
}

async fn one_connection(address: String, requests: Requests, deadline: Instant) -> u64 {
    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut buffer = vec![0; 16 * 1024];
    let mut answered = 0;
    while Instant::now() < deadline {
        let Some(request) = requests.next() else {
            break;
        };
        stream.write_all(request).await.unwrap();
        read_answer(&mut stream, &mut buffer).await;
        answered += 1;
    }
    answered
}

async fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await.unwrap();
        assert!(read > 0, "the server hung up");
        filled += read;
        let Some(head) = find(&buffer[..filled], b"\r\n\r\n") else {
            continue;
        };
        assert!(
            buffer.starts_with(b"HTTP/1.1 200"),
            "{}",
            String::from_utf8_lossy(&buffer[..filled])
        );
        if filled >= head + 4 + content_length(&buffer[..head]) {
            return;
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
