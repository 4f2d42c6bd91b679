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
        (json!({ "room": "a", "claims": {} }), "claims"),
        (
            json!({ "room": "a", "claims": { "sub": "u" }, "issuer": "x" }),
            "claims",
        ),
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
