//! How often: one named limiter for each use, GCRA by `governor`, in process, of bounded memory.
//! Knows no HTTP; time comes from the clock.

mod governor_clock;

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{NotUntil, Quota, RateLimiter};

pub use governor_clock::GovernorClock;

use crate::clock::{Clock, Monotonic};

/// After so many checks the keys that are as good as new are dropped.
const CHECKS_BETWEEN_SWEEPS: u64 = 4096;

/// How many buckets all keys share while too many are tracked.
const OVERFLOW_BUCKETS: u64 = 1024;

/// How much one key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Sustained, in a minute.
    pub per_minute: NonZeroU32,
    /// At once.
    pub burst: NonZeroU32,
}

/// What a check found, for the `RateLimit` fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// How many more are admitted at once now.
    pub remaining: u32,
}

/// The limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the limit {limit} is reached")]
pub struct Limited {
    /// The limiter's name.
    pub limit: &'static str,
    /// When one more is admitted.
    pub retry_after: Duration,
}

type Buckets<K> = RateLimiter<K, DashMapStateStore<K>, GovernorClock, StateInformationMiddleware>;

/// A named limiter over keys of one kind. While more keys are tracked than allowed, all share
/// `OVERFLOW_BUCKETS` buckets: a flood of keys costs no memory, and whoever floods meets few of
/// the others in the buckets that it empties.
#[derive(Debug)]
pub struct Limiter<K: Hash + Eq + Clone> {
    name: &'static str,
    rate: Rate,
    buckets: Buckets<K>,
    clock: Clock,
    overflow: fn(u64) -> K,
    hasher: RandomState,
    tracked_max: usize,
    checks: AtomicU64,
    full: AtomicBool,
}

impl<K: Hash + Eq + Clone> Limiter<K> {
    /// A limiter; `overflow` gives the keys of the shared buckets, which no caller has.
    pub fn new(
        name: &'static str,
        rate: Rate,
        tracked_max: usize,
        overflow: fn(u64) -> K,
        clock: Clock,
    ) -> Self {
        let quota = Quota::per_minute(rate.per_minute).allow_burst(rate.burst);
        let store = DashMapStateStore::<K>::default();
        let buckets: Buckets<K> = RateLimiter::new(quota, store, GovernorClock(clock.clone()));
        Self {
            name,
            rate,
            buckets,
            clock,
            overflow,
            hasher: RandomState::new(),
            tracked_max,
            checks: AtomicU64::new(0),
            full: AtomicBool::new(false),
        }
    }

    /// The limiter's name, as it stands in `RateLimit-Policy`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its rate.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Takes one from the key's bucket.
    ///
    /// # Errors
    /// [`Limited`] when it is empty.
    pub fn check(&self, key: &K) -> Result<Allowance, Limited> {
        let checked = if self.is_full() {
            // Keyed with a secret of this process: nobody can aim at another's bucket.
            let shared = self.hasher.hash_one(key) % OVERFLOW_BUCKETS;
            self.buckets.check_key(&(self.overflow)(shared))
        } else {
            self.buckets.check_key(key)
        };
        match checked {
            Ok(state) => Ok(Allowance {
                remaining: state.remaining_burst_capacity(),
            }),
            Err(not_until) => Err(self.limited(&not_until)),
        }
    }

    fn limited(&self, not_until: &NotUntil<governor::nanos::Nanos>) -> Limited {
        let now = self.clock.monotonic();
        let retry_after = not_until.wait_time_from(GovernorClock::reference(now));
        Limited {
            limit: self.name,
            retry_after,
        }
    }

    /// Sweeps now and then; true while more keys are tracked than allowed.
    fn is_full(&self) -> bool {
        let checks = self.checks.fetch_add(1, Ordering::Relaxed);
        // `len` locks every shard of the map: too dear for each check.
        if checks % CHECKS_BETWEEN_SWEEPS == CHECKS_BETWEEN_SWEEPS - 1 {
            self.buckets.retain_recent();
            self.full
                .store(self.buckets.len() >= self.tracked_max, Ordering::Relaxed);
        }
        self.full.load(Ordering::Relaxed)
    }
}

/// A limit on failures: asking whether a key is barred takes nothing, only a failure does.
#[derive(Debug)]
pub struct FailureLimiter<K: Hash + Eq + Clone + Send + Sync + 'static> {
    failures: Limiter<K>,
    barred: moka::sync::Cache<K, Monotonic>,
}

