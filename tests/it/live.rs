//! A reload while a request is under way: it is judged by one configuration, never by a mixture.

use room_broker::settings::Settings;
use room_broker::simulator::identity_provider::{Algorithm, User};
use serde_json::{Value, json};

use crate::support::socket::{Socket, status_of};
use crate::support::{TestApp, until};

/// The groups are what the user says of itself, and so nobody may do anything.
const SELF_DECLARED: &str = r#"
[[authn.issuers]]
name = "school"
issuer = "{issuer}"
audiences = ["acme-app"]
algorithms = ["RS256"]
claims = { groups = { pointer = "/nickname", split = " " } }

[[policy.rules]]
name = "nobody"
room = "*"
refuse = true
"#;

/// The groups are the provider's word, and decide.
const PROVEN: &str = r#"
[[authn.issuers]]
name = "school"
issuer = "{issuer}"
audiences = ["acme-app"]
algorithms = ["RS256"]

[[policy.rules]]
name = "staff"
room = "*"
when = '"staff" in user.groups'
role = "moderator"
may_create = true
"#;

#[tokio::test]
async fn who_was_proven_by_the_old_configuration_is_judged_by_its_policy() {
    let app = TestApp::spawn_with(|setup| {
        setup.config(SELF_DECLARED);
    })
    .await;
    let mut claims = app.provider.claims(User::Ben);
    claims["nickname"] = "staff".into();
    claims["groups"] = json!([]);
    let token = sign(&app, &claims);
    assert_eq!(app.join(&token, "course-101").await.code(), "forbidden");

    // Known by its bearer, held up by its body.
    let hits = r#"room_broker_verified_token_lookups_total{outcome="hit"}"#;
    let before = app.metric(hits).await;
    let mut under_way = Socket::open(&app.public).await;
    let head = format!(
        "POST /v1/rooms/course-101/join HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{"
    );
    under_way.send(head).await;
    until("the caller is known", async || {
        app.metric(hits).await > before
    })
    .await;

    let mut sources = app.sources.clone();
    let issuer = app.provider.issuer();
    sources.texts.push(PROVEN.replace("{issuer}", issuer));
    let settings = Settings::load(&sources).unwrap();
    app.running.reloader().apply(&settings).unwrap();
    under_way.send("}").await;
    assert_eq!(status_of(&under_way.read_to_end().await), 403);
    assert_eq!(app.upstream_calls(), 0);

    claims["groups"] = json!(["staff"]);
    let joined = app.join(&sign(&app, &claims), "course-101").await;
    assert_eq!(joined.status, 200, "by the new one: {joined:?}");
}

fn sign(app: &TestApp, claims: &Value) -> String {
    let kid = app
        .provider
        .with_keys(|keys| keys.kid_for(Algorithm::Rs256))
        .unwrap();
    app.provider.sign(&kid, &json!({}), claims).unwrap()
}
