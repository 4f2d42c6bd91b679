//! Leases: short exclusive rights across replicas.

use std::time::Duration;

/// The answer to a claim.
#[derive(Debug, PartialEq, Eq)]
pub enum Claim {
    /// The right is the caller's, until it ends.
    Mine(Lease),
    /// Somebody else has it, for at most so long unless they renew it.
    Others {
        /// How long.
        ends_in: Duration,
    },
}

/// A right that was claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub(super) name: String,
    pub(super) fence: u64,
}

impl Lease {
    /// Greater than that of every lease before it: of two who think that they hold the right, the
    /// greater one does. It also tells holders apart when a lease is renewed or released.
    pub fn fence(&self) -> u64 {
        self.fence
    }
}