impl<K: Hash + Eq + Clone + Send + Sync + 'static> FailureLimiter<K> {
    /// Counts failures with the given limiter.
    pub fn new(failures: Limiter<K>) -> Self {
        let barred =
            moka::sync::Cache::new(u64::try_from(failures.tracked_max).unwrap_or(u64::MAX));
        Self { failures, barred }
    }

    /// What counts failures.
    pub fn limiter(&self) -> &Limiter<K> {
        &self.failures
    }

    /// Whether the key may try.
    ///
    /// # Errors
    /// [`Limited`] while it is barred.
    pub fn check(&self, key: &K) -> Result<(), Limited> {
        let Some(until) = self.barred.get(key) else {
            return Ok(());
        };
        let now = self.failures.clock.monotonic();
        if now < until {
            return Err(Limited {
                limit: self.failures.name,
                retry_after: until.since(now),
            });
        }
        self.barred.invalidate(key);
        Ok(())
    }

    /// Notes a failure of the key, which may bar it.
    pub fn note_failure(&self, key: &K) {
        if let Err(limited) = self.failures.check(key) {
            let until = self.failures.clock.monotonic().plus(limited.retry_after);
            self.barred.insert(key.clone(), until);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixTime;

    fn limiter(burst: u32, tracked_max: usize) -> (Limiter<u64>, crate::clock::ManualClock) {
        let (clock, hand) = Clock::manual(UnixTime::from_seconds(0));
        let rate = Rate {
            per_minute: NonZeroU32::new(60).unwrap(),
            burst: NonZeroU32::new(burst).unwrap(),
        };
        (
            Limiter::new("test", rate, tracked_max, |shared| u64::MAX - shared, clock),
            hand,
        )
    }

    #[test]
    fn a_burst_is_admitted_then_one_a_second() {
        let (limiter, hand) = limiter(3, 10);
        let remaining: Vec<u32> = (0..3)
            .map(|_| limiter.check(&1).unwrap().remaining)
            .collect();
        assert_eq!(remaining, [2, 1, 0]);
        assert_eq!(
            limiter.check(&1).unwrap_err().retry_after,
            Duration::from_secs(1)
        );
        assert!(limiter.check(&2).is_ok());
        hand.advance(Duration::from_secs(1));
        assert!(limiter.check(&1).is_ok());
        assert!(limiter.check(&1).is_err());
    }

    #[test]
    fn a_flood_of_keys_shares_few_buckets_and_is_forgotten() {
        let (limiter, hand) = limiter(1, 100);
        for key in 0..CHECKS_BETWEEN_SWEEPS {
            assert!(limiter.check(&key).is_ok());
        }
        let admitted = (10_000..20_000)
            .filter(|key| limiter.check(key).is_ok())
            .count();
        let shared = usize::try_from(OVERFLOW_BUCKETS).unwrap();
        assert!(admitted <= shared, "{admitted} new buckets");
        assert!(limiter.buckets.len() <= usize::try_from(CHECKS_BETWEEN_SWEEPS).unwrap() + shared);
        hand.advance(Duration::from_secs(120));
        for _ in 0..CHECKS_BETWEEN_SWEEPS {
            let _limited = limiter.check(&1);
        }
        assert!(
            limiter.buckets.len() <= 2,
            "{} buckets",
            limiter.buckets.len()
        );
    }

    #[test]
    fn a_flood_that_empties_its_buckets_leaves_most_of_the_others_theirs() {
        let (limiter, _hand) = limiter(1, 100);
        for key in 0..CHECKS_BETWEEN_SWEEPS {
            assert!(limiter.check(&key).is_ok());
        }
        let flood = 1_000_000;
        while limiter.check(&flood).is_ok() {}
        let others = (2_000_000..2_000_100)
            .filter(|key| limiter.check(key).is_ok())
            .count();
        assert!(others > 50, "{others} of 100 admitted");
    }

    #[test]
    fn only_failures_bar_and_only_for_a_while() {
        let (failures, hand) = limiter(2, 10);
        let limiter = FailureLimiter::new(failures);
        for _ in 0..50 {
            assert!(limiter.check(&1).is_ok());
        }
        for _ in 0..3 {
            limiter.note_failure(&1);
        }
        assert_eq!(
            limiter.check(&1).unwrap_err().retry_after,
            Duration::from_secs(1)
        );
        assert!(limiter.check(&2).is_ok());
        hand.advance(Duration::from_secs(1));
        assert!(limiter.check(&1).is_ok());
    }
}
