//! How a connection comes about: directly, or by a tunnel through the proxy that the environment
//! names (`HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`), and TLS within it.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::http_client::{HttpClientError, Proxies};

/// A peer that is silently gone is noticed within a minute.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_RETRIES: u32 = 3;

type Plain = MaybeHttpsStream<TokioIo<TcpStream>>;
type Fault = Box<dyn Error + Send + Sync>;
type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send>>;

/// Makes connections to one origin.
#[derive(Clone)]
pub(super) struct Connector {
    connect: HttpsConnector<Way>,
    timeout: Duration,
}

/// The way to the origin, below its TLS. A proxy's credential is in it.
#[derive(Clone)]
enum Way {
    Direct(HttpConnector),
    /// The proxy itself may be spoken to over TLS.
    Proxy(Box<Tunnel<HttpsConnector<HttpConnector>>>),
}

/// A connection that took too long.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("connecting takes too long")]
pub(super) struct ConnectTimeout;

impl ConnectTimeout {
    /// Whether an error comes of it.
    pub(super) fn is_cause_of(error: &(dyn Error + 'static)) -> bool {
        let mut causes = std::iter::successors(Some(error), |&error| error.source());
        causes.any(<dyn Error>::is::<Self>)
    }
}

impl Connector {
    pub(super) fn new(
        url: &url::Url,
        timeout: Duration,
        proxies: Proxies,
    ) -> Result<Self, HttpClientError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEPALIVE));
        tcp.set_keepalive_interval(Some(KEEPALIVE));
        tcp.set_keepalive_retries(Some(KEEPALIVE_RETRIES));
        let tls = tls()?;
        let proxy = match (proxies, url.scheme(), url.as_str().parse::<Uri>()) {
            (Proxies::OfEnvironment, "https", Ok(uri)) => Matcher::from_env().intercept(&uri),
            (Proxies::OfEnvironment | Proxies::None, _, _) => None,
        };
        let way = match proxy {
            None => Way::Direct(tcp),
            Some(proxy) => {
                let to_proxy = HttpsConnector::from((tcp, tls.clone()));
                let tunnel = Tunnel::new(proxy.uri().clone(), to_proxy);
                Way::Proxy(Box::new(match proxy.basic_auth() {
                    Some(credential) => tunnel.with_auth(credential.clone()),
                    None => tunnel,
                }))
            }
        };
        Ok(Self {
            connect: HttpsConnector::from((way, tls)),
            timeout,
        })
    }
}

/// TLS 1.2 and later, by the system's trusted roots.
fn tls() -> Result<ClientConfig, HttpClientError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier)
        .map_err(HttpClientError::Tls)?;
    Ok(builder.with_no_client_auth())
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<Plain>;
    type Error = Fault;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        self.connect.poll_ready(context)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let connecting = tokio::time::timeout(self.timeout, self.connect.call(to));
        Box::pin(async { connecting.await.map_err(|_elapsed| ConnectTimeout)? })
    }
}

impl Service<Uri> for Way {
    type Response = Plain;
    type Error = Fault;
    type Future = Connecting<Plain>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        match self {
            Self::Direct(tcp) => tcp.poll_ready(context).map_err(Fault::from),
            Self::Proxy(tunnel) => tunnel.poll_ready(context).map_err(Fault::from),
        }
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        match self {
            Self::Direct(tcp) => {
                let connecting = tcp.call(to);
                Box::pin(async { Ok(MaybeHttpsStream::Http(connecting.await?)) })
            }
            Self::Proxy(tunnel) => {
                let connecting = tunnel.call(to);
                Box::pin(async { Ok(connecting.await?) })
            }
        }
    }
}
