//! Our clock, as `governor` wants one.

use governor::nanos::Nanos;

use crate::clock::{Clock, Monotonic};

/// Monotonic time for `governor`. Its origin is an hour before the clock's: `governor` takes a
/// burst's worth of time from now, which must not reach below zero.
#[derive(Debug, Clone)]
pub struct GovernorClock(pub Clock);

const ORIGIN: std::time::Duration = std::time::Duration::from_secs(3600);

impl GovernorClock {
    /// A point of monotonic time as `governor` counts it.
    pub fn reference(at: Monotonic) -> Nanos {
        Nanos::from(at.since_start().saturating_add(ORIGIN))
    }
}

impl governor::clock::Clock for GovernorClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Self::reference(self.0.monotonic())
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::Clock as _;

    use super::*;
    use crate::clock::UnixTime;

    #[test]
    fn it_moves_with_the_hand() {
        let (clock, hand) = Clock::manual(UnixTime::from_seconds(0));
        let governed = GovernorClock(clock);
        let before = governed.now();
        hand.advance(std::time::Duration::from_secs(1));
        assert_eq!(governed.now().as_u64() - before.as_u64(), 1_000_000_000);
    }
}
