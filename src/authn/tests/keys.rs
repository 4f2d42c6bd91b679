//! How an issuer's published keys are fetched, kept and dropped.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::authn::testing::*;
use crate::authn::*;

const DISCOVERY: &str = "/.well-known/openid-configuration";

fn bench(provider: &TestProvider) -> Bench {
    Bench::new(parameters(vec![provider.issuer()]))
}

#[tokio::test]
async fn a_signed_token_makes_a_principal_and_the_second_time_asks_nobody() {
    let (provider, key) = (TestProvider::start(), TestKey::es256("k1"));
    provider.publish(&[&key.jwk]);
    let bench = bench(&provider);
    let token = key.token(&provider.claims());
    assert!(!bench.authenticator.is_ready());
    assert_eq!(bench.try_token(&token).await, Ok("u1".to_owned()));
    assert!(bench.authenticator.is_ready() && bench.remembers(&token));
    assert_eq!(provider.fetches(), 1);
    bench.time.advance(Duration::from_secs(630));
    assert!(!bench.remembers(&token), "exp and the leeway have passed");
    assert_eq!(bench.try_token(&token).await, Err("expired"));
}

#[tokio::test]
async fn ten_thousand_unknown_keys_in_thirty_seconds_cause_two_fetches_at_most() {
    let (provider, known, unknown) = (
        TestProvider::start(),
        TestKey::es256("k1"),
        TestKey::es256("k2"),
    );
    provider.publish(&[&known.jwk]);
    let bench = bench(&provider);
    bench
        .try_token(&known.token(&provider.claims()))
        .await
        .unwrap();
    let mut header = unknown.header();
    for n in 0..10_000 {
        header["kid"] = json!(format!("unknown-{n}"));
        let token = format!("{}.e30.AAAA", base64url(&header));
        let token = token.replacen("e30", &base64url(&provider.claims()), 1);
        assert_eq!(bench.try_token(&token).await, Err("unknown-key"));
        bench.time.advance(Duration::from_micros(2900));
    }
    assert_eq!(provider.fetches(), 2);
    provider.publish(&[&known.jwk, &unknown.jwk]);
    bench.time.advance(Duration::from_secs(30));
    let token = unknown.token(&provider.claims());
    assert_eq!(bench.try_token(&token).await, Ok("u1".to_owned()));
    assert_eq!(provider.fetches(), 3);
}

fn base64url(value: &Value) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string())
}

#[tokio::test]
async fn failing_and_empty_sets_count_for_the_cool_down_and_are_not_the_users_fault() {
    let (provider, key) = (TestProvider::start(), TestKey::es256("k1"));
    let bench = bench(&provider);
    let token = key.token(&provider.claims());
    for _ in 0..20 {
        assert_eq!(bench.try_token(&token).await, Err("provider-unavailable"));
    }
    assert_eq!(provider.asked(DISCOVERY).len(), 1);
    provider.publish(&[]);
    bench.time.advance(Duration::from_secs(30));
    for _ in 0..20 {
        assert_eq!(bench.try_token(&token).await, Err("provider-unavailable"));
    }
    assert_eq!(provider.fetches(), 1);
    provider.publish(&[&key.jwk]);
    bench.time.advance(Duration::from_secs(30));
    assert_eq!(bench.try_token(&token).await, Ok("u1".to_owned()));
}

#[tokio::test]
async fn a_hundred_first_requests_cause_one_fetch_even_if_the_first_caller_hangs_up() {
    let (provider, key) = (TestProvider::start(), TestKey::es256("k1"));
    provider.publish(&[&key.jwk]);
    provider.open(false);
    let bench = bench(&provider);
    let token = key.token(&provider.claims());
    tokio::select! {
        _ = bench.try_token(&token) => panic!("the provider has not answered"),
        () = until(|| !provider.asked(DISCOVERY).is_empty()) => {}
    }
    let all = join_all((0..100).map(|_| bench.try_token(&token)));
    let opened = async { provider.open(true) };
    let (all, ()) = tokio::join!(all, opened);
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(
        (provider.asked(DISCOVERY).len(), provider.fetches()),
        (1, 1)
    );
}

