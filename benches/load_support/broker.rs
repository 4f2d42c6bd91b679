//! What the broker calls while it is measured, and the joins that are sent to it.

use std::io::Write as _;
use std::net::TcpListener;
use std::time::Duration;

use room_broker::authn::ApiKey;
use room_broker::clock::Clock;
use room_broker::simulator::Fault;
use room_broker::simulator::digital_samba::{self, DigitalSamba};
use room_broker::simulator::identity_provider::{
    self, Algorithm, Client, IdentityProvider, SigningKeys, User,
};
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::client::Requests;

/// Each signature algorithm with the scenario's name.
pub(crate) const ALGORITHMS: [(Algorithm, &str); 3] = [
    (
        Algorithm::Rs256,
        "join: room cached, RS256 bearer seen first",
    ),
    (
        Algorithm::Es256,
        "join: room cached, ES256 bearer seen first",
    ),
    (
        Algorithm::EdDsa,
        "join: room cached, EdDSA bearer seen first",
    ),
];

/// Tokens signed for each round of each algorithm.
const TOKENS: usize = 3_000;

/// What opens the simulated Digital Samba.
pub(crate) const DEVELOPER_KEY: &str = "bench-developer-key-of-32-letters";

/// The simulated neighbours, and a configuration that names them.
pub(crate) struct Beside {
    upstream: DigitalSamba,
    provider: IdentityProvider,
    configuration: Configuration,
}

/// A broker's configuration in a file, and the API key that it lets in.
pub(crate) struct Configuration {
    file: tempfile::NamedTempFile,
    key: ApiKey,
}

impl Configuration {
    /// One for this upstream, without anybody who could join.
    pub(crate) fn of(upstream: &str) -> Self {
        Self::with_issuer(&format!("http://{upstream}"), "http://127.0.0.1:1")
    }

    fn with_issuer(upstream: &str, issuer: &str) -> Self {
        Self::with_more(upstream, issuer, "")
    }

    fn with_more(upstream: &str, issuer: &str, more: &str) -> Self {
        let key = ApiKey::generate();
        let mut file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
        file.write_all(text(upstream, issuer, &key).as_bytes())
            .unwrap();
        file.write_all(more.as_bytes()).unwrap();
        Self { file, key }
    }

    pub(crate) fn path(&self) -> &str {
        self.file.path().to_str().unwrap()
    }

    pub(crate) fn key(&self) -> String {
        self.key.text().expose_secret().to_owned()
    }
}

impl Beside {
    pub(crate) fn start() -> Self {
        let listener = || TcpListener::bind("127.0.0.1:0").unwrap();
        let upstream = digital_samba::start(digital_samba::Parameters {
            listener: listener(),
            clock: Clock::system(),
            team_id: "0e8d7c6b-5a49-4382-9716-a5b4c3d2e1f0".to_owned(),
            team_domain: "bench".to_owned(),
            developer_key: DEVELOPER_KEY.to_owned(),
            rooms_base: None,
            rate_limit_per_minute: u32::MAX,
        })
        .unwrap();
        let provider = identity_provider::start(identity_provider::Parameters {
            listener: listener(),
            clock: Clock::system(),
            audience: "bench".to_owned(),
            introspection_client: Client {
                id: "bench".to_owned(),
                secret: "bench".to_owned(),
            },
            token_ttl: Duration::from_secs(3600),
            keys: SigningKeys::generate().unwrap(),
        })
        .unwrap();
        let configuration = Configuration::with_issuer(upstream.base_url(), provider.issuer());
        Self {
            upstream,
            provider,
            configuration,
        }
    }

    pub(crate) fn configuration_path(&self) -> &str {
        self.configuration.path()
    }

    /// Another configuration, with these sections too.
    pub(crate) fn configuration_with(&self, more: &str) -> Configuration {
        Configuration::with_more(self.upstream.base_url(), self.provider.issuer(), more)
    }

    /// The simulated Digital Samba's host and port.
    pub(crate) fn upstream_address(&self) -> &str {
        self.upstream.base_url().strip_prefix("http://").unwrap()
    }

