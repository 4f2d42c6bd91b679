//! Everything that a caller sends.

use proptest::prelude::*;
use room_broker::domain::RequestId;
use room_broker::simulator::identity_provider::{Algorithm, User};
use room_broker::trace_context::Sampler;
use serde_json::{Value, json};

use super::{Bench, any_json, cases, request};

/// Everybody may enter and create every room.
const OPEN: &str = r#"
[[policy.rules]]
name = "everybody"
room = "*"
when = '"nobody" in user.groups || user.name != "" || user.claims.level > 2 || true'
role = "moderator"
may_create = true
name_from = "request"
avatar_from = "request"
"#;

fn open() -> Bench {
    Bench::new(|setup| {
        setup.config(OPEN);
    })
}

const JOIN: &[u8] = b"POST /v1/rooms/course-101/join";

/// Bytes of which most could stand in a token.
fn token_like() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "[A-Za-z0-9_.=-]{0,200}".prop_map(String::into_bytes),
        "(Bearer|bearer|Basic|DPoP)? ?[ -~]{0,80}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..200),
        "[A-Za-z0-9_-]{0,40}(\\.[A-Za-z0-9_-]{0,40}){0,5}".prop_map(String::into_bytes),
    ]
}

#[test]
fn any_authorization_is_answered() {
    let bench = open();
    proptest!(cases(400), |(value in token_like(), with_scheme in any::<bool>())| {
        let scheme: &[u8] = if with_scheme { b"Bearer " } else { b"" };
        let value = [scheme, &value].concat();
        let status = bench.expect_no_fault(&request(JOIN, &[("Authorization", &value)], b""))?;
        prop_assert!([400, 401].contains(&status), "{}", status);
    });
}

#[test]
fn any_near_miss_of_a_good_token_is_refused_or_the_same_person() {
    let bench = open();
    let good = bench.app.token(User::Ada);
    proptest!(cases(300), |(at in 0..good.len(), byte in "[A-Za-z0-9_.=-]", cut in any::<bool>())| {
        let mut spoilt = good.clone();
        spoilt.replace_range(at..=at, if cut { "" } else { &byte });
        let value = format!("Bearer {spoilt}");
        let status = bench.expect_no_fault(&request(JOIN, &[("Authorization", value.as_bytes())], b""))?;
        prop_assert_eq!(status == 200, spoilt == good, "{}", spoilt);
    });
}

#[test]
fn any_header_and_claims_under_a_good_signature_are_answered() {
    let bench = open();
    let provider = &bench.app.provider;
    let kid = provider
        .with_keys(|keys| keys.kid_for(Algorithm::Es256))
        .unwrap();
    let names = prop::sample::select(vec![
        "iss", "aud", "sub", "exp", "nbf", "iat", "name", "email", "groups", "picture", "level",
        "events", "td", "x",
    ]);
    let members = prop::sample::select(vec![
        "alg", "typ", "kid", "crit", "cty", "zip", "b64", "jwk", "x",
    ]);
    proptest!(cases(300), |(name in names, value in any_json(), member in members, of_header in prop::option::weighted(0.3, any_json()))| {
        let mut claims = provider.claims(User::Ada);
        claims[name] = value;
        let header = of_header.map_or_else(|| json!({}), |value| json!({ member: value }));
        let token = provider.sign(&kid, &header, &claims).unwrap();
        let value = format!("Bearer {token}");
        bench.expect_no_fault(&request(JOIN, &[("Authorization", value.as_bytes())], b""))?;
    });
}

#[test]
fn any_room_key_is_answered() {
    let bench = open();
    let bearer = format!("Bearer {}", bench.app.token(User::Ada));
    let keys = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..150),
        "[A-Za-z0-9._~:@+=,-]{1,140}".prop_map(String::into_bytes),
        "(live|tags|LIVE|x--[a-z0-9]{0,20}|[a-z]{1,3}-{0,4}[a-z]{0,3})"
            .prop_map(String::into_bytes),
        "(%[0-9a-fA-F]{2}|[a-z/.%]){0,40}".prop_map(String::into_bytes),
    ];
    proptest!(cases(400), |(key in keys, read in any::<bool>())| {
        let line = if read { [b"GET /v1/rooms/", &key[..]].concat() } else { [b"POST /v1/rooms/", &key[..], b"/join"].concat() };
        let status = bench.expect_no_fault(&request(&line, &[("Authorization", bearer.as_bytes())], b""))?;
        let is_key = std::str::from_utf8(&key).is_ok_and(|key| room_broker::domain::RoomKey::parse(key).is_ok());
        prop_assert!(!is_key || status == 200, "{} for a good key", status);
    });
}

