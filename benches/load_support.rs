//! The parts of the load measurements.
#![expect(
    dead_code,
    reason = "each measurement is a program of its own and uses its share"
)]

pub(crate) mod broker;
pub(crate) mod client;
pub(crate) mod nginx;
pub(crate) mod redis;
pub(crate) mod server;
