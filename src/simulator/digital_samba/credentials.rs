//! Who calls the API, and how often: the developer key in its four forms, the rate limit.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::refusal::Refusal;
use super::team::Team;
use crate::clock::Monotonic;

const MINUTE: Duration = Duration::from_secs(60);

/// The calls of the running minute.
#[derive(Default)]
pub(super) struct Window {
    started: Option<Monotonic>,
    calls: u32,
}

impl Team {
    /// Plain Bearer, plain Basic, and the two older forms that carry base64 of `team:key`.
    pub(super) fn authenticate(&self, authorization: Option<&str>) -> Result<(), Refusal> {
        let (scheme, value) = authorization
            .and_then(|header| header.split_once(' '))
            .ok_or(Refusal::Unauthenticated)?;
        let team_and_key = format!("{}:{}", self.id, self.developer_key);
        let carries_both = STANDARD
            .decode(value)
            .is_ok_and(|decoded| decoded == team_and_key.as_bytes());
        let known = match scheme.to_ascii_lowercase().as_str() {
            "bearer" => value == self.developer_key || carries_both,
            "basic" => carries_both,
            _ => false,
        };
        known.then_some(()).ok_or(Refusal::Unauthenticated)
    }

    /// Counts a call against the team's minute, which begins with its first call.
    pub(super) fn spend_call(&mut self) -> Result<(), Refusal> {
        let now = self.clock.monotonic();
        let started = match self.window.started {
            Some(started) if now.since(started) < MINUTE => started,
            Some(_) | None => {
                self.window = Window {
                    started: Some(now),
                    calls: 0,
                };
                now
            }
        };
        if self.window.calls >= self.rate_limit_per_minute {
            let left = MINUTE.saturating_sub(now.since(started));
            return Err(Refusal::TooManyCalls {
                retry_after_s: left.as_secs().max(1),
            });
        }
        self.window.calls += 1;
        Ok(())
    }

    pub(super) fn limit_rate(&mut self, calls_per_minute: u32) {
        self.rate_limit_per_minute = calls_per_minute;
        self.window = Window::default();
    }
}
