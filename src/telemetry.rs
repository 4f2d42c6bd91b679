//! Logs and traces: set up once by `app`, or by the command line before it.

use std::io::IsTerminal as _;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::trace_context::Sampler;

/// Lines that may wait for a terminal or a pipe that is not read; more are lost, since no request
/// may wait for them and no memory may grow with them.
const BUFFERED_LINES_MAX: usize = 16_384;

/// What is exported: our own spans, none that a library may make for requests that are not sampled.
const SPANS: &str = "room_broker=info";

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line, for machines.
    Json,
    /// Readable lines, for people.
    Text,
}

/// How to log and trace.
#[derive(Debug, Clone, PartialEq)]
pub struct TelemetryParameters {
    /// How log lines look.
    pub log_format: LogFormat,
    /// What is logged, as in `RUST_LOG`.
    pub log_level: String,
    /// Where traces go by OTLP over HTTP; `None` turns tracing off.
    pub otlp_endpoint: Option<String>,
    /// The share of requests traced when the caller did not decide, between 0 and 1.
    pub trace_ratio: f64,
}

impl TelemetryParameters {
    /// Whether a text is a log level or a list of directives.
    pub fn is_log_level(text: &str) -> bool {
        EnvFilter::try_new(text).is_ok()
    }
}

/// Telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The exporter could not be built.
    #[error("the trace exporter could not be set up")]
    Exporter(#[source] opentelemetry_otlp::ExporterBuildError),
    /// Another subscriber is installed in this process.
    #[error("logging is set up already")]
    Installed(#[source] tracing::subscriber::SetGlobalDefaultError),
}

/// Keeps the log writer and the exporter alive; flushes both when dropped.
#[derive(Debug)]
pub struct Telemetry {
    /// Which requests are traced.
    pub sampler: Sampler,
    tracer_provider: Option<SdkTracerProvider>,
    _log_writer: tracing_appender::non_blocking::WorkerGuard,
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(provider) = &self.tracer_provider {
            // What cannot be exported at the end is lost; there is nobody left to tell.
            let _lost = provider.shutdown();
        }
    }
}

/// Installs logging and tracing for the whole process. Lines go to standard error by a thread of
/// their own, so that no request waits for a terminal or a pipe.
///
/// # Errors
/// [`TelemetryError`] if it was done already, or the exporter cannot be built.
pub fn install(parameters: &TelemetryParameters) -> Result<Telemetry, TelemetryError> {
    let (writer, guard) = tracing_appender::non_blocking::NonBlockingBuilder::default()
        .buffered_lines_limit(BUFFERED_LINES_MAX)
        .finish(std::io::stderr());
    let filter = EnvFilter::try_new(&parameters.log_level)
        .unwrap_or_else(|_checked_before| EnvFilter::new("info"));
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match parameters.log_format {
        LogFormat::Json => Box::new(
            tracing_subscriber::fmt::layer()
                .json()
                .flatten_event(true)
                .with_writer(writer)
                .with_filter(filter),
        ),
        LogFormat::Text => Box::new(
            tracing_subscriber::fmt::layer()
                // Colours are for people; in a file they would be control characters.
                .with_ansi(std::io::stderr().is_terminal())
                .with_writer(writer)
                .with_filter(filter),
        ),
    };
    let provider = match &parameters.otlp_endpoint {
        Some(endpoint) => Some(tracer_provider(endpoint)?),
        None => None,
    };
    let spans = provider.as_ref().map(|provider| {
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("room-broker"))
            .with_filter(EnvFilter::new(SPANS))
    });
    let subscriber = Registry::default().with(lines).with(spans);
    tracing::subscriber::set_global_default(subscriber).map_err(TelemetryError::Installed)?;
    let sampler = match provider {
        Some(_) => Sampler::per_million(millionths(parameters.trace_ratio)),
        None => Sampler::OFF,
    };
    Ok(Telemetry {
        sampler,
        tracer_provider: provider,
        _log_writer: guard,
    })
}

fn tracer_provider(endpoint: &str) -> Result<SdkTracerProvider, TelemetryError> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_endpoint(endpoint)
        .build()
        .map_err(TelemetryError::Exporter)?;
    let resource = Resource::builder().with_service_name("room-broker").build();
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource)
        .build())
}

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the ratio was checked to be between 0 and 1"
)]
fn millionths(ratio: f64) -> u32 {
    (ratio * 1_000_000.0) as u32
}
