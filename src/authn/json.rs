//! JSON from outside, read strictly: no duplicate members, bounded in depth, nodes and list length.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

/// The most values in one document: bounds the work that one token or answer can cause.
const NODES_MAX: usize = 2048;
/// The most entries in one list.
const LIST_ENTRIES_MAX: usize = 512;
/// The deepest nesting.
const DEPTH_MAX: usize = 16;

/// A value that borrows its texts from where it was read, unless an escape is in them.
pub(super) enum Json<'a> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'a, str>),
    List(Vec<Self>),
    Object(Members<'a>),
}

/// The members of an object, no two of one name.
#[derive(Default)]
pub(super) struct Members<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

/// Reads one JSON object and nothing after it; `None` for anything else.
pub(super) fn parse_object(bytes: &[u8]) -> Option<Members<'_>> {
    let nodes = Cell::new(0);
    // At once: the reader of bytes would look at each text by itself.
    let text = std::str::from_utf8(bytes).ok()?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let strict = Strict {
        nodes: &nodes,
        depth: 0,
    };
    let value = strict.deserialize(&mut deserializer).ok()?;
    deserializer.end().ok()?;
    if let Json::Object(members) = value {
        Some(members)
    } else {
        None
    }
}

impl<'a> Json<'a> {
    /// The same as serde reads it: what nobody read strictly.
    pub(super) fn of(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => Self::Number(number.clone()),
            Value::String(text) => Self::Text(Cow::Borrowed(text)),
            Value::Array(entries) => Self::List(entries.iter().map(Self::of).collect()),
            Value::Object(members) => Self::Object(Members::of(members)),
        }
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::List(_) | Self::Object(_) => None,
        }
    }

    pub(super) fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Number(number) => number.as_u64(),
            Self::Null | Self::Bool(_) | Self::Text(_) | Self::List(_) | Self::Object(_) => None,
        }
    }
}

impl<'a> Members<'a> {
    pub(super) fn of(members: &'a serde_json::Map<String, Value>) -> Self {
        let members = members.iter();
        Self(
            members
                .map(|(name, value)| (Cow::Borrowed(name.as_str()), Json::of(value)))
                .collect(),
        )
    }

    pub(super) fn get(&self, name: &str) -> Option<&Json<'a>> {
        let mut members = self.iter();
        members.find_map(|(known, value)| (known == name).then_some(value))
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Json<'a>)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value))
    }

    /// Takes a member out.
    pub(super) fn take(&mut self, name: &str) -> Option<Json<'a>> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.swap_remove(at).1)
    }

    fn has_duplicates(&self) -> bool {
        // Comparing each with each is quicker for few, and for many a way to keep us busy.
        const FEW: usize = 32;
        let members = &self.0;
        if members.len() <= FEW {
            let mut rest = members.iter();
            return std::iter::from_fn(|| Some((rest.next()?, rest.clone())))
                .any(|((name, _), mut later)| later.any(|(other, _)| other == name));
        }
        let mut names: Vec<&str> = self.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        names.windows(2).any(|pair| pair.first() == pair.last())
    }
}

#[derive(Clone, Copy)]
struct Strict<'n> {
    nodes: &'n Cell<usize>,
    depth: usize,
}

impl Strict<'_> {
    /// As many as most tokens have at the top: growing there costs more than reading them.
    fn members_expected(self) -> usize {
        if self.depth == 0 { 18 } else { 0 }
    }

    fn deeper(self) -> Self {
        Self {
            nodes: self.nodes,
            depth: self.depth + 1,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Json<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json<'de>, D::Error> {
        self.nodes.set(self.nodes.get() + 1);
        if self.nodes.get() > NODES_MAX || self.depth > DEPTH_MAX {
            return Err(D::Error::custom("too large or too deep"));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json<'de>, E> {
        Ok(Json::Number(Number::from(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json<'de>, E> {
        Ok(Json::Number(Number::from(value)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json<'de>, E> {
        Ok(Number::from_f64(value).map_or(Json::Null, Json::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Borrowed(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Json<'de>, A::Error> {
        let mut list = Vec::new();
        while let Some(entry) = entries.next_element_seed(self.deeper())? {
            if list.len() == LIST_ENTRIES_MAX {
                return Err(A::Error::custom("too many entries"));
            }
            list.push(entry);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json<'de>, A::Error> {
        let mut members = Members(Vec::with_capacity(self.members_expected()));
        while let Some(name) = entries.next_key_seed(Name)? {
            let value = entries.next_value_seed(self.deeper())?;
            members.0.push((name, value));
        }
        if members.has_duplicates() {
            return Err(A::Error::custom("duplicate member"));
        }
        Ok(Json::Object(members))
    }
}

/// The name of a member.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }
}

#[cfg(test)]
pub(super) mod tests {
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

    pub(in crate::authn) fn any_json() -> impl Strategy<Value = Value> {
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

    /// As serde has it.
    fn value(json: &Json<'_>) -> Value {
        match json {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(number) => Value::Number(number.clone()),
            Json::Text(text) => Value::from(text.as_ref()),
            Json::List(entries) => entries.iter().map(value).collect(),
            Json::Object(members) => object(members),
        }
    }

    fn object(members: &Members<'_>) -> Value {
        let members = members.iter();
        members
            .map(|(name, of)| (name.to_owned(), value(of)))
            .collect()
    }

    #[test]
    fn members_are_found_by_name_and_taken_out_once() {
        let mut members = parse_object(br#"{"a":1,"\u0062":"\u0063","d":"e"}"#).unwrap();
        assert_eq!(members.get("b").unwrap().as_str(), Some("c"));
        assert_eq!(members.get("a").unwrap().as_u64(), Some(1));
        assert!(members.get("a").unwrap().as_str().is_none() && !members.contains("c"));
        assert_eq!(members.take("d").unwrap().as_str(), Some("e"));
        assert!(members.take("d").is_none() && members.len() == 2);
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_reads_as_serde_reads_it(
            members in proptest::collection::btree_map("[a-c\"]{1,2}", any_json(), 0..40),
            noise in any::<Vec<u8>>(),
        ) {
            let text = serde_json::to_vec(&members).unwrap();
            let expected: Value = serde_json::from_slice(&text).unwrap();
            prop_assert_eq!(parse_object(&text).map(|members| object(&members)), Some(expected.clone()));
            prop_assert_eq!(value(&Json::of(&expected)), expected);
            parse_object(&noise);
        }

        #[test]
        fn a_name_twice_is_found_among_any_number(
            names in proptest::collection::btree_set("[a-z]{1,3}", 2..80),
            (first, second) in (any::<proptest::sample::Index>(), any::<proptest::sample::Index>()),
        ) {
            let mut names: Vec<String> = names.into_iter().collect();
            let text = |names: &[String]| {
                let members: Vec<String> = names.iter().map(|name| format!("{name:?}:1")).collect();
                format!("{{{}}}", members.join(","))
            };
            prop_assert!(parse_object(text(&names).as_bytes()).is_some());
            let again = first.get(&names).clone();
            names.insert(second.index(names.len()), again);
            prop_assert!(parse_object(text(&names).as_bytes()).is_none());
        }
    }
}
