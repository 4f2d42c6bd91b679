//! What must never be seen: planted in every place, looked for in everything that comes out while
//! everything goes wrong at the most talkative level.

mod backends;
mod configuration;
mod forgery;
mod gateway;
mod program;
mod webhooks;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::header::HeaderMap;
use room_broker::clock::Clock;
use room_broker::http_client::{HttpClientParameters, Proxies, http_client};
use room_broker::simulator::digital_samba::{self, DigitalSamba};
use room_broker::simulator::identity_provider::{Algorithm, IdentityProvider, User, hmac_signed};
use room_broker::simulator::{Fault, FaultKind};
use serde_json::json;
use tempfile::TempDir;

use crate::second_provider::second_provider;
use crate::support::{AUDIENCE, Answer, DEVELOPER_KEY, INTROSPECTION_SECRET, TEAM_ID, listener};
use program::Program;

const SHARED_SECRET: &str = "canary-shared-secret-of-32-bytes-or-more";

/// The real program, what is around it, and everything that it let out.
struct Scene {
    folder: TempDir,
    upstream: DigitalSamba,
    provider: IdentityProvider,
    http: reqwest::Client,
    program: Program,
    public: String,
    ops: String,
    /// Every body and header that was answered, but for the links that were granted.
    answered: String,
    /// What must not be seen, beside the secrets of the configuration.
    canaries: Vec<String>,
}

impl Scene {
    async fn start(log_format: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::system();
        let upstream = digital_samba::start(digital_samba::Parameters {
            listener: listener(),
            clock: clock.clone(),
            team_id: TEAM_ID.to_owned(),
            team_domain: "acme".to_owned(),
            developer_key: DEVELOPER_KEY.to_owned(),
            rooms_base: None,
            rate_limit_per_minute: 1_000_000,
        })
        .unwrap();
        let provider = second_provider(&clock);
        let secret = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, format!("{text}\n")).unwrap();
            path
        };
        let files = Files {
            developer_key: secret("developer-key", DEVELOPER_KEY),
            introspection: secret("introspection", INTROSPECTION_SECRET),
        };
        let config = folder.path().join("broker.toml");
        let text = files.config(&upstream, &provider, log_format);
        std::fs::write(&config, text).unwrap();
        let program = Program::serve(&config);
        let (public, ops) = program.addresses().await;
        Self {
            folder,
            upstream,
            provider,
            http: http_client(HttpClientParameters {
                connect_timeout: Duration::from_secs(10),
                total_timeout: Duration::from_secs(30),
                redirects_max: 0,
                idle_connections_max: 8,
                proxies: Proxies::None,
            })
            .unwrap(),
            program,
            public,
            ops,
            answered: String::new(),
            canaries: Vec::new(),
        }
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("broker.toml")
    }

    /// Sends a request and keeps what was answered.
    async fn send(&mut self, request: reqwest::RequestBuilder) -> u16 {
        let answer = Answer::of(request.send().await.unwrap()).await;
        // What is granted is the caller's own.
        let text = if answer.status == 200 && answer.text.contains("join_url") {
            self.plant_token(answer.json()["token"].as_str().unwrap());
            ""
        } else {
            &answer.text
        };
        self.keep(&answer.headers, text);
        answer.status
    }

    fn keep(&mut self, headers: &HeaderMap, text: &str) {
        writeln!(self.answered, "{headers:?}\n{text}").unwrap();
    }

    fn join(&self, room: &str) -> reqwest::RequestBuilder {
        self.http
            .post(format!("{}/v1/rooms/{room}/join", self.public))
    }

    /// Joins with a bearer that must not be seen.
    async fn join_as(&mut self, bearer: &str, room: &str) -> u16 {
        self.plant_token(bearer);
        self.send(self.join(room).bearer_auth(bearer)).await
    }

    /// The whole of a token, and each of its parts that are the token's own.
    fn plant_token(&mut self, token: &str) {
        self.canaries.push(token.to_owned());
        let own = token.split('.').skip(1).filter(|part| part.len() > 16);
        self.canaries.extend(own.map(str::to_owned));
    }

    async fn join_granted(&mut self, bearer: &str, room: &str) {
        assert_eq!(self.join_as(bearer, room).await, 200);
    }

    fn token(&self, user: User) -> String {
        self.provider.token(user, Algorithm::Es256).unwrap()
    }

    /// Waits until the service has keys.
    async fn until_ready(&self) {
        crate::support::until("the program is ready", async || {
            let ready = self.http.get(format!("{}/readyz", self.ops)).send().await;
            ready.is_ok_and(|answer| answer.status() == 200)
        })
        .await;
    }

    /// Everything but the configuration that the program and its listeners gave away.
    fn let_out(&self) -> String {
        [
            self.program.said(),
            self.program.shown_by_the_system(),
            self.answered.clone(),
        ]
        .join("\n")
    }
}

