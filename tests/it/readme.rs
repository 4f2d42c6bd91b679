//! README is true: its configuration passes, and each provider's snippet lets that provider's
//! typical user in. (Its quick start is run by tests/external.)

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use room_broker::domain::Scope;
use room_broker::policy;
use room_broker::settings::{Settings, Sources};
use room_broker::simulator::identity_provider::Algorithm;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::support::{START, TestApp};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The parts of the configuration by example.
const EXAMPLE: [&str; 4] = ["digital-samba", "issuer", "policy", "policy-tests"];

/// A typical token of a provider, and what should come of it.
#[derive(Deserialize)]
struct Typical {
    header: Value,
    claims: Map<String, Value>,
    expect: Expected,
    /// Claims that replace those above (null: removed), each time to be refused.
    refused: Vec<Map<String, Value>>,
}

#[derive(Deserialize)]
struct Expected {
    id: String,
    name: Option<String>,
    role: String,
}

#[test]
fn the_configuration_by_example_is_complete_and_passes_its_own_tests() {
    let fences = toml_fences();
    let text: String = EXAMPLE.iter().map(|part| fences[*part].as_str()).collect();
    passes_its_own_tests(&text);
}

#[test]
fn a_backends_key_can_be_added_to_it() {
    let fences = toml_fences();
    let parts = EXAMPLE.iter().chain(&["internal"]);
    let text: String = parts.map(|part| fences[*part].as_str()).collect();
    passes_its_own_tests(&text);
}

#[test]
fn the_table_of_scopes_is_the_codes() {
    let readme = std::fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    let (_, table) = readme.split_once("| scope | opens |\n|---|---|\n").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let rows = Scope::ALL
        .iter()
        .map(|scope| format!("| `{scope}` | {} |", scope.opens()));
    assert_eq!(table, rows.collect::<Vec<_>>().join("\n"));
}

#[test]
fn the_example_files_are_read_and_pass_their_own_tests() {
    for name in ["development.toml", "production.example.toml"] {
        let path = Path::new(ROOT).join("config").join(name);
        passes_its_own_tests(&std::fs::read_to_string(path).unwrap());
    }
}

#[tokio::test]
async fn each_providers_typical_user_is_admitted_and_others_are_refused() {
    let fences = toml_fences();
    let providers = typical_tokens();
    let snippets: Vec<&String> = fences
        .keys()
        .filter(|name| !EXAMPLE.contains(&name.as_str()) && *name != "internal")
        .collect();
    assert_eq!(snippets, providers.keys().collect::<Vec<_>>());
    for (provider, typical) in &providers {
        let app = app_with(&fences[provider], &fences["policy"]).await;
        let answer = join(&app, typical, &Map::new()).await;
        assert_eq!(answer.status, 200, "{provider}: {answer:?}");
        let mut participant = json!({ "id": typical.expect.id, "role": typical.expect.role });
        if let Some(name) = &typical.expect.name {
            participant["name"] = json!(name);
        }
        assert_eq!(answer.json()["participant"], participant, "{provider}");
        for changed in &typical.refused {
            let answer = join(&app, typical, changed).await;
            let refused = matches!(answer.status, 401 | 403);
            assert!(refused, "{provider} with {changed:?}: {answer:?}");
        }
    }
}

/// An app with a provider's snippet. The provider's keys are the simulated one's: nothing else of
/// the snippet is changed.
async fn app_with(snippet: &str, policy: &str) -> TestApp {
    let lines = snippet.lines().filter(|line| !line.starts_with("jwks_url"));
    let mut text = String::new();
    for line in lines {
        text.push_str(line);
        text.push('\n');
        if line.starts_with("issuer = ") {
            text.push_str("jwks_url = \"{issuer}/jwks\"\n");
        }
    }
    text.push_str(policy);
    TestApp::spawn_with(|setup| {
        setup.config(&text);
    })
    .await
}

/// Joins course 101 with the typical token, after some claims were replaced.
async fn join(
    app: &TestApp,
    typical: &Typical,
    changed: &Map<String, Value>,
) -> crate::support::Answer {
    let mut claims = typical.claims.clone();
    let lifetime = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
    for name in ["iat", "nbf", "auth_time"] {
        if claims.contains_key(name) {
            claims.insert(name.to_owned(), json!(START.seconds()));
        }
    }
    claims.insert("exp".to_owned(), json!(START.seconds() + lifetime));
    claims.extend(changed.clone());
    claims.retain(|_, value| !value.is_null());
    let algorithm = match typical.header["alg"].as_str().unwrap() {
        "RS256" => Algorithm::Rs256,
        "ES256" => Algorithm::Es256,
        other => panic!("{other}"),
    };
    let kid = app
        .provider
        .with_keys(|keys| keys.kid_for(algorithm))
        .unwrap();
    let token = app
        .provider
        .sign(&kid, &typical.header, &Value::Object(claims))
        .unwrap();
    app.join(&token, "course-101").await
}

/// Reads a whole configuration and runs the policy tests that it carries.
fn passes_its_own_tests(text: &str) {
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "a-developer-key-for-the-example\n").unwrap();
    let text = text.replace(
        "/run/secrets/digital_samba_developer_key",
        secret.path().to_str().unwrap(),
    );
    let sources = Sources {
        texts: vec![text],
        environment: Some(HashMap::new()),
        ..Sources::default()
    };
    let settings = Settings::load(&sources).unwrap_or_else(|faults| panic!("{faults:#?}"));
    assert!(!settings.policy.cases().is_empty());
    let failures = policy::run(&settings.policy, START, |issuer, claims, _now| {
        settings
            .authn
            .hypothetical_principal(issuer, Value::Object(claims.clone()))
            .map_err(|fault| fault.to_string())
    });
    let failures: Vec<String> = failures.iter().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{failures:#?}");
}

/// README's blocks of TOML by the word after `toml`.
fn toml_fences() -> BTreeMap<String, String> {
    let readme = std::fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    let mut fences = BTreeMap::new();
    for block in readme.split("\n```toml ").skip(1) {
        let (name, rest) = block.split_once('\n').unwrap();
        let (text, _) = rest.split_once("\n```").unwrap();
        let previous = fences.insert(name.to_owned(), format!("{text}\n"));
        assert!(previous.is_none(), "{name} twice");
    }
    fences
}

fn typical_tokens() -> BTreeMap<String, Typical> {
    let folder = Path::new(ROOT).join("tests/it/providers");
    let files = std::fs::read_dir(folder).unwrap();
    files
        .map(|file| {
            let path = file.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            (name, serde_json::from_str(&text).unwrap())
        })
        .collect()
}
