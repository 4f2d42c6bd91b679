//! A provider that is down is not an invalid token, and not our own outage.

use std::time::Duration;

use room_broker::simulator::{Fault, FaultKind};
use serde_json::json;

use super::{COOLDOWN, SECOND, Scene, assert_provider_unavailable, assert_status};

const DAY: Duration = Duration::from_hours(24);

#[tokio::test]
async fn it_starts_without_the_provider_and_is_ready_when_that_comes_up() {
    let scene = Scene::start(async |provider| provider.take_down().await.unwrap(), "").await;
    let token = scene.token();
    assert_provider_unavailable("down", &scene.join(&token).await);
    for base in [&scene.app.public, &scene.app.ops] {
        let answer = scene
            .app
            .answer(scene.app.http.get(format!("{base}/readyz")))
            .await;
        assert_eq!(
            (answer.status, answer.json()),
            (
                503,
                json!({ "status": "not-ready", "checks": { "identity_providers": "waiting", "state": "ok" } })
            )
        );
        let answer = scene
            .app
            .answer(scene.app.http.get(format!("{base}/healthz")))
            .await;
        assert_eq!(
            (answer.status, answer.json()),
            (200, json!({ "status": "ok" }))
        );
    }
    scene.provider.bring_up().await.unwrap();
    scene.advance(COOLDOWN);
    scene.app.until_ready().await;
    assert_status("up", &scene.join(&token).await, 200);
}

#[tokio::test]
async fn known_keys_serve_through_an_outage_until_they_are_too_old() {
    let scene = Scene::start(async |_provider| {}, "").await;
    scene.app.until_ready().await;
    let seen = scene.token();
    assert_status("up", &scene.join(&seen).await, 200);
    scene.provider.take_down().await.unwrap();
    assert_status("seen before", &scene.join(&seen).await, 200);
    assert_status("new", &scene.join(&scene.token()).await, 200);
    scene.advance(DAY.saturating_sub(SECOND));
    let late = scene.token();
    assert_status("a second before the end", &scene.join(&late).await, 200);
    assert!(scene.is_ready().await);
    scene.advance(SECOND);
    assert!(!scene.is_ready().await);
    assert_provider_unavailable("new, but too late", &scene.join(&scene.token()).await);
    assert_provider_unavailable("seen, but too late", &scene.join(&late).await);
    scene.provider.bring_up().await.unwrap();
    scene.advance(COOLDOWN);
    scene.until_let_in(&late).await;
    assert!(scene.is_ready().await);
}

#[tokio::test]
async fn a_provider_that_does_not_answer_keeps_nobody_longer_than_the_time_limit() {
    let scene = Scene::start(
        async |provider| {
            provider
                .controls()
                .fail("jwks", Fault::new(FaultKind::Hang));
        },
        "",
    )
    .await;
    let token = scene.token();
    let join = tokio::time::timeout(Duration::from_secs(10), scene.join(&token));
    assert_provider_unavailable("hanging", &join.await.unwrap());
    scene.provider.controls().clear_faults("jwks");
}

#[tokio::test]
async fn a_forged_token_is_not_excused_by_an_outage() {
    let scene = Scene::start(async |_provider| {}, "").await;
    scene.app.until_ready().await;
    scene.provider.take_down().await.unwrap();
    let token = scene.token();
    let (front, _) = token.rsplit_once('.').unwrap();
    let unsigned = format!("{front}.");
    assert_status("unsigned", &scene.join(&unsigned).await, 401);
    let forged = super::with_header(
        &token,
        &json!({ "alg": "RS256", "typ": "JWT", "kid": "rs256-1" }),
    );
    assert_status("forged", &scene.join(&forged).await, 401);
    let strange = super::with_header(
        &token,
        &json!({ "alg": "RS256", "typ": "JWT", "kid": "new" }),
    );
    assert_provider_unavailable("perhaps a new key", &scene.join(&strange).await);
}

#[tokio::test]
async fn in_whatever_way_it_fails_known_keys_serve_forgeries_stay_401_and_unknown_keys_are_503() {
    for (what, fault) in [
        ("500", Fault::status(500)),
        ("429", Fault::status(429)),
        ("cut off", Fault::new(FaultKind::ConnectionReset)),
        ("hanging", Fault::new(FaultKind::Hang)),
        ("broken off", Fault::new(FaultKind::TruncatedBody)),
        ("a page", Fault::html()),
        ("nothing", Fault::empty()),
        ("too much", Fault::oversized()),
    ] {
        let scene = Scene::start(async |_provider| {}, "").await;
        scene.app.until_ready().await;
        let token = scene.token();
        scene.provider.controls().fail("*", fault);
        scene.advance(COOLDOWN);
        assert_status(what, &scene.join(&token).await, 200);
        assert_status(what, &scene.join(&scene.token()).await, 200);
        let (front, _) = token.rsplit_once('.').unwrap();
        let unsigned = scene.join(&format!("{front}.")).await;
        assert_status(what, &unsigned, 401);
        let unknown = json!({ "alg": "RS256", "typ": "JWT", "kid": "new" });
        let unknown = super::with_header(&token, &unknown);
        assert_provider_unavailable(what, &scene.join(&unknown).await);
        assert!(scene.is_ready().await, "{what}");
        scene.provider.controls().clear_faults("*");
    }
}
