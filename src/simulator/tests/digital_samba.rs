use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

use super::{KEY, NOW, TEAM, Team, told, visitor};
use crate::simulator::digital_samba::Variations;

#[tokio::test]
async fn every_documented_form_of_the_key_opens_and_nothing_else_does() {
    let team = Team::start();
    let both = STANDARD.encode(format!("{TEAM}:{KEY}"));
    let other = STANDARD.encode(format!("{TEAM}:wrong"));
    for (authorization, expected) in [
        (format!("Bearer {KEY}"), 200),
        (format!("Basic {both}"), 200),
        (format!("Bearer {both}"), 200),
        (format!("Bearer {KEY}x"), 401),
        (format!("Basic {other}"), 401),
        (format!("Token {KEY}"), 401),
    ] {
        let address = format!("{}/api/v1/", team.samba.base_url());
        let request = team.client.get(address);
        let answer = request.header("authorization", &authorization).send().await;
        let (status, body) = told(answer.unwrap()).await;
        assert_eq!(status, expected, "{authorization}");
        if status == 401 {
            assert_eq!(
                body,
                json!({ "message": "Unauthenticated.", "error": "unauthenticated" })
            );
        }
    }
}

#[tokio::test]
async fn a_room_is_created_read_by_both_names_changed_and_deleted() {
    let team = Team::start();
    let asked = json!({
        "friendly_url": "clinic-planning",
        "description": "Weekly planning",
        "privacy": "private",
        "external_id": "dept-112",
        "roles": ["moderator", "attendee"],
        "default_role": "attendee",
        "max_participants": 40,
        "an_unknown_name": true,
    });
    let (status, room) = team.post("/api/v1/rooms", asked).await;
    assert_eq!(status, 200, "{room}");
    assert_eq!(room["external_id"], "dept-112");
    assert_eq!(room["max_participants"], 40);
    assert_eq!(room["chat_enabled"], true);
    assert_eq!(room["default_role"]["name"], "attendee");
    assert_eq!(room["roles"][0]["display_name"], "Moderators");
    assert_eq!(room["created_at"], "2026-06-09T10:13:20Z");
    assert_eq!(
        room["room_url"],
        format!("{}/clinic-planning", team.samba.base_url())
    );
    assert!(room.get("an_unknown_name").is_none());

    let id = room["id"].as_str().unwrap();
    assert_eq!(
        team.get(&format!("/api/v1/rooms/{id}")).await,
        (200, room.clone())
    );
    let (_, by_name) = team.get("/api/v1/rooms/clinic-planning").await;
    assert_eq!(by_name, room);

    let change = json!({ "friendly_url": "renamed", "max_participants": 50 });
    let (status, changed) = team.patch(&format!("/api/v1/rooms/{id}"), change).await;
    assert_eq!((status, &changed["max_participants"]), (200, &json!(50)));
    assert_eq!(team.get("/api/v1/rooms/clinic-planning").await.0, 404);
    assert_eq!(team.get("/api/v1/rooms/renamed").await.1, changed);

    let nothing = json!({ "friendly_url": null });
    let (status, same) = team.patch("/api/v1/rooms/renamed", nothing).await;
    assert_eq!((status, &same["friendly_url"]), (200, &json!("renamed")));

    let gone = team.delete(&format!("/api/v1/rooms/{id}"), json!({})).await;
    assert_eq!(gone, (204, json!("")));
    let missing = json!({ "message": "Not Found", "error": "not-found" });
    assert_eq!(team.get("/api/v1/rooms/renamed").await, (404, missing));
}

