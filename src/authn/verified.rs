//! Verified tokens, remembered by their SHA-256 until they end: the second time costs a hash and a
//! look-up. An entry is dead when its token has expired by the wall clock or its key is not trusted
//! any more, whatever the cache's own housekeeping has got to.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use moka::Expiry;
use moka::sync::Cache;

use crate::clock::{Clock, UnixTime};

use super::bearer::Bearer;
use super::key::Trust;
use super::principal::Principal;

/// The SHA-256 of a bearer: what is kept of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TokenHash([u8; 32]);

impl TokenHash {
    pub(super) fn of(bearer: Bearer<'_>) -> Self {
        let hash = digest::digest(&digest::SHA256, bearer.as_str().as_bytes());
        // SHA-256 has 32 bytes; were it not so, all hashes would be equal and none may be.
        Self(hash.as_ref().try_into().unwrap_or([0; 32]))
    }
}

/// What a verified token proved, and how long that holds.
#[derive(Debug)]
pub(super) struct Verified {
    pub(super) principal: Arc<Principal>,
    /// By the wall clock; `None` if the credential names no end.
    pub(super) usable_until: Option<UnixTime>,
    /// By the monotonic clock.
    pub(super) trust: Arc<Trust>,
}

impl Verified {
    fn holds(&self, clock: &Clock) -> bool {
        self.usable_until.is_none_or(|end| clock.now() < end) && self.trust.holds(clock.monotonic())
    }
}

#[derive(Clone)]
struct Entry {
    verified: Arc<Verified>,
    weight: u32,
    lifetime: Option<Duration>,
}

/// Room for so many entries is made at the start: a pointer each.
const INITIAL_CAPACITY_MAX: u64 = 16_384;

/// The bounded cache. Cheap to clone.
#[derive(Clone)]
pub(super) struct VerifiedTokens {
    cache: Cache<TokenHash, Entry>,
    clock: Clock,
}

/// Lets the cache free what has expired; correctness does not hang on it.
struct EndOfToken;

impl Expiry<TokenHash, Entry> for EndOfToken {
    fn expire_after_create(&self, _: &TokenHash, entry: &Entry, _: Instant) -> Option<Duration> {
        entry.lifetime
    }
}

impl VerifiedTokens {
    /// A cache of at most `weight_max`, where a token weighs one for each KiB of its length, so
    /// that long tokens do not make it hold more memory than short ones.
    pub(super) fn new(weight_max: u64, clock: Clock) -> Self {
        let cache = Cache::builder()
            .max_capacity(weight_max)
            // Growing moves every entry, and a request would wait for it.
            .initial_capacity(usize::try_from(weight_max.min(INITIAL_CAPACITY_MAX)).unwrap_or(0))
            .weigher(|_, entry: &Entry| entry.weight)
            .expire_after(EndOfToken)
            .build();
        Self { cache, clock }
    }

    pub(super) fn get(&self, hash: &TokenHash) -> Option<Arc<Verified>> {
        let entry = self.cache.get(hash)?;
        if entry.verified.holds(&self.clock) {
            return Some(entry.verified);
        }
        self.cache.invalidate(hash);
        None
    }

    /// Remembers a token, unless the cache is to hold none.
    pub(super) fn insert(&self, hash: TokenHash, verified: Arc<Verified>, token_bytes: usize) {
        if self.cache.policy().max_capacity() == Some(0) {
            return;
        }
        let now = self.clock.now();
        let entry = Entry {
            weight: u32::try_from(token_bytes.div_ceil(1024)).unwrap_or(u32::MAX),
            lifetime: verified.usable_until.map(|end| now.until(end)),
            verified,
        };
        self.cache.insert(hash, entry);
    }

    /// Takes over what still holds and was said by an issuer that `keep` accepts.
    pub(super) fn take_over(&self, other: &Self, keep: impl Fn(&Principal) -> bool) {
        for (hash, entry) in &other.cache {
            if keep(&entry.verified.principal) && entry.verified.holds(&self.clock) {
                self.cache.insert(*hash, entry);
            }
        }
    }
}
