//! Why a decision came out as it did, rule by rule, in the operator's words. Shows what the
//! principal's claims are like: for the operator alone.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::authn::{ClaimsFault, Principal};
use crate::clock::UnixTime;
use crate::domain::{RoleName, RoomKey};

use super::admission::Admission;
use super::engine::{Answer, Policy, Question, Refusal, Rule};

/// What each rule had to say, and what came of it.
#[derive(Debug, Serialize)]
pub struct Explanation {
    /// The room that was asked for.
    pub room: RoomKey,
    /// The role that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested_role: Option<RoleName>,
    /// The rules, in order, up to the one that decided.
    pub rules: Vec<RuleFinding>,
    /// How many rules stand behind the one that decided.
    pub rules_not_tried: usize,
    /// The decision.
    pub outcome: Outcome,
}

/// What one rule had to say.
#[derive(Debug, Serialize)]
pub struct RuleFinding {
    /// Its name.
    pub name: Arc<str>,
    /// Its pattern of room keys.
    pub room: String,
    /// What the pattern's captures took.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub captures: BTreeMap<String, String>,
    /// Its condition, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// What came of it.
    pub finding: Finding,
    /// What evaluating its condition ran into. May repeat values of claims.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What came of asking one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// Its pattern is of other rooms.
    OtherRoom,
    /// Its condition does not hold.
    ConditionFails,
    /// Its condition reads something that is missing, so it does not hold.
    ValueMissing,
    /// It decided.
    Decided,
}

/// The decision.
#[derive(Debug, Serialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum Outcome {
    /// The principal may enter.
    Admitted {
        /// The rule that decided.
        rule: String,
        /// The role.
        role: RoleName,
        /// Whether the room may be created.
        may_create: bool,
        /// How long, in seconds.
        token_ttl_seconds: u64,
    },
    /// The principal may not enter.
    Refused {
        /// The rule that decided, if one did.
        #[serde(skip_serializing_if = "Option::is_none")]
        rule: Option<String>,
        /// Why.
        reason: String,
        /// The roles that may be asked for, if it was the role.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        roles_allowed: Vec<RoleName>,
    },
}

impl Policy {
    /// Decides as [`Policy::decide`] does, and says why.
    pub fn explain(
        &self,
        principal: &Arc<Principal>,
        room_key: &RoomKey,
        requested_role: Option<&RoleName>,
        now: UnixTime,
    ) -> Explanation {
        let question = Question {
            principal,
            room_key,
            requested_role,
            now,
        };
        let mut explanation = Explanation {
            room: room_key.clone(),
            requested_role: requested_role.cloned(),
            rules: Vec::new(),
            rules_not_tried: 0,
            outcome: Outcome::of(&Err(Refusal::NoRule), now),
        };
        for (index, rule) in self.rules().iter().enumerate() {
            let answer = self.ask(rule, question);
            explanation
                .rules
                .push(RuleFinding::of(rule, room_key, &answer));
            if let Answer::Decides(decision, _) = answer {
                explanation.rules_not_tried = self.rules().len() - index - 1;
                explanation.outcome = Outcome::of(&decision, now);
                break;
            }
        }
        explanation
    }

    /// What comes of somebody who cannot be told who they are: no rule is tried.
    pub fn explain_unknown(
        &self,
        room_key: &RoomKey,
        requested_role: Option<&RoleName>,
        fault: ClaimsFault,
    ) -> Explanation {
        Explanation {
            room: room_key.clone(),
            requested_role: requested_role.cloned(),
            rules: Vec::new(),
            rules_not_tried: self.rules().len(),
            outcome: Outcome::Refused {
                rule: None,
                reason: format!("these claims make no user ({fault})"),
                roles_allowed: Vec::new(),
            },
        }
    }
}

impl RuleFinding {
    fn of(rule: &Rule, room_key: &RoomKey, answer: &Answer) -> Self {
        let (finding, detail) = match answer {
            Answer::OtherRoom => (Finding::OtherRoom, None),
            Answer::ConditionFails => (Finding::ConditionFails, None),
            Answer::ValueMissing(unevaluated) => (Finding::ValueMissing, Some(unevaluated)),
            Answer::Decides(_, unevaluated) => (Finding::Decided, unevaluated.as_ref()),
        };
        let captures = rule.pattern.matches(room_key).unwrap_or_default();
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self {
            name: Arc::clone(&rule.name),
            room: rule.pattern.to_string(),
            captures: captures.iter().map(owned).collect(),
            when: rule.when.clone(),
            finding,
            detail: detail.map(ToString::to_string),
        }
    }
}

impl Outcome {
    fn of(decision: &Result<Admission, Refusal>, now: UnixTime) -> Self {
        match decision {
            Ok(admission) => Self::Admitted {
                rule: admission.rule().to_owned(),
                role: admission.role().clone(),
                may_create: admission.may_create(),
                token_ttl_seconds: now.until(admission.expires_at()).as_secs(),
            },
            Err(refusal) => Self::Refused {
                rule: refusal.rule().map(str::to_owned),
                reason: refusal.to_string(),
                roles_allowed: match refusal {
                    Refusal::RoleNotAllowed { allowed, .. } => allowed.to_vec(),
                    Refusal::NoRule
                    | Refusal::RefusedByRule { .. }
                    | Refusal::CredentialEnded { .. }
                    | Refusal::Unevaluable { .. } => Vec::new(),
                },
            },
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "room {}", self.room)?;
        if let Some(role) = &self.requested_role {
            write!(f, ", role {role} asked for")?;
        }
        writeln!(f)?;
        for (index, rule) in self.rules.iter().enumerate() {
            write!(f, "{:>3}. {rule}", index + 1)?;
        }
        if self.rules_not_tried > 0 {
            writeln!(f, "     ({} more not tried)", self.rules_not_tried)?;
        }
        writeln!(f, "{}", self.outcome)
    }
}

