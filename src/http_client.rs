//! The one maker of outbound HTTP clients: timeouts, TLS, no redirects unless asked, a user agent.

mod transport;

use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};

pub use transport::{ReadError, Response, Times, Transport, TransportError};

const OUR_NAME: &str = concat!("room-broker/", env!("CARGO_PKG_VERSION"));

/// What one use of HTTP needs.
#[derive(Debug, Clone, Copy)]
pub struct HttpClientParameters {
    /// Time for the TCP and TLS handshakes.
    pub connect_timeout: Duration,
    /// Time for the whole exchange, body included.
    pub total_timeout: Duration,
    /// How many redirects are followed; credentials never are across origins.
    pub redirects_max: usize,
    /// Idle connections kept for each host.
    pub idle_connections_max: usize,
    /// Whether proxies of the environment (`HTTPS_PROXY`, `NO_PROXY`) are used.
    pub proxies: Proxies,
}

/// Whether proxies of the environment are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proxies {
    /// As the environment says.
    OfEnvironment,
    /// Never: what is called is on this machine.
    None,
}

/// The HTTP stack could not be set up, for example without any trusted root.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client could not be built")]
pub enum HttpClientError {
    /// The origin of a transport.
    Origin(#[source] hyper::http::Error),
    /// The general client.
    Client(#[source] reqwest::Error),
    /// TLS of a transport.
    Tls(#[source] rustls::Error),
}

/// Makes a client. `Accept: application/json` is its default.
///
/// # Errors
/// [`HttpClientError`] when TLS cannot be set up.
#[expect(clippy::disallowed_methods, reason = "the one maker of clients")]
pub fn http_client(parameters: HttpClientParameters) -> Result<reqwest::Client, HttpClientError> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let redirects = match parameters.redirects_max {
        0 => reqwest::redirect::Policy::none(),
        max => reqwest::redirect::Policy::limited(max),
    };
    let builder = match parameters.proxies {
        Proxies::OfEnvironment => reqwest::Client::builder(),
        Proxies::None => reqwest::Client::builder().no_proxy(),
    };
    builder
        .user_agent(OUR_NAME)
        .default_headers(headers)
        .connect_timeout(parameters.connect_timeout)
        .timeout(parameters.total_timeout)
        .redirect(redirects)
        .pool_max_idle_per_host(parameters.idle_connections_max)
        .build()
        .map_err(HttpClientError::Client)
}

/// Why a body was not read to its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// Longer than allowed; reading stopped there.
    #[error("the answer is longer than {bytes_max} bytes")]
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// The connection failed or timed out on the way.
    #[error("the answer broke off")]
    Broken(#[source] reqwest::Error),
}

/// Reads a body of at most `bytes_max` bytes, whatever its `Content-Length` claims.
///
/// # Errors
/// [`BodyError`] when it is longer or breaks off.
pub async fn read_body(
    mut response: reqwest::Response,
    bytes_max: usize,
) -> Result<Vec<u8>, BodyError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(BodyError::Broken)? {
        if body.len().saturating_add(chunk.len()) > bytes_max {
            return Err(BodyError::TooLarge { bytes_max });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
