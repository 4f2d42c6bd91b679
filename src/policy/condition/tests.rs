mod variables;

use proptest::prelude::*;
use serde_json::json;

use crate::authn::testing::principal;
use crate::clock::UnixTime;
use crate::domain::RoomKey;

use super::*;

const PATTERN: &str = "course-{course}";

fn compile(source: &str) -> Result<Condition, Vec<String>> {
    let pattern = RoomPattern::parse(PATTERN).unwrap();
    let env = Arc::new(Env::stdlib());
    compile_all(&[(Some(source), &pattern)], &env)
        .unwrap()
        .remove(0)
}

fn faults(source: &str) -> Vec<String> {
    match compile(source) {
        Ok(_) => panic!("{source} is accepted"),
        Err(faults) => faults,
    }
}

fn evaluate(source: &str, claims: serde_json::Value) -> Result<bool, EvaluationFault> {
    let condition = compile(source).unwrap_or_else(|faults| panic!("{source}: {faults:?}"));
    let pattern = RoomPattern::parse(PATTERN).unwrap();
    let room_key = RoomKey::parse("course-101").unwrap();
    let captures = pattern.matches(&room_key).unwrap();
    let principal = principal(claims);
    // 2026-11-20T09:30:00Z, a Friday.
    let now = UnixTime::from_seconds(1_795_167_000);
    let variables = Variables::new(principal.attributes(), &room_key, &captures, now);
    let env = Arc::new(Env::stdlib());
    condition
        .evaluate(&env, &variables)
        .map_err(|unevaluated| unevaluated.fault)
}

fn ada() -> serde_json::Value {
    json!({
        "sub": "u1", "name": "Ada", "email": "ada@acme.com", "groups": ["teacher:101", "staff"],
        "org": { "id": "acme", "level": 3, "tags": ["a", "b"] }, "verified": true, "room": "x",
    })
}

#[test]
fn conditions_read_the_user_the_room_the_principal_and_the_time() {
    for source in [
        "true",
        "('teacher:' + room.course) in user.groups",
        "room.key == 'course-101'",
        "room['course'] == '101' && room['key'].startsWith('course-')",
        "int(room.course) > 100",
        "size(room) == 2 && 'course' in room",
        "user.id == 'u1' && user.subject == user.id && user.issuer == 'test'",
        "user.email.endsWith('@acme.com') && user.name.matches('^A') && user.avatar == ''",
        "user.claims.org.id == 'acme' && user.claims.org.level >= 3",
        "user['claims']['org']['id'] == 'acme' && user.claims['verified']",
        "has(user.claims.org.id) && !has(user.claims.org.no) && !has(user.claims.no)",
        "user.claims.?no.?such.orValue('x') == 'x'",
        "user.groups.exists(g, g == 'teacher:' + room.course)",
        "user.groups.exists(g, user.claims.org.tags.exists(t, t == 'b') && g == 'staff')",
        "size(user.groups.filter(g, g.startsWith('teacher:'))) == 1",
        "user.groups.map(g, size(g)).all(n, n > 3) && user.groups.exists_one(g, g == 'staff')",
        "principal.kind == 'user' && principal.issuer_url == 'https://id.test'",
        "now > timestamp('2026-01-01T00:00:00Z') && now - duration('1h') < now",
        "now.getHours('Europe/Berlin') == 10 && now.getDayOfWeek() == 5",
        "user.claims.no == 'x' || true",
        "type(user.claims.org.level) == int || type(user.claims.org.level) == uint",
    ] {
        assert_eq!(evaluate(source, ada()), Ok(true), "{source}");
    }
    for source in [
        "false",
        "'admin' in user.groups",
        "user.claims.org.id == 'other'",
    ] {
        assert_eq!(evaluate(source, ada()), Ok(false), "{source}");
    }
}

#[test]
fn what_a_claim_lacks_or_is_instead_gives_no_answer() {
    type F = EvaluationFault;
    for (source, fault) in [
        ("user.claims.no == 'x'", F::Missing),
        ("user.claims.org.no == 'x'", F::Missing),
        ("user.claims.no.deeper", F::Missing),
        ("user.claims[room.course]", F::Missing),
        ("'x' in user.claims.name", F::Type),
        ("user.claims.groups.startsWith('teacher')", F::Type),
        ("user.claims.org.level.id == 'x'", F::Type),
        ("user.claims.org.id + 1 == 2", F::Type),
        ("user.claims.org", F::NotBoolean),
        ("user.claims.name", F::NotBoolean),
        ("int(user.name) == 1", F::Value),
        ("user.groups[7] == 'x'", F::Missing),
        ("now + duration(user.claims.sub) > now", F::Value),
    ] {
        assert_eq!(evaluate(source, ada()), Err(fault), "{source}");
    }
}

