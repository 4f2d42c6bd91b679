//! A user's token with one thing wrong at a time: each is answered alike, and nothing tells which
//! thing it was. Beside each stands what is just right, and passes.

mod claims;
mod form;
mod header;
mod issuers;
mod presentation;

use room_broker::simulator::identity_provider::{Algorithm, User};
use serde_json::{Value, json};

use crate::support::{Answer, START, TestApp};

const NOW: u64 = START.seconds();
const MISSING_TOKEN: &str = r#"Bearer realm="room-broker""#;
const INVALID_TOKEN: &str = r#"Bearer realm="room-broker", error="invalid_token""#;

/// The key that the provider signs RS256 with.
fn rsa_kid(app: &TestApp) -> String {
    kid(app, Algorithm::Rs256)
}

fn kid(app: &TestApp, algorithm: Algorithm) -> String {
    app.provider
        .with_keys(|keys| keys.kid_for(algorithm))
        .unwrap()
}

/// Ada's claims with some members replaced. A value of null stays there as null.
fn claims_but(app: &TestApp, changes: &Value) -> Value {
    let mut claims = app.provider.claims(User::Ada);
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

/// Ada's token with some claims replaced.
fn with_claims(app: &TestApp, changes: &Value) -> String {
    let claims = claims_but(app, changes);
    app.provider
        .sign(&rsa_kid(app), &json!({}), &claims)
        .unwrap()
}

/// Ada's token without a claim.
fn without_claim(app: &TestApp, name: &str) -> String {
    let mut claims = app.provider.claims(User::Ada);
    claims.as_object_mut().unwrap().remove(name).unwrap();
    app.provider
        .sign(&rsa_kid(app), &json!({}), &claims)
        .unwrap()
}

/// Ada's token with some members of the header replaced; null removes one.
fn with_header(app: &TestApp, changes: &Value) -> String {
    let claims = app.provider.claims(User::Ada);
    app.provider.sign(&rsa_kid(app), changes, &claims).unwrap()
}

/// The answer to every request that is not authenticated says this and nothing more.
#[track_caller]
fn assert_unauthorized(what: &str, answer: &Answer, challenge: &str) {
    let mut problem = answer.json();
    let request_id = problem.as_object_mut().unwrap().remove("request_id");
    assert_eq!(
        (answer.status, problem),
        (
            401,
            json!({
                "type": "/docs#problem-unauthorized", "title": "A valid credential is required",
                "status": 401, "code": "unauthorized",
            })
        ),
        "{what}"
    );
    assert_eq!(request_id.unwrap(), answer.header("x-request-id"), "{what}");
    assert_eq!(answer.header("www-authenticate"), challenge, "{what}");
    let names = answer.headers.keys().map(ToString::to_string);
    // Cross-origin access and unread bodies have headers of their own.
    let of_others = |name: &String| {
        name == "vary" || name == "connection" || name.starts_with("access-control-")
    };
    let mut names: Vec<_> = names.filter(|name| !of_others(name)).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "cache-control",
            "content-length",
            "content-security-policy",
            "content-type",
            "date",
            "referrer-policy",
            "www-authenticate",
            "x-content-type-options",
            "x-request-id",
        ],
        "{what}"
    );
}

/// Each of the tokens is refused, and nothing is done upstream for any of them.
async fn assert_refused(app: &TestApp, cases: &[(&str, String)]) {
    let calls = app.upstream.controls().count("*").calls;
    for (what, token) in cases {
        let answer = app.join(token, "course-101").await;
        assert_unauthorized(what, &answer, INVALID_TOKEN);
    }
    assert_eq!(app.upstream.controls().count("*").calls, calls);
}

/// Each of the tokens lets Ada in as a moderator.
async fn assert_accepted(app: &TestApp, cases: &[(&str, String)]) {
    for (what, token) in cases {
        let answer = app.join(token, "course-101").await;
        assert_eq!(answer.status, 200, "{what}: {answer:?}");
        assert_eq!(
            answer.json()["participant"]["role"],
            "moderator",
            "{what}: {answer:?}"
        );
    }
}
