//! Where an issuer's keys and its word come from: bounded, once for many, and nobody's outage but
//! the provider's.

mod fetching;
mod introspection;
mod outage;
mod published;
mod rotation;

use std::io::ErrorKind;
use std::net::TcpListener;
use std::time::Duration;

use room_broker::clock::{Clock, ManualClock};
use room_broker::simulator::identity_provider::{Algorithm, IdentityProvider, User};
use room_broker::simulator::{Fault, FaultKind};
use serde_json::{Value, json};

use crate::second_provider::second_provider;
use crate::support::{self, Answer, START, TestApp};

const SECOND: Duration = Duration::from_secs(1);
/// `jwks_cooldown` by default.
const COOLDOWN: Duration = Duration::from_secs(30);

/// An app whose provider was prepared before the app came up.
struct Scene {
    app: TestApp,
    provider: IdentityProvider,
    /// Moves the provider's clock; the app has another.
    hand: ManualClock,
}

impl Scene {
    /// Starts an app that may not have any keys.
    async fn start(prepare: impl AsyncFnOnce(&IdentityProvider), issuer: &str) -> Self {
        let (clock, hand) = Clock::manual(START);
        let provider = second_provider(&clock);
        prepare(&provider).await;
        let app = TestApp::spawn_unready(|setup| {
            setup.config(&format!(
                r#"
                [authn]
                http_timeout = "2s"

                [[authn.issuers]]
                name = "school"
                issuer = "{}"
                audiences = ["acme-app"]
                algorithms = ["RS256", "ES256", "EdDSA"]
                {}
                "#,
                provider.issuer(),
                issuer.replace("{issuer}", provider.issuer()),
            ));
        })
        .await;
        Self {
            app,
            provider,
            hand,
        }
    }

    fn advance(&self, duration: Duration) {
        self.app.hand.advance(duration);
        self.hand.advance(duration);
    }

    fn fetches(&self) -> u64 {
        self.provider.controls().count("jwks").calls
    }

    /// A token of Ada's made now.
    fn token(&self) -> String {
        self.provider.token(User::Ada, Algorithm::Rs256).unwrap()
    }

    async fn join(&self, token: &str) -> Answer {
        self.app.join(token, "course-101").await
    }

    async fn is_ready(&self) -> bool {
        let url = format!("{}/readyz", self.app.ops);
        self.app.answer(self.app.http.get(url)).await.status == 200
    }

    async fn until_let_in(&self, token: &str) {
        support::until("the token is accepted", async || {
            self.join(token).await.status == 200
        })
        .await;
    }
}

/// A `User` of the app's own provider; most tests need no other.
async fn spawn() -> (TestApp, String) {
    let app = TestApp::spawn().await;
    let token = app.token(User::Ada);
    (app, token)
}

/// A place that a fetch must not lead to.
fn trap() -> (TcpListener, String) {
    let trap = support::listener();
    trap.set_nonblocking(true).unwrap();
    let url = format!("http://{}/keys", trap.local_addr().unwrap());
    (trap, url)
}

#[track_caller]
fn assert_nobody_came(trap: &TcpListener) {
    let came = trap.accept().map_err(|error| error.kind());
    assert_eq!(came.unwrap_err(), ErrorKind::WouldBlock);
}

/// The provider is at fault, and the caller is told so and when to come back.
#[track_caller]
fn assert_provider_unavailable(what: &str, answer: &Answer) {
    let mut problem = answer.json();
    let members = problem.as_object_mut().unwrap();
    members.remove("request_id").unwrap();
    let retry_after = members.remove("retry_after").unwrap();
    assert_eq!(
        problem,
        json!({
            "type": "/docs#problem-identity-provider-unavailable", "status": 503,
            "title": "The identity provider is unavailable", "code": "identity-provider-unavailable",
        }),
        "{what}"
    );
    assert_eq!(answer.status, 503, "{what}");
    assert_eq!(
        answer.header("retry-after"),
        retry_after.to_string(),
        "{what}"
    );
    let seconds = retry_after.as_u64().unwrap();
    assert!((1..=30).contains(&seconds), "{what}: {seconds}");
    assert_eq!(answer.header("www-authenticate"), "", "{what}");
}

#[track_caller]
fn assert_status(what: &str, answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{what}: {answer:?}");
}

/// A token with another header, whose signature is then worth nothing.
pub(crate) fn with_header(token: &str, header: &Value) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
    let rest = token.split_once('.').unwrap().1;
    format!("{}.{rest}", BASE64URL.encode(header.to_string()))
}

/// A redirect to another place.
fn redirect_to(url: &str) -> Fault {
    Fault::new(FaultKind::Answer {
        status: 302,
        headers: vec![("location".to_owned(), url.to_owned())],
        body: String::new(),
    })
}
