//! `[policy]`: the rules, and the operator's tests of them.

use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use serde_json::Value;

use crate::clock::UnixTime;
use crate::domain::{RoleName, RoomKey, RoomPattern, is_unsafe_in_text};
use crate::policy::{
    Admit, Appearance, Case, Effect, Expectation, ExpectedOutcome, FieldSource, Parameters, Policy,
    RuleParameters,
};

use super::reader::Table;

/// Tokens count in whole seconds.
const TTL_MIN: Duration = Duration::from_secs(1);
/// A token that lives longer outlives every reason that it was given for.
const TTL_MAX: Duration = Duration::from_secs(30 * 24 * 3600);
const TTL_MAX_DEFAULT: Duration = Duration::from_secs(8 * 3600);
const TTL_DEFAULT: Duration = Duration::from_secs(2 * 3600);

/// As many as upstream lets into a room.
const CAPACITY_MAX: u64 = 2000;

/// A rule's name stands in every audit line.
const NAME_BYTES_MAX: usize = 128;

const APPEARANCE_DEFAULT: Appearance = Appearance {
    name: FieldSource::Claim,
    initials: FieldSource::Request,
    avatar: FieldSource::Claim,
};

const FIELD_SOURCES: [(&str, FieldSource); 3] = [
    ("claim", FieldSource::Claim),
    ("request", FieldSource::Request),
    ("omit", FieldSource::Omit),
];

/// What only a rule that admits can say.
const ADMIT_KEYS: [&str; 9] = [
    "role",
    "roles_on_request",
    "may_create",
    "capacity",
    "show_live",
    "token_ttl",
    "name_from",
    "initials_from",
    "avatar_from",
];

/// What a rule that does not say otherwise gives.
struct Defaults {
    token_ttl: Duration,
    token_ttl_max: Duration,
    appearance: Appearance,
}

/// Reads the section; `None` if anything in it stops the start, conditions included.
pub(super) fn read(mut table: Table) -> Option<Parameters> {
    let findings = Rc::clone(&table.findings);
    let faults_before = findings.borrow().faults.len();
    let defaults = read_defaults(&mut table);
    let within_credential = table.boolean("within_credential", false);
    let rules = table.tables("rules").into_iter().enumerate();
    let rules = rules
        .map(|(index, rule)| read_rule(rule, index, &defaults))
        .collect();
    let cases: Vec<Option<Case>> = table.tables("tests").into_iter().map(read_case).collect();
    let parameters = Parameters {
        rules,
        // All or none: with one dropped, the others would be reported under wrong numbers.
        cases: cases.into_iter().collect::<Option<_>>().unwrap_or_default(),
        token_ttl_max: defaults.token_ttl_max,
        within_credential,
    };
    // Compiled once more when the parameters are used; here so that what is wrong with conditions
    // is reported beside everything else.
    if let Err(faults) = Policy::compile(parameters.clone()) {
        for fault in faults {
            table.fault(&fault.key, &fault.message);
        }
    }
    table.finish();
    let faultless = findings.borrow().faults.len() == faults_before;
    faultless.then_some(parameters)
}

fn read_defaults(table: &mut Table) -> Defaults {
    let token_ttl_max = table
        .duration("token_ttl_max", Some(TTL_MAX_DEFAULT), TTL_MIN..=TTL_MAX)
        .unwrap_or(TTL_MAX);
    let token_ttl = table
        .duration("token_ttl", Some(TTL_DEFAULT), TTL_MIN..=token_ttl_max)
        .unwrap_or(TTL_MIN);
    Defaults {
        token_ttl,
        token_ttl_max,
        appearance: read_appearance(table, APPEARANCE_DEFAULT),
    }
}

fn read_appearance(table: &mut Table, default: Appearance) -> Appearance {
    let mut source = |key, default| {
        table
            .word(key, &FIELD_SOURCES, Some(default))
            .unwrap_or(default)
    };
    Appearance {
        name: source("name_from", default.name),
        initials: source("initials_from", default.initials),
        avatar: source("avatar_from", default.avatar),
    }
}

