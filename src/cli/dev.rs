//! `room-broker dev`: the whole service on this machine, with a simulated Digital Samba and a small
//! identity provider beside it. Nothing to configure, nothing else to install.

use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use secrecy::ExposeSecret as _;
use uuid::Uuid;

use crate::app::Running;
use crate::authn::ApiKey;
use crate::clock::Clock;
use crate::settings::{Settings, Sources};
use crate::simulator::identity_provider::{Client, SigningKeys};
use crate::simulator::{digital_samba, identity_provider};

use super::{report, serve};

/// Upstream's own limit.
pub(super) const CALLS_PER_MINUTE: u32 = 1000;
/// What opens the simulated Digital Samba, and nothing else: config/development.toml says the same,
/// so that a `serve` beside it can use it too.
pub(super) const TEAM_ID: Uuid = Uuid::from_u128(0xde);
pub(super) const DEVELOPER_KEY: &str = "development-only";
pub(super) const TOKEN_TTL: Duration = Duration::from_secs(3600);

#[derive(Debug, Args)]
pub(super) struct DevArguments {
    /// Where the broker's public listener is
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where the broker's internal listener is
    #[arg(long, default_value = "127.0.0.1:8081")]
    internal_listen: SocketAddr,
    /// Where the broker's ops listener is
    #[arg(long, default_value = "127.0.0.1:8082")]
    ops_listen: SocketAddr,
    /// Where the simulated Digital Samba is
    #[arg(long, default_value = "127.0.0.1:8090")]
    upstream_listen: SocketAddr,
    /// Where the simulated identity provider is
    #[arg(long, default_value = "127.0.0.1:8091")]
    provider_listen: SocketAddr,
    /// Further configuration, laid over that of dev
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    files: Vec<std::path::PathBuf>,
}

/// What runs beside the broker until the process ends.
struct Beside {
    upstream: digital_samba::DigitalSamba,
    provider: identity_provider::IdentityProvider,
    _runtime: tokio::runtime::Runtime,
}

pub(super) fn run(arguments: &DevArguments) -> ExitCode {
    let (team_id, developer_key) = (TEAM_ID, DEVELOPER_KEY);
    let beside = match start_beside(arguments, team_id, developer_key) {
        Ok(beside) => beside,
        Err(error) => return report::failure(error.as_ref()),
    };
    let key = ApiKey::generate();
    let sources = Sources {
        texts: vec![
            configuration(arguments, &beside, team_id, developer_key),
            backend(arguments, &key),
        ],
        files: arguments.files.clone(),
        ..Sources::default()
    };
    let settings = match Settings::load(&sources) {
        Ok(settings) => settings,
        Err(faults) => return report::faults(&faults),
    };
    serve::run_settings(settings, sources, |running| {
        banner(running, &beside);
        backend_banner(running, &key);
    })
}

fn start_beside(
    arguments: &DevArguments,
    team_id: Uuid,
    developer_key: &str,
) -> Result<Beside, Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let entered = runtime.enter();
    let upstream = digital_samba::start(digital_samba::Parameters {
        listener: listener(arguments.upstream_listen)?,
        clock: Clock::system(),
        team_id: team_id.to_string(),
        team_domain: "dev-team".to_owned(),
        developer_key: developer_key.to_owned(),
        rooms_base: None,
        rate_limit_per_minute: CALLS_PER_MINUTE,
    })?;
    let provider = identity_provider::start(identity_provider::Parameters {
        listener: listener(arguments.provider_listen)?,
        clock: Clock::system(),
        audience: "room-broker-dev".to_owned(),
        introspection_client: Client {
            id: "room-broker".to_owned(),
            secret: Uuid::new_v4().to_string(),
        },
        token_ttl: TOKEN_TTL,
        keys: SigningKeys::generate()?,
    })?;
    drop(entered);
    Ok(Beside {
        upstream,
        provider,
        _runtime: runtime,
    })
}

