//! The ways in which the API says no, and their shapes on the wire.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::team::Variations;
use crate::simulator::exchange::{Reply, escaped};

/// An operation's outcome.
pub(super) type Answer = Result<Reply, Refusal>;

/// Why an operation was not done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Refusal {
    Unauthenticated,
    NotFound,
    TooManyCalls {
        retry_after_s: u64,
    },
    Malformed,
    Invalid(Faulty),
    LiveResources,
    /// Understood, well formed, and not possible as things stand.
    Unprocessable(&'static str),
    Conflict(&'static str),
}

/// The fields that are wrong, with what is wrong about each.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Faulty(BTreeMap<String, Vec<String>>);

impl Faulty {
    pub(super) fn add(&mut self, field: &str, problem: &str) {
        let name = field.replace('_', " ");
        let text = format!("The {name} {problem}.");
        self.0.entry(field.to_owned()).or_default().push(text);
    }

    /// The first problem in words; none if nothing is wrong.
    pub(super) fn first(&self) -> &str {
        self.0.values().flatten().next().map_or("", String::as_str)
    }

    /// Refuses if anything is wrong.
    pub(super) fn check(self) -> Result<(), Refusal> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(Refusal::Invalid(self))
    }
}

impl Refusal {
    /// One field with one problem.
    pub(super) fn field(field: &str, problem: &str) -> Self {
        let mut faulty = Faulty::default();
        faulty.add(field, problem);
        Self::Invalid(faulty)
    }

    pub(super) fn reply(&self, in_json: bool, variations: Variations) -> Reply {
        let status = match self {
            Self::Invalid(_) if variations.validation_as_400 => 400,
            Self::Unauthenticated => 401,
            Self::NotFound => 404,
            Self::TooManyCalls { .. } => 429,
            Self::Malformed => 400,
            Self::Conflict(_) => 409,
            Self::Invalid(_) | Self::LiveResources | Self::Unprocessable(_) => 422,
        };
        let body = self.body();
        let reply = match (in_json, body.get("message").and_then(Value::as_str)) {
            (false, Some(message)) => Reply::html(status, html(message)),
            (true, _) | (_, None) => Reply::json(status, &body),
        };
        match self {
            Self::TooManyCalls { retry_after_s } => {
                reply.with_header("retry-after", retry_after_s.to_string())
            }
            Self::Unauthenticated
            | Self::NotFound
            | Self::Malformed
            | Self::Invalid(_)
            | Self::LiveResources
            | Self::Unprocessable(_)
            | Self::Conflict(_) => reply,
        }
    }

    pub(super) fn body(&self) -> Value {
        match self {
            Self::Unauthenticated => {
                json!({ "message": "Unauthenticated.", "error": "unauthenticated" })
            }
            Self::NotFound => json!({ "message": "Not Found", "error": "not-found" }),
            Self::TooManyCalls { retry_after_s } => json!({
                "message": format!(
                    "Too Many Attempts. You may try again in {retry_after_s} seconds."
                ),
                "error": "rate-limit",
            }),
            Self::Malformed => json!({ "message": "The body is not a JSON object." }),
            Self::Invalid(Faulty(errors)) => json!({
                "message": errors.values().flatten().next(),
                "error": "validation-error",
                "errors": errors,
            }),
            Self::LiveResources => json!({ "message": "Cannot delete resources of a live room." }),
            Self::Unprocessable(message) | Self::Conflict(message) => json!({ "message": message }),
        }
    }
}

fn html(message: &str) -> String {
    let message = escaped(message);
    format!("<!doctype html><title>{message}</title><h1>{message}</h1>\n")
}