/// Reads one rule. What cannot be read is noted and stood in for, so that the rest of the rule,
/// and the rules behind it, are still checked under their own numbers.
fn read_rule(mut table: Table, index: usize, defaults: &Defaults) -> RuleParameters {
    let name = read_name(&mut table);
    let room: Option<RoomPattern> = table.parsed("room");
    let when = read_condition(&mut table);
    let effect = read_effect(&mut table, defaults);
    table.finish();
    let name = name.unwrap_or_else(|| Arc::from(format!("rules[{index}]")));
    match room {
        Some(room) => RuleParameters {
            name,
            room,
            when,
            effect,
        },
        // Without its pattern a condition cannot be checked: a rule that never holds.
        None => RuleParameters {
            name,
            room: RoomPattern::any(),
            when: Some("false".to_owned()),
            effect,
        },
    }
}

fn read_name(table: &mut Table) -> Option<Arc<str>> {
    let name = table.text("name")?;
    if name.len() > NAME_BYTES_MAX || name.chars().any(is_unsafe_in_text) {
        table.fault(
            "name",
            format_args!("must be at most {NAME_BYTES_MAX} bytes of printable characters"),
        );
        return None;
    }
    Some(Arc::from(name))
}

/// The condition; a bare `true` or `false` is one too.
fn read_condition(table: &mut Table) -> Option<String> {
    if table.is_empty_text("when") {
        // Elsewhere an emptied text means unset; here that would admit everybody.
        table.fault(
            "when",
            "must not be empty; leave it out to have the rule always hold",
        );
    }
    match table.raw("when")? {
        Value::Bool(constant) => Some(constant.to_string()),
        Value::String(source) => Some(source),
        Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            table.fault("when", "must be a condition in quotes");
            None
        }
    }
}

fn read_effect(table: &mut Table, defaults: &Defaults) -> Effect {
    if table.boolean("refuse", false) {
        for key in ADMIT_KEYS {
            if table.raw(key).is_some() {
                table.fault(key, "means nothing in a rule with refuse = true");
            }
        }
        return Effect::Refuse;
    }
    if !table.has("role") {
        table.fault("role", "is required, unless the rule has refuse = true");
    }
    let role: Option<RoleName> = table.optional_parsed("role");
    let roles_on_request = table.parsed_list("roles_on_request");
    let may_create = table.boolean("may_create", false);
    let token_ttl = table
        .duration(
            "token_ttl",
            Some(defaults.token_ttl),
            TTL_MIN..=defaults.token_ttl_max,
        )
        .unwrap_or(TTL_MIN);
    let appearance = read_appearance(table, defaults.appearance);
    let capacity = read_capacity(table);
    let show_live = table.boolean("show_live", false);
    match role {
        Some(role) => Effect::Admit(Admit {
            role,
            roles_on_request,
            may_create,
            token_ttl,
            appearance,
            capacity,
            show_live,
        }),
        None => Effect::Refuse,
    }
}

/// None is no limit of ours.
fn read_capacity(table: &mut Table) -> Option<NonZeroU32> {
    if !table.has("capacity") {
        return None;
    }
    let number = table.integer("capacity", None, 1..=CAPACITY_MAX)?;
    u32::try_from(number).ok().and_then(NonZeroU32::new)
}

/// Reads one test; one that cannot be read is noted, and dropped with the whole policy.
fn read_case(mut table: Table) -> Option<Case> {
    let issuer = table.optional_text("issuer");
    if !table.has("user") {
        table.fault("user", "is required: the claims of the user's token");
    }
    let mut user = table.table("user");
    let claims = user.take_all();
    user.finish();
    let room: Option<RoomKey> = table.parsed("room");
    let role = table.optional_parsed("role");
    let now = read_time(&mut table);
    if !table.has("expect") {
        table.fault("expect", "is required, such as { role = \"moderator\" }");
    }
    let expect = read_expectation(table.table("expect"));
    table.finish();
    Some(Case {
        issuer,
        claims,
        room: room?,
        role,
        now,
        expect: expect?,
    })
}

