//! What every request meets before a handler and every answer carries: origins, limits of size
//! and time and rate, failures of the framework's own, names of requests, metrics.

mod answers;
mod bodies;
mod cors;
mod metrics;
mod rate_limits;
mod request_ids;
mod wire;
