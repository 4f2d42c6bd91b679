//! The people of the demo.

use serde_json::{Map, Value, json};

/// A demo user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum User {
    /// Teaches course 101.
    Ada,
    /// Attends course 101.
    Ben,
    /// Belongs to no course.
    Cleo,
}

impl User {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ada, Self::Ben, Self::Cleo];

    /// A user by the name that addresses use.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|user| user.name() == name)
    }

    /// The name that addresses use; also the `sub`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ada => "ada",
            Self::Ben => "ben",
            Self::Cleo => "cleo",
        }
    }

    /// The name that people read.
    pub fn display_name(self) -> &'static str {
        match self {
            Self::Ada => "Ada Winter",
            Self::Ben => "Ben Okoye",
            Self::Cleo => "Cleo Marsh",
        }
    }

    pub(super) fn groups(self) -> &'static [&'static str] {
        match self {
            Self::Ada => &["teacher:101", "staff"],
            Self::Ben => &["student:101"],
            Self::Cleo => &[],
        }
    }

    pub(super) fn claims(self) -> Map<String, Value> {
        let name = self.name();
        [
            ("sub", json!(name)),
            ("name", json!(self.display_name())),
            ("preferred_username", json!(name)),
            ("email", json!(format!("{name}@school.example"))),
            ("email_verified", json!(true)),
            (
                "picture",
                json!(format!("https://pictures.school.example/{name}.png")),
            ),
            ("groups", json!(self.groups())),
            ("realm_access", json!({ "roles": self.groups() })),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect()
    }
}
