//! `room-broker policy explain`: which rule decides, and why. Also runs the policy's own tests.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde_json::{Map, Value};

use crate::authn::{self, Principal};
use crate::clock::Clock;
use crate::domain::{RoleName, RoomKey};
use crate::policy::Outcome;
use crate::settings::Settings;

use super::{ConfigArguments, report};

/// Exit status of a refusal, so that scripts can tell it from an error.
const REFUSED: u8 = 3;

#[derive(Debug, Args)]
pub(super) struct ExplainArguments {
    #[command(flatten)]
    config: ConfigArguments,
    #[command(flatten)]
    person: PersonArguments,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Who asks for which room. The claims are taken on the operator's word.
#[derive(Debug, Args)]
pub(super) struct PersonArguments {
    /// The claims of the person's token, as JSON, or @FILE
    #[arg(long, value_name = "JSON")]
    pub(super) claims: String,
    /// The room key
    #[arg(long)]
    pub(super) room: RoomKey,
    /// The role that is asked for
    #[arg(long)]
    pub(super) role: Option<RoleName>,
    /// The name of the issuer; needed if there are several
    #[arg(long)]
    pub(super) issuer: Option<String>,
}

impl PersonArguments {
    /// The principal that a token with these claims would prove.
    pub(super) fn principal(&self, authn: &authn::Parameters) -> Result<Arc<Principal>, ExitCode> {
        let text = match self.claims.strip_prefix('@') {
            Some(path) => std::fs::read_to_string(path).map_err(|error| {
                report::refusal(format_args!("--claims: {path} cannot be read: {error}"))
            })?,
            None => self.claims.clone(),
        };
        let claims: Map<String, Value> = serde_json::from_str(&text).map_err(|error| {
            report::refusal(format_args!("--claims is not a JSON object: {error}"))
        })?;
        authn
            .hypothetical_principal(self.issuer.as_deref(), Value::Object(claims))
            .map_err(|fault| report::failure(&fault))
    }
}

pub(super) fn run(arguments: &ExplainArguments) -> ExitCode {
    let explained = arguments
        .config
        .load()
        .and_then(|settings| explain(arguments, &settings));
    explained.unwrap_or_else(|code| code)
}

fn explain(arguments: &ExplainArguments, settings: &Settings) -> Result<ExitCode, ExitCode> {
    let now = Clock::system().now();
    let person = &arguments.person;
    let principal = person.principal(&settings.authn)?;
    let explanation = settings
        .policy
        .explain(&principal, &person.room, person.role.as_ref(), now);
    if arguments.json {
        match serde_json::to_string_pretty(&explanation) {
            Ok(text) => report::line(text),
            Err(error) => return Err(report::failure(&error)),
        }
    } else {
        report::line(&explanation);
    }
    Ok(match explanation.outcome {
        Outcome::Admitted { .. } => ExitCode::SUCCESS,
        Outcome::Refused { .. } => ExitCode::from(REFUSED),
    })
}

/// Runs the tests that the policy carries; their number if all passed.
pub(super) fn run_policy_tests(settings: &Settings) -> Result<usize, ExitCode> {
    let failures = settings.failed_policy_tests(Clock::system().now());
    let cases = settings.policy.cases().len();
    if failures.is_empty() {
        return Ok(cases);
    }
    for failure in &failures {
        report::aside(format_args!("policy.{failure}"));
    }
    Err(report::refusal(format_args!(
        "{} of {cases} policy tests failed",
        failures.len()
    )))
}
