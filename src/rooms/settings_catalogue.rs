//! Every room setting that upstream knows, with its limits: what a template may say. The data
//! stands in `settings_catalogue.json`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::setting_fault::{SettingFault, SettingProblem};

/// The catalogue as it was researched: names, types and limits of upstream's room settings.
const DATA: &str = include_str!("settings_catalogue.json");

/// Set for each room by the directory: a template that sets one would break naming or ownership.
const OURS: [&str; 2] = ["friendly_url", "external_id"];

/// One setting and its limits.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Setting {
    name: String,
    r#type: Type,
    #[serde(default, rename = "enum")]
    words: Vec<String>,
    /// Upstream adds words faster than it documents them (languages): any text may be sent.
    #[serde(default)]
    open: bool,
    min: Option<i64>,
    max: Option<i64>,
    min_length: Option<usize>,
    max_length: Option<usize>,
    #[expect(dead_code, reason = "every list upstream documents is one of texts")]
    items: Option<Type>,
    format: Option<Format>,
    scope: Vec<Scope>,
    #[serde(default)]
    replaced_by: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Type {
    String,
    Boolean,
    Integer,
    Array,
    Object,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    Colour,
    Uuid,
    Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Scope {
    Create,
    Update,
    Team,
    Response,
}

/// Which room settings are written into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Into {
    /// One that is to be created.
    New,
    /// One that is there.
    Existing,
}

/// All settings by name. Built once at start and passed to whoever checks templates.
#[derive(Debug)]
pub struct SettingsCatalogue {
    settings: BTreeMap<String, Setting>,
}

impl SettingsCatalogue {
    /// Reads the built-in data.
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "the data is part of the program; a test reads it"
    )]
    pub fn built_in() -> Self {
        let settings: Vec<Setting> =
            serde_json::from_str(DATA).expect("the built-in catalogue is valid");
        Self {
            settings: settings
                .into_iter()
                .map(|setting| (setting.name.clone(), setting))
                .collect(),
        }
    }

    /// Every fault of each setting on its own.
    pub(super) fn faults_of(&self, settings: &Map<String, Value>, into: Into) -> Vec<SettingFault> {
        let mut faults = Vec::new();
        for (name, value) in settings {
            if let Err(problem) = self.check(name, value, into) {
                faults.push(SettingFault {
                    setting: name.clone(),
                    problem,
                });
            }
        }
        faults
    }

    /// Whether a room that exists can be given it.
    pub(super) fn is_changeable(&self, name: &str) -> bool {
        let setting = self.settings.get(name);
        setting.is_some_and(|setting| setting.scope.contains(&Scope::Update))
    }

    fn check(&self, name: &str, value: &Value, into: Into) -> Result<(), SettingProblem> {
        let Some(setting) = self.settings.get(name) else {
            return Err(SettingProblem::Unknown);
        };
        if OURS.contains(&name) {
            return Err(SettingProblem::Ours);
        }
        if !setting.replaced_by.is_empty() {
            return Err(SettingProblem::Replaced {
                by: setting.replaced_by.join(", "),
            });
        }
        if setting.scope.contains(&Scope::Response) {
            return Err(SettingProblem::ReadOnly);
        }
        if !setting.scope.contains(&Scope::Create) {
            return Err(SettingProblem::TeamOnly);
        }
        if into == Into::Existing && !setting.scope.contains(&Scope::Update) {
            return Err(SettingProblem::CreateOnly);
        }
        setting.check(value)
    }
}

impl Setting {
    fn check(&self, value: &Value) -> Result<(), SettingProblem> {
        match (self.r#type, value) {
            (Type::Boolean, Value::Bool(_)) => Ok(()),
            (Type::Integer, Value::Number(number)) => {
                let number = number.as_i64().ok_or(SettingProblem::Type {
                    expected: "a whole number",
                })?;
                self.check_bounds(number)
            }
            (Type::String, Value::String(text)) => self.check_text(text),
            (Type::Array, Value::Array(items)) => check_texts(items),
            (expected, _) => Err(SettingProblem::Type {
                expected: expected.in_words(),
            }),
        }
    }

    /// Upstream has no setting that may be negative.
    fn check_bounds(&self, number: i64) -> Result<(), SettingProblem> {
        let (min, max) = (self.min.unwrap_or(0), self.max);
        if number < min || max.is_some_and(|max| number > max) {
            return Err(SettingProblem::Bounds { min, max });
        }
        Ok(())
    }

    fn check_text(&self, text: &str) -> Result<(), SettingProblem> {
        let length = text.chars().count();
        let min = self.min_length.unwrap_or(1);
        if length < min || self.max_length.is_some_and(|max| length > max) {
            return Err(SettingProblem::Length {
                min,
                max: self.max_length,
            });
        }
        if !self.words.is_empty() && !self.open && !self.words.iter().any(|word| word == text) {
            return Err(SettingProblem::Word {
                words: self.words.join(", "),
            });
        }
        match self.format {
            Some(format) if !format.fits(text) => Err(SettingProblem::Format {
                expected: format.in_words(),
            }),
            Some(_) | None => Ok(()),
        }
    }
}

fn check_texts(items: &[Value]) -> Result<(), SettingProblem> {
    let filled = |item: &Value| item.as_str().is_some_and(|text| !text.is_empty());
    if !items.iter().all(filled) {
        return Err(SettingProblem::Type {
            expected: Type::Array.in_words(),
        });
    }
    let twice = items
        .iter()
        .enumerate()
        .any(|(index, item)| items.iter().take(index).any(|earlier| earlier == item));
    if twice {
        return Err(SettingProblem::Twice);
    }
    Ok(())
}

impl Type {
    fn in_words(self) -> &'static str {
        match self {
            Self::String => "text",
            Self::Boolean => "true or false",
            Self::Integer => "a whole number",
            Self::Array => "a list of texts, none of them empty",
            Self::Object => "a table",
        }
    }
}

impl Format {
    fn fits(self, text: &str) -> bool {
        match self {
            Self::Colour => text
                .strip_prefix('#')
                .is_some_and(|hex| hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit())),
            Self::Uuid => text.len() == 36 && uuid::Uuid::try_parse(text).is_ok(),
            Self::Timestamp => {
                text.len() == 19
                    && chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").is_ok()
            }
        }
    }

    fn in_words(self) -> &'static str {
        match self {
            Self::Colour => "a colour such as #3771E0",
            Self::Uuid => "a UUID",
            Self::Timestamp => "a UTC time such as 2030-01-31 09:00:00",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_data_is_whole() {
        let catalogue = SettingsCatalogue::built_in();
        let may_be_set = |setting: &&Setting| {
            setting.scope.contains(&Scope::Create) && setting.replaced_by.is_empty()
        };
        assert_eq!(catalogue.settings.len(), 144);
        assert_eq!(catalogue.settings.values().filter(may_be_set).count(), 127);
        for name in OURS {
            assert!(catalogue.settings.contains_key(name));
        }
    }
}
