//! A room is created once, however many replicas are asked for it at once.

use std::collections::HashSet;

use reqwest::Method;
use room_broker::simulator::Moment;
use room_broker::simulator::identity_provider::User;
use serde_json::{Value, json};

use super::denials::BAN;
use super::fleet::Fleet;
use super::redis_server::RedisServer;
use crate::support::process::{Broker, World};
use crate::support::{Answer, until};

/// The id of the one room that all have joined.
async fn one_room(crowd: Vec<tokio::task::JoinHandle<Answer>>) -> String {
    let mut ids = HashSet::new();
    let mut creators = 0;
    for caller in crowd {
        let answer = caller.await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        let room = &answer.json()["room"];
        ids.insert(room["id"].as_str().unwrap().to_owned());
        creators += usize::from(room["created"] == true);
    }
    assert!(creators <= 1, "{creators} say that they created it");
    assert_eq!(ids.len(), 1, "{ids:?}");
    ids.into_iter().next().unwrap()
}

#[tokio::test]
async fn a_thousand_simultaneous_joins_over_three_replicas_create_one_room() {
    let redis = RedisServer::start().await;
    let fleet = Fleet::start(3, &redis.url(), "").await;
    let controls = fleet.upstream.controls();
    // Every replica has found nothing before one may create.
    controls.close_gate("create_room", Moment::BeforeEffect);
    let crowd = fleet.crowd(&fleet.token(User::Ada), "course-101", 1000);
    until("all replicas have looked", async || {
        controls.count("get_room").calls >= 3
    })
    .await;
    controls.until_waiting("create_room", 1).await;
    controls.open_gate("create_room");
    one_room(crowd).await;
    assert_eq!(fleet.upstream.creations(), 1);
    // Who looked before the creation and has the lease after it meets a name that is taken.
    assert!(controls.count("create_room").calls <= 3);
}

#[tokio::test]
async fn without_redis_names_that_collide_upstream_leave_one_room() {
    let mut redis = RedisServer::start().await;
    let fleet = Fleet::start(3, &redis.url(), "").await;
    redis.kill();
    let controls = fleet.upstream.controls();
    controls.close_gate("create_room", Moment::BeforeEffect);
    let crowd = fleet.crowd(&fleet.token(User::Ada), "course-101", 300);
    controls.until_waiting("create_room", 3).await;
    controls.open_gate("create_room");
    one_room(crowd).await;
    assert_eq!(fleet.upstream.creations(), 1);
}

#[tokio::test]
async fn another_replica_takes_over_from_one_that_is_killed_while_it_creates() {
    let redis = RedisServer::start().await;
    let world = World::new();
    let shared = format!("\n[state.redis]\nurl = \"{}\"\n", redis.url());
    let config = world.write("config.toml", &(world.configuration() + &shared));
    let doomed = Broker::serve(&world, &config).await;
    let heirs = [
        Broker::serve(&world, &config).await,
        Broker::serve(&world, &config).await,
    ];
    let controls = world.upstream.controls();
    controls.close_gate("create_room", Moment::BeforeEffect);
    let token = world.token(User::Ada);
    let ask = |broker: &Broker| {
        let request = world.http.post(broker.join_url("course-101"));
        let request = request.bearer_auth(&token);
        tokio::spawn(async move { request.send().await })
    };
    let lost = ask(&doomed);
    controls.until_waiting("create_room", 1).await;
    let crowd: Vec<_> = (0..100).map(|number| ask(&heirs[number % 2])).collect();
    until("the others have looked", async || {
        controls.count("get_room").calls == 3
    })
    .await;
    assert_eq!(controls.count("create_room").calls, 1, "the others wait");
    doomed.signal("KILL");
    assert!(lost.await.unwrap().is_err());
    controls.until_waiting("create_room", 1).await;
    until("another one creates", async || {
        controls.count("create_room").calls == 2
    })
    .await;
    controls.open_gate("create_room");
    let answers = crowd
        .into_iter()
        .map(|sent| tokio::spawn(async move { Answer::of(sent.await.unwrap().unwrap()).await }));
    one_room(answers.collect()).await;
    assert_eq!(world.upstream.creations(), 1);
}