#[tokio::test]
async fn known_keys_serve_through_an_outage_until_their_maximum_age() {
    let (provider, key) = (TestProvider::start(), TestKey::es256("k1"));
    provider.publish(&[&key.jwk]);
    let bench = bench(&provider);
    let far = NOW.seconds() + 20 * 3600;
    let mut claims = provider.claims();
    claims["exp"] = json!(far);
    let (seen, unseen) = (key.token(&claims), key.token(&claims));
    bench.try_token(&seen).await.unwrap();
    provider.set(DISCOVERY, 500, &json!("down"));
    bench.time.advance(Duration::from_secs(3599));
    assert_eq!(bench.try_token(&unseen).await, Ok("u1".to_owned()));
    let stranger = TestKey::es256("k2").token(&claims);
    assert_eq!(
        bench.try_token(&stranger).await,
        Err("provider-unavailable")
    );
    bench.time.advance(Duration::from_secs(1));
    assert!(!bench.remembers(&seen), "its key is not believed any more");
    assert!(!bench.authenticator.is_ready());
    let value = format!("Bearer {seen}");
    let bearer = Bearer::parse(value.as_bytes(), 8192).unwrap();
    let error = bench.authenticator.authenticate(bearer).await.unwrap_err();
    let AuthnError::ProviderUnavailable { retry_after, .. } = error else {
        panic!("{error}")
    };
    assert!(retry_after > Duration::ZERO && retry_after <= Duration::from_secs(30));
    provider.publish(&[&key.jwk]);
    bench.time.advance(Duration::from_secs(30));
    assert_eq!(bench.try_token(&seen).await, Ok("u1".to_owned()));
}

#[tokio::test]
async fn a_due_refresh_delays_nobody_and_a_removed_key_takes_its_tokens_with_it() {
    let (provider, old, new) = (
        TestProvider::start(),
        TestKey::es256("k1"),
        TestKey::es256("k2"),
    );
    provider.publish(&[&old.jwk, &new.jwk]);
    let bench = bench(&provider);
    let mut claims = provider.claims();
    claims["exp"] = json!(NOW.seconds() + 3600);
    let (of_old, of_new) = (old.token(&claims), new.token(&claims));
    bench.try_token(&of_old).await.unwrap();
    bench.try_token(&of_new).await.unwrap();
    provider.publish(&[&new.jwk]);
    provider.open(false);
    bench.time.advance(Duration::from_secs(600));
    let third = new.token(&claims);
    assert_eq!(
        bench.try_token(&third).await,
        Ok("u1".to_owned()),
        "while the provider hangs"
    );
    assert!(bench.remembers(&of_old));
    provider.open(true);
    until(|| !bench.remembers(&of_old)).await;
    assert!(bench.remembers(&of_new) && bench.remembers(&third));
    assert_eq!(bench.try_token(&of_old).await, Err("unknown-key"));
    bench.time.advance(Duration::from_secs(3010));
    assert!(
        bench.remembers(&of_new),
        "the age of its key counts from the refresh"
    );
}

#[tokio::test]
async fn a_key_changed_under_its_name_is_noticed_by_one_refetch() {
    let (provider, old, new) = (
        TestProvider::start(),
        TestKey::es256("k1"),
        TestKey::es256("k1"),
    );
    provider.publish(&[&old.jwk]);
    let bench = bench(&provider);
    bench
        .try_token(&old.token(&provider.claims()))
        .await
        .unwrap();
    provider.publish(&[&new.jwk]);
    assert_eq!(
        bench.try_token(&new.token(&provider.claims())).await,
        Ok("u1".to_owned())
    );
    assert_eq!(provider.fetches(), 2);
    let forged = TestKey::es256("k1").token(&provider.claims());
    for _ in 0..20 {
        assert_eq!(bench.try_token(&forged).await, Err("signature"));
    }
    assert_eq!(provider.fetches(), 2);
}

#[tokio::test]
async fn a_token_without_a_key_id_needs_exactly_one_fitting_key() {
    let (provider, one, two) = (
        TestProvider::start(),
        TestKey::es256("k1"),
        TestKey::es256("k2"),
    );
    let rsa = TestKey::new("k3", jsonwebtoken::Algorithm::RS256);
    provider.publish(&[&one.jwk, &rsa.jwk]);
    let bench = bench(&provider);
    let nameless = one.token_with(&json!({ "alg": "ES256", "typ": "JWT" }), &provider.claims());
    assert_eq!(bench.try_token(&nameless).await, Ok("u1".to_owned()));
    let mismatched = one.token_with(
        &json!({ "alg": "ES256", "typ": "JWT", "kid": "k3" }),
        &provider.claims(),
    );
    assert_eq!(bench.try_token(&mismatched).await, Err("algorithm"));
    provider.publish(&[&one.jwk, &two.jwk]);
    let stranger = two.token(&provider.claims());
    assert_eq!(bench.try_token(&stranger).await, Ok("u1".to_owned()));
    let nameless = one.token_with(
        &json!({ "typ": "JWT", "alg": "ES256" , "x": 1}),
        &provider.claims(),
    );
    assert_eq!(bench.try_token(&nameless).await, Err("ambiguous-key"));
}

