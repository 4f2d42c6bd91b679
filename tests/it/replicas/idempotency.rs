//! A request that comes twice is done once, at whichever replica it comes again.

use reqwest::Method;
use serde_json::{Value, json};

use super::alone::Gone;
use super::fault_proxy::FaultProxy;
use super::fleet::Fleet;
use super::redis_server::RedisServer;
use crate::support::Answer;
use crate::support::scene::OPEN_POLICY;

impl Fleet {
    /// Asks a replica for one link under a key.
    pub async fn links(&self, at: usize, key: &str, id: &str) -> Answer {
        let body = json!({ "create": true, "participants": [{ "id": id, "role": "moderator" }] });
        let address = self.replicas[at].internal_address;
        let url = format!("http://{address}/v1/rooms/course-101/join-links");
        let request = self.http.request(Method::POST, url).json(&body);
        let request = request
            .bearer_auth(&self.key)
            .header("idempotency-key", key);
        Answer::of(request.send().await.unwrap()).await
    }
}

/// Status, body, and whether it was repeated.
pub fn told(answer: &Answer) -> (u16, Value, &str) {
    (
        answer.status,
        answer.json(),
        answer.header("idempotent-replayed"),
    )
}

#[tokio::test]
async fn an_answer_is_repeated_at_another_replica_and_its_links_are_not_read_in_redis() {
    let redis = RedisServer::start().await;
    let mut fleet = Fleet::start(2, &redis.url(), OPEN_POLICY).await;
    let first = fleet.links(0, "key-1", "ada").await;
    assert_eq!(
        (first.status, first.header("idempotent-replayed")),
        (200, "")
    );
    for _ in 0..2 {
        let again = fleet.links(1, "key-1", "ada").await;
        assert_eq!(told(&again), (200, first.json(), "true"));
    }
    let other = fleet.links(1, "key-1", "eve").await;
    assert_eq!(
        (other.status, other.code().as_str()),
        (422, "idempotency-key-reused")
    );
    fleet.add();
    fleet.until_ready(2).await;
    let other = fleet.links(2, "key-1", "eve").await;
    assert_eq!(other.code(), "idempotency-key-reused");

    let link = first.json()["results"][0]["join_url"]
        .as_str()
        .unwrap()
        .to_owned();
    let token = link.split("token=").nth(1).unwrap().to_owned();
    let mut kept = 0;
    for key in redis
        .command::<Vec<String>>(&["KEYS", "*idempotency}:*"])
        .await
    {
        let text: String = redis.command(&["GET", &key]).await;
        kept += 1;
        assert!(
            !text.contains(&token) && !text.contains("course-101"),
            "{text}"
        );
        assert!(!key.contains("key-1"), "{key}");
    }
    assert_eq!(kept, 1);
}

#[tokio::test]
async fn without_redis_the_replica_that_was_asked_remembers_alone() {
    for way in Gone::ALL {
        let mut redis = RedisServer::start().await;
        let proxy = FaultProxy::before(redis.port()).await;
        let fleet = Fleet::start(2, &proxy.url(), OPEN_POLICY).await;
        way.befalls(&mut redis, &proxy);
        let first = fleet.links(0, "key-1", "ada").await;
        assert_eq!(first.status, 200, "{way:?}");
        let again = fleet.links(0, "key-1", "ada").await;
        assert_eq!(told(&again), (200, first.json(), "true"), "{way:?}");
        let elsewhere = fleet.links(1, "key-1", "ada").await;
        assert_eq!(
            (elsewhere.status, elsewhere.header("idempotent-replayed")),
            (200, ""),
            "{way:?}"
        );
    }
}
