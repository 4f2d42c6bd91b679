//! The rules, compiled: the first whose room pattern matches and whose condition holds decides.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cel::Env;

use crate::authn::Principal;
use crate::clock::UnixTime;
use crate::domain::{RoleName, RoomKey, RoomPattern};

use super::admission::{Admission, Decided};
use super::cases::{Case, ExpectedOutcome};
use super::condition::{Condition, EvaluationFault, Unevaluated, Variables, compile_all};
use super::parameters::{Admit, Effect, Parameters, PolicyFault, RuleParameters};

/// Tokens count in seconds: an admission that lasts less is none.
const TTL_MIN: Duration = Duration::from_secs(1);

/// The operator's rules, compiled and checked.
pub struct Policy {
    rules: Box<[Rule]>,
    cases: Box<[Case]>,
    token_ttl_max: Duration,
    within_credential: bool,
    env: Arc<Env>,
}

/// Why a principal may not enter. For the log and the operator; a caller learns of
/// [`Refusal::RoleNotAllowed`] alone, and of the rest only that it was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No rule holds.
    #[error("no rule admits")]
    NoRule,
    /// A rule that refuses holds.
    #[error("the rule refuses")]
    RefusedByRule {
        /// Its name.
        rule: Arc<str>,
    },
    /// The rule admits, but not in the role that was asked for.
    #[error("the rule does not give the role that was asked for")]
    RoleNotAllowed {
        /// Its name.
        rule: Arc<str>,
        /// The roles that may be asked for.
        allowed: Arc<[RoleName]>,
    },
    /// The rule admits, but no longer than the principal's credential, which has ended.
    #[error("the credential that the rule is bound to has ended")]
    CredentialEnded {
        /// Its name.
        rule: Arc<str>,
    },
    /// The rule's condition could not be evaluated. Later rules might give more than this one
    /// would have, so none is tried.
    #[error("the rule's condition cannot be evaluated: {fault}")]
    Unevaluable {
        /// Its name.
        rule: Arc<str>,
        /// Why.
        fault: EvaluationFault,
    },
}

impl Refusal {
    /// One word for it, for the audit line and metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoRule => "no-rule",
            Self::RefusedByRule { .. } => "refused-by-rule",
            Self::RoleNotAllowed { .. } => "role-not-allowed",
            Self::CredentialEnded { .. } => "credential-ended",
            Self::Unevaluable { .. } => "condition-unevaluable",
        }
    }

    /// The rule that decided, if one did.
    pub fn rule(&self) -> Option<&str> {
        match self {
            Self::NoRule => None,
            Self::RefusedByRule { rule }
            | Self::RoleNotAllowed { rule, .. }
            | Self::CredentialEnded { rule }
            | Self::Unevaluable { rule, .. } => Some(rule),
        }
    }
}

/// A compiled rule.
pub(super) struct Rule {
    pub(super) name: Arc<str>,
    pub(super) pattern: RoomPattern,
    pub(super) when: Option<String>,
    condition: Condition,
    decision: Decision,
}

enum Decision {
    Refuse,
    Admit {
        admit: Admit,
        /// The rule's role and those that may be asked for.
        roles: Arc<[RoleName]>,
    },
}

/// What is asked: who, where, as what, when.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) principal: &'a Arc<Principal>,
    pub(super) room_key: &'a RoomKey,
    pub(super) requested_role: Option<&'a RoleName>,
    pub(super) now: UnixTime,
}

/// How one rule answers.
pub(super) enum Answer {
    /// Its pattern is of other rooms.
    OtherRoom,
    /// Its condition does not hold.
    ConditionFails,
    /// Its condition reads something that is missing: a rule that admits does not hold then.
    ValueMissing(Unevaluated),
    /// It decides; with what evaluation had to say, if it failed.
    Decides(Result<Admission, Refusal>, Option<Unevaluated>),
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.rules.iter().map(|rule| &rule.name);
        f.debug_list().entries(names).finish()
    }
}