pub(super) fn listener(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).map_err(|error| format!("{address} cannot be bound: {error}"))
}

/// The configuration of `dev`, as a file of its own would say it.
fn configuration(
    arguments: &DevArguments,
    beside: &Beside,
    team_id: Uuid,
    developer_key: &str,
) -> String {
    let (upstream, issuer) = (beside.upstream.base_url(), beside.provider.issuer());
    let (listen, ops_listen) = (arguments.listen, arguments.ops_listen);
    format!(
        r#"
[digital_samba]
api_url = "{upstream}"
rooms_url = "{upstream}"
team_id = "{team_id}"
developer_key = "{developer_key}"

[authn]
allow_http_loopback = true

[[authn.issuers]]
name = "dev"
issuer = "{issuer}"
audiences = ["room-broker-dev"]
algorithms = ["RS256", "ES256", "EdDSA"]

[[policy.rules]]
name = "teachers moderate their course"
room = "course-{{course}}"
when = '("teacher:" + room.course) in user.groups'
role = "moderator"
roles_on_request = ["speaker", "attendee"]
may_create = true

[[policy.rules]]
name = "students attend their course"
room = "course-{{course}}"
when = '("student:" + room.course) in user.groups'
role = "attendee"
may_create = true

[[rooms.templates]]
room = "course-{{course}}"
settings = {{ roles = ["moderator", "speaker", "attendee"], default_role = "attendee", max_participants = 60 }}

[public]
listen = "{listen}"
origins = ["http://localhost:3000", "http://127.0.0.1:3000", "http://localhost:5173"]

[ops]
listen = "{ops_listen}"

[telemetry]
log_format = "text"
"#
    )
}

/// A product backend that may do everything, with a key that is another one at each start.
fn backend(arguments: &DevArguments, key: &ApiKey) -> String {
    let (listen, id, hash) = (
        arguments.internal_listen,
        key.id().as_str(),
        key.secret_sha256(),
    );
    format!(
        r#"
[internal]
listen = "{listen}"

[[internal.api_keys]]
id = "{id}"
name = "demo"
secret_sha256 = "{hash}"
scopes = ["*", "secrets:read"]
"#
    )
}

fn banner(running: &Running, beside: &Beside) {
    let (public, ops) = (running.public_address, running.ops_address);
    let internal = running.internal_address;
    let (upstream, issuer) = (beside.upstream.base_url(), beside.provider.issuer());
    report::line(format_args!(
        r#"
room-broker is running with a simulated Digital Samba and identity provider.

  broker             http://{public}        its description: http://{public}/docs
  internal           http://{internal}        for product backends
  ops                http://{ops}        /healthz /readyz /metrics
  Digital Samba      {upstream}        a page for each room
  identity provider  {issuer}        tokens for ada, ben and cleo

Ada teaches course 101, Ben attends it. Let each of them join:

  ADA=$(curl -s '{issuer}/demo/token?user=ada&format=text')
  curl -s -X POST -H "Authorization: Bearer $ADA" http://{public}/v1/rooms/course-101/join

  BEN=$(curl -s '{issuer}/demo/token?user=ben&format=text')
  curl -s -X POST -H "Authorization: Bearer $BEN" http://{public}/v1/rooms/course-101/join

Open a join_url in a browser to see who came in, in which role.
"#
    ));
}

fn backend_banner(running: &Running, key: &ApiKey) {
    let internal = running.internal_address;
    let key = key.text();
    let key = key.expose_secret();
    report::line(format_args!(
        r#"A product backend calls at http://{internal}, with a key of its own:

  KEY={key}
  curl -s -X PUT -H "Authorization: Bearer $KEY" http://{internal}/v1/rooms/course-101
  curl -s -H "Authorization: Bearer $KEY" --json '{{"participants":[{{"id":"grace","name":"Grace Hall","role":"speaker"}}]}}' http://{internal}/v1/rooms/course-101/join-links

Stop with Ctrl-C.
"#
    ));
}
