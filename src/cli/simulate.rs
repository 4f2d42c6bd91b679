//! `room-broker simulate`: the simulated Digital Samba alone, and the identity provider unless it
//! is turned off, for whoever develops against them without a broker.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

use crate::app::Signals;
use crate::clock::{Clock, ClockHand, UnixTime};
use crate::simulator::digital_samba::{self, DigitalSamba};
use crate::simulator::identity_provider::{self, Client, IdentityProvider, SigningKeys};

use super::dev::{CALLS_PER_MINUTE, DEVELOPER_KEY, TEAM_ID, TOKEN_TTL, listener};
use super::report;

type Failure = Box<dyn std::error::Error>;

#[derive(Debug, Args)]
pub(super) struct SimulateArguments {
    /// Where the simulated Digital Samba is
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Where the simulated identity provider is
    #[arg(long, default_value = "127.0.0.1:8091")]
    provider_listen: SocketAddr,
    /// Leave the identity provider out
    #[arg(long)]
    no_provider: bool,
    /// The audience of the identity provider's access tokens
    #[arg(long, default_value = "room-broker-dev")]
    audience: String,
    /// The team's UUID
    #[arg(long, value_name = "UUID", default_value_t = TEAM_ID)]
    team_id: Uuid,
    /// The credential of the API and the key of join tokens; a well-known one if absent
    #[arg(
        long,
        value_name = "KEY",
        env = "ROOM_BROKER_SIMULATOR_DEVELOPER_KEY",
        hide_env_values = true,
        value_parser = secret,
        conflicts_with = "developer_key_file"
    )]
    developer_key: Option<SecretString>,
    /// A file with that key
    #[arg(long, value_name = "FILE")]
    developer_key_file: Option<PathBuf>,
    /// Calls a minute before 429
    #[arg(long, value_name = "CALLS", default_value_t = CALLS_PER_MINUTE)]
    rate_limit: u32,
    /// Stand still at this time until the clock is moved; without, go with the machine's
    #[arg(long, value_name = "UNIX_SECONDS")]
    clock_at: Option<u64>,
}

/// What runs until a signal ends it.
struct Services {
    samba: DigitalSamba,
    provider: Option<IdentityProvider>,
}

pub(super) fn run(arguments: &SimulateArguments) -> ExitCode {
    match actix_web::rt::System::new().block_on(simulate(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report::failure(error.as_ref()),
    }
}

async fn simulate(arguments: &SimulateArguments) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let services = Services::start(arguments, &developer_key(arguments)?)?;
    report::line(banner(arguments, &services));
    signals.stop().await;
    services.samba.stop().await;
    Ok(())
}

impl Services {
    fn start(arguments: &SimulateArguments, key: &SecretString) -> Result<Self, Failure> {
        let (clock, hand) = clock(arguments.clock_at);
        let samba = digital_samba::start(digital_samba::Parameters {
            listener: listener(arguments.listen)?,
            clock: clock.clone(),
            team_id: arguments.team_id.to_string(),
            team_domain: "dev-team".to_owned(),
            developer_key: key.expose_secret().to_owned(),
            rooms_base: None,
            rate_limit_per_minute: arguments.rate_limit,
        })?;
        samba.controls().offer_clock(clock.clone(), hand.clone());
        if arguments.no_provider {
            let provider = None;
            return Ok(Self { samba, provider });
        }
        let provider = identity_provider::start(identity_provider::Parameters {
            listener: listener(arguments.provider_listen)?,
            clock: clock.clone(),
            audience: arguments.audience.clone(),
            introspection_client: Client {
                id: "room-broker".to_owned(),
                secret: Uuid::new_v4().to_string(),
            },
            token_ttl: TOKEN_TTL,
            keys: SigningKeys::generate()?,
        })?;
        provider.controls().offer_clock(clock, hand);
        let provider = Some(provider);
        Ok(Self { samba, provider })
    }
}

fn clock(at: Option<u64>) -> (Clock, ClockHand) {
    let Some(seconds) = at else {
        return Clock::ahead();
    };
    let (clock, hand) = Clock::manual(UnixTime::from_seconds(seconds));
    (clock, hand.into())
}

fn developer_key(arguments: &SimulateArguments) -> Result<SecretString, Failure> {
    match (&arguments.developer_key, &arguments.developer_key_file) {
        (Some(key), _) => Ok(key.clone()),
        (None, Some(file)) => read(file),
        (None, None) => Ok(DEVELOPER_KEY.into()),
    }
}

fn read(file: &Path) -> Result<SecretString, Failure> {
    let text = std::fs::read_to_string(file);
    let text = text.map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
    Ok(secret(text.trim_end_matches(['\n', '\r']))?)
}

fn secret(text: &str) -> Result<SecretString, &'static str> {
    if text.is_empty() {
        return Err("the developer key is empty");
    }
    Ok(text.into())
}

/// Where what is, and lines to copy. The key itself is only shown if everybody knows it.
fn banner(arguments: &SimulateArguments, services: &Services) -> String {
    let (samba, team_id) = (services.samba.base_url(), arguments.team_id);
    let key = match (&arguments.developer_key, &arguments.developer_key_file) {
        (Some(_), _) => "read -rs KEY   # paste your developer key".to_owned(),
        (None, Some(file)) => format!("KEY=$(cat '{}')", file.display()),
        (None, None) => format!("KEY={DEVELOPER_KEY}"),
    };
    let provider = match &services.provider {
        None => String::new(),
        Some(provider) => format!(
            "\n  identity provider  {}        tokens for ada, ben and cleo",
            provider.issuer()
        ),
    };
    format!(
        r#"
A simulated Digital Samba is running. It forgets everything when it ends.

  Digital Samba      {samba}        its API at /api/v1, a page for each room
  team               {team_id}
  controls           {samba}/_sim        counts, faults, gates, the clock{provider}

Create a room, sign a token for Ada, then open the link that comes with it in a browser:

  {key}
  curl -s -H "Authorization: Bearer $KEY" --json '{{"friendly_url":"demo","privacy":"private"}}' {samba}/api/v1/rooms
  curl -s -H "Authorization: Bearer $KEY" --json '{{"u":"Ada","role":"moderator","exp":60}}' {samba}/api/v1/rooms/demo/token

See who is in, and what was called. Stop with Ctrl-C.

  curl -s -H "Authorization: Bearer $KEY" {samba}/api/v1/rooms/demo/live/participants
  curl -s {samba}/_sim/counts
"#
    )
}
