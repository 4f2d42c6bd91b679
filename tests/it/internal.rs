//! The internal listener: what product backends may do, and what they may not.

mod audit;
mod credentials;
mod description;
mod explain;
mod idempotency;
mod join_links;
mod lives;
mod rooms;
mod scopes;

use room_broker::authn::ApiKey;
use room_broker::settings::{Settings, Sources};
use secrecy::ExposeSecret as _;

use reqwest::Method;
use serde_json::Value;

use crate::support::{Answer, Setup, TestApp};

/// A product backend of a test.
pub(crate) struct Backend {
    key: ApiKey,
    name: String,
    scopes: &'static [&'static str],
    more: &'static str,
}

impl Backend {
    /// One that may do this.
    pub(crate) fn that_may(scopes: &'static [&'static str]) -> Self {
        Self {
            key: ApiKey::generate(),
            name: "shop".to_owned(),
            scopes,
            more: "",
        }
    }

    /// With more lines of configuration.
    pub(crate) fn with(mut self, more: &'static str) -> Self {
        self.more = more;
        self
    }

    /// Its key.
    pub(crate) fn key(&self) -> String {
        self.key.text().expose_secret().to_owned()
    }

    /// The id of its key.
    pub(crate) fn id(&self) -> &str {
        self.key.id().as_str()
    }

    /// The same key with another secret.
    fn wrong_key(&self) -> String {
        let other = ApiKey::generate().text();
        let (_, secret) = other.expose_secret().rsplit_once('_').unwrap();
        format!("rbk_{}_{secret}", self.key.id().as_str())
    }

    /// Its part of the configuration.
    pub(crate) fn configuration(&self) -> String {
        let Self {
            key,
            name,
            scopes,
            more,
        } = self;
        let (id, hash) = (key.id().as_str(), key.secret_sha256());
        format!(
            "[[internal.api_keys]]\nid = \"{id}\"\nname = \"{name}\"\nsecret_sha256 = \"{hash}\"\nscopes = {scopes:?}\n{more}\n"
        )
    }
}

/// An app that knows these backends, with more configuration.
pub(crate) async fn app_with(backends: &[&Backend], more: &str) -> TestApp {
    TestApp::spawn_with(|setup: &mut Setup| {
        let keys: String = backends.iter().map(|of| of.configuration()).collect();
        setup.config(&format!("{keys}{more}"));
    })
    .await
}

/// An app and the key of a backend that may do everything.
pub(crate) async fn almighty() -> (TestApp, String) {
    let backend = Backend::that_may(&["*"]);
    (app_with(&[&backend], "").await, backend.key())
}

impl TestApp {
    /// A request on the internal listener, with a body unless it is null.
    pub(crate) fn call(
        &self,
        key: &str,
        (method, path): (Method, &str),
        body: &Value,
    ) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.internal);
        let request = self.http.request(method, url).bearer_auth(key);
        if body.is_null() {
            request
        } else {
            request.json(body)
        }
    }

    /// The same, sent.
    pub(crate) async fn do_as(&self, key: &str, what: (Method, &str), body: &Value) -> Answer {
        self.answer(self.call(key, what, body)).await
    }

    /// Reads the configuration again, with this in the place of the last text.
    fn reload_with(&self, text: &str) {
        let mut texts = self.sources.texts.clone();
        texts.pop();
        texts.push(text.to_owned());
        let sources = Sources {
            texts,
            ..self.sources.clone()
        };
        let settings = Settings::load(&sources).unwrap_or_else(|faults| panic!("{faults:#?}"));
        self.running.reloader().apply(&settings).unwrap();
    }

    /// `GET` on the internal listener.
    pub(crate) async fn ask(&self, key: &str, path: &str) -> Answer {
        let url = format!("{}{path}", self.internal);
        self.answer(self.http.get(url).bearer_auth(key)).await
    }

    /// The same with an `Authorization` field as it is.
    async fn ask_as(&self, authorization: &str, path: &str) -> Answer {
        let request = self.http.get(format!("{}{path}", self.internal));
        self.answer(request.header("authorization", authorization))
            .await
    }
}
