//! What a provider publishes: one bad key never takes the others with it, and a bad document
//! takes nothing.

use room_broker::simulator::Fault;
use room_broker::simulator::identity_provider::{Algorithm, SigningKey, User};
use serde_json::{Value, json};

use super::{
    Scene, assert_nobody_came, assert_provider_unavailable, assert_status, redirect_to, trap,
};

/// Starts with these answers of the provider, and expects that nobody is let in.
async fn assert_no_keys(what: &str, operation: &str, fault: Fault) {
    let scene = Scene::start(
        async |provider| provider.controls().fail(operation, fault),
        "",
    )
    .await;
    let answer = scene.join(&scene.token()).await;
    assert_provider_unavailable(what, &answer);
    assert!(!scene.is_ready().await, "{what}");
}

#[tokio::test]
async fn a_discovery_document_of_another_issuer_is_not_believed() {
    let (trap, url) = trap();
    for (what, document) in [
        (
            "another issuer",
            json!({ "issuer": "https://elsewhere.example", "jwks_uri": url }),
        ),
        (
            "a slash more",
            json!({ "issuer": "{issuer}/", "jwks_uri": url }),
        ),
        ("no issuer", json!({ "jwks_uri": url })),
        (
            "a list of issuers",
            json!({ "issuer": ["{issuer}"], "jwks_uri": url }),
        ),
        ("no key set", json!({ "issuer": "{issuer}" })),
        (
            "no object",
            json!([{ "issuer": "{issuer}", "jwks_uri": url }]),
        ),
    ] {
        let scene = Scene::start(
            async |provider| {
                let document = document.to_string().replace("{issuer}", provider.issuer());
                let fault = Fault::answer("application/json", &document);
                provider.controls().fail("discovery", fault);
            },
            "",
        )
        .await;
        assert_provider_unavailable(what, &scene.join(&scene.token()).await);
        assert_eq!(scene.fetches(), 0, "{what}");
    }
    assert_nobody_came(&trap);
}

#[tokio::test]
async fn a_key_set_is_fetched_over_https_or_loopback_alone() {
    for url in [
        "http://id.school.example/keys",
        "http://127.0.0.1.nip.example/keys",
        "file:///etc/passwd",
        "ftp://127.0.0.1/keys",
        "gopher://127.0.0.1/",
        "https://user:password@127.0.0.1/keys",
        "//127.0.0.1/keys",
        "/jwks",
        "",
    ] {
        let scene = Scene::start(
            async |provider| {
                let document = json!({ "issuer": provider.issuer(), "jwks_uri": url });
                provider
                    .controls()
                    .fail("discovery", Fault::json(&document));
            },
            "",
        )
        .await;
        assert_provider_unavailable(url, &scene.join(&scene.token()).await);
    }
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let (trap, url) = trap();
    for operation in ["discovery", "jwks"] {
        assert_no_keys(operation, operation, redirect_to(&url)).await;
    }
    assert_nobody_came(&trap);
}

#[tokio::test]
async fn a_document_that_cannot_be_used_brings_no_keys() {
    for (what, fault) in [
        ("HTML", Fault::html()),
        ("empty", Fault::empty()),
        ("null", Fault::json(&Value::Null)),
        ("a list", Fault::json(&json!([]))),
        ("text for keys", Fault::json(&json!({ "keys": "none" }))),
        ("no keys", Fault::json(&json!({ "keys": [] }))),
        (
            "nothing usable",
            Fault::json(&json!({ "keys": [null, 1, {}, { "kty": "oct", "k": "AA" }] })),
        ),
        ("ten megabytes", Fault::oversized()),
        ("a server error", Fault::status(500)),
        ("not found", Fault::status(404)),
        ("forbidden", Fault::status(403)),
    ] {
        assert_no_keys(what, "jwks", fault).await;
    }
}

/// A key of its own, and how it is published.
fn published(
    kid: &str,
    algorithm: Algorithm,
    change: impl FnOnce(&mut Value),
) -> (SigningKey, Value) {
    let key = SigningKey::generate(kid, algorithm).unwrap();
    let mut jwk = key.jwk();
    change(&mut jwk);
    (key, jwk)
}

