//! `room-broker check-config`: every fault at once, then the policy tests.

use std::process::ExitCode;

use clap::Args;

use crate::settings::DEFAULTS;

use super::{ConfigArguments, explain, report};

#[derive(Debug, Args)]
pub(super) struct CheckConfigArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Print every configuration key with its default, and check nothing
    #[arg(long)]
    defaults: bool,
}

pub(super) fn run(arguments: &CheckConfigArguments) -> ExitCode {
    if arguments.defaults {
        report::line(DEFAULTS.trim_end());
        return ExitCode::SUCCESS;
    }
    let settings = match arguments.config.load() {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    report::warnings(&settings.warnings);
    let cases = match explain::run_policy_tests(&settings) {
        Ok(cases) => cases,
        Err(code) => return code,
    };
    report::line(format_args!(
        "the configuration is good; {cases} policy tests passed"
    ));
    ExitCode::SUCCESS
}
