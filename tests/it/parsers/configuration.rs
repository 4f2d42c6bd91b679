//! Any configuration is read or explained.

use std::collections::HashMap;

use proptest::prelude::*;
use room_broker::app::{App, Surroundings};
use room_broker::audit::Target;
use room_broker::clock::Clock;
use room_broker::settings::{DEFAULTS, Settings, Sources};
use room_broker::state::Parameters as StateParameters;
use room_broker::trace_context::Sampler;

use super::cases;
use crate::support::configuration;

fn load(over: &str, environment: HashMap<String, String>) -> Result<(), Vec<String>> {
    let base = configuration("http://127.0.0.1:1", "http://127.0.0.1:2");
    let sources = Sources {
        texts: vec![base, over.to_owned()],
        environment: Some(environment),
        ..Sources::default()
    };
    match Settings::load(&sources) {
        Ok(settings) => {
            build(settings);
            Ok(())
        }
        Err(faults) => Err(faults.iter().map(ToString::to_string).collect()),
    }
}

/// What was accepted can be built and shown; at most an address is taken. Files of any name would
/// be written to any place.
fn build(mut settings: Settings) {
    let _shown = format!("{settings:?}");
    settings.audit.target = Target::File("/dev/null".into());
    settings.state = StateParameters::Embedded { file: None };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let surroundings = Surroundings {
        clock: Clock::system(),
        sampler: Sampler::OFF,
    };
    runtime.block_on(async { drop(App::build(&settings, &surroundings)) });
}

/// Every key of the defaults with its section, those in comments too.
fn keys() -> Vec<(String, String)> {
    let mut section = String::new();
    let mut keys = Vec::new();
    for line in DEFAULTS.lines() {
        let line = line.trim_start_matches("# ");
        if let Some(name) = line.strip_prefix('[') {
            let name = name.trim_matches('[').split(']').next();
            name.unwrap_or_default().clone_into(&mut section);
        } else if let Some((key, _)) = line.split_once(" = ")
            && key
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        {
            keys.push((section.clone(), key.to_owned()));
        }
    }
    keys
}

/// A value as TOML writes it.
fn any_toml() -> impl Strategy<Value = String> {
    let text = any::<String>().prop_map(|text| format!("{text:?}").replace("\\'", "'"));
    let leaf = prop_oneof![
        text,
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| format!("{number:?}")),
        any::<bool>().prop_map(|value| value.to_string()),
        "[a-z0-9:/.{}*_-]{0,30}".prop_map(|text| format!("\"{text}\"")),
        "[0-9]{0,25}(s|m|h|d|ms|us|y)?".prop_map(|text| format!("\"{text}\"")),
        Just("inf".to_owned()),
        Just("nan".to_owned()),
        Just("1979-05-27T07:32:00Z".to_owned()),
        Just("[]".to_owned()),
        Just("{}".to_owned()),
        Just("\"\"".to_owned()),
        Just("\"https://[::1\"".to_owned()),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("[{}]", items.join(", "))),
            prop::collection::vec(("[a-z_]{1,8}", inner), 0..3).prop_map(|members| {
                let members = members.iter().enumerate();
                let members = members.map(|(at, (name, value))| format!("{name}{at} = {value}"));
                format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
            }),
        ]
    })
}

#[test]
fn any_text_is_read_or_explained() {
    let texts = prop_oneof![any::<String>(), "[a-z\\[\\]{}=\"'.,#0-9 \n_-]{0,120}",];
    proptest!(cases(200), |(text in texts)| {
        if let Err(faults) = load(&text, HashMap::new()) {
            prop_assert!(!faults.is_empty());
        }
    });
}

#[test]
fn any_value_of_any_key_is_read_or_explained_by_its_key() {
    let keys = keys();
    assert!(keys.len() > 60, "{keys:?}");
    proptest!(cases(600), |(key in prop::sample::select(keys), value in any_toml())| {
        let (section, key) = key;
        let is_list = ["authn.issuers", "policy.rules", "policy.tests", "rooms.templates"].contains(&section.as_str());
        let head = if is_list { format!("[[{section}]]") } else { format!("[{section}]") };
        if let Err(faults) = load(&format!("{head}\n{key} = {value}\n"), HashMap::new()) {
            prop_assert!(!faults.is_empty());
        }
    });
}

/// What conditions are made of, apart by spaces; the last is empty.
const WORDS: &str = r#"user room principal now groups claims key course x in true null has all exists map filter size matches timestamp duration int string . ( ) [ ] { } , : ? ! - + * / % && || == < 'a' "" b'x' r'(' ''' '\u{110000}' '\xff' 1 0 -1 1u 1.5 1e999 9223372036854775808 18446744073709551616u 0x7fffffffffffffffff "#;

#[test]
fn any_condition_is_compiled_or_explained() {
    let words: Vec<&str> = WORDS.split(' ').collect();
    let word = prop::sample::select(words);
    let conditions = prop_oneof![
        prop::collection::vec(word.clone(), 0..14).prop_map(|words| words.concat()),
        prop::collection::vec(word, 0..14).prop_map(|words| words.join(" ")),
        any::<String>(),
        (1_usize..400).prop_map(|depth| format!("{}true{}", "(".repeat(depth), ")".repeat(depth))),
        (1_usize..400).prop_map(|depth| format!("{}true", "!".repeat(depth))),
        (1_usize..400).prop_map(|depth| format!("user.groups{}", "[0]".repeat(depth))),
    ];
    proptest!(cases(400), |(condition in conditions)| {
        let condition = toml_text(&condition);
        let rule = format!("[[policy.rules]]\nname = \"r\"\nroom = \"course-{{course}}\"\nwhen = {condition}\nrole = \"x\"\n");
        if let Err(faults) = load(&rule, HashMap::new()) {
            prop_assert!(!faults.is_empty());
        }
    });
}

/// A text as TOML writes it, whatever is in it.
fn toml_text(text: &str) -> String {
    let escaped = text.chars().map(|c| match c {
        ' '..='~' if c != '"' && c != '\\' => c.to_string(),
        other => format!("\\U{:08x}", u32::from(other)),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

#[test]
fn any_environment_is_read_or_explained() {
    let keys = keys();
    let names = prop::sample::select(keys).prop_map(|(section, key)| {
        format!("ROOM_BROKER__{}__{}", section.replace('.', "__"), key).to_uppercase()
    });
    let names = prop_oneof![3 => names, 1 => "ROOM_BROKER__[A-Z_\\[\\]0-9.]{0,30}", 1 => "ROOM_BROKER[ -~]{0,20}"];
    let values = prop_oneof![any::<String>(), "[0-9a-z,:/.{}\\[\\]-]{0,30}"];
    proptest!(cases(300), |(environment in prop::collection::hash_map(names, values, 0..4))| {
        if let Err(faults) = load("", environment) {
            prop_assert!(!faults.is_empty());
        }
    });
}
