//! Everything that a provider answers: it may be misled or taken over, and is no part of us.

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use room_broker::simulator::Fault;
use room_broker::simulator::identity_provider::{Algorithm, User};
use serde_json::{Value, json};

use super::{Bench, any_json, cases};
use crate::keys::with_header;
use crate::support::INTROSPECTION_SECRET;

impl Bench {
    /// The status of a join with this token, which may be a refusal or the provider's fault.
    fn joined(&self, token: &str) -> Result<u16, TestCaseError> {
        let answer = self.runtime.block_on(self.app.join(token, "course-101"));
        let is_known = match answer.status {
            200 | 401 | 403 => true,
            503 => answer.code() == "identity-provider-unavailable",
            _other => false,
        };
        prop_assert!(is_known, "{answer:?}");
        Ok(answer.status)
    }

    /// How often fetching keys came to an end, whichever.
    fn fetches_ended(&self) -> u64 {
        let metrics = self.app.http.get(format!("{}/metrics", self.app.ops));
        let metrics = self.runtime.block_on(self.app.answer(metrics)).text;
        let lines = metrics.lines();
        let counts = lines.filter(|line| line.starts_with("room_broker_jwks_fetches_total"));
        counts
            .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
            .sum()
    }
}

fn documents(good: Value) -> impl Strategy<Value = String> {
    let names = prop::sample::select(vec![
        "kty", "kid", "use", "key_ops", "alg", "n", "e", "crv", "x", "y", "d", "k",
    ]);
    let places = 0..good["keys"].as_array().unwrap().len();
    let spoilt = (places, names, any_json()).prop_map(move |(place, name, value)| {
        let mut set = good.clone();
        set["keys"][place][name] = value;
        set.to_string()
    });
    prop_oneof![
        spoilt,
        any_json().prop_map(|json| json.to_string()),
        prop::collection::vec(any_json(), 0..80)
            .prop_map(|keys| json!({ "keys": keys }).to_string()),
        "[{}\\[\\]\",:a-z0-9]{0,80}",
        Just("[".repeat(100_000)),
        Just("{\"keys\":".repeat(50_000)),
    ]
}

#[test]
fn any_key_set_is_read_or_refused() {
    let bench = Bench::new(|_setup| {});
    let app = &bench.app;
    let good = app.provider.with_keys(|keys| keys.jwks());
    let fresh = app.token(User::Ada);
    proptest!(cases(200), |(document in documents(good))| {
        app.provider.controls().fail("jwks", Fault::answer("application/json", &document).times(1));
        app.hand.advance(std::time::Duration::from_secs(31));
        let unknown = with_header(&fresh, &json!({ "alg": "RS256", "typ": "JWT", "kid": "unknown" }));
        bench.joined(&unknown)?;
        prop_assert_eq!(bench.fetches_ended(), app.provider.controls().count("jwks").calls);
    });
}

#[test]
fn any_discovery_document_is_read_or_refused() {
    let bench = Bench::new(|_setup| {});
    let app = &bench.app;
    let fresh = app.token(User::Ada);
    let issuer = app.provider.issuer().to_owned();
    let urls = prop_oneof![
        any_json(),
        "[a-z]{0,8}:/{0,3}[ -~]{0,40}".prop_map(Value::from)
    ];
    let documents = prop_oneof![
        urls.prop_map(move |url| json!({ "issuer": issuer, "jwks_uri": url }).to_string()),
        any_json().prop_map(|json| json.to_string()),
    ];
    proptest!(cases(100), |(document in documents)| {
        app.provider.controls().fail("discovery", Fault::answer("application/json", &document).times(1));
        app.hand.advance(std::time::Duration::from_secs(31));
        let unknown = with_header(&fresh, &json!({ "alg": "RS256", "typ": "JWT", "kid": "unknown" }));
        bench.joined(&unknown)?;
        prop_assert_eq!(bench.fetches_ended(), app.provider.controls().count("discovery").calls);
    });
}

#[test]
fn any_introspection_answer_is_read_or_refused() {
    let bench = Bench::new(|setup| {
        setup.config(&format!(
            r#"
            [[authn.issuers]]
            name = "school"
            issuer = "{{issuer}}"
            audiences = ["acme-app"]
            algorithms = ["ES256"]
            introspection = {{ url = "{{issuer}}/introspect", client_id = "broker", client_secret = "{INTROSPECTION_SECRET}" }}
            "#
        ));
    });
    let app = &bench.app;
    let names = prop::sample::select(vec![
        "active", "iss", "aud", "sub", "exp", "nbf", "iat", "name", "groups", "picture", "x",
    ]);
    let claims = app.provider.claims(User::Ada);
    let spoilt = (names, any_json()).prop_map(move |(name, value)| {
        let mut answer = claims.clone();
        answer["active"] = json!(true);
        answer[name] = value;
        answer.to_string()
    });
    let answers = prop_oneof![
        3 => spoilt,
        1 => any_json().prop_map(|json| json.to_string()),
        1 => "[{}\\[\\]\",:a-z0-9]{0,80}",
    ];
    proptest!(cases(200), |(answer in answers)| {
        app.provider.controls().fail("introspection", Fault::answer("application/json", &answer).times(1));
        let number = app.provider.controls().count("introspection").calls;
        bench.joined(&format!("opaque-{number}"))?;
    });
    let good = app.provider.token(User::Ada, Algorithm::Es256).unwrap();
    assert_eq!(bench.joined(&good).unwrap(), 200);
}
