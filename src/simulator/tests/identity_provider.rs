use std::time::Duration;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
    VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation};
use serde_json::{Value, json};

use super::{NOW, client, listener, told};
use crate::clock::{Clock, ManualClock, UnixTime};
use crate::simulator::Fault;
use crate::simulator::identity_provider::{
    Algorithm, Client, IdentityProvider, Parameters, SigningKey, SigningKeys, User, start,
};

fn provider() -> (IdentityProvider, ManualClock) {
    let (clock, time) = Clock::manual(UnixTime::from_seconds(NOW));
    let provider = start(Parameters {
        listener: listener(),
        clock,
        audience: "room-broker".to_owned(),
        introspection_client: Client {
            id: "broker".to_owned(),
            secret: "introspect".to_owned(),
        },
        token_ttl: Duration::from_secs(300),
        keys: SigningKeys::generate().unwrap(),
    });
    (provider.unwrap(), time)
}

async fn get(provider: &IdentityProvider, path: &str) -> (u16, Value) {
    let address = format!("{}{path}", provider.issuer());
    told(client().get(address).send().await.unwrap()).await
}

async fn introspected(provider: &IdentityProvider, token: &str) -> Value {
    let address = format!("{}/introspect", provider.issuer());
    let request = client()
        .post(address)
        .basic_auth("broker", Some("introspect"));
    told(request.form(&[("token", token)]).send().await.unwrap())
        .await
        .1
}

fn claims_of(token: &str) -> Value {
    let claims = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}

#[expect(
    clippy::disallowed_methods,
    reason = "checks with a library that the simulator does not sign with"
)]
fn verified(jwks: &Value, token: &str, algorithm: jsonwebtoken::Algorithm) -> bool {
    let jwks: JwkSet = serde_json::from_value(jwks.clone()).unwrap();
    let kid = jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
    let Some(jwk) = jwks.find(&kid) else {
        return false;
    };
    let mut validation = Validation::new(algorithm);
    validation.set_audience(&["room-broker"]);
    validation.validate_exp = false;
    let key = DecodingKey::from_jwk(jwk).unwrap();
    jsonwebtoken::decode::<Value>(token, &key, &validation).is_ok()
}

#[tokio::test]
async fn discovery_leads_to_keys_that_verify_every_algorithm() {
    let (provider, _) = provider();
    let (_, discovery) = get(&provider, "/.well-known/openid-configuration").await;
    assert_eq!(discovery["issuer"], provider.issuer());
    let jwks_uri = discovery["jwks_uri"].as_str().unwrap();
    let jwks = told(client().get(jwks_uri).send().await.unwrap()).await.1;
    for (algorithm, theirs) in [
        (Algorithm::Rs256, jsonwebtoken::Algorithm::RS256),
        (Algorithm::Es256, jsonwebtoken::Algorithm::ES256),
        (Algorithm::EdDsa, jsonwebtoken::Algorithm::EdDSA),
    ] {
        let token = provider.token(User::Ada, algorithm).unwrap();
        assert!(verified(&jwks, &token, theirs), "{algorithm:?}");
        let claims = claims_of(&token);
        assert_eq!(claims["iss"], provider.issuer());
        assert_eq!(
            (&claims["iat"], &claims["exp"]),
            (&json!(NOW), &json!(NOW + 300))
        );
        assert_eq!(claims["groups"], json!(["teacher:101", "staff"]));
    }
    let controls = provider.controls();
    assert_eq!(
        (
            controls.count("discovery").calls,
            controls.count("jwks").calls
        ),
        (1, 1)
    );
}

#[test]
fn every_other_algorithm_signs_what_its_own_public_key_verifies() {
    for (algorithm, theirs) in [
        (Algorithm::Rs384, jsonwebtoken::Algorithm::RS384),
        (Algorithm::Rs512, jsonwebtoken::Algorithm::RS512),
        (Algorithm::Ps256, jsonwebtoken::Algorithm::PS256),
        (Algorithm::Ps384, jsonwebtoken::Algorithm::PS384),
        (Algorithm::Ps512, jsonwebtoken::Algorithm::PS512),
        (Algorithm::Es384, jsonwebtoken::Algorithm::ES384),
    ] {
        let key = SigningKey::generate("k", algorithm).unwrap();
        let header = json!({ "alg": algorithm.name(), "kid": "k" });
        let claims = json!({ "aud": "room-broker", "exp": 1 });
        let token = key
            .signed(&header.to_string(), &claims.to_string())
            .unwrap();
        assert!(
            verified(&json!({ "keys": [key.jwk()] }), &token, theirs),
            "{algorithm:?}"
        );
    }
}

#[test]
fn public_keys_are_given_as_pem() {
    let cases: [(Algorithm, &dyn VerificationAlgorithm); 3] = [
        (Algorithm::Rs256, &RSA_PKCS1_2048_8192_SHA256),
        (Algorithm::Es256, &ECDSA_P256_SHA256_FIXED),
        (Algorithm::EdDsa, &ED25519),
    ];
    for (algorithm, theirs) in cases {
        let key = SigningKey::generate("k", algorithm).unwrap();
        let pem = key.public_key_pem().unwrap();
        assert!(pem.lines().all(|line| line.len() <= 64), "{pem}");
        let body: String = pem.lines().filter(|line| !line.starts_with("--")).collect();
        let der = base64::engine::general_purpose::STANDARD
            .decode(body)
            .unwrap();
        let token = key.signed("{}", "{}").unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let verified = UnparsedPublicKey::new(theirs, der).verify(signed.as_bytes(), &signature);
        assert!(verified.is_ok(), "{algorithm:?}");
    }
}

