//! What the real binary tells an operator: its log, its traces, its metrics, its audit log.

mod audit;
mod logs;
mod metrics;
mod recorder;
mod traces;

use room_broker::simulator::identity_provider::User;

use crate::support::Answer;
use crate::support::process::{Broker, World};

/// A broker with something changed in its configuration.
async fn serve(world: &World, change: impl FnOnce(String) -> String) -> Broker {
    let config = world.write("broker.toml", &change(world.configuration()));
    Broker::serve(world, &config).await
}

async fn join(world: &World, broker: &Broker, user: User, room: &str) -> Answer {
    let request = world.http.post(broker.join_url(room));
    Answer::of(request.bearer_auth(world.token(user)).send().await.unwrap()).await
}

/// Ends it as an orchestrator does; gives what it logged after it began to serve.
async fn terminate(broker: &mut Broker) -> Vec<String> {
    broker.signal("TERM");
    let log = broker.rest_of_log().await;
    assert_eq!(broker.ended().await.code(), Some(0));
    log
}
