//! Exchanges with an identity provider: only URLs of the configuration or of a discovery document
//! that proved to be the issuer's own, bounded in time and size, never redirected.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderValue};
use url::Url;

use crate::http_client::{
    BodyError, HttpClientError, HttpClientParameters, Proxies, http_client, read_body,
};
use crate::trace_context;

/// The longest answer: bounds memory while a provider misbehaves. Key sets with certificate chains
/// take some ten KiB.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// Whether `http` on loopback is as good as `https`, for development.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoopbackHttp {
    /// Only `https`.
    Refused,
    /// `http` too, where the host is this machine.
    Allowed,
}

/// A URL that may be fetched: `https`, or `http` on loopback where allowed; no credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct ProviderUrl(Url);

/// Why a URL is not fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlFault {
    /// Not an absolute URL with a host.
    #[error("must be an absolute URL")]
    NotAUrl,
    /// Keys that came unprotected could be anyone's.
    #[error("must be https (or http on loopback with authn.allow_http_loopback)")]
    NotHttps,
    /// Credentials or a fragment, which have no business here.
    #[error("must not carry a user, a password or a fragment")]
    Extra,
    /// An issuer identifier has no query (OpenID Connect Discovery section 3).
    #[error("must not carry a query")]
    Query,
}

impl ProviderUrl {
    /// Parses a URL.
    ///
    /// # Errors
    /// [`UrlFault`] when it may not be fetched.
    pub fn parse(text: &str, loopback: LoopbackHttp) -> Result<Self, UrlFault> {
        let url = Url::parse(text).map_err(|_not_a_url| UrlFault::NotAUrl)?;
        let host = url.host_str().ok_or(UrlFault::NotAUrl)?;
        let is_loopback = host == "localhost"
            || host
                .trim_matches(['[', ']'])
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback());
        match url.scheme() {
            "https" => {}
            "http" if is_loopback && loopback == LoopbackHttp::Allowed => {}
            _unprotected => return Err(UrlFault::NotHttps),
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(UrlFault::Extra);
        }
        Ok(Self(url))
    }

    /// Where an issuer's discovery document is.
    ///
    /// # Errors
    /// [`UrlFault`] when the issuer cannot have one.
    pub fn discovery_of(issuer: &str, loopback: LoopbackHttp) -> Result<Self, UrlFault> {
        if Self::parse(issuer, loopback)?.0.query().is_some() {
            return Err(UrlFault::Query);
        }
        let base = issuer.trim_end_matches('/');
        Self::parse(
            &format!("{base}/.well-known/openid-configuration"),
            loopback,
        )
    }
}

impl fmt::Debug for ProviderUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0.as_str())
    }
}

