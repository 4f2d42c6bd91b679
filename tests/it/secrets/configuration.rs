//! A configuration that is wrong is explained without repeating what stands in it.

use std::path::Path;

use room_broker::settings::{Settings, Sources};

use super::program::Program;
use super::{Scene, assert_unseen};
use crate::support::{DEVELOPER_KEY, TestApp};

/// Configurations that are wrong right where a secret stands. Each begins behind the good one.
const SPOILT: &[(&str, &str)] = &[
    (
        "an open text",
        "[digital_samba]\ndeveloper_key = \"canary-open-text",
    ),
    (
        "no quotes",
        "[digital_samba]\ndeveloper_key = canary-without-quotes",
    ),
    (
        "two texts",
        "[digital_samba]\ndeveloper_key = \"canary-one\" \"canary-two\"",
    ),
    (
        "a bad escape",
        "[digital_samba]\ndeveloper_key = \"canary-\\escape\"",
    ),
    (
        "twice",
        "[digital_samba]\ndeveloper_key = \"canary-twice-0123456789\"\ndeveloper_key = \"canary-again-0123456789\"",
    ),
    (
        "a bad secret on another line",
        "[digital_samba]\ndeveloper_key = \"canary-0123456789\" # canary-comment\nx = = \"canary-next-line\"",
    ),
    (
        "too short",
        "[digital_samba]\ndeveloper_key = \"canary-short\"",
    ),
    (
        "with a space",
        "[digital_samba]\ndeveloper_key = \"canary developer key\"",
    ),
    (
        "a list",
        "[digital_samba]\ndeveloper_key = [\"canary-in-a-list-0123456789\"]",
    ),
    (
        "a table",
        "[digital_samba]\ndeveloper_key = { canary-in-a-table = \"canary-in-a-table\" }",
    ),
    (
        "given twice",
        "[digital_samba]\ndeveloper_key = \"canary-0123456789\"\ndeveloper_key_file = \"/canary-file\"",
    ),
    (
        "a secret for a file",
        "[digital_samba]\ndeveloper_key_file = \"canary-secret-for-a-file\"",
    ),
    (
        "a user in a URL",
        "[digital_samba]\napi_url = \"https://canary-user:canary-password@api.example\"",
    ),
    (
        "a short shared secret",
        "[[authn.issuers]]\nissuer = \"x\"\nname = \"x\"\naudiences = [\"x\"]\nalgorithms = [\"HS256\"]\nshared_secret = \"canary-too-short\"",
    ),
    (
        "a key for a secret",
        "[[authn.issuers]]\nissuer = \"x\"\nname = \"x\"\naudiences = [\"x\"]\nalgorithms = [\"HS256\"]\nshared_secret = \"-----BEGIN PUBLIC KEY-----canary-key-----END PUBLIC KEY-----\"",
    ),
    (
        "a secret for a public key",
        "[[authn.issuers]]\nissuer = \"x\"\nname = \"x\"\naudiences = [\"x\"]\nalgorithms = [\"RS256\"]\nshared_secret = \"canary-secret-of-32-bytes-or-more-for-rsa\"",
    ),
    (
        "a secret for a provider's URL",
        "[[authn.issuers]]\nissuer = \"https://canary-user:canary-password@id.example\"\naudiences = [\"x\"]\nalgorithms = [\"RS256\"]",
    ),
];

fn canaries() -> Vec<String> {
    vec!["canary".to_owned()]
}

impl Scene {
    /// Every spoilt configuration at once time after another, then the good one.
    pub(super) async fn reload_badly(&mut self) {
        let good = std::fs::read_to_string(self.config()).unwrap();
        for (number, (_, text)) in SPOILT.iter().enumerate() {
            let over = self.folder.path().join("spoilt.toml");
            std::fs::write(&over, text).unwrap();
            std::fs::write(self.config(), text).unwrap();
            let refused = "reload refused; the old configuration goes on";
            let before = self.program.said().matches(refused).count();
            self.program.signal("HUP");
            let times = before + 1;
            assert!(times > number);
            self.program.until_said(refused, times).await;
        }
        std::fs::write(self.config(), good).unwrap();
        self.program.signal("HUP");
        self.program.until_said("configuration reloaded", 1).await;
    }
}

fn faults_of(text: &str) -> String {
    let sources = Sources {
        texts: vec![text.to_owned()],
        environment: Some(std::collections::HashMap::new()),
        ..Sources::default()
    };
    let faults = Settings::load(&sources).unwrap_err();
    assert!(!faults.is_empty());
    let shown = faults.iter().map(|fault| format!("{fault}\n{fault:?}\n"));
    shown.collect::<Vec<_>>().concat()
}

#[test]
fn a_fault_repeats_nothing_of_a_secret() {
    for (what, text) in SPOILT {
        assert_unseen(what, &faults_of(text), &canaries());
    }
}

#[test]
fn a_fault_of_form_says_where_it_is() {
    let faults = faults_of("[digital_samba]\ndeveloper_key = \"canary-open-text\n");
    assert!(faults.contains("line 2"), "{faults}");
}

#[test]
fn the_program_refuses_to_start_without_repeating_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("broker.toml");
    for (what, text) in SPOILT {
        std::fs::write(&file, text).unwrap();
        for arguments in [["serve"], ["check-config"]] {
            let arguments = [arguments[0], "--config", path(&file)];
            let (code, said) = Program::start(&arguments).ended();
            assert_ne!(code, Some(0), "{what}: {said}");
            assert!(said.contains("fault"), "{what}: {said}");
            assert_unseen(what, &said, &canaries());
        }
    }
}

fn path(file: &Path) -> &str {
    file.to_str().unwrap()
}

#[tokio::test]
async fn no_debug_form_shows_a_secret() {
    let app = TestApp::spawn_with(|setup| {
        setup.config(
            r#"
            [[authn.issuers]]
            name = "school"
            issuer = "{issuer}"
            audiences = ["acme-app"]
            algorithms = ["RS256"]
            introspection = { url = "{issuer}/introspect", client_id = "broker", client_secret = "canary-client-secret" }

            [[authn.issuers]]
            name = "product"
            issuer = "acme-product"
            audiences = ["acme-app"]
            algorithms = ["HS256"]
            shared_secret = "canary-shared-secret-of-32-bytes-or-more"
            "#,
        );
    })
    .await;
    let settings = Settings::load(&app.sources).unwrap();
    let shown = format!("{settings:#?}{:#?}{:#?}", app.running, app.sources);
    assert!(shown.contains("acme-product"));
    assert_unseen(
        "Debug",
        &shown,
        &[DEVELOPER_KEY.to_owned(), "canary".to_owned()],
    );
}
