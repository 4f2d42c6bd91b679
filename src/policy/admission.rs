//! Proof that a principal may enter one room in one role until a time.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::authn::Principal;
use crate::clock::UnixTime;
use crate::domain::{RoleName, RoomKey};

/// Where a participant's name, initials or avatar come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldSource {
    /// The verified claim alone; what the request says is refused.
    Claim,
    /// The request where it says something, else the verified claim.
    Request,
    /// Left out of the token: upstream asks the participant or derives it.
    Omit,
}

/// How the participant may look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appearance {
    /// The token's `u`.
    pub name: FieldSource,
    /// The token's `initials` (no claim is mapped to them: `Claim` leaves them to upstream).
    pub initials: FieldSource,
    /// The token's `avatar`.
    pub avatar: FieldSource,
}

/// Proof that a principal may enter one room in one role until a time. Made by `policy` alone.
#[derive(Debug, Clone)]
pub struct Admission {
    principal: Arc<Principal>,
    room_key: RoomKey,
    role: RoleName,
    roles: Arc<[RoleName]>,
    may_create: bool,
    not_before: UnixTime,
    expires_at: UnixTime,
    appearance: Appearance,
    capacity: Option<NonZeroU32>,
    show_live: bool,
    rule: Arc<str>,
}

/// What `policy` decided before it makes an admission.
pub(super) struct Decided {
    pub(super) principal: Arc<Principal>,
    pub(super) room_key: RoomKey,
    pub(super) role: RoleName,
    pub(super) roles: Arc<[RoleName]>,
    pub(super) may_create: bool,
    pub(super) now: UnixTime,
    pub(super) token_ttl: Duration,
    pub(super) appearance: Appearance,
    pub(super) capacity: Option<NonZeroU32>,
    pub(super) show_live: bool,
    pub(super) rule: Arc<str>,
}

impl Admission {
    pub(super) fn new(decided: Decided) -> Self {
        let Decided {
            principal,
            room_key,
            role,
            roles,
            may_create,
            now,
            token_ttl,
            appearance,
            capacity,
            show_live,
            rule,
        } = decided;
        let expires_at = now.plus(token_ttl);
        Self {
            principal,
            room_key,
            role,
            roles,
            may_create,
            not_before: now,
            expires_at,
            appearance,
            capacity,
            show_live,
            rule,
        }
    }

    /// Who may enter.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Which room.
    pub fn room_key(&self) -> &RoomKey {
        &self.room_key
    }

    /// In which role.
    pub fn role(&self) -> &RoleName {
        &self.role
    }

    /// The roles that may be asked for, the rule's own first.
    pub fn roles(&self) -> &[RoleName] {
        &self.roles
    }

    /// Whether the room may be created for this principal.
    pub fn may_create(&self) -> bool {
        self.may_create
    }

    /// From when on: the moment of the decision.
    pub fn not_before(&self) -> UnixTime {
        self.not_before
    }

    /// Until when.
    pub fn expires_at(&self) -> UnixTime {
        self.expires_at
    }

    /// How the participant may look.
    pub fn appearance(&self) -> Appearance {
        self.appearance
    }

    /// With so many in the room nobody more enters by the rule.
    pub fn capacity(&self) -> Option<NonZeroU32> {
        self.capacity
    }

    /// Whether the principal may know how many are in the room.
    pub fn show_live(&self) -> bool {
        self.show_live
    }

    /// The name of the rule that decided.
    pub fn rule(&self) -> &str {
        &self.rule
    }
}
