//! Principals for the tests of other modules, made of claims by the plainest mapping there is.

use std::sync::Arc;

use serde_json::Value;

use crate::clock::UnixTime;
use crate::domain::{AvatarUrl, DisplayName, Subject, UserId};

use super::super::json::Members;
use super::super::principal::{Principal, Proven};
use super::super::raw_claims::{Claims, RawClaims};

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
    Arc::new(Principal::new(Proven {
        issuer_name: Arc::from("test"),
        issuer: Arc::from("https://id.test"),
        user_id: UserId::new("", &subject),
        subject,
        display_name: DisplayName::parse(&text("name")).ok(),
        email: text("email").into_boxed_str(),
        avatar: AvatarUrl::parse(&text("picture")).ok(),
        groups,
        has_groups_claim: true,
        expires_at: claims["exp"].as_u64().map(UnixTime::from_seconds),
        claims: raw(&claims),
    }))
}

/// As from a token; some tests state more than a token may.
fn raw(claims: &Value) -> RawClaims {
    let text = serde_json::to_vec(claims).unwrap();
    let stated = || Claims::stated(Members::of(claims.as_object().unwrap()));
    Claims::parse(&text).unwrap_or_else(stated).to_raw()
}
