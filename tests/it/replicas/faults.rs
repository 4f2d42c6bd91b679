//! Redis fails in every way that it can: what goes on, what does not, and how it comes back. The
//! table "When Redis fails" in README says the same.

use std::time::Duration;

use reqwest::Method;
use room_broker::simulator::identity_provider::User;
use serde_json::{Value, json};

use super::denials::BAN;
use super::fault_proxy::{FaultProxy, Passage};
use super::fleet::Fleet;
use super::redis_server::RedisServer;
use crate::support::scene::OPEN_POLICY;
use crate::support::until;

/// Limits are on, so that every join asks Redis, and wide.
const LIMITS: &str = r#"
[limits]
enabled = true
principal_per_minute = 100000
principal_burst = 10000
address_per_minute = 100000
address_burst = 10000
service_per_minute = 100000
service_burst = 10000

[state.redis]
timeout = "200ms"
"#;

/// What is unusable of Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gone {
    /// All of it.
    Everything,
    /// It answers, and what it says makes no sense.
    Sense,
    /// It answers, and takes no writes.
    Writes,
    /// It answers, and takes no writes that need memory.
    Growth,
}

async fn well(redis: &str) -> Fleet {
    well_on(redis, "").await
}

/// The same with more said of the servers.
pub(super) async fn well_on(redis: &str, more: &str) -> Fleet {
    let fleet = Fleet::start(2, redis, &format!("{LIMITS}{more}{OPEN_POLICY}")).await;
    let ben = fleet.token(User::Ben);
    for at in 0..2 {
        assert_eq!(fleet.join(at, &ben, "course-102").await.status, 200);
    }
    assert_eq!(fleet.bar_ada(0).await, 200);
    until("both bar", async || {
        fleet.ada_joins(1, "course-101").await == 403
    })
    .await;
    fleet
}

/// Every row of the table while Redis is so.
async fn holds_while(gone: Gone, fleet: &mut Fleet) {
    let ben = fleet.token(User::Ben);
    // Known rooms are joined, by limits of each replica's own.
    for at in 0..2 {
        for _ in 0..20 {
            assert_eq!(
                fleet.join(at, &ben, "course-102").await.status,
                200,
                "{gone:?}"
            );
        }
        let alone = "room_broker_limits_alone_total{limit=\"principal\"}";
        assert!(fleet.metric(at, alone).await >= 20, "{gone:?}");
        // Nobody waits for an answer more than a few times.
        let late = "room_broker_state_calls_total{operation=\"take\",outcome=\"timeout\"}";
        assert!(
            gone == Gone::Sense || fleet.metric(at, late).await <= 3,
            "{gone:?}"
        );
    }
    // New rooms are created, once, since names collide upstream.
    let creations = fleet.upstream.creations();
    for caller in fleet.crowd(&ben, "new-room", 20) {
        let status = caller.await.unwrap().status;
        assert_eq!(status, 200, "{gone:?}");
    }
    assert_eq!(fleet.upstream.creations(), creations + 1, "{gone:?}");
    // Who was barred stays barred, and nobody can be barred anew.
    for at in 0..2 {
        assert_eq!(fleet.ada_joins(at, "course-101").await, 403, "{gone:?}");
        let body = json!({ "user_id": "u", "until": 4_000_000_000_u64 });
        let refused = fleet
            .call(at, Method::PUT, "/v1/denials/ban-2", &body)
            .await;
        assert_eq!(refused.code(), "state-unavailable", "{gone:?}");
        assert_eq!(refused.header("retry-after"), "1");
        if gone != Gone::Growth {
            let lift = fleet.call(at, Method::DELETE, BAN, &Value::Null).await;
            assert_eq!(lift.status, 503, "{gone:?}");
        }
        let read = fleet.call(at, Method::GET, BAN, &Value::Null).await;
        let expected = match gone {
            Gone::Everything | Gone::Sense => 503,
            Gone::Writes | Gone::Growth => 200,
        };
        assert_eq!(read.status, expected, "{gone:?}");
        // It is ready all the same: others are no better. But it says so.
        assert_eq!(fleet.readiness(at).await.status, 200, "{gone:?}");
        until("it is said that the state is not well", async || {
            !fleet.state_is_well(at).await
        })
        .await;
    }
    a_replica_starts_while(gone, fleet).await;
    // What is changed now, others are told once they can be.
    let body = json!({ "settings": { "max_participants": 9 } });
    let changed = fleet.call(0, Method::PATCH, "/v1/rooms/course-102", &body);
    assert_eq!(changed.await.status, 200, "{gone:?}");
}

