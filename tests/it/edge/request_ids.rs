//! Requests have names: our own, unless a trusted proxy gave one.

use room_broker::simulator::identity_provider::User;
use uuid::Uuid;

use crate::support::{Answer, START, TestApp};

const GIVEN: &str = "0192f5a4-7c1e-7b3a-9d55-3e6c1d8a9f21";
const TRUSTING: &str = "[http]\ntrusted_proxies = [\"127.0.0.0/8\"]";

async fn named(app: &TestApp, id: &str) -> Answer {
    let request = app
        .http
        .get(format!("{}/v1/me", app.public))
        .header("x-request-id", id);
    app.answer(request).await
}

#[tokio::test]
async fn every_request_gets_a_new_time_ordered_name() {
    let app = TestApp::spawn().await;
    let token = app.token(User::Ada);
    let mut seen = std::collections::HashSet::new();
    for _ in 0..20 {
        let joined = app.join(&token, "course-101").await;
        let id = Uuid::parse_str(joined.header("x-request-id")).unwrap();
        assert_eq!(id.get_version_num(), 7);
        let (seconds, _) = id.get_timestamp().unwrap().to_unix();
        assert_eq!(seconds, START.seconds());
        assert!(seen.insert(id));
    }
}

#[tokio::test]
async fn a_name_from_a_stranger_is_not_believed() {
    let app = TestApp::spawn().await;
    let answer = named(&app, GIVEN).await;
    assert_ne!(answer.header("x-request-id"), GIVEN);
    answer.code();
}

#[tokio::test]
async fn a_name_from_a_trusted_proxy_is_kept_if_it_is_one() {
    let app = TestApp::spawn_with(|setup| {
        setup.config(TRUSTING);
    })
    .await;
    let answer = named(&app, GIVEN).await;
    assert_eq!(answer.header("x-request-id"), GIVEN);
    assert_eq!(answer.json()["request_id"], GIVEN);
    for forged in ["", "x", "1\u{7f}2", "0192f5a4", &"a".repeat(5000)] {
        let request = app
            .http
            .get(format!("{}/v1/me", app.public))
            .header("x-request-id", forged.replace('\u{7f}', " "));
        let answer = app.answer(request).await;
        let id = Uuid::parse_str(answer.header("x-request-id")).unwrap();
        assert_eq!(id.get_version_num(), 7, "{forged}");
    }
}
