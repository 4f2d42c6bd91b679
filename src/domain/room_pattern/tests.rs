use proptest::prelude::*;

use super::*;

fn taken(pattern: &str, key: &str) -> Option<Vec<(String, String)>> {
    let pattern = RoomPattern::parse(pattern).unwrap();
    let key = RoomKey::parse(key).unwrap();
    let captures = pattern.matches(&key)?;
    Some(
        captures
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    )
}

fn values(pattern: &str, key: &str) -> Option<Vec<String>> {
    Some(taken(pattern, key)?.into_iter().map(|(_, v)| v).collect())
}

#[test]
fn a_capture_takes_as_little_as_the_rest_of_the_pattern_allows() {
    let none: [&str; 0] = [];
    assert_eq!(values("lobby", "lobby").unwrap(), none);
    assert_eq!(values("lobby", "lobby2"), None);
    assert_eq!(values("*", "anything").unwrap(), none);
    assert_eq!(values("lobby-*", "lobby-").unwrap(), none);
    assert_eq!(values("{all}", "x").unwrap(), ["x"]);
    assert_eq!(values("course-{course}", "course-101").unwrap(), ["101"]);
    assert_eq!(values("course-{course}", "course-"), None);
    assert_eq!(values("{a}-{b}", "x-y-z").unwrap(), ["x", "y-z"]);
    assert_eq!(values("{a}-x", "foo-x-x").unwrap(), ["foo-x"]);
    assert_eq!(values("{a}-x-*", "foo-x-x-").unwrap(), ["foo"]);
    assert_eq!(values("{a}-{b}-z", "--z-z").unwrap(), ["-", "z"]);
    assert_eq!(values("{a}-{b}", "-y"), None);
}

#[test]
fn a_pattern_that_is_ambiguous_or_never_matches_is_refused() {
    type F = PatternFault;
    for (text, fault) in [
        ("", F::Empty),
        ("{a}{b}", F::Adjacent { at: 4 }),
        ("{a}*", F::Adjacent { at: 4 }),
        ("a*b", F::InnerStar { at: 2 }),
        ("**", F::InnerStar { at: 1 }),
        ("a/b", F::Character { at: 2 }),
        ("aé", F::Character { at: 2 }),
        ("a{b", F::Brace { at: 2 }),
        ("a}", F::Brace { at: 2 }),
        ("{}", F::Name { at: 1 }),
        ("{A}", F::Name { at: 1 }),
        ("{1a}", F::Name { at: 1 }),
        ("{in}", F::Name { at: 1 }),
        ("{key}", F::Name { at: 1 }),
        ("{{a}}", F::Name { at: 1 }),
        (
            "{a}-{a}",
            F::Twice {
                name: Box::from("a"),
            },
        ),
        ("{a}-{b}-{c}-{d}-{e}-{f}-{g}-{h}-{i}", F::TooManyCaptures),
    ] {
        assert_eq!(RoomPattern::parse(text), Err(fault), "{text}");
    }
    assert_eq!(
        RoomPattern::parse(&"a".repeat(257)),
        Err(PatternFault::TooLong)
    );
}

#[test]
fn a_wider_pattern_covers_a_narrower_one() {
    let covers = |a, b| {
        RoomPattern::parse(a)
            .unwrap()
            .covers(&RoomPattern::parse(b).unwrap())
    };
    assert!(covers("*", "{a}-x"));
    assert!(covers("course-*", "course-{id}"));
    assert!(covers("course-{a}", "course-{b}"));
    assert!(covers("{a}-*", "{b}-*"));
    assert!(covers("{a}-*", "{b}-"));
    assert!(!covers("{a}-", "{b}-*"));
    assert!(!covers("course-{a}", "course-*"));
    assert!(!covers("course-*", "*"));
    assert!(!covers("lobby", "lobby-*"));
}

/// Tries every way to split: what matching must agree with.
fn naive<'k>(captures: &[(&str, &str)], open: bool, rest: &'k str) -> Option<Vec<&'k str>> {
    let Some(((_, then), others)) = captures.split_first() else {
        return (open || rest.is_empty()).then(Vec::new);
    };
    (1..=rest.len()).find_map(|end| {
        let (value, after) = rest.split_at(end);
        let after = after.strip_prefix(then)?;
        let mut values = naive(others, open, after)?;
        values.insert(0, value);
        Some(values)
    })
}

proptest! {
    #[test]
    fn matching_agrees_with_trying_every_split(
        prefix in "[ab-]{0,2}",
        thens in proptest::collection::vec("[ab-]{1,2}", 0..4),
        open: bool,
        tail: bool,
        key in "[ab-]{1,14}",
    ) {
        const NAMES: [&str; 4] = ["w", "x", "y", "z"];
        let mut thens: Vec<&str> = thens.iter().map(String::as_str).collect();
        if tail && !open {
            thens.push("");
            thens.truncate(4);
        }
        let captures: Vec<(&str, &str)> = NAMES.into_iter().zip(thens).collect();
        let mut text = prefix.clone();
        for (name, then) in &captures {
            text.extend(["{", name, "}", then]);
        }
        if open {
            text.push('*');
        }
        prop_assume!(!text.is_empty());
        let pattern = RoomPattern::parse(&text).unwrap();
        prop_assert_eq!(pattern.to_string(), text);
        let expected = key
            .strip_prefix(prefix.as_str())
            .and_then(|rest| naive(&captures, open, rest));
        let room_key = RoomKey::parse(&key).unwrap();
        let actual = pattern
            .matches(&room_key)
            .map(|found| found.iter().map(|(_, value)| value).collect::<Vec<_>>());
        prop_assert_eq!(actual, expected);
    }

    #[test]
    fn any_text_is_a_pattern_or_a_fault(text in ".{0,60}") {
        if let Ok(pattern) = RoomPattern::parse(&text) {
            prop_assert_eq!(pattern.to_string(), text);
        }
    }
}
