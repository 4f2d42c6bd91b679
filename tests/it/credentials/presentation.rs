//! How a credential comes with a request: one, in the header, of bounded length.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::header::HeaderValue;
use room_broker::simulator::identity_provider::User;
use serde_json::{Value, json};

use super::{
    INVALID_TOKEN, MISSING_TOKEN, assert_accepted, assert_refused, assert_unauthorized, rsa_kid,
    with_claims,
};
use crate::support::{Answer, TestApp};

async fn join_as(app: &TestApp, authorization: &[&[u8]]) -> Answer {
    let mut request = app.http.post(app.join_url("course-101"));
    for value in authorization {
        let value = HeaderValue::from_bytes(value).unwrap();
        request = request.header("authorization", value);
    }
    app.answer(request).await
}

#[tokio::test]
async fn without_a_token_the_challenge_names_no_error() {
    let app = TestApp::spawn().await;
    let basic = format!("Basic {}", BASE64.encode("ada:secret"));
    let token = app.token(User::Ada);
    for value in [
        basic.as_str(),
        "Basic",
        "Bearer",
        "bearer",
        "",
        "Digest username=\"ada\"",
        "Token abc",
        &token,
        &format!("Bearer:{token}"),
        &format!("BearerX {token}"),
        &format!("DPoP {token}"),
    ] {
        let answer = join_as(&app, &[value.as_bytes()]).await;
        assert_unauthorized(value, &answer, MISSING_TOKEN);
    }
    assert_unauthorized("no header", &join_as(&app, &[]).await, MISSING_TOKEN);
}

#[tokio::test]
async fn a_token_outside_the_header_is_never_read() {
    let app = TestApp::spawn().await;
    let token = app.token(User::Ada);
    let url = app.join_url("course-101");
    let form = format!("access_token={token}");
    let requests = [
        app.http.post(format!("{url}?access_token={token}")),
        app.http.post(format!("{url}?token={token}")),
        app.http
            .post(format!("{url}?authorization=Bearer%20{token}")),
        app.http
            .post(&url)
            .header("cookie", format!("access_token={token}; token={token}")),
        app.http.post(&url).header("x-access-token", &token),
        app.http
            .post(&url)
            .header("x-authorization", format!("Bearer {token}")),
        app.http
            .post(&url)
            .header("proxy-authorization", format!("Bearer {token}")),
        app.http
            .post(&url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form),
        app.http.post(&url).json(&json!({ "access_token": token })),
    ];
    for request in requests {
        let what = format!("{request:?}");
        assert_unauthorized(&what, &app.answer(request).await, MISSING_TOKEN);
    }
}

#[tokio::test]
async fn two_credentials_in_one_request_are_a_bad_request() {
    let app = TestApp::spawn().await;
    let good = format!("Bearer {}", app.token(User::Ada));
    let (good, joined) = (
        good.as_bytes(),
        [good.as_bytes(), good.as_bytes()].join(&b", "[..]),
    );
    let cases: [&[&[u8]]; 6] = [
        &[good, good],
        &[good, b"Bearer nonsense"],
        &[b"Bearer nonsense", good],
        &[good, b"Basic YWRhOnNlY3JldA=="],
        &[b"Basic YWRhOnNlY3JldA==", good],
        &[&joined],
    ];
    for case in cases {
        let answer = join_as(&app, case).await;
        let mut problem = answer.json();
        problem.as_object_mut().unwrap().remove("request_id");
        assert_eq!(
            problem,
            json!({
                "type": "/docs#problem-ambiguous-credentials", "status": 400,
                "title": "The request has more than one credential", "code": "ambiguous-credentials",
                "detail": "Send one Authorization field.",
            })
        );
        assert_eq!(answer.status, 400);
    }
    assert_eq!(app.upstream.controls().count("*").calls, 0);
}

#[tokio::test]
async fn the_scheme_is_read_in_any_case_and_the_token_to_the_letter() {
    let app = TestApp::spawn().await;
    let token = app.token(User::Ada);
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let answer = join_as(&app, &[format!("{scheme} {token}").as_bytes()]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let spoilt: [&[u8]; 5] = [
        &[b"Bearer  ", token.as_bytes()].concat(),
        &[b"Bearer \t", token.as_bytes()].concat(),
        &[b"Bearer ", token.as_bytes(), b" x"].concat(),
        &[b"Bearer ", token.as_bytes(), b"\xff"].concat(),
        &[b"Bearer \xc3\xa4", token.as_bytes()].concat(),
    ];
    for value in spoilt {
        let what = String::from_utf8_lossy(value).into_owned();
        assert_unauthorized(&what, &join_as(&app, &[value]).await, INVALID_TOKEN);
    }
}

/// Ada's token of exactly this length.
fn token_of(app: &TestApp, bytes: usize) -> String {
    let padded = |padding: usize| with_claims(app, &json!({ "padding": "p".repeat(padding) }));
    let short = padded(0).len();
    let guess = (bytes - short) * 3 / 4;
    let fits = |padding: &usize| padded(*padding).len() == bytes;
    let padding = (guess - 4..guess + 4).find(fits).unwrap();
    padded(padding)
}

#[tokio::test]
async fn a_token_of_more_than_8_kib_is_refused_before_it_is_looked_at() {
    let app = TestApp::spawn().await;
    let lookups = async || {
        let metrics = app
            .answer(app.http.get(format!("{}/metrics", app.ops)))
            .await;
        let lines = metrics.text.lines();
        let lookups = lines.filter(|line| line.starts_with("room_broker_verified_token_lookups"));
        lookups.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_accepted(&app, &[("just short enough", token_of(&app, 8192))]).await;
    let before = lookups().await;
    assert!(!before.is_empty());
    let oversized = [
        ("a little too long", token_of(&app, 8194)),
        ("twice too long", token_of(&app, 16384)),
    ];
    assert_refused(&app, &oversized).await;
    assert_eq!(lookups().await, before);
}

#[tokio::test]
async fn a_token_of_nobody_is_answered_alike_on_every_route() {
    let app = TestApp::spawn().await;
    let claims: Value = app.provider.claims(User::Ada);
    let kid = rsa_kid(&app);
    let forged = app
        .provider
        .sign(&kid, &json!({ "kid": "x" }), &claims)
        .unwrap();
    let url = |path: &str| format!("{}{path}", app.public);
    for (token, challenge) in [(Some(forged), INVALID_TOKEN), (None, MISSING_TOKEN)] {
        for request in [
            app.http.get(url("/v1/me")),
            app.http.get(url("/v1/rooms/course-101")),
            app.http.get(url("/v1/rooms/no-such-room")),
            app.http.post(url("/v1/rooms/course-101/join")),
            app.http.post(url("/v1/rooms/a%20b/join")).body("not json"),
        ] {
            let request = match &token {
                Some(token) => request.bearer_auth(token),
                None => request,
            };
            let what = format!("{request:?}");
            assert_unauthorized(&what, &app.answer(request).await, challenge);
        }
    }
}
