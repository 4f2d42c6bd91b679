//! What policy conditions read of a principal, as values of the expression language. A member that
//! is asked for alone is answered alone; what takes many values is made when it is first asked for,
//! and then kept: making it anew costs more than evaluating a rule.

use std::collections::HashMap;
use std::fmt;
use std::sync::OnceLock;

use super::raw_claims::{Claims, RawClaims, weight_of_text};
use cel::common::types::{CelList, CelMap, CelMapKey, CelString};
use cel::common::value::{CowVal, Val};

/// The variables `user` and `principal` of policy conditions.
///
/// `user`: `id`, `subject`, `name`, `email`, `groups`, `avatar` (mapped; absent text is `""`, absent
/// groups are `[]`), `issuer` (the configured short name), and `claims` (all claims, raw).
/// `principal`: `kind` (`"user"`), `issuer`, `issuer_url`, `id`.
#[derive(Debug, Clone, Copy)]
pub struct Attributes<'a> {
    pub(super) id: &'a str,
    pub(super) subject: &'a str,
    pub(super) name: &'a str,
    pub(super) email: &'a str,
    pub(super) groups: &'a [Box<str>],
    pub(super) avatar: &'a str,
    pub(super) issuer: &'a str,
    pub(super) issuer_url: &'a str,
    pub(super) values: &'a Values,
}

/// Those values of a principal that are made on demand.
pub(super) struct Values {
    claims: RawClaims,
    groups: OnceLock<Box<dyn Val>>,
    user: OnceLock<Box<dyn Val>>,
    principal: OnceLock<Box<dyn Val>>,
}

impl Values {
    pub(super) fn new(claims: RawClaims) -> Self {
        Self {
            claims,
            groups: OnceLock::new(),
            user: OnceLock::new(),
            principal: OnceLock::new(),
        }
    }
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Values").finish_non_exhaustive()
    }
}

impl<'a> Attributes<'a> {
    /// The members of `user`: conditions may name no other.
    pub const USER_MEMBERS: [&'static str; 8] = [
        "id", "subject", "name", "email", "groups", "avatar", "issuer", "claims",
    ];
    /// The members of `principal`.
    pub const PRINCIPAL_MEMBERS: [&'static str; 4] = ["kind", "issuer", "issuer_url", "id"];

    /// The variable `user`, a map.
    pub fn user(&self) -> &'a dyn Val {
        let value = self.values.user.get_or_init(|| {
            map_of(&Self::USER_MEMBERS, |name| match name {
                "groups" => self.groups().clone_as_boxed(),
                "claims" => self.values.claims.value().clone_as_boxed(),
                text => owned_text(self.user_text(text)),
            })
        });
        &**value
    }

    /// A member of `user`.
    pub fn user_member(&self, name: &str) -> Option<CowVal<'a, 'a>> {
        match name {
            "groups" => Some(CowVal::Borrowed(self.groups())),
            "claims" => Some(CowVal::Borrowed(self.values.claims.value())),
            text => self.user_text(text).map(borrowed_text),
        }
    }

    /// The variable `principal`, a map.
    pub fn principal(&self) -> &'a dyn Val {
        let value = self.values.principal.get_or_init(|| {
            map_of(&Self::PRINCIPAL_MEMBERS, |name| {
                owned_text(self.principal_text(name))
            })
        });
        &**value
    }

    /// A member of `principal`.
    pub fn principal_member(&self, name: &str) -> Option<CowVal<'a, 'a>> {
        self.principal_text(name).map(borrowed_text)
    }

    /// How much going through all of `user` costs at most, in elements.
    pub fn weight(&self) -> usize {
        let texts = [
            self.id,
            self.subject,
            self.name,
            self.email,
            self.avatar,
            self.issuer,
        ];
        let texts = texts.into_iter().map(weight_of_text);
        let groups = self.groups.iter().map(|group| weight_of_text(group));
        let list_itself = 1;
        texts
            .chain(groups)
            .chain([Self::USER_MEMBERS.len(), list_itself])
            .fold(self.values.claims.weight(), usize::saturating_add)
    }

    fn user_text(&self, name: &str) -> Option<&'a str> {
        match name {
            "id" => Some(self.id),
            "subject" => Some(self.subject),
            "name" => Some(self.name),
            "email" => Some(self.email),
            "avatar" => Some(self.avatar),
            "issuer" => Some(self.issuer),
            _no_text => None,
        }
    }

    fn principal_text(&self, name: &str) -> Option<&'a str> {
        match name {
            "kind" => Some("user"),
            "issuer" => Some(self.issuer),
            "issuer_url" => Some(self.issuer_url),
            "id" => Some(self.id),
            _unknown => None,
        }
    }

    fn groups(&self) -> &'a (dyn Val + 'static) {
        let value = self.values.groups.get_or_init(|| {
            let groups = self.groups.iter().map(|group| owned_text(Some(group)));
            Box::new(CelList::from(groups.collect::<Vec<_>>()))
        });
        &**value
    }
}

