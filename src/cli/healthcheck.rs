//! `room-broker healthcheck`: exits with 0 if the running service answers on its ops listener.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::http_client::{HttpClientParameters, Proxies, http_client};

use crate::settings;

use super::{ConfigArguments, block_on, report};

const TIMEOUT: Duration = Duration::from_secs(3);

#[derive(Debug, Args)]
pub(super) struct HealthcheckArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Ask whether it may receive traffic, not only whether it is alive
    #[arg(long)]
    ready: bool,
}

pub(super) fn run(arguments: &HealthcheckArguments) -> ExitCode {
    // Nothing else of the configuration: a fault in it keeps a reload from taking place, and must
    // not have a service killed that goes on with the old one.
    let ops = match settings::ops_alone(&arguments.config.sources()) {
        Ok(ops) => ops,
        Err(faults) => return report::faults(&faults),
    };
    let path = if arguments.ready { "readyz" } else { "healthz" };
    let url = format!("http://{}/{path}", reachable(ops.listen));
    let client = http_client(HttpClientParameters {
        connect_timeout: TIMEOUT,
        total_timeout: TIMEOUT,
        redirects_max: 0,
        idle_connections_max: 1,
        proxies: Proxies::None,
    });
    let client = match client {
        Ok(client) => client,
        Err(error) => return report::failure(&error),
    };
    match block_on(async { client.get(&url).send().await }) {
        Ok(Ok(response)) if response.status().is_success() => ExitCode::SUCCESS,
        Ok(Ok(response)) => report::refusal(format_args!("{url} answers {}", response.status())),
        Ok(Err(error)) => report::failure(&error),
        Err(code) => code,
    }
}

/// An address that can be called: a listener on every address is asked on loopback.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, listen.port())
}