/// Why an exchange gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// No connection, or none in time.
    #[error("the provider could not be reached")]
    Unreachable(#[source] reqwest::Error),
    /// Anything but 200: redirects too.
    #[error("the provider answered with status {0}")]
    Status(u16),
    /// Too long, or broken off.
    #[error("the provider's answer could not be read")]
    Body(#[source] BodyError),
}

/// The client of all providers.
#[derive(Debug, Clone)]
pub(super) struct ProviderClient(reqwest::Client);

impl ProviderClient {
    pub(super) fn new(timeout: Duration) -> Result<Self, HttpClientError> {
        // A redirect could lead to a place that nobody configured.
        http_client(HttpClientParameters {
            connect_timeout: timeout,
            total_timeout: timeout,
            redirects_max: 0,
            idle_connections_max: 4,
            proxies: Proxies::OfEnvironment,
        })
        .map(Self)
    }

    pub(super) async fn get(&self, url: &ProviderUrl) -> Result<Vec<u8>, ExchangeError> {
        exchange(self.0.get(url.0.clone())).await
    }

    pub(super) async fn post_form(
        &self,
        url: &ProviderUrl,
        authorization: &HeaderValue,
        form: &[(&str, &str)],
    ) -> Result<Vec<u8>, ExchangeError> {
        let request = self.0.post(url.0.clone());
        let request = request.header(AUTHORIZATION, authorization.clone());
        exchange(request.form(form)).await
    }
}

/// Sends a request that changes nothing, and once more if the connection breaks: a kept one may
/// have been closed by the other side a moment before.
async fn exchange(request: reqwest::RequestBuilder) -> Result<Vec<u8>, ExchangeError> {
    let request = request.headers(trace_context::outgoing());
    let again = request.try_clone();
    let response = match (request.send().await, again) {
        (Err(error), Some(again)) if error.is_request() && !error.is_timeout() => {
            again.send().await
        }
        (result, _) => result,
    };
    let response = response.map_err(ExchangeError::Unreachable)?;
    let status = response.status();
    if status != reqwest::StatusCode::OK {
        return Err(ExchangeError::Status(status.as_u16()));
    }
    let body = read_body(response, ANSWER_BYTES_MAX).await;
    body.map_err(ExchangeError::Body)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn only_protected_addresses_are_fetched() {
        use LoopbackHttp::{Allowed, Refused};
        for (text, loopback, fault) in [
            ("https://id.example/keys?p=1", Refused, None),
            ("http://127.0.0.1:9000/", Allowed, None),
            ("http://[::1]/", Allowed, None),
            ("http://localhost/", Allowed, None),
            ("http://127.0.0.1/", Refused, Some(UrlFault::NotHttps)),
            ("http://id.example/", Allowed, Some(UrlFault::NotHttps)),
            (
                "http://localhost.example/",
                Allowed,
                Some(UrlFault::NotHttps),
            ),
            (
                "http://127.0.0.1.example/",
                Allowed,
                Some(UrlFault::NotHttps),
            ),
            ("ftp://127.0.0.1/", Allowed, Some(UrlFault::NotHttps)),
            ("file:///etc/passwd", Allowed, Some(UrlFault::NotAUrl)),
            ("data:,x", Allowed, Some(UrlFault::NotAUrl)),
            ("/keys", Allowed, Some(UrlFault::NotAUrl)),
            ("https://u@id.example/", Refused, Some(UrlFault::Extra)),
            ("https://:p@id.example/", Refused, Some(UrlFault::Extra)),
            ("https://id.example/#x", Refused, Some(UrlFault::Extra)),
        ] {
            assert_eq!(ProviderUrl::parse(text, loopback).err(), fault, "{text}");
        }
        let discovery = |issuer| ProviderUrl::discovery_of(issuer, Refused);
        let expected = "https://id.example/a/.well-known/openid-configuration";
        for issuer in ["https://id.example/a", "https://id.example/a/"] {
            assert_eq!(discovery(issuer), ProviderUrl::parse(expected, Refused));
        }
        assert_eq!(discovery("https://id.example?a"), Err(UrlFault::Query));
    }

    async fn read_request(stream: &mut TcpStream) {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.unwrap());
        }
    }

    #[tokio::test]
    async fn a_kept_connection_that_was_closed_meanwhile_fails_nobody() {
        const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let url = ProviderUrl::parse(&url, LoopbackHttp::Allowed).unwrap();
        let server = async {
            let (mut first, _) = listener.accept().await.unwrap();
            read_request(&mut first).await;
            first.write_all(ANSWER).await.unwrap();
            read_request(&mut first).await;
            drop(first);
            let (mut second, _) = listener.accept().await.unwrap();
            read_request(&mut second).await;
            second.write_all(ANSWER).await.unwrap();
        };
        let client = ProviderClient::new(Duration::from_secs(5)).unwrap();
        let twice = async {
            assert_eq!(client.get(&url).await.unwrap(), b"{}");
            assert_eq!(client.get(&url).await.unwrap(), b"{}");
        };
        tokio::join!(server, twice);
    }
}
