//! `serve` and `healthcheck`.

use room_broker::simulator::identity_provider::User;

use super::with_config;
use crate::support::process::{Broker, World, run};

#[tokio::test]
async fn healthcheck_tells_a_running_broker_from_none() {
    let world = World::new();
    let config = world.write("broker.toml", &world.configuration());
    let broker = Broker::serve(&world, &config).await;
    // As in a container: the same configuration, which names the port.
    let port = broker.ops.rsplit(':').next().unwrap();
    for listen in ["127.0.0.1", "0.0.0.0"] {
        let text = world.configuration().replace(
            "[ops]\nlisten = \"127.0.0.1:0\"",
            &format!("[ops]\nlisten = \"{listen}:{port}\""),
        );
        for command in [&["healthcheck"][..], &["healthcheck", "--ready"]] {
            let ended = run(with_config(&world, command, &text)).await;
            assert_eq!(ended.code, 0, "{listen} {}", ended.err);
        }
    }
    let text = world.configuration().replace(
        "[ops]\nlisten = \"127.0.0.1:0\"",
        &format!("[ops]\nlisten = \"127.0.0.1:{port}\""),
    );
    drop(broker);
    let ended = run(with_config(&world, &["healthcheck"], &text)).await;
    assert_eq!(ended.code, 1);
    assert!(ended.err.starts_with("error: "), "{}", ended.err);
}

#[tokio::test]
async fn a_broker_without_keys_is_alive_and_not_ready() {
    let world = World::new();
    let config = world.write("broker.toml", &world.configuration());
    let broker = Broker::serve(&world, &config).await;
    let port = broker.ops.rsplit(':').next().unwrap().to_owned();
    let text = world.configuration().replace(
        "[ops]\nlisten = \"127.0.0.1:0\"",
        &format!("[ops]\nlisten = \"127.0.0.1:{port}\""),
    );
    drop(broker);
    world.provider.take_down().await.unwrap();
    let config = world.write("broker.toml", &text);
    let _broker = Broker::start(&config, &[]).await;
    let alive = run(with_config(&world, &["healthcheck"], &text)).await;
    assert_eq!(alive.code, 0, "{}", alive.err);
    let ready = run(with_config(&world, &["healthcheck", "--ready"], &text)).await;
    assert_eq!(ready.code, 1);
    assert!(ready.err.contains("503"), "{}", ready.err);
}

#[tokio::test]
async fn an_address_that_is_taken_stops_the_start_and_is_named() {
    let world = World::new();
    let taken = crate::support::listener();
    let address = taken.local_addr().unwrap().to_string();
    let text = world.configuration().replace(
        "[public]\nlisten = \"127.0.0.1:0\"",
        &format!("[public]\nlisten = \"{address}\""),
    );
    let ended = run(with_config(&world, &["serve"], &text)).await;
    assert_eq!(ended.code, 1);
    assert!(
        ended.err.contains(&format!("public.listen: {address}")),
        "{}",
        ended.err
    );
}

#[tokio::test]
async fn the_environment_reaches_a_running_broker() {
    let world = World::new();
    let config = world.write("broker.toml", &world.configuration());
    let broker = Broker::serve_with(
        &world,
        &config,
        &[("ROOM_BROKER__PUBLIC__PATH_PREFIX", "/video")],
    )
    .await;
    let me = world
        .http
        .get(format!("{}/video/v1/me", broker.public))
        .bearer_auth(world.token(User::Ada));
    assert_eq!(me.send().await.unwrap().status(), 200);
}
