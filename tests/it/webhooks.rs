//! What happens upstream: received, believed no further than a hint, and what comes of it.

mod capacity;
mod delivered;
mod doctor;
mod effects;
mod events;
mod receiving;
mod registration;
mod secrecy;

use std::sync::Arc;

use arc_swap::ArcSwap;
use room_broker::digital_samba::Client;
use room_broker::metrics::Metrics;
use room_broker::settings::{Settings, Sources};
use room_broker::simulator::identity_provider::{Algorithm, User};
use room_broker::state::State;
use serde_json::{Value, json};

use crate::internal::Backend;
use crate::support::{Answer, Setup, TestApp};

pub(crate) const SEGMENT: &str = "canary-segment-5d41402abc4b2a76";
pub(crate) const SECRET: &str = "canary-webhook-secret-7215ee9c7d9d";
pub(crate) const PREVIOUS: &str = "canary-webhook-secret-of-last-year";

/// `[webhooks]` of most tests.
pub(crate) fn section(public_url: &str, more: &str) -> String {
    format!(
        "[webhooks]\npublic_url = \"{public_url}\"\nsegment = \"{SEGMENT}\"\nsecret = \"{SECRET}\"\n{more}\n"
    )
}

/// Rules under which everybody enters and sees how many are in; students as long as there is room.
const RULES: &str = r#"
[[policy.rules]]
name = "teachers"
room = "course-{course}"
when = '("teacher:" + room.course) in user.groups'
role = "moderator"
may_create = true
show_live = true

[[policy.rules]]
name = "students"
room = "course-{course}"
when = '("student:" + room.course) in user.groups'
role = "attendee"
may_create = true
capacity = 3
"#;

/// An app that receives webhooks, and the key of a backend that may do everything.
pub(crate) async fn receiving(more: &str) -> (TestApp, String) {
    let backend = Backend::that_may(&["*"]);
    let app = TestApp::spawn_with(|setup: &mut Setup| {
        setup
            .config(&backend.configuration())
            .config(RULES)
            .config(&section("http://127.0.0.1:1", more));
    })
    .await;
    (app, backend.key())
}

/// The same, with our webhook registered upstream at where the app really is.
pub(crate) async fn delivered() -> (TestApp, String) {
    let (app, key) = receiving("").await;
    let settings = moved(&app);
    let endpoint = settings.webhooks.endpoint.clone().unwrap();
    room_broker::webhooks::sync(&client(&app, &settings), &endpoint)
        .await
        .unwrap();
    (app, key)
}

/// The app's settings with the address that it is really at, applied.
pub(crate) fn moved(app: &TestApp) -> Settings {
    let mut texts = app.sources.texts.clone();
    texts.pop();
    texts.push(section(&app.public, ""));
    let sources = Sources {
        texts,
        ..app.sources.clone()
    };
    let settings = Settings::load(&sources).unwrap_or_else(|faults| panic!("{faults:#?}"));
    app.running.reloader().apply(&settings).unwrap();
    settings
}

impl TestApp {
    pub(crate) fn endpoint(&self) -> String {
        format!("{}/webhooks/digital-samba/{SEGMENT}", self.public)
    }

    /// A delivery as Digital Samba sends it.
    pub(crate) async fn tell(&self, body: &Value) -> Answer {
        self.answer(
            self.http
                .post(self.endpoint())
                .bearer_auth(SECRET)
                .json(body),
        )
        .await
    }

    /// Joins, which makes the room, and gives the room's id upstream.
    pub(crate) async fn room_id(&self, room: &str) -> String {
        let joined = self.join(&self.token(User::Ada), room).await.json();
        joined["room"]["id"].as_str().unwrap().to_owned()
    }

    /// How many are in a room, as its teacher sees it.
    pub(crate) async fn live_count(&self, room: &str) -> Value {
        let request = self.http.get(format!("{}/v1/rooms/{room}", self.public));
        let request = request.bearer_auth(self.token(User::Ada));
        self.answer(request).await.json()["room"]["live_count"].clone()
    }

    /// The value of a metric, all label sets with these words added up.
    pub(crate) async fn counted(&self, name: &str, labels: &[&str]) -> u64 {
        let answer = self.answer(self.http.get(format!("{}/metrics", self.ops)));
        let text = answer.await.text;
        let lines = text.lines().filter(|line| {
            line.starts_with(&format!("room_broker_{name}"))
                && labels.iter().all(|label| line.contains(label))
        });
        lines
            .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
            .sum()
    }

    /// How often an operation was called upstream.
    pub(crate) fn calls_of(&self, operation: &str) -> u64 {
        self.upstream.controls().count(operation).calls
    }

    /// A student of course 101.
    pub(crate) fn student(&self, name: &str) -> String {
        let mut claims = self.provider.claims(User::Ben);
        claims["sub"] = json!(name);
        let kid = self
            .provider
            .with_keys(|keys| keys.kid_for(Algorithm::Rs256))
            .unwrap();
        self.provider.sign(&kid, &json!({}), &claims).unwrap()
    }
}

/// A client of upstream beside the app's own.
pub(crate) fn client(app: &TestApp, settings: &Settings) -> Client {
    let upstream = &settings.digital_samba;
    let key = Arc::new(ArcSwap::new(Arc::clone(&upstream.developer_key)));
    let parameters = upstream.parameters.clone();
    let state = State::in_memory(app.clock.clone());
    let clock = app.clock.clone();
    Client::new(parameters, key, clock, Metrics::default(), state).unwrap()
}

/// An event in today's form.
pub(crate) fn today(event: &str, room: &str, data: &Value) -> Value {
    json!({
        "eventType": event,
        "sessionId": "0d9c9a76-8a3f-4c4e-9a53-7f3f1d0b7c11",
        "roomId": room,
        "timestamp": crate::support::START.seconds(),
        "data": data,
    })
}
