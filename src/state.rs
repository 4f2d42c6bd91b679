//! What must outlive a request, or be one for all replicas, behind one port with two forms:
//! embedded (in process, with a file for what must survive a restart) and shared (Redis). Knows
//! neither rooms nor limits nor HTTP; who uses it decides what its failure means.
//!
//! Counters for limits stand beside the port, in the shared form alone: in one process a limiter and
//! upstream's budget count by themselves, in memory, so that no request pays for a port that decides
//! nothing; and they are what a replica falls back on without Redis, so that they are there in any case.

mod embedded;
mod fault;
mod file;
mod held;
mod lease;
mod notice;
mod record;
mod redis_servers;
mod redis_url;
mod shared;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use embedded::Embedded;
pub use fault::StateFault;
pub use file::FileFault;
pub use held::HeldLease;
pub use lease::{Claim, Lease};
pub use notice::{Heard, Notice, Notices, Topic};
pub use record::{RecordFault, Records, Space};
pub use redis_servers::{
    RedisAddress, RedisAddressFault, RedisServers, RedisServersFault, Sentinels,
};
pub use redis_url::{RedisUrl, RedisUrlFault};
pub use shared::{
    Examination, Parameters as RedisParameters, RedisServer, Shared, Take, Taken, Takes, Unusable,
    examine,
};

use crate::clock::Clock;
use crate::metrics::Metrics;

/// Which form, and what it needs.
#[derive(Debug, Clone)]
pub enum Parameters {
    /// This process alone.
    Embedded {
        /// Where records are kept; in memory alone if there is none.
        file: Option<PathBuf>,
    },
    /// All replicas together.
    Shared(Box<RedisParameters>),
}

/// The port. Cheap to clone.
#[derive(Debug, Clone)]
pub struct State(Form);

#[derive(Debug, Clone)]
enum Form {
    Embedded(Arc<Embedded>),
    Shared(Shared),
}

impl State {
    /// Opens the file or starts to connect. Must be called within a tokio runtime, which outlives
    /// all use of it. A Redis that cannot be reached stops nothing.
    ///
    /// # Errors
    /// [`FileFault`] when the file cannot be used.
    pub fn open(
        parameters: &Parameters,
        clock: Clock,
        metrics: Metrics,
    ) -> Result<Self, FileFault> {
        let form = match parameters {
            Parameters::Embedded { file } => {
                metrics.state_up.set(1);
                Form::Embedded(Arc::new(Embedded::open(file.as_deref(), clock)?))
            }
            Parameters::Shared(redis) => Form::Shared(Shared::start(redis, clock, metrics)),
        };
        Ok(Self(form))
    }

    /// In process, nothing kept.
    pub fn in_memory(clock: Clock) -> Self {
        Self(Form::Embedded(Arc::new(Embedded::in_memory(clock))))
    }

    /// What replicas share beyond the port; `None` where there is one process alone.
    pub fn shared(&self) -> Option<&Shared> {
        match &self.0 {
            Form::Embedded(_) => None,
            Form::Shared(shared) => Some(shared),
        }
    }

    /// Whether it does what it is asked now.
    pub fn is_up(&self) -> bool {
        match &self.0 {
            Form::Embedded(_) => true,
            Form::Shared(shared) => shared.is_well(),
        }
    }

    /// Whether records survive a restart of this process.
    pub fn is_durable(&self) -> bool {
        match &self.0 {
            Form::Embedded(embedded) => embedded.has_file(),
            Form::Shared(_) => true,
        }
    }

    /// Claims the short exclusive right to do one thing across replicas.
    ///
    /// # Errors
    /// [`StateFault`].
    pub async fn claim(&self, name: &str, ttl: Duration) -> Result<Claim, StateFault> {
        match &self.0 {
            Form::Embedded(embedded) => embedded.claim(name, ttl),
            Form::Shared(shared) => shared.claim(name, ttl).await,
        }
    }

    /// Extends a lease; false when it had ended, and perhaps is another's now.
    ///
    /// # Errors
    /// [`StateFault`].
    pub async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<bool, StateFault> {
        match &self.0 {
            Form::Embedded(embedded) => Ok(embedded.renew(lease, ttl)),
            Form::Shared(shared) => shared.renew(lease, ttl).await,
        }
    }

    /// Ends a lease before its time. One that is another's by now stays.
    ///
    /// # Errors
    /// [`StateFault`]; then it ends by itself.
    pub async fn release(&self, lease: Lease) -> Result<(), StateFault> {
        match &self.0 {
            Form::Embedded(embedded) => {
                embedded.release(&lease);
                Ok(())
            }
            Form::Shared(shared) => shared.release(&lease).await,
        }
    }

    /// True for the first who asks about this name, and again once `ttl` has passed.
    ///
    /// # Errors
    /// [`StateFault`].
    pub async fn is_first(&self, name: &str, ttl: Duration) -> Result<bool, StateFault> {
        match &self.0 {
            Form::Embedded(embedded) => embedded.is_first(name, ttl),
            Form::Shared(shared) => shared.is_first(name, ttl).await,
        }
    }

    /// Tells every other replica. What cannot be told now is told once it can.
    pub async fn announce(&self, notice: Notice) {
        match &self.0 {
            Form::Embedded(_) => {}
            Form::Shared(shared) => shared.announce(notice).await,
        }
    }

    /// Hears what others announce from now on.
    pub fn listen(&self) -> Notices {
        match &self.0 {
            Form::Embedded(embedded) => embedded.listen(),
            Form::Shared(shared) => shared.listen(),
        }
    }
}
