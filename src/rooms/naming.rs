//! Room key to friendly URL: injective also against an attacker, and also should upstream compare
//! names without case.

use aws_lc_rs::digest::{SHA256, digest};

use crate::domain::{FriendlyUrl, RoomKey};

/// Stands in every hashed name and in no other. That it never stands in a name that maps to
/// itself is what keeps the two kinds apart.
const MARKER: &str = "--";

/// Characters of the key that a hashed name still shows, for people who read a list of rooms.
const SHOWN_MAX: usize = 6;

/// Bytes of SHA-256 in a hashed name: 120 bits, so that nobody finds two keys of one name
/// (about 2^60 tries), in as many characters as upstream's 32 leave.
const HASH_BYTES: usize = 15;

/// Sets these hashes apart from any other use of SHA-256 in the product.
const HASH_DOMAIN: &[u8] = b"room-broker friendly_url 1\0";

/// RFC 4648 section 6, in lower case.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// The one name that a room key's room has upstream.
///
/// A canonical slug (3–32 of `a-z 0-9 - _`, no `-` at an end, no `--`, no word of upstream's
/// routes) is its own name. Any other key gets a readable beginning, the marker and a hash.
#[expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "both forms hold to upstream's alphabet and length; a property test shows it"
)]
pub fn friendly_url(key: &RoomKey) -> FriendlyUrl {
    let text = key.as_str();
    let name = if is_canonical(text) {
        FriendlyUrl::parse(text)
    } else {
        FriendlyUrl::parse(&format!("{}{MARKER}{}", shown(text), hashed(text)))
    };
    name.expect("a name of allowed characters and length")
}

fn is_canonical(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    (FriendlyUrl::LENGTH_MIN..=FriendlyUrl::LENGTH_MAX).contains(&text.len())
        && text.bytes().all(allowed)
        && !text.starts_with('-')
        && !text.ends_with('-')
        && !text.contains(MARKER)
        && FriendlyUrl::parse(text).is_ok()
}

/// The beginning of a key as a slug; `room` if nothing of it can be shown.
fn shown(text: &str) -> String {
    let mut slug = String::with_capacity(SHOWN_MAX);
    for c in text.chars() {
        let c = c.to_ascii_lowercase();
        if c.is_ascii_alphanumeric() || c == '_' {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() == SHOWN_MAX {
            break;
        }
    }
    match slug.trim_end_matches('-') {
        "" => "room".to_owned(),
        slug => slug.to_owned(),
    }
}

fn hashed(text: &str) -> String {
    let hash = digest(&SHA256, &[HASH_DOMAIN, text.as_bytes()].concat());
    let bits = hash.as_ref().iter().take(HASH_BYTES);
    let mut out = String::with_capacity(HASH_BYTES * 8 / 5);
    let (mut held, mut held_bits) = (0_u16, 0);
    for byte in bits {
        held = held << 8 | u16::from(*byte);
        held_bits += 8;
        while held_bits >= 5 {
            held_bits -= 5;
            let index = usize::from(held >> held_bits & 31);
            out.extend(BASE32.get(index).copied().map(char::from));
        }
        held &= (1 << held_bits) - 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(key: &str) -> String {
        friendly_url(&RoomKey::parse(key).unwrap()).to_string()
    }

    #[test]
    fn a_canonical_slug_is_its_own_name() {
        for key in ["course-101", "a_b", "abc", &"a".repeat(32), "_-_"] {
            assert_eq!(name(key), key);
        }
    }

    /// Fixed for ever: a change here would orphan every room that was ever created.
    #[test]
    fn the_names_of_other_keys_never_change() {
        assert_eq!(name("Course-101"), "course--dwsvo6ggrn36wqefpdijixop");
        assert_eq!(name("@"), "room--ebptqxh3wql4zk4sapbankpa");
    }

    #[test]
    fn near_collisions_have_names_of_their_own() {
        let hashed = name("Course 101".replace(' ', "+").as_str());
        let keys = [
            "course-101",
            "Course-101",
            "COURSE-101",
            "course--101",
            "-course-101",
            "course-101-",
            "course.101",
            "course:101",
            "course_101",
            "course+101",
            "ab",
            "AB",
            "live",
            "Live",
            "tags",
            "TAGS",
            "live-",
            "-live",
            "a",
            "A",
            "~",
            "@",
            "=",
            "a-",
            "a.",
            "course-1",
            hashed.as_str(),
        ];
        let mut names: Vec<String> = keys.iter().map(|key| name(key)).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), keys.len());
    }

    /// Keys that are as close to each other, and to generated names, as can be.
    fn keys() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-cA-C._-]{1,6}",
            "[a-z0-9_-]{1,40}",
            "[A-Za-z0-9._~:@+=,-]{1,128}",
            "[a-z]{1,6}--[a-z2-7]{24}",
            "(live|tags|LIVE|Tags)-?",
            "[A-Za-z0-9._~:@+=,-]{1,20}".prop_map(|key| {
                RoomKey::parse(&key).map_or(key, |key| friendly_url(&key).to_string())
            }),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn different_keys_have_different_names(a in keys(), b in keys()) {
            if let (Ok(a), Ok(b)) = (RoomKey::parse(&a), RoomKey::parse(&b)) {
                let (of_a, of_b) = (friendly_url(&a).to_string(), friendly_url(&b).to_string());
                prop_assert_eq!(a == b, of_a.eq_ignore_ascii_case(&of_b));
            }
        }

        #[test]
        fn a_name_is_always_valid_and_says_of_which_kind_it_is(key in keys()) {
            let Ok(key) = RoomKey::parse(&key) else { return Ok(()) };
            let name = friendly_url(&key);
            prop_assert!(FriendlyUrl::parse(name.as_str()).is_ok());
            prop_assert!(!["live", "tags"].contains(&name.as_str()));
            prop_assert_eq!(name.as_str() == key.as_str(), is_canonical(key.as_str()));
            prop_assert_eq!(name.as_str().contains(MARKER), !is_canonical(key.as_str()));
            prop_assert_eq!(&name, &friendly_url(&key));
            if name.as_str().contains(MARKER) {
                let (shown, hash) = name.as_str().split_once(MARKER).unwrap();
                prop_assert!((1..=SHOWN_MAX).contains(&shown.len()) && hash.len() == 24);
            }
        }
    }
}
