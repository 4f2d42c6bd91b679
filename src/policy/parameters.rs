//! What a policy is made of, before it is compiled and checked, and what can be wrong with it.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::{RoleName, RoomPattern};

use super::admission::Appearance;
use super::cases::Case;

/// A policy as written: each part parsed, nothing compiled yet.
#[derive(Debug, Clone)]
pub struct Parameters {
    /// In the order in which they are tried.
    pub rules: Vec<RuleParameters>,
    /// What the operator expects the rules to decide.
    pub cases: Vec<Case>,
    /// No admission lasts longer, whatever its rule says.
    pub token_ttl_max: Duration,
    /// Whether an admission ends with the principal's own credential.
    pub within_credential: bool,
}

/// One rule as written.
#[derive(Debug, Clone)]
pub struct RuleParameters {
    /// Stands in the audit line; one rule's alone.
    pub name: Arc<str>,
    /// The rooms that it decides about.
    pub room: RoomPattern,
    /// The condition; none is always true.
    pub when: Option<String>,
    /// What it decides.
    pub effect: Effect,
}

/// What a rule decides.
#[derive(Debug, Clone)]
pub enum Effect {
    /// The principal may not enter.
    Refuse,
    /// The principal may enter.
    Admit(Admit),
}

/// What a rule that admits gives.
#[derive(Debug, Clone)]
pub struct Admit {
    /// The role.
    pub role: RoleName,
    /// Other roles that the caller may ask for.
    pub roles_on_request: Vec<RoleName>,
    /// Whether the room may be created.
    pub may_create: bool,
    /// How long the admission lasts.
    pub token_ttl: Duration,
    /// How the participant may look.
    pub appearance: Appearance,
    /// With so many in the room nobody more enters by this rule.
    pub capacity: Option<NonZeroU32>,
    /// Whether the caller may know how many are in the room.
    pub show_live: bool,
}

/// One thing that is wrong with a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFault {
    /// Where, within the policy: `rules[2].when`.
    pub key: String,
    /// The name of the rule, if it is a rule's fault.
    pub rule: Option<Arc<str>>,
    /// What is wrong, and what to change.
    pub message: String,
}

impl PolicyFault {
    pub(super) fn of_rule(index: usize, name: &Arc<str>, field: &str, message: String) -> Self {
        Self {
            key: format!("rules[{index}].{field}"),
            rule: Some(Arc::clone(name)),
            message,
        }
    }
}

impl fmt::Display for PolicyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.rule {
            Some(rule) => write!(f, "{} ({rule}): {}", self.key, self.message),
            None => write!(f, "{}: {}", self.key, self.message),
        }
    }
}
