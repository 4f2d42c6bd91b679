//! `user` and `principal` are the maps that they are said to be, whichever of their members has
//! been read before.

use super::*;
use crate::authn::Principal;

/// All that can be done with a map, a list and a text, done with those of a principal.
const HOLDS: [&str; 62] = [
    "size(user) == 8 && user.size() == 8 && size(principal) == 4",
    "type(user) == map && type(user.claims) == map && type(principal) == map",
    "type(user.groups) == list && type(user.id) == string && type(principal.kind) == string",
    "'id' in user && 'claims' in user && 'groups' in user && !('no' in user)",
    "'kind' in principal && !('name' in principal) && !(user.claims.org.level in user)",
    "user.all(k, k in ['id', 'subject', 'name', 'email', 'groups', 'avatar', 'issuer', 'claims'])",
    "principal.all(k, k in ['kind', 'issuer', 'issuer_url', 'id'])",
    "user.exists_one(k, k == 'claims') && size(user.map(k, k)) == 8",
    "user.filter(k, type(user[k]) == string).all(k, k != 'groups' && k != 'claims')",
    "principal.map(k, principal[k]).exists(v, v == 'https://id.test')",
    "user == user && principal == principal && user != principal",
    "user == {'id': 'u1', 'subject': 'u1', 'name': 'Ada', 'email': 'ada@acme.com', 'avatar': '', \
     'groups': ['teacher:101', 'staff'], 'issuer': 'test', 'claims': user.claims}",
    "{'id': 'u1', 'subject': 'u1', 'name': 'Ada', 'email': 'ada@acme.com', 'avatar': '', \
     'groups': ['teacher:101', 'staff'], 'issuer': 'test', 'claims': user.claims} == user",
    "user != {'id': 'u1', 'subject': 'u1', 'name': 'Ada', 'email': 'ada@acme.com', 'avatar': '', \
     'groups': ['teacher:101', 'staff'], 'issuer': 'test', 'claims': {}}",
    "principal == {'kind': 'user', 'issuer': 'test', 'issuer_url': 'https://id.test', 'id': 'u1'}",
    "{'kind': 'user', 'issuer': 'test', 'issuer_url': 'https://id.test', 'id': 'u1'} == principal",
    "principal != {'kind': 'user', 'issuer': 'test', 'issuer_url': 'https://id.test', 'id': 'u2'}",
    "user.claims == {'sub': 'u1', 'name': 'Ada', 'email': 'ada@acme.com', 'verified': true, \
     'groups': ['teacher:101', 'staff'], 'room': 'x', \
     'org': {'id': 'acme', 'level': 3, 'tags': ['a', 'b']}}",
    "{'id': 'acme', 'level': 3, 'tags': ['a', 'b']} == user.claims.org",
    "user.claims.org != {'id': 'acme', 'level': 3, 'tags': ['a']} && user.claims != {}",
    "size(user.claims) == 7 && 'org' in user.claims && !('no' in user.claims)",
    "user.claims.exists(k, user.claims[k] == 'Ada') && user.claims.org.tags[1] == 'b'",
    "user.claims.org.all(k, k in ['id', 'level', 'tags']) && user.claims.verified",
    "user['claims'] == user.claims && user['groups'] == user.groups && user['id'] == user.id",
    "user['claims'].org.id == user.claims['org']['id'] && user['claims']['org'].tags[0] == 'a'",
    "principal['id'] == principal.id && principal['kind'] == 'user'",
    "dyn(user).name == 'Ada' && dyn(user).groups[1] == 'staff' && dyn(principal).kind == 'user'",
    "dyn(user)['claims'].org.id == 'acme' && size(dyn(user)) == 8",
    "(true ? user : principal).issuer == 'test' && (false ? user : principal).kind == 'user'",
    "(true ? user.claims : user).org.id == 'acme'",
    "[user, principal][0].id == 'u1' && [user, principal][1].issuer_url == 'https://id.test'",
    "[user, principal].all(v, v.id == 'u1') && {'a': user}.a.name == 'Ada'",
    "[user.claims][0].org.level == 3 && {'a': user.groups}.a[0] == 'teacher:101'",
    "has(user.id) && has(user.claims) && has(user.groups) && has(user.avatar) && has(principal.id)",
    "has(user.claims.org) && has(user.claims.org.tags) && !has(user.claims.org.none)",
    "!has(dyn(user).none) && !has(dyn(principal).none)",
    "user.?name.orValue('x') == 'Ada' && user[?'name'].hasValue() && user.?claims.hasValue()",
    "user.?claims.?org.?id.orValue('x') == 'acme' && !dyn(user).?none.hasValue()",
    "principal.?kind.value() == 'user' && !dyn(principal)[?'none'].hasValue()",
    "optional.of(user).value().id == 'u1' && optional.ofNonZeroValue(user).hasValue()",
    "optional.ofNonZeroValue(user.groups).hasValue() && optional.ofNonZeroValue(principal).hasValue()",
    "!optional.ofNonZeroValue(user.avatar).hasValue() && optional.ofNonZeroValue(user.id).hasValue()",
    "user.groups == ['teacher:101', 'staff'] && ['teacher:101', 'staff'] == user.groups",
    "user.groups != ['staff', 'teacher:101'] && user.groups == user.claims.groups",
    "user.groups + ['x'] == ['teacher:101', 'staff', 'x'] && ['x'] + user.groups != user.groups",
    "user.groups[0] == 'teacher:101' && user.groups[1u] == 'staff' && user.groups[1.0] == 'staff'",
    "'staff' in user.groups && !('admin' in user.groups) && size(user.groups) == 2",
    "user.groups.map(g, g + '/' + user.name) == ['teacher:101/Ada', 'staff/Ada']",
    "user.groups.exists(g, user.groups.exists(h, g != h && user.claims['groups'][0] == h))",
    "user.name + '!' == 'Ada!' && '!' + user.name == '!Ada' && size(user.name) == 3",
    "user.name < 'B' && 'B' > user.name && user.name in ['Ada'] && user.name != user.email",
    "{user.name: 1}['Ada'] == 1 && {'Ada': 1}[user.name] == 1 && {user.id: user}['u1'].id == 'u1'",
    "{'id': 'x'}[string('id')] == 'x' && dyn(user)[string('id')] == 'u1'",
    "string(user.id) == 'u1' && bytes(user.id) == b'u1' && user.email.contains('@')",
    "user.issuer == principal.issuer && principal.id == user.subject && user.avatar == ''",
    "[user.id, user.name, principal.kind].map(t, size(t)) == [2, 3, 4]",
    "user.name.startsWith('A') && user.name.endsWith('a') && user.name.matches('^A.a$')",
    "size(user) == 8 && user.claims.org.id == 'acme' && 'staff' in user.groups && user.id == 'u1'",
    "user.claims.org.id == 'acme' && size(user) == 8 && user.groups.exists(g, g == 'staff')",
    "type(user.claims.org.tags) == list && type(user.claims.verified) == bool",
    "user.claims.verified == true && user.claims.room == 'x' && user.claims.name == user.name",
    "user.map(k, k == 'claims' ? user[k] : user.claims).all(c, c.org.id == 'acme')",
];

