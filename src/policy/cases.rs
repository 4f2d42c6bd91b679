//! The operator's own tests of the policy: who asks for what, and what should come of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::authn::Principal;
use crate::clock::UnixTime;
use crate::domain::{RoleName, RoomKey};

use super::admission::Admission;
use super::engine::{Policy, Refusal};
use super::explain::Explanation;

/// One test: a question and the expected decision.
#[derive(Debug, Clone)]
pub struct Case {
    /// The configured issuer whose token it is; none is the only one.
    pub issuer: Option<String>,
    /// The token's claims, raw.
    pub claims: Map<String, Value>,
    /// The room.
    pub room: RoomKey,
    /// The role asked for, if any.
    pub role: Option<RoleName>,
    /// When; none is now.
    pub now: Option<UnixTime>,
    /// What should come of it.
    pub expect: Expectation,
}

/// What should come of a question. What is not said is not compared.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// Admitted as what, or refused.
    pub outcome: ExpectedOutcome,
    /// The name of the rule that decides.
    pub rule: Option<String>,
    /// Whether the room may be created.
    pub may_create: Option<bool>,
    /// How long the admission lasts.
    pub token_ttl: Option<Duration>,
}

/// Admitted as what, or refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExpectedOutcome {
    /// Admitted in this role.
    Role(RoleName),
    /// Refused, whatever the reason.
    Refused,
}

/// A test that came out otherwise.
#[derive(Debug)]
pub struct CaseFailure {
    /// Where it stands within the policy: `tests[3]`.
    pub key: String,
    /// What was expected and what came.
    pub difference: String,
    /// Why it came out so, unless there was no principal to decide about.
    pub explanation: Option<Explanation>,
}

impl fmt::Display for CaseFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.difference)?;
        match &self.explanation {
            Some(explanation) => write!(f, "\n{explanation}"),
            None => Ok(()),
        }
    }
}

/// Runs a policy's tests. `principal_of` gives the principal that a token with these claims of
/// this issuer would prove, or says why it would prove none.
pub fn run(
    policy: &Policy,
    now: UnixTime,
    principal_of: impl Fn(Option<&str>, &Map<String, Value>, UnixTime) -> Result<Arc<Principal>, String>,
) -> Vec<CaseFailure> {
    let mut failures = Vec::new();
    for (index, case) in policy.cases().iter().enumerate() {
        let key = format!("tests[{index}]");
        let now = case.now.unwrap_or(now);
        let principal = match principal_of(case.issuer.as_deref(), &case.claims, now) {
            Ok(principal) => principal,
            Err(reason) => {
                failures.push(CaseFailure {
                    key,
                    difference: format!("no token could say this: {reason}"),
                    explanation: None,
                });
                continue;
            }
        };
        let decision = policy.decide(&principal, &case.room, case.role.as_ref(), now);
        if let Some(difference) = difference(&case.expect, &decision) {
            let role = case.role.as_ref();
            failures.push(CaseFailure {
                key,
                difference,
                explanation: Some(policy.explain(&principal, &case.room, role, now)),
            });
        }
    }
    failures
}

fn difference(expect: &Expectation, decision: &Result<Admission, Refusal>) -> Option<String> {
    let (met, rule) = match decision {
        Ok(admission) => (
            admitted_as_expected(expect, admission),
            Some(admission.rule()),
        ),
        Err(refusal) => (expect.outcome == ExpectedOutcome::Refused, refusal.rule()),
    };
    let rule_met = expect.rule.is_none() || expect.rule.as_deref() == rule;
    if met && rule_met {
        return None;
    }
    Some(format!(
        "expected {expect}; got {}",
        decision_in_words(decision)
    ))
}

fn admitted_as_expected(expect: &Expectation, admission: &Admission) -> bool {
    let lasts = admission.not_before().until(admission.expires_at());
    expect.outcome == ExpectedOutcome::Role(admission.role().clone())
        && expect
            .may_create
            .is_none_or(|may| may == admission.may_create())
        && expect.token_ttl.is_none_or(|ttl| ttl == lasts)
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.outcome {
            ExpectedOutcome::Role(role) => write!(f, "role {role}")?,
            ExpectedOutcome::Refused => f.write_str("a refusal")?,
        }
        if let Some(rule) = &self.rule {
            write!(f, " by the rule {rule}")?;
        }
        if let Some(may_create) = self.may_create {
            write!(f, ", may_create = {may_create}")?;
        }
        if let Some(ttl) = self.token_ttl {
            write!(f, ", token_ttl = {}", humantime::format_duration(ttl))?;
        }
        Ok(())
    }
}

