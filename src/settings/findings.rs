//! What reading a configuration found beside its values.

use std::fmt;
use std::path::PathBuf;

/// One thing that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where, as a path of keys: `authn.issuers[0].audiences`.
    pub key: String,
    /// What, and what to change. Never repeats a secret.
    pub problem: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.problem)
    }
}

/// What reading found beside the values: faults stop the start, warnings do not, and the files
/// that secrets came from are watched for changes.
#[derive(Debug, Default)]
pub struct Findings {
    /// What stops the start.
    pub faults: Vec<Fault>,
    /// What the operator should know.
    pub warnings: Vec<Fault>,
    /// Files that were read, secrets and keys alike.
    pub files: Vec<PathBuf>,
    /// Every key that was looked for, to compare with those that are documented.
    #[cfg(test)]
    pub(super) keys_read: std::collections::BTreeSet<String>,
}