impl Policy {
    /// Compiles and checks a policy.
    ///
    /// # Errors
    /// Every [`PolicyFault`] that there is.
    pub fn compile(parameters: Parameters) -> Result<Self, Vec<PolicyFault>> {
        let env = Arc::new(Env::stdlib());
        let mut faults = check_whole(&parameters);
        let Parameters {
            rules,
            cases,
            token_ttl_max,
            within_credential,
        } = parameters;
        let sources: Vec<_> = rules
            .iter()
            .map(|rule| (rule.when.as_deref(), &rule.room))
            .collect();
        let conditions = compile_all(&sources, &env).map_err(|error| {
            vec![PolicyFault {
                key: "rules".to_owned(),
                rule: None,
                message: format!("cannot be compiled: {error}"),
            }]
        })?;
        let mut compiled: Vec<Rule> = Vec::with_capacity(rules.len());
        for (index, (rule, condition)) in rules.into_iter().zip(conditions).enumerate() {
            match condition {
                Ok(condition) => compiled.push(Rule::new(rule, condition, token_ttl_max)),
                Err(messages) => faults.extend(
                    messages
                        .into_iter()
                        .map(|message| PolicyFault::of_rule(index, &rule.name, "when", message)),
                ),
            }
        }
        // Positions hold only if every rule was compiled.
        if faults.is_empty() {
            faults.extend(unreachable_rules(&compiled));
        }
        if faults.is_empty() {
            Ok(Self {
                rules: compiled.into_boxed_slice(),
                cases: cases.into_boxed_slice(),
                token_ttl_max,
                within_credential,
                env,
            })
        } else {
            Err(faults)
        }
    }

    /// The longest life of a room token, whoever asks for it.
    pub fn token_ttl_max(&self) -> Duration {
        self.token_ttl_max
    }

    /// Decides whether a principal may enter a room, as what, and until when.
    ///
    /// # Errors
    /// [`Refusal`] unless a rule admits.
    pub fn decide(
        &self,
        principal: &Arc<Principal>,
        room_key: &RoomKey,
        requested_role: Option<&RoleName>,
        now: UnixTime,
    ) -> Result<Admission, Refusal> {
        let question = Question {
            principal,
            room_key,
            requested_role,
            now,
        };
        for rule in &self.rules {
            if let Answer::Decides(decision, _) = self.ask(rule, question) {
                return decision;
            }
        }
        Err(Refusal::NoRule)
    }

    /// Asks one rule.
    pub(super) fn ask(&self, rule: &Rule, question: Question<'_>) -> Answer {
        let Some(captures) = rule.pattern.matches(question.room_key) else {
            return Answer::OtherRoom;
        };
        let attributes = question.principal.attributes();
        let variables = Variables::new(attributes, question.room_key, &captures, question.now);
        match rule.condition.evaluate(&self.env, &variables) {
            Ok(true) => Answer::Decides(self.outcome(rule, question), None),
            Ok(false) => Answer::ConditionFails,
            Err(unevaluated) if unevaluated.fault == EvaluationFault::Missing => {
                match rule.decision {
                    Decision::Refuse => {
                        let refusal = self.outcome(rule, question);
                        Answer::Decides(refusal, Some(unevaluated))
                    }
                    Decision::Admit { .. } => Answer::ValueMissing(unevaluated),
                }
            }
            Err(unevaluated) => {
                let refusal = Refusal::Unevaluable {
                    rule: Arc::clone(&rule.name),
                    fault: unevaluated.fault,
                };
                Answer::Decides(Err(refusal), Some(unevaluated))
            }
        }
    }

