//! Tokens that only their issuer can read: asked about once, believed for a short time, and never
//! on a failure.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use room_broker::simulator::identity_provider::User;
use room_broker::simulator::{Fault, FaultKind, Moment};
use serde_json::{Value, json};

use super::{
    SECOND, Scene, assert_nobody_came, assert_provider_unavailable, assert_status, redirect_to,
    trap,
};
use crate::support::INTROSPECTION_SECRET;

async fn scene() -> Scene {
    let introspection = format!(
        r#"introspection = {{ url = "{{issuer}}/introspect", client_id = "broker", client_secret = "{INTROSPECTION_SECRET}" }}"#
    );
    let scene = Scene::start(async |_provider| {}, &introspection).await;
    scene.app.until_ready().await;
    scene
}

impl Scene {
    fn questions(&self) -> u64 {
        self.provider.controls().count("introspection").calls
    }

    /// An opaque token about which the provider says Ada's claims with some replaced; null
    /// removes one.
    fn opaque(&self, changes: &Value) -> String {
        let mut claims = self.provider.claims(User::Ada);
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
            .as_object_mut()
            .unwrap()
            .retain(|_, value| !value.is_null());
        self.provider.opaque_token_for(claims)
    }
}

#[tokio::test]
async fn what_the_provider_says_is_checked_as_a_token_is() {
    let scene = scene().await;
    let mut active_missing = scene.provider.claims(User::Ada);
    active_missing["active"] = Value::Null;
    let exp = scene.provider.claims(User::Ada)["exp"].as_u64().unwrap();
    let cases = [
        ("active as text", scene.opaque(&json!({ "active": "true" }))),
        ("active as a number", scene.opaque(&json!({ "active": 1 }))),
        (
            "active as a list",
            scene.opaque(&json!({ "active": [true] })),
        ),
        ("not active", scene.opaque(&json!({ "active": false }))),
        (
            "no word on it",
            scene.provider.opaque_token_for(active_missing),
        ),
        (
            "for somebody else",
            scene.opaque(&json!({ "aud": "acme-admin" })),
        ),
        ("for nobody", scene.opaque(&json!({ "aud": null }))),
        (
            "of another issuer",
            scene.opaque(&json!({ "iss": "https://elsewhere.example" })),
        ),
        ("not yet", scene.opaque(&json!({ "nbf": exp }))),
        (
            "an expiry as text",
            scene.opaque(&json!({ "exp": exp.to_string() })),
        ),
        (
            "an expiry with a fraction",
            scene.opaque(&json!({ "exp": 1e300 })),
        ),
        ("nobody", scene.opaque(&json!({ "sub": null }))),
        ("nobody's name", scene.opaque(&json!({ "sub": "" }))),
        (
            "a room token",
            scene.opaque(&json!({ "td": "t", "rd": "r" })),
        ),
        ("a logout token", scene.opaque(&json!({ "events": {} }))),
        ("unheard of", "opaque-unheard-of".to_owned()),
    ];
    for (what, token) in &cases {
        assert_status(what, &scene.join(token).await, 401);
    }
    for (what, token) in [
        ("as it should be", scene.opaque(&json!({}))),
        ("without an issuer", scene.opaque(&json!({ "iss": null }))),
        ("without an end", scene.opaque(&json!({ "exp": null }))),
    ] {
        assert_status(what, &scene.join(&token).await, 200);
    }
}

#[tokio::test]
async fn a_failure_is_nobodys_answer_and_is_not_remembered() {
    let scene = scene().await;
    let (trap, url) = trap();
    let doubled = r#"{"active":false,"active":true,"sub":"ada","aud":"acme-app"}"#;
    for (what, fault) in [
        ("a server error", Fault::status(500)),
        ("our own credential refused", Fault::status(401)),
        ("forbidden", Fault::status(403)),
        ("too many questions", Fault::status(429)),
        ("HTML", Fault::html()),
        ("empty", Fault::empty()),
        ("a list", Fault::json(&json!([{ "active": true }]))),
        ("true", Fault::json(&json!(true))),
        ("active twice", Fault::answer("application/json", doubled)),
        ("broken off", Fault::new(FaultKind::TruncatedBody)),
        ("reset", Fault::new(FaultKind::ConnectionReset)),
        ("hanging", Fault::new(FaultKind::Hang)),
        ("too long", Fault::oversized()),
        ("elsewhere", redirect_to(&url)),
    ] {
        let token = scene.opaque(&json!({}));
        scene.provider.controls().fail("introspection", fault);
        assert_provider_unavailable(what, &scene.join(&token).await);
        scene.provider.controls().clear_faults("introspection");
        assert_status(what, &scene.join(&token).await, 200);
    }
    assert_nobody_came(&trap);
}

