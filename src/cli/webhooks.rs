//! `room-broker webhooks`: our webhook upstream. What it prints holds no secret: an endpoint is
//! shown without its last segment.

use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use secrecy::ExposeSecret as _;
use url::Url;

use crate::app::{Parts, Surroundings};
use crate::audit::Target;
use crate::clock::Clock;
use crate::digital_samba::Webhook;
use crate::settings::Settings;
use crate::trace_context::Sampler;
use crate::webhooks::{self, Endpoint, Step};

use super::{ConfigArguments, block_on, report};

#[derive(Debug, Subcommand)]
pub(super) enum WebhooksCommand {
    /// Register our webhook upstream, or make it what the configuration says
    Sync(SyncArguments),
    /// List the team's webhooks, and which of them are ours
    List(ListArguments),
}

#[derive(Debug, Args)]
pub(super) struct SyncArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Take our webhook away in the place of registering it
    #[arg(long)]
    remove: bool,
}

#[derive(Debug, Args)]
pub(super) struct ListArguments {
    #[command(flatten)]
    config: ConfigArguments,
}

pub(super) fn run(command: &WebhooksCommand) -> ExitCode {
    let done = match command {
        WebhooksCommand::Sync(arguments) => sync(arguments),
        WebhooksCommand::List(arguments) => list(&arguments.config),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(code) => code,
    }
}

fn sync(arguments: &SyncArguments) -> Result<(), ExitCode> {
    let settings = arguments.config.load()?;
    let endpoint = endpoint_of(&settings)?;
    let steps = block_on(async {
        let parts = parts(settings)?;
        let done = if arguments.remove {
            webhooks::remove(&parts.client, &endpoint).await
        } else {
            webhooks::sync(&parts.client, &endpoint).await
        };
        done.map_err(|error| report::failure(&error))
    })??;
    for step in &steps {
        let (done, id) = match step {
            Step::Created(id) => ("registered", id),
            Step::Updated(id) => ("updated", id),
            Step::Kept(id) => ("right as it was", id),
            Step::Removed(id) => ("removed", id),
        };
        report::line(format_args!("{id}  {done}"));
    }
    if steps.is_empty() {
        report::line("there is no webhook of ours");
    }
    Ok(())
}

fn list(config: &ConfigArguments) -> Result<(), ExitCode> {
    let settings = config.load()?;
    let endpoint = settings.webhooks.endpoint.clone();
    let webhooks = block_on(async {
        let parts = parts(settings)?;
        let listed = parts.client.webhooks().await;
        listed.map_err(|error| report::failure(&error))
    })??;
    for webhook in &webhooks {
        let is_ours = endpoint.as_ref().is_some_and(|ours| ours.is_ours(webhook));
        let whose = if is_ours { "ours  " } else { "other's" };
        let name = webhook.name.as_deref().unwrap_or("without a name");
        let at = shown(webhook);
        report::line(format_args!("{}  {whose}  {at}  {name}", webhook.id));
    }
    if webhooks.is_empty() {
        report::line("the team has no webhooks");
    }
    Ok(())
}

/// An endpoint's path may be somebody's secret.
fn shown(webhook: &Webhook) -> String {
    let url = Url::parse(webhook.endpoint.expose_secret());
    url.map_or_else(
        |_not_a_url| "an endpoint that is no URL".to_owned(),
        |url| format!("{}/…", url.origin().ascii_serialization()),
    )
}

fn endpoint_of(settings: &Settings) -> Result<Arc<Endpoint>, ExitCode> {
    settings.webhooks.endpoint.clone().ok_or_else(|| {
        report::aside("webhooks.public_url: is required: where Digital Samba reaches the service");
        ExitCode::FAILURE
    })
}

fn parts(mut settings: Settings) -> Result<Parts, ExitCode> {
    // It leaves nothing behind: no file that the service could then not open.
    settings.audit.target = Target::StandardError;
    let surroundings = Surroundings {
        clock: Clock::system(),
        sampler: Sampler::OFF,
    };
    Parts::build(&settings, &surroundings).map_err(|error| report::failure(&error))
}
