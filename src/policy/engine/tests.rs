use proptest::prelude::*;
use serde_json::{Value, json};

use crate::authn::testing::principal;
use crate::policy::{Appearance, FieldSource};

use super::*;

const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

fn admits(name: &str, room: &str, when: &str, role: &str) -> RuleParameters {
    RuleParameters {
        name: Arc::from(name),
        room: RoomPattern::parse(room).unwrap(),
        when: (!when.is_empty()).then(|| when.to_owned()),
        effect: Effect::Admit(Admit {
            role: RoleName::parse(role).unwrap(),
            roles_on_request: Vec::new(),
            may_create: false,
            token_ttl: Duration::from_secs(7200),
            capacity: None,
            show_live: false,
            appearance: Appearance {
                name: FieldSource::Claim,
                initials: FieldSource::Request,
                avatar: FieldSource::Omit,
            },
        }),
    }
}

fn refuses(name: &str, room: &str, when: &str) -> RuleParameters {
    RuleParameters {
        effect: Effect::Refuse,
        ..admits(name, room, when, "none")
    }
}

fn change(mut rule: RuleParameters, change: impl FnOnce(&mut Admit)) -> RuleParameters {
    if let Effect::Admit(admit) = &mut rule.effect {
        change(admit);
    }
    rule
}

fn parameters(rules: Vec<RuleParameters>) -> Parameters {
    Parameters {
        rules,
        cases: Vec::new(),
        token_ttl_max: Duration::from_secs(4 * 3600),
        within_credential: false,
    }
}

fn policy(rules: Vec<RuleParameters>) -> Policy {
    Policy::compile(parameters(rules)).unwrap()
}

fn school() -> Policy {
    policy(vec![
        refuses("banned", "*", "user.claims.banned"),
        change(
            admits(
                "teachers",
                "course-{course}",
                "('teacher:' + room.course) in user.groups",
                "moderator",
            ),
            |admit| {
                admit.may_create = true;
                admit.roles_on_request = vec![RoleName::parse("attendee").unwrap()];
            },
        ),
        admits(
            "students",
            "course-{course}",
            "('student:' + room.course) in user.groups",
            "attendee",
        ),
        admits("lobby", "lobby", "", "attendee"),
    ])
}

fn user(groups: &[&str]) -> Arc<Principal> {
    principal(json!({ "sub": "u1", "groups": groups, "banned": false }))
}

fn decide(
    policy: &Policy,
    who: &Arc<Principal>,
    room: &str,
    role: Option<&str>,
) -> Result<Admission, Refusal> {
    let role = role.map(|role| RoleName::parse(role).unwrap());
    policy.decide(who, &RoomKey::parse(room).unwrap(), role.as_ref(), NOW)
}

fn role_of(decision: Result<Admission, Refusal>) -> String {
    decision.unwrap().role().as_str().to_owned()
}

#[test]
fn the_first_rule_that_holds_decides() {
    let school = school();
    let both = user(&["student:101", "teacher:101"]);
    let admission = decide(&school, &both, "course-101", None).unwrap();
    assert_eq!(admission.rule(), "teachers");
    assert_eq!(admission.role().as_str(), "moderator");
    assert!(admission.may_create());
    assert_eq!(admission.not_before(), NOW);
    assert_eq!(admission.expires_at(), NOW.plus(Duration::from_secs(7200)));
    assert_eq!(admission.appearance().avatar, FieldSource::Omit);
    assert_eq!(admission.room_key().as_str(), "course-101");
    assert_eq!(admission.principal().subject().as_str(), "u1");

    let student = user(&["student:101"]);
    let admission = decide(&school, &student, "course-101", None).unwrap();
    assert_eq!(
        (admission.rule(), admission.may_create()),
        ("students", false)
    );
}

#[test]
fn without_a_rule_that_holds_nobody_enters() {
    let school = school();
    let teacher = user(&["teacher:101"]);
    assert_eq!(
        decide(&school, &teacher, "course-102", None).unwrap_err(),
        Refusal::NoRule
    );
    assert_eq!(
        decide(&school, &teacher, "staff-room", None).unwrap_err(),
        Refusal::NoRule
    );
    assert_eq!(
        role_of(decide(&school, &teacher, "lobby", None)),
        "attendee"
    );
}

#[test]
fn a_caller_chooses_among_the_rules_roles_and_never_above() {
    let school = school();
    let teacher = user(&["teacher:101"]);
    let student = user(&["student:101"]);
    assert_eq!(
        role_of(decide(&school, &teacher, "course-101", Some("attendee"))),
        "attendee"
    );
    assert_eq!(
        role_of(decide(&school, &teacher, "course-101", Some("moderator"))),
        "moderator"
    );
    let refusal = decide(&school, &student, "course-101", Some("moderator")).unwrap_err();
    assert_eq!(
        refusal,
        Refusal::RoleNotAllowed {
            rule: Arc::from("students"),
            allowed: Arc::from([RoleName::parse("attendee").unwrap()]),
        }
    );
}

#[test]
fn a_missing_claim_never_helps() {
    // A rule that refuses does so when it cannot know; one that admits does not hold.
    let school = school();
    let unknown = principal(json!({ "sub": "u1", "groups": ["teacher:101"] }));
    assert_eq!(
        decide(&school, &unknown, "course-101", None).unwrap_err(),
        Refusal::RefusedByRule {
            rule: Arc::from("banned")
        }
    );
    let levels = policy(vec![
        admits("senior", "*", "user.claims.level > 3", "moderator"),
        admits("others", "*", "", "attendee"),
    ]);
    assert_eq!(role_of(decide(&levels, &unknown, "r", None)), "attendee");
}

