use std::borrow::Cow;

use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::super::testing::{Reply, Server, json as json_reply, reply};
use super::*;
use crate::clock::ManualClock;
use crate::domain::RoomKey;
use crate::metrics::UpstreamCall;
use crate::rooms::Templates;

const ID: &str = "5f0c2b1e-7a44-4d0e-9b55-3e6c1d8a9f21";
const TEAM: &str = "0e8d7c6b-5a49-4382-9716-a5b4c3d2e1f0";
const KEY: &str = "canary-developer-key-0001";

struct House {
    client: Client,
    server: Server,
    time: ManualClock,
    metrics: Metrics,
    key: Arc<ArcSwap<DeveloperKey>>,
}

async fn house(replies: impl IntoIterator<Item = Reply>) -> House {
    house_with(replies, |_| {}).await
}

async fn house_with(
    replies: impl IntoIterator<Item = Reply>,
    change: impl FnOnce(&mut Parameters),
) -> House {
    let server = Server::start(replies).await;
    let mut parameters = Parameters {
        api_url: server.url.parse().unwrap(),
        team: TeamId::parse(TEAM).unwrap(),
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
    change(&mut parameters);
    let (clock, time) = Clock::manual(UnixTime::from_seconds(1_800_000_000));
    let metrics = Metrics::default();
    let key = Arc::new(ArcSwap::from_pointee(developer_key(KEY)));
    let client = Client::new(
        parameters,
        Arc::clone(&key),
        clock.clone(),
        metrics.clone(),
        State::in_memory(clock),
    )
    .unwrap();
    House {
        client,
        server,
        time,
        metrics,
        key,
    }
}

fn developer_key(text: &str) -> DeveloperKey {
    DeveloperKey::parse(SecretString::from(text)).unwrap()
}

fn room() -> Value {
    json!({ "id": ID, "friendly_url": "course-101", "privacy": "private", "external_id": "course-101", "roles": ["attendee"] })
}

fn name() -> FriendlyUrl {
    FriendlyUrl::parse("course-101").unwrap()
}

impl House {
    async fn find(&self) -> Result<Option<UpstreamRoom>, UpstreamFailure> {
        self.client.find(&name()).await
    }

    async fn create(&self) -> Result<UpstreamRoom, CreateFailure> {
        let new = Templates::default().new_room(&RoomKey::parse("course-101").unwrap());
        self.client.create(&new).await
    }

    fn sent(&self) -> usize {
        self.server.requests().len()
    }

    fn counted(&self, operation: &'static str, status: &str) -> u64 {
        let status = Cow::Owned(status.to_owned());
        let calls = &self.metrics.upstream_calls;
        calls
            .get_or_create_owned(&UpstreamCall { operation, status })
            .get()
    }
}

#[tokio::test]
async fn a_room_is_read_by_name_with_the_key_in_the_header() {
    let house = house([json_reply(&room())]).await;
    let found = house.find().await.unwrap().unwrap();
    assert_eq!(found.id, RoomId::parse(ID).unwrap());
    let requests = house.server.requests();
    let [request] = &requests[..] else {
        panic!("{requests:?}")
    };
    assert!(
        request.starts_with("GET /api/v1/rooms/course-101 HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(request.contains("\r\nauthorization: Bearer canary-developer-key-0001\r\n"));
    assert!(request.contains("\r\naccept: application/json\r\n"));
    assert_eq!(house.counted("get_room", "200"), 1);
}

#[tokio::test]
async fn the_key_may_be_sent_as_basic_credentials_and_be_replaced() {
    let house = house_with([json_reply(&room())], |p| {
        p.authorization = AuthorizationForm::Basic;
    })
    .await;
    house
        .key
        .store(Arc::new(developer_key("the-next-developer-key")));
    house.find().await.unwrap();
    // base64("0e8d7c6b-5a49-4382-9716-a5b4c3d2e1f0:the-next-developer-key")
    let expected = "authorization: Basic MGU4ZDdjNmItNWE0OS00MzgyLTk3MTYtYTViNGMzZDJlMWYwOnRoZS1uZXh0LWRldmVsb3Blci1rZXk=\r\n";
    assert!(house.server.requests()[0].contains(expected));
}

#[tokio::test]
async fn a_room_is_created_with_the_settings_of_its_template() {
    let house = house([json_reply(&room())]).await;
    let created = house.create().await.unwrap();
    assert_eq!(created.friendly_url, name());
    let request = house.server.requests().remove(0);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /api/v1/rooms HTTP/1.1\r\n"));
    assert!(head.contains("\r\ncontent-type: application/json"));
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        body,
        json!({ "friendly_url": "course-101", "external_id": "course-101", "privacy": "private" })
    );
}

#[tokio::test]
async fn a_404_means_that_there_is_no_such_room() {
    for body in [
        "",
        "<html>",
        r#"{"message":"Not Found","error":"not-found"}"#,
    ] {
        let house = house([reply(404, "", body)]).await;
        assert_eq!(house.find().await, Ok(None));
    }
}

#[tokio::test]
async fn a_taken_name_is_known_by_its_field_not_by_its_text() {
    for status in [400, 422] {
        let body = json!({ "message": "canary", "errors": { "friendly_url": ["canary"] } });
        let house = house([reply(status, "", &body.to_string())]).await;
        assert_eq!(house.create().await, Err(CreateFailure::NameTaken));
    }
    let body = json!({ "message": "friendly_url has already been taken", "errors": { "roles": ["canary"] } });
    let house = house([reply(422, "", &body.to_string())]).await;
    let rejected = UpstreamFailure::Rejected {
        status: 422,
        fields: vec!["roles".to_owned()],
    };
    assert_eq!(house.create().await, Err(rejected.into()));
}

/// Whatever is asked, this reply means this failure, none of upstream's text, and one count.
async fn assert_failure(reply: Reply, failure: UpstreamFailure, label: &str) {
    let house = house([reply]).await;
    let error = house.find().await.unwrap_err();
    assert_eq!(error, failure);
    assert!(!format!("{error:?} {error}").contains("canary"));
    assert_eq!(house.counted("get_room", label), 1, "{label}");
    assert_eq!(house.sent(), 1);
    let error = house.create().await.unwrap_err();
    assert_eq!(error, CreateFailure::Upstream(failure));
}

#[tokio::test]
async fn a_refusal_is_passed_on_by_its_status_alone() {
    for status in [401, 403] {
        let refused = UpstreamFailure::Refused { status };
        assert_failure(reply(status, "", "canary"), refused, &status.to_string()).await;
    }
    for status in [400, 405, 409, 418, 422] {
        let fields = Vec::new();
        let rejected = UpstreamFailure::Rejected { status, fields };
        assert_failure(reply(status, "", "canary"), rejected, &status.to_string()).await;
    }
}

#[tokio::test]
async fn an_outage_says_when_to_come_back_within_a_minute() {
    let outages = [
        (reply(500, "", "canary"), 5, "500"),
        (reply(502, "", "<html>canary"), 5, "502"),
        (reply(503, "retry-after: 7\r\n", ""), 7, "503"),
        (reply(503, "retry-after: 0\r\n", ""), 1, "503"),
        (reply(503, "retry-after: 99999\r\n", ""), 60, "503"),
        (reply(503, "retry-after: canary\r\n", ""), 5, "503"),
        (Reply::Bytes(b"canary\r\n\r\n".into()), 5, "unreachable"),
        (Reply::Close, 5, "unreachable"),
    ];
    for (reply, seconds, label) in outages {
        let retry_after = Duration::from_secs(seconds);
        assert_failure(reply, UpstreamFailure::Unavailable { retry_after }, label).await;
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_used_is_malformed_whatever_its_status_says() {
    let mut other = room();
    other["friendly_url"] = "canary".into();
    let mut truncated = room().to_string();
    truncated.truncate(40);
    let long = format!("\"canary{}\"", "x".repeat(10 * 1024 * 1024));
    let cut_off = "HTTP/1.1 200 X\r\ncontent-length: 9999\r\n\r\n{\"id\":\"canary";
    let ok = |body: &str| reply(200, "", body);
    let member = "a member is missing or of another type";
    let answers = [
        (ok("<html>canary"), "it is not JSON"),
        (ok(""), "its JSON breaks off"),
        (ok(&truncated), "its JSON breaks off"),
        (ok("{\"id\":\"canary\"}"), member),
        (ok("[\"canary\"]"), member),
        (ok(&long), "it is too long"),
        (Reply::Bytes(cut_off.into()), "it breaks off"),
    ];
    for (reply, what) in answers {
        assert_failure(reply, UpstreamFailure::Malformed { what }, "malformed").await;
    }
    let what = "it is about another room";
    let another = ok(&other.to_string());
    assert_failure(another, UpstreamFailure::Malformed { what }, "200").await;
    let redirect = reply(302, "location: http://127.0.0.1:9/canary\r\n", "");
    let what = "it is a redirect or another status without meaning here";
    assert_failure(redirect, UpstreamFailure::Malformed { what }, "302").await;
}

#[tokio::test]
async fn an_answer_that_does_not_come_or_does_not_end_is_a_timeout() {
    let half = b"HTTP/1.1 200 X\r\ncontent-length: 9\r\n\r\n{".into();
    for reply in [Reply::Stall(Vec::new()), Reply::Stall(half)] {
        let house = house_with([reply], |p| p.request_timeout = Duration::from_millis(50)).await;
        assert_eq!(house.find().await, Err(UpstreamFailure::Timeout));
        assert_eq!(house.counted("get_room", "timeout"), 1);
    }
}

#[tokio::test]
async fn a_read_is_repeated_after_an_outage_a_creation_is_not() {
    let replies = || [reply(500, "", ""), Reply::Close, json_reply(&room())];
    let house = house_with(replies(), |p| p.retries_max = 2).await;
    assert!(house.find().await.unwrap().is_some());
    assert_eq!(house.sent(), 3);

    let house = house_with(replies(), |p| p.retries_max = 2).await;
    house.create().await.unwrap_err();
    assert_eq!(house.sent(), 1);
}

#[tokio::test]
async fn a_read_is_not_repeated_where_it_could_not_help() {
    for status in [401, 403, 404, 422, 429] {
        let house = house_with([reply(status, "", "")], |p| p.retries_max = 2).await;
        let _ = house.find().await;
        assert_eq!(house.sent(), 1, "{status}");
    }
    // Upstream asks for more time than the call has.
    let house = house_with([reply(503, "retry-after: 60\r\n", "")], |p| {
        p.retries_max = 2;
    })
    .await;
    house.find().await.unwrap_err();
    assert_eq!(house.sent(), 1);
}

#[tokio::test]
async fn a_creation_that_upstream_never_saw_is_repeated() {
    let house = house_with([Reply::Close], |p| {
        p.api_url = "http://127.0.0.1:1".parse().unwrap();
        p.retries_max = 2;
    })
    .await;
    house.create().await.unwrap_err();
    assert_eq!(house.counted("create_room", "unreachable"), 3);
}

#[tokio::test]
async fn a_429_makes_everyone_wait_until_its_time_is_over() {
    let replies = [
        reply(429, "retry-after: 17\r\n", "canary"),
        json_reply(&room()),
    ];
    let house = house(replies).await;
    let out_of_budget = |seconds| UpstreamFailure::OutOfBudget {
        retry_after: Duration::from_secs(seconds),
    };
    assert_eq!(house.find().await, Err(out_of_budget(17)));
    house.time.advance(Duration::from_secs(10));
    assert_eq!(house.create().await, Err(out_of_budget(7).into()));
    assert_eq!(house.counted("create_room", "budget"), 1);
    house.time.advance(Duration::from_secs(7));
    house.find().await.unwrap();
    assert_eq!(house.sent(), 2);
}

#[tokio::test]
async fn a_minute_s_budget_is_not_exceeded() {
    let house = house_with([json_reply(&room())], |p| p.requests_per_minute = 3).await;
    for _ in 0..3 {
        house.find().await.unwrap();
    }
    let error = house.find().await.unwrap_err();
    let retry_after = Duration::from_secs(60);
    assert_eq!(error, UpstreamFailure::OutOfBudget { retry_after });
    house.time.advance(retry_after);
    house.find().await.unwrap();
    assert_eq!(house.sent(), 4);
}

#[tokio::test]
async fn an_outage_costs_few_requests_then_one_trial_ends_it() {
    let replies = (0..6)
        .map(|_| reply(500, "", ""))
        .chain([json_reply(&room())]);
    let house = house_with(replies, |p| {
        p.retries_max = 2;
        p.breaker_failures = 5;
    })
    .await;
    for _ in 0..100 {
        house.find().await.unwrap_err();
    }
    assert_eq!(
        (house.sent(), house.metrics.upstream_breaker_open.get()),
        (5, 1)
    );
    let retry_after = Duration::from_secs(10);
    let open = UpstreamFailure::Unavailable { retry_after };
    assert_eq!(house.create().await, Err(open.into()));

    house.time.advance(retry_after);
    house.find().await.unwrap_err();
    house.find().await.unwrap_err();
    assert_eq!(house.sent(), 6);
    house.time.advance(retry_after);
    house.find().await.unwrap();
    house.create().await.unwrap();
    assert_eq!(
        (house.sent(), house.metrics.upstream_breaker_open.get()),
        (8, 0)
    );
}

#[tokio::test]
async fn refusals_do_not_open_the_breaker() {
    for status in [401, 404, 422] {
        let house = house_with([reply(status, "", "")], |p| p.breaker_failures = 1).await;
        let _ = house.find().await;
        let _ = house.find().await;
        assert_eq!(house.sent(), 2);
    }
}

#[tokio::test]
async fn no_more_requests_are_under_way_than_allowed() {
    let house = house_with([json_reply(&room())], |p| p.concurrency_max = 2).await;
    house.server.hold(true);
    let calls = futures_util::future::join_all((0..6).map(|_| house.find()));
    let release = async {
        house.server.until_arrived(2).await;
        house.server.hold(false);
    };
    let (found, ()) = futures_util::future::join(calls, release).await;
    assert!(found.iter().all(Result::is_ok));
    assert_eq!((house.server.load().most, house.sent()), (2, 6));
}

#[tokio::test]
async fn role_names_are_read_page_by_page_until_a_short_one() {
    let page = |count: usize| {
        let roles: Vec<Value> = (0..count)
            .map(|i| json!({ "id": ID, "name": format!("role-{i}") }))
            .collect();
        json_reply(&json!({ "data": roles, "total_count": "9999" }))
    };
    let house = house([page(100), page(2)]).await;
    let names = house.client.role_names().await.unwrap();
    assert_eq!(names.len(), 102);
    let requests = house.server.requests();
    assert!(requests[0].starts_with("GET /api/v1/roles?limit=100&offset=0 "));
    assert!(requests[1].starts_with("GET /api/v1/roles?limit=100&offset=100 "));

    let endless = self::house([page(100)]).await;
    endless.client.role_names().await.unwrap();
    assert_eq!(endless.sent(), PAGES_MAX);
}

#[tokio::test]
async fn the_team_and_a_token_of_upstream_s_own_are_read_for_diagnosis() {
    let house = house([
        json_reply(&json!({ "id": TEAM, "domain": "northwind", "custom_cname": null, "max_participants": "100" })),
        json_reply(&json!({ "token": "a.b.c", "link": "https://x" })),
    ])
    .await;
    let team = house.client.team().await.unwrap();
    assert_eq!(
        (team.id, team.domain.as_deref()),
        (TeamId::parse(TEAM).unwrap(), Some("northwind"))
    );
    assert_eq!(team.custom_host, None);
    let role = RoleName::parse("moderator").unwrap();
    let token = house
        .client
        .upstream_token(
            RoomId::parse(ID).unwrap(),
            &role,
            UnixTime::from_seconds(1_800_000_600),
        )
        .await
        .unwrap();
    assert_eq!(token.expose_secret(), "a.b.c");
    let requests = house.server.requests();
    assert!(requests[0].starts_with("GET /api/v1 HTTP/1.1\r\n"));
    assert!(requests[1].starts_with(&format!("POST /api/v1/rooms/{ID}/token ")));
    assert!(requests[1].ends_with(r#"{"exp":1800000600,"role":"moderator"}"#));
}

#[tokio::test]
async fn nothing_prints_the_key() {
    let house = house([reply(500, "", "")]).await;
    let error = house.find().await.unwrap_err();
    assert!(!format!("{:?} {error:?} {error}", house.client).contains("canary"));
}
