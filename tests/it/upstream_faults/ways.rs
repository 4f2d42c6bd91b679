//! The ways in which upstream fails, and what the caller of an unknown room is told of each.

use room_broker::simulator::{Fault, FaultKind};
use serde_json::json;

/// Stands in everything that a faulty upstream says, and must not come through.
pub(super) const CANARY: &str = "canary-upstream-words";

/// Status, code and `Retry-After`.
pub(super) type Told = (u16, &'static str, &'static str);

/// One way to fail.
pub(super) struct Failing {
    pub(super) name: &'static str,
    pub(super) fault: Fault,
    /// What the caller of an unknown room is told.
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) retry_after: &'static str,
    /// How often a read is sent.
    pub(super) tries: u64,
}

pub(super) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Fault {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Fault::new(FaultKind::Answer {
        status,
        headers,
        body: body.to_owned(),
    })
}

pub(super) fn message(status: u16, headers: &[(&str, &str)]) -> Fault {
    let body = json!({ "message": CANARY, "error": CANARY, "errors": { CANARY: [CANARY] } });
    let mut all = vec![("content-type", "application/json"), ("x-upstream", CANARY)];
    all.extend_from_slice(headers);
    answer(status, &all, &body.to_string())
}

pub(super) fn row(name: &'static str, fault: Fault, told: Told, tries: u64) -> Failing {
    let (status, code, retry_after) = told;
    Failing {
        name,
        fault,
        status,
        code,
        retry_after,
        tries,
    }
}

/// Every way.
pub(super) fn every_way() -> Vec<Failing> {
    let mut ways = refusals();
    ways.extend(outages());
    ways.extend(nonsense());
    ways
}

const REFUSED: Told = (502, "upstream-refused", "");
const MALFORMED: Told = (502, "upstream-malformed", "");
const REJECTED: Told = (502, "upstream-rejected", "");
const UNAVAILABLE: Told = (503, "upstream-unavailable", "5");
const HTML: [(&str, &str); 2] = [("content-type", "text/html"), ("x-upstream", CANARY)];

fn page() -> String {
    format!("<!doctype html><title>{CANARY}</title>")
}

fn refusals() -> Vec<Failing> {
    let retry_after = |seconds: &str| message(429, &[("retry-after", seconds)]);
    let busy = |seconds| (503, "upstream-busy", seconds);
    vec![
        row("401", message(401, &[]), REFUSED, 1),
        row("403", message(403, &[]), REFUSED, 1),
        row("409", message(409, &[]), REJECTED, 1),
        row("422", message(422, &[]), REJECTED, 1),
        row("302", message(302, &[("location", "/x")]), MALFORMED, 1),
        row("429", message(429, &[]), busy("10"), 1),
        row("429 with Retry-After", retry_after("7"), busy("7"), 1),
        row(
            "429 with a foolish one",
            retry_after("86400"),
            busy("60"),
            1,
        ),
    ]
}

fn outages() -> Vec<Failing> {
    let reset = Fault::new(FaultKind::ConnectionReset);
    let hang = Fault::new(FaultKind::Hang);
    let truncated = Fault::new(FaultKind::TruncatedBody);
    let beyond = message(503, &[("retry-after", "30")]);
    vec![
        row("500", message(500, &[]), UNAVAILABLE, 3),
        row("503 HTML", answer(503, &HTML, &page()), UNAVAILABLE, 3),
        row(
            "503 beyond the deadline",
            beyond,
            (503, "upstream-unavailable", "30"),
            1,
        ),
        row("500 empty", answer(500, &[], ""), UNAVAILABLE, 3),
        row("reset", reset, UNAVAILABLE, 3),
        row("hang", hang, (504, "upstream-timeout", "2"), 3),
        row("truncated", truncated, MALFORMED, 3),
    ]
}

fn nonsense() -> Vec<Failing> {
    let mistyped = |pointer: &str| {
        Fault::new(FaultKind::MistypedBody {
            pointer: pointer.to_owned(),
            value: json!([CANARY]),
        })
    };
    let another = json!({
        "id": "5f0c2b1e-7a44-4d0e-9b55-3e6c1d8a9f21", "friendly_url": "another",
        "privacy": "private", "external_id": "course-101",
    });
    vec![
        row("id of another type", mistyped("/id"), MALFORMED, 1),
        row(
            "privacy of another type",
            mistyped("/privacy"),
            MALFORMED,
            1,
        ),
        row(
            "name of another type",
            mistyped("/friendly_url"),
            MALFORMED,
            1,
        ),
        row("10 MB", Fault::oversized(), MALFORMED, 1),
        row("empty", Fault::empty(), MALFORMED, 1),
        row("HTML", answer(200, &HTML, &page()), MALFORMED, 1),
        row("list", Fault::json(&json!([CANARY])), MALFORMED, 1),
        row("another room", Fault::json(&another), MALFORMED, 1),
    ]
}
