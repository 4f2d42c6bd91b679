//! A small OpenID provider: discovery, keys, demo users' tokens, introspection. It signs
//! whatever a test asks it to sign.

mod endpoints;
mod keys;
mod users;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::controls::Controls;
use super::server::{Server, Service};
use crate::clock::Clock;

pub use keys::{Algorithm, KeyError, SigningKey, SigningKeys, hmac_signed, unsigned};
pub use users::User;

/// Tokens that introspection remembers; the oldest are forgotten first.
const ISSUED_MAX: usize = 10_000;

/// What a provider is made of.
pub struct Parameters {
    /// Where to serve.
    pub listener: TcpListener,
    /// Time for claims.
    pub clock: Clock,
    /// The `aud` of its access tokens.
    pub audience: String,
    /// Who may introspect.
    pub introspection_client: Client,
    /// How long its tokens live.
    pub token_ttl: Duration,
    /// What it signs with.
    pub keys: SigningKeys,
}

/// A registered client.
#[derive(Clone)]
pub struct Client {
    /// The `client_id`.
    pub id: String,
    /// The `client_secret`.
    pub secret: String,
}

/// A running provider. Dropped, it stops.
pub struct IdentityProvider {
    server: Server,
    provider: Arc<Provider>,
}

/// Starts to serve. Needs a tokio runtime around it.
///
/// # Errors
/// When the listener cannot be used.
pub fn start(parameters: Parameters) -> io::Result<IdentityProvider> {
    let issuer = format!("http://{}", parameters.listener.local_addr()?);
    let provider = Arc::new(Provider {
        issuer,
        clock: parameters.clock,
        audience: parameters.audience,
        client: parameters.introspection_client,
        token_ttl: parameters.token_ttl,
        keys: Mutex::new(parameters.keys),
        issued: Mutex::default(),
        controls: Arc::default(),
    });
    let service: Arc<dyn Service> = Arc::<Provider>::clone(&provider);
    let controls = Arc::clone(&provider.controls);
    let server = Server::start(parameters.listener, service, controls)?;
    Ok(IdentityProvider { server, provider })
}

impl IdentityProvider {
    /// The issuer, which is also the address, without a slash at the end.
    pub fn issuer(&self) -> &str {
        &self.provider.issuer
    }

    /// Faults, gates and counts of `discovery`, `jwks`, `introspection`, `demo_token`, `index`.
    pub fn controls(&self) -> &Controls {
        &self.provider.controls
    }

    /// A demo user's access token, signed with the first published key of an algorithm.
    ///
    /// # Errors
    /// [`KeyError`] when there is no such key.
    pub fn token(&self, user: User, algorithm: Algorithm) -> Result<String, KeyError> {
        let kid = self.provider.keys().kid_for(algorithm)?;
        self.sign(&kid, &json!({}), &self.claims(user))
    }

    /// A demo user's opaque token: only introspection knows what it says.
    pub fn opaque_token(&self, user: User) -> String {
        self.provider.issue_opaque(self.claims(user))
    }

    /// An opaque token for any claims.
    pub fn opaque_token_for(&self, claims: Value) -> String {
        self.provider.issue_opaque(claims)
    }

    /// From now on introspection calls this token inactive.
    pub fn revoke(&self, token: &str) {
        self.provider.issued().by_token.remove(token);
    }

    /// The claims of a demo user's token made now, to change before signing.
    pub fn claims(&self, user: User) -> Value {
        self.provider.claims(user, self.provider.token_ttl)
    }

    /// Signs claims. The members of `header` replace those of the usual header; null removes one.
    ///
    /// # Errors
    /// [`KeyError`] when there is no such key.
    pub fn sign(&self, kid: &str, header: &Value, claims: &Value) -> Result<String, KeyError> {
        self.provider.sign(kid, header, claims)
    }

    /// Signs any bytes as header and claims.
    ///
    /// # Errors
    /// [`KeyError`] when there is no such key.
    pub fn sign_raw(&self, kid: &str, header: &str, claims: &str) -> Result<String, KeyError> {
        self.provider.keys().get(kid)?.signed(header, claims)
    }

    /// Does something with the keys: add, withdraw, rotate, read.
    pub fn with_keys<T>(&self, change: impl FnOnce(&mut SigningKeys) -> T) -> T {
        change(&mut self.provider.keys())
    }

    /// Closes every connection and refuses new ones.
    ///
    /// # Errors
    /// When the address cannot be kept.
    pub async fn take_down(&self) -> io::Result<()> {
        self.server.take_down().await
    }

    /// Serves again at the same address, with the same keys.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn bring_up(&self) -> io::Result<()> {
        self.server.bring_up().await
    }

    /// Stops for good.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

struct Provider {
    issuer: String,
    clock: Clock,
    audience: String,
    client: Client,
    token_ttl: Duration,
    keys: Mutex<SigningKeys>,
    issued: Mutex<Issued>,
    controls: Arc<Controls>,
}

/// What introspection can tell about.
#[derive(Default)]
struct Issued {
    by_token: HashMap<String, Value>,
    order: VecDeque<String>,
}

impl Issued {
    fn remember(&mut self, token: &str, claims: Value) {
        self.by_token.insert(token.to_owned(), claims);
        self.order.push_back(token.to_owned());
        if self.order.len() > ISSUED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_token.remove(&oldest);
        }
    }
}

impl Provider {
    fn keys(&self) -> MutexGuard<'_, SigningKeys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn issued(&self) -> MutexGuard<'_, Issued> {
        self.issued.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn claims(&self, user: User, ttl: Duration) -> Value {
        let now = self.clock.now();
        let mut claims = user.claims();
        let about_the_token = json!({
            "iss": self.issuer,
            "aud": self.audience,
            "azp": "demo-app",
            "client_id": "demo-app",
            "scope": "openid profile email",
            "jti": uuid::Uuid::new_v4(),
            "iat": now.seconds(),
            "nbf": now.seconds(),
            "exp": now.plus(ttl).seconds(),
        });
        if let Value::Object(about_the_token) = about_the_token {
            claims.extend(about_the_token);
        }
        Value::Object(claims)
    }

    fn sign(&self, kid: &str, header: &Value, claims: &Value) -> Result<String, KeyError> {
        let key = self.keys().get(kid)?;
        let usual = json!({ "alg": key.algorithm().name(), "typ": "at+jwt", "kid": kid });
        let header = merged(usual, header);
        let token = key.signed(&header.to_string(), &claims.to_string())?;
        self.issued().remember(&token, claims.clone());
        Ok(token)
    }

    fn issue_opaque(&self, claims: Value) -> String {
        let token = format!("opaque-{}", uuid::Uuid::new_v4().simple());
        self.issued().remember(&token, claims);
        token
    }
}

fn merged(usual: Value, replaced: &Value) -> Value {
    let mut merged = match usual {
        Value::Object(usual) => usual,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    };
    for (name, value) in replaced.as_object().into_iter().flatten() {
        merged.insert(name.clone(), value.clone());
    }
    merged.retain(|_, value| !value.is_null());
    Value::Object(merged)
}