struct Files {
    developer_key: PathBuf,
    introspection: PathBuf,
}

impl Files {
    /// A configuration as talkative as there is.
    fn config(
        &self,
        upstream: &DigitalSamba,
        provider: &IdentityProvider,
        log_format: &str,
    ) -> String {
        format!(
            r#"
            [digital_samba]
            api_url = "{upstream}"
            rooms_url = "{upstream}"
            team_id = "{TEAM_ID}"
            developer_key_file = "{}"
            retries_max = 0
            breaker_failures = 1000

            [authn]
            allow_http_loopback = true
            http_timeout = "1s"

            [[authn.issuers]]
            name = "school"
            issuer = "{issuer}"
            audiences = ["{AUDIENCE}"]
            algorithms = ["RS256", "ES256"]
            jwks_cooldown = "1s"
            introspection = {{ url = "{issuer}/introspect", client_id = "broker", client_secret_file = "{}" }}

            [[authn.issuers]]
            name = "product"
            issuer = "acme-product"
            audiences = ["{AUDIENCE}"]
            algorithms = ["HS256"]
            shared_secret = "{SHARED_SECRET}"

            [[policy.rules]]
            name = "teachers moderate"
            room = "course-{{course}}"
            when = '"staff" in user.groups'
            role = "moderator"
            may_create = true

            [public]
            listen = "127.0.0.1:0"

            [internal]
            listen = "127.0.0.1:0"

            [ops]
            listen = "127.0.0.1:0"

            [http]
            workers = 1
            access_log = true
            trusted_proxies = ["127.0.0.0/8"]

            [limits]
            enabled = false

            [telemetry]
            log_format = "{log_format}"
            log_level = "trace"
            "#,
            self.developer_key.display(),
            self.introspection.display(),
            upstream = upstream.base_url(),
            issuer = provider.issuer(),
        )
    }
}

/// Credentials of every kind that do not hold.
async fn send_bad_credentials(scene: &mut Scene) {
    let good = scene.token(User::Ada);
    let (front, signature) = good.rsplit_once('.').unwrap();
    let basic = "Y2FuYXJ5LWJhc2ljLXVzZXI6Y2FuYXJ5LWJhc2ljLXBhc3N3b3Jk";
    scene.canaries.push(basic.to_owned());
    for bearer in [
        format!("{front}.{}", signature.to_lowercase()),
        format!("{front}."),
        format!("{front}.{signature}.canary-fourth-part"),
        format!("{front}.{signature}.canary-fourth-part.canary-fifth-part"),
        "canary-opaque-token-unheard-of".to_owned(),
        "canary-with-foreign-bytes-\"{}".to_owned(),
        format!("canary-{}", "x".repeat(9000)),
        hmac_signed(
            b"another",
            r#"{"alg":"HS256","typ":"JWT"}"#,
            r#"{"iss":"acme-product","sub":"canary-subject"}"#,
        ),
    ] {
        assert_eq!(scene.join_as(&bearer, "course-1").await, 401);
    }
    scene.canaries.push("canary-".to_owned());
    let request = scene
        .join("course-1")
        .header("authorization", format!("Basic {basic}"));
    assert_eq!(scene.send(request).await, 401);
    let doubled = scene
        .join("course-1")
        .bearer_auth(&good)
        .bearer_auth("canary-second-token");
    assert_eq!(scene.send(doubled).await, 400);
    let query = scene.http.post(format!(
        "{}/v1/rooms/course-1/join?access_token=canary-token-in-query",
        scene.public
    ));
    assert_eq!(scene.send(query).await, 401);
    let body = json!({ "token": "canary-token-in-body" });
    let request = scene.join("course-1").bearer_auth(&good).json(&body);
    assert_eq!(scene.send(request).await, 400);
    let malformed = scene.join("course-1").bearer_auth(&good);
    let malformed = malformed.header("content-type", "application/json");
    let malformed = malformed.body("{\"display_name\": canary-not-json");
    assert_eq!(scene.send(malformed).await, 400);
}

