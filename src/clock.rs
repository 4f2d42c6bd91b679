//! Time as a parameter: wall time for claims and logs, monotonic time for caches and limits.
//! The one place that asks the machine for either.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Wall time in milliseconds since the Unix epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct UnixTime {
    millis: u64,
}

impl UnixTime {
    /// From whole seconds since the epoch.
    pub const fn from_seconds(seconds: u64) -> Self {
        Self {
            millis: seconds.saturating_mul(1000),
        }
    }

    /// From milliseconds since the epoch.
    pub const fn from_millis(millis: u64) -> Self {
        Self { millis }
    }

    /// Whole seconds since the epoch, as JWT `NumericDate` claims carry them.
    pub const fn seconds(self) -> u64 {
        self.millis / 1000
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> u64 {
        self.millis
    }

    /// This much later; stays at the end of time rather than wrap.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self {
            millis: self.millis.saturating_add(millis_of(duration)),
        }
    }

    /// How long until `later`; zero if it is past.
    pub fn until(self, later: Self) -> Duration {
        Duration::from_millis(later.millis.saturating_sub(self.millis))
    }
}

/// A point on the monotonic clock: time since this process's clock was made. Never goes back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Monotonic(Duration);

impl Monotonic {
    /// Time since the clock was made.
    pub const fn since_start(self) -> Duration {
        self.0
    }

    /// This much later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }

    /// How long ago `earlier` was; zero if it is ahead.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// Where time comes from: the machine, or a test's hand. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System {
        start: Instant,
    },
    Manual(Arc<ManualTime>),
    /// The machine's, and what a hand has added.
    Ahead {
        start: Instant,
        added: Arc<ManualTime>,
    },
}

#[derive(Debug)]
struct ManualTime {
    wall_millis: AtomicU64,
    monotonic_millis: AtomicU64,
}

impl Clock {
    /// The machine's clocks.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the machine"
    )]
    pub fn system() -> Self {
        Self(Source::System {
            start: Instant::now(),
        })
    }

    /// A clock that stands still until it is moved, for tests and the simulator.
    pub fn manual(start: UnixTime) -> (Self, ManualClock) {
        let time = Arc::new(ManualTime {
            wall_millis: AtomicU64::new(start.millis),
            monotonic_millis: AtomicU64::new(0),
        });
        (Self(Source::Manual(Arc::clone(&time))), ManualClock(time))
    }

    /// The machine's clocks, which a hand can move ahead, for the simulator by itself.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the machine"
    )]
    pub fn ahead() -> (Self, ClockHand) {
        let added = Arc::new(ManualTime {
            wall_millis: AtomicU64::new(0),
            monotonic_millis: AtomicU64::new(0),
        });
        let clock = Self(Source::Ahead {
            start: Instant::now(),
            added: Arc::clone(&added),
        });
        (clock, ClockHand(added))
    }

    /// The wall time.
    pub fn now(&self) -> UnixTime {
        match &self.0 {
            Source::System { .. } => machine_now(),
            Source::Manual(time) => UnixTime {
                millis: time.wall(),
            },
            Source::Ahead { added, .. } => machine_now().plus(Duration::from_millis(added.wall())),
        }
    }

    /// The monotonic time.
    pub fn monotonic(&self) -> Monotonic {
        match &self.0 {
            Source::System { start } => Monotonic(start.elapsed()),
            Source::Manual(time) => Monotonic(time.monotonic()),
            Source::Ahead { start, added } => {
                Monotonic(start.elapsed().saturating_add(added.monotonic()))
            }
        }
    }
}

impl ManualTime {
    fn wall(&self) -> u64 {
        self.wall_millis.load(Ordering::Acquire)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.monotonic_millis.load(Ordering::Acquire))
    }

    fn advance(&self, duration: Duration) {
        let millis = millis_of(duration);
        self.wall_millis.fetch_add(millis, Ordering::AcqRel);
        self.monotonic_millis.fetch_add(millis, Ordering::AcqRel);
    }
}

/// The hand that moves a manual clock.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<ManualTime>);

impl ManualClock {
    /// Moves both clocks forward.
    pub fn advance(&self, duration: Duration) {
        self.0.advance(duration);
    }

    /// Makes the wall clock jump, as a machine's does when it is set; monotonic time goes on.
    pub fn set_wall(&self, to: UnixTime) {
        self.0.wall_millis.store(to.millis, Ordering::Release);
    }
}

/// The hand that moves a clock ahead, and can do nothing else.
#[derive(Clone, Debug)]
pub struct ClockHand(Arc<ManualTime>);

impl ClockHand {
    /// Moves both clocks forward.
    pub fn advance(&self, duration: Duration) {
        self.0.advance(duration);
    }
}

impl From<ManualClock> for ClockHand {
    fn from(hand: ManualClock) -> Self {
        Self(hand.0)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that asks the machine"
)]
fn machine_now() -> UnixTime {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    UnixTime {
        millis: millis_of(since_epoch.unwrap_or_default()),
    }
}

fn millis_of(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_clock_jump_leaves_monotonic_time_alone() {
        let (clock, hand) = Clock::manual(UnixTime::from_seconds(1_000));
        hand.advance(Duration::from_secs(5));
        hand.set_wall(UnixTime::from_seconds(10));
        assert_eq!(clock.now().seconds(), 10);
        assert_eq!(clock.monotonic().since_start(), Duration::from_secs(5));
    }

    #[test]
    fn a_clock_that_was_moved_ahead_goes_on_with_the_machine() {
        let (clock, hand) = Clock::ahead();
        let (wall, monotonic) = (clock.now(), clock.monotonic());
        let hour = Duration::from_secs(3600);
        hand.advance(hour);
        assert!(wall.until(clock.now()) >= hour);
        assert!(clock.monotonic().since(monotonic) >= hour);
        assert!(wall.until(clock.now()) < 2 * hour);
    }
}
