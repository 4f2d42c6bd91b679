//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a request that comes twice is
//! done once, and answered alike. In this process's memory: a request that comes again at another
//! replica is done again.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::http::header::{self, HeaderName};
use actix_web::{HttpRequest, HttpResponse, web};
use aws_lc_rs::digest::{Context, SHA256};
use moka::sync::Cache;

use crate::authn::{ServiceKind, ServicePrincipal};
use crate::clock::{Clock, Monotonic};
use crate::http::problem::{Code, Problem};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// For so long an answer is repeated.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);
/// Bytes of answers that are kept; the ones used least go first.
const KEPT_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// What an entry takes beside its answer.
const ENTRY_BYTES: usize = 512;
/// The longest key.
const KEY_BYTES_MAX: usize = 255;
/// Requests with a key that are under way at once.
const UNDER_WAY_MAX: usize = 4096;

/// Whose key, and which: backends do not meet in each other's keys.
type Name = (ServiceKind, Arc<str>, Box<str>);

/// What a key stands for: the SHA-256 of method, path and body.
type Fingerprint = [u8; 32];

#[derive(Debug, Clone)]
struct Kept {
    fingerprint: Fingerprint,
    body: web::Bytes,
    at: Monotonic,
}

/// What was answered to requests that may come twice. Bounded.
#[derive(Debug)]
pub struct IdempotencyKeys {
    kept: Cache<Name, Kept>,
    under_way: Mutex<HashMap<Name, Fingerprint>>,
    clock: Clock,
}

/// One request with a key, which nobody else is doing until this is dropped.
struct Doing<'a> {
    keys: &'a IdempotencyKeys,
    name: Name,
    fingerprint: Fingerprint,
}

enum Begun<'a> {
    Doing(Doing<'a>),
    Done(web::Bytes),
}

impl IdempotencyKeys {
    /// Nothing is known yet.
    pub fn new(clock: Clock) -> Self {
        let weigh = |_: &Name, kept: &Kept| {
            u32::try_from(kept.body.len().saturating_add(ENTRY_BYTES)).unwrap_or(u32::MAX)
        };
        Self {
            kept: Cache::builder()
                .max_capacity(KEPT_BYTES_MAX)
                .weigher(weigh)
                .time_to_live(KEPT_FOR)
                .build(),
            under_way: Mutex::default(),
            clock,
        }
    }

    /// Does what a request asks for, unless the same was done under its key. Only what succeeds is
    /// kept: a failure may be tried again under the same key.
    ///
    /// # Errors
    /// Those of the work; 400, 409 or 422 for a key that cannot be used.
    pub(super) async fn once(
        &self,
        service: &ServicePrincipal,
        request: &HttpRequest,
        body: &[u8],
        work: impl Future<Output = Result<Vec<u8>, Problem>>,
    ) -> Result<HttpResponse, Problem> {
        let Some(key) = key_of(request)? else {
            return Ok(answer(work.await?.into()));
        };
        let name = (service.kind(), Arc::from(service.id()), key);
        match self.begin(name, fingerprint(request, body))? {
            Begun::Done(body) => {
                let mut again = answer(body);
                let said = header::HeaderValue::from_static("true");
                again.headers_mut().insert(IDEMPOTENT_REPLAYED, said);
                Ok(again)
            }
            Begun::Doing(doing) => {
                let body = web::Bytes::from(work.await?);
                doing.keep(body.clone());
                Ok(answer(body))
            }
        }
    }

    fn begin(&self, name: Name, fingerprint: Fingerprint) -> Result<Begun<'_>, Problem> {
        let mut under_way = self.lock();
        // Looked up under the lock: what is done leaves this map only after it is kept.
        if let Some(kept) = self.kept(&name) {
            return if kept.fingerprint == fingerprint {
                Ok(Begun::Done(kept.body))
            } else {
                Err(Problem::new(Code::IdempotencyKeyReused))
            };
        }
        match under_way.get(&name) {
            Some(other) if *other != fingerprint => {
                return Err(Problem::new(Code::IdempotencyKeyReused));
            }
            Some(_) => {
                return Err(
                    Problem::new(Code::IdempotencyKeyInUse).retry_after(Duration::from_secs(1))
                );
            }
            None if under_way.len() >= UNDER_WAY_MAX => {
                return Err(Problem::new(Code::UpstreamBusy).retry_after(Duration::from_secs(1)));
            }
            None => {}
        }
        under_way.insert(name.clone(), fingerprint);
        Ok(Begun::Doing(Doing {
            keys: self,
            name,
            fingerprint,
        }))
    }

    fn kept(&self, name: &Name) -> Option<Kept> {
        let kept = self.kept.get(name)?;
        let age = self.clock.monotonic().since(kept.at);
        (age < KEPT_FOR).then_some(kept)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Name, Fingerprint>> {
        // Nothing panics while it is held.
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Doing<'_> {
    fn keep(&self, body: web::Bytes) {
        let kept = Kept {
            fingerprint: self.fingerprint,
            body,
            at: self.keys.clock.monotonic(),
        };
        self.keys.kept.insert(self.name.clone(), kept);
    }
}

impl Drop for Doing<'_> {
    fn drop(&mut self) {
        self.keys.lock().remove(&self.name);
    }
}

fn answer(body: web::Bytes) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(body)
}

fn key_of(request: &HttpRequest) -> Result<Option<Box<str>>, Problem> {
    let mut values = request.headers().get_all(IDEMPOTENCY_KEY);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default();
    let is_key = (1..=KEY_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_key || values.next().is_some() {
        let detail = "Idempotency-Key must be one of 1 to 255 visible ASCII characters.";
        return Err(Problem::new(Code::BadRequest).detail(detail));
    }
    Ok(Some(Box::from(text)))
}

fn fingerprint(request: &HttpRequest, body: &[u8]) -> Fingerprint {
    let mut hash = Context::new(&SHA256);
    for part in [request.method().as_str(), request.path()] {
        hash.update(part.as_bytes());
        hash.update(&[0]);
    }
    hash.update(body);
    // SHA-256 has 32 bytes.
    hash.finish().as_ref().try_into().unwrap_or([0; 32])
}