fn read_time(table: &mut Table) -> Option<UnixTime> {
    let text = table.optional_text("now")?;
    let time = DateTime::parse_from_rfc3339(&text).ok();
    let millis = time.and_then(|time| u64::try_from(time.timestamp_millis()).ok());
    if millis.is_none() {
        table.fault("now", "must be a time such as 2026-01-31T09:00:00Z");
    }
    millis.map(UnixTime::from_millis)
}

fn read_expectation(mut table: Table) -> Option<Expectation> {
    let role: Option<RoleName> = table.optional_parsed("role");
    let refused = table.boolean("refused", false);
    if table.has("role") == refused {
        table.fault("role", "is required, or else refused = true; not both");
    }
    let decided_by = table.optional_text("rule");
    let may_create = table.has("may_create");
    let may_create = may_create.then(|| table.boolean("may_create", false));
    let token_ttl = table.has("token_ttl");
    let token_ttl = token_ttl.then(|| table.duration("token_ttl", None, Duration::ZERO..=TTL_MAX));
    table.finish();
    let outcome = if refused {
        ExpectedOutcome::Refused
    } else {
        ExpectedOutcome::Role(role?)
    };
    Some(Expectation {
        outcome,
        rule: decided_by,
        may_create,
        token_ttl: token_ttl.flatten(),
    })
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use serde_json::json;

    use crate::settings::findings::Findings;

    use super::*;

    fn read_json(policy: &Value) -> (Option<Parameters>, Vec<String>) {
        let findings: Rc<RefCell<Findings>> = Rc::default();
        let Value::Object(values) = json!({ "policy": policy }) else {
            panic!("not a table")
        };
        let mut root = Table::root(values, Rc::clone(&findings));
        let parameters = read(root.table("policy"));
        let faults = &findings.borrow().faults;
        (parameters, faults.iter().map(ToString::to_string).collect())
    }

    fn faults_of_rule(rule: &Value) -> Vec<String> {
        let (parameters, faults) = read_json(&json!({ "rules": [rule] }));
        assert!(parameters.is_none(), "{faults:?}");
        faults
    }

    #[test]
    fn a_whole_policy_is_read() {
        let (parameters, faults) = read_json(&json!({
            "token_ttl": "1h", "token_ttl_max": "4h", "within_credential": true, "name_from": "omit",
            "rules": [
                { "name": "banned", "room": "*", "when": "'banned' in user.groups", "refuse": true },
                { "name": "teachers", "room": "course-{course}",
                  "when": "('teacher:' + room.course) in user.groups",
                  "role": "moderator", "roles_on_request": ["attendee"], "may_create": true,
                  "token_ttl": "3h", "initials_from": "omit" },
                { "name": "others", "room": "course-{course}", "role": "attendee" },
            ],
            "tests": [
                { "user": { "sub": "u1", "groups": ["teacher:101"] }, "room": "course-101",
                  "role": "attendee", "now": "2026-01-01T09:00:00Z", "issuer": "acme",
                  "expect": { "role": "attendee", "may_create": true, "token_ttl": "3h", "rule": "teachers" } },
                { "user": { "sub": "u1" }, "room": "lobby", "expect": { "refused": true } },
            ],
        }));
        assert_eq!(faults, Vec::<String>::new());
        let parameters = parameters.unwrap();
        assert!(parameters.within_credential);
        let [banned, teachers, others] = parameters.rules.as_slice() else {
            panic!("not three rules")
        };
        assert!(matches!(banned.effect, Effect::Refuse));
        let Effect::Admit(teachers) = &teachers.effect else {
            panic!("teachers are refused")
        };
        assert_eq!(teachers.role.as_str(), "moderator");
        assert_eq!(teachers.roles_on_request.len(), 1);
        assert!(teachers.may_create);
        assert_eq!(teachers.token_ttl, Duration::from_secs(3 * 3600));
        assert_eq!(teachers.appearance.name, FieldSource::Omit);
        assert_eq!(teachers.appearance.initials, FieldSource::Omit);
        let Effect::Admit(others) = &others.effect else {
            panic!("others are refused")
        };
        assert!(!others.may_create);
        assert_eq!(others.token_ttl, Duration::from_secs(3600));
        let [first, second] = parameters.cases.as_slice() else {
            panic!("not two tests")
        };
        assert_eq!(first.now, Some(UnixTime::from_seconds(1_767_258_000)));
        assert_eq!(first.expect.may_create, Some(true));
        assert_eq!(second.expect.outcome, ExpectedOutcome::Refused);
    }

    #[test]
    fn every_fault_of_every_rule_is_reported_under_its_own_number() {
        let (parameters, faults) = read_json(&json!({
            "token_ttl": "9h",
            "rules": [
                { "name": "a", "room": "{x}{y}", "when": "room.x == ''", "role": "speaker" },
                { "name": "b", "room": "b-{x}", "when": "usr.id == room.y", "rol": "speaker" },
                { "name": "b", "room": "c", "refuse": true, "may_create": true },
            ],
            "tests": [
                { "room": "a/b", "now": "soon", "expect": {} },
            ],
        }));
        assert!(parameters.is_none());
        assert_eq!(
            faults,
            [
                "policy.token_ttl: must be between 1s and 8h",
                "policy.rules[0].room: needs a literal before position 4, or where the capture ends is anybody's guess",
                "policy.rules[1].role: is required, unless the rule has refuse = true",
                "policy.rules[1].rol: is not a known key; did you mean roles_on_request?",
                "policy.rules[2].may_create: means nothing in a rule with refuse = true",
                "policy.tests[0].user: is required: the claims of the user's token",
                "policy.tests[0].room: may only contain ASCII letters, digits and - _ . ~ : @ + = ,",
                "policy.tests[0].now: must be a time such as 2026-01-31T09:00:00Z",
                "policy.tests[0].expect.role: is required, or else refused = true; not both",
                "policy.rules[2].name: is the name of rules[1] already; the audit line needs one each",
                "policy.rules[1].when: at character 1 it names usr, which is not a variable; there are user, room, principal and now",
                "policy.rules[1].when: at character 15 it names room.y, but the pattern b-{x} captures no y",
            ]
        );
    }

    #[test]
    fn an_emptied_condition_does_not_admit_everybody() {
        let faults =
            faults_of_rule(&json!({ "name": "a", "room": "*", "when": "", "role": "speaker" }));
        assert_eq!(
            faults,
            ["policy.rules[0].when: must not be empty; leave it out to have the rule always hold"]
        );
    }

    #[test]
    fn a_role_that_upstream_could_not_have_is_a_fault() {
        let faults = faults_of_rule(&json!({ "name": "a", "room": "*", "role": "the boss" }));
        assert_eq!(
            faults,
            ["policy.rules[0].role: may only contain ASCII letters, digits, - and _"]
        );
    }

    #[test]
    fn no_rule_may_outlast_the_maximum() {
        let faults =
            faults_of_rule(&json!({ "name": "a", "room": "*", "role": "x", "token_ttl": "9h" }));
        assert_eq!(
            faults,
            ["policy.rules[0].token_ttl: must be between 1s and 8h"]
        );
    }

    #[test]
    fn a_policy_without_rules_is_a_fault() {
        let (_, faults) = read_json(&json!({}));
        assert_eq!(
            faults,
            ["policy.rules: there is no rule, so nobody could ever join; add a [[policy.rules]]"]
        );
    }
}
