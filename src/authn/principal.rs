//! Who calls, proven. A principal is made by `authn` alone, after its credential held.

use std::sync::Arc;

use crate::clock::UnixTime;
use crate::domain::{AvatarUrl, DisplayName, Subject, UserId};

use super::attributes::Attributes;

/// Who calls, proven: the app's user, by the issuer's word. (`iss`, `sub`) is the person, never
/// the e-mail address.
#[derive(Debug)]
pub struct Principal {
    issuer_name: Arc<str>,
    issuer: Arc<str>,
    subject: Subject,
    user_id: UserId,
    display_name: Option<DisplayName>,
    avatar: Option<AvatarUrl>,
    groups: Box<[Box<str>]>,
    has_groups_claim: bool,
    expires_at: Option<UnixTime>,
    attributes: Attributes,
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
    pub(super) avatar: Option<AvatarUrl>,
    pub(super) groups: Box<[Box<str>]>,
    /// Whether the issuer says anything about groups, be it nonsense.
    pub(super) has_groups_claim: bool,
    /// When the credential ends.
    pub(super) expires_at: Option<UnixTime>,
    pub(super) attributes: Attributes,
}

impl Principal {
    pub(super) fn new(proven: Proven) -> Self {
        let Proven {
            issuer_name,
            issuer,
            subject,
            user_id,
            display_name,
            avatar,
            groups,
            has_groups_claim,
            expires_at,
            attributes,
        } = proven;
        Self {
            issuer_name,
            issuer,
            subject,
            user_id,
            display_name,
            avatar,
            groups,
            has_groups_claim,
            expires_at,
            attributes,
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

    /// The values that policy conditions read, built once when the credential was verified.
    pub fn attributes(&self) -> &Attributes {
        &self.attributes
    }
}
