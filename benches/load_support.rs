//! The parts of the load measurement.

pub(crate) mod broker;
pub(crate) mod client;
pub(crate) mod server;
