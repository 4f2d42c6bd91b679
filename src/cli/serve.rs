//! `room-broker serve`: the service.

mod refresh;

use std::process::ExitCode;
use std::time::Duration;

use crate::app::{App, Asked, Running, Signals, StartError, Surroundings};
use crate::clock::Clock;
use crate::settings::{Fault, Settings, Sources};
use crate::telemetry;

use super::{ConfigArguments, explain, report};
use refresh::Refresher;

pub(super) fn run(arguments: &ConfigArguments) -> ExitCode {
    let settings = match arguments.load() {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    // A policy that does not do what its author wrote down must not decide about anybody.
    if let Err(code) = explain::run_policy_tests(&settings) {
        return code;
    }
    run_settings(settings, arguments.sources(), |_running| {})
}

/// Serves until a signal ends it; `announce` is told once, when the listeners are bound.
pub(super) fn run_settings(
    settings: Settings,
    sources: Sources,
    announce: impl FnOnce(&Running),
) -> ExitCode {
    let telemetry = match telemetry::install(&settings.telemetry) {
        Ok(telemetry) => telemetry,
        Err(error) => return report::failure(&error),
    };
    let surroundings = Surroundings {
        clock: Clock::system(),
        sampler: telemetry.sampler,
    };
    let served =
        actix_web::rt::System::new().block_on(serve(settings, sources, surroundings, announce));
    drop(telemetry);
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report::failure(error.as_ref()),
    }
}

async fn serve(
    settings: Settings,
    sources: Sources,
    surroundings: Surroundings,
    announce: impl FnOnce(&Running),
) -> Result<(), Box<dyn std::error::Error>> {
    for warning in &settings.warnings {
        warn(warning);
    }
    let mut signals = Signals::listen()?;
    let app: Result<App, StartError> = App::build(&settings, &surroundings);
    let app = app?;
    app.settle_in(App::SETTLING_MAX).await;
    let mut running = app.start()?;
    tracing::info!(public = %running.public_address, internal = %running.internal_address, ops = %running.ops_address, "serving");
    announce(&running);
    let refresh = Refresher::new(running.reloader(), sources, &settings).start()?;
    let drain_for = loop {
        tokio::select! {
            asked = signals.next() => match asked {
                Asked::Stop => break settings.http.drain_for,
                Asked::StopNow => break Duration::ZERO,
                Asked::Reload => refresh.ask(),
            },
            failed = running.failed() => return failed.map_err(Into::into),
        }
    };
    tracing::info!("draining");
    running.drain();
    // Load balancers see that it is not ready and turn elsewhere, unless somebody cannot wait.
    tokio::select! {
        () = tokio::time::sleep(drain_for) => {}
        () = signals.stop() => {}
    }
    tracing::info!("finishing what is in flight");
    tokio::select! {
        stopped = running.stop() => stopped?,
        () = signals.stop() => {
            tracing::warn!("told to stop again: what is in flight is given up");
            running.flush_audit_log();
        }
    }
    tracing::info!("stopped");
    Ok(())
}

fn warn(warning: &Fault) {
    let Fault { key, problem } = warning;
    tracing::warn!(key, problem, "configuration");
}
