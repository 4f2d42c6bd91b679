use std::cell::RefCell;
use std::rc::Rc;

use serde_json::json;

use super::super::findings::Findings;
use super::*;
use crate::authn::KeySource;

/// The section as `config/default.toml` has it, with these issuers.
fn read_with(issuers: &Value) -> (Option<Parameters>, Findings) {
    let text = include_str!("../../../config/default.toml");
    let defaults = config::Config::builder()
        .add_source(config::File::from_str(text, config::FileFormat::Toml))
        .build()
        .and_then(config::Config::try_deserialize::<Value>)
        .unwrap();
    let Value::Object(mut section) = defaults["authn"].clone() else {
        panic!("authn is a table")
    };
    section.insert("issuers".to_owned(), issuers.clone());
    let findings: Rc<RefCell<Findings>> = Rc::default();
    let mut root = Table::root(
        serde_json::Map::from_iter([("authn".to_owned(), Value::Object(section))]),
        Rc::clone(&findings),
    );
    let parameters = read(root.table("authn"));
    (parameters, findings.take())
}

fn issuer() -> Value {
    json!({ "issuer": "https://id.acme.com/realms/app", "audiences": ["app"], "algorithms": ["RS256"] })
}

fn secret_issuer() -> Value {
    json!({
        "issuer": "acme", "name": "acme", "audiences": ["app"], "algorithms": ["HS256"],
        "shared_secret": "0123456789abcdef0123456789abcdef",
    })
}

fn but(mut table: Value, name: &str, value: Value) -> Value {
    table[name] = value;
    table
}

fn parameters(issuers: &Value) -> Parameters {
    let (parameters, findings) = read_with(issuers);
    assert_eq!(findings.faults, []);
    parameters.unwrap()
}

#[test]
fn three_keys_make_an_issuer() {
    let parameters = parameters(&json!([issuer()]));
    let [issuer] = parameters.issuers.as_slice() else {
        panic!("one issuer")
    };
    assert_eq!(issuer.name.as_ref(), "id.acme.com");
    assert_eq!(issuer.user_id_prefix, "");
    assert_eq!(issuer.token_types, ["at+jwt", "JWT"]);
    assert_eq!(issuer.claims.user_id.to_string(), "/sub");
    let KeySource::Remote(remote) = &issuer.keys else {
        panic!("keys are discovered")
    };
    assert_eq!(
        format!("{:?}", remote.location),
        r#"Discovery("https://id.acme.com/realms/app/.well-known/openid-configuration")"#
    );
    assert_eq!(remote.cooldown, Duration::from_secs(30));
    assert_eq!(parameters.leeway, Duration::from_secs(30));
}

#[test]
fn several_issuers_get_prefixes_that_keep_their_people_apart() {
    let parameters = parameters(&json!([issuer(), secret_issuer()]));
    let prefixes = parameters
        .issuers
        .iter()
        .map(|issuer| issuer.user_id_prefix.as_str());
    assert!(prefixes.eq(["id.acme.com:", "acme:"]));
    assert!(matches!(parameters.issuers[1].keys, KeySource::Fixed(_)));
}

#[test]
fn everything_about_an_issuer_can_be_said() {
    let groups = json!({ "pointer": "/scope", "split": " " });
    let table = json!({
        "name": "acme", "issuer": "https://id.acme.com/", "audiences": ["a", "b"],
        "audience_claim": "/client_id", "algorithms": ["ES256", "EdDSA"], "token_types": [""],
        "user_id_prefix": "x-", "jwks_url": "https://id.acme.com/keys", "jwks_refresh": "1m",
        "jwks_age_max": "2h", "jwks_cooldown": "5s", "claims": { "user_id": "/oid", "groups": groups },
        "introspection": {
            "url": "https://id.acme.com/introspect", "client_id": "a b", "client_secret": "c:d/é",
            "positive_ttl": "30s", "negative_ttl": "5s", "matches": "opaque",
        },
    });
    let parameters = parameters(&json!([table]));
    let issuer = &parameters.issuers[0];
    assert_eq!(issuer.claims.groups_split.as_deref(), Some(" "));
    assert_eq!(issuer.token_types, [""]);
    let introspection = issuer.introspection.as_ref().unwrap();
    let expected = format!("Basic {}", BASE64.encode("a%20b:c%3Ad%2F%C3%A9"));
    assert_eq!(introspection.authorization.to_str().unwrap(), expected);
    assert!(!format!("{parameters:?}").contains("Basic"));
}

