//! `[public]`, `[ops]` and `[http]`: where the service listens and how it reads requests.

use std::net::SocketAddr;
use std::time::Duration;

use actix_web::http::header::HeaderValue;
use ipnet::IpNet;
use url::Url;

use crate::http::BodyLimits;

use super::reader::Table;

/// `[public]`.
#[derive(Debug, Clone)]
pub struct Public {
    /// The address to bind; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Origins that browsers may call from.
    pub origins: Vec<HeaderValue>,
    /// The longest body, in bytes.
    pub body_bytes_max: usize,
    /// Where a proxy mounts the service, without a trailing slash.
    pub path_prefix: String,
}

/// `[ops]`.
#[derive(Debug, Clone)]
pub struct Ops {
    /// The address to bind.
    pub listen: SocketAddr,
}

/// `[http]`.
#[derive(Debug, Clone)]
pub struct Http {
    /// Worker threads; 0 is one for each core.
    pub workers: usize,
    /// The time to receive the head of a request.
    pub request_timeout: Duration,
    /// The time to receive its body.
    pub body_timeout: Duration,
    /// How long an idle connection is kept.
    pub keep_alive: Duration,
    /// Connections at once, for each worker.
    pub connections_max: usize,
    /// The time to serve on, not ready any more, before a shutdown.
    pub drain_for: Duration,
    /// The time that in-flight requests get at a shutdown.
    pub shutdown_timeout: Duration,
    /// Networks whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether every request is logged.
    pub access_log: bool,
}

impl Http {
    /// How a listener reads bodies of at most so many bytes.
    pub fn body_limits(&self, body_bytes_max: usize) -> BodyLimits {
        BodyLimits {
            body_bytes_max,
            body_timeout: self.body_timeout,
        }
    }
}

/// Reads `[public]`.
pub(super) fn read_public(mut table: Table) -> Option<Public> {
    let listen = table.parsed("listen");
    let origins = table.texts("origins");
    let origins = origins
        .iter()
        .enumerate()
        .filter_map(|(index, text)| origin(&table, index, text))
        .collect();
    let body_bytes_max = table.integer("body_bytes_max", None, 256..=1_048_576);
    let path_prefix = table.optional_text("path_prefix").unwrap_or_default();
    if !path_prefix.is_empty() && !is_path_prefix(&path_prefix) {
        table.fault(
            "path_prefix",
            "must be empty, or begin with / and not end with it, such as /video",
        );
    }
    table.finish();
    Some(Public {
        listen: listen?,
        origins,
        body_bytes_max: to_usize(body_bytes_max?),
        path_prefix,
    })
}

fn is_path_prefix(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.');
    text.starts_with('/') && !text.ends_with('/') && !text.contains("//") && text.chars().all(plain)
}

/// An origin is scheme, host and port as a browser sends them (RFC 6454 section 7).
fn origin(table: &Table, index: usize, text: &str) -> Option<HeaderValue> {
    let exact = Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == text
    });
    if !exact {
        table.fault(
            &format!("origins[{index}]"),
            "must be an origin as browsers send it, such as https://app.example.com: no path, no trailing slash, no *",
        );
        return None;
    }
    HeaderValue::from_str(text).ok()
}

/// Reads `[ops]`.
pub(super) fn read_ops(mut table: Table) -> Option<Ops> {
    let listen = table.parsed("listen");
    table.finish();
    Some(Ops { listen: listen? })
}

/// Reads `[http]`.
pub(super) fn read_http(mut table: Table) -> Option<Http> {
    const SECOND: Duration = Duration::from_secs(1);
    const HOUR: Duration = Duration::from_secs(3600);
    let workers = table.integer("workers", None, 0..=1024);
    let request_timeout = table.duration("request_timeout", None, SECOND..=HOUR);
    let body_timeout = table.duration("body_timeout", None, Duration::from_millis(10)..=HOUR);
    let keep_alive = table.duration("keep_alive", None, SECOND..=HOUR);
    let connections_max = table.integer("connections_max", None, 1..=1_000_000);
    let drain_for = table.duration("drain_for", None, Duration::ZERO..=HOUR);
    let shutdown_timeout = table.duration("shutdown_timeout", None, Duration::ZERO..=HOUR);
    let trusted_proxies = table.parsed_list("trusted_proxies");
    let access_log = table.boolean("access_log", false);
    table.finish();
    Some(Http {
        workers: to_usize(workers?),
        request_timeout: request_timeout?,
        body_timeout: body_timeout?,
        keep_alive: keep_alive?,
        connections_max: to_usize(connections_max?),
        drain_for: drain_for?,
        shutdown_timeout: shutdown_timeout?,
        trusted_proxies,
        access_log,
    })
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
