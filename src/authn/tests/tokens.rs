//! Which tokens hold, with configured keys.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use jsonwebtoken::Algorithm as Signed;
use serde_json::json;

use crate::authn::testing::*;
use crate::authn::*;

const SECRET: [u8; 32] = [7; 32];

fn fixed(keys: Vec<VerificationKey>, algorithms: &[Algorithm]) -> Bench {
    let keys = KeySource::Fixed(Arc::from(keys));
    Bench::new(parameters(vec![issuer(keys, algorithms)]))
}

fn shared(secret: &[u8]) -> Bench {
    let key = VerificationKey::from_secret(secret, &[Algorithm::Hs256]).unwrap();
    fixed(vec![key], &[Algorithm::Hs256])
}

#[tokio::test]
async fn every_algorithm_verifies_what_another_library_signed_and_no_other_does() {
    for (signed, algorithm) in [
        (Signed::RS256, Algorithm::Rs256),
        (Signed::RS384, Algorithm::Rs384),
        (Signed::RS512, Algorithm::Rs512),
        (Signed::PS256, Algorithm::Ps256),
        (Signed::PS384, Algorithm::Ps384),
        (Signed::PS512, Algorithm::Ps512),
        (Signed::ES256, Algorithm::Es256),
        (Signed::ES384, Algorithm::Es384),
        (Signed::EdDSA, Algorithm::EdDsa),
    ] {
        let key = TestKey::new("k", signed);
        let bench = fixed(
            VerificationKey::from_pem(&key.pem, &[algorithm]).unwrap(),
            &[algorithm],
        );
        let token = key.token(&claims());
        assert_eq!(
            bench.try_token(&token).await,
            Ok("u1".to_owned()),
            "{algorithm:?}"
        );
        let other = TestKey::new("k", signed).token(&claims());
        assert_eq!(
            bench.try_token(&other).await,
            Err("signature"),
            "{algorithm:?}"
        );
        let mut lying = key.header();
        lying["alg"] = json!("HS256");
        let lying = key.token_with(&lying, &claims());
        assert_eq!(
            bench.try_token(&lying).await,
            Err("algorithm"),
            "{algorithm:?}"
        );
    }
    for (signed, algorithm) in [
        (Signed::HS256, Algorithm::Hs256),
        (Signed::HS384, Algorithm::Hs384),
        (Signed::HS512, Algorithm::Hs512),
    ] {
        let key = VerificationKey::from_secret(&SECRET, &[algorithm]).unwrap();
        let bench = fixed(vec![key], &[algorithm]);
        let token = TestKey::secret_for(&SECRET, signed).token(&claims());
        assert_eq!(
            bench.try_token(&token).await,
            Ok("u1".to_owned()),
            "{algorithm:?}"
        );
    }
}

