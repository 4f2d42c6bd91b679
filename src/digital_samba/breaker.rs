//! The circuit breaker: after some failures in a row nothing is sent for a while, then one trial
//! decides.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;

use crate::clock::{Clock, Monotonic};

/// Callers are told to come back no sooner than this.
const RETRY_AFTER_MIN: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Breaker {
    failures_max: u32,
    open_for: Duration,
    clock: Clock,
    open_gauge: Gauge,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Closed { failures: u32 },
    Open { until: Monotonic },
    Trial,
}

/// Leave to make one call, and the duty to say how it went. Dropped without a word (its caller
/// hung up) it counts for nothing.
#[derive(Debug)]
#[must_use = "say how the call went"]
pub(super) struct Leave<'a> {
    breaker: &'a Breaker,
    is_trial: bool,
}

impl Breaker {
    pub(super) fn new(
        failures_max: u32,
        open_for: Duration,
        clock: Clock,
        open_gauge: Gauge,
    ) -> Self {
        Self {
            failures_max,
            open_for,
            clock,
            open_gauge,
            state: Mutex::new(State::Closed { failures: 0 }),
        }
    }

    /// Whether a call would be let through now; if not, when to come back.
    pub(super) fn check(&self) -> Result<(), Duration> {
        let state = *self.state();
        match state {
            State::Closed { .. } => Ok(()),
            State::Open { until } => self.is_over(until),
            State::Trial => Err(RETRY_AFTER_MIN),
        }
    }

    /// Lets a call through; once the circuit was open long enough, a single one.
    pub(super) fn leave(&self) -> Result<Leave<'_>, Duration> {
        let mut state = self.state();
        let is_trial = match *state {
            State::Closed { .. } => false,
            State::Open { until } => {
                self.is_over(until)?;
                *state = State::Trial;
                true
            }
            State::Trial => return Err(RETRY_AFTER_MIN),
        };
        Ok(Leave {
            breaker: self,
            is_trial,
        })
    }

    fn is_over(&self, until: Monotonic) -> Result<(), Duration> {
        let now = self.clock.monotonic();
        if now < until {
            return Err(until.since(now).max(RETRY_AFTER_MIN));
        }
        Ok(())
    }

    fn open(&self, state: &mut State) {
        *state = State::Open {
            until: self.clock.monotonic().plus(self.open_for),
        };
        self.open_gauge.set(1);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leave<'_> {
    /// Upstream answered, whatever it said.
    pub(super) fn answered(mut self) {
        let mut state = self.breaker.state();
        let closes = match *state {
            State::Closed { .. } => true,
            // A call from before the circuit opened proves nothing about now.
            State::Open { .. } | State::Trial => self.is_trial,
        };
        if closes {
            *state = State::Closed { failures: 0 };
            self.breaker.open_gauge.set(0);
        }
        drop(state);
        self.is_trial = false;
    }

    /// No answer, or a server error.
    pub(super) fn failed(mut self) {
        let mut state = self.breaker.state();
        match *state {
            State::Closed { failures } if failures + 1 < self.breaker.failures_max => {
                *state = State::Closed {
                    failures: failures + 1,
                };
            }
            State::Closed { .. } => self.breaker.open(&mut state),
            State::Trial if self.is_trial => self.breaker.open(&mut state),
            State::Open { .. } | State::Trial => {}
        }
        drop(state);
        self.is_trial = false;
    }
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if self.is_trial {
            // The trial was given up: the next call is one.
            *self.breaker.state() = State::Open {
                until: self.breaker.clock.monotonic(),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{ManualClock, UnixTime};

    const OPEN_FOR: Duration = Duration::from_secs(10);

    fn breaker() -> (Breaker, ManualClock) {
        let (clock, hand) = Clock::manual(UnixTime::from_seconds(0));
        (Breaker::new(3, OPEN_FOR, clock, Gauge::default()), hand)
    }

    fn fail(breaker: &Breaker, times: usize) {
        (0..times).for_each(|_| breaker.leave().unwrap().failed());
    }

    #[test]
    fn failures_in_a_row_open_it_and_an_answer_between_them_does_not() {
        let (breaker, hand) = breaker();
        fail(&breaker, 2);
        breaker.leave().unwrap().answered();
        fail(&breaker, 2);
        assert_eq!((breaker.check(), breaker.open_gauge.get()), (Ok(()), 0));
        fail(&breaker, 1);
        assert_eq!(breaker.check(), Err(OPEN_FOR));
        assert_eq!(breaker.leave().unwrap_err(), OPEN_FOR);
        assert_eq!(breaker.open_gauge.get(), 1);
        hand.advance(Duration::from_millis(9_500));
        assert_eq!(breaker.check(), Err(RETRY_AFTER_MIN));
    }

    #[test]
    fn after_a_while_one_trial_decides() {
        let (breaker, hand) = breaker();
        fail(&breaker, 3);
        hand.advance(OPEN_FOR);
        let trial = breaker.leave().unwrap();
        assert!(breaker.leave().is_err() && breaker.check().is_err());
        trial.failed();
        assert_eq!(breaker.check(), Err(OPEN_FOR));

        hand.advance(OPEN_FOR);
        breaker.leave().unwrap().answered();
        fail(&breaker, 2);
        assert_eq!((breaker.check(), breaker.open_gauge.get()), (Ok(()), 0));
    }

    #[test]
    fn a_trial_that_is_given_up_leaves_its_place_to_the_next() {
        let (breaker, hand) = breaker();
        fail(&breaker, 3);
        hand.advance(OPEN_FOR);
        drop(breaker.leave().unwrap());
        breaker.leave().unwrap().answered();
        assert_eq!(breaker.check(), Ok(()));
    }

    #[test]
    fn a_call_from_before_it_opened_decides_nothing() {
        let (breaker, hand) = breaker();
        let (early, other) = (breaker.leave().unwrap(), breaker.leave().unwrap());
        fail(&breaker, 3);
        early.answered();
        assert_eq!(breaker.check(), Err(OPEN_FOR));
        hand.advance(OPEN_FOR);
        let trial = breaker.leave().unwrap();
        other.failed();
        trial.answered();
        assert_eq!(breaker.check(), Ok(()));
    }
}
