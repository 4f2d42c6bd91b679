//! The exposition: every metric, and no label whose values a caller chooses.

use std::collections::BTreeSet;

use reqwest::Method;
use room_broker::simulator::Fault;
use room_broker::simulator::identity_provider::User;

use crate::support::scene::OPEN_POLICY;
use crate::support::{TestApp, until};

/// Every metric and the labels that its series may have.
const TABLE: [(&str, &str, &[&str]); 26] = [
    ("joins", "counter", &["outcome", "role"]),
    ("mint_seconds", "histogram", &["le"]),
    ("developer_key_age_seconds", "gauge", &[]),
    ("room_cache_lookups", "counter", &["outcome"]),
    ("rooms_created", "counter", &[]),
    ("verified_token_lookups", "counter", &["outcome"]),
    ("authentication_failures", "counter", &["outcome"]),
    ("jwks_fetches", "counter", &["issuer", "outcome"]),
    ("jwks_age_seconds", "gauge", &["issuer"]),
    ("introspections", "counter", &["issuer", "outcome"]),
    ("upstream_calls", "counter", &["operation", "status"]),
    ("gateway_calls", "counter", &["operation", "class"]),
    ("upstream_seconds", "histogram", &["le"]),
    ("upstream_breaker_open", "gauge", &[]),
    ("webhook_deliveries", "counter", &["event", "outcome"]),
    ("webhook_age_seconds", "histogram", &["le"]),
    ("webhook_effects", "counter", &["outcome"]),
    ("occupancy_readings", "counter", &["outcome"]),
    ("capacity_checks", "counter", &["outcome"]),
    ("limited_requests", "counter", &["limit"]),
    ("state_calls", "counter", &["operation", "outcome"]),
    ("state_up", "gauge", &[]),
    ("limits_alone", "counter", &["limit"]),
    ("audit_lines", "counter", &["outcome"]),
    ("http_requests", "counter", &["listener", "route", "status"]),
    ("reloads", "counter", &["outcome"]),
];

/// Something of every kind has happened.
const EVENTFUL: &str = r#"
[limits]
enabled = true
principal_burst = 1

[[authn.issuers]]
name = "school"
issuer = "{issuer}"
audiences = ["acme-app"]
algorithms = ["RS256"]
introspection = { url = "{issuer}/introspect", client_id = "broker", client_secret = "canary-introspection-secret-77" }
"#;

