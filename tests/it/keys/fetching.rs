//! How often keys are fetched: once for everybody, and no oftener because somebody invents tokens.

use futures_util::StreamExt as _;
use futures_util::stream;
use room_broker::simulator::identity_provider::{Algorithm, User};
use room_broker::simulator::{Fault, Moment};
use serde_json::json;

use super::{
    COOLDOWN, SECOND, Scene, assert_provider_unavailable, assert_status, spawn, with_header,
};

const INVENTED: usize = 2000;

/// Sends a token with each of many invented key ids; gives the statuses that came back.
async fn flood(app: &crate::support::TestApp, token: &str, round: usize) -> Vec<u16> {
    let tokens = (0..INVENTED).map(|n| {
        let kid = format!("invented-{round}-{n}");
        with_header(token, &json!({ "alg": "RS256", "typ": "JWT", "kid": kid }))
    });
    let answers =
        stream::iter(tokens).map(async |token| app.join(&token, "course-101").await.status);
    let mut statuses: Vec<_> = answers.buffer_unordered(50).collect().await;
    statuses.sort_unstable();
    statuses.dedup();
    statuses
}

#[tokio::test]
async fn invented_key_ids_cause_one_fetch_in_a_cooldown() {
    let (app, token) = spawn().await;
    let fetches = || app.provider.controls().count("jwks").calls;
    assert_eq!(fetches(), 1);
    assert_eq!(flood(&app, &token, 1).await, [401]);
    assert_eq!(fetches(), 2);
    app.hand.advance(COOLDOWN.saturating_sub(SECOND));
    assert_eq!(flood(&app, &token, 2).await, [401]);
    assert_eq!(fetches(), 2);
    app.hand.advance(SECOND);
    assert_eq!(flood(&app, &token, 3).await, [401]);
    assert_eq!(fetches(), 3);
    assert_status("the true key", &app.join(&token, "course-101").await, 200);
}

#[tokio::test]
async fn fetches_that_fail_or_bring_nothing_count_too() {
    for (what, fault) in [
        ("failed", Fault::status(500)),
        ("empty", Fault::json(&json!({ "keys": [] }))),
    ] {
        let (app, token) = spawn().await;
        app.provider.controls().fail("jwks", fault);
        // With the answer not to be had, an unknown key may be a new one.
        flood(&app, &token, 1).await;
        assert_eq!(app.provider.controls().count("jwks").calls, 2, "{what}");
        assert_status(what, &app.join(&token, "course-101").await, 200);
    }
}

#[tokio::test]
async fn bad_signatures_under_a_known_key_cause_one_fetch_in_a_cooldown() {
    let (app, token) = spawn().await;
    let signed = token.rsplit_once('.').unwrap().0;
    let ben = app.token(User::Ben);
    let signature = ben.rsplit_once('.').unwrap().1;
    for n in 0..100 {
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": "rs256-1", "n": n });
        let forged = with_header(&format!("{signed}.{signature}"), &header);
        assert_status("forged", &app.join(&forged, "course-101").await, 401);
    }
    assert_eq!(app.provider.controls().count("jwks").calls, 2);
}

#[tokio::test]
async fn a_hundred_first_requests_cause_one_fetch() {
    let scene = Scene::start(
        async |provider| {
            provider.controls().close_gate("jwks", Moment::BeforeEffect);
        },
        "",
    )
    .await;
    let token = scene.token();
    let controls = scene.provider.controls();
    let open = async {
        controls.until_waiting("jwks", 1).await;
        // Once this is answered, those sent before it have arrived.
        let url = format!("{}/healthz", scene.app.public);
        assert_status(
            "alive",
            &scene.app.answer(scene.app.http.get(url)).await,
            200,
        );
        controls.open_gate("jwks");
    };
    let joins = stream::iter(0..100).map(async |_n| scene.join(&token).await.status);
    let joins = joins.buffer_unordered(100).collect::<Vec<_>>();
    let (statuses, ()) = tokio::join!(joins, open);
    assert_eq!(statuses, vec![200; 100]);
    assert_eq!((scene.fetches(), controls.count("discovery").calls), (1, 1));
}

#[tokio::test]
async fn without_keys_a_flood_causes_no_more_fetches_than_time_does() {
    let scene = Scene::start(
        async |provider| provider.controls().fail("jwks", Fault::status(503)),
        "",
    )
    .await;
    let token = scene.token();
    assert_eq!(flood(&scene.app, &token, 1).await, [503]);
    assert_eq!(scene.fetches(), 1);
    assert_provider_unavailable("no keys", &scene.join(&token).await);
}

#[tokio::test]
async fn nobody_waits_for_a_fetch_in_the_background() {
    let (app, _) = spawn().await;
    app.provider
        .controls()
        .close_gate("jwks", Moment::BeforeEffect);
    app.hand.advance(SECOND * 601);
    let token = app.provider.token(User::Ada, Algorithm::Es256).unwrap();
    assert_status("due", &app.join(&token, "course-101").await, 200);
    app.provider.controls().until_waiting("jwks", 1).await;
    let token = app.provider.token(User::Ben, Algorithm::Es256).unwrap();
    assert_status("under way", &app.join(&token, "course-101").await, 200);
    app.provider.controls().open_gate("jwks");
    app.provider.controls().until_done("jwks", 2).await;
}