#[tokio::test]
async fn a_room_without_a_name_gets_one_and_the_documented_defaults() {
    let team = Team::start();
    let (status, room) = team.post("/api/v1/rooms", json!({})).await;
    assert_eq!(status, 200);
    assert_eq!(room["friendly_url"].as_str().unwrap().len(), 16);
    assert_eq!(room["privacy"], "public");
    assert_eq!(room["default_role"]["name"], "moderator");
    assert_eq!(room["roles"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn each_wrong_setting_is_refused_by_its_name() {
    let team = Team::start();
    team.room("taken").await;
    for (body, field) in [
        (json!({ "friendly_url": "taken" }), "friendly_url"),
        (json!({ "friendly_url": "TAKEN" }), "friendly_url"),
        (json!({ "friendly_url": "ab" }), "friendly_url"),
        (json!({ "friendly_url": "a".repeat(33) }), "friendly_url"),
        (json!({ "friendly_url": "with space" }), "friendly_url"),
        (json!({ "privacy": "secret" }), "privacy"),
        (json!({ "max_participants": 1 }), "max_participants"),
        (json!({ "max_participants": 2001 }), "max_participants"),
        (json!({ "max_participants": "40" }), "max_participants"),
        (json!({ "chat_enabled": "yes" }), "chat_enabled"),
        (json!({ "toolbar_color": "blue" }), "toolbar_color"),
        (json!({ "library_id": "x" }), "library_id"),
        (json!({ "expires_at": "2020-01-01 00:00:00" }), "expires_at"),
        (json!({ "default_role": "attendee" }), "roles"),
        (
            json!({ "roles": ["moderator", "ghost"], "default_role": "moderator" }),
            "roles.1",
        ),
        (
            json!({ "roles": ["moderator"], "default_role": "attendee" }),
            "default_role",
        ),
        (
            json!({ "roles": ["moderator", "attendee"] }),
            "default_role",
        ),
    ] {
        let (status, answer) = team.post("/api/v1/rooms", body.clone()).await;
        assert_eq!(status, 422, "{body}");
        assert!(answer["errors"][field][0].is_string(), "{body}: {answer}");
        assert_eq!(answer["message"], answer["errors"][field][0]);
    }
    assert_eq!(team.samba.rooms().len(), 1);
    assert_eq!(team.samba.creations(), 1);
}

#[tokio::test]
async fn of_many_creations_with_one_name_exactly_one_succeeds() {
    let team = Team::start();
    let creations = (0..20).map(|_| team.post("/api/v1/rooms", json!({ "friendly_url": "one" })));
    let statuses = join_all(creations)
        .await
        .into_iter()
        .map(|(status, _)| status);
    let (made, refused): (Vec<_>, Vec<_>) = statuses.partition(|status| *status == 200);
    assert_eq!((made.len(), refused), (1, vec![422; 19]));
    assert_eq!(team.samba.creations(), 1);
}

#[tokio::test]
async fn pages_of_rooms_follow_order_offset_limit_after_and_tag() {
    let team = Team::start();
    for (name, tag) in [("room-1", "odd"), ("room-2", "even"), ("room-3", "odd")] {
        let body = json!({ "friendly_url": name, "tags": [tag] });
        assert_eq!(team.post("/api/v1/rooms", body).await.0, 200);
    }
    for (query, names, total) in [
        ("", vec!["room-3", "room-2", "room-1"], "3"),
        ("?order=asc&limit=2", vec!["room-1", "room-2"], "3"),
        ("?offset=1", vec!["room-2", "room-1"], "3"),
        ("?after=room-2", vec!["room-1"], "3"),
        ("?tag=odd", vec!["room-3", "room-1"], "2"),
        (
            "?tag[]=odd&tag[]=even&order=asc",
            vec!["room-1", "room-2", "room-3"],
            "3",
        ),
    ] {
        let (status, page) = team.get(&format!("/api/v1/rooms{query}")).await;
        let rooms = page["data"].as_array().unwrap();
        let found: Vec<_> = rooms
            .iter()
            .map(|room| room["friendly_url"].as_str().unwrap())
            .collect();
        assert_eq!((status, found), (200, names), "{query}");
        assert_eq!(page["total_count"], total);
        assert!(
            rooms[0].get("roles").is_none(),
            "items are a subset of a room"
        );
    }
    for query in [
        "?limit=0",
        "?limit=101",
        "?limit=x",
        "?order=up",
        "?after=nobody",
    ] {
        assert_eq!(
            team.get(&format!("/api/v1/rooms{query}")).await.0,
            422,
            "{query}"
        );
    }
    let gone = team.delete("/api/v1/rooms", json!({ "tags": "odd" })).await;
    assert_eq!(gone.0, 202);
    assert_eq!(team.samba.rooms().len(), 1);
}

#[tokio::test]
async fn deleting_the_legacy_tags_path_deletes_the_room_of_that_name() {
    let team = Team::start();
    team.room("tags").await;
    team.delete("/api/v1/rooms/tags", json!({ "tags": ["none"] }))
        .await;
    assert!(team.samba.rooms().is_empty());
}

#[tokio::test]
async fn rooms_are_deleted_by_tags_that_exist_and_live_ones_stay() {
    let team = Team::start();
    for (name, tags) in [
        ("old", json!(["spring", "even"])),
        ("busy", json!(["spring"])),
    ] {
        let body = json!({ "friendly_url": name, "tags": tags });
        assert_eq!(team.post("/api/v1/rooms", body).await.0, 200);
    }
    assert!(team.samba.enter("busy", visitor("user-1", "moderator")));
    for tags in [json!([]), json!(["spring", "ghost"]), json!(7), Value::Null] {
        for path in ["/api/v1/rooms", "/api/v1/rooms/tags"] {
            let (status, answer) = team.delete(path, json!({ "tags": tags })).await;
            assert_eq!(status, 422, "{tags}");
            assert!(answer["errors"]["tags"][0].is_string());
        }
    }
    let gone = team
        .delete("/api/v1/rooms/tags", json!({ "tags": ["spring"] }))
        .await;
    assert_eq!(gone, (202, json!("")));
    let left: Vec<_> = team
        .samba
        .rooms()
        .into_iter()
        .map(|room| room.friendly_url)
        .collect();
    assert_eq!(left, ["busy"]);
    let wrong = json!({ "friendly_url": "new", "tags": "spring" });
    assert_eq!(team.post("/api/v1/rooms", wrong).await.0, 422);
}

#[tokio::test]
async fn the_documented_variations_are_spoken_on_request() {
    let team = Team::start();
    team.room("clinic").await;
    team.samba.vary(Variations {
        roles_as_names: true,
        total_count_as_number: true,
        validation_as_400: true,
        idle_room_not_found: true,
    });
    let (_, room) = team.get("/api/v1/rooms/clinic").await;
    assert_eq!(room["roles"], json!(["moderator", "attendee"]));
    assert_eq!(room["default_role"], "attendee");
    assert_eq!(team.get("/api/v1/rooms").await.1["total_count"], 1);
    assert_eq!(
        team.post("/api/v1/rooms", json!({ "privacy": 1 })).await.0,
        400
    );
    assert_eq!(team.get("/api/v1/rooms/clinic/live").await.0, 404);
}

#[tokio::test]
async fn the_api_mints_tokens_with_every_form_of_time() {
    let team = Team::start();
    let room = team.room("clinic").await;
    for (body, nbf, exp) in [
        (json!({}), Value::Null, Value::Null),
        (json!({ "exp": null, "u": null }), Value::Null, Value::Null),
        (json!({ "exp": 90 }), Value::Null, json!(NOW + 90 * 60)),
        (
            json!({ "exp": NOW + 60, "nbf": NOW }),
            json!(NOW),
            json!(NOW + 60),
        ),
        (
            json!({ "exp": "2026-06-09 11:13:20", "nbf": "2026-06-09T10:13:20Z" }),
            json!(NOW),
            json!(NOW + 3600),
        ),
    ] {
        let (status, answer) = team.post("/api/v1/rooms/clinic/token", body.clone()).await;
        assert_eq!(status, 200, "{body}");
        let token = answer["token"].as_str().unwrap();
        let link = format!("{}?token={token}", room["room_url"].as_str().unwrap());
        assert_eq!(answer["link"], link);
        let parts: Vec<Value> = token.split('.').take(2).map(decoded).collect();
        assert_eq!(parts[0], json!({ "typ": "JWT", "alg": "HS256" }));
        assert_eq!(parts[1]["td"], TEAM);
        assert_eq!(parts[1]["rd"], room["id"]);
        assert_eq!(parts[1]["iat"], NOW);
        assert_eq!((&parts[1]["nbf"], &parts[1]["exp"]), (&nbf, &exp), "{body}");
    }
    for (body, field) in [
        (json!({ "role": "speaker" }), "role"),
        (json!({ "exp": "tomorrow" }), "exp"),
        (json!({ "u": 7 }), "u"),
    ] {
        let (status, answer) = team.post("/api/v1/rooms/clinic/token", body).await;
        assert_eq!(status, 422);
        assert!(answer["errors"][field][0].is_string());
    }
}

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[tokio::test]
async fn roles_come_with_presets_and_can_be_made_changed_and_deleted() {
    let team = Team::start();
    let (_, page) = team.get("/api/v1/roles?order=asc").await;
    assert_eq!(page["total_count"], 3);
    assert_eq!(page["data"][0]["name"], "moderator");
    assert!(page["data"][0].get("permissions").is_none());
    let (_, speaker) = team.get("/api/v1/roles/speaker").await;
    assert_eq!(speaker["permissions"]["broadcast"], true);
    assert_eq!(speaker["permissions"]["manage_roles"], false);
    let (_, permissions) = team.get("/api/v1/permissions").await;
    assert_eq!(permissions.as_array().unwrap().len(), 58);

    let wrong =
        json!({ "name": "two words", "permissions": { "chat": true, "broadcast": ["attendee"] } });
    let (status, answer) = team.post("/api/v1/roles", wrong).await;
    assert_eq!(status, 422);
    let fields: Vec<_> = answer["errors"].as_object().unwrap().keys().collect();
    assert_eq!(
        fields,
        [
            "display_name",
            "name",
            "permissions.broadcast",
            "permissions.chat"
        ]
    );

    let helper = json!({
        "name": "helper",
        "display_name": "Helpers",
        "permissions": { "general_chat": true, "remote_muting": ["attendee"] },
    });
    let (status, made) = team.post("/api/v1/roles", helper.clone()).await;
    assert_eq!((status, &made["default"]), (200, &json!(false)));
    assert_eq!(team.post("/api/v1/roles", helper).await.0, 422);
    let change = json!({ "display_name": "Assistants", "permissions": {} });
    let (_, changed) = team.patch("/api/v1/roles/helper", change).await;
    assert_eq!(changed["display_name"], "Assistants");
    assert_eq!(changed["permissions"]["remote_muting"], json!(["attendee"]));
    assert_eq!(team.delete("/api/v1/roles/helper", json!({})).await.0, 204);
    assert_eq!(team.get("/api/v1/roles/helper").await.0, 404);
}

#[tokio::test]
async fn new_rooms_inherit_the_teams_defaults() {
    let team = Team::start();
    let (_, defaults) = team.get("/api/v1").await;
    assert_eq!(
        (&defaults["id"], &defaults["domain"]),
        (&json!(TEAM), &json!("northwind"))
    );
    let change = json!({ "session_length": 45, "friendly_url": "not-a-team-setting" });
    let (status, changed) = team.patch("/api/v1/", change).await;
    assert_eq!((status, &changed["session_length"]), (200, &json!(45)));
    assert_eq!(team.room("clinic").await["session_length"], 45);
    let helper = json!({ "name": "helper", "display_name": "Helpers", "permissions": {} });
    assert_eq!(team.post("/api/v1/roles", helper).await.0, 200);
    let (_, room) = team.post("/api/v1/rooms", json!({})).await;
    assert_eq!(room["roles"].as_array().unwrap().len(), 4);
    for (wrong, field) in [
        (json!({ "domain": "api" }), "domain"),
        (json!({ "roles": ["ghost"] }), "roles.0"),
        (json!({ "default_role": "ghost" }), "default_role"),
        (
            json!({ "roles": ["speaker"], "default_role": "attendee" }),
            "default_role",
        ),
    ] {
        let (status, answer) = team.patch("/api/v1", wrong).await;
        assert_eq!(status, 422);
        assert!(answer["errors"][field][0].is_string(), "{answer}");
    }
    let change = json!({ "roles": ["speaker", "attendee"], "default_role": "attendee" });
    let (_, changed) = team.patch("/api/v1", change).await;
    assert_eq!(changed["roles"], json!(["speaker", "attendee"]));
    assert_eq!(changed["default_role"], "attendee");
    let (_, room) = team.post("/api/v1/rooms", json!({})).await;
    assert_eq!(room["roles"][0]["name"], "speaker");
    assert_eq!(room["default_role"]["name"], "attendee");
}

#[tokio::test]
async fn live_rooms_are_those_with_somebody_in_them() {
    let team = Team::start();
    let room = team.room("clinic").await;
    let (_, idle) = team.get("/api/v1/rooms/clinic/live").await;
    assert_eq!(
        (&idle["live_participants"], &idle["start_time"]),
        (&json!(0), &Value::Null)
    );
    assert!(team.samba.enter("clinic", visitor("user-1", "attendee")));
    team.time.advance(Duration::from_secs(30));
    let (_, page) = team.get("/api/v1/rooms/live").await;
    assert_eq!(
        page,
        json!({ "total_count": 1, "data": [{
            "id": room["id"],
            "external_id": null,
            "start_time": "2026-06-09T10:13:20.000000Z",
            "session_duration": 30,
            "live_participants": 1,
        }]})
    );
    let (_, people) = team.get("/api/v1/rooms/clinic/live/participants").await;
    assert_eq!(people["live_participants"][0]["external_id"], "user-1");
    let flagged = json!({ "delete_resources": true });
    let refusal = json!({ "message": "Cannot delete resources of a live room." });
    assert_eq!(
        team.delete("/api/v1/rooms/clinic", flagged).await,
        (422, refusal)
    );
    team.samba.empty_room("clinic");
    team.time.advance(Duration::from_mins(7));
    assert_eq!(
        team.get("/api/v1/rooms/live/participants").await.1["total_count"],
        0
    );
}

#[tokio::test]
async fn the_rate_limit_names_the_seconds_until_the_next_minute() {
    let team = Team::start();
    team.samba.limit_rate(2);
    assert_eq!(team.get("/api/v1").await.0, 200);
    team.time.advance(Duration::from_secs(43));
    assert_eq!(team.get("/api/v1").await.0, 200);
    let refused = team.request(Method::GET, "/api/v1").send().await.unwrap();
    assert_eq!(refused.headers()["retry-after"], "17");
    let (status, body) = told(refused).await;
    assert_eq!((status, &body["error"]), (429, &json!("rate-limit")));
    team.time.advance(Duration::from_secs(17));
    assert_eq!(team.get("/api/v1").await.0, 200);
}

#[tokio::test]
async fn expired_rooms_disappear() {
    let team = Team::start();
    let body = json!({ "friendly_url": "brief", "expires_at": "2026-06-09 10:14:20" });
    assert_eq!(team.post("/api/v1/rooms", body).await.0, 200);
    team.time.advance(Duration::from_secs(59));
    assert_eq!(team.get("/api/v1/rooms/brief").await.0, 200);
    team.time.advance(Duration::from_secs(1));
    assert_eq!(team.get("/api/v1/rooms/brief").await.0, 404);
}

#[tokio::test]
async fn errors_are_html_for_who_does_not_ask_for_json() {
    let team = Team::start();
    for path in ["/api/v1/rooms/nowhere", "/api/v1/no/such/path"] {
        let request = team.request(Method::GET, path).header("accept", "*/*");
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 404);
        let kind = response.headers()["content-type"].to_str().unwrap();
        assert!(kind.starts_with("text/html"), "{kind}");
    }
}
