//! A start: the listeners are bound, and who calls waits until what must be known is known, or for
//! as long as that may take.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::try_join_all;
use room_broker::app::{App, Surroundings};
use room_broker::clock::Clock;
use room_broker::settings::{Settings, Sources};
use room_broker::simulator::identity_provider::User;
use room_broker::simulator::{Fault, FaultKind, Moment};
use room_broker::trace_context::Sampler;
use serde_json::json;
use tokio::net::TcpStream;

use crate::support::process::{Broker, World};
use crate::support::{Answer, free_address};

/// A broker that does not serve yet, and where its public listener is.
fn bound(world: &World) -> (App, SocketAddr) {
    let address = free_address();
    let own = format!("[public]\nlisten = \"{address}\"\n");
    let sources = Sources {
        texts: vec![world.configuration(), own],
        environment: Some(std::collections::HashMap::new()),
        ..Sources::default()
    };
    let settings = Settings::load(&sources).unwrap_or_else(|faults| panic!("{faults:#?}"));
    let surroundings = Surroundings {
        clock: Clock::system(),
        sampler: Sampler::OFF,
    };
    (App::build(&settings, &surroundings).unwrap(), address)
}

#[tokio::test]
async fn many_who_call_at_once_stand_in_line_and_are_not_turned_away() {
    let world = World::new();
    let (_app, address) = bound(&world);
    let callers = (0..500).map(|_| TcpStream::connect(address));
    // Where the line is full, a connection does not come about.
    let line = tokio::time::timeout(Duration::from_secs(30), try_join_all(callers));
    assert_eq!(line.await.expect("the line is full").unwrap().len(), 500);
}

#[tokio::test]
async fn whoever_calls_meanwhile_waits_for_a_provider_that_answers_late_and_is_let_in() {
    let world = World::new();
    let controls = world.provider.controls();
    controls.close_gate("jwks", Moment::BeforeEffect);
    let (app, address) = bound(&world);
    let starting = tokio::spawn(async move {
        app.settle_in(Duration::from_secs(30)).await;
        app.start().unwrap()
    });
    controls.until_waiting("jwks", 1).await;
    let url = format!("http://{address}/v1/rooms/course-101/join");
    let first = world.http.post(url).bearer_auth(world.token(User::Ada));
    let first = tokio::spawn(first.send());
    assert!(!starting.is_finished());
    controls.open_gate("jwks");
    let answer = Answer::of(first.await.unwrap().unwrap()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let running = starting.await.unwrap();
    let ready = world
        .http
        .get(format!("http://{}/readyz", running.ops_address));
    assert_eq!(ready.send().await.unwrap().status(), 200);
    assert_eq!(controls.count("jwks").calls, 1);
}

#[tokio::test]
async fn a_provider_that_never_answers_holds_the_start_up_for_its_bound_and_no_longer() {
    let world = World::new();
    let hang = Fault::new(FaultKind::Hang);
    world.provider.controls().fail("*", hang);
    let config = world.write("broker.toml", &world.configuration());
    let mut broker = Broker::spawn(&config, &[]);
    broker
        .until_logged("serving without all keys or denials: not ready yet")
        .await;
    broker.until_serving().await;
    let alive = world.http.get(format!("{}/healthz", broker.public));
    assert_eq!(alive.send().await.unwrap().status(), 200);
    let ready = world.http.get(format!("{}/readyz", broker.ops));
    let ready = Answer::of(ready.send().await.unwrap()).await;
    assert_eq!(
        (ready.status, &ready.json()["checks"]),
        (
            503,
            &json!({ "identity_providers": "waiting", "state": "ok" })
        )
    );
    world.provider.controls().clear_faults("*");
}
