//! Each route by its scope, and each room by the key's patterns.

use room_broker::http::routes::INTERNAL;
use serde_json::Value;

use super::{Backend, app_with};
use crate::docs_page::read_internal_description;

#[tokio::test]
async fn a_missing_scope_is_named_in_the_problem_and_in_the_challenge() {
    let backend = Backend::that_may(&["rooms:write"]);
    let app = app_with(&[&backend], "").await;
    let answer = app.ask(&backend.key(), "/v1/rooms/course-101").await;
    assert_eq!(answer.code(), "insufficient-scope");
    assert_eq!(answer.status, 403);
    assert_eq!(answer.json()["scope"], "rooms:read");
    assert_eq!(
        answer.header("www-authenticate"),
        r#"Bearer realm="room-broker", error="insufficient_scope", scope="rooms:read""#
    );
}

#[tokio::test]
async fn a_room_outside_of_the_keys_patterns_is_closed_whether_or_not_it_is_there() {
    let backend = Backend::that_may(&["*"]).with("rooms = [\"course-{course}\"]");
    let app = app_with(&[&backend], "").await;
    app.put_room("lobby");
    let calls = app.upstream_calls();
    for room in ["lobby", "nowhere"] {
        let answer = app.ask(&backend.key(), &format!("/v1/rooms/{room}")).await;
        assert_eq!(answer.code(), "forbidden", "{room}");
        assert_eq!(answer.json().get("detail"), None);
    }
    assert_eq!(app.upstream_calls(), calls);
}

/// Every route of the listener, and the one scope that opens it.
const ROUTES: [(&str, &str, &str); 11] = [
    ("GET", "/v1/rooms", "rooms:read"),
    ("PUT", "/v1/rooms/course-101", "rooms:write"),
    ("GET", "/v1/rooms/course-101", "rooms:read"),
    ("PATCH", "/v1/rooms/course-101", "rooms:write"),
    ("DELETE", "/v1/rooms/course-101", "rooms:delete"),
    ("POST", "/v1/rooms/course-101/join-links", "tokens:mint"),
    ("GET", "/v1/rooms/course-101/live", "live:read"),
    ("GET", "/v1/rooms/course-101/sessions", "sessions:read"),
    ("GET", "/v1/rooms/course-101/recordings", "recordings:read"),
    ("POST", "/v1/rooms/course-101/end-session", "sessions:end"),
    ("POST", "/v1/policy/explain", "policy:explain"),
];

#[tokio::test]
async fn each_route_opens_by_its_own_scope_and_by_no_other() {
    let described = INTERNAL
        .iter()
        .filter(|(path, ..)| path.starts_with("/v1/"));
    let methods: usize = described.map(|(_, methods, _)| methods.len()).sum();
    assert_eq!(methods, ROUTES.len());
    let description = read_internal_description();
    for (method, path, scope) in ROUTES {
        let path = path.replace("course-101", "{room_key}");
        let item = description.root().get("paths").get(&path);
        let told = item.get(&method.to_lowercase()).text("x-scope");
        assert_eq!(told, scope, "{method} {path} in openapi-internal.yaml");
    }
    let mut backends: Vec<(&str, Backend)> = Vec::new();
    for scope in ROUTES.map(|(.., scope)| scope) {
        if !backends.iter().any(|(known, _)| *known == scope) {
            let scopes: &'static [&'static str] = Box::leak(Box::new([scope]));
            backends.push((scope, Backend::that_may(scopes)));
        }
    }
    let known: Vec<&Backend> = backends.iter().map(|(_, backend)| backend).collect();
    let app = app_with(&known, "").await;
    for (method, path, needed) in ROUTES {
        for (scope, backend) in &backends {
            let method = method.parse().unwrap();
            let answer = app
                .do_as(&backend.key(), (method, path), &Value::Null)
                .await;
            let refused = answer.text.contains("insufficient-scope");
            assert_eq!(refused, *scope != needed, "{path} by {scope}: {answer:?}");
            if refused {
                assert_eq!(answer.json()["scope"], needed);
            }
        }
    }
}
