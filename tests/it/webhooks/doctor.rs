//! `room-broker doctor` of our webhook: registered as it should be, and answered at its endpoint.

use reqwest::Method;
use serde_json::json;

use super::section;
use crate::support::process::{Broker, World, program, run};
use crate::support::{Answer, DEVELOPER_KEY};

const REGISTERED: &str = "ok       our webhook is registered upstream";
const NOT_REGISTERED: &str = "BAD      our webhook is not registered upstream";
const NOT_RIGHT: &str = "BAD      our webhook upstream is not what the configuration says";
const ANSWERED: &str = "ok       the webhook endpoint answers, and refuses strangers";
const UNANSWERED: &str = "BAD      webhooks.public_url: nobody answers at the webhook endpoint";
const ANOTHER: &str = "BAD      webhooks.public_url: the endpoint answers 404 to a stranger";

/// A world with a configuration of where the webhook is said to be.
fn written(world: &World, public_url: &str) -> String {
    let text = format!("{}\n{}", world.configuration(), section(public_url, ""));
    let path = world.write("broker.toml", &text);
    path.to_str().unwrap().to_owned()
}

/// What a command says, which holds no secret, and how it ends.
async fn said(words: &[&str], config: &str) -> (i32, String) {
    let mut command = program(words);
    command.args(["--config", config]);
    let ended = run(command).await;
    let said = format!("{}{}", ended.out, ended.err);
    assert!(!said.contains("canary"), "{said}");
    (ended.code, said)
}

#[tokio::test]
async fn it_sees_whether_the_webhook_is_registered_as_it_should_be() {
    let world = World::new();
    let broker = Broker::serve(&world, written(&world, "http://127.0.0.1:1").as_ref()).await;
    let config = written(&world, &broker.public);
    let (code, out) = said(&["doctor"], &config).await;
    assert!(code == 1 && out.contains(NOT_REGISTERED), "{out}");
    assert!(out.contains(ANSWERED), "{out}");

    assert_eq!(said(&["webhooks", "sync"], &config).await.0, 0);
    let (code, out) = said(&["doctor"], &config).await;
    assert!(code == 0 && out.contains(REGISTERED), "{out}");
    assert!(out.contains(ANSWERED), "{out}");

    // Somebody changed by hand what it is told of.
    let url = format!("{}/api/v1/webhooks", world.upstream.base_url());
    let call = async |method, url: &str, body| {
        let request = world.http.request(method, url).bearer_auth(DEVELOPER_KEY);
        Answer::of(request.json(&body).send().await.unwrap()).await
    };
    let listed = call(Method::GET, &url, json!({})).await.json();
    let id = listed["data"][0]["id"].as_str().unwrap();
    let changed = json!({ "events": ["question_asked"] });
    let answer = call(Method::PATCH, &format!("{url}/{id}"), changed).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let (code, out) = said(&["doctor"], &config).await;
    assert!(code == 1 && out.contains(NOT_RIGHT), "{out}");
}

#[tokio::test]
async fn it_sees_an_endpoint_where_nobody_is_or_another_answers() {
    let world = World::new();
    for (public_url, finding) in [
        ("http://127.0.0.1:1", UNANSWERED),
        (world.upstream.base_url(), ANOTHER),
    ] {
        let config = written(&world, public_url);
        assert_eq!(said(&["webhooks", "sync"], &config).await.0, 0);
        let (code, out) = said(&["doctor"], &config).await;
        assert!(code == 1 && out.contains(finding), "{out}");
        assert!(out.contains(REGISTERED), "{out}");
    }
}

#[tokio::test]
async fn it_passes_over_webhooks_that_are_not_configured() {
    let world = World::new();
    let config = world.write("broker.toml", &world.configuration());
    let (code, out) = said(&["doctor"], config.to_str().unwrap()).await;
    assert!(
        code == 0 && out.contains("skipped  webhooks are off"),
        "{out}"
    );
}
