//! Real answers have the members that `openapi-internal.yaml` describes.

use reqwest::Method;
use room_broker::simulator::identity_provider::User;
use serde_json::{Value, json};

use super::almighty;
use crate::docs_page::read_internal_description;
use crate::openapi::compare;

#[tokio::test]
async fn answers_have_the_members_of_their_schema() {
    let (app, key) = almighty().await;
    let description = read_internal_description();
    let room = "/v1/rooms/course-101";
    let people = json!({ "participants": [{ "id": "u", "name": "Ada" }, { "id": "" }] });
    let question = json!({ "room": "course-101", "role": "x", "claims": { "sub": "u" } });
    let joined = app.join(&app.token(User::Ada), "course-101").await.json();
    let page = app.http.get(joined["join_url"].as_str().unwrap());
    assert_eq!(page.send().await.unwrap().status(), 200);
    for (method, path, body) in [
        (Method::PUT, room.to_owned(), Value::Null),
        (Method::GET, room.to_owned(), Value::Null),
        (
            Method::PATCH,
            room.to_owned(),
            json!({ "settings": { "max_participants": 9 } }),
        ),
        (Method::GET, "/v1/rooms?limit=1".to_owned(), Value::Null),
        (Method::POST, format!("{room}/join-links"), people),
        (Method::GET, format!("{room}/live"), Value::Null),
        (Method::POST, "/v1/policy/explain".to_owned(), question),
        (Method::GET, "/readyz".to_owned(), Value::Null),
        (Method::GET, "/v1/rooms/nowhere".to_owned(), Value::Null),
    ] {
        let answer = app.do_as(&key, (method.clone(), &path), &body).await;
        let route = path.split('?').next().unwrap();
        let route = route
            .replace("course-101", "{room_key}")
            .replace("nowhere", "{room_key}");
        let item = description.root().get("paths").get(&route);
        let responses = item
            .get(method.as_str().to_lowercase().as_str())
            .get("responses");
        let status = if answer.status == 200 {
            "200"
        } else {
            "default"
        };
        let content = responses.get(status).get("content");
        let schema = content.get(answer.header("content-type")).raw("schema");
        assert!(schema.is_there(), "{method} {path}: {answer:?}");
        compare(&path, schema, &answer.json());
    }
    let served = app.ask("", "/openapi.yaml").await.text;
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi-internal.yaml");
    assert_eq!(served, std::fs::read_to_string(path).unwrap());
}
