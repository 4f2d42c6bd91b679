//! Ids of people, rooms, teams and requests.

use std::sync::Arc;

use uuid::Uuid;

use super::parsed_text;
use super::text::{TextFault, check_length, is_unsafe_in_text};

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID of any version: upstream uses several.
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// Parses the hyphenated form.
            ///
            /// # Errors
            /// [`TextFault::Form`] for anything but a UUID.
            pub fn parse(text: &str) -> Result<Self, TextFault> {
                const FORM: TextFault = TextFault::Form { expected: "a UUID" };
                if text.len() != 36 {
                    return Err(FORM);
                }
                Uuid::try_parse(text).map(Self).map_err(|_not_a_uuid| FORM)
            }

            /// The UUID.
            pub const fn as_uuid(&self) -> &Uuid {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }
    };
}

uuid_id! {
    /// Upstream's id of a room, the token's claim `rd`.
    RoomId
}
uuid_id! {
    /// Upstream's id of a session of a room.
    SessionId
}
uuid_id! {
    /// Upstream's id of a team, the token's claim `td`.
    TeamId
}
uuid_id! {
    /// Upstream's id of a breakout room, the token's claim `breakoutId`.
    BreakoutId
}
uuid_id! {
    /// Names one request in logs, answers and problems (`UUIDv7`, RFC 9562).
    RequestId
}

/// Who an issuer says this is, the claim `sub` (RFC 7519 section 4.1.2): 1–255 characters, no
/// control or bidirectional ones. Unique only together with the issuer.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Subject(Arc<str>);

impl Subject {
    /// The most characters (OpenID Connect Core section 2).
    pub const LENGTH_MAX: usize = 255;

    /// Parses a subject.
    ///
    /// # Errors
    /// [`TextFault`] when empty, too long or unsafe.
    pub fn parse(text: &str) -> Result<Self, TextFault> {
        check_length(text, 1, Self::LENGTH_MAX)?;
        if text.chars().any(is_unsafe_in_text) || text.trim() != text {
            return Err(TextFault::Character {
                allowed: "printable characters, without spaces around them",
            });
        }
        Ok(Self(Arc::from(text)))
    }

    /// The subject as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

parsed_text!(Subject);

/// What Digital Samba is told of who this is, the token's claim `ud`: one for each pair of issuer
/// and subject.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct UserId(Arc<str>);

impl UserId {
    /// The issuer's prefix, then the subject. Different pairs give different ids as long as no
    /// issuer's prefix begins with another's, which the configuration checks.
    pub fn new(issuer_prefix: &str, subject: &Subject) -> Self {
        if issuer_prefix.is_empty() {
            return Self(Arc::clone(&subject.0));
        }
        Self(Arc::from(format!("{issuer_prefix}{subject}")))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for UserId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_oversized_or_unprintable_subject_is_refused() {
        let long = "a".repeat(256);
        for text in ["", " ", "a\n", "a\u{202e}b", " a", long.as_str()] {
            assert!(Subject::parse(text).is_err(), "{text:?}");
        }
        assert!(Subject::parse("auth0|5f7c8ec7c33c6c004bbafe82").is_ok());
    }

    #[test]
    fn an_id_is_a_hyphenated_uuid_of_any_version() {
        assert!(RoomId::parse("5f0c2b1e-7a44-4d0e-9b55-3e6c1d8a9f21").is_ok());
        assert!(RoomId::parse("5f0c2b1e-7a44-3d0e-9b55-3e6c1d8a9f21").is_ok());
        assert!(RoomId::parse("5f0c2b1e7a444d0e9b553e6c1d8a9f21").is_err());
        assert!(RoomId::parse("{5f0c2b1e-7a44-4d0e-9b55-3e6c1d8a9f21}").is_err());
    }
}
