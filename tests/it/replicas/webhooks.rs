//! What upstream tells one replica, all know within a second; and one of them registers for all.

use reqwest::Method;
use room_broker::simulator::digital_samba::Visitor;
use room_broker::simulator::identity_provider::User;
use serde_json::{Value, json};

use super::fleet::Fleet;
use super::redis_server::RedisServer;
use crate::support::{Answer, until};

const SEGMENT: &str = "8f14e45fceea167a5a36dedd4bea2543";

/// Nobody is at that address: what is told is told by the tests.
const WEBHOOKS: &str = "[webhooks]\npublic_url = \"http://127.0.0.1:1\"\n\
    segment = \"8f14e45fceea167a5a36dedd4bea2543\"\nsecret = \"8f14e45fceea167a5a36dedd4bea2543\"\n\
    sync_at_start = true\nreread_after = \"1s\"\n";

impl Fleet {
    /// Upstream tells one replica.
    async fn tell(&self, at: usize, event: &str, room: &str, data: &Value) {
        let address = self.replicas[at].public_address;
        let url = format!("http://{address}/webhooks/digital-samba/{SEGMENT}");
        let body = json!({ "eventType": event, "roomId": room, "data": data });
        let told = self.http.post(url).bearer_auth(SEGMENT).json(&body);
        assert_eq!(Answer::of(told.send().await.unwrap()).await.status, 204);
    }

    async fn live_count(&self, at: usize) -> Value {
        let path = "/v1/rooms/course-101/live";
        let live = self.call(at, Method::GET, path, &Value::Null).await.json();
        live["count"].clone()
    }
}

#[tokio::test]
async fn a_room_deleted_upstream_is_told_to_one_replica_and_gone_at_all() {
    let redis = RedisServer::start().await;
    let fleet = Fleet::start(3, &redis.url(), WEBHOOKS).await;
    let ada = fleet.token(User::Ada);
    let room = fleet.join(0, &ada, "course-101").await.json();
    let room = room["room"]["id"].as_str().unwrap().to_owned();
    let ben = fleet.token(User::Ben);
    for at in 0..3 {
        assert_eq!(fleet.join(at, &ben, "course-101").await.status, 200);
    }
    assert!(fleet.upstream.delete_room(&room));
    for at in 0..3 {
        // Nobody told: the room is remembered.
        assert_eq!(fleet.join(at, &ben, "course-101").await.status, 200);
    }
    fleet.tell(0, "room_deleted", &room, &json!({})).await;
    assert_eq!(fleet.join(0, &ben, "course-101").await.status, 403);
    for at in 1..3 {
        until("the other replica knows too", async || {
            fleet.join(at, &ben, "course-101").await.status == 403
        })
        .await;
    }
}

#[tokio::test]
async fn who_comes_is_told_to_one_replica_and_counted_by_all() {
    let redis = RedisServer::start().await;
    let fleet = Fleet::start(3, &redis.url(), WEBHOOKS).await;
    let room = fleet.join(0, &fleet.token(User::Ada), "course-101").await;
    let room = room.json()["room"]["id"].as_str().unwrap().to_owned();
    for at in 0..3 {
        assert_eq!(fleet.live_count(at).await, 0);
    }
    let visitor = Visitor {
        role: "attendee".to_owned(),
        ..Visitor::default()
    };
    assert!(fleet.upstream.enter(&room, visitor));
    let came = json!({ "participantId": "5f0c2b1e-7a44-4d0e-9b55-3e6c1d8a9f21" });
    fleet.tell(0, "participant_joined", &room, &came).await;
    for at in 0..3 {
        until("the replica counts one", async || {
            fleet.live_count(at).await == 1
        })
        .await;
    }
}

#[tokio::test]
async fn of_replicas_that_start_together_one_registers() {
    let redis = RedisServer::start().await;
    let fleet = Fleet::start(3, &redis.url(), WEBHOOKS).await;
    let controls = fleet.upstream.controls();
    until("it is registered", async || {
        controls.count("create_webhook").done == 1
    })
    .await;
    assert_eq!(controls.count("create_webhook").calls, 1);
    assert_eq!(controls.count("delete_webhook").calls, 0);
}
