//! Our webhook upstream: registered once, put right, taken away, and never another's.

use reqwest::Method;
use room_broker::webhooks::{Step, remove, sync};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::{SECRET, client, moved, receiving};
use crate::support::process::{World, program, run};
use crate::support::{DEVELOPER_KEY, TestApp};

const EVENTS: [&str; 8] = [
    "session_started",
    "session_ended",
    "room_locked",
    "room_unlocked",
    "room_deleted",
    "role_deleted",
    "participant_joined",
    "participant_left",
];

async fn upstream(app: &TestApp, what: (Method, &str), body: &Value) -> Value {
    let url = format!("{}/api/v1/{}", app.upstream.base_url(), what.1);
    let request = app.http.request(what.0, url).bearer_auth(DEVELOPER_KEY);
    let answer = app.answer(request.json(body)).await;
    serde_json::from_str(&answer.text).unwrap_or_default()
}

async fn listed(app: &TestApp) -> Vec<Value> {
    let page = upstream(app, (Method::GET, "webhooks"), &json!({})).await;
    page["data"].as_array().unwrap().clone()
}

async fn register(app: &TestApp, endpoint: &str) -> String {
    let body = json!({
        "endpoint": endpoint, "name": "room-broker", "authorization_header": "another",
        "events": ["question_asked"],
    });
    let made = upstream(app, (Method::POST, "webhooks"), &body).await;
    made["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn from_nothing_it_is_made_once_and_stays_as_it_is() {
    let (app, _) = receiving("").await;
    let settings = moved(&app);
    let (client, endpoint) = (client(&app, &settings), settings.webhooks.endpoint.unwrap());
    let steps = sync(&client, &endpoint).await.unwrap();
    let [Step::Created(id)] = steps.as_slice() else {
        panic!("{steps:?}")
    };
    let made = upstream(&app, (Method::GET, &format!("webhooks/{id}")), &json!({})).await;
    assert_eq!(made["endpoint"], app.endpoint());
    assert_eq!(made["authorization_header"], SECRET);
    assert_eq!(made["events"], json!(EVENTS));
    assert_eq!(sync(&client, &endpoint).await.unwrap(), [Step::Kept(*id)]);
    assert_eq!(app.calls_of("update_webhook"), 0);
    assert_eq!(app.calls_of("create_webhook"), 1);
}

#[tokio::test]
async fn one_of_ours_that_says_something_else_is_put_right_and_surplus_ones_go() {
    let (app, _) = receiving("").await;
    let settings = moved(&app);
    let (client, endpoint) = (client(&app, &settings), settings.webhooks.endpoint.unwrap());
    let former = app.endpoint().replace("canary-segment", "former-segment");
    let surplus = register(&app, &former).await;
    let ours = register(&app, endpoint.url().expose_secret()).await;
    let steps = sync(&client, &endpoint).await.unwrap();
    let [Step::Updated(updated), Step::Removed(removed)] = steps.as_slice() else {
        panic!("{steps:?}")
    };
    assert_eq!(updated.to_string(), ours);
    assert_eq!(removed.to_string(), surplus);
    let path = format!("webhooks/{ours}");
    let changed = upstream(&app, (Method::GET, &path), &json!({})).await;
    assert_eq!(changed["authorization_header"], SECRET);
    assert_eq!(changed["events"], json!(EVENTS));
}

#[tokio::test]
async fn others_are_never_touched() {
    let (app, _) = receiving("").await;
    let settings = moved(&app);
    let (client, endpoint) = (client(&app, &settings), settings.webhooks.endpoint.unwrap());
    for other in [
        "https://crm.example.com/webhooks/digital-samba/0123",
        "https://crm.example.com/hook",
        &format!("{}/webhooks/other/0123", app.public),
        "http://127.0.0.1:9/webhooks/digital-samba/0123",
    ] {
        register(&app, other).await;
    }
    let before = listed(&app).await;
    sync(&client, &endpoint).await.unwrap();
    assert_eq!(listed(&app).await.len(), before.len() + 1);
    let removed = remove(&client, &endpoint).await.unwrap();
    assert_eq!(removed.len(), 1);
    assert_eq!(listed(&app).await, before);
    assert_eq!(remove(&client, &endpoint).await.unwrap(), []);
}

#[tokio::test]
async fn the_commands_register_list_and_remove_and_print_no_secret() {
    let world = World::new();
    let section = super::section("https://rooms.school.example", "");
    let text = format!("{}\n{section}", world.configuration());
    let config = world.write("broker.toml", &text);
    let config = config.to_str().unwrap();
    let asked = async |words: &[&str]| {
        let mut words = words.to_vec();
        words.extend(["--config", config]);
        let ended = run(program(&words)).await;
        let told = format!("{}{}", ended.out, ended.err);
        assert!(!told.contains("canary"), "{told}");
        (ended.code, ended.out)
    };
    let (code, out) = asked(&["webhooks", "list"]).await;
    assert_eq!((code, out.trim()), (0, "the team has no webhooks"));
    let (code, out) = asked(&["webhooks", "sync"]).await;
    assert!(code == 0 && out.contains("registered"), "{out}");
    let (_, out) = asked(&["webhooks", "sync"]).await;
    assert!(out.contains("right as it was"), "{out}");
    let (_, out) = asked(&["webhooks", "list"]).await;
    assert!(
        out.contains("ours    https://rooms.school.example/…  room-broker"),
        "{out}"
    );
    let (_, out) = asked(&["webhooks", "sync", "--remove"]).await;
    assert!(out.contains("removed"), "{out}");
    let (_, out) = asked(&["webhooks", "sync", "--remove"]).await;
    assert!(out.contains("there is no webhook of ours"), "{out}");
}

#[tokio::test]
async fn a_start_registers_where_that_is_asked_for() {
    let (app, _) = receiving("sync_at_start = true").await;
    crate::support::until("it is registered", async || {
        app.upstream.controls().count("create_webhook").done == 1
    })
    .await;
}
