//! How a participant looks to the others: name, initials, avatar.

use std::sync::Arc;

use super::parsed_text;
use super::text::{TextFault, check_length, is_unsafe_in_text};

/// A participant's display name, the token's claim `u`: 1–128 characters, trimmed, without
/// control and bidirectional characters.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct DisplayName(Arc<str>);

impl DisplayName {
    /// The most characters.
    pub const LENGTH_MAX: usize = 128;

    /// Parses a name as typed: unsafe characters are removed, the rest is trimmed.
    ///
    /// # Errors
    /// [`TextFault`] when nothing is left or too much is.
    pub fn parse(text: &str) -> Result<Self, TextFault> {
        if text.len() > Self::LENGTH_MAX * 8 {
            return Err(TextFault::TooLong {
                max: Self::LENGTH_MAX,
            });
        }
        let clean: String = text.chars().filter(|c| !is_unsafe_in_text(*c)).collect();
        let clean = clean.trim();
        check_length(clean, 1, Self::LENGTH_MAX)?;
        Ok(Self(Arc::from(clean)))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

parsed_text!(DisplayName);

/// A participant's initials, shown on the tile: 1–4 characters.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Initials(Arc<str>);

impl Initials {
    /// The most characters.
    pub const LENGTH_MAX: usize = 4;

    /// Parses initials: unsafe characters are removed, the rest is trimmed.
    ///
    /// # Errors
    /// [`TextFault`] when nothing is left or more than four characters are.
    pub fn parse(text: &str) -> Result<Self, TextFault> {
        if text.len() > 64 {
            return Err(TextFault::TooLong {
                max: Self::LENGTH_MAX,
            });
        }
        let clean: String = text.chars().filter(|c| !is_unsafe_in_text(*c)).collect();
        let clean = clean.trim();
        check_length(clean, 1, Self::LENGTH_MAX)?;
        Ok(Self(Arc::from(clean)))
    }

    /// The initials as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

parsed_text!(Initials);

/// A participant's picture: an absolute `https` URL of at most 1,024 characters, without
/// credentials. It is passed on and never fetched.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AvatarUrl(Arc<str>);

impl AvatarUrl {
    /// The most characters.
    pub const LENGTH_MAX: usize = 1024;

    /// Parses an avatar URL.
    ///
    /// # Errors
    /// [`TextFault`] for anything but an `https` URL with a host and no credentials.
    pub fn parse(text: &str) -> Result<Self, TextFault> {
        const FORM: TextFault = TextFault::Form {
            expected: "an absolute https URL without credentials",
        };
        check_length(text, 1, Self::LENGTH_MAX)?;
        if text
            .chars()
            .any(|c| is_unsafe_in_text(c) || c.is_whitespace())
        {
            return Err(FORM);
        }
        let url = url::Url::parse(text).map_err(|_not_a_url| FORM)?;
        let plain = url.scheme() == "https"
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none();
        if !plain {
            return Err(FORM);
        }
        Ok(Self(Arc::from(url.as_str())))
    }

    /// The URL as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

parsed_text!(AvatarUrl);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bidi_and_control_characters_are_stripped_from_names() {
        let name = DisplayName::parse(" Ada\u{202e}\u{200b} \u{7}Lovelace\r\n").unwrap();
        assert_eq!(name.as_str(), "Ada Lovelace");
        assert_eq!(DisplayName::parse("\u{202e}\u{0}"), Err(TextFault::Empty));
    }

    #[test]
    fn an_avatar_is_https_and_carries_no_credentials() {
        for text in [
            "http://a.example/x.png",
            "javascript:alert(1)",
            "https://u:p@a.example/x",
            "//a.example/x",
            "https://",
            "https://a.example/ x",
            "data:image/png;base64,AAAA",
        ] {
            assert!(AvatarUrl::parse(text).is_err(), "{text}");
        }
        assert_eq!(
            AvatarUrl::parse("https://a.example/x.png")
                .unwrap()
                .as_str(),
            "https://a.example/x.png"
        );
    }

    proptest! {
        #[test]
        fn no_name_keeps_an_unsafe_character(text in any::<String>()) {
            for kept in [
                DisplayName::parse(&text).map(|v| v.as_str().to_owned()),
                Initials::parse(&text).map(|v| v.as_str().to_owned()),
                AvatarUrl::parse(&text).map(|v| v.as_str().to_owned()),
            ].into_iter().flatten() {
                prop_assert!(!kept.chars().any(is_unsafe_in_text) && !kept.is_empty());
            }
        }
    }
}
