//! How often: each principal, each address, failed authentications. Addresses are the peer's
//! unless a trusted proxy tells another.

use std::time::Duration;

use room_broker::simulator::identity_provider::{Algorithm, User};
use serde_json::json;

use crate::support::{Answer, TestApp};

const FEW: &str = r"
[limits]
enabled = true
principal_per_minute = 60
principal_burst = 3
address_per_minute = 60
address_burst = 5
failures_per_minute = 6
failures_burst = 2
";

async fn limited() -> TestApp {
    TestApp::spawn_with(|setup| {
        setup.config(FEW);
    })
    .await
}

async fn limited_behind_proxies() -> TestApp {
    TestApp::spawn_with(|setup| {
        setup
            .config(FEW)
            .config("[http]\ntrusted_proxies = [\"127.0.0.0/8\", \"10.0.0.0/8\"]");
    })
    .await
}

async fn me(app: &TestApp, token: &str, fields: &[(&str, &str)]) -> Answer {
    let mut request = app
        .http
        .get(format!("{}/v1/me", app.public))
        .bearer_auth(token);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    app.answer(request).await
}

/// A token that is well formed and signed by nobody's key.
fn forged(app: &TestApp) -> String {
    let token = app.token(User::Ada);
    let (rest, signature) = token.rsplit_once('.').unwrap();
    let reversed: String = signature.chars().rev().collect();
    format!("{rest}.{reversed}")
}