/// Upstream fails in every way, and says things that are nobody's business.
async fn send_upstream_faults(scene: &mut Scene) {
    let token = scene.token(User::Ada);
    let echo = json!({ "message": format!("canary-upstream-text {DEVELOPER_KEY}") }).to_string();
    let answer = |status: u16| {
        Fault::new(FaultKind::Answer {
            status,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: echo.clone(),
        })
    };
    let faults = [
        (answer(401), 502),
        (answer(403), 502),
        (answer(422), 502),
        (answer(409), 502),
        (answer(500), 503),
        (answer(302), 502),
        (answer(200), 502),
        (Fault::html(), 502),
        (Fault::empty(), 502),
        (Fault::new(FaultKind::TruncatedBody), 502),
        (Fault::new(FaultKind::ConnectionReset), 503),
        (Fault::mistyped_id(), 502),
        // The last: it is heeded, and nothing more is sent for a while.
        (answer(429), 503),
    ];
    for (number, (fault, status)) in faults.into_iter().enumerate() {
        let found = format!("course-{number}-found");
        let room = json!({ "friendly_url": found, "external_id": found, "privacy": "private" });
        scene.upstream.create_room(&room).unwrap();
        for (operation, room) in [
            ("get_room", found),
            ("create_room", format!("course-{number}-new")),
        ] {
            scene.upstream.controls().fail(operation, fault.clone());
            let got = scene.join_as(&token, &room).await;
            // A creation whose answer is spoilt is read back.
            let expected = [
                status,
                if operation == "create_room" {
                    200
                } else {
                    status
                },
            ];
            assert!(expected.contains(&got), "{operation} {got} {fault:?}");
            scene.upstream.controls().clear_faults(operation);
        }
    }
    scene.upstream.take_down().await.unwrap();
    assert_eq!(scene.join_as(&token, "course-down").await, 503);
    scene.upstream.bring_up().await.unwrap();
}

/// The provider refuses, errs, and goes down.
async fn send_provider_faults(scene: &mut Scene) {
    for fault in [
        Fault::status(500),
        Fault::status(401),
        Fault::json(&json!({ "active": "canary-introspection-answer" })),
        Fault::answer("text/plain", "canary-introspection-answer"),
        Fault::new(FaultKind::TruncatedBody),
    ] {
        scene
            .provider
            .controls()
            .fail("introspection", fault.times(1));
        let opaque = scene.provider.opaque_token(User::Ada);
        let status = scene.join_as(&opaque, "course-1").await;
        assert!([401, 503].contains(&status), "{status}");
    }
    scene.provider.take_down().await.unwrap();
    let opaque = scene.provider.opaque_token(User::Ada);
    assert_eq!(scene.join_as(&opaque, "course-1").await, 503);
    scene.provider.bring_up().await.unwrap();
}

#[track_caller]
fn assert_unseen(what: &str, text: &str, canaries: &[String]) {
    for canary in canaries {
        let seen = text.lines().find(|line| line.contains(canary.as_str()));
        assert_eq!(seen, None, "{what}: {canary}");
    }
}

#[tokio::test]
async fn no_secret_is_seen_whatever_goes_wrong() {
    for log_format in ["json", "text"] {
        let mut scene = Scene::start(log_format).await;
        scene.until_ready().await;
        for secret in [DEVELOPER_KEY, INTROSPECTION_SECRET, SHARED_SECRET] {
            use base64::Engine as _;
            use base64::engine::general_purpose::STANDARD as BASE64;
            scene.canaries.push(secret.to_owned());
            scene.canaries.push(BASE64.encode(secret));
            // As HTTP Basic has them, whatever the user's length.
            scene
                .canaries
                .push(BASE64.encode(format!("broker:{secret}")));
            scene
                .canaries
                .push(BASE64.encode(format!("{TEAM_ID}:{secret}")));
        }
        let ada = scene.token(User::Ada);
        scene.join_granted(&ada, "course-1").await;
        let opaque = scene.provider.opaque_token(User::Ada);
        scene.join_granted(&opaque, "course-1").await;
        let now = Clock::system().now().seconds();
        let claims = json!({
            "iss": "acme-product", "aud": AUDIENCE, "sub": "u1", "exp": now + 600, "groups": ["staff"],
        });
        let signed = hmac_signed(
            SHARED_SECRET.as_bytes(),
            r#"{"alg":"HS256","typ":"JWT"}"#,
            &claims.to_string(),
        );
        scene.join_granted(&signed, "course-1").await;
        send_bad_credentials(&mut scene).await;
        send_upstream_faults(&mut scene).await;
        send_provider_faults(&mut scene).await;
        scene.reload_badly().await;
        let urls = ["healthz", "readyz", "metrics"].map(|path| format!("{}/{path}", scene.ops));
        for url in urls {
            let request = scene.http.get(url);
            scene.send(request).await;
        }
        scene.join_granted(&ada, "course-1").await;
        // Nobody's name or address either.
        let people = [
            "Ada Winter",
            "ada@school.example",
            "pictures.school.example",
        ];
        scene.canaries.extend(people.map(str::to_owned));
        assert_unseen(log_format, &scene.let_out(), &scene.canaries);
        let seen = scene.program.said();
        assert!(seen.contains("request answered") && seen.contains("reload refused"));
        assert!(
            seen.contains("signing keys") || seen.contains("introspected"),
            "{seen}"
        );
        scene.program.signal("TERM");
        let (program, canaries) = (scene.program, scene.canaries);
        let (code, said) = program.ended();
        assert_eq!(code, Some(0));
        assert_unseen("to the end", &said, &canaries);
    }
}
