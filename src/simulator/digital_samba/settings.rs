//! The table of room settings: which there are, where each may be written, what it may hold.
//! The simulator's own copy, so that it cannot share a mistake with the broker's.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::refusal::Faulty;
use crate::clock::UnixTime;

const TABLE: &str = include_str!("room_settings.json");

/// Where a setting is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Place {
    Create,
    Update,
    Team,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Boolean,
    Integer,
    String,
    Array,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Format {
    Color,
    Uuid,
    DateTime,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Setting {
    name: String,
    #[serde(rename = "type")]
    kind: Kind,
    on: Vec<Place>,
    #[serde(default)]
    listed: bool,
    #[serde(default)]
    default: Value,
    #[serde(rename = "enum", default)]
    one_of: Vec<String>,
    format: Option<Format>,
    min: Option<i64>,
    max: Option<i64>,
    min_length: Option<usize>,
    max_length: Option<usize>,
}

/// All settings.
pub(super) struct Settings(Vec<Setting>);

impl Settings {
    pub(super) fn load() -> serde_json::Result<Self> {
        serde_json::from_str(TABLE).map(Self)
    }

    /// Every setting that may be written at this place, with its default.
    pub(super) fn defaults(&self, place: Place) -> Map<String, Value> {
        let settings = self.0.iter().filter(|setting| setting.on.contains(&place));
        settings
            .map(|setting| (setting.name.clone(), setting.default.clone()))
            .collect()
    }

    /// The names that a page of rooms shows of each.
    pub(super) fn listed(&self) -> impl Iterator<Item = &str> {
        let listed = self.0.iter().filter(|setting| setting.listed);
        listed.map(|setting| setting.name.as_str())
    }

    /// Takes from a body what may be written here. Unknown names are ignored, as upstream does;
    /// null brings the default back.
    pub(super) fn read(
        &self,
        place: Place,
        body: &Map<String, Value>,
        faulty: &mut Faulty,
    ) -> Map<String, Value> {
        let mut read = Map::new();
        for setting in self.0.iter().filter(|setting| setting.on.contains(&place)) {
            match body.get(&setting.name) {
                None => {}
                Some(Value::Null) => {
                    read.insert(setting.name.clone(), setting.default.clone());
                }
                Some(value) => {
                    for problem in setting.problems(value) {
                        faulty.add(&setting.name, &problem);
                    }
                    read.insert(setting.name.clone(), value.clone());
                }
            }
        }
        read
    }
}

impl Setting {
    fn problems(&self, value: &Value) -> Vec<String> {
        match (&self.kind, value) {
            (Kind::Boolean, Value::Bool(_)) => Vec::new(),
            (Kind::Integer, Value::Number(number)) => match number.as_i64() {
                Some(number) => self.number_problems(number),
                None => vec!["field must be an integer".to_owned()],
            },
            (Kind::String, Value::String(text)) => self.text_problems(text),
            (Kind::Array, Value::Array(items)) if items.iter().all(Value::is_string) => Vec::new(),
            (Kind::Boolean, _) => vec!["field must be true or false".to_owned()],
            (Kind::Integer, _) => vec!["field must be an integer".to_owned()],
            (Kind::String, _) => vec!["field must be a string".to_owned()],
            (Kind::Array, _) => vec!["field must be an array of strings".to_owned()],
        }
    }

    fn number_problems(&self, number: i64) -> Vec<String> {
        let mut problems = Vec::new();
        if let Some(min) = self.min.filter(|min| number < *min) {
            problems.push(format!("field must be at least {min}"));
        }
        if let Some(max) = self.max.filter(|max| number > *max) {
            problems.push(format!("field must not be greater than {max}"));
        }
        problems
    }

    fn text_problems(&self, text: &str) -> Vec<String> {
        let mut problems = Vec::new();
        let length = text.chars().count();
        if let Some(min) = self.min_length.filter(|min| length < *min) {
            problems.push(format!("field must be at least {min} characters"));
        }
        if let Some(max) = self.max_length.filter(|max| length > *max) {
            problems.push(format!("field must not be greater than {max} characters"));
        }
        if !self.one_of.is_empty() && !self.one_of.iter().any(|one| one == text) {
            problems.push("chosen is invalid".to_owned());
        }
        let fits = match self.format {
            None => true,
            Some(Format::Color) => text.strip_prefix('#').is_some_and(|digits| {
                digits.len() == 6 && digits.chars().all(|digit| digit.is_ascii_hexdigit())
            }),
            Some(Format::Uuid) => uuid::Uuid::try_parse(text).is_ok(),
            Some(Format::DateTime) => date_time(text).is_some(),
        };
        if !fits {
            problems.push("field has an invalid format".to_owned());
        }
        problems
    }
}

/// `YYYY-MM-DD hh:mm:ss` in UTC, or RFC 3339.
pub(super) fn date_time(text: &str) -> Option<UnixTime> {
    let plain = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S");
    let seconds = match plain {
        Ok(plain) => plain.and_utc().timestamp(),
        Err(_) => chrono::DateTime::parse_from_rfc3339(text).ok()?.timestamp(),
    };
    u64::try_from(seconds).ok().map(UnixTime::from_seconds)
}

/// How live rooms and lists of sessions show times.
pub(super) const MICROSECONDS: &str = "%Y-%m-%dT%H:%M:%S%.6fZ";

/// A time as rooms and roles show it.
pub(super) fn shown(time: UnixTime) -> String {
    shown_as(time, "%Y-%m-%dT%H:%M:%SZ")
}

/// A time in a format of its own.
pub(super) fn shown_as(time: UnixTime, format: &str) -> String {
    let millis = i64::try_from(time.millis()).unwrap_or(i64::MAX);
    chrono::DateTime::from_timestamp_millis(millis)
        .unwrap_or_default()
        .format(format)
        .to_string()
}
