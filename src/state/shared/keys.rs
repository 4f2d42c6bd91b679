//! The names of keys. What one script touches stands in one hash slot of a cluster: the part in
//! braces alone decides the slot.

use super::Space;

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
        format!("{{{}:notices}}:sequence", self.prefix)
    }

    pub(super) fn generation(&self) -> String {
        format!("{{{}:notices}}:generation", self.prefix)
    }

    pub(super) fn channel(&self) -> String {
        format!("{}:notices", self.prefix)
    }
}
