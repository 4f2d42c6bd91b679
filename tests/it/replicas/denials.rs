//! Whom one replica bars, all bar; and they go on to, whatever becomes of Redis.

use std::time::Duration;

use reqwest::Method;
use room_broker::clock::Clock;
use room_broker::simulator::identity_provider::User;
use serde_json::{Value, json};

use super::fault_proxy::{FaultProxy, Passage};
use super::fleet::Fleet;
use super::redis_server::RedisServer;
use crate::support::scene::OPEN_POLICY;
use crate::support::{Deadline, free_address, until, until_by};

/// The path of Ben's denial.
const BENS: &str = "/v1/denials/ban-2";

/// The path of Ada's denial.
pub const BAN: &str = "/v1/denials/ban-1";

impl Fleet {
    /// Bars Ada from everywhere, by one replica's word; the answer's status.
    pub async fn bar_ada(&self, at: usize) -> u16 {
        self.bar(at, User::Ada, BAN).await
    }

    /// The same of anybody.
    async fn bar(&self, at: usize, user: User, path: &str) -> u16 {
        let url = format!("http://{}/v1/me", self.replicas[at].public_address);
        let me = self.http.get(url).bearer_auth(self.token(user));
        let me: Value = me.send().await.unwrap().json().await.unwrap();
        let until = Clock::system().now().seconds() + 3600;
        let body = json!({ "issuer": me["issuer"], "subject": me["subject"], "until": until });
        self.call(at, Method::PUT, path, &body).await.status
    }

    async fn lift(&self, at: usize, path: &str) -> u16 {
        self.call(at, Method::DELETE, path, &Value::Null)
            .await
            .status
    }

    /// A replica that reaches Redis, and one that does by a way that can be cut; both bar Ben.
    async fn of_one_that_can_be_cut_off(redis: &RedisServer, proxy: &FaultProxy) -> Self {
        let mut fleet = Self::start(1, &redis.url(), OPEN_POLICY).await;
        fleet.add_over(&proxy.url());
        fleet.until_ready(1).await;
        assert_eq!(fleet.bar(0, User::Ben, BENS).await, 200);
        fleet.until_ben_is(1, 403).await;
        fleet
    }

    /// Nothing of Redis comes through to the second replica any more.
    async fn cut_off(&self, proxy: &FaultProxy) {
        proxy.let_through(Passage::Cut);
        until("it is cut off", async || {
            self.readiness(1).await.json()["checks"]["state"] == "degraded"
        })
        .await;
    }

    async fn ben_joins(&self, at: usize) -> u16 {
        let ben = self.token(User::Ben);
        self.join(at, &ben, "course-102").await.status
    }

    async fn until_ben_is(&self, at: usize, status: u16) {
        until("Ben is told so", async || {
            self.ben_joins(at).await == status
        })
        .await;
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
async fn a_replica_that_alone_is_cut_off_follows_others_once_it_is_back() {
    let redis = RedisServer::start().await;
    let proxy = FaultProxy::before(redis.port()).await;
    let fleet = Fleet::of_one_that_can_be_cut_off(&redis, &proxy).await;
    assert_eq!(fleet.ada_joins(1, "course-101").await, 200);
    fleet.cut_off(&proxy).await;
    assert_eq!(fleet.bar_ada(0).await, 200);
    assert_eq!(fleet.lift(0, BENS).await, 204);
    assert_eq!(fleet.ada_joins(0, "course-101").await, 403);
    assert_eq!(fleet.ben_joins(0).await, 200);
    // It cannot know.
    assert_eq!(fleet.ada_joins(1, "course-101").await, 200);
    assert_eq!(fleet.ben_joins(1).await, 403);

    proxy.let_through(Passage::After(Duration::ZERO));
    let deadline = Deadline::after(Duration::from_secs(3));
    until_by(deadline, "it bars and lets in as the other", async || {
        fleet.ada_joins(1, "course-101").await == 403 && fleet.ben_joins(1).await == 200
    })
    .await;
}

#[tokio::test]
async fn without_memory_a_denial_is_lifted_and_others_are_told_once_there_is_some() {
    let redis = RedisServer::start().await;
    let proxy = FaultProxy::before(redis.port()).await;
    let fleet = Fleet::of_one_that_can_be_cut_off(&redis, &proxy).await;
    redis
        .command::<()>(&["CONFIG", "SET", "maxmemory", "1"])
        .await;
    assert_eq!(fleet.lift(0, BENS).await, 204);
    assert_eq!(fleet.ben_joins(0).await, 200);
    assert_eq!(fleet.ben_joins(1).await, 403);
    redis
        .command::<()>(&["CONFIG", "SET", "maxmemory", "0"])
        .await;
    fleet.until_ben_is(1, 200).await;
}

#[tokio::test]
async fn what_was_lifted_while_a_replica_was_cut_off_it_writes_back_into_an_emptied_redis() {
    let redis = RedisServer::start().await;
    let proxy = FaultProxy::before(redis.port()).await;
    let fleet = Fleet::of_one_that_can_be_cut_off(&redis, &proxy).await;
    fleet.cut_off(&proxy).await;
    assert_eq!(fleet.lift(0, BENS).await, 204);
    assert_eq!(fleet.ben_joins(0).await, 200);
    redis.command::<()>(&["FLUSHALL"]).await;
    proxy.let_through(Passage::After(Duration::ZERO));
    fleet.until_ben_is(0, 403).await;
    assert_eq!(fleet.lift(0, BENS).await, 204);
    for at in 0..2 {
        fleet.until_ben_is(at, 200).await;
    }
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
