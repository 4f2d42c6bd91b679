//! Principals for the tests of other modules, made of claims by the plainest mapping there is.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::clock::UnixTime;
use crate::domain::{AvatarUrl, DisplayName, Subject, UserId};

use super::super::attributes::Attributes;
use super::super::principal::{Principal, Proven};

/// A principal of the issuer `test`: `sub`, `name`, `email`, `groups`, `picture` and `exp` where
/// such claims stand, and all claims raw.
///
/// # Panics
/// When `sub` is no subject.
#[expect(
    clippy::needless_pass_by_value,
    reason = "tests write the claims where they ask for the principal"
)]
pub(crate) fn principal(claims: Value) -> Arc<Principal> {
    let text = |name: &str| claims[name].as_str().unwrap_or_default().to_owned();
    let subject = Subject::parse(&text("sub")).unwrap();
    let groups: Box<[Box<str>]> = claims["groups"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|group| group.as_str().map(Box::from))
        .collect();
    let user = json!({
        "id": text("sub"), "subject": text("sub"), "name": text("name"), "email": text("email"),
        "groups": groups, "avatar": text("picture"), "issuer": "test", "claims": claims,
    });
    let kind = json!({
        "kind": "user", "issuer": "test", "issuer_url": "https://id.test", "id": text("sub"),
    });
    Arc::new(Principal::new(Proven {
        issuer_name: Arc::from("test"),
        issuer: Arc::from("https://id.test"),
        user_id: UserId::new("", &subject),
        subject,
        display_name: DisplayName::parse(&text("name")).ok(),
        avatar: AvatarUrl::parse(&text("picture")).ok(),
        groups,
        has_groups_claim: true,
        expires_at: claims["exp"].as_u64().map(UnixTime::from_seconds),
        attributes: Attributes::new(cel::to_value(user).unwrap(), cel::to_value(kind).unwrap()),
    }))
}
