//! Tokens that only their issuer can read.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::header::HeaderValue;
use serde_json::{Value, json};

use crate::authn::testing::*;
use crate::authn::*;

fn bench(provider: &TestProvider, matches: Matches) -> Bench {
    let mut issuer = provider.issuer();
    let url = format!("{}/introspect", provider.origin);
    issuer.introspection = Some(IntrospectionParameters {
        url: ProviderUrl::parse(&url, LoopbackHttp::Allowed).unwrap(),
        authorization: HeaderValue::from_static("Basic YTpi"),
        positive_ttl: Duration::from_secs(60),
        negative_ttl: Duration::from_secs(10),
        matches,
    });
    Bench::new(parameters(vec![issuer]))
}

fn active(provider: &TestProvider) -> Value {
    let mut claims = provider.claims();
    claims["active"] = json!(true);
    claims
}

#[tokio::test]
async fn an_active_token_is_believed_for_a_short_time_and_asked_about_once() {
    let provider = TestProvider::start();
    provider.set("/introspect", 200, &active(&provider));
    let bench = bench(&provider, Matches::Opaque);
    assert!(bench.authenticator.is_ready());
    let all = join_all((0..50).map(|_| bench.try_token("opaque/token+1"))).await;
    assert!(all.iter().all(Result::is_ok));
    let asked = provider.asked("/introspect");
    assert_eq!(
        asked,
        ["Basic YTpi token=opaque%2Ftoken%2B1&token_type_hint=access_token"]
    );
    assert!(bench.remembers("opaque/token+1"));
    bench.time.advance(Duration::from_secs(60));
    assert!(!bench.remembers("opaque/token+1"));
    let mut ending = active(&provider);
    ending["exp"] = json!(NOW.seconds() + 60 + 10);
    provider.set("/introspect", 200, &ending);
    bench.try_token("ending").await.unwrap();
    bench.time.advance(Duration::from_secs(40));
    assert!(!bench.remembers("ending"), "exp is sooner than the limit");
}

#[tokio::test]
async fn whatever_is_not_plainly_active_and_ours_is_refused_and_remembered_briefly() {
    let cases: [(&str, Value, &str); 9] = [
        ("active", json!(false), "inactive"),
        ("active", json!("true"), "inactive"),
        ("active", json!(1), "inactive"),
        ("active", json!(null), "inactive"),
        ("iss", json!("https://other.example"), "issuer"),
        ("aud", json!("foreign"), "audience"),
        ("aud", json!(null), "audience"),
        ("exp", json!(1), "expired"),
        ("nbf", json!(NOW.seconds() + 3600), "not-yet-valid"),
    ];
    for (name, value, reason) in cases {
        let provider = TestProvider::start();
        let bench = bench(&provider, Matches::Opaque);
        let mut answer = active(&provider);
        answer[name] = value;
        if answer[name].is_null() {
            answer.as_object_mut().unwrap().remove(name);
        }
        provider.set("/introspect", 200, &answer);
        for _ in 0..3 {
            assert_eq!(bench.try_token("opaque").await, Err(reason), "{answer}");
        }
        assert_eq!(provider.asked("/introspect").len(), 1);
        provider.set("/introspect", 200, &active(&provider));
        bench.time.advance(Duration::from_secs(10));
        assert_eq!(bench.try_token("opaque").await, Ok("u1".to_owned()));
    }
}

#[tokio::test]
async fn a_failure_is_nobodys_answer() {
    let provider = TestProvider::start();
    let bench = bench(&provider, Matches::Opaque);
    for (status, body) in [
        (500, json!({})),
        (401, json!({ "active": true })),
        (302, json!({})),
        (200, json!([])),
    ] {
        provider.set("/introspect", status, &body);
        assert_eq!(
            bench.try_token("opaque").await,
            Err("provider-unavailable"),
            "{status} {body}"
        );
    }
    provider.set("/introspect", 200, &active(&provider));
    assert_eq!(bench.try_token("opaque").await, Ok("u1".to_owned()));
}

#[tokio::test]
async fn questions_under_way_are_bounded() {
    let provider = TestProvider::start();
    provider.set("/introspect", 200, &active(&provider));
    provider.open(false);
    let bench = bench(&provider, Matches::Opaque);
    let tokens: Vec<String> = (0..65).map(|n| format!("opaque-{n}")).collect();
    let all = join_all(tokens.iter().map(|token| bench.try_token(token)));
    let opened = async {
        until(|| provider.asked("/introspect").len() == 64).await;
        provider.open(true);
    };
    let (all, ()) = tokio::join!(all, opened);
    let refused: Vec<_> = all.into_iter().filter_map(Result::err).collect();
    assert_eq!(refused, ["provider-unavailable"]);
}

#[tokio::test]
async fn signed_tokens_are_verified_here_unless_all_are_asked_about() {
    let (provider, key) = (TestProvider::start(), TestKey::es256("k1"));
    provider.publish(&[&key.jwk]);
    provider.set("/introspect", 200, &json!({ "active": false }));
    let token = key.token(&provider.claims());
    assert_eq!(
        bench(&provider, Matches::Opaque).try_token(&token).await,
        Ok("u1".to_owned())
    );
    assert_eq!(provider.asked("/introspect").len(), 0);
    assert_eq!(
        bench(&provider, Matches::All).try_token(&token).await,
        Err("inactive")
    );
    assert_eq!(
        bench(&provider, Matches::All).try_token("a.b.c.d.e").await,
        Err("encrypted")
    );
}
