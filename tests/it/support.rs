//! A whole broker on port 0 with a clock that stands still, a simulated Digital Samba and an
//! identity provider; and the few things that most tests do with them.

pub mod process;
pub mod scene;
pub mod socket;

use std::net::TcpListener;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use room_broker::app::{App, Running, Surroundings};
use room_broker::clock::{Clock, ManualClock, UnixTime};
use room_broker::settings::{Settings, Sources};
use room_broker::simulator::digital_samba::{self, DigitalSamba};
use room_broker::simulator::identity_provider::{
    self, Algorithm, Client, IdentityProvider, SigningKeys, User,
};
use room_broker::trace_context::Sampler;
use serde_json::Value;

pub const TEAM_ID: &str = "0e8d7c6b-5a49-4382-9716-a5b4c3d2e1f0";
pub const DEVELOPER_KEY: &str = "canary-developer-key-4f1c9b";
pub const INTROSPECTION_SECRET: &str = "canary-introspection-secret-77";
pub const AUDIENCE: &str = "acme-app";
/// 2026-09-14T13:20:00Z.
pub const START: UnixTime = UnixTime::from_seconds(1_789_392_000);

/// Made once: an RSA key takes its time.
static KEYS: LazyLock<SigningKeys> = LazyLock::new(|| SigningKeys::generate().unwrap());

/// What a test changes before the app starts.
#[derive(Default)]
pub struct Setup {
    /// Configuration over the test's default.
    pub texts: Vec<String>,
    /// Use the machine's clock in the place of one that stands still.
    pub system_clock: bool,
}

impl Setup {
    /// Lays a text of configuration over what there is.
    pub fn config(&mut self, text: &str) -> &mut Self {
        self.texts.push(text.to_owned());
        self
    }
}

/// A running broker and what is around it.
pub struct TestApp {
    pub public: String,
    pub internal: String,
    pub ops: String,
    pub clock: Clock,
    pub hand: ManualClock,
    pub upstream: DigitalSamba,
    pub provider: IdentityProvider,
    pub http: reqwest::Client,
    pub running: Running,
    pub sources: Sources,
}

/// The configuration of most tests: a school whose teachers moderate their courses.
pub fn configuration(upstream: &str, issuer: &str) -> String {
    format!(
        r#"
[digital_samba]
api_url = "{upstream}"
rooms_url = "{upstream}"
team_id = "{TEAM_ID}"
developer_key = "{DEVELOPER_KEY}"

[authn]
allow_http_loopback = true

[[authn.issuers]]
name = "school"
issuer = "{issuer}"
audiences = ["{AUDIENCE}"]
algorithms = ["RS256", "ES256", "EdDSA"]

[[policy.rules]]
name = "teachers moderate"
room = "course-{{course}}"
when = '("teacher:" + room.course) in user.groups'
role = "moderator"
roles_on_request = ["attendee"]
may_create = true
token_ttl = "1h"

[[policy.rules]]
name = "students attend"
room = "course-{{course}}"
when = '("student:" + room.course) in user.groups'
role = "attendee"

[[rooms.templates]]
room = "course-{{course}}"
settings = {{ roles = ["moderator", "attendee"], default_role = "attendee" }}

[public]
listen = "127.0.0.1:0"
origins = ["https://app.school.example"]

[internal]
listen = "127.0.0.1:0"

[ops]
listen = "127.0.0.1:0"

[http]
workers = 2

[limits]
enabled = false
"#
    )
}

pub fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

/// One where nobody listens yet.
pub fn free_address() -> std::net::SocketAddr {
    listener().local_addr().unwrap()
}

/// A simulated Digital Samba whose team has the developer key.
pub fn start_upstream(clock: &Clock) -> DigitalSamba {
    digital_samba::start(digital_samba::Parameters {
        listener: listener(),
        clock: clock.clone(),
        team_id: TEAM_ID.to_owned(),
        team_domain: "acme".to_owned(),
        developer_key: DEVELOPER_KEY.to_owned(),
        rooms_base: None,
        rate_limit_per_minute: 1_000_000,
    })
    .unwrap()
}

/// An identity provider that issues tokens for the broker.
pub fn start_provider(clock: &Clock) -> IdentityProvider {
    identity_provider::start(identity_provider::Parameters {
        listener: listener(),
        clock: clock.clone(),
        audience: AUDIENCE.to_owned(),
        introspection_client: Client {
            id: "broker".to_owned(),
            secret: INTROSPECTION_SECRET.to_owned(),
        },
        token_ttl: Duration::from_secs(3600),
        keys: KEYS.clone(),
    })
    .unwrap()
}

/// A client that follows nothing.
#[expect(
    clippy::disallowed_methods,
    reason = "the tests' own client, not the product's"
)]
pub fn http_client() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(30))
        .build()
        .unwrap()
}

impl TestApp {
    /// An app as most tests want it.
    pub async fn spawn() -> Self {
        Self::spawn_with(|_setup| {}).await
    }

