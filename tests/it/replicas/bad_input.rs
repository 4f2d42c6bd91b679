//! A Redis that is not what it should be: said clearly, nothing crashes, nothing is lost.

use reqwest::Method;
use serde_json::{Value, json};

use super::denials::BAN;
use super::fleet::Fleet;
use super::redis_server::RedisServer;
use crate::support::until;

#[tokio::test]
async fn a_denial_of_another_version_is_kept_and_not_followed_and_no_other_is_lost_for_it() {
    let redis = RedisServer::start().await;
    let mut fleet = Fleet::start(1, &redis.url(), "").await;
    assert_eq!(fleet.bar_ada(0).await, 200);
    // As a newer program would have written it, and something that none writes.
    let records = [
        (
            "newer",
            json!({ "version": 99, "record": { "whom": "all of them" } }).to_string(),
        ),
        ("odd", "no JSON".to_owned()),
    ];
    for (id, text) in &records {
        let key = format!("{{room-broker:denials}}:{id}");
        redis.command::<()>(&["SET", &key, text]).await;
        redis
            .command::<u64>(&["ZADD", "{room-broker:denials}", "+inf", id])
            .await;
    }
    fleet.add();
    fleet.until_ready(1).await;
    assert_eq!(fleet.ada_joins(1, "course-101").await, 403);
    let read = fleet.call(1, Method::GET, BAN, &Value::Null).await;
    assert_eq!(read.status, 200);
    let listed = fleet
        .call(1, Method::GET, "/v1/denials", &Value::Null)
        .await;
    assert_eq!(listed.status, 200, "{listed:?}");
    for (id, text) in &records {
        let path = format!("/v1/denials/{id}");
        let bar = json!({ "user_id": "u", "until": 4_000_000_000_u64 });
        for (method, body) in [
            (Method::GET, &Value::Null),
            (Method::PUT, &bar),
            (Method::DELETE, &Value::Null),
        ] {
            let unreadable = fleet.call(1, method, &path, body).await;
            let told = (unreadable.status, unreadable.code());
            assert_eq!(told, (409, "denial-unreadable".to_owned()));
            assert_eq!(unreadable.header("retry-after"), "", "it never helps");
        }
        let key = format!("{{room-broker:denials}}:{id}");
        let kept: String = redis.command(&["GET", &key]).await;
        assert_eq!(kept, *text);
    }
}

#[tokio::test]
async fn a_password_that_became_wrong_is_a_state_that_cannot_be_used_and_becomes_right_again() {
    let redis = RedisServer::start().await;
    let mut fleet = Fleet::start(1, &redis.url(), "").await;
    assert_eq!(fleet.bar_ada(0).await, 200);
    let set = async |redis: &RedisServer, password: &str| {
        redis
            .command::<()>(&["CONFIG", "SET", "requirepass", password])
            .await;
    };
    set(&redis, "s3cret").await;
    let redis = redis.with_password("s3cret");
    // One that starts now is not let in by Redis, and lets nobody in.
    fleet.add();
    until("it has the keys", async || {
        let checks = fleet.readiness(1).await.json()["checks"].clone();
        checks["identity_providers"] == "ok"
    })
    .await;
    assert_eq!(fleet.readiness(1).await.status, 503);
    assert_eq!(fleet.ada_joins(1, "course-101").await, 503);
    assert_eq!(fleet.ada_joins(0, "course-101").await, 403);
    set(&redis, "").await;
    fleet.until_ready(1).await;
    for at in 0..2 {
        assert_eq!(fleet.ada_joins(at, "course-101").await, 403);
    }
}