impl fmt::Display for RuleFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let finding = match self.finding {
            Finding::OtherRoom => "is of other rooms",
            Finding::ConditionFails => "does not hold",
            Finding::ValueMissing => "does not hold: a value that it reads is missing",
            Finding::Decided => "DECIDES",
        };
        writeln!(f, "{} {finding}", self.name)?;
        write!(f, "       room {}", self.room)?;
        for (name, value) in &self.captures {
            write!(f, "  {name} = {value}")?;
        }
        writeln!(f)?;
        if let Some(when) = &self.when {
            writeln!(f, "       when {when}")?;
        }
        if let Some(detail) = &self.detail {
            writeln!(f, "       {detail}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Admitted {
                rule,
                role,
                may_create,
                token_ttl_seconds,
            } => {
                let create = if *may_create { "may" } else { "may not" };
                write!(
                    f,
                    "ADMITTED as {role} for {token_ttl_seconds}s by the rule {rule}; {create} create the room"
                )
            }
            Self::Refused {
                rule,
                reason,
                roles_allowed,
            } => {
                write!(f, "REFUSED: {reason}")?;
                if let Some(rule) = rule {
                    write!(f, " (rule {rule})")?;
                }
                let names: Vec<&str> = roles_allowed.iter().map(RoleName::as_str).collect();
                if names.is_empty() {
                    Ok(())
                } else {
                    write!(f, "; it gives {}", names.join(", "))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use crate::authn::testing::principal;
    use crate::domain::RoomPattern;
    use crate::policy::{Admit, Appearance, Effect, FieldSource, Parameters, RuleParameters};

    use super::*;

    fn rule(name: &str, room: &str, when: &str, role: Option<&str>) -> RuleParameters {
        let admit = |role| Admit {
            role: RoleName::parse(role).unwrap(),
            roles_on_request: Vec::new(),
            may_create: true,
            token_ttl: Duration::from_secs(600),
            capacity: None,
            show_live: false,
            appearance: Appearance {
                name: FieldSource::Claim,
                initials: FieldSource::Omit,
                avatar: FieldSource::Omit,
            },
        };
        RuleParameters {
            name: Arc::from(name),
            room: RoomPattern::parse(room).unwrap(),
            when: (!when.is_empty()).then(|| when.to_owned()),
            effect: role.map_or(Effect::Refuse, |role| Effect::Admit(admit(role))),
        }
    }

    fn policy() -> Policy {
        Policy::compile(Parameters {
            rules: vec![
                rule("lobby", "lobby", "", Some("guest")),
                rule("level", "*", "user.claims.level > 9", Some("boss")),
                rule(
                    "teachers",
                    "course-{course}",
                    "('teacher:' + room.course) in user.groups",
                    Some("moderator"),
                ),
                rule("everybody", "{team}-{room}", "", Some("attendee")),
                rule("nobody", "*", "", None),
            ],
            cases: Vec::new(),
            token_ttl_max: Duration::from_secs(3600),
            within_credential: false,
        })
        .unwrap()
    }

    fn explain(claims: serde_json::Value, room: &str, role: Option<&str>) -> Explanation {
        let role = role.map(|role| RoleName::parse(role).unwrap());
        let room = RoomKey::parse(room).unwrap();
        let now = UnixTime::from_seconds(1_800_000_000);
        policy().explain(&principal(claims), &room, role.as_ref(), now)
    }

    #[test]
    fn each_rule_says_what_it_found_until_one_decides() {
        let explanation = explain(
            json!({ "sub": "u1", "groups": ["teacher:7"] }),
            "course-101",
            None,
        );
        assert_eq!(
            explanation.to_string(),
            "room course-101\n\
             \x20 1. lobby is of other rooms\n\
             \x20      room lobby\n\
             \x20 2. level does not hold: a value that it reads is missing\n\
             \x20      room *\n\
             \x20      when user.claims.level > 9\n\
             \x20      a value that it reads is missing (No such key: level)\n\
             \x20 3. teachers does not hold\n\
             \x20      room course-{course}  course = 101\n\
             \x20      when ('teacher:' + room.course) in user.groups\n\
             \x20 4. everybody DECIDES\n\
             \x20      room {team}-{room}  room = 101  team = course\n\
             \x20    (1 more not tried)\n\
             ADMITTED as attendee for 600s by the rule everybody; may create the room\n"
        );
    }

    #[test]
    fn programs_can_read_it() {
        let explanation = explain(json!({ "sub": "u1", "level": "high" }), "a-b", Some("boss"));
        assert_eq!(
            serde_json::to_value(explanation).unwrap(),
            json!({
                "room": "a-b",
                "requested_role": "boss",
                "rules": [
                    { "name": "lobby", "room": "lobby", "finding": "other_room" },
                    {
                        "name": "level", "room": "*", "when": "user.claims.level > 9", "finding": "decided",
                        "detail": "a value has another type than it expects (found no matching overload for '_>_' applied to '(string, int)')",
                    },
                ],
                "rules_not_tried": 3,
                "outcome": {
                    "decision": "refused", "rule": "level",
                    "reason": "the rule's condition cannot be evaluated: a value has another type than it expects",
                },
            })
        );
    }

    #[test]
    fn it_says_which_roles_may_be_asked_for() {
        let explanation = explain(json!({ "sub": "u1" }), "a-b", Some("boss"));
        assert_eq!(
            explanation.outcome.to_string(),
            "REFUSED: the rule does not give the role that was asked for (rule everybody); it gives attendee"
        );
    }
}
