//! `config/default.toml` against the code that reads it, in both directions.

use std::collections::BTreeSet;

use serde_json::json;

use super::*;

/// The defaults with every example in their comments taken out of its comment.
fn with_examples() -> String {
    let key = |line: &str| {
        let name = line.split(" = ").next().unwrap_or_default();
        line.contains(" = ")
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    let lines = DEFAULTS.lines().map(|line| match line.strip_prefix("# ") {
        Some(example) if example.starts_with("[[") || key(example) => example,
        Some(_) | None => line,
    });
    // A test's claims and a template's settings are not ours to know.
    let lines =
        lines.filter(|line| !line.starts_with("user = ") && !line.starts_with("settings ="));
    lines.collect::<Vec<_>>().join("\n")
}

fn tree(text: &str) -> Map<String, Value> {
    let file = File::from_str(text, FileFormat::Toml);
    let built = Config::builder().add_source(file).build().unwrap();
    built.try_deserialize().unwrap()
}

/// Every key of a tree, without the numbers of list items. A table stands for its keys.
fn keys_of(path: &str, value: &Value, keys: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                keys_of(&path, member, keys);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for item in items {
                keys_of(path, item, keys);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            keys.insert(path.to_owned());
        }
    }
}

/// Every key that the code looked for while it read this text.
fn read_keys(text: &str) -> (BTreeSet<String>, Vec<Fault>) {
    let findings = Rc::default();
    drop(Settings::read(Table::root(
        tree(text),
        Rc::clone(&findings),
    )));
    let findings: Findings = findings.take();
    let plain = |key: &String| {
        let parts = key
            .split('[')
            .map(|part| part.split_once(']').map_or(part, |(_, rest)| rest));
        parts.collect::<String>()
    };
    (
        findings.keys_read.iter().map(plain).collect(),
        findings.faults,
    )
}

/// The secret that a file may hold instead, or the file that may hold it.
fn twin(key: &str) -> String {
    key.strip_suffix("_file")
        .map_or_else(|| format!("{key}_file"), str::to_owned)
}

/// Tables whose keys are not ours to know.
const FREE: [&str; 2] = ["policy.tests.user", "rooms.templates.settings"];

/// Keys that exclude the one that is shown stand in the comment beside it.
fn is_told_beside_another(key: &str) -> bool {
    let told = [
        ("policy.rules.refuse", "# or refuse = true"),
        ("policy.tests.expect.refused", "# or { refused = true }"),
        ("policy.tests.expect.rule", "; also rule = "),
    ];
    told.iter()
        .any(|(other, comment)| *other == key && DEFAULTS.contains(comment))
}

#[test]
fn the_defaults_show_every_key_that_is_read() {
    let text = with_examples();
    let mut shown = BTreeSet::new();
    keys_of("", &Value::Object(tree(&text)), &mut shown);
    let (read, _) = read_keys(&text);
    assert!(read.len() > 90, "{} keys", read.len());
    let tables: BTreeSet<&str> = shown
        .iter()
        .flat_map(|key| key.match_indices('.').filter_map(|(at, _)| key.get(..at)))
        .collect();
    let hidden: Vec<&String> = read
        .iter()
        .filter(|key| !shown.contains(*key) && !shown.contains(&twin(key)))
        .filter(|key| !tables.contains(key.as_str()))
        .filter(|key| !FREE.contains(&key.as_str()) && !is_told_beside_another(key))
        .collect();
    assert!(
        hidden.is_empty(),
        "config/default.toml does not show {hidden:#?}"
    );
}

#[test]
fn the_defaults_show_no_key_that_nobody_reads() {
    let (_, faults) = read_keys(&with_examples());
    let unread = faults
        .iter()
        .filter(|fault| fault.problem.contains("not a known key"));
    assert_eq!(unread.collect::<Vec<_>>(), Vec::<&Fault>::new());
}

#[test]
fn a_key_that_nobody_reads_is_a_fault_in_every_table() {
    let mut whole = Value::Object(tree(&with_examples()));
    let mut places = Vec::new();
    plant("", &mut whole, &mut places);
    assert!(places.len() > 15, "{places:?}");
    let Value::Object(whole) = whole else {
        panic!("not a table")
    };
    let findings = Rc::default();
    drop(Settings::read(Table::root(whole, Rc::clone(&findings))));
    let findings: Findings = findings.take();
    let told: BTreeSet<String> = findings
        .faults
        .into_iter()
        .filter(|fault| fault.problem.starts_with("is not a known key"))
        .map(|fault| fault.key)
        .collect();
    assert_eq!(told, places.into_iter().collect());
}

/// Puts a key that nobody reads into every table.
fn plant(path: &str, value: &mut Value, places: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                plant(&path, member, places);
            }
            members.insert("zz".to_owned(), json!(1));
            places.push(if path.is_empty() {
                "zz".to_owned()
            } else {
                format!("{path}.zz")
            });
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                plant(&format!("{path}[{index}]"), item, places);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