/// Nobody, with a value of the right type in each member, and no claims: what conditions are tried
/// against before they decide about people.
#[derive(Debug)]
pub struct SampleAttributes {
    groups: [Box<str>; 1],
    values: Values,
}

impl SampleAttributes {
    const TEXT: &'static str = "sample";

    /// Makes the values.
    #[expect(
        clippy::new_without_default,
        reason = "there is no default person, only an example of one"
    )]
    pub fn new() -> Self {
        Self {
            groups: [Box::from(Self::TEXT)],
            values: Values::new(Claims::default().to_raw()),
        }
    }

    /// As conditions read them.
    pub fn attributes(&self) -> Attributes<'_> {
        Attributes {
            id: Self::TEXT,
            subject: Self::TEXT,
            name: Self::TEXT,
            email: Self::TEXT,
            groups: &self.groups,
            avatar: Self::TEXT,
            issuer: Self::TEXT,
            issuer_url: Self::TEXT,
            values: &self.values,
        }
    }
}

fn map_of(names: &[&'static str], value: impl Fn(&str) -> Box<dyn Val>) -> Box<dyn Val> {
    let entries = names
        .iter()
        .map(|name| (CelMapKey::from(*name), value(name)));
    Box::new(CelMap::from(entries.collect::<HashMap<_, _>>()))
}

fn borrowed_text(text: &str) -> CowVal<'_, '_> {
    CowVal::owned(CelString::from(text))
}

/// Every name that is asked for has a text; one that had none would be empty, which gives no rights.
fn owned_text(text: Option<&str>) -> Box<dyn Val> {
    Box::new(CelString::from(text.unwrap_or_default().to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::authn::testing::principal;

    #[test]
    fn the_weight_is_that_of_all_of_user() {
        let long = "x".repeat(100);
        let principal = principal(json!({
            "sub": "u1", "name": "Ada", "email": format!("{long}@acme.com"),
            "picture": "https://acme.com/ada.png", "groups": [long, "staff"], "deep": [[1], {}],
        }));
        // Each member and its text, for each 32 bytes one more, and the list of groups itself.
        let members = 8 + 6 + (100 + 9) / 32 + 1 + (1 + 100 / 32) + 1;
        let texts = 5 + (100 + 9) / 32;
        let claims = 6 + texts - 1 + (1 + (1 + 100 / 32) + 1) + (1 + (1 + 1));
        assert_eq!(principal.attributes().weight(), members + claims);
    }

    #[test]
    fn each_member_is_the_one_of_the_map() {
        let principal = principal(json!({ "sub": "u1", "name": "Ada", "groups": ["staff"] }));
        let attributes = principal.attributes();
        let same = |map: &dyn Val, name: &str, member: Option<CowVal<'_, '_>>| {
            let within = map.as_indexer().unwrap().get(&CelString::from(name));
            within.unwrap().equals(&*member.unwrap())
        };
        for name in Attributes::USER_MEMBERS {
            let member = attributes.user_member(name);
            assert!(same(attributes.user(), name, member), "{name}");
        }
        for name in Attributes::PRINCIPAL_MEMBERS {
            let member = attributes.principal_member(name);
            assert!(same(attributes.principal(), name, member), "{name}");
        }
        assert!(attributes.user_member("kind").is_none());
        assert!(attributes.principal_member("claims").is_none());
    }

    #[test]
    fn a_principal_prints_no_raw_claim() {
        let principal = principal(json!({ "sub": "u1", "secret": "hidden" }));
        principal.attributes().user();
        assert!(!format!("{principal:?} {:?}", principal.attributes()).contains("hidden"));
    }
}
