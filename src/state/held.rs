//! A lease that is kept for as long as somebody works under it.

use std::time::Duration;

use super::{Lease, State};

/// A lease that is renewed until it is dropped, and given back then. Must be dropped within a tokio
/// runtime; else it ends by itself.
#[derive(Debug)]
pub struct HeldLease {
    state: State,
    lease: Lease,
    renewing: tokio::task::JoinHandle<()>,
}

impl HeldLease {
    /// Renews a lease that was claimed for so long, well before it ends.
    pub fn keep(state: State, lease: Lease, ttl: Duration) -> Self {
        let renewing = tokio::spawn(renew(state.clone(), lease.clone(), ttl));
        Self {
            state,
            lease,
            renewing,
        }
    }
}

/// Until the lease is lost. What is under way cannot be called back then.
async fn renew(state: State, lease: Lease, ttl: Duration) {
    loop {
        tokio::time::sleep(ttl / 3).await;
        if state.renew(&lease, ttl).await == Ok(false) {
            return;
        }
    }
}

impl Drop for HeldLease {
    /// However the work ended, whoever waits need not wait for the lease to end by itself.
    fn drop(&mut self) {
        self.renewing.abort();
        let (state, lease) = (self.state.clone(), self.lease.clone());
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { state.release(lease).await });
        }
    }
}
