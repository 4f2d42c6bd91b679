//! Calls of the gateway by operation and class of status: a handle is kept for each.

use std::collections::HashMap;

use prometheus_client::metrics::counter::Counter;

use crate::digital_samba::Operation;
use crate::metrics::{GatewayCall, Metrics};

const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];
/// For calls that were refused or failed here.
const FAILED: &str = "failed";

#[derive(Debug)]
pub(super) struct Counters(HashMap<&'static str, [Counter; 5]>);

impl Counters {
    pub(super) fn new(metrics: &Metrics) -> Self {
        let calls = &metrics.gateway_calls;
        let counters = |operation: &Operation| {
            let of = |class| {
                calls.get_or_create_owned(&GatewayCall {
                    operation: operation.id,
                    class,
                })
            };
            let [second, third, fourth, fifth] = CLASSES.map(of);
            (operation.id, [second, third, fourth, fifth, of(FAILED)])
        };
        Self(Operation::all().iter().map(counters).collect())
    }

    /// Counts a call that upstream answered with a status, or one that failed.
    pub(super) fn count(&self, operation: &Operation, status: Option<u16>) {
        let class = match status {
            Some(status) => usize::from(status / 100).saturating_sub(2),
            None => CLASSES.len(),
        };
        let counters = self.0.get(operation.id);
        if let Some(counter) = counters.and_then(|counters| counters.get(class)) {
            counter.inc();
        }
    }
}
