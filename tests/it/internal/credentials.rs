//! What proves a product backend, one thing wrong at a time.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use room_broker::simulator::identity_provider::{Algorithm, User};
use serde_json::{Value, json};

use super::{Backend, app_with};
use crate::support::{Answer, START, TEAM_ID, TestApp};

const ROOM: &str = "/v1/rooms/course-101";

fn pair(team: &str, key: &str) -> String {
    STANDARD.encode(format!("{team}:{key}"))
}

#[track_caller]
fn assert_unauthorized(answer: &Answer, what: &str) {
    assert_eq!(answer.code(), "unauthorized", "{what}");
    let challenge = answer.header("www-authenticate");
    assert!(
        challenge.starts_with("Bearer realm=\"room-broker\""),
        "{what}"
    );
}

#[tokio::test]
async fn a_key_is_accepted_in_each_form_and_nothing_else_is() {
    let backend = Backend::that_may(&["rooms:read"]);
    let app = app_with(&[&backend], "").await;
    app.put_room("course-101");
    let key = backend.key();
    for authorization in [
        format!("Bearer {key}"),
        format!("Basic {}", pair(TEAM_ID, &key)),
        format!("Bearer {}", pair(TEAM_ID, &key)),
    ] {
        let answer = app.ask_as(&authorization, ROOM).await;
        assert_eq!(answer.status, 200, "{authorization}: {answer:?}");
        assert_eq!(answer.json()["key"], "course-101");
    }
    let other_team = "5f0c2b1e-7a44-4d0e-9b55-3e6c1d8a9f21";
    let stranger = Backend::that_may(&["*"]);
    for authorization in [
        format!("Bearer {}", backend.wrong_key()),
        format!("Bearer {}", stranger.key()),
        format!("Basic {}", pair(other_team, &key)),
        format!("Basic {}", pair("", &key)),
        format!("Basic {key}"),
        format!("Bearer {}", crate::support::DEVELOPER_KEY),
        format!("Bearer {}", app.token(User::Ada)),
        "Bearer rbk_".to_owned(),
        "Digest x".to_owned(),
    ] {
        let answer = app.ask_as(&authorization, ROOM).await;
        assert_unauthorized(&answer, &authorization);
    }
    let none = app.http.get(format!("{}{ROOM}", app.internal));
    assert_unauthorized(&app.answer(none).await, "none");
    let twice = app.http.get(format!("{}{ROOM}", app.internal));
    let twice = twice.bearer_auth(&key).bearer_auth(&key);
    assert_eq!(app.answer(twice).await.code(), "ambiguous-credentials");
}

#[tokio::test]
async fn a_key_of_the_internal_listener_opens_nothing_on_the_public_one() {
    let backend = Backend::that_may(&["*"]);
    let app = app_with(&[&backend], "").await;
    let answer = app.join(&backend.key(), "course-101").await;
    assert_eq!(answer.code(), "unauthorized");
}

#[tokio::test]
async fn two_keys_of_one_name_live_at_once_and_a_reload_revokes_one() {
    let (old, new) = (
        Backend::that_may(&["rooms:read"]),
        Backend::that_may(&["rooms:read"]),
    );
    let app = app_with(&[&old, &new], "").await;
    app.put_room("course-101");
    for key in [old.key(), new.key()] {
        assert_eq!(app.ask(&key, ROOM).await.status, 200);
    }
    app.reload_with(&new.configuration());
    assert_unauthorized(&app.ask(&old.key(), ROOM).await, "revoked");
    assert_eq!(app.ask(&new.key(), ROOM).await.status, 200);
}

#[tokio::test]
async fn a_key_ends_when_its_time_is_over() {
    let backend = Backend::that_may(&["rooms:read"]).with("expires = \"2026-09-14T13:21:00Z\"");
    let app = app_with(&[&backend], "").await;
    app.put_room("course-101");
    assert_eq!(app.ask(&backend.key(), ROOM).await.status, 200);
    app.hand.advance(std::time::Duration::from_secs(60));
    assert_unauthorized(&app.ask(&backend.key(), ROOM).await, "expired");
}

const CLIENTS: &str = r#"
[[internal.issuers]]
name = "machines"
issuer = "{issuer}"
audiences = ["room-broker-backends"]
algorithms = ["RS256"]

