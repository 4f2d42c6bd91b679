//! `POST /v1/policy/explain`.

use reqwest::Method;
use serde_json::json;

use super::almighty;

const EXPLAIN: (Method, &str) = (Method::POST, "/v1/policy/explain");

#[tokio::test]
async fn it_says_which_rule_decides_and_why_and_calls_nobody() {
    let (app, key) = almighty().await;
    let calls = app.upstream_calls();
    let body =
        json!({ "room": "course-101", "claims": { "sub": "u1", "groups": ["teacher:101"] } });
    let answer = app.do_as(&key, EXPLAIN, &body).await.json();
    assert_eq!(answer["outcome"]["decision"], "admitted", "{answer}");
    assert_eq!(answer["outcome"]["rule"], "teachers moderate");
    assert_eq!(answer["rules"][0]["finding"], "decided");
    let body = json!({ "room": "course-101", "claims": { "sub": "u1" }, "issuer": "school" });
    let answer = app.do_as(&key, EXPLAIN, &body).await.json();
    assert_eq!(answer["outcome"]["decision"], "refused");
    for (body, member) in [
        (json!({ "claims": { "sub": "u1" } }), "room"),
        (json!({ "room": "a/b", "claims": { "sub": "u1" } }), "room"),
        (json!({ "room": "a" }), "claims"),
        (
            json!({ "room": "a", "claims": { "sub": "u" }, "role": "not one" }),
            "role",
        ),
    ] {
        let answer = app.do_as(&key, EXPLAIN, &body).await;
        assert_eq!(answer.code(), "invalid-field", "{body}");
        assert_eq!(answer.json()["member"], member, "{body}");
    }
    assert_eq!(app.upstream_calls(), calls);
}

#[tokio::test]
async fn claims_that_make_no_user_are_refused_before_any_rule() {
    let (app, key) = almighty().await;
    for (body, reason) in [
        (
            json!({ "room": "a", "claims": {} }),
            "these claims make no user (the claim that says who this is is missing or not text)",
        ),
        (
            json!({ "room": "a", "claims": { "sub": "u" }, "issuer": "x" }),
            "these claims make no user (names no configured issuer)",
        ),
    ] {
        let answer = app.do_as(&key, EXPLAIN, &body).await.json();
        assert_eq!(answer["outcome"]["decision"], "refused", "{answer}");
        assert_eq!(answer["outcome"]["reason"], reason);
        assert_eq!(answer["rules"], json!([]));
    }
}
