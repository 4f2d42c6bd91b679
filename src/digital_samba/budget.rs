//! Our share of upstream's requests a minute. Counts every try, and stands still when upstream
//! says so.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::{Clock, Monotonic};

const WINDOW: Duration = Duration::from_secs(60);

/// At most so many requests in any minute: exact, where a token bucket would let nearly twice as
/// many through in a minute that begins with a burst, and upstream would refuse us all.
#[derive(Debug)]
pub(super) struct Budget {
    per_minute: usize,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When the last requests were made, oldest first; no longer than the budget.
    made_at: VecDeque<Monotonic>,
    paused_until: Monotonic,
}

impl Budget {
    pub(super) fn new(per_minute: usize, clock: Clock) -> Self {
        Self {
            per_minute,
            clock,
            state: Mutex::default(),
        }
    }

    /// Takes one request out of the budget, or says when there will be one.
    pub(super) fn take(&self) -> Result<(), Duration> {
        let now = self.clock.monotonic();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if now < state.paused_until {
            return Err(state.paused_until.since(now));
        }
        while let Some(oldest) = state.made_at.front().copied()
            && now.since(oldest) >= WINDOW
        {
            state.made_at.pop_front();
        }
        if state.made_at.len() < self.per_minute {
            state.made_at.push_back(now);
            return Ok(());
        }
        let oldest = state.made_at.front().copied().unwrap_or(now);
        Err(WINDOW.saturating_sub(now.since(oldest)))
    }

    /// Upstream said 429: everyone waits, not only the one it said it to.
    pub(super) fn pause(&self, duration: Duration) {
        let until = self.clock.monotonic().plus(duration);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.paused_until = state.paused_until.max(until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixTime;

    #[test]
    fn no_minute_sees_more_than_the_budget() {
        let (clock, hand) = Clock::manual(UnixTime::from_seconds(0));
        let budget = Budget::new(3, clock);
        budget.take().unwrap();
        hand.advance(Duration::from_secs(59));
        budget.take().unwrap();
        budget.take().unwrap();
        assert_eq!(budget.take(), Err(Duration::from_secs(1)));
        hand.advance(Duration::from_secs(1));
        budget.take().unwrap();
        assert_eq!(budget.take(), Err(Duration::from_secs(59)));
    }

    #[test]
    fn a_pause_holds_for_everyone_and_only_ever_grows() {
        let (clock, hand) = Clock::manual(UnixTime::from_seconds(0));
        let budget = Budget::new(3, clock);
        budget.pause(Duration::from_secs(17));
        budget.pause(Duration::from_secs(2));
        assert_eq!(budget.take(), Err(Duration::from_secs(17)));
        hand.advance(Duration::from_secs(17));
        budget.take().unwrap();
    }
}