fn outcome(source: &str) -> String {
    match compile(source) {
        Ok(_) => format!("{:?}", evaluate(source, ada())),
        Err(faults) => faults.join("; "),
    }
}

#[test]
fn all_that_maps_and_lists_and_texts_can_do() {
    let failing: Vec<_> = HOLDS
        .iter()
        .map(|source| (source, outcome(source)))
        .filter(|(_, outcome)| outcome != "Ok(true)")
        .collect();
    assert!(failing.is_empty(), "{failing:#?}");
}

#[test]
fn the_order_of_reading_changes_nothing() {
    let pattern = RoomPattern::parse(PATTERN).unwrap();
    let room_key = RoomKey::parse("course-101").unwrap();
    let captures = pattern.matches(&room_key).unwrap();
    let now = UnixTime::from_seconds(0);
    let env = Arc::new(Env::stdlib());
    let conditions = HOLDS.map(|source| compile(source).unwrap());
    let (one, other) = (principal(ada()), principal(ada()));
    let holds = |principal: &Principal, condition: &Condition| {
        let variables = Variables::new(principal.attributes(), &room_key, &captures, now);
        matches!(condition.evaluate(&env, &variables), Ok(true))
    };
    assert!(conditions.iter().all(|condition| holds(&one, condition)));
    assert!(
        conditions
            .iter()
            .rev()
            .all(|condition| holds(&other, condition))
    );
    assert!(conditions.iter().all(|condition| holds(&other, condition)));
}

