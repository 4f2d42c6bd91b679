//! Each route by its scope, and each room by the key's patterns.

use super::{Backend, app_with};

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
