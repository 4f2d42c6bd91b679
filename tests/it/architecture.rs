//! The layers of the crate docs, held against the code: a module names itself and what is above
//! it, never what is below, and only the crates that its layer may name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Crates that every layer may name.
const ANYWHERE: &[&str] = &["serde", "serde_json", "thiserror", "tracing", "uuid", "url"];

/// Layer, module, and the crates that it may name beside those.
#[rustfmt::skip]
const LAYERS: &[(u8, &str, &[&str])] = &[
    (0, "domain", &[]),
    (0, "clock", &[]),
    (1, "developer_key", &["base64", "jsonwebtoken", "reqwest", "secrecy", "subtle"]),
    (1, "trace_context", &["opentelemetry", "opentelemetry_sdk", "reqwest", "tracing_opentelemetry"]),
    (1, "http_client", &["aws_lc_rs", "bytes", "http_body_util", "hyper", "hyper_rustls", "hyper_util", "reqwest", "rustls",
        "rustls_platform_verifier", "tokio", "tower_service"]),
    (1, "metrics", &["prometheus_client"]),
    (2, "rate_limit", &["governor", "moka"]),
    (2, "state", &["arc_swap", "aws_lc_rs", "base64", "futures_util", "redb", "redis", "secrecy", "thread_local", "tokio"]),
    (3, "authn", &["arc_swap", "aws_lc_rs", "base64", "cel", "futures_util", "jsonwebtoken", "moka",
        "pem", "percent_encoding", "prometheus_client", "quick_cache", "reqwest", "secrecy", "subtle", "tokio"]),
    (4, "policy", &["cel", "chrono", "humantime"]),
    (5, "rooms", &["arc_swap", "aws_lc_rs", "base64", "chrono", "futures_util", "moka", "prometheus_client", "tokio"]),
    (5, "occupancy", &["futures_util", "moka", "tokio"]),
    (5, "denials", &["arc_swap", "futures_util", "tokio"]),
    (5, "audit", &["aws_lc_rs", "chrono", "prometheus_client"]),
    (6, "token", &["arc_swap", "aws_lc_rs", "base64", "jsonwebtoken", "prometheus_client", "subtle"]),
    (6, "digital_samba", &["arc_swap", "aws_lc_rs", "bytes", "chrono", "futures_util", "governor", "hyper", "memchr",
        "percent_encoding", "prometheus_client", "reqwest", "secrecy", "tokio"]),
    (7, "join", &["arc_swap"]),
    (7, "gateway", &["arc_swap", "bytes", "chrono", "moka", "prometheus_client", "reqwest", "tokio"]),
    (7, "webhooks", &["arc_swap", "aws_lc_rs", "chrono", "moka", "secrecy", "subtle", "tokio"]),
    (8, "http", &["actix_cors", "actix_web", "arc_swap", "aws_lc_rs", "base64", "futures_util", "ipnet", "moka", "prometheus_client",
        "serde_path_to_error", "tokio"]),
    (9, "telemetry", &["opentelemetry", "opentelemetry_otlp", "opentelemetry_sdk", "tracing_appender",
        "tracing_opentelemetry", "tracing_subscriber"]),
    (10, "settings", &["actix_web", "base64", "chrono", "config", "humantime", "ipnet", "percent_encoding",
        "reqwest", "secrecy"]),
    (11, "app", &["actix_web", "arc_swap", "aws_lc_rs", "tokio"]),
    (12, "cli", &["actix_web", "clap", "clap_complete", "secrecy", "tokio"]),
];

/// The simulator stands for someone else's programs: it may name time and nothing else of ours,
/// and only the command line may start it.
const SIMULATOR_MAY_NAME: &[&str] = &["clock", "simulator"];

fn sources() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let inside = path.strip_prefix(&root).unwrap();
                let first = inside
                    .components()
                    .next()
                    .unwrap()
                    .as_os_str()
                    .to_str()
                    .unwrap();
                let module = first.trim_end_matches(".rs").to_owned();
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((module, path, text));
            }
        }
    }
    found
}