#[tokio::test]
async fn the_exposition_has_every_metric_and_no_other() {
    let backend = crate::internal::Backend::that_may(&["*"]);
    let app = TestApp::spawn_with(|setup| {
        let section = crate::webhooks::section("http://127.0.0.1:1", "");
        let backend = backend.configuration();
        setup.config(EVENTFUL).config(&backend).config(&section);
    })
    .await;
    let called = app.ask(&backend.key(), "/api/v1/roles").await;
    assert_eq!(called.status, 200, "{called:?}");
    let token = app.token(User::Ada);
    let joined = app.join(&token, "course-101").await.json();
    assert_eq!(app.join(&token, "course-101").await.status, 429);
    let room = joined["room"]["id"].as_str().unwrap();
    let locked = crate::webhooks::today("room_locked", room, &serde_json::json!({}));
    assert_eq!(app.tell(&locked).await.status, 204);
    let opaque = app.provider.opaque_token(User::Ben);
    assert_eq!(app.join(&opaque, "course-101").await.status, 200);
    assert_eq!(app.join("unknown", "course-101").await.status, 401);
    app.running.reloader().note_refused();
    until("the age of the keys was noted", async || {
        app.metrics().await.contains("jwks_age")
    })
    .await;
    let answer = app
        .answer(app.http.get(format!("{}/metrics", app.ops)))
        .await;
    assert_eq!(
        answer.header("content-type"),
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    assert!(answer.text.ends_with("# EOF\n"));
    let mut told: BTreeSet<(&str, &str)> = answer
        .text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE room_broker_")?.split_once(' '))
        .collect();
    // Counted by the writer of the audit log, in its own time.
    told.insert(("audit_lines", "counter"));
    // Only where replicas share a Redis.
    told.insert(("state_calls", "counter"));
    told.insert(("limits_alone", "counter"));
    // Only where a rule has a capacity or shows who is in.
    told.insert(("occupancy_readings", "counter"));
    told.insert(("capacity_checks", "counter"));
    let expected = TABLE.iter().map(|(name, kind, _)| (*name, *kind)).collect();
    assert_eq!(told, expected);
}

#[tokio::test]
async fn no_callers_word_becomes_a_label() {
    let app = TestApp::spawn_with(|setup| {
        setup.config(OPEN_POLICY);
    })
    .await;
    let token = app.token(User::Ada);
    let series = async || {
        let exposition = app.metrics().await;
        let series = exposition.lines().filter(|line| !line.starts_with('#'));
        series
            .map(|line| line.rsplit_once(' ').unwrap().0.to_owned())
            .collect::<BTreeSet<_>>()
    };
    let make_noise = async |word: &str| {
        app.join(&token, word).await;
        app.join(word, word).await;
        let body = serde_json::json!({ "role": word });
        app.join_with(&token, word, &body).await;
        let body = serde_json::json!({ word: word });
        app.join_with(&token, word, &body).await;
        for path in [format!("/{word}"), format!("/v1/rooms/{word}")] {
            let method = Method::from_bytes(word.to_uppercase().as_bytes()).unwrap();
            let request = app
                .http
                .request(method, format!("{}{path}", app.public))
                .header("user-agent", word)
                .header("x-request-id", word);
            app.answer(request).await;
        }
        let claims = {
            let mut claims = app.provider.claims(User::Ada);
            for name in ["sub", "iss", "name"] {
                claims[name] = word.into();
            }
            claims
        };
        let kid = app.provider.with_keys(|keys| {
            keys.kid_for(room_broker::simulator::identity_provider::Algorithm::Rs256)
                .unwrap()
        });
        let header = serde_json::json!({ "typ": word });
        let strange = app.provider.sign(&kid, &header, &claims).unwrap();
        app.join(&strange, word).await;
    };
    make_noise("canary1").await;
    let fault = Fault::answer("application/json", r#"{"id":"canary0"}"#);
    app.upstream.controls().fail("get_room", fault);
    make_noise("canary2").await;
    // These appear in their own time, not in a request's.
    app.running.flush_audit_log();
    until("the age of the keys was noted", async || {
        app.metrics().await.contains("jwks_age")
    })
    .await;
    let before = series().await;
    for word in ["canary3", "canary4", "canary5"] {
        make_noise(word).await;
    }
    assert_eq!(series().await, before);
    for series in &before {
        assert!(!series.contains("canary"), "{series}");
        assert_labels(series);
    }
}

#[track_caller]
fn assert_labels(series: &str) {
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    let name = name.trim_start_matches("room_broker_");
    let known = TABLE
        .iter()
        .filter(|(metric, _, _)| name.starts_with(metric))
        .max_by_key(|(metric, _, _)| metric.len());
    let (_, _, allowed) = known.unwrap_or_else(|| panic!("{series} is in no row"));
    for label in labels.trim_end_matches('}').split(',') {
        let label = label.split('=').next().unwrap();
        assert!(label.is_empty() || allowed.contains(&label), "{series}");
    }
}

#[tokio::test]
async fn a_request_counts_under_its_route_whichever_layer_answers_it() {
    let app = TestApp::spawn().await;
    let (public, internal) = (&app.public, &app.internal);
    for (listener, method, path, route, status) in [
        ("public", "GET", "/v1/me", "me", 401),
        ("public", "DELETE", "/v1/me", "me", 405),
        (
            "public",
            "OPTIONS",
            "/v1/rooms/course-101/join",
            "join",
            200,
        ),
        ("public", "GET", "/nowhere", "none", 404),
        ("internal", "GET", "/api/v1", "gateway", 401),
        ("internal", "GET", "/api/v1/", "gateway", 401),
        ("internal", "GET", "/api/v1/rooms", "gateway", 401),
        ("internal", "GET", "/api/v1rooms", "none", 404),
        ("internal", "PUT", "/v1/rooms/course-101", "room", 401),
        ("internal", "GET", "/v1/denials/ban-1", "denial", 401),
    ] {
        let base = if listener == "public" {
            public
        } else {
            internal
        };
        let series = format!(
            r#"room_broker_http_requests_total{{listener="{listener}",route="{route}",status="{status}"}}"#
        );
        let before = app.metric(&series).await;
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = app.http.request(method, format!("{base}{path}"));
        let preflight = request
            .header("origin", "https://app.school.example")
            .header("access-control-request-method", "POST");
        assert_eq!(app.answer(preflight).await.status, status, "{path}");
        assert_eq!(app.metric(&series).await, before + 1, "{path}: {series}");
    }
}
