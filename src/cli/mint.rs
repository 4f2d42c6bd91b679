//! `room-broker mint`: a join link on the command line, for support. It goes through the whole
//! chain but the signature of a credential, whose claims are taken on the operator's word, and
//! leaves an audit line as any other.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use uuid::Uuid;

use crate::app::{AUDIT_FLUSH, Parts, Surroundings};
use crate::audit::Target;
use crate::clock::Clock;
use crate::domain::{DisplayName, RequestId};
use crate::join::{Asker, JoinRequest};
use crate::trace_context::Sampler;

use super::explain::PersonArguments;
use super::{ConfigArguments, block_on, report};

/// Redis has so long to say who is barred.
const DENIALS_WAIT: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(super) struct MintArguments {
    #[command(flatten)]
    config: ConfigArguments,
    #[command(flatten)]
    person: PersonArguments,
    /// The name to be shown, if the policy lets the caller choose it
    #[arg(long)]
    display_name: Option<DisplayName>,
}

pub(super) fn run(arguments: &MintArguments) -> ExitCode {
    match mint(arguments) {
        Ok(join_url) => {
            report::line(join_url);
            ExitCode::SUCCESS
        }
        Err(code) => code,
    }
}

fn mint(arguments: &MintArguments) -> Result<String, ExitCode> {
    let mut settings = arguments.config.load()?;
    if settings.audit.target == Target::StandardOutput {
        // The link stands there alone.
        settings.audit.target = Target::StandardError;
    }
    if settings.leave_state_file() {
        report::aside("warning: the denials in state.file are the service's, and are not asked");
    }
    block_on(async {
        let surroundings = Surroundings {
            clock: Clock::system(),
            sampler: Sampler::OFF,
        };
        let parts =
            Parts::build(&settings, &surroundings).map_err(|error| report::failure(&error))?;
        // Without them nobody is let in; the failure says so.
        let denials = parts.broker.denials.until_known();
        let _known = tokio::time::timeout(DENIALS_WAIT, denials).await;
        let asker = Asker {
            principal: arguments.person.principal(&settings.authn)?,
            live: parts.live.load_full(),
        };
        let request = JoinRequest {
            display_name: arguments.display_name.clone(),
            role: arguments.person.role.clone(),
            ..JoinRequest::default()
        };
        let request_id = RequestId::new(Uuid::now_v7());
        let joined = parts
            .broker
            .join(&asker, &arguments.person.room, request, request_id)
            .await;
        if !parts.broker.audit.flush(AUDIT_FLUSH) {
            report::aside("warning: the audit line could not be written in time");
        }
        joined
            .map(|joined| joined.token.join_url().to_owned())
            .map_err(|error| report::failure(&error))
    })?
}