[[internal.clients]]
id = "shop-backend"
scopes = ["rooms:*"]
rooms = ["course-{course}"]
"#;

/// A token of client credentials, with some claims replaced; null removes one.
fn client_token(app: &TestApp, changes: &Value) -> String {
    let mut claims = json!({
        "iss": app.provider.issuer(), "aud": "room-broker-backends", "sub": "service-1",
        "client_id": "shop-backend", "iat": START.seconds(), "exp": START.seconds() + 600,
    });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
        .as_object_mut()
        .unwrap()
        .retain(|_, value| !value.is_null());
    let kid = app
        .provider
        .with_keys(|keys| keys.kid_for(Algorithm::Rs256));
    let header = json!({ "typ": "at+jwt" });
    app.provider.sign(&kid.unwrap(), &header, &claims).unwrap()
}

#[tokio::test]
async fn a_client_may_do_what_is_configured_and_its_token_may_say_less() {
    let app = app_with(&[], CLIENTS).await;
    app.put_room("course-101");
    for (changes, expected) in [
        (json!({}), "200"),
        (json!({ "scope": "openid rooms:read chat:read" }), "200"),
        (json!({ "scope": ["rooms:*"] }), "200"),
        (json!({ "scope": "rooms:write" }), "insufficient-scope"),
        (json!({ "scope": "" }), "insufficient-scope"),
        (json!({ "scope": 7 }), "insufficient-scope"),
        (json!({ "client_id": "another" }), "insufficient-scope"),
        (json!({ "client_id": null }), "unauthorized"),
        (json!({ "aud": "acme-app" }), "unauthorized"),
        (json!({ "exp": START.seconds() - 60 }), "unauthorized"),
    ] {
        let answer = app.ask(&client_token(&app, &changes), ROOM).await;
        let said = if answer.status == 200 {
            "200".to_owned()
        } else {
            answer.code()
        };
        assert_eq!(said, expected, "{changes}");
    }
    let elsewhere = app
        .ask(&client_token(&app, &json!({})), "/v1/rooms/lobby")
        .await;
    assert_eq!(elsewhere.code(), "forbidden");
}

#[tokio::test]
async fn a_users_token_is_no_backends_even_of_the_same_provider() {
    let app = app_with(&[], CLIENTS).await;
    let mut claims = app.provider.claims(User::Ada);
    claims["client_id"] = "shop-backend".into();
    let kid = app
        .provider
        .with_keys(|keys| keys.kid_for(Algorithm::Rs256));
    let token = app.provider.sign(&kid.unwrap(), &json!({}), &claims);
    assert_unauthorized(&app.ask(&token.unwrap(), ROOM).await, "a user");
}

#[tokio::test]
async fn guessing_is_limited_by_address_and_calls_by_key() {
    let (one, other) = (
        Backend::that_may(&["rooms:read"]),
        Backend::that_may(&["rooms:read"]),
    );
    let limits = "[limits]\nenabled = true\nservice_per_minute = 60\nservice_burst = 2\nfailures_per_minute = 6\nfailures_burst = 2";
    let app = app_with(&[&one, &other], limits).await;
    app.put_room("course-101");
    let first = app.ask(&one.key(), ROOM).await;
    assert_eq!(first.header("ratelimit-policy"), "\"service\";q=2;w=2");
    assert_eq!(first.header("ratelimit"), "\"service\";r=1");
    assert_eq!(app.ask(&one.key(), ROOM).await.status, 200);
    let limited = app.ask(&one.key(), ROOM).await;
    assert_eq!(limited.code(), "rate-limited");
    assert_eq!(limited.header("retry-after"), "1");
    assert_eq!(app.ask(&other.key(), ROOM).await.status, 200);
    for _ in 0..3 {
        assert_unauthorized(&app.ask(&one.wrong_key(), ROOM).await, "a guess");
    }
    // Whoever guesses is not heard for a while, whatever comes next.
    assert_eq!(app.ask(&other.key(), ROOM).await.code(), "rate-limited");
    app.hand.advance(std::time::Duration::from_secs(60));
    assert_eq!(app.ask(&other.key(), ROOM).await.status, 200);
}
