//! The configuration files of the repository are good ones.

use std::collections::HashMap;
use std::path::PathBuf;

use room_broker::settings::{Fault, Settings, Sources};

use crate::support::process::{World, program, run};

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("config")
        .join(name)
}

/// What the defaults leave out, because nobody can guess it.
const REQUIRED: &str = r#"
[digital_samba]
team_id = "6f1d2f1e-3c57-4f0a-9a53-0c6f7a1e2b90"
team_domain = "acme"
developer_key = "0123456789abcdef"

[[authn.issuers]]
issuer = "https://id.acme.com/"
audiences = ["acme-app"]
algorithms = ["RS256"]

[[policy.rules]]
name = "everybody attends"
room = "*"
role = "attendee"
"#;

fn load(texts: &[&str]) -> Result<Settings, Vec<Fault>> {
    Settings::load(&Sources {
        texts: texts.iter().map(|text| (*text).to_owned()).collect(),
        environment: Some(HashMap::new()),
        ..Sources::default()
    })
}

#[test]
fn the_defaults_need_nothing_but_what_nobody_can_guess() {
    let settings = load(&[REQUIRED]).unwrap();
    assert!(settings.warnings.is_empty(), "{:?}", settings.warnings);
    assert!(settings.limits.is_some(), "limits are on by default");
    assert!(settings.public.origins.is_empty() && settings.http.trusted_proxies.is_empty());
    assert!(settings.public.listen.ip().is_loopback() && settings.ops.listen.ip().is_loopback());
    // Every part of it is needed.
    for required in [
        "team_id",
        "team_domain",
        "developer_key",
        "issuer =",
        "audiences",
        "algorithms",
    ] {
        let without = REQUIRED.lines().filter(|line| !line.starts_with(required));
        let without = without.collect::<Vec<_>>().join("\n");
        assert!(load(&[&without]).is_err(), "{required}");
    }
}

#[tokio::test]
async fn the_development_configuration_is_good_and_passes_its_tests() {
    let mut command = program(["check-config", "--config"]);
    command.arg(file("development.toml"));
    let ended = run(command).await;
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    assert!(!ended.out.contains(" 0 policy tests"), "{}", ended.out);
}

#[tokio::test]
async fn the_production_example_lacks_its_secret_alone_and_passes_its_tests() {
    let mut command = program(["check-config", "--config"]);
    command.arg(file("production.example.toml"));
    let ended = run(command).await;
    assert_eq!(ended.code, 2);
    assert!(
        ended.err.starts_with(
            "the configuration has 1 fault:\n  digital_samba.developer_key_file: names a file that cannot be read"
        ),
        "{}",
        ended.err
    );

    let world = World::new();
    let mut command = program(["check-config", "--config"]);
    command.arg(file("production.example.toml")).env(
        "ROOM_BROKER__DIGITAL_SAMBA__DEVELOPER_KEY_FILE",
        world.write("key", "0123456789abcdef"),
    );
    let ended = run(command).await;
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    assert!(!ended.out.contains(" 0 policy tests"), "{}", ended.out);
}

#[test]
fn a_configuration_never_prints_its_secrets() {
    let text = REQUIRED
        .replace("0123456789abcdef", "canary-0123456789")
        .replace(
            "algorithms = [\"RS256\"]",
            "algorithms = [\"HS256\"]\nshared_secret = \"canary-shared-secret-of-32-bytes-and-more\"",
        );
    let settings = load(&[&text]).unwrap();
    assert!(!format!("{settings:?}").contains("canary"));
    for broken in [
        text.replace("canary-0123456789", "canary é"),
        text.replace("canary-shared-secret-of-32-bytes-and-more", "canary"),
        text.replace(
            "team_id",
            "developer_key_file = \"canary-not-a-file\"\nteam_id",
        ),
    ] {
        let faults = load(&[&broken]).unwrap_err();
        assert!(!format!("{faults:?}").contains("canary"), "{faults:?}");
    }
}
