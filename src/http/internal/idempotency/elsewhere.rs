//! What other replicas did under a key. An answer holds links, which are credentials: it is sealed
//! with a key made of the `Idempotency-Key`, which nobody has who reads the shared state.

use std::time::Duration;

use actix_web::web;
use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};

use super::{Fingerprint, KEPT_FOR, Name};
use crate::clock::Clock;
use crate::http::problem::{Code, Problem};
use crate::state::{Claim, HeldLease, Records, Space, State};

/// What the state holds of answers.
const SPACE: Space = Space {
    name: "idempotency",
    version: 1,
    records_max: 10_000,
};

/// A replica that is killed keeps its keys in use for so long.
const LEASE_TTL: Duration = Duration::from_secs(6);

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    /// Of the request.
    fingerprint: String,
    nonce: String,
    sealed: String,
}

/// What other replicas know of keys.
#[derive(Debug)]
pub(super) struct Elsewhere {
    state: State,
    records: Records<Record>,
    clock: Clock,
}

/// What they know of one.
pub(super) enum Known {
    /// It was done.
    Done(web::Bytes),
    /// Nobody is doing it, or nobody can tell.
    Nothing(Option<HeldLease>),
}

/// A key under which this replica works; nobody else does.
pub(super) struct Place {
    id: String,
    secret: [u8; 32],
    fingerprint: Fingerprint,
}

impl Place {
    pub(super) fn of((kind, service, key): &Name, fingerprint: Fingerprint) -> Self {
        let parts = [kind.as_str(), service, key];
        let id: u128 = derived("id", &parts)
            .iter()
            .take(16)
            .fold(0, |all, byte| all << 8 | u128::from(*byte));
        Self {
            id: id.to_string(),
            secret: derived("seal", &parts),
            fingerprint,
        }
    }

    fn seal(&self, body: &[u8]) -> Option<Record> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, &self.secret).ok()?;
        let mut sealed = body.to_vec();
        let aad = Aad::from(self.fingerprint);
        let nonce = key.seal_in_place_append_tag(aad, &mut sealed).ok()?;
        Some(Record {
            fingerprint: STANDARD_NO_PAD.encode(self.fingerprint),
            nonce: STANDARD_NO_PAD.encode(nonce.as_ref()),
            sealed: STANDARD_NO_PAD.encode(sealed),
        })
    }

    fn open(&self, record: &Record) -> Option<web::Bytes> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, &self.secret).ok()?;
        let nonce = STANDARD_NO_PAD.decode(&record.nonce).ok()?;
        let nonce = Nonce::try_assume_unique_for_key(&nonce).ok()?;
        let mut sealed = STANDARD_NO_PAD.decode(&record.sealed).ok()?;
        let aad = Aad::from(self.fingerprint);
        let body = key.open_in_place(nonce, aad, &mut sealed).ok()?;
        Some(web::Bytes::copy_from_slice(body))
    }
}

impl Elsewhere {
    /// `None` where there is no other replica.
    pub(super) fn of(state: &State, clock: Clock) -> Option<Self> {
        state.shared()?;
        Some(Self {
            records: Records::new(state.clone(), SPACE),
            state: state.clone(),
            clock,
        })
    }

    /// What is known, and the key for this replica alone if it was not used. A state that cannot
    /// be asked knows nothing: then this replica remembers alone.
    ///
    /// # Errors
    /// 409 while another replica works under the key, 422 if it stands for another request.
    pub(super) async fn ask(&self, place: &Place) -> Result<Known, Problem> {
        if let Some(body) = self.read(place).await? {
            return Ok(Known::Done(body));
        }
        let name = format!("idempotency {}", place.id);
        let lease = match self.state.claim(&name, LEASE_TTL).await {
            Ok(Claim::Mine(lease)) => HeldLease::keep(self.state.clone(), lease, LEASE_TTL),
            Ok(Claim::Others { .. }) => {
                return Err(
                    Problem::new(Code::IdempotencyKeyInUse).retry_after(Duration::from_secs(1))
                );
            }
            Err(_fault) => return Ok(Known::Nothing(None)),
        };
        // Read again: it may have been done between the two.
        let done = self.read(place).await?;
        Ok(done.map_or(Known::Nothing(Some(lease)), Known::Done))
    }

    async fn read(&self, place: &Place) -> Result<Option<web::Bytes>, Problem> {
        let record = match self.records.get(&place.id).await {
            Ok(Some(record)) => record,
            Ok(None) => return Ok(None),
            Err(fault) => {
                tracing::debug!(fault = %fault, "what was done under a key is not known");
                return Ok(None);
            }
        };
        if record.fingerprint != STANDARD_NO_PAD.encode(place.fingerprint) {
            return Err(Problem::new(Code::IdempotencyKeyReused));
        }
        Ok(place.open(&record))
    }

    /// Lets the others know what was answered. Where that cannot be told, this replica knows alone.
    pub(super) async fn keep(&self, place: &Place, body: &[u8]) {
        if let Some(record) = place.seal(body) {
            let end = self.clock.now().plus(KEPT_FOR);
            let _known_here_alone = self.records.put(&place.id, &record, Some(end)).await;
        }
    }
}

fn derived(purpose: &str, parts: &[&str]) -> [u8; 32] {
    let mut hash = Context::new(&SHA256);
    hash.update(b"room-broker idempotency 1\0");
    hash.update(purpose.as_bytes());
    for part in parts {
        hash.update(&part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    // SHA-256 has 32 bytes.
    hash.finish().as_ref().try_into().unwrap_or([0; 32])
}
