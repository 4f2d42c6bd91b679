//! `[digital_samba]`: where upstream is, the developer key, and how much of upstream is ours.

use std::sync::Arc;
use std::time::Duration;

use crate::developer_key::{AuthorizationForm, DeveloperKey};
use crate::digital_samba::{ApiUrl, Parameters};
use crate::domain::{RoomBaseUrl, TeamDomain, TeamId};

use super::reader::Table;

const SECOND: Duration = Duration::from_secs(1);
const TIMEOUT_MIN: Duration = Duration::from_millis(100);
const TIMEOUT_MAX: Duration = Duration::from_secs(120);
/// What upstream allows a team.
const TEAM_REQUESTS_PER_MINUTE: u64 = 1000;

const AUTHORIZATION_FORMS: [(&str, AuthorizationForm); 2] = [
    ("bearer", AuthorizationForm::Bearer),
    ("basic", AuthorizationForm::Basic),
];

/// What the section says.
#[derive(Debug)]
pub struct DigitalSamba {
    /// For the client.
    pub parameters: Parameters,
    /// Where the team's rooms are.
    pub rooms_url: RoomBaseUrl,
    /// The key; may be replaced at a reload.
    pub developer_key: Arc<DeveloperKey>,
}

/// Reads the section; `None` if a fault leaves nothing to start with.
pub(super) fn read(mut table: Table) -> Option<DigitalSamba> {
    let developer_key = read_developer_key(&mut table);
    let rooms_url = read_rooms_url(&mut table);
    let parameters = read_parameters(&mut table);
    table.finish();
    Some(DigitalSamba {
        parameters: parameters?,
        rooms_url: rooms_url?,
        developer_key: Arc::new(developer_key?),
    })
}

fn read_developer_key(table: &mut Table) -> Option<DeveloperKey> {
    match DeveloperKey::parse(table.secret("developer_key")?) {
        Ok(key) => Some(key),
        Err(fault) => {
            table.fault("developer_key", fault);
            None
        }
    }
}

/// `rooms_url`, else the one of `custom_host` and `team_domain` that is given.
fn read_rooms_url(table: &mut Table) -> Option<RoomBaseUrl> {
    let rooms_url = table.optional_text("rooms_url");
    let custom_host = table.optional_text("custom_host");
    let has_domain = table.has("team_domain");
    let team_domain: Option<TeamDomain> = table.optional_parsed("team_domain");
    if let Some(origin) = rooms_url {
        return RoomBaseUrl::of_origin(&origin)
            .map_err(|fault| table.fault("rooms_url", fault))
            .ok();
    }
    match custom_host {
        Some(_) if has_domain => {
            table.fault(
                "custom_host",
                "is given beside team_domain: keep the one that rooms are opened at",
            );
            None
        }
        Some(host) => {
            let origin = RoomBaseUrl::of_origin(&format!("https://{host}"));
            if origin.is_err() {
                table.fault(
                    "custom_host",
                    "must be a host name such as meet.example.com",
                );
            }
            origin.ok()
        }
        None if has_domain => team_domain.map(RoomBaseUrl::of_team),
        None => {
            table.fault(
                "team_domain",
                "is required (the name before .digitalsamba.com), or custom_host",
            );
            None
        }
    }
}

fn read_parameters(table: &mut Table) -> Option<Parameters> {
    let default_url = "https://api.digitalsamba.com";
    let api_url: Option<ApiUrl> = if table.has("api_url") {
        table.parsed("api_url")
    } else {
        table.optional_text("api_url");
        default_url.parse().ok()
    };
    let team = table.text("team_id").and_then(|text| {
        TeamId::parse(&text)
            .map_err(|fault| table.fault("team_id", fault))
            .ok()
    });
    let authorization = table.word(
        "authorization",
        &AUTHORIZATION_FORMS,
        Some(AuthorizationForm::Bearer),
    );
    let timeouts = TIMEOUT_MIN..=TIMEOUT_MAX;
    let connect_timeout = table.duration("connect_timeout", Some(SECOND * 2), timeouts.clone());
    let request_timeout = table.duration("request_timeout", Some(SECOND * 8), timeouts.clone());
    let deadline = table.duration("deadline", Some(SECOND * 15), timeouts);
    let retries_max = small(table, "retries_max", 2, 0..=5);
    let requests_per_minute = table.integer("requests_per_minute", Some(900), 1..=100_000);
    if requests_per_minute.is_some_and(|requests| requests > TEAM_REQUESTS_PER_MINUTE) {
        table.warn(
            "requests_per_minute",
            format_args!("is more than upstream allows a team ({TEAM_REQUESTS_PER_MINUTE})"),
        );
    }
    let concurrency_max = size(table, "concurrency_max", 32, 1..=4096);
    let answer_bytes_max = size(table, "answer_bytes_max", 1 << 20, 1 << 14..=1 << 26);
    let breaker_failures = small(table, "breaker_failures", 5, 1..=1000);
    let breaker_open_for =
        table.duration("breaker_open_for", Some(SECOND * 10), SECOND..=SECOND * 600);
    Some(Parameters {
        api_url: api_url?,
        team: team?,
        authorization: authorization?,
        connect_timeout: connect_timeout?,
        request_timeout: request_timeout?,
        deadline: deadline?,
        retries_max: retries_max?,
        requests_per_minute: requests_per_minute?.try_into().ok()?,
        concurrency_max: concurrency_max?,
        answer_bytes_max: answer_bytes_max?,
        breaker_failures: breaker_failures?,
        breaker_open_for: breaker_open_for?,
    })
}

