//! A socket without an HTTP client on it, for requests that no client would send.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A connection to a listener.
pub(crate) struct Socket(TcpStream);

impl Socket {
    /// Connects to `http://…`.
    pub(crate) async fn open(base_url: &str) -> Self {
        let address = base_url.strip_prefix("http://").unwrap();
        Self(TcpStream::connect(address).await.unwrap())
    }

    /// Sends bytes as they are. That the other side has closed already is no failure: what it said
    /// can still be read.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _closed = self.0.write_all(bytes.as_ref()).await;
    }

    /// Breaks off without a farewell, as a machine that crashes does.
    pub(crate) fn reset(self) {
        self.0.set_zero_linger().unwrap();
    }

    /// Everything that comes until the other side closes.
    pub(crate) async fn read_to_end(mut self) -> String {
        let mut bytes = Vec::new();
        let read = async {
            let mut part = [0; 4096];
            // A reset ends the reading as a close does.
            while let Ok(length @ 1..) = self.0.read(&mut part).await {
                bytes.extend_from_slice(&part[..length]);
            }
        };
        tokio::time::timeout(Duration::from_secs(20), read)
            .await
            .expect("the connection was not closed");
        String::from_utf8(bytes).unwrap()
    }
}

/// Sends one request, as it is, on a connection of its own and reads until it is closed.
pub(crate) async fn exchange(base_url: &str, request: impl AsRef<[u8]>) -> String {
    let mut socket = Socket::open(base_url).await;
    socket.send(request).await;
    socket.read_to_end().await
}

/// The status of an answer as it came.
#[track_caller]
pub(crate) fn status_of(answer: &str) -> u16 {
    let status = answer.split(' ').nth(1).unwrap_or_default();
    status
        .parse()
        .unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}
