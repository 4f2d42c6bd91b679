//! Outbound HTTP to the one origin that is called at every request: connections, TLS, the way
//! through a proxy and times, and nothing that reads a URL or copies header fields again, as a
//! client for everywhere does for redirects. Never follows one.

mod connections;
mod connector;

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use hyper::http::uri::Authority;
use hyper::{Request, Uri};
use reqwest::header::{ACCEPT, HOST, HeaderMap, HeaderValue, USER_AGENT};
use reqwest::{Body, StatusCode};
use tokio::time::{Instant, timeout_at};

use super::{HttpClientError, OUR_NAME, Proxies};

use connections::{Connections, InUse};
use connector::Connector;

/// Connections over HTTP/1.1 to one origin, kept for whoever sends next.
#[derive(Debug, Clone)]
pub struct Transport {
    connections: Connections,
    host: HeaderValue,
}

/// How long an exchange may take.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// Until the answer's head, the request's body included.
    pub head: Duration,
    /// Until the end of the answer's body.
    pub whole: Duration,
}

/// Why an exchange did not come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The request cannot be written as HTTP.
    #[error("the request cannot be written")]
    Unwritable,
    /// There is no connection, so that nothing was sent.
    #[error("cannot be connected to")]
    Unconnected {
        /// Whether that took too long.
        too_slow: bool,
    },
    /// It took too long.
    #[error("takes too long")]
    Timeout,
    /// The connection broke off, or what came over it is no HTTP.
    #[error("broke off")]
    BrokenOff,
}

impl TransportError {
    /// Whether time ran out.
    pub fn is_timeout(self) -> bool {
        matches!(self, Self::Timeout | Self::Unconnected { too_slow: true })
    }
}

impl Transport {
    /// A transport to the origin of `url`. `connect_timeout` is for TCP, a proxy and TLS together;
    /// a proxy of the environment counts for `https` alone, since plain HTTP stays on this machine.
    ///
    /// # Errors
    /// [`HttpClientError`] when TLS cannot be set up, or the URL names no host that HTTP could.
    pub fn new(
        url: &url::Url,
        connect_timeout: Duration,
        proxies: Proxies,
    ) -> Result<Self, HttpClientError> {
        let connector = Connector::new(url, connect_timeout, proxies)?;
        let (origin, host) = origin_of(url).map_err(HttpClientError::Origin)?;
        Ok(Self {
            connections: Connections::new(origin, connector),
            host,
        })
    }

    /// Sends a request to the origin, whichever its URL names, and waits for the head of its answer.
    ///
    /// # Errors
    /// [`TransportError`] when there is none.
    pub async fn send(
        &self,
        mut request: Request<Body>,
        times: Times,
    ) -> Result<Response, TransportError> {
        let now = Instant::now();
        let head_until = now + times.head.min(times.whole);
        let until = now + times.whole;
        self.complete(&mut request);
        let sending = self.connections.send(request, now);
        match timeout_at(head_until, sending).await {
            Ok(Ok((inner, connection))) => Ok(Response {
                inner,
                until,
                connection: Some(connection),
                is_over: false,
            }),
            Ok(Err(error)) => Err(error),
            Err(_elapsed) => Err(TransportError::Timeout),
        }
    }

    /// Makes a request what goes over a connection to the origin (RFC 9112 section 3.2.1).
    fn complete(&self, request: &mut Request<Body>) {
        if request.uri().authority().is_some()
            && let Some(path_and_query) = request.uri().path_and_query()
        {
            *request.uri_mut() = Uri::from(path_and_query.clone());
        }
        let headers = request.headers_mut();
        headers.insert(HOST, self.host.clone());
        headers.insert(USER_AGENT, HeaderValue::from_static(OUR_NAME));
        if !headers.contains_key(ACCEPT) {
            headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        }
    }
}

/// A URL's origin and what its `Host` field is (RFC 9110 section 7.2); a URL has no port where it is
/// that of its scheme.
fn origin_of(url: &url::Url) -> Result<(Uri, HeaderValue), hyper::http::Error> {
    let origin: Uri = url.as_str().parse()?;
    let host = origin.authority().map(Authority::as_str);
    let host = HeaderValue::from_str(host.unwrap_or_default())?;
    Ok((origin, host))
}