#[tokio::test]
async fn es512_verifies_too() {
    let key = EcdsaKeyPair::generate(&ECDSA_P521_SHA512_FIXED_SIGNING).unwrap();
    let (x, y) = key.public_key().as_ref()[1..].split_at(66);
    let jwk = json!({ "kty": "EC", "crv": "P-521", "kid": "k", "x": BASE64URL.encode(x), "y": BASE64URL.encode(y) });
    let provider = TestProvider::start();
    provider.publish(&[&jwk]);
    let mut issuer = provider.issuer();
    issuer.algorithms = vec![Algorithm::Es512];
    let bench = Bench::new(parameters(vec![issuer]));
    let header = BASE64URL.encode(br#"{"alg":"ES512","typ":"JWT","kid":"k"}"#);
    let signed = format!(
        "{header}.{}",
        BASE64URL.encode(provider.claims().to_string())
    );
    let random = aws_lc_rs::rand::SystemRandom::new();
    let signature = key.sign(&random, signed.as_bytes()).unwrap();
    let token = format!("{signed}.{}", BASE64URL.encode(signature));
    assert_eq!(bench.try_token(&token).await, Ok("u1".to_owned()));
}

#[tokio::test]
async fn a_public_key_is_never_taken_for_a_secret() {
    let key = TestKey::new("k", Signed::RS256);
    let bench = fixed(
        VerificationKey::from_pem(&key.pem, &[Algorithm::Rs256]).unwrap(),
        &[Algorithm::Rs256],
    );
    let forged = TestKey::secret(key.pem.as_bytes()).token(&claims());
    assert_eq!(bench.try_token(&forged).await, Err("algorithm"));
    let as_secret = VerificationKey::from_secret(key.pem.as_bytes(), &[Algorithm::Hs256]);
    assert_eq!(as_secret.unwrap_err(), KeyFault::SecretIsPublic);
    let short = VerificationKey::from_secret(&SECRET[1..], &[Algorithm::Hs256]);
    assert_eq!(short.unwrap_err(), KeyFault::SecretTooShort);
}

#[tokio::test]
async fn the_type_of_a_token_is_one_that_the_issuer_is_configured_with() {
    let (bench, key) = (shared(&SECRET), TestKey::secret(&SECRET));
    for (typ, outcome) in [
        (json!("JWT"), Ok("u1".to_owned())),
        (json!("application/jwt"), Ok("u1".to_owned())),
        (json!("at+jwt"), Err("token-type")),
        (json!("logout+jwt"), Err("token-type")),
        (json!(""), Err("token-type")),
    ] {
        let header = json!({ "alg": "HS256", "typ": typ });
        let token = key.token_with(&header, &claims());
        assert_eq!(bench.try_token(&token).await, outcome, "{typ}");
    }
    let untyped = key.token_with(&json!({ "alg": "HS256" }), &claims());
    assert_eq!(bench.try_token(&untyped).await, Err("token-type"));
    let mut lenient = bench.authenticator.parameters().clone();
    lenient.issuers[0].token_types = vec![String::new(), "logout+jwt".to_owned()];
    let lenient = Bench::new(lenient);
    assert_eq!(lenient.try_token(&untyped).await, Ok("u1".to_owned()));
    let logout = key.token_with(&json!({ "alg": "HS256", "typ": "logout+jwt" }), &claims());
    assert_eq!(lenient.try_token(&logout).await, Err("token-type"));
}

#[tokio::test]
async fn a_subject_that_cannot_be_one_is_refused() {
    let (bench, key) = (shared(&SECRET), TestKey::secret(&SECRET));
    for subject in [
        json!(null),
        json!(""),
        json!(7),
        json!(["u1"]),
        json!("a\u{202e}b"),
        json!("a".repeat(256)),
    ] {
        let token = key.token(&claims_but("sub", subject.clone()));
        assert_eq!(bench.try_token(&token).await, Err("subject"), "{subject}");
    }
    assert_eq!(bench.try_token("opaque").await, Err("malformed"));
    assert_eq!(bench.try_token("a.b.c.d.e").await, Err("encrypted"));
    assert_eq!(bench.try_token("a.b.c").await, Err("malformed"));
}

#[tokio::test]
async fn two_issuers_with_one_subject_are_two_people() {
    let key = || VerificationKey::from_secret(&SECRET, &[Algorithm::Hs256]).unwrap();
    let mut first = issuer(KeySource::Fixed(Arc::new([key()])), &[Algorithm::Hs256]);
    let mut second = first.clone();
    (first.user_id_prefix, second.user_id_prefix) = ("a:".to_owned(), "b:".to_owned());
    (second.name, second.issuer) = (Arc::from("other"), Arc::from("https://other.example"));
    let bench = Bench::new(parameters(vec![first, second]));
    let mut ids = Vec::new();
    for iss in ["https://id.example", "https://other.example"] {
        let token = TestKey::secret(&SECRET).token(&claims_but("iss", json!(iss)));
        let value = format!("Bearer {token}");
        let bearer = Bearer::parse(value.as_bytes(), 8192).unwrap();
        let principal = bench.authenticator.authenticate(bearer).await.unwrap();
        ids.push((
            principal.issuer_name().to_owned(),
            principal.user_id().as_str().to_owned(),
        ));
    }
    let expected = [("id", "a:u1"), ("other", "b:u1")];
    assert_eq!(
        ids,
        expected.map(|(name, id)| (name.to_owned(), id.to_owned()))
    );
}

#[tokio::test]
async fn a_reload_keeps_what_did_not_change_and_forgets_the_rest() {
    let bench = shared(&SECRET);
    let token = TestKey::secret(&SECRET).token(&claims());
    bench.try_token(&token).await.unwrap();
    let reloaded = |change: &dyn Fn(&mut Parameters)| {
        let mut parameters = bench.authenticator.parameters().clone();
        change(&mut parameters);
        let old = Some(bench.authenticator.as_ref());
        let authenticator =
            Authenticator::new(parameters, bench.clock.clone(), &bench.metrics, old);
        let value = format!("Bearer {token}");
        let bearer = Bearer::parse(value.as_bytes(), 8192).unwrap();
        authenticator.unwrap().authenticate_cached(bearer).is_ok()
    };
    assert!(reloaded(&|_| {}));
    assert!(!reloaded(
        &|parameters| parameters.issuers[0].audiences = vec!["other".to_owned()]
    ));
    assert!(!reloaded(&|parameters| parameters.issuers.clear()));
    assert!(!reloaded(&|parameters| parameters.leeway = Duration::ZERO));
    assert!(!reloaded(&|parameters| {
        let key = VerificationKey::from_secret(&[8; 32], &[Algorithm::Hs256]).unwrap();
        parameters.issuers[0].keys = KeySource::Fixed(Arc::new([key]));
    }));
    assert!(bench.remembers(&token), "the old one goes on");
}

#[tokio::test]
async fn nothing_secret_is_printed() {
    let secret = b"canary-canary-canary-canary-canary";
    let bench = shared(secret);
    let token = TestKey::secret(secret).token(&claims());
    bench.try_token(&token).await.unwrap();
    let printed = format!("{:?}", bench.authenticator);
    assert!(printed.contains("https://id.example") && !printed.contains("canary"));
    assert!(!printed.contains(&token));
}
