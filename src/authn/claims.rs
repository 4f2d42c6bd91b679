//! From an issuer's checked claims to a principal: which claim is what, by JSON pointer. A claim of
//! the wrong type is absent; only the subject must be there.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::clock::UnixTime;
use crate::domain::{AvatarUrl, DisplayName, Subject, TextFault, UserId};

use super::json::{Json, Members};
use super::parameters::IssuerParameters;
use super::principal::{Principal, Proven};
use super::raw_claims::Claims;

/// Where the claims of one issuer are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimMapping {
    /// The person, unique with this issuer and never given to another.
    pub user_id: ClaimPointer,
    /// The display name.
    pub name: ClaimPointer,
    /// The e-mail address: an attribute for policy, never the identity.
    pub email: ClaimPointer,
    /// Groups or roles: a list of texts, or one text to be split.
    pub groups: ClaimPointer,
    /// What separates the groups of one text, such as a space in `scope`.
    pub groups_split: Option<String>,
    /// The picture.
    pub avatar: ClaimPointer,
}

/// A JSON pointer (RFC 6901) to a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimPointer(Box<[Box<str>]>);

/// Why a text is not a pointer to a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a JSON pointer such as /sub or /realm_access/roles, with / in a name as ~1")]
pub struct PointerFault;

impl FromStr for ClaimPointer {
    type Err = PointerFault;

    fn from_str(text: &str) -> Result<Self, PointerFault> {
        let path = text.strip_prefix('/').ok_or(PointerFault)?;
        let mut steps = Vec::new();
        for step in path.split('/') {
            let plain = step.replace("~1", "").replace("~0", "");
            if step.is_empty() || plain.contains('~') {
                return Err(PointerFault);
            }
            steps.push(step.replace("~1", "/").replace("~0", "~").into_boxed_str());
        }
        Ok(Self(steps.into_boxed_slice()))
    }
}

impl ClaimPointer {
    /// A pointer to a claim at the top.
    pub fn to_top(name: &str) -> Self {
        Self(Box::new([Box::from(name)]))
    }

    pub(super) fn find<'a, 'j>(&self, claims: &'a Members<'j>) -> Option<&'a Json<'j>> {
        let (first, rest) = self.0.split_first()?;
        let mut value = claims.get(first.as_ref())?;
        for step in rest {
            value = match value {
                Json::Object(members) => members.get(step.as_ref())?,
                Json::List(entries) => entries.get(step.parse::<usize>().ok()?)?,
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) => return None,
            };
        }
        Some(value)
    }

    fn text<'a>(&self, claims: &'a Members<'_>) -> Option<&'a str> {
        self.find(claims)?.as_str()
    }
}

impl fmt::Display for ClaimPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.0 {
            write!(f, "/{}", step.replace('~', "~0").replace('/', "~1"))?;
        }
        Ok(())
    }
}

/// Why claims do not make a principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClaimsFault {
    /// No issuer of that name is configured, or none was named and there are several.
    #[error("names no configured issuer")]
    UnknownIssuer,
    /// Claims are the members of a JSON object.
    #[error("claims must be an object")]
    NotAnObject,
    /// The claim that says who this is is missing or no text.
    #[error("the claim that says who this is is missing or not text")]
    NoSubject,
    /// What it says cannot be a subject.
    #[error("the subject {0}")]
    Subject(TextFault),
}

/// Maps claims that were checked; the subject is all they must have.
pub(super) fn principal(
    issuer: &IssuerParameters,
    claims: &Claims<'_>,
    expires_at: Option<UnixTime>,
) -> Result<Principal, ClaimsFault> {
    let mapping = &issuer.claims;
    let members = claims.members();
    let subject = mapping.user_id.text(members);
    let subject = Subject::parse(subject.ok_or(ClaimsFault::NoSubject)?);
    let subject = subject.map_err(ClaimsFault::Subject)?;
    let display_name = mapping.name.text(members);
    let avatar = mapping.avatar.text(members);
    Ok(Principal::new(Proven {
        issuer_name: Arc::clone(&issuer.name),
        issuer: Arc::clone(&issuer.issuer),
        user_id: UserId::new(&issuer.user_id_prefix, &subject),
        subject,
        display_name: display_name.and_then(|name| DisplayName::parse(name).ok()),
        email: Box::from(mapping.email.text(members).unwrap_or_default()),
        avatar: avatar.and_then(|url| AvatarUrl::parse(url).ok()),
        groups: groups(mapping, members),
        has_groups_claim: mapping.groups.find(members).is_some(),
        expires_at,
        claims: claims.to_raw(),
    }))
}