#[tokio::test]
async fn a_refusal_is_remembered_briefly() {
    let scene = scene().await;
    for _ in 0..10 {
        assert_status("invented", &scene.join("opaque-invented").await, 401);
    }
    assert_eq!(scene.questions(), 1);
    scene.advance(10 * SECOND);
    assert_status("asked again", &scene.join("opaque-invented").await, 401);
    assert_eq!(scene.questions(), 2);
}

#[tokio::test]
async fn an_admission_is_remembered_for_a_short_time() {
    let scene = scene().await;
    let token = scene.opaque(&json!({}));
    for _ in 0..10 {
        assert_status("known", &scene.join(&token).await, 200);
    }
    assert_eq!(scene.questions(), 1);
    scene.provider.revoke(&token);
    scene.advance(59 * SECOND);
    assert_status("still believed", &scene.join(&token).await, 200);
    scene.advance(SECOND);
    assert_status("revoked", &scene.join(&token).await, 401);
    assert_eq!(scene.questions(), 2);
}

#[tokio::test]
async fn who_was_asked_about_within_the_last_minute_goes_on_through_an_outage() {
    let scene = scene().await;
    for (what, fault) in [
        ("a server error", Fault::status(500)),
        ("cut off", Fault::new(FaultKind::ConnectionReset)),
        ("hanging", Fault::new(FaultKind::Hang)),
        ("HTML", Fault::html()),
    ] {
        let (known, unknown) = (scene.opaque(&json!({})), scene.opaque(&json!({})));
        assert_status(what, &scene.join(&known).await, 200);
        scene.provider.controls().fail("*", fault);
        scene.advance(59 * SECOND);
        assert_status(what, &scene.join(&known).await, 200);
        assert_provider_unavailable(what, &scene.join(&unknown).await);
        scene.advance(SECOND);
        assert_provider_unavailable(what, &scene.join(&known).await);
        scene.provider.controls().clear_faults("*");
        for token in [&known, &unknown] {
            assert_status(what, &scene.join(token).await, 200);
        }
    }
}

#[tokio::test]
async fn an_admission_is_not_remembered_beyond_the_tokens_end() {
    let scene = scene().await;
    let end = scene.app.clock.now().seconds() + 5;
    let token = scene.opaque(&json!({ "exp": end }));
    assert_status("good for five seconds", &scene.join(&token).await, 200);
    scene.advance(Duration::from_secs(5 + 30));
    assert_status("ended, within the leeway", &scene.join(&token).await, 401);
    assert_eq!(scene.questions(), 2);
}

#[tokio::test]
async fn many_who_ask_about_one_token_cause_one_question() {
    let scene = scene().await;
    let controls = scene.provider.controls();
    let token = scene.opaque(&json!({}));
    controls.close_gate("introspection", Moment::BeforeEffect);
    let joins = stream::iter(0..50).map(async |_n| scene.join(&token).await.status);
    let joins = joins.buffer_unordered(50).collect::<Vec<_>>();
    let open = async {
        controls.until_waiting("introspection", 1).await;
        controls.open_gate("introspection");
    };
    let (statuses, ()) = tokio::join!(joins, open);
    assert_eq!(statuses, vec![200; 50]);
    assert_eq!(scene.questions(), 1);
}

#[tokio::test]
async fn a_flood_of_invented_tokens_is_no_flood_of_questions() {
    let scene = scene().await;
    let controls = scene.provider.controls();
    controls.close_gate("introspection", Moment::BeforeEffect);
    let joins = stream::iter(0..100).map(async |n| {
        let answer = scene.join(&format!("opaque-invented-{n}")).await;
        if answer.status == 503 {
            // All that may be under way are: let them go.
            controls.open_gate("introspection");
        }
        answer.status
    });
    let statuses = joins.buffer_unordered(100).collect::<Vec<_>>().await;
    assert!(
        statuses.iter().all(|status| [401, 503].contains(status)),
        "{statuses:?}"
    );
    assert!(statuses.contains(&503), "{statuses:?}");
    assert!(controls.count("introspection").in_flight_max <= 64);
}
