//! Every kind of issuer lets its people in, and nobody else's.

use room_broker::clock::Clock;
use room_broker::simulator::identity_provider::{Algorithm, SigningKey, User, hmac_signed};
use serde_json::{Value, json};

use super::{NOW, assert_accepted, assert_refused};
use crate::second_provider::second_provider;
use crate::support::{AUDIENCE, INTROSPECTION_SECRET, START, TestApp};

const SHARED_SECRET: &str = "canary-shared-secret-of-32-bytes-or-more";

fn product_claims() -> Value {
    json!({
        "iss": "acme-product", "aud": AUDIENCE, "sub": "ada", "iat": NOW, "exp": NOW + 600,
        "groups": ["teacher:101"],
    })
}

#[tokio::test]
async fn every_published_algorithm_lets_in() {
    let app = TestApp::spawn().await;
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
        let token = app.provider.token(User::Ada, algorithm).unwrap();
        assert_accepted(&app, &[(algorithm.name(), token)]).await;
    }
}

#[tokio::test]
async fn every_other_algorithm_lets_in_where_it_is_configured() {
    let app = TestApp::spawn_with(|setup| {
        setup.config(
            r#"
            [[authn.issuers]]
            name = "school"
            issuer = "{issuer}"
            audiences = ["acme-app"]
            algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES384"]
            jwks_url = "{issuer}/jwks"
            jwks_cooldown = "1s"
            "#,
        );
    })
    .await;
    for algorithm in [
        Algorithm::Rs384,
        Algorithm::Rs512,
        Algorithm::Ps256,
        Algorithm::Ps384,
        Algorithm::Ps512,
        Algorithm::Es384,
    ] {
        app.hand.advance(std::time::Duration::from_secs(2));
        app.provider.with_keys(|keys| keys.add(algorithm)).unwrap();
        let token = app.provider.token(User::Ada, algorithm).unwrap();
        assert_accepted(&app, &[(algorithm.name(), token)]).await;
    }
    let unconfigured = app.provider.token(User::Ada, Algorithm::Es256).unwrap();
    assert_refused(&app, &[("ES256", unconfigured)]).await;
    assert_eq!(app.provider.controls().count("discovery").calls, 0);
}

#[tokio::test]
async fn a_product_may_sign_its_own_with_a_shared_secret() {
    let app = TestApp::spawn_with(|setup| {
        setup.config(&format!(
            r#"
            [[authn.issuers]]
            name = "product"
            issuer = "acme-product"
            audiences = ["acme-app"]
            algorithms = ["HS256"]
            shared_secret = "{SHARED_SECRET}"
            "#
        ));
    })
    .await;
    let claims = product_claims().to_string();
    let header = |name: &str| json!({ "alg": name, "typ": "JWT" }).to_string();
    let signed = |secret: &str, name: &str| hmac_signed(secret.as_bytes(), &header(name), &claims);
    assert_accepted(&app, &[("the secret", signed(SHARED_SECRET, "HS256"))]).await;
    assert_refused(
        &app,
        &[
            (
                "another secret",
                signed("another-secret-of-32-bytes-or-more", "HS256"),
            ),
            ("no secret", signed("", "HS256")),
            (
                "half the secret",
                signed(SHARED_SECRET.split_at(20).0, "HS256"),
            ),
            ("a longer digest's name", signed(SHARED_SECRET, "HS512")),
            ("a public algorithm's name", signed(SHARED_SECRET, "RS256")),
            ("none", signed(SHARED_SECRET, "none")),
            ("the demo provider", app.token(User::Ada)),
        ],
    )
    .await;
}