#[tokio::test]
async fn a_creation_that_takes_longer_than_its_lease_is_the_only_one() {
    let redis = RedisServer::start().await;
    // A machine that is busy is no Redis that fails.
    let patient = "[state.redis]\ntimeout = \"1s\"\n";
    let fleet = Fleet::start(2, &redis.url(), patient).await;
    let controls = fleet.upstream.controls();
    controls.close_gate("create_room", Moment::BeforeEffect);
    let crowd = fleet.crowd(&fleet.token(User::Ada), "course-101", 20);
    controls.until_waiting("create_room", 1).await;
    until("both replicas have looked", async || {
        controls.count("get_room").calls == 2
    })
    .await;
    // The lease is for 3 s, and whoever waits for it asks four times a second.
    redis
        .command::<()>(&["SET", "longer", "", "PX", "4000"])
        .await;
    until("a lease that is not renewed is another's", async || {
        redis.command::<u64>(&["EXISTS", "longer"]).await == 0
    })
    .await;
    assert_eq!(controls.count("create_room").calls, 1, "the other waits");
    assert_eq!(controls.count("get_room").calls, 2, "the other waits");
    controls.open_gate("create_room");
    one_room(crowd).await;
    assert_eq!(controls.count("create_room").calls, 1);
    assert_eq!(fleet.upstream.creations(), 1);
}

#[tokio::test]
async fn what_one_replica_changes_the_others_read_again() {
    let redis = RedisServer::start().await;
    let fleet = Fleet::start(2, &redis.url(), "").await;
    let token = fleet.token(User::Ada);
    assert_eq!(fleet.join(0, &token, "course-101").await.status, 200);
    assert_eq!(fleet.join(1, &token, "course-101").await.status, 200);
    let reads = || fleet.upstream.controls().count("get_room").calls;
    let before = reads();
    assert_eq!(fleet.join(1, &token, "course-101").await.status, 200);
    assert_eq!(reads(), before, "it is remembered");

    let body = json!({ "settings": { "max_participants": 9 } });
    let changed = fleet.call(0, Method::PATCH, "/v1/rooms/course-101", &body);
    assert_eq!(changed.await.status, 200);
    let before = reads();
    until("the other replica reads it again", async || {
        assert_eq!(fleet.join(1, &token, "course-101").await.status, 200);
        reads() > before
    })
    .await;
}

#[tokio::test]
async fn what_changes_through_one_replicas_gateway_is_read_again_by_one_that_alone_knows_the_room()
{
    let redis = RedisServer::start().await;
    // Longer than the test takes: only a notice can end it.
    let fleet = Fleet::start(2, &redis.url(), "[rooms]\nfresh_for = \"10m\"\n").await;
    let ada = fleet.token(User::Ada);
    let room = async || fleet.join(0, &ada, "course-101").await.json()["room"].clone();
    let reads = || fleet.upstream.controls().count("get_room").calls;
    let first = room().await;
    let id = first["id"].as_str().unwrap();
    for name in ["course-101", id] {
        room().await;
        let before = reads();
        assert_eq!(room().await["id"], first["id"]);
        assert_eq!(reads(), before, "it is remembered");
        let path = format!("/api/v1/rooms/{name}");
        let body = json!({ "description": format!("by {name}") });
        let changed = fleet.call(1, Method::PATCH, &path, &body).await;
        assert_eq!(changed.status, 200, "{changed:?}");
        let before = reads();
        until("the one that knows it reads it again", async || {
            room().await;
            reads() > before
        })
        .await;
    }
    let mut known = first;
    for by_id in [true, false] {
        let name = match &known["id"] {
            Value::String(id) if by_id => id.clone(),
            _its_name => "course-101".to_owned(),
        };
        let path = format!("/api/v1/rooms/{name}");
        let deleted = fleet.call(1, Method::DELETE, &path, &Value::Null).await;
        assert_eq!(deleted.status, 204, "{deleted:?}");
        until("the one that knows it makes another", async || {
            room().await["id"] != known["id"]
        })
        .await;
        known = room().await;
    }
}

#[tokio::test]
async fn a_room_that_one_replica_creates_is_absent_at_none_any_more() {
    let redis = RedisServer::start().await;
    // Longer than the test takes: only a notice can end it.
    let fleet = Fleet::start(3, &redis.url(), "[rooms]\nabsent_for = \"1m\"\n").await;
    let ada = fleet.token(User::Ada);
    let look = async |at: usize| {
        let address = fleet.replicas[at].public_address;
        let url = format!("http://{address}/v1/rooms/course-101");
        Answer::of(fleet.http.get(url).bearer_auth(&ada).send().await.unwrap()).await
    };
    // Once they have heard this, they have heard that they may have missed something before.
    assert_eq!(fleet.bar_ada(0).await, 200);
    for at in 1..3 {
        until("it hears notices", async || look(at).await.status == 403).await;
    }
    let lifted = fleet.call(0, Method::DELETE, BAN, &Value::Null).await;
    assert_eq!(lifted.status, 204);
    for at in 0..3 {
        until("it lets her in", async || look(at).await.status == 200).await;
        assert_eq!(look(at).await.json()["room"]["exists"], false);
    }
    let joined = fleet.join(0, &ada, "course-101").await;
    assert_eq!(joined.json()["room"]["created"], true);
    for at in 1..3 {
        until("the other replica knows that it is there", async || {
            look(at).await.json()["room"]["exists"] == true
        })
        .await;
    }
}
