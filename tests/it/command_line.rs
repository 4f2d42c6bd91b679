//! The program on the command line: what it checks, says and exits with.

mod check_config;
mod decisions;
mod help;
mod service;
mod simulate;

use std::process::Command;

use crate::support::process::{World, program};

/// The program with a configuration file of this text.
fn with_config(world: &World, arguments: &[&str], text: &str) -> Command {
    let config = world.write("broker.toml", text);
    let mut command = program(arguments);
    command.arg("--config").arg(config);
    command
}
