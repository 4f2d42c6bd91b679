use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::super::client::Parameters;
use super::super::testing::{Reply, Server, json as json_reply, reply};
use super::*;
use crate::clock::{Clock, UnixTime};
use crate::developer_key::{AuthorizationForm, DeveloperKey};
use crate::domain::TeamId;
use crate::metrics::Metrics;

const ID: &str = "5f0c2b1e-7a44-4d0e-9b55-3e6c1d8a9f21";
const SESSION: &str = "b1d9e0c4-2f37-4c58-8a6d-90b7f4e15c33";
const PAGING: Paging = Paging {
    limit: 50,
    offset: 10,
};

fn id() -> RoomId {
    RoomId::parse(ID).unwrap()
}

async fn client(replies: impl IntoIterator<Item = Reply>) -> (Client, Server) {
    let server = Server::start(replies).await;
    let parameters = Parameters {
        api_url: server.url.parse().unwrap(),
        team: TeamId::parse(ID).unwrap(),
        authorization: AuthorizationForm::Bearer,
        connect_timeout: Duration::from_secs(5),
        request_timeout: Duration::from_secs(20),
        deadline: Duration::from_secs(60),
        retries_max: 0,
        requests_per_minute: 900,
        concurrency_max: 32,
        answer_bytes_max: 1024 * 1024,
        breaker_failures: 1000,
        breaker_open_for: Duration::from_secs(10),
    };
    let (clock, _) = Clock::manual(UnixTime::from_seconds(1_800_000_000));
    let key = DeveloperKey::parse(SecretString::from("canary-developer-key-0001")).unwrap();
    let key = Arc::new(ArcSwap::from_pointee(key));
    let client = Client::new(parameters, key, clock, Metrics::default()).unwrap();
    (client, server)
}

fn session(live: bool) -> Value {
    json!({ "id": SESSION, "live": live, "start_time": "2026-06-19T14:00:02.000000Z" })
}

fn page(item: &Value) -> Reply {
    json_reply(&json!({ "total_count": "1", "data": [item] }))
}

#[tokio::test]
async fn a_page_is_asked_for_with_its_room_and_its_part() {
    let (client, server) = client([page(&session(true)), page(&json!({ "id": ID }))]).await;
    let sessions = client.sessions(id(), PAGING).await.unwrap();
    assert_eq!(sessions.total_count, Some(1));
    assert!(sessions.data[0].live);
    let recordings = client.recordings(id(), PAGING).await.unwrap();
    assert_eq!(recordings.data.len(), 1);
    let requests = server.requests();
    let expected = format!("GET /api/v1/rooms/{ID}/sessions?limit=50&offset=10 ");
    assert!(requests[0].starts_with(&expected), "{}", requests[0]);
    let expected = format!("GET /api/v1/recordings?limit=50&offset=10&room_id={ID} ");
    assert!(requests[1].starts_with(&expected), "{}", requests[1]);
}

#[tokio::test]
async fn a_session_that_goes_on_is_ended_and_no_other() {
    let ended = reply(200, "content-type: text/plain\r\n", "Session ended");
    let (client, server) = client([page(&session(true)), ended]).await;
    let session_id = client.end_session(id()).await.unwrap().unwrap();
    assert_eq!(session_id.to_string(), SESSION);
    let requests = server.requests();
    let expected = format!("POST /api/v1/sessions/{SESSION}/end ");
    assert!(requests[1].starts_with(&expected), "{}", requests[1]);

    let (client, server) = self::client([page(&session(false))]).await;
    assert_eq!(client.end_session(id()).await, Ok(None));
    assert_eq!(server.requests().len(), 1);

    for status in [404, 409] {
        let (client, _server) = self::client([page(&session(true)), reply(status, "", "{}")]).await;
        assert_eq!(client.end_session(id()).await, Ok(None), "{status}");
    }
}

#[tokio::test]
async fn a_room_is_deleted_with_what_is_in_it_only_if_that_is_said() {
    let (client, server) = client([reply(204, "", ""), reply(404, "", "{}")]).await;
    client.delete_room(id(), Resources::Kept).await.unwrap();
    client.delete_room(id(), Resources::Deleted).await.unwrap();
    let requests = server.requests();
    assert!(requests[0].starts_with(&format!("DELETE /api/v1/rooms/{ID} ")));
    assert!(requests[0].ends_with("\r\n\r\n"), "{}", requests[0]);
    assert!(requests[1].ends_with(r#"{"delete_resources":true}"#));
    let (client, _server) = self::client([reply(422, "", r#"{"message":"live"}"#)]).await;
    let live = client.delete_room(id(), Resources::Deleted).await;
    assert_eq!(live, Err(DeleteFailure::Live));
}

#[tokio::test]
async fn a_change_answered_with_another_room_is_no_answer() {
    let other = json!({ "id": SESSION, "friendly_url": "clinic", "privacy": "private" });
    let (client, _server) = client([json_reply(&other), reply(404, "", "{}")]).await;
    let settings = Map::from_iter([("max_participants".to_owned(), json!(5))]);
    let changed = client.update_room(id(), &settings).await;
    assert!(matches!(changed, Err(UpstreamFailure::Malformed { .. })));
    assert_eq!(client.update_room(id(), &settings).await, Ok(None));
}
