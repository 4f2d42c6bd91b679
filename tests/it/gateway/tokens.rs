//! Room tokens for product backends: signed here, and good at upstream's own door.

use std::time::Duration;

use reqwest::Method;
use room_broker::simulator::identity_provider::User;
use serde_json::{Value, json};

use crate::internal::{Backend, app_with};
use crate::support::{START, TestApp, claims_of};

use super::app_for_all;

const PATH: &str = "/rooms/course-101/token";

async fn claims(app: &TestApp, key: &str, body: &Value) -> Value {
    let answer = app.api_with(key, Method::POST, PATH, body).await;
    assert_eq!(answer.status, 200, "{body} {answer:?}");
    claims_of(answer.json()["token"].as_str().unwrap())
}

#[tokio::test]
async fn a_token_has_upstreams_shape_and_opens_upstreams_door() {
    let backend = Backend::that_may(&["tokens:mint"]);
    let app = app_with(&[&backend], "").await;
    let room = app.put_room("course-101");
    let body = json!({ "ud": "user-42", "u": "Ada", "initials": "AL", "role": "moderator", "breakoutId": null });
    for name in ["course-101", &room.id] {
        let answer = app
            .api_with(
                &backend.key(),
                Method::POST,
                &format!("/rooms/{name}/token"),
                &body,
            )
            .await;
        let told = answer.json();
        let members: Vec<&String> = told.as_object().unwrap().keys().collect();
        assert_eq!(members, ["link", "token"]);
        let link = told["link"].as_str().unwrap();
        assert!(
            link.ends_with(&format!("?token={}", told["token"].as_str().unwrap())),
            "{link}"
        );
        let page = app.answer(app.http.get(link)).await;
        assert_eq!(page.status, 200, "{page:?}");
    }
    assert_eq!(app.upstream.joins().len(), 2);
    // One read of the room, and nothing for the tokens.
    assert_eq!(app.calls("create_room_token"), 0);
    assert_eq!(app.calls("get_room"), 1);
}

#[tokio::test]
async fn every_form_of_time_is_read_and_none_outlives_what_policy_allows() {
    let (app, key) = app_for_all("[policy]\ntoken_ttl = \"1h\"\ntoken_ttl_max = \"2h\"").await;
    app.put_room("course-101");
    let now = START.seconds();
    for (exp, expected) in [
        (Value::Null, now + 7200),
        (json!(30), now + 1800),
        (json!(now + 600), now + 600),
        (json!("2026-09-14T14:20:00Z"), now + 3600),
        (json!("2026-09-14 14:20:00"), now + 3600),
        (json!("2026-09-14T14:20:00"), now + 3600),
        (json!("2026-09-14T14:20:00.25"), now + 3600),
        (json!("2026-09-14T16:20:00+02:00"), now + 3600),
        (json!("2026-09-15"), now + 7200),
        (json!(9_999_999), now + 7200),
        (json!(now + 999_999), now + 7200),
        (json!(u64::MAX), now + 7200),
    ] {
        let claims = claims(&app, &key, &json!({ "exp": exp })).await;
        assert_eq!(claims["exp"], expected, "{exp}");
        assert_eq!(claims["role"], "attendee");
        assert_eq!(claims.get("ud"), None);
    }
    let later = claims(&app, &key, &json!({ "nbf": "2026-09-14T14:20:00Z" })).await;
    assert_eq!(later["nbf"], now + 3600);
    for (body, member) in [
        (json!({ "exp": now - 1 }), "exp"),
        (json!({ "exp": 0 }), "exp"),
        (json!({ "exp": -5 }), "exp"),
        (json!({ "exp": 1.5 }), "exp"),
        (json!({ "exp": "soon" }), "exp"),
        (json!({ "exp": "2026-09-14" }), "exp"),
        (json!({ "exp": "2026-09-31" }), "exp"),
        (json!({ "exp": "2026-09-15T" }), "exp"),
        (json!({ "nbf": "14.09.2026" }), "nbf"),
        (json!({ "exp": true }), "exp"),
        (json!({ "nbf": [] }), "nbf"),
        (json!({ "nbf": now + 99_999 }), "exp"),
        (json!({ "role": "speaker" }), "role"),
        (json!({ "role": "nobody" }), "role"),
        (json!({ "role": 7 }), "role"),
        (json!({ "u": {} }), "u"),
        (json!({ "avatar": "http://x" }), "avatar"),
        (json!({ "breakoutId": "x" }), "breakoutId"),
        (json!({ "ud": "a".repeat(513) }), "ud"),
    ] {
        let answer = app.api_with(&key, Method::POST, PATH, &body).await;
        assert_eq!(answer.status, 422, "{body} {answer:?}");
        assert!(
            answer.json()["errors"][member].is_array(),
            "{body} {answer:?}"
        );
        assert!(answer.json()["message"].is_string());
    }
}

#[tokio::test]
async fn a_date_alone_is_its_first_moment() {
    let (app, key) = app_for_all("[policy]\ntoken_ttl = \"1h\"\ntoken_ttl_max = \"12h\"").await;
    app.put_room("course-101");
    let midnight = START.seconds() + 10 * 3600 + 40 * 60;
    let until_midnight = claims(&app, &key, &json!({ "exp": "2026-09-15" })).await;
    assert_eq!(until_midnight["exp"], midnight);
    let from_midnight = json!({ "nbf": "2026-09-15", "exp": "2026-09-15T00:30:00" });
    let from_midnight = claims(&app, &key, &from_midnight).await;
    assert_eq!(from_midnight["nbf"], midnight);
    assert_eq!(from_midnight["exp"], midnight + 1800);
}

