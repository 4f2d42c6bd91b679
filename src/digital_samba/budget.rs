//! Our share of upstream's requests a minute. Counts every try, and stands still when upstream
//! says so.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::{Clock, Monotonic};
use crate::state::State as SharedState;

const WINDOW: Duration = Duration::from_secs(60);

/// At most so many requests in any minute: exact, where a token bucket would let nearly twice as
/// many through in a minute that begins with a burst, and upstream would refuse us all.
#[derive(Debug)]
pub(super) struct Budget {
    /// The name of the share; replicas take from the same one.
    name: &'static str,
    per_minute: usize,
    clock: Clock,
    shared: SharedState,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When the last requests were made, oldest first; no longer than the budget.
    made_at: VecDeque<Monotonic>,
    paused_until: Monotonic,
}

impl State {
    fn not_paused(&self, now: Monotonic) -> Result<(), Duration> {
        if now < self.paused_until {
            return Err(self.paused_until.since(now));
        }
        Ok(())
    }
}

impl Budget {
    pub(super) fn new(
        name: &'static str,
        per_minute: usize,
        clock: Clock,
        shared: SharedState,
    ) -> Self {
        Self {
            name,
            per_minute,
            clock,
            shared,
            state: Mutex::default(),
        }
    }

    /// A part of the same minute under a name of its own; whoever takes from it takes from the whole
    /// as well.
    pub(super) fn share(&self, name: &'static str, per_minute: usize) -> Self {
        Self::new(name, per_minute, self.clock.clone(), self.shared.clone())
    }

    /// Takes one request out of the budget, or says when there will be one. All replicas take from
    /// one; while it cannot be asked, each takes from its own.
    pub(super) async fn take(&self) -> Result<(), Duration> {
        if let Some(shared) = self.shared.shared() {
            self.state().not_paused(self.clock.monotonic())?;
            let taken = shared.take_of_window(self.name, self.per_minute, WINDOW);
            match Box::pin(taken).await {
                // Counted here too, for the time when Redis does not answer.
                Ok(Ok(())) => return self.take_alone().or(Ok(())),
                Ok(Err(wait)) => return Err(wait),
                Err(_fault) => {}
            }
        }
        self.take_alone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_alone(&self) -> Result<(), Duration> {
        let now = self.clock.monotonic();
        let mut state = self.state();
        state.not_paused(now)?;
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

    /// Upstream said 429: everyone here waits, not only the one it said it to. Another replica waits
    /// once it is told so itself.
    pub(super) fn pause(&self, duration: Duration) {
        let until = self.clock.monotonic().plus(duration);
        let mut state = self.state();
        state.paused_until = state.paused_until.max(until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixTime;

    #[tokio::test]
    async fn no_minute_sees_more_than_the_budget() {
        let (clock, hand) = Clock::manual(UnixTime::from_seconds(0));
        let budget = Budget::new("test", 3, clock.clone(), SharedState::in_memory(clock));
        budget.take().await.unwrap();
        hand.advance(Duration::from_secs(59));
        budget.take().await.unwrap();
        budget.take().await.unwrap();
        assert_eq!(budget.take().await, Err(Duration::from_secs(1)));
        hand.advance(Duration::from_secs(1));
        budget.take().await.unwrap();
        assert_eq!(budget.take().await, Err(Duration::from_secs(59)));
    }

    #[tokio::test]
    async fn a_pause_holds_for_everyone_and_only_ever_grows() {
        let (clock, hand) = Clock::manual(UnixTime::from_seconds(0));
        let budget = Budget::new("test", 3, clock.clone(), SharedState::in_memory(clock));
        budget.pause(Duration::from_secs(17));
        budget.pause(Duration::from_secs(2));
        assert_eq!(budget.take().await, Err(Duration::from_secs(17)));
        hand.advance(Duration::from_secs(17));
        budget.take().await.unwrap();
    }
}
