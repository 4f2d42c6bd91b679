//! What one try came to: a body, or a fault and what may be done about it.

use std::borrow::Cow;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;

use crate::http_client::{ReadError, Response, TransportError};
use crate::rooms::UpstreamFailure;

use super::wire;

/// Callers come back after so long when upstream did not say.
pub(super) const RETRY_AFTER_DEFAULT: Duration = Duration::from_secs(5);
/// And after a 429 that did not say.
pub(super) const BUDGET_RETRY_AFTER_DEFAULT: Duration = Duration::from_secs(10);
/// Upstream's window is a minute: whatever it says, we ask again after one.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);
/// A body that says what was wrong with a request is read this far.
pub(super) const REJECTION_BYTES_MAX: usize = 64 * 1024;

/// Whether the same request may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// The answer would be the same, or it has to wait.
    Never,
    /// Upstream may have acted on it.
    IfRead,
    /// Upstream never saw it.
    Always,
}

/// One try that failed.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) failure: UpstreamFailure,
    pub(super) again: Again,
    /// Upstream asked for a pause before the next try.
    pub(super) pause: Option<Duration>,
    /// Whether the circuit breaker counts it: no answer, or a server error.
    pub(super) is_outage: bool,
    /// For the metric.
    pub(super) label: Cow<'static, str>,
}

impl Fault {
    /// A request that was not sent, by our own decision.
    pub(super) fn unsent(failure: UpstreamFailure, label: &'static str) -> Self {
        Self {
            failure,
            again: Again::Never,
            pause: None,
            is_outage: false,
            label: Cow::Borrowed(label),
        }
    }

    /// A 2xx that cannot be used.
    pub(super) fn malformed(what: &'static str) -> Self {
        Self::unsent(UpstreamFailure::Malformed { what }, "malformed")
    }

    /// A request without an answer.
    pub(super) fn unanswered(error: TransportError) -> Self {
        let again = match error {
            TransportError::Unconnected { .. } => Again::Always,
            TransportError::Unwritable | TransportError::Timeout | TransportError::BrokenOff => {
                Again::IfRead
            }
        };
        let (failure, label) = if error.is_timeout() {
            (UpstreamFailure::Timeout, "timeout")
        } else {
            let retry_after = RETRY_AFTER_DEFAULT;
            (UpstreamFailure::Unavailable { retry_after }, "unreachable")
        };
        Self {
            again,
            is_outage: true,
            ..Self::unsent(failure, label)
        }
    }

    fn answered(status: StatusCode, failure: UpstreamFailure) -> Self {
        Self {
            failure,
            again: Again::Never,
            pause: None,
            is_outage: false,
            label: status_word(status.as_u16()),
        }
    }
}

/// Takes the body of a good answer, of at most `bytes_max`; sorts every other one.
pub(super) async fn sort(response: Response, bytes_max: usize) -> Result<Vec<u8>, Fault> {
    let status = response.status();
    if status.is_success() {
        return response.read(bytes_max).await.map_err(|error| match error {
            ReadError::TooLong => Fault::malformed("it is too long"),
            ReadError::Transport(error) if error.is_timeout() => Fault::unanswered(error),
            ReadError::Transport(_) => Fault {
                again: Again::IfRead,
                is_outage: true,
                ..Fault::malformed("it breaks off")
            },
        });
    }
    let code = status.as_u16();
    let asked_pause = retry_after(&response);
    Err(match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Fault::answered(status, UpstreamFailure::Refused { status: code })
        }
        StatusCode::TOO_MANY_REQUESTS => {
            let retry_after = asked_pause.unwrap_or(BUDGET_RETRY_AFTER_DEFAULT);
            Fault::answered(status, UpstreamFailure::OutOfBudget { retry_after })
        }
        _ if status.is_server_error() => {
            let retry_after = asked_pause.unwrap_or(RETRY_AFTER_DEFAULT);
            Fault {
                again: Again::IfRead,
                pause: asked_pause,
                is_outage: true,
                ..Fault::answered(status, UpstreamFailure::Unavailable { retry_after })
            }
        }
        _ if status.is_client_error() => {
            let fields = match response.read(REJECTION_BYTES_MAX).await {
                Ok(body) => wire::rejected_fields(&body),
                Err(_unread) => Vec::new(),
            };
            let failure = UpstreamFailure::Rejected {
                status: code,
                fields,
            };
            Fault::answered(status, failure)
        }
        _ => Fault::answered(
            status,
            UpstreamFailure::Malformed {
                what: "it is a redirect or another status without meaning here",
            },
        ),
    })
}

pub(super) fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    let seconds = seconds.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).clamp(Duration::from_secs(1), RETRY_AFTER_MAX))
}

/// A status in the metric of upstream calls.
pub(super) fn status_word(status: u16) -> Cow<'static, str> {
    match status {
        200 => Cow::Borrowed("200"),
        other => Cow::Owned(other.to_string()),
    }
}