async fn a_replica_starts_while(gone: Gone, fleet: &mut Fleet) {
    let at = fleet.replicas.len();
    fleet.add();
    match gone {
        Gone::Everything | Gone::Sense => {
            until("it has the keys", async || {
                let checks = fleet.readiness(at).await.json()["checks"].clone();
                checks["identity_providers"] == "ok"
            })
            .await;
            assert_eq!(fleet.readiness(at).await.status, 503);
            let ben = fleet.token(User::Ben);
            let refused = fleet.join(at, &ben, "course-102").await;
            assert_eq!(refused.code(), "state-unavailable");
        }
        Gone::Writes | Gone::Growth => {
            fleet.until_ready(at).await;
            assert_eq!(fleet.ada_joins(at, "course-101").await, 403, "{gone:?}");
        }
    }
}

/// What was changed meanwhile is told, and all is as before.
async fn comes_back(fleet: &Fleet) {
    let ben = fleet.token(User::Ben);
    let reads = || fleet.upstream.controls().count("get_room").calls;
    let before = reads();
    until("the change is told", async || {
        fleet.join(1, &ben, "course-102").await;
        reads() > before
    })
    .await;
    is_well(fleet).await;
}

impl Fleet {
    /// What probes and metrics say of the state.
    async fn state_is_well(&self, at: usize) -> bool {
        let ready = self.readiness(at).await.json()["checks"]["state"] == "ok";
        ready && self.metric(at, "room_broker_state_up").await == 1
    }

    /// A room that is changed at one replica is read again at the other.
    pub(super) async fn tells_changes(&self) {
        let body = json!({ "settings": { "max_participants": 7 } });
        let changed = self.call(0, Method::PATCH, "/v1/rooms/course-102", &body);
        assert_eq!(changed.await.status, 200);
        let ben = self.token(User::Ben);
        let reads = || self.upstream.controls().count("get_room").calls;
        let before = reads();
        until("the change is told", async || {
            self.join(1, &ben, "course-102").await;
            reads() > before
        })
        .await;
    }
}

/// Everything works, and what was acknowledged is there.
pub(super) async fn is_well(fleet: &Fleet) {
    for at in 0..fleet.replicas.len() {
        fleet.until_ready(at).await;
        until("denials can be written again", async || {
            fleet.bar_ada(at).await == 200
        })
        .await;
        until("it is said that the state is well", async || {
            fleet.state_is_well(at).await
        })
        .await;
        assert_eq!(fleet.ada_joins(at, "course-101").await, 403);
        let read = fleet.call(at, Method::GET, BAN, &Value::Null).await;
        assert_eq!(read.status, 200);
    }
}

#[tokio::test]
async fn redis_refuses_connections() {
    let mut redis = RedisServer::start().await;
    let mut fleet = well(&redis.url()).await;
    redis.kill();
    holds_while(Gone::Everything, &mut fleet).await;
    redis.start_again().await;
    comes_back(&fleet).await;
}

#[tokio::test]
async fn redis_is_stopped_and_hangs() {
    let redis = RedisServer::start().await;
    let mut fleet = well(&redis.url()).await;
    redis.freeze();
    holds_while(Gone::Everything, &mut fleet).await;
    redis.thaw();
    comes_back(&fleet).await;
}

#[tokio::test]
async fn redis_pauses_its_clients() {
    let redis = RedisServer::start().await;
    let mut fleet = well(&redis.url()).await;
    // It ends by itself: nobody could tell it to, since that would be paused too.
    redis
        .command::<()>(&["CLIENT", "PAUSE", "10000", "ALL"])
        .await;
    holds_while(Gone::Everything, &mut fleet).await;
    comes_back(&fleet).await;
}

