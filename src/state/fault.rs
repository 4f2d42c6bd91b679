//! Why the state cannot be used.

/// Why the state cannot be used. Carries no text of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StateFault {
    /// There is no connection.
    #[error("the shared state is not reachable")]
    Unreachable,
    /// No answer within the bound.
    #[error("the shared state did not answer in time")]
    Timeout,
    /// It takes no writes: a replica, or one that lost its own replicas.
    #[error("the shared state is read-only")]
    ReadOnly,
    /// Its memory, or our bound on a space, is used up.
    #[error("the state is full")]
    Full,
    /// The password or its rights do not suffice.
    #[error("the shared state refuses this service")]
    Refused,
    /// An answer that makes no sense.
    #[error("the shared state gave an answer that cannot be read")]
    Unreadable,
    /// The file could not be written.
    #[error("the state's file cannot be written")]
    File,
}

impl StateFault {
    /// The word for it in metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::ReadOnly => "read-only",
            Self::Full => "full",
            Self::Refused => "refused",
            Self::Unreadable => "unreadable",
            Self::File => "file",
        }
    }
}