#[track_caller]
fn assert_limited(answer: &Answer, seconds: &str) {
    assert_eq!(
        (
            answer.status,
            answer.code().as_str(),
            answer.header("retry-after")
        ),
        (429, "rate-limited", seconds),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_principal_has_one_bucket_whatever_token_and_route_and_is_told_what_is_left() {
    let app = limited().await;
    let (first, second) = (
        app.token(User::Ada),
        app.provider.token(User::Ada, Algorithm::Es256).unwrap(),
    );
    let joined = app.join(&first, "course-101").await;
    assert_eq!(joined.header("ratelimit-policy"), r#""principal";q=3;w=3"#);
    assert_eq!(joined.header("ratelimit"), r#""principal";r=2"#);
    assert_eq!(
        me(&app, &second, &[]).await.header("ratelimit"),
        r#""principal";r=1"#
    );
    assert_eq!(
        app.join(&first, "course-102").await.header("ratelimit"),
        r#""principal";r=0"#
    );
    let refused = app.join(&second, "course-101").await;
    assert_limited(&refused, "1");
    assert_eq!(refused.header("ratelimit-policy"), r#""principal";q=3;w=3"#);
    assert_eq!(refused.header("ratelimit"), r#""principal";r=0"#);
    // Another person is not held up; a moment later nobody is.
    assert_eq!(
        app.join(&app.token(User::Ben), "course-101").await.status,
        200
    );
    app.hand.advance(Duration::from_secs(1));
    assert_eq!(app.join(&first, "course-101").await.status, 200);
    assert_limited(&app.join(&first, "course-101").await, "1");
    let refused = r#"room_broker_limited_requests_total{limit="principal"}"#;
    assert_eq!(app.metric(refused).await, 2);
}

#[tokio::test]
async fn an_address_has_a_bucket_for_credentials_that_were_not_seen_before() {
    let app = limited().await;
    let known = app.token(User::Ada);
    assert_eq!(me(&app, &known, &[]).await.status, 200);
    for _ in 0..4 {
        let missing = app
            .answer(app.http.get(format!("{}/v1/me", app.public)))
            .await;
        assert_eq!(missing.code(), "unauthorized");
    }
    let missing = app
        .answer(app.http.get(format!("{}/v1/me", app.public)))
        .await;
    assert_limited(&missing, "1");
    assert_limited(&me(&app, &app.token(User::Ben), &[]).await, "1");
    assert_eq!(me(&app, &known, &[]).await.status, 200);
    app.hand.advance(Duration::from_secs(1));
    assert_eq!(me(&app, &app.token(User::Ben), &[]).await.status, 200);
}

#[tokio::test]
async fn credentials_that_are_none_count_against_the_address_too() {
    for token in ["a b", "%%%", &"a".repeat(9000)] {
        let app = limited().await;
        let field = format!("Bearer {token}");
        let mut statuses = Vec::new();
        for _ in 0..7 {
            let request = app
                .http
                .get(format!("{}/v1/me", app.public))
                .header("authorization", &field);
            statuses.push(app.answer(request).await.status);
        }
        assert_eq!(statuses.last(), Some(&429), "{statuses:?}");
    }
}

#[tokio::test]
async fn an_address_that_fails_too_often_is_barred_before_any_cryptography() {
    let app = limited().await;
    let known = app.token(User::Ada);
    assert_eq!(me(&app, &known, &[]).await.status, 200);
    let forged = forged(&app);
    for _ in 0..3 {
        assert_eq!(me(&app, &forged, &[]).await.code(), "unauthorized");
    }
    let failures = failures(&app).await;
    assert_eq!(failures, 3);
    let barred = me(&app, &forged, &[]).await;
    assert_limited(&barred, "10");
    // A good token that was not seen before would have to be verified: it waits as well.
    assert_limited(&me(&app, &app.token(User::Ben), &[]).await, "10");
    assert_eq!(self::failures(&app).await, 3);
    // Whoever was here before is not shut out by a neighbour.
    assert_eq!(me(&app, &known, &[]).await.status, 200);
    let refused = r#"room_broker_limited_requests_total{limit="failures"}"#;
    assert_eq!(app.metric(refused).await, 2);
    app.hand.advance(Duration::from_secs(10));
    assert_eq!(me(&app, &app.token(User::Ben), &[]).await.status, 200);
}

async fn failures(app: &TestApp) -> u64 {
    let exposition = app.metrics().await;
    let failures = exposition
        .lines()
        .filter(|line| line.starts_with("room_broker_authentication_failures_total"));
    failures
        .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
        .sum()
}

#[tokio::test]
async fn a_provider_that_is_down_counts_against_nobody() {
    let app = TestApp::spawn_with(|setup| {
        setup.config(FEW).config("[limits]\naddress_burst = 1000");
    })
    .await;
    // Signed by a key that the broker would have to fetch.
    let kid = app
        .provider
        .with_keys(|keys| keys.add(Algorithm::Es256).unwrap());
    let claims = app.provider.claims(User::Ada);
    let token = app.provider.sign(&kid, &json!({}), &claims).unwrap();
    app.provider.take_down().await.unwrap();
    for _ in 0..10 {
        let answer = me(&app, &token, &[]).await;
        assert_eq!(answer.code(), "identity-provider-unavailable");
    }
    app.provider.bring_up().await.unwrap();
    app.hand.advance(Duration::from_secs(30));
    assert_eq!(me(&app, &token, &[]).await.status, 200);
}

#[tokio::test]
async fn a_strangers_forwarding_fields_open_no_bucket() {
    let app = limited().await;
    let mut statuses = Vec::new();
    for host in 0..8 {
        let address = format!("198.51.100.{host}");
        let request = app
            .http
            .get(format!("{}/v1/me", app.public))
            .header("x-forwarded-for", &address)
            .header("x_forwarded_for", &address)
            .header("forwarded", format!("for={address}"))
            .header("x-real-ip", &address);
        statuses.push(app.answer(request).await.status);
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429, 429]);
}

#[tokio::test]
async fn a_trusted_proxys_clients_have_buckets_of_their_own() {
    let app = limited_behind_proxies().await;
    let from = async |forwarded: &str| {
        let request = app
            .http
            .get(format!("{}/v1/me", app.public))
            .header("x-forwarded-for", forwarded);
        app.answer(request).await.status
    };
    for _ in 0..5 {
        assert_eq!(from("198.51.100.1").await, 401);
    }
    assert_eq!(from("198.51.100.1").await, 429);
    assert_eq!(from("198.51.100.2").await, 401);
    // What the client wrote itself stands to the left of what the proxies saw.
    assert_eq!(from("203.0.113.7, 198.51.100.1").await, 429);
    assert_eq!(from("203.0.113.8, 198.51.100.1, 10.1.2.3").await, 429);
    assert_eq!(from("198.51.100.1, 203.0.113.9").await, 401);
    // One host of an IPv6 network is as good as another.
    for host in 1..=5 {
        assert_eq!(from(&format!("2001:db8:1:2::{host}")).await, 401);
    }
    assert_eq!(from("2001:db8:1:2:ffff::6").await, 429);
    assert_eq!(from("2001:db8:1:3::1").await, 401);
}

#[tokio::test]
async fn other_forwarding_fields_are_not_read_even_from_a_trusted_proxy() {
    let app = limited_behind_proxies().await;
    let mut statuses = Vec::new();
    for host in 0..6 {
        let address = format!("198.51.100.{host}");
        let request = app
            .http
            .get(format!("{}/v1/me", app.public))
            .header("x_forwarded_for", &address)
            .header("forwarded", format!("for={address}"))
            .header("x-real-ip", &address);
        statuses.push(app.answer(request).await.status);
    }
    assert_eq!(statuses.last(), Some(&429), "{statuses:?}");
}

#[tokio::test]
async fn the_standard_field_is_read_in_the_place_of_the_usual_one_if_so_configured() {
    let app = TestApp::spawn_with(|setup| {
        let proxies =
            "[http]\ntrusted_proxies = [\"127.0.0.0/8\"]\nclient_address_from = \"forwarded\"";
        setup.config(FEW).config(proxies);
    })
    .await;
    let mut statuses = Vec::new();
    for (host, client) in [(0, 1), (1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (6, 2)] {
        let request = app
            .http
            .get(format!("{}/v1/me", app.public))
            .header("forwarded", format!("for=203.0.113.{host}"))
            .header("forwarded", format!("for=198.51.100.{client};proto=https"))
            .header("x-forwarded-for", format!("192.0.2.{host}"));
        statuses.push(app.answer(request).await.status);
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 401]);
}

#[tokio::test]
async fn probes_and_documents_are_not_limited() {
    let app = limited().await;
    for _ in 0..20 {
        for path in ["/healthz", "/readyz", "/docs"] {
            let answer = app
                .answer(app.http.get(format!("{}{path}", app.public)))
                .await;
            assert_eq!(answer.status, 200, "{path}");
        }
    }
}