#[test]
fn a_claim_of_another_type_is_a_refusal_even_where_a_later_rule_would_admit() {
    let levels = policy(vec![
        admits("senior", "*", "user.claims.level > 3", "moderator"),
        admits("others", "*", "", "attendee"),
    ]);
    for level in [json!("9"), json!([9]), json!({}), json!(true), Value::Null] {
        let odd = principal(json!({ "sub": "u1", "level": level }));
        assert_eq!(
            decide(&levels, &odd, "r", None).unwrap_err(),
            Refusal::Unevaluable {
                rule: Arc::from("senior"),
                fault: EvaluationFault::Type
            },
            "{level}"
        );
    }
    let senior = principal(json!({ "sub": "u1", "level": 4 }));
    assert_eq!(role_of(decide(&levels, &senior, "r", None)), "moderator");
    let junior = principal(json!({ "sub": "u1", "level": 3 }));
    assert_eq!(role_of(decide(&levels, &junior, "r", None)), "attendee");
}

#[test]
fn no_rule_outlasts_the_maximum() {
    let long = change(admits("long", "*", "", "x"), |admit| {
        admit.token_ttl = Duration::from_secs(1_000_000);
    });
    let admission = decide(&policy(vec![long]), &user(&[]), "r", None).unwrap();
    assert_eq!(
        admission.expires_at(),
        NOW.plus(Duration::from_secs(4 * 3600))
    );
}

#[test]
fn an_admission_ends_with_the_credential_only_where_that_is_configured() {
    let ends_in = |seconds| principal(json!({ "sub": "u1", "exp": NOW.seconds() + seconds }));
    let bound = Policy::compile(Parameters {
        within_credential: true,
        ..parameters(vec![admits("all", "*", "", "x")])
    })
    .unwrap();
    let end = |who| decide(&bound, &who, "r", None).map(|admission| admission.expires_at());
    assert_eq!(end(ends_in(60)), Ok(NOW.plus(Duration::from_secs(60))));
    assert_eq!(end(ends_in(9_999)), Ok(NOW.plus(Duration::from_secs(7200))));
    assert_eq!(end(user(&[])), Ok(NOW.plus(Duration::from_secs(7200))));
    let ended = Refusal::CredentialEnded {
        rule: Arc::from("all"),
    };
    assert_eq!(end(ends_in(0)), Err(ended.clone()));
    let past = principal(json!({ "sub": "u1", "exp": NOW.seconds() - 5 }));
    assert_eq!(end(past), Err(ended));

    let free = policy(vec![admits("all", "*", "", "x")]);
    let admission = decide(&free, &ends_in(60), "r", None).unwrap();
    assert_eq!(admission.expires_at(), NOW.plus(Duration::from_secs(7200)));
}

fn faults(parameters: Parameters) -> Vec<String> {
    let faults = Policy::compile(parameters).unwrap_err();
    faults.iter().map(ToString::to_string).collect()
}

#[test]
fn a_policy_is_checked_as_a_whole() {
    assert_eq!(
        faults(parameters(Vec::new())),
        ["rules: there is no rule, so nobody could ever join; add a [[policy.rules]]"]
    );
    let twice = vec![admits("a", "x", "", "r"), admits("a", "y", "usr", "r")];
    assert_eq!(
        faults(parameters(twice)),
        [
            "rules[1].name (a): is the name of rules[0] already; the audit line needs one each",
            "rules[1].when (a): at character 1 it names usr, which is not a variable; there are user, room, principal and now",
        ]
    );
    let hidden = vec![
        admits("all courses", "course-{a}", "true", "r"),
        admits("some course", "course-{b}", "room.b == '1'", "r"),
        admits("everything", "*", "user.id == 'a'", "r"),
        refuses("lobby", "lobby", ""),
    ];
    assert_eq!(
        faults(parameters(hidden)),
        [
            "rules[1].room (some course): is never reached: the rule all courses before it decides about every such room"
        ]
    );
}

#[test]
fn every_role_that_a_rule_names_is_known() {
    let school = school();
    let names: Vec<&str> = school
        .role_names()
        .into_iter()
        .map(RoleName::as_str)
        .collect();
    assert_eq!(names, ["attendee", "moderator"]);
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map("[a-z]{1,3}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_claims_say_a_decision_comes_out(
        value in json_value(),
        room in "[a-z0-9~:@+=,-]{1,20}",
        now in 0..u64::MAX,
    ) {
        let rules = [
            "user.claims.x == 1", "user.claims.x > 1.5", "'a' in user.claims.x", "user.claims.x.y.z == 'a'",
            "user.claims.x[0] == user.claims.x", "user.claims.x.exists(a, a == 'b' || a > 2)",
            "user.claims.x + user.claims.x == ''", "-user.claims.x < 0", "user.claims.x.all(a, a in user.claims.x)",
            "int(user.claims.x) / int(user.claims.x) == 1", "string(user.claims.x).size() == 3",
            "timestamp(user.claims.x) < now", "now + duration(user.claims.x) < now", "now.getFullYear() > 2020",
            "user.claims.?x.?y.orValue(1) == 2", "user.claims.x.map(a, a * 2).size() > 1", "user.claims.x ? true : false",
        ];
        let who = principal(json!({ "sub": "u1", "x": value }));
        let room_key = RoomKey::parse(&room).unwrap();
        let now = UnixTime::from_millis(now);
        for when in rules {
            let policy = policy(vec![admits("rule", "*", when, "x"), refuses("rest", "{a}", "")]);
            let decision = policy.decide(&who, &room_key, None, now);
            if let Err(refusal) = decision {
                let internal = matches!(refusal, Refusal::Unevaluable { fault: EvaluationFault::Internal, .. });
                // Past the year 9999 there is no `now`.
                prop_assert!(!internal || (when.contains("now") && now.seconds() > 253_402_300_799), "{}", when);
            }
        }
    }
}