#[tokio::test]
async fn anybody_gets_a_demo_users_token_in_the_asked_form() {
    let (provider, _) = provider();
    let (status, answer) = get(&provider, "/demo/token?user=ben&alg=ES256&expires_in=60").await;
    assert_eq!((status, &answer["expires_in"]), (200, &json!(60)));
    let claims = claims_of(answer["access_token"].as_str().unwrap());
    assert_eq!(
        (&claims["sub"], &claims["exp"]),
        (&json!("ben"), &json!(NOW + 60))
    );
    let (_, text) = get(&provider, "/demo/token?user=ada&format=text").await;
    assert_eq!(claims_of(text.as_str().unwrap())["name"], "Ada Winter");
    for query in [
        "",
        "?user=eve",
        "?user=ada&alg=none",
        "?user=ada&expires_in=soon",
    ] {
        assert_eq!(
            get(&provider, &format!("/demo/token{query}")).await.0,
            400,
            "{query}"
        );
    }
    let (_, page) = get(&provider, "/").await;
    assert!(
        page.as_str()
            .unwrap()
            .contains("/demo/token?user=cleo&amp;format=text")
    );
}

#[tokio::test]
async fn introspection_knows_active_expired_revoked_and_strange_tokens() {
    let (provider, time) = provider();
    let (_, opaque) = get(&provider, "/demo/token?user=ada&kind=opaque&format=text").await;
    let opaque = opaque.as_str().unwrap();
    let told_about = introspected(&provider, opaque).await;
    assert_eq!(
        (&told_about["active"], &told_about["sub"]),
        (&json!(true), &json!("ada"))
    );
    let signed = provider.token(User::Ben, Algorithm::Rs256).unwrap();
    assert_eq!(introspected(&provider, &signed).await["sub"], "ben");
    let inactive = json!({ "active": false });
    assert_eq!(introspected(&provider, "strange").await, inactive);
    provider.revoke(&signed);
    assert_eq!(introspected(&provider, &signed).await, inactive);
    time.advance(Duration::from_secs(300));
    assert_eq!(introspected(&provider, opaque).await, inactive);

    let address = format!("{}/introspect", provider.issuer());
    let body = [
        ("token", opaque),
        ("client_id", "broker"),
        ("client_secret", "wrong"),
    ];
    let refused = client().post(&address).form(&body).send().await.unwrap();
    assert_eq!(refused.status(), 401);
    let body = [
        ("token", opaque),
        ("client_id", "broker"),
        ("client_secret", "introspect"),
    ];
    let answered = client().post(&address).form(&body).send().await.unwrap();
    assert_eq!(answered.status(), 200);
}

#[tokio::test]
async fn rotated_and_withdrawn_keys_still_sign_but_are_not_published() {
    let (provider, _) = provider();
    let before = provider.token(User::Ada, Algorithm::Rs256).unwrap();
    let old_kid = provider
        .with_keys(|keys| keys.kid_for(Algorithm::Rs256))
        .unwrap();
    provider.with_keys(SigningKeys::rotate).unwrap();
    let (_, jwks) = get(&provider, "/jwks").await;
    let after = provider.token(User::Ada, Algorithm::Rs256).unwrap();
    assert!(!verified(&jwks, &before, jsonwebtoken::Algorithm::RS256));
    assert!(verified(&jwks, &after, jsonwebtoken::Algorithm::RS256));
    assert!(provider.sign(&old_kid, &json!({}), &json!({})).is_ok());
    assert!(provider.sign("nobody", &json!({}), &json!({})).is_err());
    let added = provider
        .with_keys(|keys| keys.add(Algorithm::Ps256))
        .unwrap();
    assert_eq!(
        get(&provider, "/jwks").await.1["keys"]
            .as_array()
            .unwrap()
            .len(),
        4
    );
    provider.with_keys(|keys| keys.withdraw(&added));
    assert_eq!(
        get(&provider, "/jwks").await.1["keys"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
}

#[tokio::test]
async fn odd_tokens_are_signed_as_they_are_asked_for() {
    let (provider, _) = provider();
    let kid = provider
        .with_keys(|keys| keys.kid_for(Algorithm::Es256))
        .unwrap();
    let header = json!({ "typ": null, "crit": ["b64"], "kid": "another" });
    let token = provider
        .sign(&kid, &header, &json!({ "exp": "tomorrow" }))
        .unwrap();
    let told = URL_SAFE_NO_PAD
        .decode(token.split('.').next().unwrap())
        .unwrap();
    let told: Value = serde_json::from_slice(&told).unwrap();
    assert_eq!(
        told,
        json!({ "alg": "ES256", "crit": ["b64"], "kid": "another" })
    );
    let twice = r#"{"sub":"a","sub":"b"}"#;
    let token = provider
        .sign_raw(&kid, r#"{"alg":"ES256"}"#, twice)
        .unwrap();
    let claims = URL_SAFE_NO_PAD
        .decode(token.split('.').nth(1).unwrap())
        .unwrap();
    assert_eq!(claims, twice.as_bytes());
}

#[tokio::test]
async fn the_provider_fails_on_request_and_goes_down_and_comes_back() {
    let (provider, _) = provider();
    provider
        .controls()
        .fail("jwks", Fault::json(&json!({ "keys": "none" })).times(1));
    assert_eq!(get(&provider, "/jwks").await.1, json!({ "keys": "none" }));
    provider.controls().fail("*", Fault::html().times(1));
    assert!(
        get(&provider, "/.well-known/openid-configuration")
            .await
            .1
            .is_string()
    );
    provider.take_down().await.unwrap();
    let refused = client().get(provider.issuer()).send().await.unwrap_err();
    assert!(refused.is_connect());
    provider.bring_up().await.unwrap();
    assert_eq!(get(&provider, "/jwks").await.0, 200);
}
