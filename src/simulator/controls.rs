//! What a test may do to a simulated service: make it fail, hold an operation at a gate, count.
//! Operations are named by their catalogue id (`create_room`); `*` means any. Where the clock may
//! be moved, it is moved here too.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::exchange::{Call, Reply};
use super::fault::{Ending, Fault, FaultKind};
use crate::clock::{Clock, ClockHand};

/// Where an operation waits at a closed gate.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// Nothing has been done yet.
    #[default]
    BeforeEffect,
    /// It is done, the answer is on its way.
    AfterEffect,
}

/// How often an operation was called.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Count {
    /// Calls that arrived.
    pub calls: u64,
    /// Calls that were carried out with success, whatever answer was sent.
    pub done: u64,
    /// Calls not answered yet.
    pub in_flight: u64,
    /// The most calls in flight at one time.
    pub in_flight_max: u64,
    /// Calls that hang or stand at a gate.
    pub waiting: u64,
}

#[derive(Default)]
struct State {
    faults: Vec<(String, Fault)>,
    gates: BTreeSet<(String, Moment)>,
    counts: BTreeMap<String, Count>,
    /// How often faults were cleared: a call hangs until the next time.
    clearings: u64,
}

/// The controls of one simulated service.
#[derive(Default)]
pub struct Controls {
    state: Mutex<State>,
    changed: Notify,
    clock: OnceLock<(Clock, ClockHand)>,
}

impl Controls {
    /// Lets the service's clock be read and moved over HTTP, from now on.
    pub fn offer_clock(&self, clock: Clock, hand: ClockHand) {
        // A clock that was offered before stays: it is the service's.
        let _kept = self.clock.set((clock, hand));
    }

    /// Makes an operation fail. Faults of one operation strike in the order they were set.
    pub fn fail(&self, operation: &str, fault: Fault) {
        self.change(|state| state.faults.push((operation.to_owned(), fault)));
    }

    /// Ends an operation's faults and lets everything go that hangs.
    pub fn clear_faults(&self, operation: &str) {
        self.change(|state| {
            state.faults.retain(|(of, _)| of != operation);
            state.clearings += 1;
        });
    }

    /// Ends every fault, opens every gate, forgets the counts.
    pub fn reset(&self) {
        self.change(|state| {
            state.faults.clear();
            state.gates.clear();
            state.clearings += 1;
            for count in state.counts.values_mut() {
                *count = Count {
                    in_flight: count.in_flight,
                    waiting: count.waiting,
                    ..Count::default()
                };
            }
        });
    }

    /// Holds every later call of an operation until the gate is opened.
    pub fn close_gate(&self, operation: &str, moment: Moment) {
        let gate = (operation.to_owned(), moment);
        self.change(|state| state.gates.extend([gate]));
    }

    /// Lets all go that wait for this operation.
    pub fn open_gate(&self, operation: &str) {
        self.change(|state| state.gates.retain(|(of, _)| of != operation));
    }

    /// Waits until so many calls of an operation hang or stand at its gate.
    pub async fn until_waiting(&self, operation: &str, calls: u64) {
        self.until(|state| count_of(state, operation).waiting >= calls)
            .await;
    }

    /// Waits until an operation was called so often.
    pub async fn until_called(&self, operation: &str, calls: u64) {
        self.until(|state| count_of(state, operation).calls >= calls)
            .await;
    }

    /// Waits until an operation was carried out so often.
    pub async fn until_done(&self, operation: &str, calls: u64) {
        self.until(|state| count_of(state, operation).done >= calls)
            .await;
    }

    /// How often an operation was called; `*` adds all up.
    pub fn count(&self, operation: &str) -> Count {
        count_of(&self.lock(), operation)
    }

    /// Carries an operation out, as the faults and gates have it.
    pub(super) async fn perform(&self, operation: &str, act: impl FnOnce() -> Reply) -> Ending {
        let _flight = Tally::start(self, operation, |count| &mut count.in_flight);
        self.change(|state| {
            let count = state.counts.entry(operation.to_owned()).or_default();
            count.calls += 1;
            count.in_flight_max = count.in_flight_max.max(count.in_flight);
        });
        self.pass_gate(operation, Moment::BeforeEffect).await;
        let struck = self.next_fault(operation);
        let reply = match &struck {
            Some((fault, _)) if !fault.spares_the_effect() => Reply::empty(200),
            Some(_) | None => self.carry_out(operation, act),
        };
        self.pass_gate(operation, Moment::AfterEffect).await;
        let Some((fault, clearings)) = struck else {
            return Ending::Whole(reply);
        };
        if fault.hangs() {
            self.stand(operation, |state| state.clearings != clearings)
                .await;
        }
        if let FaultKind::Latency { latency_ms } = fault.kind {
            tokio::time::sleep(Duration::from_millis(latency_ms)).await;
        }
        fault.spoilt(reply)
    }

