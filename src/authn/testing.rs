//! For this module's tests: keys that sign, claims that hold, and a provider on a loopback port
//! that counts what it is asked.

mod principal;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::signature::KeyPair as _;
use aws_lc_rs::{rsa, signature as sig};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{EncodingKey, crypto};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::watch;

use crate::clock::{Clock, ManualClock, UnixTime};
use crate::metrics::Metrics;

use super::*;

pub(crate) use principal::principal;

pub(super) const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

/// A signing key of another library than the one that verifies.
pub(super) struct TestKey {
    pub(super) jwk: Value,
    pub(super) pem: String,
    algorithm: jsonwebtoken::Algorithm,
    signer: EncodingKey,
}

impl TestKey {
    pub(super) fn new(kid: &str, algorithm: jsonwebtoken::Algorithm) -> Self {
        let (signer, public): (EncodingKey, PublicKeyX509Der<'_>) = match algorithm.family() {
            jsonwebtoken::AlgorithmFamily::Rsa => {
                let key = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
                let der: Pkcs8V1Der<'_> = key.as_der().unwrap();
                let text = pem::encode(&pem::Pem::new("PRIVATE KEY", der.as_ref()));
                let signer = EncodingKey::from_rsa_pem(text.as_bytes()).unwrap();
                (signer, key.public_key().as_der().unwrap())
            }
            jsonwebtoken::AlgorithmFamily::Ec => {
                let method = if algorithm == jsonwebtoken::Algorithm::ES384 {
                    &sig::ECDSA_P384_SHA384_FIXED_SIGNING
                } else {
                    &sig::ECDSA_P256_SHA256_FIXED_SIGNING
                };
                let key = sig::EcdsaKeyPair::generate(method).unwrap();
                let signer = EncodingKey::from_ec_der(key.to_pkcs8v1().unwrap().as_ref());
                (signer, key.public_key().as_der().unwrap())
            }
            jsonwebtoken::AlgorithmFamily::Ed => {
                let key = sig::Ed25519KeyPair::generate().unwrap();
                let signer = EncodingKey::from_ed_der(key.to_pkcs8v1().unwrap().as_ref());
                (signer, key.public_key().as_der().unwrap())
            }
            jsonwebtoken::AlgorithmFamily::Hmac => panic!("secrets are not published"),
        };
        let jwk = Jwk::from_encoding_key(&signer, algorithm).unwrap();
        let mut jwk = serde_json::to_value(jwk).unwrap();
        jwk["kid"] = json!(kid);
        let pem = pem::encode(&pem::Pem::new("PUBLIC KEY", public.as_ref()));
        Self {
            jwk,
            pem,
            algorithm,
            signer,
        }
    }

    pub(super) fn es256(kid: &str) -> Self {
        Self::new(kid, jsonwebtoken::Algorithm::ES256)
    }

    pub(super) fn secret(secret: &[u8]) -> Self {
        Self::secret_for(secret, jsonwebtoken::Algorithm::HS256)
    }

    pub(super) fn secret_for(secret: &[u8], algorithm: jsonwebtoken::Algorithm) -> Self {
        Self {
            jwk: json!({}),
            pem: String::new(),
            algorithm,
            signer: EncodingKey::from_secret(secret),
        }
    }

    pub(super) fn header(&self) -> Value {
        json!({ "alg": self.algorithm, "kid": self.jwk["kid"].as_str().unwrap_or("none"), "typ": "JWT" })
    }

    pub(super) fn token(&self, claims: &Value) -> String {
        self.token_with(&self.header(), claims)
    }

    pub(super) fn token_with(&self, header: &Value, claims: &Value) -> String {
        self.sign(header.to_string().as_bytes(), claims.to_string().as_bytes())
    }

    pub(super) fn sign(&self, header: &[u8], claims: &[u8]) -> String {
        let signed = format!("{}.{}", BASE64URL.encode(header), BASE64URL.encode(claims));
        self.sign_parts(&signed)
    }

    pub(super) fn sign_parts(&self, signed: &str) -> String {
        let signature = crypto::sign(signed.as_bytes(), &self.signer, self.algorithm).unwrap();
        format!("{signed}.{signature}")
    }
}

/// Claims that hold at [`NOW`], as the issuer `https://id.example` makes them.
pub(super) fn claims() -> Value {
    let now = NOW.seconds();
    json!({
        "iss": "https://id.example", "aud": "app", "sub": "u1", "iat": now, "exp": now + 600,
        "name": "Ada", "groups": ["teacher:101"],
    })
}

/// `claims` with one member replaced; `null` takes it out.
pub(super) fn claims_but(name: &str, value: Value) -> Value {
    let mut claims = claims();
    if value.is_null() {
        claims.as_object_mut().unwrap().remove(name);
    } else {
        claims[name] = value;
    }
    claims
}

pub(super) fn issuer(keys: KeySource, algorithms: &[Algorithm]) -> IssuerParameters {
    IssuerParameters {
        name: Arc::from("id"),
        issuer: Arc::from("https://id.example"),
        audiences: vec!["app".to_owned()],
        audience_claim: None,
        algorithms: algorithms.to_vec(),
        token_types: vec!["JWT".to_owned()],
        user_id_prefix: String::new(),
        keys,
        introspection: None,
        claims: ClaimMapping {
            user_id: ClaimPointer::to_top("sub"),
            name: ClaimPointer::to_top("name"),
            email: ClaimPointer::to_top("email"),
            groups: ClaimPointer::to_top("groups"),
            groups_split: None,
            avatar: ClaimPointer::to_top("picture"),
        },
    }
}

