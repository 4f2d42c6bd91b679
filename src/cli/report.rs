//! What a command says to the person at the terminal.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::process::ExitCode;

use crate::settings::Fault;

/// Prints a line of result on standard output. A closed pipe is not a failure of ours.
pub(super) fn line(text: impl Display) {
    let _closed = writeln!(io::stdout().lock(), "{text}");
}

/// Prints a line beside the result on standard error.
pub(super) fn aside(text: impl Display) {
    let _closed = writeln!(io::stderr().lock(), "{text}");
}

/// Every fault of a configuration, one a line.
pub(super) fn faults(faults: &[Fault]) -> ExitCode {
    let noun = if faults.len() == 1 { "fault" } else { "faults" };
    aside(format_args!(
        "the configuration has {} {noun}:",
        faults.len()
    ));
    for fault in faults {
        aside(format_args!("  {fault}"));
    }
    ExitCode::from(2)
}

/// Every warning of a configuration, one a line.
pub(super) fn warnings(warnings: &[Fault]) {
    for warning in warnings {
        aside(format_args!("warning: {warning}"));
    }
}

/// An error and its causes, in one line.
pub(super) fn failure(error: &dyn std::error::Error) -> ExitCode {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    aside(format_args!("error: {text}"));
    ExitCode::FAILURE
}

/// A plain refusal.
pub(super) fn refusal(text: impl Display) -> ExitCode {
    aside(format_args!("error: {text}"));
    ExitCode::FAILURE
}
