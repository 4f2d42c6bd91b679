//! What each replica does alone while Redis takes no writes or is not there: the budget of
//! upstream's requests, and answers that are repeated.

use reqwest::Method;
use room_broker::simulator::identity_provider::User;
use serde_json::json;

use super::fault_proxy::{FaultProxy, Passage};
use super::fleet::Fleet;
use super::idempotency::told;
use super::redis_server::RedisServer;
use crate::support::scene::OPEN_POLICY;

/// Three new rooms a minute: each is looked up, and created.
const BUDGET: &str =
    "[digital_samba]\nrequests_per_minute = 6\n[gateway]\nrequests_per_minute = 1\n";

/// What takes writes away, and what brings them back.
const UNWRITABLE: [[&[&str]; 2]; 3] = [
    [
        &["REPLICAOF", "127.0.0.1", "1"],
        &["REPLICAOF", "NO", "ONE"],
    ],
    [
        &["CONFIG", "SET", "min-replicas-to-write", "1"],
        &["CONFIG", "SET", "min-replicas-to-write", "0"],
    ],
    [
        &["CONFIG", "SET", "maxmemory", "1"],
        &["CONFIG", "SET", "maxmemory", "0"],
    ],
];

/// How all of Redis is lost at once.
#[derive(Debug, Clone, Copy)]
pub enum Gone {
    /// It refuses connections.
    Refused,
    /// It keeps them and says nothing.
    Hanging,
    /// It cannot be reached any more.
    CutOff,
    /// It says something else.
    Nonsense,
}

impl Gone {
    pub const ALL: [Self; 4] = [Self::Refused, Self::Hanging, Self::CutOff, Self::Nonsense];

    /// Of a server behind a proxy.
    pub fn befalls(self, redis: &mut RedisServer, proxy: &FaultProxy) {
        match self {
            Self::Refused => redis.kill(),
            Self::Hanging => redis.freeze(),
            Self::CutOff => proxy.let_through(Passage::Cut),
            Self::Nonsense => proxy.let_through(Passage::Instead("+OK\r\n")),
        }
    }
}

impl Fleet {
    /// Two replicas that open few new rooms.
    pub async fn of_small_budget(redis: &str) -> Self {
        Self::start(2, redis, &format!("{OPEN_POLICY}{BUDGET}")).await
    }

    /// How many new rooms a replica opens before it says that the minute's budget is used up.
    pub async fn new_rooms_at(&self, at: usize) -> u64 {
        let token = self.token(User::Ada);
        let before = self.upstream.creations();
        loop {
            let room = format!("lab-{}", self.upstream.creations());
            let answer = self.join(at, &token, &room).await;
            if answer.status != 200 {
                assert_eq!(
                    (answer.status, answer.code().as_str()),
                    (503, "upstream-busy")
                );
                let wait = answer.header("retry-after").parse::<u64>().unwrap();
                assert!((1..=60).contains(&wait), "{wait}");
                return self.upstream.creations() - before;
            }
        }
    }
}

#[tokio::test]
async fn replicas_share_the_budget_and_without_redis_each_has_all_of_it() {
    for way in Gone::ALL {
        let mut redis = RedisServer::start().await;
        let proxy = FaultProxy::before(redis.port()).await;
        let fleet = Fleet::of_small_budget(&proxy.url()).await;
        assert_eq!(fleet.new_rooms_at(0).await, 3);
        assert_eq!(fleet.new_rooms_at(1).await, 0);
        way.befalls(&mut redis, &proxy);
        // What it took itself, it knows; what the other took, it does not.
        assert_eq!(fleet.new_rooms_at(0).await, 0, "{way:?}");
        assert_eq!(fleet.new_rooms_at(1).await, 3, "{way:?}");
    }
}

#[tokio::test]
async fn where_redis_takes_no_writes_each_replica_has_all_of_the_budget() {
    for [break_it, mend_it] in UNWRITABLE {
        let redis = RedisServer::start().await;
        let fleet = Fleet::of_small_budget(&redis.url()).await;
        redis.command::<()>(break_it).await;
        for at in 0..2 {
            assert_eq!(fleet.new_rooms_at(at).await, 3, "{break_it:?}");
        }
        redis.command::<()>(mend_it).await;
    }
}

#[tokio::test]
async fn where_redis_takes_no_writes_answers_are_read_from_all_and_written_by_none() {
    let redis = RedisServer::start().await;
    let fleet = Fleet::start(3, &redis.url(), OPEN_POLICY).await;
    for (number, [break_it, mend_it]) in UNWRITABLE.into_iter().enumerate() {
        let (before, after) = (format!("before-{number}"), format!("after-{number}"));
        let first = fleet.links(0, &before, "ada").await;
        assert_eq!(told(&first), (200, first.json(), ""));
        redis.command::<()>(break_it).await;
        let again = fleet.links(1, &before, "ada").await;
        assert_eq!(told(&again), (200, first.json(), "true"), "{break_it:?}");
        let other = fleet.links(2, &before, "eve").await;
        assert_eq!(other.code(), "idempotency-key-reused", "{break_it:?}");

        let first = fleet.links(0, &after, "ada").await;
        assert_eq!(told(&first), (200, first.json(), ""), "{break_it:?}");
        let again = fleet.links(0, &after, "ada").await;
        assert_eq!(told(&again), (200, first.json(), "true"), "{break_it:?}");
        let elsewhere = fleet.links(1, &after, "ada").await;
        assert_eq!(elsewhere.header("idempotent-replayed"), "", "{break_it:?}");
        redis.command::<()>(mend_it).await;
    }
    let body = json!({ "settings": {} });
    let ensured = fleet.call(2, Method::PUT, "/v1/rooms/course-101", &body);
    assert_eq!(ensured.await.status, 200);
}
