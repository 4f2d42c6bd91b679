//! Whole numbers as JSON Schema counts them: 140.0 is one (JSON Schema Validation section 6.1.1).

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
use serde_json::{Map, Value};

/// The greatest number below which every whole one is exact in JSON (RFC 8259 section 6).
const EXACT_MAX: f64 = 9_007_199_254_740_991.0;

/// Seconds of any size: what is below zero is zero, what is beyond everything is the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WholeSeconds(u64);

impl WholeSeconds {
    pub(super) fn get(self) -> u64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for WholeSeconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OfAnySize)
    }
}

struct OfAnySize;

impl Visitor<'_> for OfAnySize {
    type Value = WholeSeconds;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<WholeSeconds, E> {
        Ok(WholeSeconds(number))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<WholeSeconds, E> {
        Ok(WholeSeconds(u64::try_from(number).unwrap_or(0)))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<WholeSeconds, E> {
        if number.fract() != 0.0 {
            return Err(E::invalid_type(Unexpected::Float(number), &self));
        }
        if number <= 0.0 {
            return Ok(WholeSeconds(0));
        }
        let whole = format!("{number:.0}");
        Ok(WholeSeconds(whole.parse().unwrap_or(u64::MAX)))
    }
}

/// Writes each whole number as one, as long as it is exact.
pub(super) fn write_as_whole(values: &mut Map<String, Value>) {
    for value in values.values_mut() {
        let number = value.as_f64().filter(|_| value.is_f64());
        let whole = number.filter(|number| number.fract() == 0.0 && number.abs() <= EXACT_MAX);
        if let Some(whole) = whole.and_then(|whole| format!("{whole:.0}").parse::<i64>().ok()) {
            *value = Value::from(whole);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn seconds_of_any_size_are_read_and_parts_of_a_second_are_not() {
        for (text, seconds) in [
            ("140", 140),
            ("140.0", 140),
            ("1.4e2", 140),
            ("-0.0", 0),
            ("-7", 0),
            ("-7.0", 0),
            ("1e300", u64::MAX),
            ("18446744073709551615", u64::MAX),
            ("18446744073709551616", u64::MAX),
        ] {
            let read: WholeSeconds = serde_json::from_str(text).unwrap();
            assert_eq!(read.get(), seconds, "{text}");
        }
        for text in ["0.5", "\"1\"", "true", "[]"] {
            let read: Result<WholeSeconds, _> = serde_json::from_str(text);
            assert!(read.is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_whole_and_exact_is_written_as_whole() {
        let mut values = json!({ "a": 60.0, "b": 0.5, "c": 1e300, "d": -3.0, "e": "1.0", "f": 7 });
        write_as_whole(values.as_object_mut().unwrap());
        let expected = json!({ "a": 60, "b": 0.5, "c": 1e300, "d": -3, "e": "1.0", "f": 7 });
        assert_eq!(values.to_string(), expected.to_string());
    }
}
