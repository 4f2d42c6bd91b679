//! Rooms by room key, and that the very next join sees what became of them.

use reqwest::Method;
use room_broker::simulator::identity_provider::User;
use room_broker::simulator::{Fault, Moment};
use serde_json::{Value, json};

use super::{Backend, almighty, app_with};
use crate::support::Answer;

const ROOM: &str = "/v1/rooms/course-101";
const BODY: Value = Value::Null;

#[tokio::test]
async fn ensuring_creates_once_and_again_changes_nothing() {
    let (app, key) = almighty().await;
    let first = app.do_as(&key, (Method::PUT, ROOM), &BODY).await;
    let facts = app.upstream.room("course-101").unwrap();
    assert_eq!(
        first.json(),
        json!({
            "key": "course-101", "id": facts.id, "friendly_url": "course-101",
            "url": format!("{}/course-101", app.upstream.base_url()),
            "roles": ["moderator", "attendee"], "default_role": "attendee",
            "end_to_end_encrypted": false, "created": true,
        })
    );
    let again = app.do_as(&key, (Method::PUT, ROOM), &json!({})).await;
    assert_eq!(again.json()["created"], false);
    assert_eq!(again.json()["id"], first.json()["id"]);
    assert_eq!(app.upstream.creations(), 1);
    assert_eq!(app.calls("update_room"), 0);
    let read = app.ask(&key, ROOM).await.json();
    assert_eq!(read["id"], first.json()["id"]);
    assert_eq!(read.get("created"), None);
}

#[tokio::test]
async fn settings_lie_over_the_template_and_change_a_room_that_is_there() {
    let (app, key) = almighty().await;
    let settings = json!({ "settings": { "max_participants": 7, "tags": ["a"] } });
    let made = app.do_as(&key, (Method::PUT, ROOM), &settings).await;
    assert_eq!(made.json()["created"], true, "{made:?}");
    let facts = app.upstream.room("course-101").unwrap();
    assert_eq!(facts.settings["max_participants"], 7);
    assert_eq!(made.json()["roles"], json!(["moderator", "attendee"]));
    let settings = json!({ "settings": { "max_participants": 9, "tags": ["b"] } });
    let changed = app.do_as(&key, (Method::PUT, ROOM), &settings).await;
    assert_eq!(changed.json()["created"], false, "{changed:?}");
    let facts = app.upstream.room("course-101").unwrap();
    assert_eq!(facts.settings["max_participants"], 9);
}

#[tokio::test]
async fn a_change_is_seen_by_the_very_next_join() {
    let (app, key) = almighty().await;
    let ada = app.token(User::Ada);
    assert_eq!(app.join(&ada, "course-101").await.status, 200);
    let roles = json!({ "settings": { "roles": ["attendee"], "default_role": "attendee" } });
    let changed = app.do_as(&key, (Method::PATCH, ROOM), &roles).await;
    assert_eq!(changed.json()["roles"], json!(["attendee"]), "{changed:?}");
    let refused = app.join(&ada, "course-101").await;
    assert_eq!(refused.code(), "role-not-in-room");
    let back =
        json!({ "settings": { "roles": ["moderator", "attendee"], "default_role": "attendee" } });
    app.do_as(&key, (Method::PUT, ROOM), &back).await;
    assert_eq!(app.join(&ada, "course-101").await.status, 200);

    let gone = app.do_as(&key, (Method::DELETE, ROOM), &BODY).await;
    assert_eq!((gone.status, gone.text.as_str()), (204, ""));
    assert_eq!(app.ask(&key, ROOM).await.code(), "no-such-room");
    let joined = app.join(&ada, "course-101").await.json();
    assert_eq!(joined["room"]["created"], true);
}

#[tokio::test]
async fn what_was_read_before_a_change_and_comes_after_it_is_not_remembered() {
    let (app, key) = almighty().await;
    let ada = app.token(User::Ada);
    app.put_room("course-101");
    let controls = app.upstream.controls();
    // The join has read the room; the answer is on its way while the room is changed.
    controls.close_gate("get_room", Moment::AfterEffect);
    let joining = app.crowd(&ada, "course-101", 1);
    controls.until_waiting("get_room", 1).await;
    controls.close_gate("update_room", Moment::AfterEffect);
    let roles = json!({ "settings": { "roles": ["attendee"], "default_role": "attendee" } });
    let change = app.call(&key, (Method::PATCH, ROOM), &roles);
    let changing = tokio::spawn(async move { Answer::of(change.send().await.unwrap()).await });
    controls.until_waiting("get_room", 2).await;
    controls.open_gate("get_room");
    controls.until_waiting("update_room", 1).await;
    for join in joining {
        assert_eq!(join.await.unwrap().status, 200);
    }
    // And another that begins while the change is there and its answer is not.
    controls.open_gate("update_room");
    assert_eq!(changing.await.unwrap().status, 200);
    let refused = app.join(&ada, "course-101").await;
    assert_eq!(refused.code(), "role-not-in-room");
}