    /// An app with something changed. Waits until it is ready.
    pub async fn spawn_with(change: impl FnOnce(&mut Setup)) -> Self {
        let app = Self::spawn_unready(change).await;
        app.until_ready().await;
        app
    }

    /// An app that may never become ready.
    #[expect(
        clippy::unused_async,
        reason = "it needs its caller's runtime, as the others do"
    )]
    pub async fn spawn_unready(change: impl FnOnce(&mut Setup)) -> Self {
        let mut setup = Setup::default();
        change(&mut setup);
        let (manual, hand) = Clock::manual(START);
        let clock = if setup.system_clock {
            Clock::system()
        } else {
            manual
        };
        let upstream = start_upstream(&clock);
        let provider = start_provider(&clock);
        let mut texts = vec![
            configuration(upstream.base_url(), provider.issuer()),
            "[audit]\nfile = \"/dev/null\"".to_owned(),
        ];
        texts.extend(setup.texts.iter().map(|text| {
            text.replace("{issuer}", provider.issuer())
                .replace("{upstream}", upstream.base_url())
        }));
        let sources = Sources {
            texts,
            environment: Some(std::collections::HashMap::new()),
            ..Sources::default()
        };
        let settings = Settings::load(&sources).unwrap_or_else(|faults| panic!("{faults:#?}"));
        let surroundings = Surroundings {
            clock: clock.clone(),
            sampler: Sampler::OFF,
        };
        let running = App::build(&settings, &surroundings)
            .unwrap()
            .start()
            .unwrap();
        let http = http_client();
        Self {
            public: format!("http://{}", running.public_address),
            internal: format!("http://{}", running.internal_address),
            ops: format!("http://{}", running.ops_address),
            clock,
            hand,
            upstream,
            provider,
            http,
            running,
            sources,
        }
    }

    /// Waits until the app has the provider's keys.
    pub async fn until_ready(&self) {
        until("the app is ready", async || {
            self.http
                .get(format!("{}/readyz", self.ops))
                .send()
                .await
                .is_ok_and(|answer| answer.status() == 200)
        })
        .await;
    }

    /// A demo user's token.
    pub fn token(&self, user: User) -> String {
        self.provider.token(user, Algorithm::Rs256).unwrap()
    }

    /// `POST /v1/rooms/{room}/join` without a body.
    pub async fn join(&self, token: &str, room: &str) -> Answer {
        self.answer(self.http.post(self.join_url(room)).bearer_auth(token))
            .await
    }

    /// `POST /v1/rooms/{room}/join` with a body.
    pub async fn join_with(&self, token: &str, room: &str, body: &Value) -> Answer {
        self.answer(
            self.http
                .post(self.join_url(room))
                .bearer_auth(token)
                .json(body),
        )
        .await
    }

    pub fn join_url(&self, room: &str) -> String {
        format!("{}/v1/rooms/{room}/join", self.public)
    }

    /// Sends a request to its end.
    pub async fn answer(&self, request: reqwest::RequestBuilder) -> Answer {
        Answer::of(request.send().await.unwrap()).await
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    pub async fn of(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self {
            status,
            headers,
            text: response.text().await.unwrap(),
        }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The stable code of a problem, whose form is checked on the way.
    #[track_caller]
    pub fn code(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{self:?}"
        );
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{self:?}");
        assert_eq!(
            problem["request_id"],
            self.header("x-request-id"),
            "{self:?}"
        );
        assert!(
            problem["title"].is_string() && problem["type"].is_string(),
            "{self:?}"
        );
        problem["code"].as_str().unwrap().to_owned()
    }
}

/// Waits for a condition, at most half a minute. Yields between tries; never sleeps for a fixed time.
pub async fn until(what: &str, holds: impl AsyncFnMut() -> bool) {
    until_by(Deadline::after(Duration::from_secs(30)), what, holds).await;
}

/// The same where the time is what is tried.
pub async fn until_by(deadline: Deadline, what: &str, mut holds: impl AsyncFnMut() -> bool) {
    while !holds().await {
        assert!(!deadline.is_over(), "it took too long until {what}");
        tokio::task::yield_now().await;
    }
}

/// A deadline of the tests themselves.
#[derive(Clone, Copy)]
pub struct Deadline(Instant);

#[expect(
    clippy::disallowed_methods,
    reason = "what is waited for happens in real time"
)]
impl Deadline {
    /// So long from now on.
    pub fn after(bound: Duration) -> Self {
        Self(Instant::now() + bound)
    }

    fn is_over(self) -> bool {
        Instant::now() >= self.0
    }
}

/// The claims of a token, unverified.
pub fn claims_of(token: &str) -> Value {
    use base64::Engine as _;
    let payload = token.split('.').nth(1).unwrap();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(payload)
        .unwrap();
    serde_json::from_slice(&bytes).unwrap()
}
