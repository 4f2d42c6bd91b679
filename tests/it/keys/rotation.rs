//! New keys are let in at once, old ones are dead within a bound, and so is what they signed.

use std::time::Duration;

use room_broker::simulator::identity_provider::{Algorithm, SigningKey, SigningKeys, User};
use room_broker::simulator::{Fault, FaultKind};
use serde_json::json;

use super::{COOLDOWN, SECOND, assert_status, spawn};
use crate::support::until;

#[tokio::test]
async fn a_rotated_key_is_fetched_once_and_the_old_one_is_dead_with_what_it_signed() {
    let (app, old) = spawn().await;
    assert_status("before", &app.join(&old, "course-101").await, 200);
    app.provider.with_keys(SigningKeys::rotate).unwrap();
    let new = app.token(User::Ada);
    assert_status(
        "seen before, key still known",
        &app.join(&old, "course-101").await,
        200,
    );
    assert_status("a new key", &app.join(&new, "course-101").await, 200);
    assert_eq!(app.provider.controls().count("jwks").calls, 2);
    assert_status("the old key", &app.join(&old, "course-101").await, 401);
    assert_status("the new key", &app.join(&new, "course-101").await, 200);
}

#[tokio::test]
async fn a_key_that_stays_keeps_what_it_signed() {
    let (app, token) = spawn().await;
    assert_status("before", &app.join(&token, "course-101").await, 200);
    app.provider
        .with_keys(|keys| keys.add(Algorithm::Rs256))
        .unwrap();
    let es256 = app
        .provider
        .with_keys(|keys| keys.kid_for(Algorithm::Es256))
        .unwrap();
    app.provider.with_keys(|keys| keys.withdraw(&es256));
    let gone = app
        .provider
        .sign(&es256, &json!({}), &app.provider.claims(User::Ada))
        .unwrap();
    app.hand.advance(Duration::from_secs(601));
    until("the withdrawn key is dead", async || {
        app.join(&gone, "course-101").await.status == 401
    })
    .await;
    assert_status("after", &app.join(&token, "course-101").await, 200);
}

#[tokio::test]
async fn a_withdrawn_key_is_dead_within_the_refresh_though_no_new_token_comes() {
    let (app, old) = spawn().await;
    assert_status("before", &app.join(&old, "course-101").await, 200);
    app.provider.with_keys(SigningKeys::rotate).unwrap();
    app.hand.advance(Duration::from_secs(601));
    until("the seen token is refused", async || {
        app.join(&old, "course-101").await.status == 401
    })
    .await;
}

#[tokio::test]
async fn a_new_key_under_an_old_id_is_fetched_at_once() {
    let (app, old) = spawn().await;
    assert_status("before", &app.join(&old, "course-101").await, 200);
    let kid = app
        .provider
        .with_keys(|keys| keys.kid_for(Algorithm::Rs256))
        .unwrap();
    let key = SigningKey::generate(&kid, Algorithm::Rs256).unwrap();
    app.provider.with_keys(|keys| {
        keys.withdraw(&kid);
        keys.publish(key);
    });
    assert_status(
        "new",
        &app.join(&app.token(User::Ben), "course-101").await,
        200,
    );
    assert_status("old", &app.join(&old, "course-101").await, 401);
}

#[tokio::test]
async fn a_bad_answer_takes_no_known_key_away() {
    let (app, token) = spawn().await;
    for (what, fault) in [
        ("empty", Fault::json(&json!({ "keys": [] }))),
        ("HTML", Fault::html()),
        ("broken off", Fault::new(FaultKind::TruncatedBody)),
        (
            "nothing usable",
            Fault::json(&json!({ "keys": [{ "kty": "oct", "kid": "rs256-1" }] })),
        ),
        ("reset", Fault::new(FaultKind::ConnectionReset)),
        ("too long", Fault::oversized()),
    ] {
        app.hand.advance(COOLDOWN + SECOND);
        let before = app.provider.controls().count("jwks").calls;
        app.provider.controls().fail("jwks", fault);
        let unknown = app.provider.sign(
            "rs256-1",
            &json!({ "kid": format!("unknown-{what}") }),
            &app.provider.claims(User::Ada),
        );
        let unknown = app.join(&unknown.unwrap(), "course-101").await;
        super::assert_provider_unavailable(what, &unknown);
        // A connection that breaks is tried once more: it may have been an old one.
        let asked = if what == "reset" { 2 } else { 1 };
        assert_eq!(
            app.provider.controls().count("jwks").calls,
            before + asked,
            "{what}"
        );
        assert_status(what, &app.join(&token, "course-101").await, 200);
        let fresh = app.provider.token(User::Ben, Algorithm::Es256).unwrap();
        assert_status(what, &app.join(&fresh, "course-101").await, 200);
        app.provider.controls().clear_faults("jwks");
    }
}