    fn carry_out(&self, operation: &str, act: impl FnOnce() -> Reply) -> Reply {
        let reply = act();
        if reply.status < 400 {
            self.change(|state| state.counts.entry(operation.to_owned()).or_default().done += 1);
        }
        reply
    }

    async fn pass_gate(&self, operation: &str, moment: Moment) {
        let gate = (operation.to_owned(), moment);
        if self.lock().gates.contains(&gate) {
            self.stand(operation, |state| !state.gates.contains(&gate))
                .await;
        }
    }

    /// Stands still, and is counted as standing, until something is so.
    async fn stand(&self, operation: &str, until: impl Fn(&State) -> bool) {
        let _waiting = Tally::start(self, operation, |count| &mut count.waiting);
        self.until(until).await;
    }

    /// The fault that strikes now, and how often faults were cleared before it.
    fn next_fault(&self, operation: &str) -> Option<(Fault, u64)> {
        let state = &mut *self.lock();
        let at = state
            .faults
            .iter()
            .position(|(of, _)| of == operation || of == "*")?;
        let (_, fault) = state.faults.get_mut(at)?;
        let struck = fault.clone();
        match &mut fault.times {
            Some(0 | 1) => {
                state.faults.remove(at);
            }
            Some(times) => *times -= 1,
            None => {}
        }
        Some((struck, state.clearings))
    }

    async fn until(&self, ready: impl Fn(&State) -> bool) {
        loop {
            // Registered before the look, so that no change between the two is missed.
            let changed = self.changed.notified();
            if ready(&self.lock()) {
                return;
            }
            changed.await;
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same over HTTP, under `/_sim`.
    pub(super) fn route(&self, call: &Call, path: &[&str]) -> Option<Reply> {
        match (call.method.as_str(), path) {
            ("GET", ["counts"]) => return Some(Reply::json(200, &self.lock().counts)),
            ("POST", ["faults", operation]) => match serde_json::from_value(body_of(call)) {
                Ok(fault) => self.fail(operation, fault),
                Err(cause) => {
                    return Some(Reply::json(400, &json!({ "message": cause.to_string() })));
                }
            },
            ("DELETE", ["faults", operation]) => self.clear_faults(operation),
            ("POST", ["gates", operation]) => {
                let moment = body_of(call).get("moment").cloned().unwrap_or_default();
                let moment = serde_json::from_value(moment).unwrap_or_default();
                self.close_gate(operation, moment);
            }
            ("DELETE", ["gates", operation]) => self.open_gate(operation),
            ("GET" | "POST", ["clock"]) => return Some(self.clock(call)),
            _ => return None,
        }
        Some(Reply::empty(204))
    }
}

impl Controls {
    /// Tells the time, after it was moved if that is asked for.
    fn clock(&self, call: &Call) -> Reply {
        let refused = |status, message| Reply::json(status, &json!({ "message": message }));
        let Some((clock, hand)) = self.clock.get() else {
            return refused(409, "this clock cannot be moved");
        };
        if call.method == "POST" {
            match serde_json::from_value(body_of(call)) {
                Ok(Advance { advance_s }) => hand.advance(Duration::from_secs(advance_s.into())),
                Err(_) => return refused(400, "advance_s: how many seconds to go ahead"),
            }
        }
        Reply::json(200, &json!({ "now": clock.now().seconds() }))
    }
}

/// How far the clock is moved; never back.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_s: u32,
}

/// One more in a number of [`Count`], for as long as this lives.
struct Tally<'c> {
    controls: &'c Controls,
    operation: &'c str,
    number: fn(&mut Count) -> &mut u64,
}

impl<'c> Tally<'c> {
    fn start(
        controls: &'c Controls,
        operation: &'c str,
        number: fn(&mut Count) -> &mut u64,
    ) -> Self {
        controls.change(|state| {
            *number(state.counts.entry(operation.to_owned()).or_default()) += 1;
        });
        Self {
            controls,
            operation,
            number,
        }
    }
}

impl Drop for Tally<'_> {
    fn drop(&mut self) {
        self.controls.change(|state| {
            if let Some(count) = state.counts.get_mut(self.operation) {
                *(self.number)(count) -= 1;
            }
        });
    }
}

fn count_of(state: &State, operation: &str) -> Count {
    let counted = state
        .counts
        .iter()
        .filter(|(of, _)| *of == operation || operation == "*");
    counted.fold(Count::default(), |sum, (_, count)| Count {
        calls: sum.calls + count.calls,
        done: sum.done + count.done,
        in_flight: sum.in_flight + count.in_flight,
        in_flight_max: sum.in_flight_max.max(count.in_flight_max),
        waiting: sum.waiting + count.waiting,
    })
}

fn body_of(call: &Call) -> Value {
    call.object().map(Value::Object).unwrap_or_default()
}
