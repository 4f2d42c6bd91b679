//! JSON from outside, read strictly: no duplicate members, bounded in depth, nodes and list length.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// The most values in one document: bounds the work that one token or answer can cause.
const NODES_MAX: usize = 2048;
/// The most entries in one list.
const LIST_ENTRIES_MAX: usize = 512;
/// The deepest nesting.
const DEPTH_MAX: usize = 16;

/// Reads one JSON object and nothing after it; `None` for anything else.
pub(super) fn parse_object(bytes: &[u8]) -> Option<Map<String, Value>> {
    let nodes = Cell::new(0);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let strict = Strict {
        nodes: &nodes,
        depth: 0,
    };
    let value = strict.deserialize(&mut deserializer).ok()?;
    deserializer.end().ok()?;
    if let Value::Object(members) = value {
        Some(members)
    } else {
        None
    }
}

#[derive(Clone, Copy)]
struct Strict<'a> {
    nodes: &'a Cell<usize>,
    depth: usize,
}

impl Strict<'_> {
    fn deeper(self) -> Self {
        Self {
            nodes: self.nodes,
            depth: self.depth + 1,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.nodes.set(self.nodes.get() + 1);
        if self.nodes.get() > NODES_MAX || self.depth > DEPTH_MAX {
            return Err(D::Error::custom("too large or too deep"));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(entry) = entries.next_element_seed(self.deeper())? {
            if list.len() == LIST_ENTRIES_MAX {
                return Err(A::Error::custom("too many entries"));
            }
            list.push(entry);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(self.deeper())?;
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("duplicate member"));
            }
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn duplicates_excess_and_anything_but_one_object_are_refused() {
        let wide = format!(r#"{{"a":[{}1]}}"#, "1,".repeat(LIST_ENTRIES_MAX));
        let deep = format!("{}1{}", r#"{"a":"#.repeat(40), "}".repeat(40));
        let row = "[1,1,1,1,1,1,1,1],".repeat(300);
        let many = format!(r#"{{"a":[{row}1]}}"#);
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":1}"#,
            r#"{"a":{"b":1,"b":2}}"#,
            r#"{"a":1} {}"#,
            r#"{"a":1e999}"#,
            "[]",
            "null",
            "",
            wide.as_str(),
            deep.as_str(),
            many.as_str(),
        ] {
            assert!(parse_object(text.as_bytes()).is_none(), "{text:.60}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_reads_as_serde_reads_it(
            members in proptest::collection::btree_map("[a-c]{1,2}", any::<i64>(), 0..4),
            noise in any::<Vec<u8>>(),
        ) {
            let text = serde_json::to_vec(&members).unwrap();
            let expected: Value = serde_json::from_slice(&text).unwrap();
            prop_assert_eq!(parse_object(&text).map(Value::Object), Some(expected));
            parse_object(&noise);
        }
    }
}
