//! `room-broker doctor`: asks Redis, upstream and the identity providers whether the configuration is true.

mod shared_state;
mod webhooks;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use secrecy::ExposeSecret as _;

use crate::app::{Parts, Surroundings};
use crate::audit::Target;
use crate::clock::Clock;
use crate::domain::RoleName;
use crate::rooms::{RoomUpstream as _, UpstreamFailure, UpstreamRoom};
use crate::settings::Settings;
use crate::token;
use crate::trace_context::Sampler;

use super::{ConfigArguments, block_on, report};

/// The life of the token that upstream is asked for, to compare.
const COMPARED_TTL: Duration = Duration::from_secs(60);

#[derive(Debug, Args)]
pub(super) struct DoctorArguments {
    #[command(flatten)]
    config: ConfigArguments,
}

/// What a look at one thing found.
enum Finding {
    Good(String),
    Doubtful(String),
    Bad(String),
    Skipped(String),
}

pub(super) fn run(arguments: &DoctorArguments) -> ExitCode {
    let mut settings = match arguments.config.load() {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    // It looks and leaves nothing behind: no file that the service could then not open.
    settings.audit.target = Target::StandardError;
    settings.leave_state_file();
    report::warnings(&settings.warnings);
    match block_on(examine(&settings)) {
        Ok(Ok(findings)) => tell(&findings),
        Ok(Err(code)) | Err(code) => code,
    }
}

fn tell(findings: &[Finding]) -> ExitCode {
    let mut bad = 0_usize;
    for finding in findings {
        match finding {
            Finding::Good(text) => report::line(format_args!("ok       {text}")),
            Finding::Skipped(text) => report::line(format_args!("skipped  {text}")),
            Finding::Doubtful(text) => report::line(format_args!("warning  {text}")),
            Finding::Bad(text) => {
                bad = bad.saturating_add(1);
                report::line(format_args!("BAD      {text}"));
            }
        }
    }
    if bad == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

async fn examine(settings: &Settings) -> Result<Vec<Finding>, ExitCode> {
    let surroundings = Surroundings {
        clock: Clock::system(),
        sampler: Sampler::OFF,
    };
    let parts = Parts::build(settings, &surroundings).map_err(|error| report::failure(&error))?;
    let mut findings = shared_state::findings(settings).await;
    findings.extend(providers(&parts).await);
    match team(settings, &parts).await {
        Ok(found) => {
            findings.extend(found);
            findings.push(roles(settings, &parts).await);
            findings.push(compared_token(settings, &parts).await);
            findings.extend(webhooks::findings(settings, &parts).await);
        }
        Err(failure) => findings.push(Finding::Bad(told(&failure))),
    }
    Ok(findings)
}

async fn providers(parts: &Parts) -> Vec<Finding> {
    let authenticator = Arc::clone(&parts.live.load().authenticator);
    let reports = authenticator.check_providers().await;
    let found = reports.into_iter().map(|provider| {
        let name = &provider.issuer_name;
        if let Some(error) = &provider.error {
            return Finding::Bad(format!(
                "issuer {name}: its keys cannot be fetched: {error}"
            ));
        }
        let unusable = provider.skipped.iter().map(|key| {
            let kid = key.kid.as_deref().unwrap_or("without kid");
            format!("; unusable: {kid} ({})", key.fault)
        });
        let unusable = unusable.collect::<Vec<_>>().concat();
        let text = format!("issuer {name}: {} usable keys{unusable}", provider.usable);
        if provider.usable == 0 {
            Finding::Bad(text)
        } else {
            Finding::Good(text)
        }
    });
    found.collect()
}

/// Is the key valid, is it this team's, is the domain right?
async fn team(settings: &Settings, parts: &Parts) -> Result<Vec<Finding>, UpstreamFailure> {
    let team = parts.client.team().await?;
    let mut findings = vec![Finding::Good(
        "upstream accepts the developer key".to_owned(),
    )];
    let configured = settings.digital_samba.parameters.team;
    findings.push(if team.id == configured {
        Finding::Good(format!("the team is {configured}"))
    } else {
        Finding::Bad(format!(
            "digital_samba.team_id: the developer key belongs to team {}",
            team.id
        ))
    });
    let rooms_url = &settings.digital_samba.rooms_url;
    let domain = team.domain.as_deref();
    findings.push(match rooms_url.team() {
        Some(ours) if domain == Some(ours.as_str()) => {
            Finding::Good(format!("the team domain is {ours}"))
        }
        Some(_) => match domain {
            Some(domain) => {
                Finding::Bad(format!("digital_samba.team_domain: upstream says {domain}"))
            }
            None => Finding::Skipped("upstream does not tell the team domain".to_owned()),
        },
        None => match team.custom_host.as_deref() {
            Some(host) if host == rooms_url.host() => {
                Finding::Good(format!("the custom host is {host}"))
            }
            Some(host) => Finding::Bad(format!("digital_samba.custom_host: upstream says {host}")),
            None => Finding::Skipped(format!(
                "upstream knows no custom host; rooms are opened at {}",
                rooms_url.as_str()
            )),
        },
    });
    Ok(findings)
}

/// Do the roles that policy names exist?
async fn roles(settings: &Settings, parts: &Parts) -> Finding {
    let known = match parts.client.role_names().await {
        Ok(known) => known,
        Err(failure) => return Finding::Bad(told(&failure)),
    };
    let named = settings.policy.role_names();
    let missing: Vec<&str> = named
        .iter()
        .filter(|role| !known.contains(role))
        .map(|role| role.as_str())
        .collect();
    if missing.is_empty() {
        return Finding::Good(format!("the {} roles that policy names exist", named.len()));
    }
    let known: Vec<&str> = known.iter().map(RoleName::as_str).collect();
    Finding::Bad(format!(
        "policy names roles that upstream does not have: {}; it has {}",
        missing.join(", "),
        known.join(", ")
    ))
}

/// Is a token of ours the same as upstream's own?
async fn compared_token(settings: &Settings, parts: &Parts) -> Finding {
    let (room, upstream_token) = match upstream_token(parts).await {
        Ok(Some(pair)) => pair,
        Ok(None) => {
            return Finding::Skipped(
                "tokens cannot be compared: the team has no room with a role yet".to_owned(),
            );
        }
        Err(failure) => return Finding::Bad(told(&failure)),
    };
    let team = settings.digital_samba.parameters.team;
    let key = parts.developer_key.load();
    let Some(compared) = token::compare(upstream_token.expose_secret(), &key, team, room.id) else {
        return Finding::Bad("upstream's own token for a room is no token".to_owned());
    };
    let mut differences = Vec::new();
    for (same, what) in [
        (compared.same_team, "td (the team)"),
        (compared.same_room, "rd (the room's id)"),
        (compared.same_key, "the signature (the developer key)"),
    ] {
        if !same {
            differences.push(what);
        }
    }
    if differences.is_empty() {
        Finding::Good("a token of ours and upstream's own agree in td, rd and signature".to_owned())
    } else {
        Finding::Bad(format!(
            "a token of ours and upstream's own differ in {}",
            differences.join(", ")
        ))
    }
}

async fn upstream_token(
    parts: &Parts,
) -> Result<Option<(UpstreamRoom, secrecy::SecretString)>, UpstreamFailure> {
    let Some(room) = parts.client.any_room().await? else {
        return Ok(None);
    };
    let Some(role) = room
        .default_role
        .clone()
        .or_else(|| room.roles.first().cloned())
    else {
        return Ok(None);
    };
    let expires_at = parts.clock.now().plus(COMPARED_TTL);
    let token = parts
        .client
        .upstream_token(room.id, &role, expires_at)
        .await?;
    Ok(Some((room, token)))
}

/// An upstream failure, with what to look at.
fn told(failure: &UpstreamFailure) -> String {
    match failure {
        UpstreamFailure::Refused { .. } => format!("digital_samba.developer_key: {failure}"),
        UpstreamFailure::OutOfBudget { .. }
        | UpstreamFailure::Unavailable { .. }
        | UpstreamFailure::Timeout
        | UpstreamFailure::Malformed { .. }
        | UpstreamFailure::Rejected { .. } => format!("digital_samba.api_url: {failure}"),
    }
}
