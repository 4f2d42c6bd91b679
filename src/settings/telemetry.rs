//! `[telemetry]`: logs and traces.

use crate::telemetry::{LogFormat, TelemetryParameters};

use super::reader::Table;

/// Reads `[telemetry]`.
pub(super) fn read(mut table: Table) -> Option<TelemetryParameters> {
    let formats = [("json", LogFormat::Json), ("text", LogFormat::Text)];
    let log_format = table.word("log_format", &formats, Some(LogFormat::Json));
    let log_level = table.text("log_level");
    let log_level = log_level.filter(|level| {
        let valid = TelemetryParameters::is_log_level(level);
        if !valid {
            table.fault("log_level", "must be a level (error, warn, info, debug, trace) or directives such as info,room_broker=debug");
        }
        valid
    });
    let otlp_endpoint = table.optional_text("otlp_endpoint").filter(|endpoint| {
        let valid =
            url::Url::parse(endpoint).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if !valid {
            table.fault(
                "otlp_endpoint",
                "must be an http or https URL, such as http://collector:4318/v1/traces",
            );
        }
        valid
    });
    let ratio = table
        .optional_text("trace_ratio")
        .unwrap_or_else(|| "0".to_owned());
    let trace_ratio = ratio
        .parse::<f64>()
        .ok()
        .filter(|ratio| (0.0..=1.0).contains(ratio));
    if trace_ratio.is_none() {
        table.fault("trace_ratio", "must be a number between 0 and 1");
    }
    table.finish();
    Some(TelemetryParameters {
        log_format: log_format?,
        log_level: log_level?,
        otlp_endpoint,
        trace_ratio: trace_ratio?,
    })
}