#[tokio::test]
async fn settings_that_cannot_be_are_refused_before_upstream_is_asked() {
    let (app, key) = almighty().await;
    let calls = app.upstream_calls();
    for (body, member) in [
        (
            json!({ "settings": { "max_participants": 1 } }),
            "settings.max_participants",
        ),
        (json!({ "settings": { "zoom": 1 } }), "settings.zoom"),
        (
            json!({ "settings": { "friendly_url": "x-y" } }),
            "settings.friendly_url",
        ),
        (
            json!({ "settings": { "privacy": "public" } }),
            "settings.privacy",
        ),
        (
            json!({ "settings": { "default_role": "attendee", "roles": [] } }),
            "settings.default_role",
        ),
        (json!({ "settings": 7 }), "settings"),
    ] {
        for method in [Method::PUT, Method::PATCH] {
            let answer = app.do_as(&key, (method, ROOM), &body).await;
            assert_eq!(answer.code(), "invalid-field", "{body}");
            assert_eq!(answer.json()["member"], member, "{body}");
        }
    }
    let tags = json!({ "settings": { "tags": ["a"] } });
    let answer = app.do_as(&key, (Method::PATCH, ROOM), &tags).await;
    assert_eq!(answer.json()["member"], "settings.tags");
    let unknown = app
        .do_as(&key, (Method::PUT, ROOM), &json!({ "setings": {} }))
        .await;
    assert_eq!(unknown.code(), "unknown-member");
    assert_eq!(app.upstream_calls(), calls);
}

#[tokio::test]
async fn settings_that_upstream_does_not_take_are_the_callers_to_mend() {
    let (app, key) = almighty().await;
    app.put_room("course-101");
    let roles = json!({ "settings": { "roles": ["nobody"], "default_role": "nobody" } });
    let answer = app.do_as(&key, (Method::PATCH, ROOM), &roles).await;
    assert_eq!(answer.code(), "settings-rejected");
    assert!(
        answer.json()["member"]
            .as_str()
            .unwrap()
            .starts_with("settings.")
    );
}

#[tokio::test]
async fn a_live_room_keeps_its_resources() {
    let (app, key) = almighty().await;
    let ada = app.token(User::Ada);
    let joined = app.join(&ada, "course-101").await.json();
    let page = app.http.get(joined["join_url"].as_str().unwrap());
    assert_eq!(page.send().await.unwrap().status(), 200);
    let with_resources = json!({ "delete_resources": true });
    let answer = app
        .do_as(&key, (Method::DELETE, ROOM), &with_resources)
        .await;
    assert_eq!(answer.code(), "room-live");
    let gone = app.do_as(&key, (Method::DELETE, ROOM), &BODY).await;
    assert_eq!(gone.status, 204);
    assert!(app.upstream.room("course-101").is_none());
}

#[tokio::test]
async fn somebody_elses_room_is_neither_changed_nor_deleted() {
    let (app, key) = almighty().await;
    app.put_room_with("course-101", &json!({ "external_id": "course-7" }));
    for method in [Method::PUT, Method::PATCH, Method::DELETE, Method::GET] {
        let answer = app.do_as(&key, (method.clone(), ROOM), &BODY).await;
        assert_eq!(answer.code(), "room-conflict", "{method}");
    }
    assert!(app.upstream.room("course-101").is_some());
    let missing = "/v1/rooms/course-102";
    for method in [Method::PATCH, Method::DELETE, Method::GET] {
        let answer = app.do_as(&key, (method.clone(), missing), &BODY).await;
        assert_eq!(answer.code(), "no-such-room", "{method}");
    }
}

#[tokio::test]
async fn while_upstream_is_down_a_change_fails_and_joins_of_known_rooms_go_on() {
    let (app, key) = almighty().await;
    let ada = app.token(User::Ada);
    app.join(&ada, "course-101").await;
    app.upstream.controls().fail("*", Fault::status(500));
    for method in [Method::PUT, Method::PATCH, Method::DELETE] {
        let answer = app.do_as(&key, (method.clone(), ROOM), &BODY).await;
        assert_eq!(answer.code(), "upstream-unavailable", "{method}");
    }
    assert_eq!(app.join(&ada, "course-101").await.status, 200);
}

#[tokio::test]
async fn only_rooms_of_ours_within_the_patterns_are_listed_page_by_page() {
    let all = Backend::that_may(&["rooms:read"]);
    let some = Backend::that_may(&["rooms:read"]).with("rooms = [\"course-{course}\"]");
    let app = app_with(&[&all, &some], "").await;
    for room in ["course-1", "lobby", "course-2"] {
        app.put_room(room);
    }
    app.put_room_with("foreign", &json!({ "external_id": null }));
    app.put_room_with("renamed", &json!({ "external_id": "course-9" }));
    let keys = |answer: &Answer| -> Vec<String> {
        let json = answer.json();
        let items = json["data"].as_array().unwrap().clone();
        items
            .iter()
            .map(|item| item["key"].as_str().unwrap().to_owned())
            .collect()
    };
    let listed = app.ask(&all.key(), "/v1/rooms").await;
    assert_eq!(keys(&listed), ["course-2", "lobby", "course-1"]);
    assert_eq!(listed.json().get("next_offset"), None);
    let listed = app.ask(&some.key(), "/v1/rooms").await;
    assert_eq!(keys(&listed), ["course-2", "course-1"]);

    let (mut seen, mut offset) = (Vec::new(), Some(0));
    while let Some(from) = offset {
        let page = app
            .ask(&some.key(), &format!("/v1/rooms?limit=2&offset={from}"))
            .await;
        seen.extend(keys(&page));
        offset = page.json()["next_offset"].as_u64();
    }
    assert_eq!(seen, ["course-2", "course-1"]);
    for query in ["limit=0", "limit=101", "offset=-1", "page=2", "limit=x"] {
        let answer = app.ask(&all.key(), &format!("/v1/rooms?{query}")).await;
        assert_eq!(answer.code(), "bad-request", "{query}");
    }
}
