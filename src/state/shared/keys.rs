//! The names of keys. What one script touches stands in one hash slot of a cluster: the part in
//! braces alone decides the slot.

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Space;

/// Notices are numbered in the slot of the records that must not be lost unnoticed: a failover of a
/// cluster that lost some of them lost as many numbers.
const NUMBERED_BESIDE: &str = "denials";

#[derive(Debug)]
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
        }
    }

    pub(super) fn lease(&self, name: &str) -> String {
        format!("{{{}:lease}}:{name}", self.prefix)
    }

    pub(super) fn fences(&self) -> String {
        format!("{{{}:lease}}", self.prefix)
    }

    pub(super) fn seen(&self, name: &str) -> String {
        format!("{}:seen:{name}", self.prefix)
    }

    /// All buckets of one subject are in one slot, and subjects are spread.
    pub(super) fn bucket(&self, subject: &str, limit: &str) -> String {
        format!("{{{}:limit:{subject}}}:{limit}", self.prefix)
    }

    pub(super) fn window(&self, name: &str) -> String {
        format!("{}:window:{name}", self.prefix)
    }

    pub(super) fn record(&self, space: Space, id: &str) -> String {
        format!("{{{}:{}}}:{id}", self.prefix, space.name)
    }

    pub(super) fn ids(&self, space: Space) -> String {
        format!("{{{}:{}}}", self.prefix, space.name)
    }

    pub(super) fn sequence(&self) -> String {
        format!("{{{}:{NUMBERED_BESIDE}}}-sequence", self.prefix)
    }

    pub(super) fn generation(&self) -> String {
        format!("{{{}:{NUMBERED_BESIDE}}}-generation", self.prefix)
    }

    pub(super) fn probe(&self) -> String {
        format!("{}:probe", self.prefix)
    }

    pub(super) fn channel(&self) -> String {
        format!("{}:notices", self.prefix)
    }
}

/// 128 bits that stand for some texts: who is limited is nobody's business who looks into Redis.
pub(super) fn hashed(parts: &[&str]) -> String {
    let mut hash = Context::new(&SHA256);
    for part in parts {
        hash.update(&part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    let hash = hash.finish();
    let (bits, _rest) = hash.as_ref().split_at(16);
    URL_SAFE_NO_PAD.encode(bits)
}