pub(super) fn parameters(issuers: Vec<IssuerParameters>) -> Parameters {
    Parameters {
        leeway: Duration::from_secs(30),
        token_lifetime_max: Duration::from_secs(24 * 3600),
        token_bytes_max: 8192,
        verified_tokens_max: 100,
        http_timeout: Duration::from_secs(5),
        loopback_http: LoopbackHttp::Allowed,
        issuers,
    }
}

/// An authenticator and what it hangs on.
pub(super) struct Bench {
    pub(super) authenticator: Arc<Authenticator>,
    pub(super) time: ManualClock,
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
}

impl Bench {
    pub(super) fn new(parameters: Parameters) -> Self {
        let (clock, time) = Clock::manual(NOW);
        let metrics = Metrics::default();
        let authenticator = Authenticator::new(parameters, clock.clone(), &metrics, None).unwrap();
        Self {
            authenticator: Arc::new(authenticator),
            time,
            clock,
            metrics,
        }
    }

    /// The subject, or the reason why there is none.
    pub(super) async fn try_token(&self, token: &str) -> Result<String, &'static str> {
        let value = format!("Bearer {token}");
        let bearer = Bearer::parse(value.as_bytes(), 8192).unwrap();
        let principal = self.authenticator.authenticate(bearer).await;
        let subject = principal.map(|principal| principal.subject().to_string());
        subject.map_err(|error| error.reason())
    }

    pub(super) fn remembers(&self, token: &str) -> bool {
        let value = format!("Bearer {token}");
        let bearer = Bearer::parse(value.as_bytes(), 8192).unwrap();
        self.authenticator.authenticate_cached(bearer).is_ok()
    }
}

type Answer = (u16, String);

/// A provider whose answers a test sets by path.
#[derive(Clone)]
pub(super) struct TestProvider {
    pub(super) origin: String,
    answers: Arc<Mutex<HashMap<String, Answer>>>,
    requests: Arc<Mutex<Vec<(String, String)>>>,
    gate: Arc<watch::Sender<bool>>,
}

impl TestProvider {
    pub(super) fn start() -> Self {
        let mut provider = Self {
            origin: String::new(),
            answers: Arc::default(),
            requests: Arc::default(),
            gate: Arc::new(watch::Sender::new(true)),
        };
        let shared = provider.clone();
        let server = HttpServer::new(move || {
            let shared = shared.clone();
            App::new().default_service(web::to(move |request: HttpRequest, body: String| {
                let shared = shared.clone();
                async move { shared.answer(&request, body).await }
            }))
        });
        let server = server
            .workers(1)
            .disable_signals()
            .bind(("127.0.0.1", 0))
            .unwrap();
        provider.origin = format!("http://{}", server.addrs()[0]);
        tokio::spawn(server.run());
        provider
    }

    async fn answer(&self, request: &HttpRequest, body: String) -> HttpResponse {
        let path = request.path().to_owned();
        let authorization = request.headers().get("authorization");
        let authorization = authorization.map_or("", |value| value.to_str().unwrap());
        let seen = (path.clone(), format!("{authorization} {body}"));
        self.requests.lock().unwrap().push(seen);
        self.gate.subscribe().wait_for(|open| *open).await.unwrap();
        let (status, body) = self
            .answers
            .lock()
            .unwrap()
            .get(&path)
            .cloned()
            .unwrap_or((404, String::new()));
        let status = actix_web::http::StatusCode::from_u16(status).unwrap();
        HttpResponse::build(status)
            .insert_header(("location", "/elsewhere"))
            .body(body)
    }

    /// Lets requests wait, or go on.
    pub(super) fn open(&self, open: bool) {
        self.gate.send_replace(open);
    }

    pub(super) fn set(&self, path: &str, status: u16, body: &Value) {
        self.answers
            .lock()
            .unwrap()
            .insert(path.to_owned(), (status, body.to_string()));
    }

    /// Publishes these keys with a discovery document.
    pub(super) fn publish(&self, keys: &[&Value]) {
        let discovery =
            json!({ "issuer": self.origin, "jwks_uri": format!("{}/keys", self.origin) });
        self.set("/.well-known/openid-configuration", 200, &discovery);
        self.set("/keys", 200, &json!({ "keys": keys }));
    }

    pub(super) fn asked(&self, path: &str) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        let of_path = requests.iter().filter(|(asked, _)| asked == path);
        of_path.map(|(_, body)| body.clone()).collect()
    }

    pub(super) fn fetches(&self) -> usize {
        self.asked("/keys").len()
    }

    /// An issuer whose keys are discovered here.
    pub(super) fn issuer(&self) -> IssuerParameters {
        let url = ProviderUrl::discovery_of(&self.origin, LoopbackHttp::Allowed).unwrap();
        let remote = RemoteKeyParameters {
            location: KeyLocation::Discovery(url),
            refresh: Duration::from_secs(600),
            age_max: Duration::from_secs(3600),
            cooldown: Duration::from_secs(30),
        };
        let mut issuer = issuer(
            KeySource::Remote(remote),
            &[Algorithm::Rs256, Algorithm::Es256],
        );
        issuer.issuer = Arc::from(self.origin.as_str());
        issuer
    }

    /// Claims that hold, of this provider.
    pub(super) fn claims(&self) -> Value {
        claims_but("iss", json!(self.origin))
    }
}

/// Runs what others have to do until the condition holds.
pub(super) async fn until(condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting)
        .await
        .expect("the condition came true");
}