#[tokio::test]
async fn keys_may_come_from_files() {
    let (ours, others) = (
        SigningKey::generate("unused", Algorithm::Es256).unwrap(),
        SigningKey::generate("unused", Algorithm::Es256).unwrap(),
    );
    let rsa = SigningKey::generate("unused", Algorithm::Rs256).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    let both = [
        ours.public_key_pem().unwrap(),
        rsa.public_key_pem().unwrap(),
    ]
    .concat();
    std::fs::write(file.path(), both).unwrap();
    let app = TestApp::spawn_with(|setup| {
        setup.config(&format!(
            r#"
            [[authn.issuers]]
            name = "product"
            issuer = "acme-product"
            audiences = ["acme-app"]
            algorithms = ["ES256", "RS256"]
            public_key_files = ["{}"]
            "#,
            file.path().display()
        ));
    })
    .await;
    let signed = |key: &SigningKey, header: Value| {
        key.signed(&header.to_string(), &product_claims().to_string())
            .unwrap()
    };
    assert_accepted(
        &app,
        &[
            (
                "the first key",
                signed(&ours, json!({ "alg": "ES256", "typ": "JWT" })),
            ),
            (
                "with any kid",
                signed(&ours, json!({ "alg": "ES256", "typ": "JWT", "kid": "7" })),
            ),
            (
                "the second key",
                signed(&rsa, json!({ "alg": "RS256", "typ": "JWT" })),
            ),
        ],
    )
    .await;
    let pem = ours.public_key_pem().unwrap();
    let header = json!({ "alg": "HS256", "typ": "JWT" }).to_string();
    assert_refused(
        &app,
        &[
            (
                "another key",
                signed(&others, json!({ "alg": "ES256", "typ": "JWT" })),
            ),
            (
                "another algorithm's name",
                signed(&ours, json!({ "alg": "RS256", "typ": "JWT" })),
            ),
            (
                "the file as a secret",
                hmac_signed(pem.as_bytes(), &header, &product_claims().to_string()),
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_opaque_token_is_asked_about() {
    let app = introspecting("opaque").await;
    let opaque = app.provider.opaque_token(User::Ada);
    assert_accepted(&app, &[("known", opaque.clone())]).await;
    assert_refused(&app, &[("invented", "opaque-0123456789".to_owned())]).await;
    // The issuer's JWT are verified with its keys meanwhile.
    assert_accepted(&app, &[("a JWT", app.token(User::Ada))]).await;
    assert_eq!(app.provider.controls().count("introspection").calls, 2);
}

#[tokio::test]
async fn where_every_token_is_asked_about_a_revoked_jwt_is_refused_in_time() {
    let app = introspecting("all").await;
    let token = app.token(User::Ada);
    let asked = [("a JWT", token.clone())];
    assert_accepted(&app, &asked).await;
    app.provider.revoke(&token);
    assert_accepted(&app, &asked).await;
    app.hand.advance(std::time::Duration::from_mins(1));
    assert_refused(&app, &asked).await;
}

async fn introspecting(matches: &str) -> TestApp {
    TestApp::spawn_with(|setup| {
        setup.config(&format!(
            r#"
            [[authn.issuers]]
            name = "school"
            issuer = "{{issuer}}"
            audiences = ["acme-app"]
            algorithms = ["RS256"]
            introspection = {{ url = "{{issuer}}/introspect", client_id = "broker", client_secret = "{INTROSPECTION_SECRET}", matches = "{matches}" }}
            "#
        ));
    })
    .await
}

#[tokio::test]
async fn the_same_subject_of_two_issuers_is_two_people() {
    let second = second_provider(&Clock::manual(START).0);
    let app = TestApp::spawn_with(|setup| {
        setup.config(&format!(
            r#"
            [[authn.issuers]]
            name = "school"
            issuer = "{{issuer}}"
            audiences = ["acme-app"]
            algorithms = ["RS256"]

            [[authn.issuers]]
            name = "club"
            issuer = "{}"
            audiences = ["acme-app"]
            algorithms = ["RS256"]
            "#,
            second.issuer()
        ));
    })
    .await;
    let ids = async |token: String| {
        let joined = app.join(&token, "course-101").await.json();
        joined["participant"]["id"].as_str().unwrap().to_owned()
    };
    let second_token = second.token(User::Ada, Algorithm::Rs256).unwrap();
    crate::support::until("the second issuer's keys are known", async || {
        app.join(&second_token, "course-101").await.status == 200
    })
    .await;
    assert_eq!(ids(app.token(User::Ada)).await, "school:ada");
    assert_eq!(ids(second_token).await, "club:ada");

    let kid = second
        .with_keys(|keys| keys.kid_for(Algorithm::Rs256))
        .unwrap();
    let impostor = second
        .sign(&kid, &json!({}), &app.provider.claims(User::Ada))
        .unwrap();
    assert_refused(
        &app,
        &[("one issuer's key for the other's claims", impostor)],
    )
    .await;
}
