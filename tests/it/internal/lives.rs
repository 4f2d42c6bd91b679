//! Who is in a room.

use reqwest::Method;
use room_broker::simulator::identity_provider::User;
use serde_json::{Value, json};

use super::almighty;

#[tokio::test]
async fn a_room_is_live_while_somebody_is_in_it() {
    let (app, key) = almighty().await;
    let live = "/v1/rooms/course-101/live";
    assert_eq!(app.ask(&key, live).await.code(), "no-such-room");
    let room = app
        .do_as(&key, (Method::PUT, "/v1/rooms/course-101"), &Value::Null)
        .await;
    assert_eq!(room.status, 200);
    let idle = json!({ "key": "course-101", "live": false, "count": 0, "participants": [] });
    assert_eq!(app.ask(&key, live).await.json(), idle);
    let joined = app.join(&app.token(User::Ada), "course-101").await.json();
    let page = app.http.get(joined["join_url"].as_str().unwrap());
    assert_eq!(page.send().await.unwrap().status(), 200);
    let answer = app.ask(&key, live).await.json();
    assert_eq!(answer["live"], true, "{answer}");
    assert_eq!(answer["count"], 1);
    assert_eq!(answer["start_time"], "2026-09-14T13:20:00.000Z");
    let participant = &answer["participants"][0];
    assert_eq!(participant["name"], "Ada Winter");
    assert_eq!(participant["role"], "moderator");
    assert_eq!(participant["join_time"], "2026-09-14T13:20:00.000Z");
}