/// Keys that must not be used, each with what is wrong about it.
fn unusable() -> Vec<(SigningKey, Value)> {
    let rsa = Algorithm::Rs256;
    let ec = Algorithm::Es256;
    let set = |name: &'static str, value: Value| move |jwk: &mut Value| jwk[name] = value;
    vec![
        published("for-encryption", rsa, set("use", json!("enc"))),
        published("use-is-a-list", rsa, set("use", json!(["sig"]))),
        published(
            "ops-without-verify",
            rsa,
            set("key_ops", json!(["encrypt", "wrapKey"])),
        ),
        published("ops-is-text", rsa, set("key_ops", json!("verify"))),
        published("for-another-algorithm", rsa, set("alg", json!("RS512"))),
        published("for-encryption-by-alg", rsa, set("alg", json!("RSA-OAEP"))),
        published("for-hmac-by-alg", rsa, set("alg", json!("HS256"))),
        published("alg-is-a-number", rsa, set("alg", json!(256))),
        published("private", rsa, set("d", json!("AQAB"))),
        published("short", rsa, |jwk| {
            let modulus = jwk["n"].as_str().unwrap();
            jwk["n"] = json!(format!("{}AQ", modulus.split_at(168).0));
        }),
        published("no-modulus", rsa, set("n", Value::Null)),
        published("padded-modulus", rsa, |jwk| {
            jwk["n"] = json!(format!("{}==", jwk["n"].as_str().unwrap()));
        }),
        published("even-exponent", rsa, set("e", json!("AQAA"))),
        published("symmetric", ec, |jwk| {
            *jwk = json!({ "kty": "oct", "kid": "symmetric", "k": "c2VjcmV0", "alg": "HS256" });
        }),
        published("off-the-curve", ec, |jwk| jwk["y"] = jwk["x"].clone()),
        published("short-point", ec, |jwk| {
            jwk["x"] = json!(jwk["x"].as_str().unwrap().split_at(40).0);
        }),
        published("of-another-curve", ec, set("crv", json!("P-384"))),
        published("of-an-unknown-curve", ec, set("crv", json!("secp256k1"))),
        published("of-an-unknown-type", ec, set("kty", json!("AKP"))),
        published("kid-is-a-number", ec, set("kid", json!(7))),
    ]
}

#[tokio::test]
async fn a_bad_key_is_skipped_and_the_others_work() {
    let (good, good_jwk) = published("good", Algorithm::Es256, |_jwk| {});
    let (twin, mut twin_jwk) = published("good", Algorithm::Rs256, |_jwk| {});
    twin_jwk["alg"] = Value::Null;
    twin_jwk.as_object_mut().unwrap().remove("alg");
    let (last, last_jwk) = published("last", Algorithm::EdDsa, |_jwk| {});
    let bad = unusable();
    let mut keys = vec![Value::Null, json!([]), json!("key"), good_jwk];
    keys.extend(bad.iter().map(|(_, jwk)| jwk.clone()));
    keys.extend([twin_jwk, last_jwk]);
    let set = json!({ "keys": keys });
    let scene = Scene::start(
        async |provider| provider.controls().fail("jwks", Fault::json(&set)),
        "",
    )
    .await;
    scene.app.until_ready().await;
    let claims = scene.provider.claims(User::Ada).to_string();
    let signed = |key: &SigningKey| {
        let header = json!({ "alg": key.algorithm().name(), "kid": key.kid(), "typ": "JWT" });
        key.signed(&header.to_string(), &claims).unwrap()
    };
    for key in [&good, &last] {
        assert_status(key.kid(), &scene.join(&signed(key)).await, 200);
    }
    for (key, _) in &bad {
        assert_status(key.kid(), &scene.join(&signed(key)).await, 401);
    }
    assert_status(
        "the second of one kid",
        &scene.join(&signed(&twin)).await,
        401,
    );
}

#[tokio::test]
async fn a_set_of_too_many_keys_is_read_to_a_bound() {
    let (first, first_jwk) = published("first", Algorithm::Es256, |_jwk| {});
    let (beyond, beyond_jwk) = published("beyond", Algorithm::Es256, |_jwk| {});
    let mut keys = vec![first_jwk];
    keys.extend((0..99).map(|n| json!({ "kty": "oct", "kid": n.to_string() })));
    keys.push(beyond_jwk);
    let set = json!({ "keys": keys });
    let scene = Scene::start(
        async |provider| provider.controls().fail("jwks", Fault::json(&set)),
        "",
    )
    .await;
    scene.app.until_ready().await;
    for (key, status) in [(first, 200), (beyond, 401)] {
        let header = json!({ "alg": "ES256", "kid": key.kid(), "typ": "JWT" }).to_string();
        let claims = scene.provider.claims(User::Ada).to_string();
        let token = key.signed(&header, &claims).unwrap();
        assert_status(key.kid(), &scene.join(&token).await, status);
    }
}

#[tokio::test]
async fn a_token_without_a_key_id_fits_one_key_or_none() {
    let scene = Scene::start(async |_provider| {}, "").await;
    scene.app.until_ready().await;
    let kid = scene
        .provider
        .with_keys(|keys| keys.kid_for(Algorithm::Rs256))
        .unwrap();
    let claims = scene.provider.claims(User::Ada);
    let nameless = scene
        .provider
        .sign(&kid, &json!({ "kid": null }), &claims)
        .unwrap();
    assert_status("one RSA key", &scene.join(&nameless).await, 200);
    scene
        .provider
        .with_keys(|keys| keys.add(Algorithm::Rs256))
        .unwrap();
    scene.advance(super::COOLDOWN + super::SECOND);
    // The second RSA key becomes known by the token that it signed.
    let second = scene.provider.with_keys(|keys| keys.jwks());
    let second = second["keys"].as_array().unwrap().last().unwrap()["kid"].clone();
    let named = scene
        .provider
        .sign(second.as_str().unwrap(), &json!({}), &claims)
        .unwrap();
    assert_status("the second RSA key", &scene.join(&named).await, 200);
    let ambiguous = json!({ "kid": null, "x": 1 });
    let ambiguous = scene.provider.sign(&kid, &ambiguous, &claims).unwrap();
    assert_status("two RSA keys", &scene.join(&ambiguous).await, 401);
}
