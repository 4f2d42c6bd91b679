//! The fields of a body, read one by one; what is wrong with them is told at the end, all at
//! once. Unknown fields are ignored, as upstream does.

use std::fmt::Display;
use std::mem;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::refusal::{Faulty, Refusal};

/// Texts that the documentation does not bound are bounded all the same.
pub(super) const LONG: RangeInclusive<usize> = 0..=10_000;
/// Such texts that may not be empty.
pub(super) const SOME: RangeInclusive<usize> = 1..=10_000;

/// A body, or an object inside it, on its way to being read. Absent, null and faulty fields all
/// read as `None`.
pub(super) struct Fields<'b> {
    body: &'b Map<String, Value>,
    prefix: String,
    faulty: Faulty,
}

impl<'b> Fields<'b> {
    pub(super) fn of(body: &'b Map<String, Value>) -> Self {
        Self {
            body,
            prefix: String::new(),
            faulty: Faulty::default(),
        }
    }

    /// Whether it is there, null or not.
    pub(super) fn has(&self, name: &str) -> bool {
        self.body.contains_key(name)
    }

    /// Every field, known or not, as it stands.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'b String, &'b Value)> + use<'b> {
        self.body.iter()
    }

    /// Refuses fields that are absent or null.
    pub(super) fn require(&mut self, names: &[&str]) {
        for name in names {
            if self.value(name).is_none() {
                self.refuse(name, "field is required");
            }
        }
    }

    /// Refuses a field that is absent; null will do.
    pub(super) fn require_present(&mut self, name: &str) {
        if !self.has(name) {
            self.refuse(name, "field must be present");
        }
    }

    pub(super) fn text(&mut self, name: &str, length: &RangeInclusive<usize>) -> Option<String> {
        let text = self.string(name)?;
        if length.contains(&text.chars().count()) {
            return Some(text.to_owned());
        }
        let (least, most) = (length.start(), length.end());
        self.refused(name, &format!("field must be {least} to {most} characters"))
    }

    pub(super) fn uuid(&mut self, name: &str) -> Option<String> {
        let text = self.string(name)?;
        if uuid::Uuid::try_parse(text).is_ok() {
            return Some(text.to_owned());
        }
        self.refused(name, "field must be a valid UUID")
    }

    /// An absolute web address.
    pub(super) fn address(&mut self, name: &str, length: &RangeInclusive<usize>) -> Option<String> {
        let text = self.text(name, length)?;
        let url = url::Url::parse(&text).ok();
        if url.is_some_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) {
            return Some(text);
        }
        self.refused(name, "field must be a valid URL")
    }

    pub(super) fn one_of(&mut self, name: &str, choices: &[&'static str]) -> Option<&'static str> {
        let text = self.string(name)?;
        match choices.iter().find(|choice| **choice == text) {
            Some(choice) => Some(choice),
            None => self.refused(name, "chosen is invalid"),
        }
    }

    pub(super) fn boolean(&mut self, name: &str) -> Option<bool> {
        match self.value(name)?.as_bool() {
            Some(value) => Some(value),
            None => self.refused(name, "field must be true or false"),
        }
    }

    pub(super) fn integer(&mut self, name: &str, range: &RangeInclusive<u64>) -> Option<u64> {
        let number = self.value(name)?.as_u64();
        self.within(name, number, range)
    }

    pub(super) fn number(&mut self, name: &str, range: &RangeInclusive<f64>) -> Option<f64> {
        let number = self.value(name)?.as_f64();
        self.within(name, number, range)
    }

    /// A list of texts, each of which must pass.
    pub(super) fn texts(
        &mut self,
        name: &str,
        passes: impl Fn(&str) -> bool,
    ) -> Option<Vec<String>> {
        let values = self.list(name)?;
        let mut texts = Vec::new();
        for (at, value) in values.iter().enumerate() {
            match value.as_str().filter(|text| passes(text)) {
                Some(text) => texts.push(text.to_owned()),
                None => self.refuse(&format!("{name}.{at}"), "chosen is invalid"),
            }
        }
        Some(texts)
    }

    /// A list of objects, so many of them, each read in turn.
    pub(super) fn objects<T>(
        &mut self,
        name: &str,
        count: &RangeInclusive<usize>,
        mut read: impl FnMut(&mut Fields<'_>) -> T,
    ) -> Option<Vec<T>> {
        let values = self.list(name)?;
        if !count.contains(&values.len()) {
            let (least, most) = (count.start(), count.end());
            return self.refused(name, &format!("field must have {least} to {most} items"));
        }
        let mut things = Vec::new();
        for (at, value) in values.iter().enumerate() {
            things.extend(self.inside(&format!("{name}.{at}"), value, &mut read));
        }
        Some(things)
    }

    /// An object inside.
    pub(super) fn object<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Fields<'_>) -> T,
    ) -> Option<T> {
        let value = self.value(name)?;
        self.inside(name, value, read)
    }

    pub(super) fn refuse(&mut self, name: &str, problem: &str) {
        self.faulty.add(&format!("{}{name}", self.prefix), problem);
    }

    /// Refuses if anything was wrong.
    pub(super) fn check(self) -> Result<(), Refusal> {
        self.faulty.check()
    }

    fn within<T: PartialOrd + Display>(
        &mut self,
        name: &str,
        number: Option<T>,
        range: &RangeInclusive<T>,
    ) -> Option<T> {
        let number = number.filter(|number| range.contains(number));
        if number.is_none() {
            let (least, most) = (range.start(), range.end());
            self.refuse(
                name,
                &format!("field must be a number from {least} to {most}"),
            );
        }
        number
    }

    fn inside<T>(
        &mut self,
        name: &str,
        value: &Value,
        read: impl FnOnce(&mut Fields<'_>) -> T,
    ) -> Option<T> {
        let Some(body) = value.as_object() else {
            return self.refused(name, "field must be an object");
        };
        let mut fields = Fields {
            body,
            prefix: format!("{}{name}.", self.prefix),
            faulty: mem::take(&mut self.faulty),
        };
        let thing = read(&mut fields);
        self.faulty = fields.faulty;
        Some(thing)
    }

    fn refused<T>(&mut self, name: &str, problem: &str) -> Option<T> {
        self.refuse(name, problem);
        None
    }

    fn list(&mut self, name: &str) -> Option<&'b [Value]> {
        match self.value(name)?.as_array() {
            Some(values) => Some(values),
            None => self.refused(name, "field must be an array"),
        }
    }

    fn string(&mut self, name: &str) -> Option<&'b str> {
        match self.value(name)?.as_str() {
            Some(text) => Some(text),
            None => self.refused(name, "field must be a string"),
        }
    }

    fn value(&self, name: &str) -> Option<&'b Value> {
        self.body.get(name).filter(|value| !value.is_null())
    }
}