fn decision_in_words(decision: &Result<Admission, Refusal>) -> String {
    match decision {
        Ok(admission) => {
            let lasts = admission.not_before().until(admission.expires_at());
            format!(
                "role {} by the rule {}, may_create = {}, token_ttl = {}",
                admission.role(),
                admission.rule(),
                admission.may_create(),
                humantime::format_duration(lasts)
            )
        }
        Err(refusal) => match refusal.rule() {
            Some(rule) => format!("a refusal by the rule {rule}: {refusal}"),
            None => format!("a refusal: {refusal}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::authn::testing::principal;
    use crate::domain::RoomPattern;
    use crate::policy::{Admit, Appearance, Effect, FieldSource, Parameters, RuleParameters};

    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

    fn failures(cases: Vec<Case>) -> Vec<String> {
        let teachers = RuleParameters {
            name: Arc::from("teachers"),
            room: RoomPattern::parse("course-{course}").unwrap(),
            when: Some("('teacher:' + room.course) in user.groups && now > timestamp('2026-01-01T00:00:00Z')".to_owned()),
            effect: Effect::Admit(Admit {
                role: RoleName::parse("moderator").unwrap(),
                roles_on_request: Vec::new(),
                may_create: true,
                token_ttl: Duration::from_secs(7200),
                capacity: None,
                show_live: false,
                appearance: Appearance {
                    name: FieldSource::Claim,
                    initials: FieldSource::Omit,
                    avatar: FieldSource::Omit,
                },
            }),
        };
        let policy = Policy::compile(Parameters {
            rules: vec![teachers],
            cases,
            token_ttl_max: Duration::from_secs(7200),
            within_credential: false,
        })
        .unwrap();
        let principal_of = |_issuer: Option<&str>, claims: &Map<String, Value>, _now| {
            if claims.contains_key("sub") {
                Ok(principal(Value::Object(claims.clone())))
            } else {
                Err("there is no sub".to_owned())
            }
        };
        let failures = run(&policy, NOW, principal_of);
        failures
            .iter()
            .map(|failure| format!("{}: {}", failure.key, failure.difference))
            .collect()
    }

    fn case(room: &str, outcome: ExpectedOutcome) -> Case {
        let Value::Object(claims) = json!({ "sub": "u1", "groups": ["teacher:101"] }) else {
            panic!("not an object")
        };
        Case {
            issuer: None,
            claims,
            room: RoomKey::parse(room).unwrap(),
            role: None,
            now: None,
            expect: Expectation {
                outcome,
                rule: None,
                may_create: None,
                token_ttl: None,
            },
        }
    }

    fn role(name: &str) -> ExpectedOutcome {
        ExpectedOutcome::Role(RoleName::parse(name).unwrap())
    }

    #[test]
    fn cases_that_come_out_as_expected_are_silent() {
        let mut exact = case("course-101", role("moderator"));
        exact.expect.rule = Some("teachers".to_owned());
        exact.expect.may_create = Some(true);
        exact.expect.token_ttl = Some(Duration::from_secs(7200));
        let other = case("course-102", ExpectedOutcome::Refused);
        assert_eq!(failures(vec![exact, other]), Vec::<String>::new());
    }

    #[test]
    fn a_difference_says_what_was_expected_and_what_came() {
        let attendee = case("course-101", role("attendee"));
        let refused = case("course-101", ExpectedOutcome::Refused);
        let admitted = case("course-102", role("moderator"));
        let mut create = case("course-101", role("moderator"));
        create.expect.may_create = Some(false);
        let mut ttl = case("course-101", role("moderator"));
        ttl.expect.token_ttl = Some(Duration::from_secs(60));
        let mut early = case("course-101", role("moderator"));
        early.now = Some(UnixTime::from_seconds(1_700_000_000));
        let mut by = case("lobby", ExpectedOutcome::Refused);
        by.expect.rule = Some("teachers".to_owned());
        let mut nobody = case("lobby", ExpectedOutcome::Refused);
        nobody.claims.remove("sub");
        let came = "role moderator by the rule teachers, may_create = true, token_ttl = 2h";
        assert_eq!(
            failures(vec![
                attendee, refused, admitted, create, ttl, early, by, nobody
            ]),
            [
                format!("tests[0]: expected role attendee; got {came}"),
                format!("tests[1]: expected a refusal; got {came}"),
                "tests[2]: expected role moderator; got a refusal: no rule admits".to_owned(),
                format!("tests[3]: expected role moderator, may_create = false; got {came}"),
                format!("tests[4]: expected role moderator, token_ttl = 1m; got {came}"),
                "tests[5]: expected role moderator; got a refusal: no rule admits".to_owned(),
                "tests[6]: expected a refusal by the rule teachers; got a refusal: no rule admits"
                    .to_owned(),
                "tests[7]: no token could say this: there is no sub".to_owned(),
            ]
        );
    }
}
