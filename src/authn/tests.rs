//! The whole way from a bearer to a principal, against a provider on a loopback port.

mod introspection;
mod keys;
mod tokens;
