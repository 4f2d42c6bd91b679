//! Reads a tree of configuration values key by key, and notes every fault instead of stopping at
//! the first. A key that nobody read is a fault too.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;
use std::str::FromStr;
use std::time::Duration;

use serde_json::{Map, Value};

use super::findings::{Fault, Findings};

/// A table of configuration, and where it stands. Dropping it without [`Table::finish`] would let
/// unknown keys pass, so the reader of a section always ends with it.
#[must_use = "a table must be finished, or its unknown keys go unseen"]
pub struct Table {
    path: String,
    values: Map<String, Value>,
    read: BTreeSet<String>,
    pub(super) findings: Rc<RefCell<Findings>>,
}

impl Table {
    /// The root of a configuration tree.
    pub fn root(values: Map<String, Value>, findings: Rc<RefCell<Findings>>) -> Self {
        Self {
            path: String::new(),
            values,
            read: BTreeSet::new(),
            findings,
        }
    }

    /// The path of one key of this table.
    pub fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// Notes a fault at one key.
    pub fn fault(&self, key: &str, problem: impl fmt::Display) {
        self.findings.borrow_mut().faults.push(Fault {
            key: self.path_of(key),
            problem: problem.to_string(),
        });
    }

    /// Notes a warning at one key.
    pub fn warn(&self, key: &str, problem: impl fmt::Display) {
        self.findings.borrow_mut().warnings.push(Fault {
            key: self.path_of(key),
            problem: problem.to_string(),
        });
    }

    /// Whether the key is there and not empty text (an emptied environment variable unsets).
    pub fn has(&self, key: &str) -> bool {
        self.values.get(key).is_some_and(|value| !is_unset(value))
    }

    /// The raw value, if it is there.
    pub fn raw(&mut self, key: &str) -> Option<Value> {
        self.read.insert(key.to_owned());
        self.values
            .get(key)
            .filter(|value| !is_unset(value))
            .cloned()
    }

    /// Text that must be there.
    pub fn text(&mut self, key: &str) -> Option<String> {
        let text = self.optional_text(key);
        if text.is_none() && !self.values.contains_key(key) || self.is_empty_text(key) {
            self.fault(key, "is required");
        }
        text
    }

    /// Text that may be left out.
    pub fn optional_text(&mut self, key: &str) -> Option<String> {
        match self.raw(key)? {
            Value::String(text) => Some(text),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(_) | Value::Array(_) | Value::Object(_) | Value::Null => {
                self.fault(key, "must be text");
                None
            }
        }
    }

    /// A required value of a type that parses from text; its error becomes the fault.
    pub fn parsed<T: FromStr<Err: fmt::Display>>(&mut self, key: &str) -> Option<T> {
        let text = self.text(key)?;
        self.parse(key, &text)
    }

    /// A value of a type that parses from text, which may be left out.
    pub fn optional_parsed<T: FromStr<Err: fmt::Display>>(&mut self, key: &str) -> Option<T> {
        let text = self.optional_text(key)?;
        self.parse(key, &text)
    }

    fn parse<T: FromStr<Err: fmt::Display>>(&self, key: &str, text: &str) -> Option<T> {
        match text.parse() {
            Ok(value) => Some(value),
            Err(problem) => {
                self.fault(key, problem);
                None
            }
        }
    }

    /// One of a few words, required, or `default` where there is one.
    pub fn word<T: Copy>(
        &mut self,
        key: &str,
        words: &[(&str, T)],
        default: Option<T>,
    ) -> Option<T> {
        let text = if default.is_some() {
            self.optional_text(key)
        } else {
            self.text(key)
        };
        let Some(text) = text else { return default };
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        self.fault(key, format_args!("must be one of: {}", names.join(", ")));
        None
    }

    /// A duration such as `30s`, `2h`, `250ms` within bounds; `default` if left out.
    pub fn duration(
        &mut self,
        key: &str,
        default: Option<Duration>,
        bounds: std::ops::RangeInclusive<Duration>,
    ) -> Option<Duration> {
        let text = if default.is_some() {
            self.optional_text(key)
        } else {
            self.text(key)
        };
        let Some(text) = text else { return default };
        match humantime::parse_duration(&text) {
            Ok(duration) if bounds.contains(&duration) => Some(duration),
            Ok(_) => {
                let least = humantime::format_duration(*bounds.start());
                let most = humantime::format_duration(*bounds.end());
                self.fault(key, format_args!("must be between {least} and {most}"));
                None
            }
            Err(_) => {
                self.fault(key, "must be a duration such as 30s, 5m or 2h");
                None
            }
        }
    }