/// What fails for the values that it meets.
const FAILS: [(&str, EvaluationFault); 22] = [
    ("dyn(user).none", EvaluationFault::Missing),
    ("dyn(principal).none == 'x'", EvaluationFault::Missing),
    ("user[user.name] == 'x'", EvaluationFault::Missing),
    ("principal[user.name] == 'x'", EvaluationFault::Missing),
    ("dyn(user)[1] == 'x'", EvaluationFault::Missing),
    (
        "user.claims[user.groups[0]] == 'x'",
        EvaluationFault::Missing,
    ),
    (
        "user.claims[user.claims.org.level] == 'x'",
        EvaluationFault::Missing,
    ),
    ("user.claims[user.claims.org] == 'x'", EvaluationFault::Type),
    ("user.claims.org in user.claims", EvaluationFault::Type),
    ("user[user.claims.org] == 'x'", EvaluationFault::Type),
    ("principal[user.claims.org] == 'x'", EvaluationFault::Type),
    ("user.claims.org in principal", EvaluationFault::Type),
    (
        "user.claims.org + user.claims.org == 'x'",
        EvaluationFault::Type,
    ),
    ("user.claims.org < user.claims.org", EvaluationFault::Type),
    ("user.claims.name.no.deeper == 'x'", EvaluationFault::Type),
    ("user.claims.org.tags.no == 'x'", EvaluationFault::Type),
    ("user.claims.org.tags[5] == 'x'", EvaluationFault::Missing),
    (
        "user.claims.org.tags[user.name] == 'x'",
        EvaluationFault::Type,
    ),
    (
        "user.groups[user.claims.org.level] == 'x'",
        EvaluationFault::Missing,
    ),
    ("user.claims.verified.exists(v, v)", EvaluationFault::Type),
    ("user.claims.org.tags", EvaluationFault::NotBoolean),
    ("{user.claims.org: 1} == {}", EvaluationFault::Type),
];

/// What fails whatever it meets, and how the fault begins.
const FAILS_ALWAYS: [(&str, &str); 12] = [
    ("user", "must give true or false, but gives a map"),
    ("user.claims", "must give true or false, but gives a map"),
    (
        "user == 'x'",
        "at character 6 it compares a map with a string: they are never equal",
    ),
    (
        "user + 1 == 2",
        "at character 6 it always fails: + is not for a map and an int",
    ),
    (
        "user < principal",
        "at character 6 it always fails: < is not for a map and a map",
    ),
    (
        "user.groups + user",
        "must give true or false, but gives a list",
    ),
    (
        "-user.id == 'x'",
        "at character 1 it always fails: - is not for a string",
    ),
    (
        "user.email > 1",
        "at character 12 it always fails: > is not for a string and an int",
    ),
    (
        "principal.kind == 1",
        "at character 16 it compares a string with an int: they are never equal",
    ),
    (
        "1 in user.groups",
        "at character 3 it looks for an int among values that are each a string",
    ),
    (
        "user.name.x == 'x'",
        "at character 10 it always fails: a value has another type than it expects",
    ),
    ("user.groups['x'] == 'x'", "at character 12 it always fails"),
];

#[test]
fn what_maps_and_lists_and_texts_cannot_do() {
    let fails = FAILS.map(|(source, fault)| (source, format!("{:?}", Err::<bool, _>(fault))));
    let fails_always = FAILS_ALWAYS.map(|(source, fault)| (source, fault.to_owned()));
    let other: Vec<_> = fails
        .iter()
        .chain(&fails_always)
        .map(|(source, fault)| (source, fault, outcome(source)))
        .filter(|(_, fault, outcome)| !outcome.starts_with(fault.as_str()))
        .collect();
    assert!(other.is_empty(), "{other:#?}");
}