/// A key of an issuer, its value, and where the fault is.
const MISTAKES: [(&str, &str, &str); 28] = [
    ("issuer", r#""""#, "issuer"),
    ("issuer", r#""http://id.acme.com""#, "issuer"),
    ("issuer", r#""http://127.0.0.1:9000""#, "issuer"),
    ("issuer", r#""https://id.acme.com?x=1""#, "issuer"),
    ("issuer", r#""https://u:p@id.acme.com""#, "issuer"),
    ("issuer", r#""https://id.acme.com/ x""#, "issuer"),
    ("name", r#""a\nb""#, "name"),
    ("audiences", "[]", "audiences"),
    ("audiences", r#"["app", ""]"#, "audiences"),
    ("audience_claim", r#""client_id""#, "audience_claim"),
    ("algorithms", "[]", "algorithms"),
    ("algorithms", r#"["none"]"#, "algorithms[0]"),
    ("algorithms", r#"["RS256", "rs256"]"#, "algorithms[1]"),
    ("algorithms", r#"["RS256", "HS256"]"#, "algorithms"),
    ("algorithms", r#"["HS256"]"#, "shared_secret_file"),
    ("token_types", "[]", "token_types"),
    ("jwks_url", r#""http://id.acme.com/keys""#, "jwks_url"),
    ("jwks_url", r#""keys""#, "jwks_url"),
    ("jwks_refresh", r#""2d""#, "jwks_refresh"),
    ("jwks_age_max", r#""5m""#, "jwks_refresh"),
    ("jwks_cooldown", r#""0s""#, "jwks_cooldown"),
    ("public_key_files", r#"["/nowhere"]"#, "public_key_files[0]"),
    (
        "public_key_files",
        r#"["Cargo.toml"]"#,
        "public_key_files[0]",
    ),
    ("shared_secret", r#""0123456789abcdef""#, "shared_secret"),
    ("claims", r#"{"user_id":"sub"}"#, "claims.user_id"),
    (
        "claims",
        r#"{"groups":{"pointer":"/a"}}"#,
        "claims.groups.split",
    ),
    ("claims", r#"{"role":"/role"}"#, "claims.role"),
    ("audience", r#""app""#, "audience"),
];

fn assert_one_fault(table: &Value, key: &str) {
    let (_, findings) = read_with(&json!([table]));
    let keys: Vec<_> = findings.faults.iter().map(|fault| &fault.key).collect();
    assert_eq!(keys, [&format!("authn.issuers[0].{key}")], "{table}");
    let problem = &findings.faults[0].problem;
    assert!(!problem.contains("0123456789"), "no secret is repeated");
}

#[test]
fn one_mistake_in_an_issuer_is_one_fault_at_its_key() {
    for (name, value, key) in MISTAKES {
        let value = serde_json::from_str(value).unwrap();
        assert_one_fault(&but(issuer(), name, value), key);
    }
}

#[test]
fn one_mistake_in_a_secret_or_an_introspection_is_one_fault_at_its_key() {
    let asked = json!({ "url": "https://a.example", "client_id": "a", "client_secret": "b" });
    let asked_all = but(asked.clone(), "matches", json!("all"));
    for (name, value) in [
        ("shared_secret", json!("short")),
        ("jwks_url", json!("https://id.acme.com/keys")),
        ("introspection", asked_all),
    ] {
        assert_one_fault(&but(secret_issuer(), name, value), "shared_secret");
    }
    for (name, value) in [
        ("url", json!("http://a.example")),
        ("client_id", json!("")),
        ("client_secret", json!("")),
        ("matches", json!("some")),
        ("positive_ttl", json!("1h")),
    ] {
        let table = but(issuer(), "introspection", but(asked.clone(), name, value));
        assert_one_fault(&table, &format!("introspection.{name}"));
    }
}

#[test]
fn what_two_issuers_must_not_share_is_a_fault_of_the_second() {
    let introspection =
        json!({ "url": "https://a.example", "client_id": "a", "client_secret": "b" });
    let first = but(
        but(issuer(), "introspection", introspection.clone()),
        "user_id_prefix",
        json!("a"),
    );
    let other = but(secret_issuer(), "user_id_prefix", json!("b"));
    for (second, keys) in [
        (but(other.clone(), "name", json!("id.acme.com")), "name"),
        (
            but(other.clone(), "issuer", issuer()["issuer"].clone()),
            "issuer",
        ),
        (
            but(other.clone(), "user_id_prefix", json!("ab")),
            "user_id_prefix",
        ),
        (but(other, "introspection", introspection), "introspection"),
    ] {
        let (_, findings) = read_with(&json!([first, second]));
        let found: Vec<_> = findings
            .faults
            .iter()
            .map(|fault| fault.key.as_str())
            .collect();
        assert_eq!(found, [format!("authn.issuers[1].{keys}")]);
    }
}

#[test]
fn nobody_to_vouch_for_anybody_is_a_fault_and_an_address_as_identity_a_warning() {
    let (parameters, findings) = read_with(&json!([]));
    assert!(parameters.is_none());
    assert_eq!(findings.faults[0].key, "authn.issuers");
    let by_email = but(issuer(), "claims", json!({ "user_id": "/email" }));
    let (_, findings) = read_with(&json!([by_email]));
    assert_eq!(findings.warnings[0].key, "authn.issuers[0].claims.user_id");
}

#[test]
fn keys_come_from_pem_files_and_every_file_is_watched() {
    let rsa = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), rsa).unwrap();
    let mut table = but(issuer(), "algorithms", json!(["EdDSA"]));
    table["public_key_files"] = json!([file.path()]);
    let (read, findings) = read_with(&json!([table]));
    assert_eq!(
        (findings.faults, findings.files),
        (vec![], vec![file.path().to_owned()])
    );
    assert!(matches!(read.unwrap().issuers[0].keys, KeySource::Fixed(_)));
    table["algorithms"] = json!(["RS256"]);
    let (_, findings) = read_with(&json!([table]));
    assert_eq!(
        findings.faults[0].key,
        "authn.issuers[0].public_key_files[0]"
    );
}
