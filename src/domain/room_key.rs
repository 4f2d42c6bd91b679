//! The app's own name of a room, and upstream's.

use std::sync::Arc;

use super::parsed_text;
use super::text::{TextFault, check_length};

/// The app's own name of a room: 1–128 characters, chosen by the app, perhaps by an attacker.
/// Cheap to clone.
///
/// Allowed are ASCII letters, digits and `- _ . ~ : @ + = ,`, without `..`, and not a lone `.`:
/// nothing that a path, a log line or a URL could read as something else.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomKey(Arc<str>);

impl RoomKey {
    /// The most characters that a room key has.
    pub const LENGTH_MAX: usize = 128;

    /// Parses an already percent-decoded key.
    ///
    /// # Errors
    /// [`TextFault`] for a wrong length, a character outside the set, `.` or `..`.
    pub fn parse(text: &str) -> Result<Self, TextFault> {
        check_length(text, 1, Self::LENGTH_MAX)?;
        let allowed = |b: u8| {
            b.is_ascii_alphanumeric()
                || matches!(
                    b,
                    b'-' | b'_' | b'.' | b'~' | b':' | b'@' | b'+' | b'=' | b','
                )
        };
        if !text.bytes().all(allowed) {
            return Err(TextFault::Character {
                allowed: "ASCII letters, digits and - _ . ~ : @ + = ,",
            });
        }
        if text == "." || text.contains("..") {
            return Err(TextFault::Form {
                expected: "a name without a lone '.' or '..'",
            });
        }
        Ok(Self(Arc::from(text)))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

parsed_text!(RoomKey);

/// Upstream's name of a room in URLs: 3–32 of `A-Z a-z 0-9 - _`, unique in a team.
/// Never `live` or `tags`, which upstream's routes read as something else.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct FriendlyUrl(Arc<str>);

impl FriendlyUrl {
    /// The fewest characters.
    pub const LENGTH_MIN: usize = 3;
    /// The most characters.
    pub const LENGTH_MAX: usize = 32;

    /// Parses a friendly URL.
    ///
    /// # Errors
    /// [`TextFault`] for a wrong length or character, or a reserved word.
    pub fn parse(text: &str) -> Result<Self, TextFault> {
        check_length(text, Self::LENGTH_MIN, Self::LENGTH_MAX)?;
        if !text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        {
            return Err(TextFault::Character {
                allowed: "ASCII letters, digits, - and _",
            });
        }
        if text.eq_ignore_ascii_case("live") || text.eq_ignore_ascii_case("tags") {
            return Err(TextFault::Reserved);
        }
        Ok(Self(Arc::from(text)))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

parsed_text!(FriendlyUrl);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_room_key_that_a_path_or_a_log_could_misread_is_refused() {
        for text in [
            "",
            ".",
            "..",
            "a..b",
            "a/b",
            "a\\b",
            "a%2fb",
            "a%252fb",
            "a\0b",
            "a\rb",
            "a\nb",
            "a b",
            "a?b",
            "a#b",
            "a\u{202e}b",
            "é",
            "a\"b",
            "a'b",
            "a<b",
        ] {
            assert!(RoomKey::parse(text).is_err(), "{text:?}");
        }
        assert!(RoomKey::parse(&"a".repeat(128)).is_ok());
        assert_eq!(
            RoomKey::parse(&"a".repeat(129)),
            Err(TextFault::TooLong { max: 128 })
        );
    }

    #[test]
    fn words_of_upstreams_routes_are_no_friendly_url() {
        for text in ["live", "tags", "LIVE", "Tags", "ab", "a.b"] {
            assert!(FriendlyUrl::parse(text).is_err(), "{text}");
        }
        assert!(FriendlyUrl::parse("abc").is_ok());
    }

    proptest! {
        #[test]
        fn whatever_parses_is_kept_as_it_is(text in ".{0,140}") {
            if let Ok(key) = RoomKey::parse(&text) {
                prop_assert_eq!(key.as_str(), text.as_str());
                prop_assert!(text.is_ascii() && !text.contains('/') && !text.contains(".."));
            }
        }
    }
}
