//! Replicas that share a real Redis. `tests/run` runs this; it needs a `redis-server`, on the path
//! or where `ROOM_BROKER_TEST_REDIS` says, which may name a `valkey-server` too.
#![expect(
    unreachable_pub,
    dead_code,
    reason = "`support` is shared with another binary, which uses the rest of it"
)]

/// `cfg(test)` tells the lints that the helpers are test code too.
#[cfg(test)]
mod replicas {
    /// Alone while Redis cannot be written.
    mod alone;

    /// A Redis that is not what it should be.
    mod bad_input;

    /// A cluster, and one of its primaries that fails.
    mod cluster;

    /// The state over Redis does what every form does.
    mod contract;

    /// A room is created once.
    mod creation;

    /// Whom one replica bars, all bar.
    mod denials;

    /// What the doctor says of Redis.
    mod doctor;

    /// Redis is there and knows nothing any more.
    mod emptied;

    /// Redis fails in every way that it can: README's table, cell by cell.
    mod faults;

    /// Between replicas and Redis: slow, silent or cut.
    pub mod fault_proxy;

    /// Some replicas and what is around them.
    pub mod fleet;

    /// What comes twice is done once.
    mod idempotency;

    /// Together they admit what is stated.
    mod limits;

    /// What a replica did not hear, it knows in time all the same.
    mod missed;

    /// What upstream tells one replica, all know.
    mod webhooks;

    /// A Redis server of a test's own.
    pub mod redis_server;

    /// A master that fails, and the sentinel that names another.
    mod sentinels;
}

#[cfg(test)]
mod state_contract;

#[cfg(test)]
mod support;