fn small(
    table: &mut Table,
    key: &str,
    default: u64,
    bounds: std::ops::RangeInclusive<u64>,
) -> Option<u32> {
    table.integer(key, Some(default), bounds)?.try_into().ok()
}

fn size(
    table: &mut Table,
    key: &str,
    default: u64,
    bounds: std::ops::RangeInclusive<u64>,
) -> Option<usize> {
    table.integer(key, Some(default), bounds)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use serde_json::{Map, Value, json};

    use super::super::findings::Findings;
    use super::*;

    /// The least that works, with a change laid over it.
    fn read_with(change: Value) -> (Option<DigitalSamba>, Vec<String>, Findings) {
        let mut values: Map<String, Value> = serde_json::from_value(json!({
            "team_id": "0e8d7c6b-5a49-4382-9716-a5b4c3d2e1f0",
            "team_domain": "acme",
            "developer_key": "canary-developer-key-0001",
        }))
        .unwrap();
        values.extend(serde_json::from_value::<Map<_, _>>(change).unwrap());
        let findings: Rc<RefCell<Findings>> = Rc::default();
        let section = Map::from_iter([("digital_samba".to_owned(), Value::Object(values))]);
        let mut root = Table::root(section, Rc::clone(&findings));
        let read = read(root.table("digital_samba"));
        drop(root);
        let findings = Rc::try_unwrap(findings).unwrap().into_inner();
        let faults = findings.faults.iter().map(ToString::to_string).collect();
        (read, faults, findings)
    }

    #[test]
    fn the_least_configuration_has_the_documented_defaults() {
        let (read, faults, findings) = read_with(json!({}));
        assert!(
            faults.is_empty() && findings.warnings.is_empty(),
            "{faults:?}"
        );
        let read = read.unwrap();
        assert_eq!(read.rooms_url.as_str(), "https://acme.digitalsamba.com/");
        let parameters = read.parameters;
        assert_eq!(
            parameters.api_url,
            "https://api.digitalsamba.com".parse().unwrap()
        );
        assert_eq!(parameters.request_timeout, SECOND * 8);
        assert_eq!(parameters.requests_per_minute, 900);
        assert_eq!(parameters.answer_bytes_max, 1_048_576);
    }

    #[test]
    fn rooms_are_at_one_place() {
        let place = |change| {
            read_with(change)
                .0
                .map(|read| read.rooms_url.as_str().to_owned())
        };
        let custom = json!({ "team_domain": "", "custom_host": "meet.acme.com" });
        assert_eq!(place(custom).unwrap(), "https://meet.acme.com/");
        let simulator = json!({ "rooms_url": "http://127.0.0.1:8090" });
        assert_eq!(place(simulator).unwrap(), "http://127.0.0.1:8090/");
        for change in [
            json!({ "team_domain": "" }),
            json!({ "custom_host": "meet.acme.com" }),
            json!({ "team_domain": "", "custom_host": "https://meet.acme.com" }),
            json!({ "team_domain": "", "custom_host": "meet.acme.com/x" }),
            json!({ "team_domain": "dashboard" }),
            json!({ "rooms_url": "http://meet.acme.com" }),
        ] {
            let (read, faults, _) = read_with(change.clone());
            assert!(read.is_none() && faults.len() == 1, "{change} {faults:?}");
        }
    }

    #[test]
    fn every_fault_is_noted_with_its_key_and_without_the_secret() {
        let (read, faults, _) = read_with(json!({
            "api_url": "http://api.digitalsamba.com", "team_id": "acme", "developer_key": "canary é",
            "authorization": "digest", "connect_timeout": "0s", "request_timeout": "1h", "deadline": 3,
            "retries_max": 6, "requests_per_minute": 0, "concurrency_max": 0, "answer_bytes_max": 1,
            "breaker_failures": 0, "breaker_open_for": "1ms", "team": "x",
        }));
        assert!(read.is_none());
        assert_eq!(faults.len(), 14, "{faults:#?}");
        assert!(!faults.concat().contains("canary"));
        let (_, faults, _) = read_with(json!({ "developer_key": "", "team_id": "" }));
        assert_eq!(faults.len(), 2, "{faults:#?}");
        let (_, _, findings) = read_with(json!({ "requests_per_minute": 2000 }));
        assert_eq!(
            findings.warnings[0].key,
            "digital_samba.requests_per_minute"
        );
    }
}