#[test]
fn a_panic_in_the_library_is_a_fault_and_not_a_panic() {
    let mut env = Env::stdlib();
    env.add_overload("boom", "boom", vec![], |_| panic!("in a test"))
        .unwrap();
    let program = env.compile("boom()").unwrap();
    let pattern = RoomPattern::any();
    let room_key = RoomKey::parse("lobby").unwrap();
    let captures = pattern.matches(&room_key).unwrap();
    let ada = principal(ada());
    let now = UnixTime::from_seconds(0);
    let variables = Variables::new(ada.attributes(), &room_key, &captures, now);
    let result = evaluation::evaluate(program.expression(), &Arc::new(env), &variables);
    assert_eq!(result.unwrap_err().fault, EvaluationFault::Internal);
}

#[test]
fn loops_in_loops_over_many_claims_end() {
    let many: Vec<String> = (0..3_000).map(|n| n.to_string()).collect();
    let claims = json!({ "sub": "u1", "groups": many });
    for source in [
        "user.groups.all(a, user.groups.all(b, a + b != 'x'))",
        "user.groups.all(a, user.claims['groups'].all(b, a + b != 'x'))",
    ] {
        assert_eq!(
            evaluate(source, claims.clone()),
            Err(EvaluationFault::TooManySteps),
            "{source}"
        );
    }
    assert_eq!(
        evaluate("user.groups.exists(a, a == '2999')", claims),
        Ok(true)
    );
}

#[test]
fn a_name_that_means_nothing_is_a_fault() {
    for (source, fault) in [
        (
            "usr.id == 'x'",
            "at character 1 it names usr, which is not a variable; there are user, room, principal and now",
        ),
        (
            "room.curse == 'x'",
            "at character 5 it names room.curse, but the pattern course-{course} captures no curse",
        ),
        (
            "room['curse'] == 'x'",
            "at character 5 it names room.curse, but the pattern course-{course} captures no curse",
        ),
        (
            "user.group == 'x'",
            "at character 5 it names user.group; user has id, subject, name, email, groups, avatar, issuer, claims (raw claims are in user.claims)",
        ),
        (
            "user.?group.orValue('') == 'x'",
            "at character 5 it names user.group; user has id, subject, name, email, groups, avatar, issuer, claims (raw claims are in user.claims)",
        ),
        (
            "has(user.group)",
            "at character 4 it names user.group; user has id, subject, name, email, groups, avatar, issuer, claims (raw claims are in user.claims)",
        ),
        (
            "principal.name == 'x'",
            "at character 10 it names principal.name; principal has kind, issuer, issuer_url, id",
        ),
        (
            "now.hour == 3",
            "at character 4 it names now.hour; now is a timestamp, such as now.getHours()",
        ),
        (
            "lower(user.name) == 'x'",
            "at character 6 it calls lower, which is not a function",
        ),
        (
            "user.name.lowerAscii() == 'x'",
            "at character 21 it calls lowerAscii, which is not a function",
        ),
        (
            "optional.some(1).hasValue()",
            "at character 14 it calls some, which is not a function",
        ),
        (
            "user.name.matches(room.course)",
            "at character 18 it calls matches with a pattern that is not a text in quotes",
        ),
        (
            "user.groups.exists(user, user == 'x')",
            "at character 19 it names a loop's variable user, which hides another",
        ),
        (
            "user.groups.exists(g, h == 'x')",
            "at character 23 it names h, which is not a variable; there are user, room, principal and now",
        ),
        (
            ".user.id == 'x'",
            "at character 2 it names .user, which is not a variable; there are user, room, principal and now",
        ),
        (
            "Thing{a: 1} == 1",
            "at character 6 it builds a Thing, which is no known type",
        ),
    ] {
        assert_eq!(faults(source), [fault], "{source}");
    }
}

#[test]
fn what_could_never_hold_by_its_types_is_a_fault() {
    for (source, fault) in [
        ("user.name", "must give true or false, but gives a string"),
        ("1 + 1", "must give true or false, but gives an int"),
        ("user.groups", "must give true or false, but gives a list"),
        (
            "user.groups == 'staff'",
            "at character 13 it compares a list with a string: they are never equal",
        ),
        (
            "room.course == 101",
            "at character 13 it compares a string with an int: they are never equal",
        ),
        (
            "room.course > 101",
            "at character 13 it always fails: > is not for a string and an int",
        ),
        (
            "'a' in user.name",
            "at character 5 it always fails: in is not for a string and a string",
        ),
        (
            "101 in user.groups",
            "at character 5 it looks for an int among values that are each a string",
        ),
        (
            "user.groups.startsWith('x')",
            "at character 23 it always fails: startsWith is not for a list and a string",
        ),
        (
            "user.claims.ok && user.name",
            "at character 23 it needs true or false here, but has a string",
        ),
        (
            "!user.name",
            "at character 6 it needs true or false here, but has a string",
        ),
        (
            "user.name ? true : false",
            "at character 5 it needs true or false here, but has a string",
        ),
        (
            "user.claims.no == 'x' || user.name + 1 == 'y'",
            "at character 36 it always fails: + is not for a string and an int",
        ),
        (
            "user.groups.exists(g, g > 3)",
            "at character 25 it always fails: > is not for a string and an int",
        ),
        (
            "user.name.exists(c, c == 'x')",
            "at character 17 it loops over a string",
        ),
        (
            "user.groups.exists(g, g + 'x')",
            "at character 25 it needs true or false here, but has a string",
        ),
        (
            "now > '2026-01-01'",
            "at character 5 it always fails: > is not for a timestamp and a string",
        ),
    ] {
        assert_eq!(faults(source), [fault], "{source}");
    }
}

