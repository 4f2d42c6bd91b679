//! All claims of one credential: as members while it is verified, and afterwards as the text they
//! were read from, of which a condition makes values when it asks for them. Most never do, and as
//! values they take many times the memory.

use std::collections::HashMap;
use std::fmt;
use std::sync::OnceLock;

use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt,
};
use cel::common::value::Val;
use serde_json::{Map, Value};

use super::json;

/// The claims of a credential that is being verified.
#[derive(Default)]
pub(super) struct Claims {
    members: Map<String, Value>,
    /// None if they were stated and not read.
    text: Option<Box<[u8]>>,
}

impl Claims {
    /// Reads them, as strictly as [`json`] does.
    pub(super) fn parse(text: Box<[u8]>) -> Option<Self> {
        let members = json::parse_object(&text)?;
        Some(Self {
            members,
            text: Some(text),
        })
    }

    /// Claims that no credential made.
    pub(super) fn stated(members: Map<String, Value>) -> Self {
        Self {
            members,
            text: None,
        }
    }

    pub(super) fn members(&self) -> &Map<String, Value> {
        &self.members
    }

    /// What is kept of them.
    pub(super) fn into_raw(self) -> RawClaims {
        let weight = weight_of_members(&self.members);
        let (text, value) = match self.text {
            Some(text) => (text, OnceLock::new()),
            None => (Box::default(), OnceLock::from(map(self.members))),
        };
        RawClaims {
            text,
            value,
            weight,
        }
    }
}

/// The claims of a verified credential. Prints nothing of them.
pub(super) struct RawClaims {
    text: Box<[u8]>,
    value: OnceLock<Box<dyn Val>>,
    weight: usize,
}

impl RawClaims {
    /// A map, made the first time that somebody asks.
    pub(super) fn value(&self) -> &(dyn Val + 'static) {
        let value = self.value.get_or_init(|| {
            // It was read once; could it not be read again, no claims would give no rights.
            map(json::parse_object(&self.text).unwrap_or_default())
        });
        &**value
    }

    /// What [`weight_of_text`] counts, for all of them.
    pub(super) fn weight(&self) -> usize {
        self.weight
    }
}

impl fmt::Debug for RawClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RawClaims([redacted])")
    }
}

/// How many elements a text counts for: comparing a long one costs more.
pub(super) fn weight_of_text(text: &str) -> usize {
    const BYTES_PER_ELEMENT: usize = 32;
    1 + text.len() / BYTES_PER_ELEMENT
}

fn weight_of_members(members: &Map<String, Value>) -> usize {
    let values = members.values().map(weight_of);
    values.fold(members.len(), usize::saturating_add)
}

fn weight_of(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 1,
        Value::String(text) => weight_of_text(text),
        Value::Array(entries) => entries.iter().map(weight_of).fold(1, usize::saturating_add),
        Value::Object(members) => weight_of_members(members),
    }
}

fn map(members: Map<String, Value>) -> Box<dyn Val> {
    let entries = members
        .into_iter()
        .map(|(name, value)| (CelMapKey::from(name), cel_value(value)));
    Box::new(CelMap::from(entries.collect::<HashMap<_, _>>()))
}

fn cel_value(value: Value) -> Box<dyn Val> {
    match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(value) => Box::new(CelBool::from(value)),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(value), _) => Box::new(CelInt::from(value)),
            (None, Some(value)) => Box::new(CelUInt::from(value)),
            (None, None) => Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN))),
        },
        Value::String(text) => Box::new(CelString::from(text)),
        Value::Array(entries) => {
            let entries = entries.into_iter().map(cel_value);
            Box::new(CelList::from(entries.collect::<Vec<_>>()))
        }
        Value::Object(members) => map(members),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(members: &Value) -> RawClaims {
        let text = serde_json::to_vec(members).unwrap();
        let claims = Claims::parse(text.into_boxed_slice());
        claims.unwrap().into_raw()
    }

    fn stated(members: Value) -> RawClaims {
        let Value::Object(members) = members else {
            panic!("claims are an object")
        };
        Claims::stated(members).into_raw()
    }

    #[test]
    fn values_are_made_when_they_are_asked_for_and_once() {
        let claims = read(&json!({ "sub": "u1" }));
        assert!(claims.value.get().is_none());
        let first: *const dyn Val = claims.value();
        assert!(std::ptr::addr_eq(first, claims.value()));
    }

    #[test]
    fn nothing_of_them_is_printed() {
        let claims = read(&json!({ "sub": "u1" }));
        claims.value();
        assert_eq!(format!("{claims:?}"), "RawClaims([redacted])");
    }

    #[test]
    fn each_kind_of_json_becomes_its_own_type() {
        let claims = read(&json!({
            "null": null, "bool": true, "int": -1, "positive": 1, "uint": u64::MAX, "double": 0.5,
            "whole": 1.0, "string": "", "list": [], "map": {},
        }));
        let map = claims.value().as_indexer().unwrap();
        for (name, expected) in [
            ("null", "null_type"),
            ("bool", "bool"),
            ("int", "int"),
            ("positive", "int"),
            ("uint", "uint"),
            ("double", "double"),
            ("whole", "double"),
            ("string", "string"),
            ("list", "list"),
            ("map", "map"),
        ] {
            let value = map.get(&CelString::from(name)).unwrap();
            assert_eq!(value.get_type().name(), expected, "{name}");
        }
    }

    /// Counts values as [`RawClaims::weight`] must have counted them before they were made.
    fn weigh(value: &dyn Val) -> usize {
        if let Some(list) = value.downcast_ref::<CelList>() {
            return 1 + list
                .iter()
                .map(|entry| weigh(entry.as_ref()))
                .sum::<usize>();
        }
        if let Some(map) = value.downcast_ref::<CelMap>() {
            return map.len()
                + map
                    .values()
                    .map(|value| weigh(value.as_ref()))
                    .sum::<usize>();
        }
        let text = value.downcast_ref::<CelString>();
        text.map_or(1, |text| 1 + text.inner().len() / 32)
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            // With few digits: of many, reading them loses the last.
            any::<i32>().prop_map(|quarters| Value::from(f64::from(quarters) / 4.0)),
            ".{0,80}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(".{0,4}", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn values_and_weight_are_those_of_the_claims(
            members in proptest::collection::btree_map(".{0,4}", any_json(), 0..6),
        ) {
            let members = Value::Object(members.into_iter().collect());
            let read = read(&members);
            let weight = read.weight();
            prop_assert_eq!(weight, weigh(read.value()));
            let stated = stated(members);
            prop_assert!(read.value().equals(stated.value()) && stated.value().equals(read.value()));
            prop_assert_eq!(weight, stated.weight());
        }
    }
}
