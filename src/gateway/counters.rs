//! Calls of the gateway by operation and class of status: a handle is kept for each.

use std::collections::HashMap;
use std::sync::OnceLock;

use prometheus_client::metrics::counter::Counter;

use crate::digital_samba::Operation;
use crate::metrics::{GatewayCall, Metrics};

/// The last one is for calls that were refused or failed here.
const CLASSES: [&str; 5] = ["2xx", "3xx", "4xx", "5xx", "failed"];

/// A handle is made when it is first used, so that the exposition shows what happened alone.
#[derive(Debug)]
pub(super) struct Counters {
    metrics: Metrics,
    handles: HashMap<&'static str, [OnceLock<Counter>; CLASSES.len()]>,
}

impl Counters {
    pub(super) fn new(metrics: &Metrics) -> Self {
        let operations = Operation::all().iter();
        Self {
            metrics: metrics.clone(),
            handles: operations
                .map(|operation| (operation.id, Default::default()))
                .collect(),
        }
    }

    /// Counts a call that upstream answered with a status, or one that failed.
    pub(super) fn count(&self, operation: &Operation, status: Option<u16>) {
        let at = match status {
            Some(status) => usize::from(status / 100).saturating_sub(2),
            None => CLASSES.len() - 1,
        };
        let handles = self.handles.get(operation.id);
        let (Some(handle), Some(class)) = (handles.and_then(|of| of.get(at)), CLASSES.get(at))
        else {
            return;
        };
        let calls = &self.metrics.gateway_calls;
        let labels = GatewayCall {
            operation: operation.id,
            class,
        };
        handle
            .get_or_init(|| calls.get_or_create_owned(&labels))
            .inc();
    }
}
