//! Limits that replicas share: together they admit what is stated.

use room_broker::simulator::identity_provider::User;

use super::fleet::Fleet;
use super::redis_server::RedisServer;
use crate::support::until;

/// So slow that none comes back while a test runs.
const LIMITS: &str = r"
[limits]
enabled = true
principal_per_minute = 1
principal_burst = 60
address_per_minute = 1
address_burst = 40
failures_per_minute = 1
failures_burst = 10
service_per_minute = 1
service_burst = 12
";

#[tokio::test]
async fn three_replicas_together_admit_the_stated_total_of_one_person() {
    let redis = RedisServer::start().await;
    let fleet = Fleet::start(3, &redis.url(), LIMITS).await;
    let token = fleet.token(User::Ada);
    // Whoever joins has been seen by each replica then.
    for at in 0..3 {
        assert_eq!(fleet.join(at, &token, "course-101").await.status, 200);
    }
    let mut admitted = 3;
    let mut left = Vec::new();
    for caller in fleet.crowd(&token, "course-101", 120) {
        let answer = caller.await.unwrap();
        match answer.status {
            200 => admitted += 1,
            429 => assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0),
            other => panic!("{other}: {answer:?}"),
        }
        left.push(answer.header("ratelimit").to_owned());
    }
    assert_eq!(admitted, 60);
    assert!(left.contains(&"\"principal\";r=0".to_owned()), "{left:?}");
    assert!(left.contains(&"\"principal\";r=40".to_owned()), "{left:?}");
    let another = fleet.join(0, &fleet.token(User::Ben), "course-101").await;
    assert_eq!(another.status, 200);
}

#[tokio::test]
async fn an_address_that_fails_at_one_replica_is_barred_at_all() {
    let redis = RedisServer::start().await;
    let fleet = Fleet::start(3, &redis.url(), LIMITS).await;
    let statuses = |at: usize, times: usize| {
        let fleet = &fleet;
        async move {
            let mut statuses = Vec::new();
            for _ in 0..times {
                statuses.push(fleet.join(at, "rubbish", "course-101").await.status);
            }
            statuses
        }
    };
    assert_eq!(statuses(0, 10).await, [401; 10]);
    for at in 0..3 {
        assert_eq!(statuses(at, 1).await, [429]);
    }
}

#[tokio::test]
async fn a_backends_key_has_one_bucket_at_all_replicas() {
    let redis = RedisServer::start().await;
    let fleet = Fleet::start(3, &redis.url(), LIMITS).await;
    let mut statuses = Vec::new();
    for number in 0..15 {
        let null = serde_json::Value::Null;
        let answer = fleet.call(number % 3, reqwest::Method::GET, "/v1/denials", &null);
        statuses.push(answer.await.status);
    }
    assert_eq!(statuses[..12], [200; 12]);
    assert_eq!(statuses[12..], [429; 3]);
}

#[tokio::test]
async fn without_redis_each_replica_limits_alone_and_counts_that() {
    let mut redis = RedisServer::start().await;
    let fleet = Fleet::start(2, &redis.url(), LIMITS).await;
    let token = fleet.token(User::Ada);
    for at in 0..2 {
        assert_eq!(fleet.join(at, &token, "course-101").await.status, 200);
    }
    redis.kill();
    let alone = "room_broker_limits_alone_total{limit=\"principal\"}";
    for at in 0..2 {
        let mut admitted = 0;
        while fleet.join(at, &token, "course-101").await.status == 200 {
            admitted += 1;
        }
        assert_eq!(admitted, 60, "its own buckets were full");
        assert_eq!(fleet.metric(at, alone).await, 61);
    }
    redis.start_again().await;
    until("limits are shared again", async || {
        fleet.join(0, &token, "course-101").await.status == 200
    })
    .await;
}

#[tokio::test]
async fn a_join_of_a_known_room_costs_one_round_trip_and_without_limits_none() {
    let redis = RedisServer::start().await;
    for (more, trips) in [(LIMITS, 20), ("", 0)] {
        let fleet = Fleet::start(1, &redis.url(), more).await;
        let token = fleet.token(User::Ada);
        assert_eq!(fleet.join(0, &token, "course-101").await.status, 200);
        // What the replica does by itself, now and then, is left out.
        let series: Vec<String> = ["take", "claim", "is_first", "announce", "put"]
            .iter()
            .map(|operation| {
                format!("room_broker_state_calls_total{{operation=\"{operation}\",outcome=\"ok\"}}")
            })
            .collect();
        let calls = async || {
            let mut calls = 0;
            for series in &series {
                calls += fleet.metric(0, series).await;
            }
            calls
        };
        let announced = "room_broker_state_calls_total{operation=\"announce\",outcome=\"ok\"}";
        until("the others are told of the new room", async || {
            fleet.metric(0, announced).await == 1
        })
        .await;
        let before = calls().await;
        for _ in 0..20 {
            assert_eq!(fleet.join(0, &token, "course-101").await.status, 200);
        }
        assert_eq!(calls().await - before, trips);
    }
}