#[tokio::test]
async fn a_discovery_document_that_is_not_the_issuers_own_brings_no_keys() {
    let key = TestKey::es256("k1");
    let cases: [fn(&TestProvider) -> Value; 6] = [
        |p| json!({ "issuer": format!("{}/", p.origin), "jwks_uri": format!("{}/keys", p.origin) }),
        |p| json!({ "jwks_uri": format!("{}/keys", p.origin) }),
        |p| json!({ "issuer": p.origin }),
        |p| json!({ "issuer": p.origin, "jwks_uri": "http://keys.example/" }),
        |p| json!({ "issuer": p.origin, "jwks_uri": "file:///etc/passwd" }),
        |p| json!({ "issuer": p.origin, "jwks_uri": p.origin.replace("//", "//user:pass@") + "/keys" }),
    ];
    for document in cases {
        let provider = TestProvider::start();
        provider.publish(&[&key.jwk]);
        provider.set(DISCOVERY, 200, &document(&provider));
        let bench = bench(&provider);
        let outcome = bench.try_token(&key.token(&provider.claims())).await;
        assert_eq!(
            outcome,
            Err("provider-unavailable"),
            "{}",
            document(&provider)
        );
        assert_eq!(provider.fetches(), 0, "{}", document(&provider));
    }
}

#[tokio::test]
async fn redirects_are_not_followed_and_endless_answers_not_read() {
    let key = TestKey::es256("k1");
    for (status, body) in [
        (302, json!({ "keys": [key.jwk] })),
        (
            200,
            json!({ "keys": [key.jwk], "more": "x".repeat(300_000) }),
        ),
        (200, json!("not a set")),
    ] {
        let provider = TestProvider::start();
        provider.publish(&[&key.jwk]);
        provider.set("/elsewhere", 200, &json!({ "keys": [key.jwk] }));
        provider.set("/keys", status, &body);
        let bench = bench(&provider);
        let outcome = bench.try_token(&key.token(&provider.claims())).await;
        assert_eq!(
            (outcome, provider.asked("/elsewhere").len()),
            (Err("provider-unavailable"), 0)
        );
    }
}

#[tokio::test]
async fn an_operator_sees_which_keys_cannot_be_used_and_why() {
    let (provider, key) = (TestProvider::start(), TestKey::es256("k1"));
    let bench = bench(&provider);
    let [report] = &bench.authenticator.check_providers().await[..] else {
        panic!("one issuer publishes keys")
    };
    let error = report.error.as_ref().unwrap();
    assert!(
        matches!(error, FetchError::Discovery(ExchangeError::Status(404))),
        "{error}"
    );
    provider.publish(&[&key.jwk, &json!({ "kty": "oct", "kid": "k2" })]);
    let [report] = &bench.authenticator.check_providers().await[..] else {
        panic!("one issuer publishes keys")
    };
    let skipped = Skipped {
        kid: Some("k2".to_owned()),
        fault: KeyFault::Symmetric,
    };
    assert_eq!(
        (report.usable, report.skipped.as_slice()),
        (1, &[skipped][..])
    );
    assert!(!bench.authenticator.is_ready(), "looking changes nothing");
}

#[tokio::test]
async fn keys_and_addresses_in_a_header_are_not_even_looked_at() {
    let (provider, listener) = (TestProvider::start(), TestProvider::start());
    let (known, own) = (TestKey::es256("k1"), TestKey::es256("k1"));
    provider.publish(&[&known.jwk]);
    listener.publish(&[&own.jwk]);
    let bench = bench(&provider);
    let mut header = own.header();
    header["jwk"] = own.jwk.clone();
    header["jku"] = json!(format!("{}/keys", listener.origin));
    header["x5u"] = json!(format!("{}/certificate", listener.origin));
    header["x5c"] = json!(["AAAA"]);
    let outcome = bench
        .try_token(&own.token_with(&header, &provider.claims()))
        .await;
    assert_eq!((outcome, listener.fetches()), (Err("signature"), 0));
    let outcome = bench
        .try_token(&known.token_with(&header, &provider.claims()))
        .await;
    assert_eq!(
        (outcome, listener.asked("/certificate").len()),
        (Ok("u1".to_owned()), 0)
    );
}

#[tokio::test]
async fn keys_are_fetched_at_start_without_any_request_and_again_until_they_come() {
    let (provider, key) = (TestProvider::start(), TestKey::es256("k1"));
    let bench = bench(&provider);
    bench.authenticator.warm_up();
    until(|| !provider.asked(DISCOVERY).is_empty()).await;
    assert!(!bench.authenticator.is_ready());
    provider.publish(&[&key.jwk]);
    bench.time.advance(Duration::from_secs(15));
    until(|| bench.authenticator.is_ready()).await;
    let weak = std::sync::Arc::downgrade(&bench.authenticator);
    drop(bench);
    until(|| weak.upgrade().is_none()).await;
}