#[tokio::test]
async fn a_role_is_named_by_its_id_too() {
    let (app, key) = app_for_all("").await;
    app.put_room("course-101");
    let roles = app.api(&key, Method::GET, "/roles").await.json();
    let roles = roles["data"].as_array().unwrap();
    let id = |name: &str| {
        let role = roles.iter().find(|role| role["name"] == name).unwrap();
        role["id"].clone()
    };
    assert_eq!(
        claims(&app, &key, &json!({ "role": id("moderator") })).await["role"],
        "moderator"
    );
    let body = json!({ "role": id("speaker") });
    assert_eq!(
        app.api_with(&key, Method::POST, PATH, &body).await.status,
        422
    );
}

#[tokio::test]
async fn a_room_that_is_not_there_is_told_as_upstream_would() {
    let (app, key) = app_for_all("").await;
    for name in [
        "nowhere",
        "5f0c2b1e-7a44-4d0e-9b55-3e6c1d8a9f21",
        "a",
        "a b",
    ] {
        let path = format!("/rooms/{name}/token");
        let answer = app.api_with(&key, Method::POST, &path, &json!({})).await;
        assert_eq!(
            (answer.status, answer.json()["error"].as_str()),
            (404, Some("not-found")),
            "{name}"
        );
    }
}

#[tokio::test]
async fn the_name_in_an_encrypted_rooms_token_stays_out() {
    let (app, key) = app_for_all("").await;
    app.put_room_with("course-101", &json!({ "e2ee_enabled": true }));
    let claims = claims(&app, &key, &json!({ "u": "Ada" })).await;
    assert_eq!(claims.get("u"), None);
}

#[tokio::test]
async fn a_known_room_is_read_again_after_a_while_and_a_name_never_leads_to_another_room() {
    let (app, key) = app_for_all("").await;
    let first = app.put_room("course-101").id;
    let rd = async || claims(&app, &key, &json!({})).await["rd"].clone();
    assert_eq!(rd().await, first);
    // By the gateway: the rename is known at once, and the name may go to another room.
    let body = json!({ "friendly_url": "course-1" });
    app.api_with(&key, Method::PATCH, &format!("/rooms/{first}"), &body)
        .await;
    let second = app.put_room("course-101").id;
    assert_eq!(rd().await, second);
    // Behind its back: within `rooms_fresh_for`.
    app.upstream.delete_room("course-101");
    app.hand.advance(Duration::from_secs(601));
    let answer = app.api_with(&key, Method::POST, PATH, &json!({})).await;
    assert_eq!(answer.status, 404);
    assert_eq!(
        app.join(&app.token(User::Ben), "course-1").await.status,
        403
    );
}

#[tokio::test]
async fn a_change_by_room_key_is_seen_by_the_very_next_token() {
    let (app, key) = app_for_all("").await;
    app.put_room("course-101");
    let moderator = json!({ "role": "moderator" });
    claims(&app, &key, &moderator).await;
    let roles = json!({ "settings": { "roles": ["attendee"], "default_role": "attendee" } });
    let room = "/v1/rooms/course-101";
    let changed = app.do_as(&key, (Method::PATCH, room), &roles).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let refused = app.api_with(&key, Method::POST, PATH, &moderator).await;
    assert_eq!(refused.status, 422, "{refused:?}");
    let deleted = app.do_as(&key, (Method::DELETE, room), &Value::Null).await;
    assert_eq!(deleted.status, 204, "{deleted:?}");
    let gone = app.api_with(&key, Method::POST, PATH, &json!({})).await;
    assert_eq!(gone.status, 404, "{gone:?}");
}

#[tokio::test]
async fn who_is_barred_gets_no_token() {
    let (app, key) = app_for_all("").await;
    app.put_room("course-101");
    let ban = json!({ "user_id": "user-42", "until": START.seconds() + 600 });
    let put = app.do_as(&key, (Method::PUT, "/v1/denials/ban-1"), &ban);
    assert_eq!(put.await.status, 200);
    let barred = json!({ "ud": "user-42" });
    let refused = app.api_with(&key, Method::POST, PATH, &barred).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (403, "forbidden")
    );
    claims(&app, &key, &json!({ "ud": "user-43" })).await;
}

#[tokio::test]
async fn who_is_barred_everywhere_gets_no_token_for_a_room_without_a_key_either() {
    let (app, key) = app_for_all("").await;
    let ours = json!({ "privacy": "private", "friendly_url": "nobodys-room" });
    let made = app.api_with(&key, Method::POST, "/rooms", &ours).await;
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let until = START.seconds() + 600;
    for (name, ban) in [
        ("ban-1", json!({ "user_id": "user-42", "until": until })),
        (
            "ban-2",
            json!({ "user_id": "user-43", "room": "course-101", "until": until }),
        ),
    ] {
        let path = format!("/v1/denials/{name}");
        let put = app.do_as(&key, (Method::PUT, &path), &ban).await;
        assert_eq!(put.status, 200, "{put:?}");
    }
    for (user_id, expected) in [("user-42", 403), ("user-43", 200)] {
        let body = json!({ "ud": user_id, "role": "attendee" });
        let path = format!("/rooms/{id}/token");
        let answer = app.api_with(&key, Method::POST, &path, &body).await;
        assert_eq!(answer.status, expected, "{user_id} {answer:?}");
    }
}
