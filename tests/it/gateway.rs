//! `/api/v1` on the internal listener: upstream's own API, by scopes.

mod bodies;
mod catalogue;
mod faults;
mod limited_keys;
mod masking;
mod memory;
mod notes;
mod older_form;
mod operations;
mod paths;
mod raw_upstream;
mod scopes;
mod share;
mod tokens;

use reqwest::Method;
use serde_json::Value;

use crate::internal::{Backend, app_with};
use crate::support::{Answer, TestApp};

/// Every scope but `secrets:read`.
const ALL: &[&str] = &["*"];

/// An app, and a key that opens every operation.
async fn app_for_all(more: &str) -> (TestApp, String) {
    let backend = Backend::that_may(ALL);
    let app = app_with(&[&backend], more).await;
    let key = backend.key();
    (app, key)
}

impl TestApp {
    /// One call of upstream's API through the gateway.
    async fn api(&self, key: &str, method: Method, path: &str) -> Answer {
        self.answer(self.api_request(key, method, path)).await
    }

    /// The same with a JSON body.
    async fn api_with(&self, key: &str, method: Method, path: &str, body: &Value) -> Answer {
        let request = self.api_request(key, method, path);
        self.answer(request.json(body)).await
    }

    fn api_request(&self, key: &str, method: Method, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}/api/v1{path}", self.internal);
        self.http.request(method, url).bearer_auth(key)
    }
}