    /// A whole number within bounds; `default` if left out.
    pub fn integer(
        &mut self,
        key: &str,
        default: Option<u64>,
        bounds: std::ops::RangeInclusive<u64>,
    ) -> Option<u64> {
        let Some(value) = self.raw(key) else {
            if default.is_none() {
                self.fault(key, "is required");
            }
            return default;
        };
        let number = match &value {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.parse().ok(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        match number {
            Some(number) if bounds.contains(&number) => Some(number),
            _out_of_bounds => {
                let (least, most) = (bounds.start(), bounds.end());
                self.fault(
                    key,
                    format_args!("must be a whole number between {least} and {most}"),
                );
                None
            }
        }
    }

    /// True or false; `default` if left out.
    pub fn boolean(&mut self, key: &str, default: bool) -> bool {
        match self.raw(key) {
            None => default,
            Some(Value::Bool(value)) => value,
            Some(Value::String(text)) if text == "true" => true,
            Some(Value::String(text)) if text == "false" => false,
            Some(_) => {
                self.fault(key, "must be true or false");
                default
            }
        }
    }

    /// A list of texts; empty if left out. From the environment, separated by commas.
    pub fn texts(&mut self, key: &str) -> Vec<String> {
        match self.raw(key) {
            None => Vec::new(),
            Some(Value::String(text)) => text
                .split(',')
                .map(|part| part.trim().to_owned())
                .filter(|part| !part.is_empty())
                .collect(),
            Some(Value::Array(items)) => {
                let mut texts = Vec::with_capacity(items.len());
                for item in items {
                    if let Value::String(text) = item {
                        texts.push(text);
                    } else {
                        self.fault(key, "must be a list of texts");
                        return Vec::new();
                    }
                }
                texts
            }
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) => {
                self.fault(key, "must be a list of texts");
                Vec::new()
            }
        }
    }

    /// A list of values that parse from text; each bad one is a fault of its own.
    pub fn parsed_list<T: FromStr<Err: fmt::Display>>(&mut self, key: &str) -> Vec<T> {
        let texts = self.texts(key);
        let mut values = Vec::with_capacity(texts.len());
        for (index, text) in texts.iter().enumerate() {
            match text.parse() {
                Ok(value) => values.push(value),
                Err(problem) => self.fault(&format!("{key}[{index}]"), problem),
            }
        }
        values
    }

    /// The table under a key; an empty one if left out.
    pub fn table(&mut self, key: &str) -> Self {
        let values = match self.raw(key) {
            None => Map::new(),
            Some(Value::Object(values)) => values,
            Some(_) => {
                self.fault(key, "must be a table");
                Map::new()
            }
        };
        self.child(self.path_of(key), values)
    }

    /// The list of tables under a key; empty if left out.
    pub fn tables(&mut self, key: &str) -> Vec<Self> {
        let items = match self.raw(key) {
            None => return Vec::new(),
            Some(Value::Array(items)) => items,
            Some(_) => {
                self.fault(key, "must be a list of tables");
                return Vec::new();
            }
        };
        let mut tables = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            if let Value::Object(values) = item {
                tables.push(self.child(format!("{}[{index}]", self.path_of(key)), values));
            } else {
                self.fault(&format!("{key}[{index}]"), "must be a table");
            }
        }
        tables
    }

    fn child(&self, path: String, values: Map<String, Value>) -> Self {
        Self {
            path,
            values,
            read: BTreeSet::new(),
            findings: Rc::clone(&self.findings),
        }
    }

    /// Everything in the table, as it is.
    pub fn take_all(&mut self) -> Map<String, Value> {
        self.read.extend(self.values.keys().cloned());
        self.values.clone()
    }

    /// Notes every key that nobody read.
    pub fn finish(self) {
        #[cfg(test)]
        self.findings
            .borrow_mut()
            .keys_read
            .extend(self.read.iter().map(|key| self.path_of(key)));
        for key in self.values.keys().filter(|key| !self.read.contains(*key)) {
            let known: Vec<&str> = self.read.iter().map(String::as_str).collect();
            match nearest(key, &known) {
                Some(near) => self.fault(
                    key,
                    format_args!("is not a known key; did you mean {near}?"),
                ),
                None => self.fault(key, "is not a known key"),
            }
        }
    }

    /// Whether the key is there with nothing in it.
    pub(super) fn is_empty_text(&self, key: &str) -> bool {
        self.values.get(key).is_some_and(is_unset)
    }
}

fn is_unset(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => false,
    }
}

/// The known key that shares the longest beginning with an unknown one, if it is at least half.
fn nearest<'a>(key: &str, known: &[&'a str]) -> Option<&'a str> {
    let shared = |other: &str| {
        key.bytes()
            .zip(other.bytes())
            .take_while(|(a, b)| a == b)
            .count()
    };
    known
        .iter()
        .copied()
        .max_by_key(|other| shared(other))
        .filter(|other| shared(other) * 2 >= key.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(values: Value) -> (Table, Rc<RefCell<Findings>>) {
        let findings = Rc::default();
        let Value::Object(values) = values else {
            panic!("not a table")
        };
        (Table::root(values, Rc::clone(&findings)), findings)
    }

    #[test]
    fn every_fault_is_noted_with_its_key() {
        let (mut root, findings) = table(
            serde_json::json!({ "a": { "size": "x", "ttl": "soon", "extra": 1 }, "b": [ { "on": 3 } ] }),
        );
        let mut a = root.table("a");
        assert_eq!(a.integer("size", None, 0..=9), None);
        assert_eq!(
            a.duration("ttl", None, Duration::ZERO..=Duration::MAX),
            None
        );
        assert_eq!(a.text("name"), None);
        a.finish();
        for mut b in root.tables("b") {
            b.boolean("on", false);
            b.finish();
        }
        root.finish();
        let keys: Vec<String> = findings
            .borrow()
            .faults
            .iter()
            .map(|fault| fault.key.clone())
            .collect();
        assert_eq!(keys, ["a.size", "a.ttl", "a.name", "a.extra", "b[0].on"]);
    }
}
