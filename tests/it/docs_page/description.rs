//! Reading openapi.yaml in its own order.

use std::fmt::Write as _;

use saphyr::{LoadableYamlNode as _, ScalarOwned, YamlOwned};

/// The parsed description.
pub(crate) struct Description(YamlOwned);

/// One place in it. A missing place is a `Node` too: it is empty.
#[derive(Clone, Copy)]
pub(crate) struct Node<'a> {
    root: &'a YamlOwned,
    value: Option<&'a YamlOwned>,
}

impl Description {
    pub(crate) fn parse(text: &str) -> Self {
        let mut documents = YamlOwned::load_from_str(text).unwrap();
        assert_eq!(documents.len(), 1);
        Self(documents.remove(0))
    }

    pub(crate) fn root(&self) -> Node<'_> {
        Node {
            root: &self.0,
            value: Some(&self.0),
        }
    }
}

impl<'a> Node<'a> {
    /// The member of that name, as written: it may be a reference.
    pub(crate) fn raw(self, name: &str) -> Self {
        Self {
            value: self.value.and_then(|value| value.as_mapping_get(name)),
            ..self
        }
    }

    /// The member of that name, a reference followed.
    pub(crate) fn get(self, name: &str) -> Self {
        self.raw(name).followed()
    }

    /// The referenced place, if this is a reference.
    pub(crate) fn followed(self) -> Self {
        let Some(reference) = self.raw("$ref").value.and_then(YamlOwned::as_str) else {
            return self;
        };
        let mut place = Node {
            value: Some(self.root),
            ..self
        };
        for step in reference.trim_start_matches("#/").split('/') {
            place = place.raw(step);
        }
        assert!(place.is_there(), "{reference} leads nowhere");
        place
    }

    /// The last step of a reference: the name of a schema.
    pub(crate) fn reference_name(self) -> Option<&'a str> {
        let reference = self.raw("$ref").value?.as_str()?;
        reference.rsplit('/').next()
    }

    pub(crate) fn is_there(self) -> bool {
        self.value.is_some()
    }

    pub(crate) fn is_true(self) -> bool {
        self.value.and_then(YamlOwned::as_bool) == Some(true)
    }

    /// A text member; empty when missing.
    pub(crate) fn text(self, name: &str) -> &'a str {
        self.raw(name).as_text()
    }

    /// This place as text; empty when it is none.
    pub(crate) fn as_text(self) -> &'a str {
        self.value.and_then(YamlOwned::as_str).unwrap_or_default()
    }

    pub(crate) fn integer(self, name: &str) -> Option<i64> {
        self.raw(name).value.and_then(YamlOwned::as_integer)
    }

    /// The members of a mapping, in their order, references not followed.
    pub(crate) fn members(self) -> Vec<(&'a str, Node<'a>)> {
        let Some(mapping) = self.value.and_then(YamlOwned::as_mapping) else {
            return Vec::new();
        };
        let node = |value| Node {
            value: Some(value),
            ..self
        };
        mapping
            .iter()
            .map(|(key, value)| (key.as_str().unwrap_or_default(), node(value)))
            .collect()
    }

    /// The items of a list.
    pub(crate) fn items(self) -> Vec<Node<'a>> {
        let Some(list) = self.value.and_then(YamlOwned::as_sequence) else {
            return Vec::new();
        };
        list.iter()
            .map(|value| Node {
                value: Some(value),
                ..self
            })
            .collect()
    }

    /// The items of a list of texts.
    pub(crate) fn texts(self) -> Vec<&'a str> {
        self.items().into_iter().map(Node::as_text).collect()
    }

    /// This place as a reader would write it: text bare, all else as JSON.
    pub(crate) fn example(self) -> String {
        match self.value {
            None => String::new(),
            Some(value) => match value.as_str() {
                Some(text) => text.to_owned(),
                None => json(value, 0),
            },
        }
    }
}

/// JSON in the order of the description, short collections on one line.
fn json(value: &YamlOwned, depth: usize) -> String {
    if let Some(mapping) = value.as_mapping() {
        let members = mapping.iter().map(|(key, member)| {
            let key = serde_json::to_string(key.as_str().unwrap()).unwrap();
            format!("{key}: {}", json(member, depth + 1))
        });
        return collection('{', &members.collect::<Vec<_>>(), '}', depth);
    }
    if let Some(list) = value.as_sequence() {
        let items = list.iter().map(|item| json(item, depth + 1));
        return collection('[', &items.collect::<Vec<_>>(), ']', depth);
    }
    if let YamlOwned::Value(ScalarOwned::Boolean(value)) = value {
        return value.to_string();
    }
    if let YamlOwned::Value(ScalarOwned::Integer(value)) = value {
        return value.to_string();
    }
    let text = value.as_str().expect("an example has no other types");
    serde_json::to_string(text).unwrap()
}

fn collection(open: char, items: &[String], close: char, depth: usize) -> String {
    const LINE_MAX: usize = 76;
    let line = items.join(", ");
    if items.is_empty() {
        return format!("{open}{close}");
    }
    if depth > 0 && line.len() + 2 * depth <= LINE_MAX && !line.contains('\n') {
        return format!("{open} {line} {close}")
            .replace("[ ", "[")
            .replace(" ]", "]");
    }
    let mut text = String::from(open);
    for (index, item) in items.iter().enumerate() {
        let comma = if index + 1 < items.len() { "," } else { "" };
        write!(
            text,
            "\n{:width$}{item}{comma}",
            "",
            width = 2 * (depth + 1)
        )
        .unwrap();
    }
    write!(text, "\n{:width$}{close}", "", width = 2 * depth).unwrap();
    text
}
