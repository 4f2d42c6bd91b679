//! Each operation by its scope: with it the call goes on, without it nothing does.

use std::collections::BTreeMap;

use reqwest::Method;
use room_broker::digital_samba::Operation;
use room_broker::domain::Scope;

use crate::internal::{Backend, app_with};
use crate::support::TestApp;

const ID: &str = "5f0c2b1e-7a44-4d0e-9b55-3e6c1d8a9f21";

/// The path of an operation with some id for every parameter.
fn path_of(operation: &Operation) -> String {
    let segments = operation.path.split('/').skip(1);
    segments
        .map(|segment| {
            if segment.starts_with('{') {
                ID
            } else {
                segment
            }
        })
        .fold(String::new(), |path, segment| format!("{path}/{segment}"))
}

fn leaked(scopes: Vec<&'static str>) -> &'static [&'static str] {
    Vec::leak(scopes)
}

async fn call(app: &TestApp, key: &str, operation: &Operation) -> crate::support::Answer {
    let method = Method::from_bytes(operation.method.as_str().as_bytes()).unwrap();
    app.api(key, method, &path_of(operation)).await
}

#[tokio::test]
async fn every_operation_is_opened_by_its_own_scope_alone() {
    let mut pairs = BTreeMap::new();
    for scope in Scope::ALL {
        let others = Scope::ALL.iter().filter(|other| *other != scope);
        let only = Backend::that_may(leaked(vec![scope.as_str()]));
        let without = Backend::that_may(leaked(others.map(|other| other.as_str()).collect()));
        pairs.insert(*scope, (only, without));
    }
    let backends: Vec<&Backend> = pairs
        .values()
        .flat_map(|(one, other)| [one, other])
        .collect();
    let app = app_with(&backends, "").await;
    for operation in Operation::all() {
        let (only, without) = &pairs[&operation.scope];
        let id = operation.id;
        let before = app.upstream_calls();
        let refused = call(&app, &without.key(), operation).await;
        assert_eq!(refused.code(), "insufficient-scope", "{id}");
        assert_eq!(refused.status, 403, "{id}");
        assert_eq!(refused.json()["scope"], operation.scope.as_str(), "{id}");
        assert_eq!(app.upstream_calls(), before, "{id}");
        let opened = call(&app, &only.key(), operation).await;
        assert!(
            !opened.text.contains("insufficient-scope"),
            "{id} {opened:?}"
        );
    }
}

#[tokio::test]
async fn a_wrong_or_missing_key_opens_nothing() {
    let backend = Backend::that_may(super::ALL);
    let app = app_with(&[&backend], "").await;
    let wrong = Backend::that_may(super::ALL).key();
    for operation in Operation::all() {
        for key in [wrong.as_str(), "x", crate::support::DEVELOPER_KEY] {
            let refused = call(&app, key, operation).await;
            assert_eq!(refused.status, 401, "{} {key}", operation.id);
        }
    }
    let url = format!("{}/api/v1/rooms", app.internal);
    assert_eq!(app.answer(app.http.get(url)).await.code(), "unauthorized");
    assert_eq!(app.upstream_calls(), 0);
}

#[tokio::test]
async fn basic_with_the_team_id_opens_as_upstream_has_it() {
    let (app, key) = super::app_for_all("").await;
    let url = format!("{}/api/v1/rooms", app.internal);
    let request = app.http.get(url);
    let request = request.basic_auth(crate::support::TEAM_ID, Some(&key));
    assert_eq!(app.answer(request).await.status, 200);
}