#[test]
fn any_body_is_answered() {
    let bench = open();
    let bearer = format!("Bearer {}", bench.app.token(User::Ada));
    let members = "(display_name|initials|avatar_url|breakout_id|role|roles|x)";
    let object = prop::collection::vec((members, any_json()), 0..4);
    let object = object.prop_map(|members| Value::Object(members.into_iter().collect()));
    let bodies = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        any_json().prop_map(|json| json.to_string().into_bytes()),
        object.prop_map(|json| json.to_string().into_bytes()),
        "[{}\\[\\]\",:a-z0-9 \\\\]{0,60}".prop_map(String::into_bytes),
    ];
    let kinds = prop_oneof![
        4 => Just("application/json".to_owned()),
        1 => "application/json;[ -~]{0,20}",
        1 => "[ -~]{0,30}",
    ];
    proptest!(cases(400), |(body in bodies, kind in kinds)| {
        let headers = [("Authorization", bearer.as_bytes()), ("Content-Type", kind.as_bytes())];
        bench.expect_no_fault(&request(JOIN, &headers, &body))?;
    });
}

#[test]
fn any_header_is_answered() {
    let bench = Bench::new(|setup| {
        setup
            .config(OPEN)
            .config("[http]\ntrusted_proxies = [\"127.0.0.0/8\"]\naccess_log = true");
        setup.config("[limits]\nenabled = true\nprincipal_per_minute = 100000\nprincipal_burst = 100000\naddress_per_minute = 100000\naddress_burst = 100000");
    });
    let bearer = format!("Bearer {}", bench.app.token(User::Ada));
    let names = prop::sample::select(vec![
        "X-Forwarded-For",
        "X-Request-Id",
        "Accept",
        "traceparent",
        "tracestate",
        "Origin",
        "Access-Control-Request-Method",
        "Forwarded",
        "Host",
        "Content-Type",
        "Expect",
        "Range",
        "If-None-Match",
        "Accept-Encoding",
        "Upgrade",
        "Connection",
        "Transfer-Encoding",
        "Content-Length",
        "Cookie",
        "X-HTTP-Method-Override",
    ]);
    let values = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..100),
        "[0-9a-fA-F:.,\\[\\] %]{0,80}".prop_map(String::into_bytes),
        "[a-z*/;=,.+ q0-9-]{0,60}".prop_map(String::into_bytes),
        "00-[0-9a-f]{30,34}-[0-9a-f]{14,18}-[0-9a-f]{1,3}".prop_map(String::into_bytes),
        "(chunked|100-continue|h2c|websocket|bytes=0-1)".prop_map(String::into_bytes),
    ];
    proptest!(cases(400), |(name in names, value in values, again in any::<bool>())| {
        let header = (name, &value[..]);
        let headers = [("Authorization", bearer.as_bytes()), header, header];
        bench.expect_no_fault(&request(JOIN, &headers[..if again { 3 } else { 2 }], b""))?;
    });
}

#[test]
fn any_trace_context_is_read_or_passed_over() {
    let id = RequestId::parse("01a0a013-1400-731f-8f8e-4f2b64c4702f").unwrap();
    let sampler = Sampler::per_million(1_000_000);
    let parents = prop_oneof![
        any::<String>(),
        "[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-[ -~]{0,10})?",
        "[0-9a-f-]{0,80}",
    ];
    let states = prop_oneof![any::<String>(), "([a-z@]{0,5}=[ -~]{0,10},){0,40}"];
    proptest!(cases(500), |(parent in parents, state in states)| {
        let header = |name: &str| match name {
            "traceparent" => Some(parent.as_str()),
            "tracestate" => Some(state.as_str()),
            _other => None,
        };
        let _span = sampler.server_span(id, header);
    });
}
