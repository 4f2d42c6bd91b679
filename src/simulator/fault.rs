//! How an answer goes wrong, and what then leaves on the wire.

use serde::Deserialize;
use serde_json::{Value, json};

use super::exchange::Reply;

/// How one answer goes wrong. The first four stand in the operation's place, so that it has no
/// effect unless [`Fault::after_effect`] says so; the others spoil the true answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FaultKind {
    /// A status with a short JSON message, and `retry-after` if given.
    Status {
        /// The HTTP status.
        status: u16,
        /// Seconds for the `retry-after` header.
        #[serde(default)]
        retry_after_s: Option<u64>,
    },
    /// An answer word for word.
    Answer {
        /// The HTTP status.
        #[serde(default = "ok")]
        status: u16,
        /// The headers, `content-type` among them.
        #[serde(default)]
        headers: Vec<(String, String)>,
        /// The body.
        #[serde(default)]
        body: String,
    },
    /// The connection is reset instead of an answer.
    ConnectionReset,
    /// No answer until the fault is cleared; then the connection is reset.
    Hang,
    /// The true answer, later.
    Latency {
        /// How much later.
        latency_ms: u64,
    },
    /// The true answer's first half, then the connection ends.
    TruncatedBody,
    /// The true answer with one value replaced.
    MistypedBody {
        /// JSON pointer to the value.
        pointer: String,
        /// What stands there instead.
        value: Value,
    },
    /// The true answer behind so much white space; still valid JSON, its length not announced.
    OversizedBody {
        /// Bytes of white space.
        padding_bytes: usize,
    },
}

/// A fault and how often it strikes.
#[derive(Clone, Debug, Deserialize)]
pub struct Fault {
    #[serde(flatten)]
    pub(super) kind: FaultKind,
    #[serde(default)]
    pub(super) times: Option<u32>,
    #[serde(default)]
    after_effect: bool,
}

impl Fault {
    /// Strikes until it is cleared.
    pub fn new(kind: FaultKind) -> Self {
        Self {
            kind,
            times: None,
            after_effect: false,
        }
    }

    /// A status with a short message.
    pub fn status(status: u16) -> Self {
        Self::new(FaultKind::Status {
            status,
            retry_after_s: None,
        })
    }

    /// A 200 with this body, of this `content-type`, in place of the true answer.
    pub fn answer(content_type: &str, body: &str) -> Self {
        Self::new(FaultKind::Answer {
            status: ok(),
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            body: body.to_owned(),
        })
    }

    /// A 200 with this JSON in place of the true answer.
    pub fn json(body: &Value) -> Self {
        Self::answer("application/json", &body.to_string())
    }

    /// A 200 with a web page in place of the true answer.
    pub fn html() -> Self {
        Self::answer(
            "text/html; charset=utf-8",
            "<!doctype html><title>Hello</title>",
        )
    }

    /// A 200 that calls itself JSON and is empty.
    pub fn empty() -> Self {
        Self::answer("application/json", "")
    }

    /// The true answer behind 10 MB of white space.
    pub fn oversized() -> Self {
        Self::new(FaultKind::OversizedBody {
            padding_bytes: 10_000_000,
        })
    }

    /// The true answer with a number for its `id`.
    pub fn mistyped_id() -> Self {
        Self::new(FaultKind::MistypedBody {
            pointer: "/id".to_owned(),
            value: json!(7),
        })
    }

    /// Strikes so many times, then is gone.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// The operation is done all the same; only its answer is lost.
    #[must_use]
    pub fn after_effect(mut self) -> Self {
        self.after_effect = true;
        self
    }

    pub(super) fn spares_the_effect(&self) -> bool {
        match self.kind {
            FaultKind::Status { .. }
            | FaultKind::Answer { .. }
            | FaultKind::ConnectionReset
            | FaultKind::Hang => self.after_effect,
            FaultKind::Latency { .. }
            | FaultKind::TruncatedBody
            | FaultKind::MistypedBody { .. }
            | FaultKind::OversizedBody { .. } => true,
        }
    }

    pub(super) fn hangs(&self) -> bool {
        matches!(self.kind, FaultKind::Hang)
    }

    /// What is left of the true answer.
    pub(super) fn spoilt(self, mut reply: Reply) -> Ending {
        match self.kind {
            FaultKind::Status {
                status,
                retry_after_s,
            } => Ending::Whole(status_reply(status, retry_after_s)),
            FaultKind::Answer {
                status,
                headers,
                body,
            } => Ending::Whole(Reply {
                status,
                content_type: String::new(),
                headers,
                body: body.into_bytes(),
            }),
            FaultKind::ConnectionReset | FaultKind::Hang => Ending::Reset,
            FaultKind::Latency { .. } => Ending::Whole(reply),
            FaultKind::TruncatedBody => Ending::Truncated(reply),
            FaultKind::MistypedBody { pointer, value } => {
                let mut body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
                if let Some(place) = body.pointer_mut(&pointer) {
                    *place = value;
                }
                reply.body = body.to_string().into_bytes();
                Ending::Whole(reply)
            }
            FaultKind::OversizedBody { padding_bytes } => {
                reply.body.splice(..0, vec![b' '; padding_bytes]);
                Ending::Chunked(reply)
            }
        }
    }
}

/// How an exchange ends on the wire.
pub(super) enum Ending {
    Whole(Reply),
    Chunked(Reply),
    Truncated(Reply),
    Reset,
}

fn ok() -> u16 {
    200
}

fn status_reply(status: u16, retry_after_s: Option<u64>) -> Reply {
    let message = match status {
        429 => json!({ "message": "Too Many Attempts.", "error": "rate-limit" }),
        401 => json!({ "message": "Unauthenticated.", "error": "unauthenticated" }),
        403 => json!({ "message": "This action is not allowed.", "error": "forbidden" }),
        404 => json!({ "message": "Not Found", "error": "not-found" }),
        _ => json!({ "message": "Server Error" }),
    };
    let reply = Reply::json(status, &message);
    match retry_after_s {
        Some(seconds) => reply.with_header("retry-after", seconds.to_string()),
        None => reply,
    }
}
