//! The product through its front door. The list of modules is the table of contents.
//! `cfg(test)` on each tells the lints that its helpers are test code too.
#![expect(
    unreachable_pub,
    reason = "`support` is shared by all modules of one binary"
)]

/// Each layer names only what is above it.
#[cfg(test)]
mod architecture;

/// What each command says and how it ends.
#[cfg(test)]
mod command_line;

/// `config/*.toml` and the code say the same.
#[cfg(test)]
mod configuration;

/// `openapi.yaml` and the code say the same.
#[cfg(test)]
mod contract;

/// A user's token with one thing wrong at a time.
#[cfg(test)]
mod credentials;

/// README's tables of what fails and what goes on have a test for each cell.
#[cfg(test)]
mod degradation;

/// `src/http/docs.html` says what `openapi.yaml` says.
#[cfg(test)]
mod docs_page;

/// What every request meets and every answer carries.
#[cfg(test)]
mod edge;

/// Upstream's own API for product backends: by scopes, bounded, masked, translated.
#[cfg(test)]
mod gateway;

/// Product backends: what proves them, what they may do, and what comes of it.
#[cfg(test)]
mod internal;

/// The main job, from a token to a link.
#[cfg(test)]
mod joins;

/// Where signing keys come from, and when they go.
#[cfg(test)]
mod keys;

/// A request and a reload at once.
#[cfg(test)]
mod live;

/// Routes, problems and real answers, as `openapi.yaml` has them.
#[cfg(test)]
mod openapi;

/// What an operator meets beside the main job.
#[cfg(test)]
mod operations;

/// Whatever an outsider sends is read without a panic.
#[cfg(test)]
mod parsers;

/// Who may enter which room, as what.
#[cfg(test)]
mod policy_matrix;

/// README's configuration works, provider by provider.
#[cfg(test)]
mod readme;

/// What changes while requests go on.
#[cfg(test)]
mod reload;

/// Which room: found or created once, proven, remembered.
#[cfg(test)]
mod rooms;

/// Another identity provider beside the one that every app has.
#[cfg(test)]
mod second_provider;

/// No secret leaves.
#[cfg(test)]
mod secrets;

/// A start waits for what must be known, within a bound.
#[cfg(test)]
mod starting;

/// The state in process, and in a file that outlives it.
#[cfg(test)]
mod state;

/// What every form of the state does.
#[cfg(test)]
mod state_contract;

#[cfg(test)]
mod support;

/// Logs, traces, metrics and the audit log of the real binary.
#[cfg(test)]
mod telemetry;

/// Upstream fails in every way that it can.
#[cfg(test)]
mod upstream_faults;

/// What happens upstream reaches what is remembered.
#[cfg(test)]
mod webhooks;
