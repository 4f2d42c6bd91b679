//! The command line. Each command is a file of its own.

mod api_key;
mod check_config;
#[cfg(feature = "simulator")]
mod dev;
mod doctor;
mod explain;
mod healthcheck;
mod mint;
mod report;
mod serve;
#[cfg(feature = "simulator")]
mod simulate;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, Parser, Subcommand};

use crate::settings::{Settings, Sources};

/// Stands between a product and Digital Samba video rooms: authenticates the product's users,
/// decides by policy who may enter which room, finds or creates it, and mints the join token, so
/// that nobody else holds the developer key.
#[derive(Debug, Parser)]
#[command(name = "room-broker", version, verbatim_doc_comment)]
#[command(
    after_help = "Start with: room-broker dev\nEvery configuration key, with its default: room-broker check-config --defaults"
)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service
    Serve(ConfigArguments),
    /// Run everything on this machine, with a simulated Digital Samba and identity provider
    #[cfg(feature = "simulator")]
    Dev(dev::DevArguments),
    /// Run the simulated Digital Samba and identity provider alone, to develop against
    #[cfg(feature = "simulator")]
    Simulate(simulate::SimulateArguments),
    /// Check a configuration: every fault at once, and the policy tests that it carries
    CheckConfig(check_config::CheckConfigArguments),
    /// Ask the policy
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Mint a join link on the command line, through the whole policy, for support
    Mint(mint::MintArguments),
    /// Ask upstream and the identity providers whether the configuration is true
    Doctor(doctor::DoctorArguments),
    /// Ask the running service whether it is alive; for containers
    Healthcheck(healthcheck::HealthcheckArguments),
    /// Make an API key for a product backend, or hash one for the configuration
    HashApiKey(api_key::HashApiKeyArguments),
    /// Print the completions of a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    /// Say which rule decides for these claims and this room, and why
    Explain(explain::ExplainArguments),
}

/// Where the configuration is.
#[derive(Debug, Args, Clone)]
pub(crate) struct ConfigArguments {
    /// Configuration file; may be given several times, later ones over earlier ones
    #[arg(
        short = 'c',
        long = "config",
        value_name = "FILE",
        env = "ROOM_BROKER_CONFIG",
        value_delimiter = ':'
    )]
    files: Vec<PathBuf>,
}

impl ConfigArguments {
    fn sources(&self) -> Sources {
        Sources {
            files: self.files.clone(),
            ..Sources::default()
        }
    }

    /// The configuration, or its faults on standard error.
    fn load(&self) -> Result<Settings, ExitCode> {
        Settings::load(&self.sources()).map_err(|faults| report::faults(&faults))
    }
}

/// Runs the program.
pub fn main() -> ExitCode {
    let CommandLine { command } = CommandLine::parse();
    match command {
        Command::Serve(arguments) => serve::run(&arguments),
        #[cfg(feature = "simulator")]
        Command::Dev(arguments) => dev::run(&arguments),
        #[cfg(feature = "simulator")]
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::CheckConfig(arguments) => check_config::run(&arguments),
        Command::Policy(PolicyCommand::Explain(arguments)) => explain::run(&arguments),
        Command::Mint(arguments) => mint::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Healthcheck(arguments) => healthcheck::run(&arguments),
        Command::HashApiKey(arguments) => api_key::run(&arguments),
        Command::Completions { shell } => {
            let mut text = Vec::new();
            let command = &mut CommandLine::command();
            clap_complete::generate(shell, command, "room-broker", &mut text);
            report::line(String::from_utf8_lossy(&text).trim_end());
            ExitCode::SUCCESS
        }
    }
}

/// A runtime for commands that call out.
fn block_on<T>(future: impl Future<Output = T>) -> Result<T, ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| report::failure(&error))?;
    Ok(runtime.block_on(future))
}