fn groups(mapping: &ClaimMapping, claims: &Members<'_>) -> Box<[Box<str>]> {
    match (mapping.groups.find(claims), &mapping.groups_split) {
        (Some(Json::List(entries)), _) => entries
            .iter()
            .filter_map(Json::as_str)
            .map(Box::from)
            .collect(),
        (Some(Json::Text(text)), Some(separator)) => text
            .split(separator.as_str())
            .filter(|part| !part.is_empty())
            .map(Box::from)
            .collect(),
        (Some(_) | None, _) => Box::default(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::authn::parameters::KeySource;
    use crate::authn::testing::{claims, claims_but, issuer, parameters};

    fn mapped(change: impl Fn(&mut ClaimMapping), claims: &Value) -> Principal {
        let mut issuer = issuer(KeySource::None, &[]);
        change(&mut issuer.claims);
        let text = serde_json::to_vec(claims).unwrap();
        principal(&issuer, &Claims::parse(&text).unwrap(), None).unwrap()
    }

    fn groups_at(pointer: &str, split: Option<&str>, claims: &Value) -> Vec<String> {
        let principal = mapped(
            |mapping| {
                mapping.groups = pointer.parse().unwrap();
                mapping.groups_split = split.map(str::to_owned);
            },
            claims,
        );
        principal.groups().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn groups_are_found_where_each_provider_puts_them() {
        for (pointer, split, name, value) in [
            (
                "/realm_access/roles",
                None,
                "realm_access",
                json!({ "roles": ["a", "b"] }),
            ),
            ("/cognito:groups", None, "cognito:groups", json!(["a", "b"])),
            (
                "/https:~1~1acme.com~1roles",
                None,
                "https://acme.com/roles",
                json!(["a", "b"]),
            ),
            ("/scope", Some(" "), "scope", json!("a  b ")),
            ("/scp", Some(" "), "scp", json!(["a", 1, null, ["c"], "b"])),
            (
                "/orgs/0/roles",
                None,
                "orgs",
                json!([{ "roles": ["a", "b"] }]),
            ),
        ] {
            let claims = claims_but(name, value);
            assert_eq!(groups_at(pointer, split, &claims), ["a", "b"], "{pointer}");
        }
    }

    #[test]
    fn a_claim_of_the_wrong_type_is_absent() {
        for value in [
            json!("a"),
            json!({ "a": "b" }),
            json!(1),
            json!(true),
            json!([["a"]]),
        ] {
            let groups = groups_at("/groups", None, &claims_but("groups", value.clone()));
            assert!(groups.is_empty(), "{value}");
        }
        let mut claims = claims();
        claims["name"] = json!(["Ada"]);
        claims["email"] = json!({ "value": "ada@example.com" });
        claims["picture"] = json!("http://example.com/ada.png");
        let principal = mapped(|_| {}, &claims);
        assert!(principal.display_name().is_none() && principal.avatar().is_none());
    }

    #[test]
    fn policy_reads_mapped_and_raw_claims() {
        let mut claims = claims();
        claims["age"] = json!(36);
        claims["big"] = json!(u64::MAX);
        claims["share"] = json!(0.5);
        claims["name"] = json!("A\u{202e}da");
        let principal = mapped(|_| {}, &claims);
        let holds = |condition: &str| {
            let mut context = cel::Context::default();
            let attributes = principal.attributes();
            context.add_variable_as_val("user", attributes.user().clone_as_boxed());
            context.add_variable_as_val("principal", attributes.principal().clone_as_boxed());
            let program = cel::Program::compile(condition).unwrap();
            program.execute(&context) == Ok(cel::Value::Bool(true))
        };
        for condition in [
            r#"user.id == "u1" && user.subject == "u1" && user.issuer == "id""#,
            r#"user.name == "Ada" && user.email == "" && user.avatar == """#,
            r#""teacher:101" in user.groups && size(user.groups) == 1"#,
            "user.claims.age == 36 && user.claims.age + 1 == 37 && user.claims.share == 0.5",
            r#"user.claims.big == 18446744073709551615u && user.claims.sub == "u1""#,
            r#"principal.kind == "user" && principal.issuer == "id" && principal.id == "u1""#,
            r#"principal.issuer_url == "https://id.example""#,
        ] {
            assert!(holds(condition), "{condition}");
        }
    }

    #[test]
    fn hypothetical_claims_are_mapped_like_verified_ones() {
        let one = parameters(vec![issuer(KeySource::None, &[])]);
        let principal = one.hypothetical_principal(None, claims()).unwrap();
        assert_eq!(principal.subject().as_str(), "u1");
        assert_eq!(
            principal.expires_at(),
            Some(UnixTime::from_seconds(1_800_000_600))
        );
        let fault = |name, claims| one.hypothetical_principal(name, claims).unwrap_err();
        assert_eq!(fault(Some("x"), claims()), ClaimsFault::UnknownIssuer);
        assert_eq!(fault(Some("id"), json!([])), ClaimsFault::NotAnObject);
        assert_eq!(
            fault(None, claims_but("sub", json!(null))),
            ClaimsFault::NoSubject
        );
        let two = parameters(vec![
            issuer(KeySource::None, &[]),
            issuer(KeySource::None, &[]),
        ]);
        let ambiguous = two.hypothetical_principal(None, claims()).unwrap_err();
        assert_eq!(ambiguous, ClaimsFault::UnknownIssuer);
    }

    #[test]
    fn a_pointer_is_written_as_rfc_6901_says() {
        for text in ["", "/", "sub", "/a//b", "/a~", "/a~2b", "//"] {
            assert!(text.parse::<ClaimPointer>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_pointer_prints_as_it_was_written(text in "(/([a-z:.]|~0|~1){1,5}){1,3}", noise in ".{0,20}") {
            prop_assert_eq!(text.parse::<ClaimPointer>().unwrap().to_string(), text);
            let _ = noise.parse::<ClaimPointer>();
        }
    }
}
