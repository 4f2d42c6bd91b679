//! Redis lost its data and is there: the column "came back empty" of README's table.

use reqwest::Method;
use room_broker::simulator::Moment;
use room_broker::simulator::identity_provider::User;
use serde_json::Value;

use super::denials::BAN;
use super::fleet::Fleet;
use super::idempotency::told;
use super::redis_server::RedisServer;
use crate::support::scene::OPEN_POLICY;
use crate::support::until;

/// So slow that none comes back while a test runs.
const LIMITS: &str = r"
[limits]
enabled = true
principal_per_minute = 1
principal_burst = 20
address_per_minute = 1
address_burst = 1000
failures_per_minute = 1
failures_burst = 10
service_per_minute = 1000
service_burst = 100
";

impl RedisServer {
    /// Forgets everything, and stays there.
    pub async fn empty(&self) {
        self.command::<()>(&["FLUSHALL"]).await;
    }
}

#[tokio::test]
async fn limits_are_full_once_more() {
    let redis = RedisServer::start().await;
    let fleet = Fleet::start(2, &redis.url(), LIMITS).await;
    let token = fleet.token(User::Ada);
    let admitted = async || {
        let mut admitted = 0;
        for at in [0, 1] {
            while fleet.join(at, &token, "course-101").await.status == 200 {
                admitted += 1;
            }
        }
        admitted
    };
    assert_eq!(admitted().await, 20);
    redis.empty().await;
    assert_eq!(admitted().await, 20);
}

#[tokio::test]
async fn the_budget_is_a_full_minutes_worth_once_more() {
    let redis = RedisServer::start().await;
    let fleet = Fleet::of_small_budget(&redis.url()).await;
    assert_eq!(fleet.new_rooms_at(0).await, 3);
    assert_eq!(fleet.new_rooms_at(1).await, 0);
    redis.empty().await;
    assert_eq!(fleet.new_rooms_at(1).await, 3);
    assert_eq!(fleet.new_rooms_at(0).await, 0);
}

#[tokio::test]
async fn a_lost_lease_leaves_one_room_since_names_collide_upstream() {
    let redis = RedisServer::start().await;
    let fleet = Fleet::start(2, &redis.url(), "").await;
    let controls = fleet.upstream.controls();
    controls.close_gate("create_room", Moment::BeforeEffect);
    let token = fleet.token(User::Ada);
    let first = fleet.crowd(&token, "course-101", 1);
    controls.until_waiting("create_room", 1).await;
    redis.empty().await;
    let others = fleet.crowd(&token, "course-101", 20);
    // The second replica takes the lease that the first thinks it has.
    controls.until_waiting("create_room", 2).await;
    controls.open_gate("create_room");
    let mut ids = Vec::new();
    for caller in first.into_iter().chain(others) {
        let answer = caller.await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        ids.push(answer.json()["room"]["id"].clone());
    }
    ids.dedup();
    assert_eq!((ids.len(), fleet.upstream.creations()), (1, 1));
}

#[tokio::test]
async fn who_is_known_joins_on_and_every_room_is_read_again() {
    let redis = RedisServer::start().await;
    let fleet = Fleet::start(2, &redis.url(), "").await;
    let token = fleet.token(User::Ada);
    for at in 0..2 {
        assert_eq!(fleet.join(at, &token, "course-101").await.status, 200);
    }
    redis.empty().await;
    for at in 0..2 {
        let reads = || fleet.upstream.controls().count("get_room").calls;
        let before = reads();
        until("the replica reads it again", async || {
            assert_eq!(fleet.join(at, &token, "course-101").await.status, 200);
            reads() > before
        })
        .await;
    }
}

#[tokio::test]
async fn what_was_answered_under_a_key_is_known_to_the_replica_that_answered_alone() {
    let redis = RedisServer::start().await;
    let fleet = Fleet::start(2, &redis.url(), OPEN_POLICY).await;
    let first = fleet.links(0, "key-1", "ada").await;
    redis.empty().await;
    let again = fleet.links(0, "key-1", "ada").await;
    assert_eq!(told(&again), (200, first.json(), "true"));
    let elsewhere = fleet.links(1, "key-1", "ada").await;
    assert_eq!(
        (elsewhere.status, elsewhere.header("idempotent-replayed")),
        (200, "")
    );
}

#[tokio::test]
async fn a_replica_that_starts_is_ready_and_bars_as_soon_as_another_has_written_back() {
    let redis = RedisServer::start().await;
    let mut fleet = Fleet::start(1, &redis.url(), "").await;
    assert_eq!(fleet.bar_ada(0).await, 200);
    redis.empty().await;
    fleet.add();
    fleet.until_ready(1).await;
    until("it bars whom the other remembers", async || {
        fleet.ada_joins(1, "course-101").await == 403
    })
    .await;
    assert_eq!(fleet.ada_joins(0, "course-101").await, 403);
    let read = fleet.call(1, Method::GET, BAN, &Value::Null).await;
    assert_eq!(read.status, 200);
}
