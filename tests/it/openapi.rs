//! Real answers have the members that `openapi.yaml` describes and shows, no more and no fewer.

use std::collections::BTreeSet;

use room_broker::simulator::identity_provider::User;
use serde_json::Value;

use crate::docs_page::{Node, read_description};
use crate::support::{Answer, TestApp};

/// Holds an answer against a schema, member by member.
pub(crate) fn compare(place: &str, schema: Node<'_>, value: &Value) {
    let schema = schema.followed();
    match value {
        Value::Object(members) => {
            let properties = schema.get("properties").members();
            let described: BTreeSet<&str> = properties.iter().map(|(name, _)| *name).collect();
            let required: BTreeSet<&str> = schema.raw("required").texts().into_iter().collect();
            let there: BTreeSet<&str> = members.keys().map(String::as_str).collect();
            // Where the names are the caller's own, their values have one schema.
            let is_open = !schema.raw("additionalProperties").members().is_empty();
            assert!(
                is_open || there.is_subset(&described),
                "{place}: {there:?} beyond {described:?}"
            );
            assert!(
                required.is_subset(&there),
                "{place}: {there:?} lacks some of {required:?}"
            );
            for (name, property) in properties {
                if let Some(member) = members.get(name) {
                    compare(&format!("{place}.{name}"), property, member);
                }
            }
        }
        Value::Array(items) => {
            assert_eq!(schema.text("type"), "array", "{place}");
            for item in items {
                compare(&format!("{place}[]"), schema.raw("items"), item);
            }
        }
        Value::String(_) => assert_eq!(schema.text("type"), "string", "{place}"),
        Value::Number(_) => assert_eq!(schema.text("type"), "integer", "{place}"),
        Value::Bool(_) => assert_eq!(schema.text("type"), "boolean", "{place}"),
        Value::Null => panic!("{place} is null"),
    }
}

/// Every member of a JSON value, as paths.
fn members_of(value: &Value) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    gather("", value, &mut paths);
    paths
}

fn gather(path: &str, value: &Value, paths: &mut BTreeSet<String>) {
    for (name, member) in value.as_object().into_iter().flatten() {
        let path = format!("{path}/{name}");
        gather(&path, member, paths);
        paths.insert(path);
    }
}

/// Holds an answer against what its route describes for its status; and, if an example is named,
/// against the members of that.
#[track_caller]
fn assert_described(answer: &Answer, path: &str, method: &str, example: &str) {
    let description = read_description();
    let operation = description.root().get("paths").get(path).get(method);
    let response = operation.get("responses").get(&answer.status.to_string());
    assert!(response.is_there(), "{path} has no {}", answer.status);
    let kind = answer.header("content-type");
    let content = response.get("content").get(kind);
    assert!(content.is_there(), "{path} {} is not {kind}", answer.status);
    compare(path, content.raw("schema"), &answer.json());
    if !example.is_empty() {
        let shown = content.get("examples").get(example).get("value");
        let shown: Value = serde_json::from_str(&shown.example()).unwrap();
        assert_eq!(
            members_of(&answer.json()),
            members_of(&shown),
            "{path} {example}"
        );
    }
    for (name, header) in response.get("headers").members() {
        let required = header.followed().raw("required").is_true();
        assert!(
            !required || !answer.header(name).is_empty(),
            "{path} {}: {name} is missing",
            answer.status
        );
    }
}

const JOIN: &str = "/v1/rooms/{room_key}/join";
const ROOM: &str = "/v1/rooms/{room_key}";

#[tokio::test]
async fn answers_have_the_members_of_their_schema_and_of_its_example() {
    let app = TestApp::spawn_with(|setup| {
        setup.config("[digital_samba]\nrooms_url = \"\"\nteam_domain = \"acme\"");
    })
    .await;
    let absent = app.read_room(User::Ada, "course-101").await;
    assert_described(&absent, ROOM, "get", "absent");
    let joined = app.join(&app.token(User::Ada), "course-101").await;
    assert_described(&joined, JOIN, "post", "teacher");
    let existing = app.read_room(User::Ada, "course-101").await;
    assert_described(&existing, ROOM, "get", "existing");
    let mut claims = app.provider.claims(User::Ada);
    claims.as_object_mut().unwrap().remove("picture");
    let kid = app
        .provider
        .with_keys(|keys| keys.kid_for(room_broker::simulator::identity_provider::Algorithm::Rs256))
        .unwrap();
    for (claims, example) in [(app.provider.claims(User::Ada), ""), (claims, "teacher")] {
        let token = app
            .provider
            .sign(&kid, &serde_json::json!({}), &claims)
            .unwrap();
        let request = app
            .http
            .get(format!("{}/v1/me", app.public))
            .bearer_auth(token);
        let me = app.answer(request).await;
        assert_described(&me, "/v1/me", "get", example);
    }
    for (base, path, example) in [
        (&app.public, "/healthz", "alive"),
        (&app.ops, "/readyz", "ready"),
    ] {
        let answer = app.answer(app.http.get(format!("{base}{path}"))).await;
        assert_described(&answer, path, "get", example);
    }
}

#[tokio::test]
async fn problems_have_the_members_of_their_example() {
    let app = TestApp::spawn().await;
    let (ada, ben) = (app.token(User::Ada), app.token(User::Ben));
    let misspelt = serde_json::json!({ "dispaly_name": "Ada" });
    let above = serde_json::json!({ "role": "moderator" });
    let member = app.join_with(&ada, "course-101", &misspelt).await;
    assert_described(&member, JOIN, "post", "unknownMember");
    let unauthorized = app.join("x", "course-101").await;
    assert_described(&unauthorized, JOIN, "post", "unauthorized");
    let forbidden = app.join(&ben, "course-102").await;
    assert_described(&forbidden, JOIN, "post", "forbidden");
    app.put_room_with(
        "course-101",
        &serde_json::json!({ "roles": ["speaker", "attendee"], "default_role": "attendee" }),
    );
    for (answer, example) in [
        (app.join(&ada, "course-101").await, "roleNotInRoom"),
        (
            app.join_with(&ben, "course-101", &above).await,
            "roleNotAllowed",
        ),
    ] {
        // These say more than their example, in `detail`.
        assert_described(&answer, JOIN, "post", "");
        let mut members = members_of(&answer.json());
        members.remove("/detail");
        let description = read_description();
        let responses = description
            .root()
            .get("paths")
            .get(JOIN)
            .get("post")
            .get("responses");
        let content = responses
            .get(&answer.status.to_string())
            .get("content")
            .get("application/problem+json");
        let shown = content.get("examples").get(example).get("value").example();
        let shown: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(members, members_of(&shown), "{example}");
    }
}

#[tokio::test]
async fn the_description_that_is_served_is_the_one_in_the_repository() {
    let app = TestApp::spawn().await;
    let served = app
        .answer(app.http.get(format!("{}/openapi.yaml", app.public)))
        .await;
    assert_eq!(served.header("content-type"), "application/yaml");
    let committed =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.yaml")).unwrap();
    assert_eq!(served.text, committed);
}
