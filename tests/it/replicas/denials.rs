//! Whom one replica bars, all bar; and they go on to, whatever becomes of Redis.

use std::time::Duration;

use reqwest::Method;
use room_broker::clock::Clock;
use room_broker::simulator::identity_provider::User;
use serde_json::{Value, json};

use super::fault_proxy::{FaultProxy, Passage};
use super::fleet::Fleet;
use super::redis_server::RedisServer;
use crate::support::{free_address, until};

/// The path of a denial.
pub const BAN: &str = "/v1/denials/ban-1";

impl Fleet {
    /// Bars Ada from everywhere, by one replica's word; the answer's status.
    pub async fn bar_ada(&self, at: usize) -> u16 {
        let url = format!("http://{}/v1/me", self.replicas[at].public_address);
        let me = self.http.get(url).bearer_auth(self.token(User::Ada));
        let me: Value = me.send().await.unwrap().json().await.unwrap();
        let until = Clock::system().now().seconds() + 3600;
        let body = json!({ "issuer": me["issuer"], "subject": me["subject"], "until": until });
        self.call(at, Method::PUT, BAN, &body).await.status
    }

    /// The status of Ada's join at a replica.
    pub async fn ada_joins(&self, at: usize, room: &str) -> u16 {
        self.join(at, &self.token(User::Ada), room).await.status
    }
}

#[tokio::test]
async fn whom_one_replica_bars_all_bar_and_whom_one_lets_in_all_let_in() {
    let redis = RedisServer::start().await;
    let mut fleet = Fleet::start(2, &redis.url(), "").await;
    for at in 0..2 {
        assert_eq!(fleet.ada_joins(at, "course-101").await, 200);
    }
    assert_eq!(fleet.bar_ada(0).await, 200);
    assert_eq!(fleet.ada_joins(0, "course-101").await, 403);
    until("the other replica bars too", async || {
        fleet.ada_joins(1, "course-101").await == 403
    })
    .await;
    // One that starts later knows it from the start.
    fleet.add();
    fleet.until_ready(2).await;
    assert_eq!(fleet.ada_joins(2, "course-101").await, 403);

    let lifted = fleet.call(1, Method::DELETE, BAN, &Value::Null).await;
    assert_eq!(lifted.status, 204);
    for at in 0..3 {
        until("all let in again", async || {
            fleet.ada_joins(at, "course-101").await == 200
        })
        .await;
    }
}

#[tokio::test]
async fn a_denial_is_put_back_into_a_redis_that_lost_its_data() {
    let mut redis = RedisServer::start().await;
    let mut fleet = Fleet::start(2, &redis.url(), "").await;
    assert_eq!(fleet.bar_ada(0).await, 200);
    until("both bar", async || {
        fleet.ada_joins(1, "course-101").await == 403
    })
    .await;
    redis.kill();
    redis.lose_data();
    redis.start_again().await;
    until("it is there again", async || {
        fleet.call(0, Method::GET, BAN, &Value::Null).await.status == 200
    })
    .await;
    for at in 0..2 {
        assert_eq!(fleet.ada_joins(at, "course-101").await, 403);
    }
    fleet.add();
    fleet.until_ready(2).await;
    assert_eq!(fleet.ada_joins(2, "course-101").await, 403);
}

#[tokio::test]
async fn a_replica_that_never_learned_who_is_barred_lets_nobody_in_until_it_has() {
    let mut redis = RedisServer::start().await;
    let mut fleet = Fleet::start(1, &redis.url(), "").await;
    assert_eq!(fleet.bar_ada(0).await, 200);
    redis.kill();
    fleet.add();
    until("it has the keys", async || {
        let checks = fleet.readiness(1).await.json()["checks"].clone();
        checks["identity_providers"] == "ok"
    })
    .await;
    let unready = fleet.readiness(1).await;
    assert_eq!(
        (unready.status, &unready.json()["checks"]["state"]),
        (503, &json!("waiting"))
    );
    let refused = fleet.join(1, &fleet.token(User::Ben), "course-101").await;
    assert_eq!(
        (
            refused.status,
            refused.code().as_str(),
            refused.header("retry-after")
        ),
        (503, "state-unavailable", "1")
    );
    redis.start_again().await;
    fleet.until_ready(1).await;
    assert_eq!(fleet.ada_joins(1, "course-101").await, 403);
    let let_in = fleet.join(1, &fleet.token(User::Ben), "course-101").await;
    assert_ne!(let_in.status, 503);
}

#[tokio::test]
async fn whoever_calls_a_replica_that_starts_waits_until_it_knows_who_is_barred() {
    let redis = RedisServer::start().await;
    let proxy = FaultProxy::before(redis.port()).await;
    proxy.let_through(Passage::Never);
    let address = free_address();
    let fleet = Fleet::unready(&proxy.url(), &format!("[public]\nlisten = \"{address}\"\n"));
    let app = fleet.build();
    let starting = tokio::spawn(async move {
        app.settle_in(Duration::from_secs(30)).await;
        app.start().unwrap()
    });
    let url = format!("http://{address}/v1/rooms/course-101/join");
    let first = fleet.http.post(url).bearer_auth(fleet.token(User::Ada));
    let first = tokio::spawn(first.send());
    until("its keys are fetched", async || {
        fleet.provider.controls().count("jwks").done == 1
    })
    .await;
    assert!(!starting.is_finished() && !first.is_finished());
    proxy.let_through(Passage::After(Duration::ZERO));
    assert_eq!(first.await.unwrap().unwrap().status(), 200);
    drop(starting.await.unwrap());
}