#[tokio::test]
async fn redis_is_a_read_only_replica() {
    let redis = RedisServer::start().await;
    let mut fleet = well(&redis.url()).await;
    redis.command::<()>(&["REPLICAOF", "127.0.0.1", "1"]).await;
    holds_while(Gone::Writes, &mut fleet).await;
    redis.command::<()>(&["REPLICAOF", "NO", "ONE"]).await;
    comes_back(&fleet).await;
}

#[tokio::test]
async fn redis_has_lost_its_replicas_and_takes_no_writes() {
    let redis = RedisServer::start().await;
    let mut fleet = well(&redis.url()).await;
    redis
        .command::<()>(&["CONFIG", "SET", "min-replicas-to-write", "1"])
        .await;
    holds_while(Gone::Writes, &mut fleet).await;
    redis
        .command::<()>(&["CONFIG", "SET", "min-replicas-to-write", "0"])
        .await;
    comes_back(&fleet).await;
}

#[tokio::test]
async fn redis_is_out_of_memory() {
    let redis = RedisServer::start().await;
    let mut fleet = well(&redis.url()).await;
    redis
        .command::<()>(&["CONFIG", "SET", "maxmemory", "1"])
        .await;
    holds_while(Gone::Growth, &mut fleet).await;
    redis
        .command::<()>(&["CONFIG", "SET", "maxmemory", "0"])
        .await;
    comes_back(&fleet).await;
}

#[tokio::test]
async fn redis_restarts_empty() {
    let mut redis = RedisServer::start().await;
    let fleet = well(&redis.url()).await;
    redis.kill();
    redis.lose_data();
    redis.start_again().await;
    until("what was acknowledged is there again", async || {
        fleet.call(0, Method::GET, BAN, &Value::Null).await.status == 200
    })
    .await;
    comes_back(&fleet).await;
}

#[tokio::test]
async fn redis_is_flushed_under_the_replicas() {
    let redis = RedisServer::start().await;
    let fleet = well(&redis.url()).await;
    redis.command::<()>(&["FLUSHALL"]).await;
    until("what was acknowledged is there again", async || {
        fleet.call(0, Method::GET, BAN, &Value::Null).await.status == 200
    })
    .await;
    comes_back(&fleet).await;
}

#[tokio::test]
async fn redis_is_slow_then_silent_then_cut_off() {
    let redis = RedisServer::start().await;
    let proxy = FaultProxy::before(redis.port()).await;
    let mut fleet = well(&proxy.url()).await;
    // Within the bound: everything works, if later.
    proxy.let_through(Passage::After(Duration::from_millis(20)));
    is_well(&fleet).await;
    proxy.let_through(Passage::Never);
    holds_while(Gone::Everything, &mut fleet).await;
    proxy.let_through(Passage::After(Duration::ZERO));
    comes_back(&fleet).await;
    proxy.let_through(Passage::Cut);
    for at in 0..2 {
        let ben = fleet.token(User::Ben);
        assert_eq!(fleet.join(at, &ben, "course-102").await.status, 200);
    }
    proxy.let_through(Passage::After(Duration::ZERO));
    is_well(&fleet).await;
}

#[tokio::test]
async fn redis_answers_nonsense() {
    let nonsense = [
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "+OK\r\n",
        "*-1\r\n$99",
        // More answers than questions, and fewer: those that follow belong to others.
        "+OK\r\n+OK\r\n",
        "$-1\r\n$3\r\nab",
    ];
    for nonsense in nonsense {
        let redis = RedisServer::start().await;
        let proxy = FaultProxy::before(redis.port()).await;
        let mut fleet = well(&proxy.url()).await;
        proxy.let_through(Passage::Instead(nonsense));
        until("it is seen to be no Redis", async || {
            fleet.readiness(0).await.json()["checks"]["state"] == "degraded"
        })
        .await;
        holds_while(Gone::Sense, &mut fleet).await;
        proxy.let_through(Passage::After(Duration::ZERO));
        comes_back(&fleet).await;
    }
}