    /// Has the simulated Digital Samba answer an operation otherwise from now on.
    pub(crate) fn upstream_fails(&self, operation: &str, fault: Fault) {
        self.upstream.controls().fail(operation, fault);
    }

    /// What a product backend calls with.
    pub(crate) fn backend_key(&self) -> String {
        self.configuration.key()
    }
}

/// Policy with a condition, limits, metrics, request ids and the audit line, all on.
fn text(upstream: &str, issuer: &str, key: &ApiKey) -> String {
    let (id, secret_sha256) = (key.id().as_str(), key.secret_sha256());
    format!(
        r#"
[digital_samba]
api_url = "{upstream}"
team_domain = "bench"
team_id = "0e8d7c6b-5a49-4382-9716-a5b4c3d2e1f0"
developer_key = "{DEVELOPER_KEY}"

[authn]
allow_http_loopback = true

[[authn.issuers]]
name = "bench"
issuer = "{issuer}"
audiences = ["bench"]
algorithms = ["RS256", "ES256", "EdDSA"]

[[policy.rules]]
name = "teachers moderate their course"
room = "course-{{course}}"
when = '("teacher:" + room.course) in user.groups'
role = "moderator"
may_create = true

[public]
listen = "127.0.0.1:0"

[internal]
listen = "127.0.0.1:0"
[[internal.api_keys]]
id = "{id}"
name = "bench"
secret_sha256 = "{secret_sha256}"
scopes = ["*"]

[gateway]
concurrency_max = 64

[ops]
listen = "127.0.0.1:0"

[http]
workers = 1

[limits]
principal_per_minute = 10000000
principal_burst = 1000000
service_per_minute = 10000000
service_burst = 1000000
address_per_minute = 10000000
address_burst = 1000000

[audit]
file = "/dev/null"

[telemetry]
log_level = "warn"
"#
    )
}

/// One join, again and again.
pub(crate) fn seen(beside: &Beside) -> Requests {
    Requests::repeated(join(beside))
}

/// One join.
pub(crate) fn join(beside: &Beside) -> Vec<u8> {
    request(&beside.provider.token(User::Ada, Algorithm::Rs256).unwrap())
}

/// The joins of many people in turn, each with one bearer.
pub(crate) fn crowd(beside: &Beside, people: usize) -> Requests {
    let kid = kid(beside, Algorithm::Rs256);
    let join = |number: usize| {
        let mut claims = beside.provider.claims(User::Ada);
        claims["sub"] = json!(format!("teacher-{number}"));
        request(&beside.provider.sign(&kid, &json!({}), &claims).unwrap())
    };
    let joins: Vec<Vec<u8>> = (0..people).map(join).collect();
    Requests::made(move |number| joins[number % people].clone())
}

/// Joins whose bearer was never seen before; `round` makes them differ from those of other rounds.
pub(crate) fn first_seen(beside: &Beside, algorithm: Algorithm, round: usize) -> Requests {
    let join = |number| signed_join(beside, algorithm, &format!("{round}-{number}"));
    Requests::once((0..TOKENS).map(join).collect())
}

/// As many joins with one bearer: what they cost once it was seen.
pub(crate) fn seen_of(beside: &Beside, algorithm: Algorithm, round: usize) -> Requests {
    let join = signed_join(beside, algorithm, &format!("{round}-seen"));
    Requests::once(vec![join; TOKENS])
}

fn signed_join(beside: &Beside, algorithm: Algorithm, token_id: &str) -> Vec<u8> {
    let mut claims = beside.provider.claims(User::Ada);
    claims["jti"] = json!(token_id);
    let kid = kid(beside, algorithm);
    request(&beside.provider.sign(&kid, &json!({}), &claims).unwrap())
}

fn kid(beside: &Beside, algorithm: Algorithm) -> String {
    let kid = beside.provider.with_keys(|keys| keys.kid_for(algorithm));
    kid.unwrap()
}

fn request(token: &str) -> Vec<u8> {
    format!(
        "POST /v1/rooms/course-101/join HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\nContent-Length: 0\r\n\r\n"
    )
    .into_bytes()
}
