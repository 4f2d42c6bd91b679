//! A Digital Samba role, by name.

use std::sync::Arc;

use super::parsed_text;
use super::text::{TextFault, check_length};

/// A role's name: 1–30 of `A-Z a-z 0-9 - _`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoleName(Arc<str>);

impl RoleName {
    /// The most characters that upstream allows.
    pub const LENGTH_MAX: usize = 30;

    /// Parses a role name.
    ///
    /// # Errors
    /// [`TextFault`] for a wrong length or character.
    pub fn parse(text: &str) -> Result<Self, TextFault> {
        check_length(text, 1, Self::LENGTH_MAX)?;
        if !text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        {
            return Err(TextFault::Character {
                allowed: "ASCII letters, digits, - and _",
            });
        }
        Ok(Self(Arc::from(text)))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

parsed_text!(RoleName);