/// Code without comments and without its inline tests, which may name what they please.
fn code_of(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn is_test(path: &Path) -> bool {
    path.components().any(|part| {
        matches!(
            part.as_os_str().to_str(),
            Some("tests" | "tests.rs" | "testing.rs")
        )
    })
}

/// The modules of this crate that a text names as `crate::module`.
fn modules_named(code: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        let listed: Vec<&str> = match rest.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap().split(',').collect(),
            None => vec![rest],
        };
        for name in listed {
            let name: String = name
                .trim()
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            if name.starts_with(|c: char| c.is_lowercase()) {
                named.insert(name);
            }
        }
    }
    named
}

#[test]
fn a_module_names_itself_and_what_is_above_it_never_what_is_below() {
    let layers: BTreeMap<&str, u8> = LAYERS
        .iter()
        .map(|(layer, module, _)| (*module, *layer))
        .collect();
    let mut broken = Vec::new();
    for (module, path, text) in sources() {
        if matches!(module.as_str(), "lib" | "main") || is_test(&path) {
            continue;
        }
        let named = modules_named(&code_of(&text));
        if module == "simulator" {
            broken.extend(
                named
                    .iter()
                    .filter(|other| !SIMULATOR_MAY_NAME.contains(&other.as_str()))
                    .map(|other| format!("{}: the simulator names {other}", path.display())),
            );
            continue;
        }
        let Some(layer) = layers.get(module.as_str()) else {
            broken.push(format!(
                "{}: the module {module} is in no layer",
                path.display()
            ));
            continue;
        };
        for other in named.iter().filter(|other| **other != module) {
            match layers.get(other.as_str()) {
                Some(others) if others <= layer => {}
                Some(others) => broken.push(format!(
                    "{}: layer {layer} names {other} of layer {others}",
                    path.display()
                )),
                None if other == "simulator" && module == "cli" => {}
                None => broken.push(format!(
                    "{}: names {other}, which is in no layer",
                    path.display()
                )),
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn a_layer_names_only_the_crates_that_it_may() {
    let manifest =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let dependencies = manifest
        .split("[dependencies]")
        .nth(1)
        .unwrap()
        .split("\n[")
        .next()
        .unwrap();
    let crates: Vec<String> = dependencies
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name.trim().replace('-', "_"))
        .collect();
    assert!(crates.len() > 20, "the dependencies were not found");
    let mut broken = Vec::new();
    for (module, path, text) in sources() {
        let Some((_, _, allowed)) = LAYERS.iter().find(|(_, name, _)| *name == module) else {
            continue;
        };
        if is_test(&path) {
            continue;
        }
        let code = code_of(&text);
        for name in &crates {
            let named = code.contains(&format!(" {name}::"))
                || code.contains(&format!("({name}::"))
                || code.contains(&format!("<{name}::"));
            if named && !allowed.contains(&name.as_str()) && !ANYWHERE.contains(&name.as_str()) {
                broken.push(format!(
                    "{}: {module} names the crate {name}",
                    path.display()
                ));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_key_has_exactly_two_callers_and_a_token_one_maker() {
    for (what, may) in [
        (
            ".signer()",
            vec!["src/token/mint.rs", "src/token/comparison.rs"],
        ),
        (".authorization(", vec!["src/digital_samba/exchange.rs"]),
        ("jsonwebtoken::encode", vec!["src/token/mint.rs"]),
    ] {
        let mut callers: Vec<String> = sources()
            .into_iter()
            .filter(|(module, path, text)| {
                !matches!(module.as_str(), "developer_key" | "simulator")
                    && !is_test(path)
                    && code_of(text).contains(what)
            })
            .map(|(_, path, _)| {
                path.to_str()
                    .unwrap()
                    .split("/src/")
                    .last()
                    .map(|end| format!("src/{end}"))
                    .unwrap()
            })
            .collect();
        callers.sort();
        callers.retain(|caller| !may.contains(&caller.as_str()));
        assert!(callers.is_empty(), "{what} is called by {callers:?}");
    }
}

#[test]
fn no_file_is_longer_than_a_reader_takes_in() {
    let long: Vec<String> = sources()
        .into_iter()
        .filter(|(_, _, text)| text.lines().count() > 500)
        .map(|(_, path, text)| format!("{}: {} lines", path.display(), text.lines().count()))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}
