//! `room-broker hash-api-key`: makes a key for a product backend, or hashes one from standard input.

use std::io::Read as _;
use std::process::ExitCode;

use clap::Args;
use secrecy::ExposeSecret as _;

use crate::authn::ApiKey;

use super::report;

/// Longer than any key.
const STDIN_BYTES_MAX: u64 = 4096;

#[derive(Debug, Args)]
pub(super) struct HashApiKeyArguments {
    /// Read an existing key (rbk_<id>_<secret>) from standard input instead of making one
    #[arg(long)]
    stdin: bool,
}

pub(super) fn run(arguments: &HashApiKeyArguments) -> ExitCode {
    let key = if arguments.stdin {
        from_stdin()
    } else {
        Ok(ApiKey::generate())
    };
    let key = match key {
        Ok(key) => key,
        Err(code) => return code,
    };
    if !arguments.stdin {
        report::aside("The key, for the product backend. It is shown this once:");
        report::line(key.text().expose_secret());
        report::aside("For the configuration, which never holds the key itself:");
    }
    report::line(format_args!(
        "id = \"{}\"\nsecret_sha256 = \"{}\"",
        key.id().as_str(),
        key.secret_sha256()
    ));
    ExitCode::SUCCESS
}

fn from_stdin() -> Result<ApiKey, ExitCode> {
    let mut text = String::new();
    std::io::stdin()
        .lock()
        .take(STDIN_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|error| report::failure(&error))?;
    ApiKey::parse(text.trim()).map_err(|fault| report::failure(&fault))
}
