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

use super::json::{self, Json, Members};

/// The claims of a credential that is being verified.
#[derive(Default)]
pub(super) struct Claims<'a> {
    members: Members<'a>,
    /// None if they were stated and not read.
    text: Option<&'a [u8]>,
}

impl<'a> Claims<'a> {
    /// Reads them, as strictly as [`json`] does.
    pub(super) fn parse(text: &'a [u8]) -> Option<Self> {
        let members = json::parse_object(text)?;
        Some(Self {
            members,
            text: Some(text),
        })
    }

    /// Claims that no credential made.
    pub(super) fn stated(members: Members<'a>) -> Self {
        Self {
            members,
            text: None,
        }
    }

    pub(super) fn members(&self) -> &Members<'a> {
        &self.members
    }

    /// What is kept of them.
    pub(super) fn to_raw(&self) -> RawClaims {
        let (text, value) = match self.text {
            Some(text) => (Box::from(text), OnceLock::new()),
            None => (Box::default(), OnceLock::from(map(&self.members))),
        };
        RawClaims {
            text,
            value,
            weight: weight_of_members(&self.members),
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
            map(&json::parse_object(&self.text).unwrap_or_default())
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

fn weight_of_members(members: &Members<'_>) -> usize {
    let values = members.iter().map(|(_, value)| weight_of(value));
    values.fold(members.len(), usize::saturating_add)
}

fn weight_of(value: &Json<'_>) -> usize {
    match value {
        Json::Null | Json::Bool(_) | Json::Number(_) => 1,
        Json::Text(text) => weight_of_text(text),
        Json::List(entries) => entries.iter().map(weight_of).fold(1, usize::saturating_add),
        Json::Object(members) => weight_of_members(members),
    }
}

fn map(members: &Members<'_>) -> Box<dyn Val> {
    let entries = members
        .iter()
        .map(|(name, value)| (CelMapKey::from(name.to_owned()), cel_value(value)));
    Box::new(CelMap::from(entries.collect::<HashMap<_, _>>()))
}

fn cel_value(value: &Json<'_>) -> Box<dyn Val> {
    match value {
        Json::Null => Box::new(CelNull),
        Json::Bool(value) => Box::new(CelBool::from(*value)),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(value), _) => Box::new(CelInt::from(value)),
            (None, Some(value)) => Box::new(CelUInt::from(value)),
            (None, None) => Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN))),
        },
        Json::Text(text) => Box::new(CelString::from(text.clone().into_owned())),
        Json::List(entries) => {
            let entries = entries.iter().map(cel_value);
            Box::new(CelList::from(entries.collect::<Vec<_>>()))
        }
        Json::Object(members) => map(members),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::authn::json::tests::any_json;

    fn read(members: &Value) -> RawClaims {
        let text = serde_json::to_vec(members).unwrap();
        Claims::parse(&text).unwrap().to_raw()
    }

    fn stated(members: &Value) -> RawClaims {
        Claims::stated(Members::of(members.as_object().unwrap())).to_raw()
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

    proptest! {
        #[test]
        fn values_and_weight_are_those_of_the_claims(
            members in proptest::collection::btree_map(".{0,4}", any_json(), 0..6),
        ) {
            let members = Value::Object(members.into_iter().collect());
            let read = read(&members);
            let weight = read.weight();
            prop_assert_eq!(weight, weigh(read.value()));
            let stated = stated(&members);
            prop_assert!(read.value().equals(stated.value()) && stated.value().equals(read.value()));
            prop_assert_eq!(weight, stated.weight());
        }
    }
}
