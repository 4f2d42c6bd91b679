//! Links by a backend's word, for one and for many.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Backend, almighty, app_with};
use crate::support::{Answer, START, TestApp, claims_of};

const NOW: u64 = START.seconds();
const BREAKOUT: &str = "7b0c2b1e-7a44-4d0e-9b55-3e6c1d8a9f21";

async fn links(app: &TestApp, key: &str, body: &Value) -> Answer {
    let path = (Method::POST, "/v1/rooms/course-101/join-links");
    app.do_as(key, path, body).await
}

#[tokio::test]
async fn a_link_lets_this_person_in_as_the_backend_says() {
    let (app, key) = almighty().await;
    let room = app.put_room("course-101");
    let participant = json!({
        "id": "user-7", "name": "Grace \"Hop\" Hopper", "initials": "GH", "role": "moderator",
        "avatar_url": "https://cdn.example/g.png", "breakout_id": BREAKOUT,
        "ttl_seconds": 600, "not_before": NOW + 60,
    });
    let answer = links(&app, &key, &json!({ "participants": [participant] })).await;
    let body = answer.json();
    let result = &body["results"][0];
    let token = result["token"]
        .as_str()
        .unwrap_or_else(|| panic!("{answer:?}"));
    let url = format!("{}/course-101", app.upstream.base_url());
    assert_eq!(
        body,
        json!({
            "room": { "key": "course-101", "id": room.id, "friendly_url": "course-101", "url": url, "created": false },
            "results": [{
                "index": 0, "join_url": format!("{url}?token={token}"), "token": token,
                "participant": { "id": "user-7", "name": "Grace \"Hop\" Hopper", "role": "moderator" },
                "not_before": NOW + 55, "expires_at": NOW + 660,
            }],
        })
    );
    let claims = claims_of(token);
    assert_eq!(claims["ud"], "user-7");
    assert_eq!(claims["role"], "moderator");
    assert_eq!(claims["u"], "Grace \"Hop\" Hopper");
    assert_eq!(claims["initials"], "GH");
    assert_eq!(claims["avatar"], "https://cdn.example/g.png");
    assert_eq!(claims["breakoutId"], BREAKOUT);
    assert_eq!(claims["rd"], room.id);
    assert_eq!(claims["nbf"], NOW + 55);
    assert_eq!(claims["exp"], NOW + 660);
    assert_eq!(answer.header("cache-control"), "no-store");
    app.hand.advance(std::time::Duration::from_secs(60));
    let page = app.http.get(result["join_url"].as_str().unwrap());
    assert_eq!(page.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn each_of_many_gets_a_link_or_a_problem_of_its_own() {
    let (app, key) = almighty().await;
    app.put_room("course-101");
    let participants = json!([
        { "id": "u0" },
        { "name": "nobody" },
        { "id": "u2", "role": "boss" },
        { "id": "u3", "role": "not a role" },
        { "id": "u4", "avatar_url": "http://cdn.example/x" },
        { "id": "u5", "ttl_seconds": 8 * 3600 + 1 },
        { "id": "u6", "expires_at": NOW },
        { "id": "u7", "ttl_seconds": 1, "expires_at": NOW + 1 },
        { "id": "u8", "not_before": NOW + 90 * 86_400 },
        { "id": "u9", "breakout_id": "x" },
        { "id": "", },
        { "id": "u11", "role": "moderator", "expires_at": NOW + 8 * 3600 },
        { "id": "u12", "ttl_seconds": 60.0, "not_before": -1 },
        { "id": "u13", "ttl_seconds": -60 },
        { "id": "u14", "expires_at": 1e300 },
        { "id": "u15", "not_before": 1e300 },
        { "id": "u16", "name": "\n" },
    ]);
    let answer = links(&app, &key, &json!({ "participants": participants })).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    let said: Vec<String> = body["results"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
        .map(|(index, result)| {
            assert_eq!(result["index"], index);
            let problem = &result["problem"];
            if problem.is_null() {
                return format!("{}", result["expires_at"].as_u64().unwrap() - NOW);
            }
            assert!(problem["detail"].is_string());
            let text = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
            format!("{} {}", text("code"), text("member"))
        })
        .collect();
    assert_eq!(
        said,
        [
            "7200",
            "invalid-field id",
            "role-not-in-room role",
            "invalid-field role",
            "invalid-field avatar_url",
            "invalid-field expires_at",
            "invalid-field expires_at",
            "invalid-field ttl_seconds",
            "invalid-field not_before",
            "invalid-field breakout_id",
            "invalid-field id",
            "28800",
            "60",
            "invalid-field expires_at",
            "invalid-field expires_at",
            "invalid-field not_before",
            "invalid-field name",
        ]
    );
    let claims = claims_of(body["results"][0]["token"].as_str().unwrap());
    assert_eq!(claims["role"], "attendee");
    for claim in ["u", "initials", "avatar", "breakoutId"] {
        assert_eq!(claims.get(claim), None, "{claim}");
    }
}

#[tokio::test]
async fn a_thousand_links_need_no_call_upstream_once_the_room_is_known() {
    let (app, key) = almighty().await;
    app.put_room("course-101");
    let one = json!({ "participants": [{ "id": "u" }] });
    assert_eq!(links(&app, &key, &one).await.status, 200);
    let calls = app.upstream_calls();
    let many = |count: usize| {
        let list: Vec<Value> = (0..count)
            .map(|n| json!({ "id": format!("u{n}"), "name": format!("Number {n}"), "role": "attendee" }))
            .collect();
        json!({ "participants": list })
    };
    let answer = links(&app, &key, &many(1000)).await;
    let body = answer.json();
    let results = body["results"].as_array().unwrap();
    assert_eq!(results.len(), 1000);
    for (n, result) in results.iter().enumerate() {
        assert_eq!(
            claims_of(result["token"].as_str().unwrap())["ud"],
            format!("u{n}")
        );
    }
    for count in [0, 1001] {
        let answer = links(&app, &key, &many(count)).await;
        assert_eq!(answer.code(), "invalid-field");
        assert_eq!(answer.json()["member"], "participants");
    }
    assert_eq!(app.upstream_calls(), calls);
}

#[tokio::test]
async fn a_body_that_says_more_or_other_than_it_may_is_refused_as_a_whole() {
    let (app, key) = almighty().await;
    app.put_room("course-101");
    for (body, code, member) in [
        (
            json!({ "participants": [{ "id": "u" }, { "id": "u", "rolle": "x" }] }),
            "unknown-member",
            "participants[1].rolle",
        ),
        (
            json!({ "participants": [{ "id": 7 }] }),
            "invalid-field",
            "participants[0].id",
        ),
        (
            json!({ "participants": [{ "id": "u", "ttl_seconds": 0.5 }] }),
            "invalid-field",
            "participants[0].ttl_seconds",
        ),
        (
            json!({ "participants": [["u"]] }),
            "invalid-field",
            "participants[0]",
        ),
        (
            json!({ "participants": {} }),
            "invalid-field",
            "participants",
        ),
        (json!({ "people": [] }), "unknown-member", "people"),
    ] {
        let answer = links(&app, &key, &body).await;
        assert_eq!(answer.code(), code, "{body}");
        assert_eq!(answer.json()["member"], member, "{body}");
    }
}

#[tokio::test]
async fn a_room_that_is_not_there_is_created_only_with_the_scope_for_it() {
    let minter = Backend::that_may(&["tokens:mint"]);
    let maker = Backend::that_may(&["tokens:mint", "rooms:write"]);
    let app = app_with(&[&minter, &maker], "").await;
    let plain = json!({ "participants": [{ "id": "u" }] });
    let create = json!({ "participants": [{ "id": "u" }], "create": true });
    assert_eq!(
        links(&app, &maker.key(), &plain).await.code(),
        "no-such-room"
    );
    let refused = links(&app, &minter.key(), &create).await;
    assert_eq!(refused.code(), "insufficient-scope");
    assert_eq!(refused.json()["scope"], "rooms:write");
    assert_eq!(app.upstream.creations(), 0);
    let made = links(&app, &maker.key(), &create).await;
    assert_eq!(made.json()["room"]["created"], true, "{made:?}");
    assert_eq!(app.upstream.creations(), 1);
}

#[tokio::test]
async fn the_name_of_an_encrypted_rooms_participant_is_not_in_the_token() {
    let (app, key) = almighty().await;
    app.put_room_with("course-101", &json!({ "e2ee_enabled": true }));
    let body = json!({ "participants": [{ "id": "u", "name": "Ada" }] });
    let answer = links(&app, &key, &body).await.json();
    let claims = claims_of(answer["results"][0]["token"].as_str().unwrap());
    assert_eq!(claims.get("u"), None);
}