/// An answer whose body is still on its way.
pub struct Response {
    inner: hyper::Response<Incoming>,
    until: Instant,
    /// What it comes over, until it is dropped.
    connection: Option<InUse>,
    /// Whether its body was read to its end, where nothing but the end itself says so.
    is_over: bool,
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Response").field(&self.inner).finish()
    }
}

impl Drop for Response {
    fn drop(&mut self) {
        if self.is_at_its_end()
            && let Some(connection) = self.connection.take()
        {
            connection.give_back();
        }
    }
}

/// Why a body was not read as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Longer than allowed; reading stopped there.
    #[error("is too long")]
    TooLong,
    /// It did not come to its end.
    #[error(transparent)]
    Transport(#[from] TransportError),
}

impl Response {
    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.inner.status()
    }

    /// Its header fields.
    pub fn headers(&self) -> &HeaderMap {
        self.inner.headers()
    }

    /// How long what is left of the body is, if its head says so.
    pub fn length_left(&self) -> Option<u64> {
        self.inner.body().size_hint().exact()
    }

    /// The next piece of the body, which is waited for at most `idle`; `None` at its end.
    ///
    /// # Errors
    /// [`TransportError`] when it breaks off or takes too long.
    pub async fn chunk(&mut self, idle: Duration) -> Result<Option<Bytes>, TransportError> {
        let idle_until = Instant::now().checked_add(idle);
        let until = idle_until.map_or(self.until, |until| until.min(self.until));
        loop {
            if self.is_at_its_end() {
                return Ok(None);
            }
            let next = self.inner.body_mut().frame();
            let frame = match timeout_at(until, next).await {
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(_error))) => return Err(TransportError::BrokenOff),
                Ok(None) => {
                    self.is_over = true;
                    return Ok(None);
                }
                Err(_elapsed) => return Err(TransportError::Timeout),
            };
            // Trailers say nothing here.
            if let Ok(piece) = frame.into_data() {
                return Ok(Some(piece));
            }
        }
    }

    fn is_at_its_end(&self) -> bool {
        self.is_over || self.inner.body().is_end_stream()
    }

    /// All of the body, of at most `bytes_max` bytes, whatever its head claims.
    ///
    /// # Errors
    /// [`ReadError`] when it is longer, breaks off or takes too long.
    pub async fn read(mut self, bytes_max: usize) -> Result<Vec<u8>, ReadError> {
        let mut body = Vec::new();
        while let Some(piece) = self.chunk(Duration::MAX).await? {
            if body.len().saturating_add(piece.len()) > bytes_max {
                return Err(ReadError::TooLong);
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    const LONG: Duration = Duration::from_secs(3600);
    const SHORT: Duration = Duration::from_millis(20);
    /// That something ends at all.
    const PATIENCE: Duration = Duration::from_secs(10);

    /// Accepts one connection, says this once it is spoken to, and keeps the connection.
    async fn server(says: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            connection.read_u8().await.unwrap();
            connection.write_all(says.as_bytes()).await.unwrap();
            std::future::pending::<()>().await;
        });
        address
    }

    fn get(url: &str) -> Request<Body> {
        Request::get(url).body(Body::default()).unwrap()
    }

    async fn sent(url: &str, connect: Duration, times: Times) -> Result<Response, TransportError> {
        let base = url::Url::parse(url).unwrap();
        let transport = Transport::new(&base, connect, Proxies::None).unwrap();
        let sending = transport.send(get(url), times);
        tokio::time::timeout(PATIENCE, sending).await.unwrap()
    }

    fn times(head: Duration, whole: Duration) -> Times {
        Times { head, whole }
    }

    #[tokio::test]
    async fn each_wait_has_a_bound() {
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf";
        let never = format!("http://{}", server("").await);
        let sending = sent(&never, LONG, times(SHORT, LONG)).await;
        assert_eq!(sending.unwrap_err(), TransportError::Timeout);
        for (whole, idle) in [(SHORT, LONG), (LONG, SHORT), (SHORT, Duration::MAX)] {
            let half = format!("http://{}", server(head).await);
            let last = async {
                let mut response = sent(&half, LONG, times(LONG, whole)).await?;
                while response.chunk(idle).await?.is_some() {}
                Ok(())
            };
            let last = tokio::time::timeout(PATIENCE, last).await.unwrap();
            assert_eq!(last, Err(TransportError::Timeout));
        }
    }

    #[tokio::test]
    async fn no_connection_is_told_from_one_that_broke() {
        // TLS counts as connecting, and this server says nothing of it.
        let silent = format!("https://{}", server("").await);
        let too_slow = sent(&silent, SHORT, times(LONG, LONG)).await.unwrap_err();
        assert_eq!(too_slow, TransportError::Unconnected { too_slow: true });
        assert!(too_slow.is_timeout());
        let refused = sent("http://127.0.0.1:1", LONG, times(LONG, LONG)).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused, TransportError::Unconnected { too_slow: false });
        assert!(!refused.is_timeout());
        let nonsense = format!("http://{}", server("nonsense\r\n\r\n").await);
        let broken = sent(&nonsense, LONG, times(LONG, LONG)).await;
        assert_eq!(broken.unwrap_err(), TransportError::BrokenOff);
    }

    /// Answers each request on each of two connections, with this field; says of each which it came
    /// over.
    async fn two_connections(field: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            for name in ["1", "2"] {
                let (mut connection, _) = listener.accept().await.unwrap();
                let mut read = [0; 4096];
                while connection.read(&mut read).await.unwrap() > 0 {
                    let answer =
                        format!("HTTP/1.1 200 OK\r\n{field}\r\ncontent-length: 1\r\n\r\n{name}");
                    connection.write_all(answer.as_bytes()).await.unwrap();
                }
            }
        });
        format!("http://{address}")
    }

    #[tokio::test]
    async fn a_connection_is_kept_once_its_answer_was_read() {
        let keep = "connection: keep-alive";
        let close = "connection: close";
        // What is read of each answer, which names its connection.
        for (field, reads) in [
            (keep, &[Some(b"1"), Some(b"1"), Some(b"1")][..]),
            (keep, &[Some(b"1"), None, Some(b"2")]),
            (close, &[Some(b"1"), Some(b"2")]),
        ] {
            let url = two_connections(field).await;
            let base = url::Url::parse(&url).unwrap();
            let transport = Transport::new(&base, LONG, Proxies::None).unwrap();
            for expected in reads {
                let sending = transport.send(get(&url), times(LONG, LONG));
                let response = tokio::time::timeout(PATIENCE, sending).await.unwrap();
                let response = response.unwrap();
                if let Some(expected) = expected {
                    assert_eq!(response.read(1).await.unwrap(), *expected);
                }
            }
        }
    }

    #[tokio::test]
    async fn a_connection_that_upstream_closed_is_not_used_again() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (close, mut may_close) = tokio::sync::mpsc::unbounded_channel();
        let (closed, mut is_closed) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            for name in ["1", "2"] {
                let (mut connection, _) = listener.accept().await.unwrap();
                // All of it: a connection that is closed with something unread is reset.
                let _read = connection.read(&mut [0; 4096]).await.unwrap();
                let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{name}");
                connection.write_all(answer.as_bytes()).await.unwrap();
                let () = may_close.recv().await.unwrap();
                drop(connection);
                closed.send(()).unwrap();
            }
            std::future::pending::<()>().await;
        });
        let url = format!("http://{address}");
        let base = url::Url::parse(&url).unwrap();
        let transport = Transport::new(&base, LONG, Proxies::None).unwrap();
        for expected in [b"1", b"2"] {
            let sending = transport.send(get(&url), times(LONG, LONG));
            let response = tokio::time::timeout(PATIENCE, sending).await.unwrap();
            assert_eq!(response.unwrap().read(1).await.unwrap(), expected);
            close.send(()).unwrap();
            let () = is_closed.recv().await.unwrap();
            // What the system tells of this comes after what it tells of that.
            let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
            TcpStream::connect(other.local_addr().unwrap())
                .await
                .unwrap();
        }
    }

    #[tokio::test]
    async fn a_body_is_read_to_its_end_or_its_bound() {
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nwhole";
        for (bytes_max, expected) in [(5, Ok(b"whole".to_vec())), (4, Err(ReadError::TooLong))] {
            let url = format!("http://{}", server(answer).await);
            let response = sent(&url, LONG, times(LONG, LONG)).await.unwrap();
            assert_eq!(response.length_left(), Some(5));
            assert_eq!(response.read(bytes_max).await, expected);
        }
    }
}
