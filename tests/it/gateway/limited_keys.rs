//! A key for some rooms alone is held to them.

use reqwest::Method;
use room_broker::digital_samba::Operation;
use serde_json::{Value, json};

use crate::internal::{Backend, app_with};
use crate::support::TestApp;

async fn app_for_courses() -> (TestApp, String) {
    let backend = Backend::that_may(super::ALL).with("rooms = [\"course-{course}\"]");
    let app = app_with(&[&backend], "").await;
    let key = backend.key();
    (app, key)
}

#[tokio::test]
async fn rooms_outside_of_the_patterns_and_those_that_are_not_there_answer_alike() {
    let (app, key) = app_for_courses().await;
    let own = app.put_room("course-101").id;
    let other = app.put_room("exam-1").id;
    let unclaimed = json!({ "external_id": null, "friendly_url": "course-7" });
    let unclaimed = app.put_room_with("course-7", &unclaimed).id;
    for name in [own.as_str(), "course-101"] {
        let answer = app.api(&key, Method::GET, &format!("/rooms/{name}")).await;
        assert_eq!(answer.status, 200, "{name} {answer:?}");
    }
    let mut told = Vec::new();
    for name in [
        other.as_str(),
        "exam-1",
        &unclaimed,
        "course-7",
        "nowhere",
        "a b",
        "7b0c2b1e-7a44-4d0e-9b55-3e6c1d8a9f21",
    ] {
        for (method, path) in [
            (Method::GET, ""),
            (Method::DELETE, ""),
            (Method::POST, "/token"),
            (Method::GET, "/live"),
            (Method::GET, "/chat"),
        ] {
            let answer = app.api(&key, method, &format!("/rooms/{name}{path}")).await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (403, "forbidden"),
                "{name}{path}"
            );
            told.push(answer.json()["detail"].clone());
        }
    }
    told.dedup();
    assert_eq!(told.len(), 1);
    assert_eq!(
        (app.calls("delete_room"), app.calls("get_room_live")),
        (0, 0)
    );
}

#[tokio::test]
async fn what_belongs_to_no_room_is_closed() {
    let (app, key) = app_for_courses().await;
    for operation in Operation::all() {
        if operation.has_room() || operation.id == "create_room" {
            continue;
        }
        let method = Method::from_bytes(operation.method.as_str().as_bytes()).unwrap();
        let path = operation.path.replace(['{', '}'], "");
        let request = app.api_request(&key, method, &path);
        let answer = app.answer(request).await;
        assert_eq!(answer.status, 403, "{} {answer:?}", operation.id);
    }
    assert_eq!(app.upstream_calls(), 0);
}

#[tokio::test]
async fn neither_name_of_a_room_can_make_it_anothers() {
    let (app, key) = app_for_courses().await;
    app.put_room("course-101");
    let create =
        |body: Value| app.answer(app.api_request(&key, Method::POST, "/rooms").json(&body));
    let named = |external_id: Value| json!({ "privacy": "private", "external_id": external_id });
    for body in [
        json!({ "privacy": "private" }),
        named(json!("exam-1")),
        named(json!(7)),
        named(Value::Null),
        named(json!(["course-1"])),
        json!({ "external_id": "course-2", "friendly_url": "exam-1", "privacy": "private" }),
        json!({ "external_id": "course-2", "friendly_url": "course-3", "privacy": "private" }),
    ] {
        assert_eq!(create(body.clone()).await.status, 403, "{body}");
    }
    assert_eq!(app.calls("create_room"), 0);
    let created = create(named(json!("course-2"))).await;
    assert_eq!(created.status, 200, "{created:?}");
    let own =
        json!({ "external_id": "course-3", "friendly_url": "course-3", "privacy": "private" });
    assert_eq!(create(own).await.status, 200);

    let change = async |body: &str| {
        let request = app.api_request(&key, Method::PATCH, "/rooms/course-101");
        let request = request.header("content-type", "application/json");
        app.answer(request.body(body.to_owned())).await.status
    };
    for body in [
        r#"{"external_id":"exam-1"}"#,
        r#"{"external_id":null}"#,
        r#"{"external_id":"course-101","external_id":"exam-1"}"#,
        r#"{"friendly_url":"exam-1"}"#,
        r#"{"friendly_url":7}"#,
    ] {
        assert_eq!(change(body).await, 403, "{body}");
    }
    assert_eq!(app.calls("update_room"), 0);
    assert_eq!(change(r#"{"description":"a course"}"#).await, 200);
}
