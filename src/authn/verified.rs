//! Verified tokens, remembered by their SHA-256 until they end: the second time costs a hash and a
//! look-up. An entry is dead when its token has expired by the wall clock or its key is not trusted
//! any more, whatever the cache's own housekeeping has got to.

use std::hash::RandomState;
use std::sync::Arc;

use aws_lc_rs::digest;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};

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
#[derive(Debug, Clone)]
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
    verified: Verified,
    weight: u32,
}

#[derive(Clone)]
struct ByWeight;

impl Weighter<TokenHash, Entry> for ByWeight {
    fn weight(&self, _: &TokenHash, entry: &Entry) -> u64 {
        u64::from(entry.weight)
    }
}

/// Room for so many entries is made at the start: growing moves every entry, and a request would
/// wait for it.
const INITIAL_CAPACITY_MAX: usize = 16_384;

/// The bounded cache. Cheap to clone.
#[derive(Clone)]
pub(super) struct VerifiedTokens {
    /// None if it is to hold nothing.
    cache: Option<Arc<Cache<TokenHash, Entry, ByWeight, RandomState>>>,
    clock: Clock,
}

impl VerifiedTokens {
    /// A cache of at most `weight_max`, where a token weighs one for each KiB of its length, so
    /// that long tokens do not make it hold more memory than short ones.
    pub(super) fn new(weight_max: u64, clock: Clock) -> Self {
        let entries_max = usize::try_from(weight_max).unwrap_or(usize::MAX);
        let options = OptionsBuilder::new()
            .weight_capacity(weight_max)
            .estimated_items_capacity(entries_max)
            .build();
        let cache = options.ok().filter(|_| weight_max > 0).map(|options| {
            let (hasher, lifecycle) = (RandomState::new(), DefaultLifecycle::default());
            let cache = Cache::with_options(options, ByWeight, hasher, lifecycle);
            cache.reserve(entries_max.min(INITIAL_CAPACITY_MAX));
            Arc::new(cache)
        });
        Self { cache, clock }
    }

    pub(super) fn get(&self, hash: &TokenHash) -> Option<Verified> {
        let cache = self.cache.as_ref()?;
        let entry = cache.get(hash)?;
        if entry.verified.holds(&self.clock) {
            return Some(entry.verified);
        }
        cache.remove(hash);
        None
    }

    /// Remembers a token, unless the cache is to hold none.
    pub(super) fn insert(&self, hash: TokenHash, verified: Verified, token_bytes: usize) {
        let Some(cache) = &self.cache else {
            return;
        };
        let weight = u32::try_from(token_bytes.div_ceil(1024)).unwrap_or(u32::MAX);
        cache.insert(hash, Entry { verified, weight });
    }

    /// Frees what has expired; correctness does not hang on it.
    pub(super) fn keep_house(&self) {
        if let Some(cache) = &self.cache {
            let now = self.clock.now();
            // Of trust nothing is asked: it is elsewhere in memory, for each entry.
            cache.retain(|_, entry| entry.verified.usable_until.is_none_or(|end| now < end));
        }
    }

    /// Takes over what still holds and was said by an issuer that `keep` accepts.
    pub(super) fn take_over(&self, other: &Self, keep: impl Fn(&Principal) -> bool) {
        let (Some(cache), Some(other)) = (&self.cache, &other.cache) else {
            return;
        };
        for (hash, entry) in other.iter() {
            if keep(&entry.verified.principal) && entry.verified.holds(&self.clock) {
                cache.insert(hash, entry);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::authn::testing::principal;

    const START: UnixTime = UnixTime::from_seconds(1_800_000_000);

    fn hash(number: usize) -> TokenHash {
        let token = format!("token-{number}");
        TokenHash::of(Bearer::parse(format!("Bearer {token}").as_bytes(), 100).unwrap())
    }

    fn verified(seconds: u64) -> Verified {
        Verified {
            principal: principal(json!({ "sub": "u1" })),
            usable_until: Some(START.plus(Duration::from_secs(seconds))),
            trust: Arc::new(Trust::forever()),
        }
    }

    fn held(tokens: &VerifiedTokens) -> usize {
        tokens.cache.as_ref().map_or(0, |cache| cache.len())
    }

    #[test]
    fn the_bound_is_on_the_length_of_tokens() {
        let (clock, _) = Clock::manual(START);
        for (weight_max, bytes, entries_max) in [(0, 1, 0), (100, 1, 100), (1000, 4096, 250)] {
            let tokens = VerifiedTokens::new(weight_max, clock.clone());
            for number in 0..2000 {
                tokens.insert(hash(number), verified(10), bytes);
            }
            let held = held(&tokens);
            // Each of its parts has a bound of its own, rounded up.
            assert!(held <= entries_max + 8, "{held} of {entries_max}");
            assert!(held >= entries_max * 9 / 10, "{held} of {entries_max}");
        }
    }

    #[test]
    fn a_token_that_is_used_stays_while_others_come_and_go() {
        let (clock, _) = Clock::manual(START);
        let tokens = VerifiedTokens::new(100, clock);
        tokens.insert(hash(0), verified(10), 1);
        for number in 1..2000 {
            assert!(tokens.get(&hash(0)).is_some(), "{number}");
            tokens.insert(hash(number), verified(10), 1);
        }
    }

    #[test]
    fn what_ended_is_freed() {
        let (clock, time) = Clock::manual(START);
        let tokens = VerifiedTokens::new(100, clock);
        tokens.insert(hash(0), verified(10), 1);
        tokens.insert(hash(1), verified(20), 1);
        tokens.insert(hash(2), verified(10), 1);
        time.advance(Duration::from_secs(10));
        assert!(tokens.get(&hash(0)).is_none() && tokens.get(&hash(1)).is_some());
        assert_eq!(held(&tokens), 2);
        tokens.keep_house();
        assert_eq!(held(&tokens), 1);
    }
}
