//! What one replica changes, the others know in under a second; what they did not hear of it, once they
//! hear again.

use std::time::Duration;

use reqwest::Method;
use room_broker::simulator::identity_provider::User;
use serde_json::{Value, json};

use super::denials::BAN;
use super::fault_proxy::FaultProxy;
use super::fleet::Fleet;
use super::redis_server::RedisServer;
use crate::support::scene::OPEN_POLICY;
use crate::support::{Deadline, until, until_by};

/// Who changes something waits no longer until all know.
const BOUND: Duration = Duration::from_secs(1);

/// Everybody may enter, and a machine that is busy is no Redis that fails.
fn healthy() -> String {
    format!("[state.redis]\ntimeout = \"1s\"\n{OPEN_POLICY}")
}

impl Fleet {
    /// Ada and Ben have been let in everywhere, each to a room that the replicas know since.
    async fn is_joined(&self) {
        for at in 0..self.replicas.len() {
            assert_eq!(self.ada_joins(at, "course-101").await, 200);
            assert!(self.ben_has_it_read(at).await);
            until("it remembers", async || !self.ben_has_it_read(at).await).await;
        }
    }

    /// Whether Ben's join at a replica reads his room upstream.
    async fn ben_has_it_read(&self, at: usize) -> bool {
        let before = self.upstream.controls().count("get_room").calls;
        let joined = self.join(at, &self.token(User::Ben), "course-102").await;
        assert_eq!(joined.status, 200, "{joined:?}");
        self.upstream.controls().count("get_room").calls > before
    }

    /// Changes Ben's room at the first replica.
    async fn changes_bens_room(&self, participants: u32) {
        let body = json!({ "settings": { "max_participants": participants } });
        let changed = self.call(0, Method::PATCH, "/v1/rooms/course-102", &body);
        assert_eq!(changed.await.status, 200);
    }

    async fn lifts(&self) {
        let lifted = self.call(0, Method::DELETE, BAN, &Value::Null).await;
        assert_eq!(lifted.status, 204);
    }
}

/// How many replicas hear notices.
async fn listening(redis: &RedisServer) -> u32 {
    let channel = "room-broker:notices";
    let of: Vec<(String, u32)> = redis.command(&["PUBSUB", "NUMSUB", channel]).await;
    of[0].1
}

#[tokio::test]
async fn a_replica_that_hears_again_has_what_it_missed_in_its_very_next_answers() {
    let redis = RedisServer::start().await;
    let second = async |change: &[&str]| {
        let words = [&["ACL", "SETUSER", "second"], change].concat();
        redis.command::<()>(&words).await;
    };
    second(&["on", "nopass", "~*", "&*", "+@all"]).await;
    let mut fleet = Fleet::start(1, &redis.url(), &healthy()).await;
    fleet.add_over(&format!("redis://second:any@127.0.0.1:{}/", redis.port()));
    fleet.until_ready(1).await;
    fleet.is_joined().await;

    let announced = async |count: u64| {
        let series = "room_broker_state_calls_total{operation=\"announce\",outcome=\"ok\"}";
        until("all was announced", async || {
            fleet.metric(0, series).await == count
        })
        .await;
    };
    announced(2).await;

    // Its subscription ends, and no other comes about; all else goes on.
    second(&["resetchannels"]).await;
    until("it hears nothing", async || listening(&redis).await == 1).await;
    fleet.changes_bens_room(9).await;
    assert_eq!(fleet.bar_ada(0).await, 200);
    announced(4).await;
    assert!(!fleet.ben_has_it_read(1).await);
    assert_eq!(fleet.ada_joins(1, "course-101").await, 200);

    second(&["allchannels"]).await;
    until_by(Deadline::after(BOUND), "it bars", async || {
        fleet.ada_joins(1, "course-101").await == 403
    })
    .await;
    assert!(fleet.ben_has_it_read(1).await);
    assert!(!fleet.ben_has_it_read(1).await);
}

#[tokio::test]
async fn what_one_replica_changes_all_know_in_under_a_second() {
    let redis = RedisServer::start().await;
    let fleet = Fleet::start(3, &redis.url(), &healthy()).await;
    fleet.is_joined().await;
    for participants in 5..8 {
        assert_eq!(fleet.bar_ada(0).await, 200);
        let deadline = Deadline::after(BOUND);
        for at in 1..3 {
            until_by(deadline, "the others bar", async || {
                fleet.ada_joins(at, "course-101").await == 403
            })
            .await;
        }
        fleet.lifts().await;
        let deadline = Deadline::after(BOUND);
        for at in 1..3 {
            until_by(deadline, "the others let in", async || {
                fleet.ada_joins(at, "course-101").await == 200
            })
            .await;
        }
        fleet.changes_bens_room(participants).await;
        let deadline = Deadline::after(BOUND);
        for at in 1..3 {
            until_by(deadline, "the others read the room", async || {
                fleet.ben_has_it_read(at).await
            })
            .await;
        }
    }
}

#[tokio::test]
async fn a_subscription_that_died_without_a_word_is_found_by_the_interval_in_under_a_second() {
    let redis = RedisServer::start().await;
    let proxy = FaultProxy::before(redis.port()).await;
    let mut fleet = Fleet::start(1, &redis.url(), &healthy()).await;
    fleet.add_over(&proxy.url());
    fleet.until_ready(1).await;
    fleet.is_joined().await;
    for participants in 5..8 {
        proxy.silence_subscriptions();
        fleet.changes_bens_room(participants).await;
        assert_eq!(fleet.bar_ada(0).await, 200);
        until_by(Deadline::after(BOUND), "it bars", async || {
            fleet.ada_joins(1, "course-101").await == 403
        })
        .await;
        assert!(fleet.ben_has_it_read(1).await);
        fleet.lifts().await;
        until("it lets in", async || {
            fleet.ada_joins(1, "course-101").await == 200
        })
        .await;
    }
}
