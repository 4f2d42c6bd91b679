//! The catalogue has every operation that upstream documents, with its facts, and no other.

use std::collections::BTreeMap;

use room_broker::digital_samba::{Answer, BASE_PATH, Operation};
use room_broker::domain::Scope;
use serde_json::{Value, json};

/// What is known of upstream's operations.
const FACTS: &str = include_str!("../data/operations.json");

fn shape_of(answer: Answer) -> &'static str {
    match answer {
        Answer::Page => "page",
        Answer::Object => "object",
        Answer::Array => "array",
        Answer::Empty => "empty",
        Answer::Text => "empty_or_text",
        Answer::Export | Answer::Template => "file",
    }
}

fn facts_of(operation: &Operation) -> Value {
    json!({
        "id": operation.id,
        "method": operation.method.as_str(),
        "path": format!("{BASE_PATH}{}", operation.path),
        "destructive": operation.destructive,
        "success_status": operation.status(),
        "request_content_type": operation.body.content_type(),
        "response_content_type": operation.answer.content_type(),
        "response_shape": shape_of(operation.answer),
        "query": operation.query().collect::<Vec<_>>(),
        "room_by_id_only": operation.room_by_id,
        "replaced_by": operation.replaced_by,
    })
}

#[test]
fn every_operation_is_as_upstream_documents_it_and_none_is_missing() {
    let documented: Vec<Value> = serde_json::from_str(FACTS).unwrap();
    let documented: BTreeMap<&str, &Value> = documented
        .iter()
        .map(|facts| (facts["id"].as_str().unwrap(), facts))
        .collect();
    assert_eq!(documented.len(), 150);
    let catalogued: BTreeMap<&str, Value> = Operation::all()
        .iter()
        .map(|operation| (operation.id, facts_of(operation)))
        .collect();
    assert_eq!(
        Operation::all().len(),
        catalogued.len(),
        "one is there twice"
    );
    let ids = |facts: Vec<&&str>| {
        facts
            .into_iter()
            .map(|id| (*id).to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        ids(catalogued.keys().collect()),
        ids(documented.keys().collect())
    );
    for (id, facts) in documented {
        assert_eq!(&catalogued[id], facts, "{id}");
    }
}

#[test]
fn what_ends_or_removes_something_has_a_scope_of_its_own() {
    for operation in Operation::all() {
        let kind = operation.scope.kind();
        let expected = match operation.id {
            "create_room_token" => "mint",
            "end_session" => "end",
            _ if operation.destructive => "delete",
            _ if operation.method.as_str() == "GET" => "read",
            _ => "write",
        };
        assert_eq!(kind, expected, "{}", operation.id);
    }
}

#[test]
fn every_scope_opens_something() {
    // These are for routes of the broker itself, and for what answers hold.
    let others = |scope: &Scope| matches!(scope.area(), "policy" | "secrets" | "denials");
    let unused: Vec<_> = Scope::ALL
        .iter()
        .filter(|scope| !others(scope))
        .filter(|scope| {
            Operation::all()
                .iter()
                .all(|operation| operation.scope != **scope)
        })
        .collect();
    assert_eq!(unused, Vec::<&Scope>::new());
}

#[tokio::test]
async fn the_description_that_is_served_has_every_operation_with_its_scope() {
    let (app, _key) = super::app_for_all("").await;
    let url = format!("{}/openapi-digital-samba.json", app.internal);
    let served = app.answer(app.http.get(url)).await;
    assert_eq!(
        (served.status, served.header("content-type")),
        (200, "application/json")
    );
    let paths = served.json()["paths"].clone();
    let mut described = BTreeMap::new();
    for (path, item) in paths.as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap().to_owned();
            let place = (
                method.to_uppercase(),
                path.clone(),
                operation["x-scope"].clone(),
            );
            assert_eq!(described.insert(id, place), None);
            let names: Vec<&Value> = operation["parameters"]
                .as_array()
                .unwrap()
                .iter()
                .map(|parameter| &parameter["name"])
                .collect();
            let reference = json!("digital-samba-reference");
            assert!(names.contains(&&reference), "{path} {names:?}");
            let unique: std::collections::HashSet<_> = names.iter().collect();
            assert_eq!(unique.len(), names.len(), "{path} {names:?}");
        }
    }
    for operation in Operation::all() {
        let path = format!("{BASE_PATH}{}", operation.path);
        let method = operation.method.as_str().to_lowercase();
        let responses = &paths[&path][method]["responses"];
        let is_gone = operation.id.ends_with("_statistics_legacy");
        let status = operation.status().to_string();
        let problem = &responses["501"]["content"]["application/problem+json"];
        assert_eq!(
            responses.get(status).is_some(),
            !is_gone,
            "{}",
            operation.id
        );
        assert_eq!(problem.is_object(), is_gone, "{}", operation.id);
        let place = (
            operation.method.as_str().to_owned(),
            path,
            json!(operation.scope.as_str()),
        );
        assert_eq!(
            described.remove(operation.id),
            Some(place),
            "{}",
            operation.id
        );
    }
    assert!(described.is_empty(), "{described:?}");
}