    /// What a rule whose condition holds decides.
    fn outcome(&self, rule: &Rule, question: Question<'_>) -> Result<Admission, Refusal> {
        let name = || Arc::clone(&rule.name);
        let Decision::Admit { admit, roles } = &rule.decision else {
            return Err(Refusal::RefusedByRule { rule: name() });
        };
        let given = question.requested_role.unwrap_or(&admit.role);
        if !roles.contains(given) {
            return Err(Refusal::RoleNotAllowed {
                rule: name(),
                allowed: Arc::clone(roles),
            });
        }
        let mut token_ttl = admit.token_ttl;
        if self.within_credential
            && let Some(end) = question.principal.expires_at()
        {
            token_ttl = token_ttl.min(question.now.until(end));
        }
        if token_ttl < TTL_MIN {
            return Err(Refusal::CredentialEnded { rule: name() });
        }
        Ok(Admission::new(Decided {
            principal: Arc::clone(question.principal),
            room_key: question.room_key.clone(),
            role: given.clone(),
            roles: Arc::clone(roles),
            may_create: admit.may_create,
            now: question.now,
            token_ttl,
            appearance: admit.appearance,
            capacity: admit.capacity,
            show_live: admit.show_live,
            rule: name(),
        }))
    }

    pub(super) fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// What the operator expects the rules to decide.
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// Every role that a rule names, once.
    pub fn role_names(&self) -> BTreeSet<&RoleName> {
        let mut names = BTreeSet::new();
        for rule in &self.rules {
            if let Decision::Admit { roles, .. } = &rule.decision {
                names.extend(roles.iter());
            }
        }
        names
    }
}

impl Rule {
    fn new(parameters: RuleParameters, condition: Condition, token_ttl_max: Duration) -> Self {
        let decision = match parameters.effect {
            Effect::Refuse => Decision::Refuse,
            Effect::Admit(mut admit) => {
                admit.token_ttl = admit.token_ttl.min(token_ttl_max);
                let mut roles = vec![admit.role.clone()];
                for role in &admit.roles_on_request {
                    if !roles.contains(role) {
                        roles.push(role.clone());
                    }
                }
                Decision::Admit {
                    admit,
                    roles: Arc::from(roles),
                }
            }
        };
        Self {
            name: parameters.name,
            pattern: parameters.room,
            when: parameters.when,
            condition,
            decision,
        }
    }
}

/// What can be wrong with the rules and cases together.
fn check_whole(parameters: &Parameters) -> Vec<PolicyFault> {
    let mut faults = Vec::new();
    if parameters.rules.is_empty() {
        faults.push(PolicyFault {
            key: "rules".to_owned(),
            rule: None,
            message: "there is no rule, so nobody could ever join; add a [[policy.rules]]"
                .to_owned(),
        });
    }
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for (index, rule) in parameters.rules.iter().enumerate() {
        if let Some(first) = seen.insert(&rule.name, index) {
            let message =
                format!("is the name of rules[{first}] already; the audit line needs one each");
            faults.push(PolicyFault::of_rule(index, &rule.name, "name", message));
        }
        if let Effect::Admit(admit) = &rule.effect
            && admit.token_ttl.min(parameters.token_ttl_max) < TTL_MIN
        {
            let message = "must be at least 1s".to_owned();
            faults.push(PolicyFault::of_rule(
                index,
                &rule.name,
                "token_ttl",
                message,
            ));
        }
    }
    for (index, case) in parameters.cases.iter().enumerate() {
        let Some(rule) = &case.expect.rule else {
            continue;
        };
        let fault = |field: &str, message: String| PolicyFault {
            key: format!("tests[{index}].expect.{field}"),
            rule: None,
            message,
        };
        if !seen.contains_key(&**rule) {
            faults.push(fault("rule", format!("names {rule}, which is no rule")));
        }
        if case.expect.outcome == ExpectedOutcome::Refused && case.expect.may_create.is_some() {
            faults.push(fault(
                "may_create",
                "cannot be expected of a refusal".to_owned(),
            ));
        }
    }
    faults
}

/// Rules behind one that always decides about the same rooms.
fn unreachable_rules(rules: &[Rule]) -> Vec<PolicyFault> {
    let mut faults = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        let before = rules.iter().take(index);
        let unconditional = before.filter(|other| matches!(other.condition, Condition::Always));
        for other in unconditional {
            if other.pattern.covers(&rule.pattern) {
                let message = format!(
                    "is never reached: the rule {} before it decides about every such room",
                    other.name
                );
                faults.push(PolicyFault::of_rule(index, &rule.name, "room", message));
                break;
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests;
