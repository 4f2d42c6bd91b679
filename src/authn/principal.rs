//! Who calls, proven. A principal is made by `authn` alone, after its credential held.

use std::sync::Arc;

use crate::clock::UnixTime;
use crate::domain::{AvatarUrl, DisplayName, Subject, UserId};

use super::attributes::{Attributes, Values};
use super::raw_claims::RawClaims;

/// Who calls, proven: the app's user, by the issuer's word. (`iss`, `sub`) is the person, never
/// the e-mail address.
#[derive(Debug)]
pub struct Principal {
    issuer_name: Arc<str>,
    issuer: Arc<str>,
    subject: Subject,
    user_id: UserId,
    display_name: Option<DisplayName>,
    email: Box<str>,
    avatar: Option<AvatarUrl>,
    groups: Box<[Box<str>]>,
    has_groups_claim: bool,
    expires_at: Option<UnixTime>,
    values: Values,
}

/// What `authn` proved of a principal before it makes one.
pub(super) struct Proven {
    /// The configured short name of the issuer.
    pub(super) issuer_name: Arc<str>,
    /// The issuer's identifier, the claim `iss`.
    pub(super) issuer: Arc<str>,
    pub(super) subject: Subject,
    pub(super) user_id: UserId,
    pub(super) display_name: Option<DisplayName>,
    /// Empty if there is none.
    pub(super) email: Box<str>,
    pub(super) avatar: Option<AvatarUrl>,
    pub(super) groups: Box<[Box<str>]>,
    /// Whether the issuer says anything about groups, be it nonsense.
    pub(super) has_groups_claim: bool,
    /// When the credential ends.
    pub(super) expires_at: Option<UnixTime>,
    pub(super) claims: RawClaims,
}

impl Principal {
    pub(super) fn new(proven: Proven) -> Self {
        let Proven {
            issuer_name,
            issuer,
            subject,
            user_id,
            display_name,
            email,
            avatar,
            groups,
            has_groups_claim,
            expires_at,
            claims,
        } = proven;
        Self {
            issuer_name,
            issuer,
            subject,
            user_id,
            display_name,
            email,
            avatar,
            groups,
            has_groups_claim,
            expires_at,
            values: Values::new(claims),
        }
    }

    /// The configured short name of the issuer, for logs and policy.
    pub fn issuer_name(&self) -> &str {
        &self.issuer_name
    }

    /// The issuer's identifier, the claim `iss`.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The issuer's name of the person, the claim `sub` or the one configured for it.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// What Digital Samba is told (`ud`).
    pub fn user_id(&self) -> &UserId {
        &self.user_id
    }

    /// The display name that the issuer gives.
    pub fn display_name(&self) -> Option<&DisplayName> {
        self.display_name.as_ref()
    }

    /// The picture that the issuer gives.
    pub fn avatar(&self) -> Option<&AvatarUrl> {
        self.avatar.as_ref()
    }

    /// The groups or roles that the issuer gives.
    pub fn groups(&self) -> &[Box<str>] {
        &self.groups
    }

    /// Whether the issuer says anything about groups or roles, be it nothing that can be read.
    pub(super) fn has_groups_claim(&self) -> bool {
        self.has_groups_claim
    }

    /// When the credential ends, if it says so.
    pub fn expires_at(&self) -> Option<UnixTime> {
        self.expires_at
    }

    /// What policy conditions read.
    pub fn attributes(&self) -> Attributes<'_> {
        Attributes {
            id: self.user_id.as_str(),
            subject: self.subject.as_str(),
            name: self.display_name.as_ref().map_or("", DisplayName::as_str),
            email: &self.email,
            groups: &self.groups,
            avatar: self.avatar.as_ref().map_or("", AvatarUrl::as_str),
            issuer: &self.issuer_name,
            issuer_url: &self.issuer,
            values: &self.values,
        }
    }
}