#[test]
fn a_constant_that_fails_is_a_fault() {
    for source in [
        "user.name.matches('(')",
        "now > timestamp('soon')",
        "1 / 0 == 1",
        "{'a': 1}.b == 1",
    ] {
        assert!(faults(source)[0].contains("always fails"), "{source}");
    }
}

#[test]
fn a_condition_is_bounded_in_length_parts_depth_and_loops() {
    let long = format!("user.name == '{}'", "a".repeat(SOURCE_BYTES_MAX));
    assert_eq!(faults(&long), ["must have at most 4096 bytes"]);
    let many = vec!["user.id == ''"; 150].join(" || ");
    assert_eq!(faults(&many), ["has 749 parts; at most 512 are allowed"]);
    let deep = format!("{}true", "!(".repeat(40)) + &")".repeat(40);
    assert_eq!(faults(&deep), ["is nested more than 32 deep"]);
    let chain = vec!["1"; 40].join("+") + " == 40";
    assert_eq!(faults(&chain), ["is nested more than 32 deep"]);
    let l = "user.groups.exists";
    let loops = format!("{l}(a, {l}(b, {l}(c, a == b && b == c)))");
    assert_eq!(
        faults(&loops),
        ["at character 63 it nests more than 2 loops"]
    );
    assert!(compile(&format!("{l}(a, {l}(b, a == b)) || {l}(a, a == '')")).is_ok());
}

#[test]
fn the_deepest_condition_fits_a_workers_stack() {
    // Tests run on stacks of 2 MiB, as workers do, and without optimization.
    let deepest = format!("{}user.id == 'u1'", "!(".repeat(28)) + &")".repeat(28);
    assert_eq!(evaluate(&deepest, ada()), Ok(true));
    let nested = "user.groups.exists(g, ".repeat(2)
        + "g == 'staff'"
        + " && [[[[[[g]]]]]][0][0][0][0][0][0] == g))";
    assert_eq!(evaluate(&nested, ada()), Ok(true));
}

#[test]
fn hostile_nesting_is_refused_and_not_a_crash() {
    for (open, count) in [
        ("(", 4096),
        ("[", 4096),
        ("{1:", 1365),
        ("f(", 2048),
        ("!(", 2048),
        ("a.f(", 1024),
    ] {
        assert!(compile(&open.repeat(count)).is_err(), "{open}");
    }
    for (part, joint) in [
        ("1", "+"),
        ("a", "."),
        ("1", "<"),
        ("a", "?b:"),
        ("a", "[0]"),
    ] {
        let source: Vec<&str> =
            std::iter::repeat_n(part, 4096 / (part.len() + joint.len())).collect();
        assert!(compile(&source.join(joint)).is_err(), "{joint}");
    }
    assert!(compile(&"\"".repeat(4096)).is_err());
}

#[test]
fn constants_are_not_evaluated() {
    assert!(matches!(compile("true"), Ok(Condition::Always)));
    assert!(matches!(
        compile(" false // off for now"),
        Ok(Condition::Never)
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_is_a_condition_or_a_fault(source in ".{0,80}") {
        let _condition_or_fault = compile(&source);
    }

    #[test]
    fn any_mix_of_the_languages_words_is_a_condition_or_a_fault(words in proptest::collection::vec(
        proptest::sample::select(vec![
            "user", "room", "now", ".", "groups", "claims", "course", "(", ")", "[", "]", "{", "}", "in", "'x'",
            "1", "1u", "1.5", "null", "true", "&&", "||", "!", "-", "+", "==", "<", "?", ":", ",", "exists(", "g",
            "has(", "size(", "int(", "b'x'", "map(", "timestamp(", "duration('1h')", "@", "`", "\\", "/", "%",
        ]), 0..14)
    ) {
        if let Ok(condition) = compile(&words.join(" ")) {
            let pattern = RoomPattern::parse(PATTERN).unwrap();
            let room_key = RoomKey::parse("course-101").unwrap();
            let captures = pattern.matches(&room_key).unwrap();
            let principal = principal(ada());
            let now = UnixTime::from_seconds(0);
            let variables = Variables::new(principal.attributes(), &room_key, &captures, now);
            let _answer_or_fault = condition.evaluate(&Arc::new(Env::stdlib()), &variables);
        }
    }
}
