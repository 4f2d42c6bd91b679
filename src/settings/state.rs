//! `[state]`: what outlives a request, in this process or shared by replicas.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::state::{
    Parameters, RedisAddress, RedisParameters, RedisServers, RedisUrl, RedisUrlFault, Sentinels,
};

use super::reader::Table;

/// The longest prefix of keys.
const PREFIX_MAX: usize = 64;

/// Reads the section; `None` if a fault leaves nothing to start with.
pub(super) fn read(mut table: Table) -> Option<Parameters> {
    let file = table.optional_text("file").map(PathBuf::from);
    let has_file = file.is_some();
    let parameters = read_redis(table.table("redis"), file);
    if has_file && matches!(parameters, Some(Parameters::Shared(_))) {
        table.fault("file", "is for one process: leave it out beside redis.url");
    }
    table.finish();
    parameters
}

/// Shared if there is a URL.
fn read_redis(mut table: Table, file: Option<PathBuf>) -> Option<Parameters> {
    let timeout = table.duration(
        "timeout",
        Some(Duration::from_millis(100)),
        Duration::from_millis(1)..=Duration::from_secs(5),
    );
    let connect_timeout = table.duration(
        "connect_timeout",
        Some(Duration::from_secs(2)),
        Duration::from_millis(10)..=Duration::from_secs(30),
    );
    let prefix = read_prefix(&mut table);
    let servers = read_servers(&mut table);
    table.finish();
    let (prefix, timeout, connect_timeout) = (prefix?, timeout?, connect_timeout?);
    Some(match servers.ok()? {
        None => Parameters::Embedded { file },
        Some(servers) => Parameters::Shared(Box::new(RedisParameters {
            servers,
            prefix,
            timeout,
            connect_timeout,
        })),
    })
}

/// What was read cannot be used, and why has been noted.
struct Noted;

/// Which servers, if any are named.
fn read_servers(table: &mut Table) -> Result<Option<RedisServers>, Noted> {
    let url = read_url(table);
    let is_cluster = table.boolean("cluster", false);
    let nodes: Vec<RedisAddress> = table.parsed_list("cluster_nodes");
    let sentinels = read_sentinels(table);
    if !nodes.is_empty() && !is_cluster {
        table.fault("cluster_nodes", "are for a cluster: set cluster = true");
        return Err(Noted);
    }
    if is_cluster && has_any(table, "sentinels") {
        table.fault("sentinels", "are not for a cluster, which has none");
        return Err(Noted);
    }
    let (url, sentinels) = (url?, sentinels?);
    let Some(url) = url else {
        if is_cluster || sentinels.is_some() {
            table.fault("url", "is required: it says how the servers are spoken to");
            return Err(Noted);
        }
        return Ok(None);
    };
    if is_cluster && url.database() != 0 {
        table.fault("url", "names a database: a cluster has but number 0");
        return Err(Noted);
    }
    let servers = match sentinels {
        None if is_cluster => RedisServers::cluster(&url, &nodes),
        None => Ok(RedisServers::one(&url)),
        Some(sentinels) => RedisServers::sentinels(&url, sentinels),
    };
    match servers {
        Ok(servers) => Ok(Some(servers)),
        Err(fault) => {
            table.fault("url", fault);
            Err(Noted)
        }
    }
}

fn read_url(table: &mut Table) -> Result<Option<RedisUrl>, Noted> {
    let roots = match table.optional_text("ca_file") {
        Some(path) => Some(table.read_file("ca_file", Path::new(&path)).ok_or(Noted)?),
        None => None,
    };
    let Some(url) = table.optional_secret("url") else {
        return Ok(None);
    };
    match RedisUrl::parse(&url, roots.as_deref()) {
        Ok(url) => Ok(Some(url)),
        Err(fault) => {
            let key = match fault {
                RedisUrlFault::Form => "url",
                RedisUrlFault::Certificate => "ca_file",
            };
            table.fault(key, fault);
            Err(Noted)
        }
    }
}

fn read_sentinels(table: &mut Table) -> Result<Option<Sentinels>, Noted> {
    let addresses: Vec<RedisAddress> = table.parsed_list("sentinels");
    let is_named = has_any(table, "sentinels");
    let master = table.optional_text("sentinel_master");
    let username = table.optional_text("sentinel_username");
    let password = table.optional_secret("sentinel_password");
    if is_named {
        if master.is_none() {
            table.fault("sentinel_master", "is required beside sentinels");
        }
        return match master {
            Some(master) if !addresses.is_empty() => Ok(Some(Sentinels {
                addresses,
                master,
                username,
                password,
            })),
            Some(_) | None => Err(Noted),
        };
    }
    let alone = [
        ("sentinel_master", master.is_some()),
        ("sentinel_username", username.is_some()),
        ("sentinel_password", password.is_some()),
    ];
    let mut is_good = true;
    for (key, _) in alone.into_iter().filter(|(_, is_there)| *is_there) {
        table.fault(key, "says nothing without sentinels");
        is_good = false;
    }
    if is_good { Ok(None) } else { Err(Noted) }
}

/// Whether a list has something in it, good or bad.
fn has_any(table: &mut Table, key: &str) -> bool {
    let given = table.raw(key);
    given.is_some_and(|given| given.as_array().is_none_or(|list| !list.is_empty()))
}

fn read_prefix(table: &mut Table) -> Option<String> {
    let prefix = table.text("prefix")?;
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':');
    if prefix.is_empty() || prefix.len() > PREFIX_MAX || !prefix.bytes().all(allowed) {
        // Braces would move keys into other slots of a cluster.
        table.fault("prefix", "must be 1 to 64 of A-Z a-z 0-9 - _ . :");
        return None;
    }
    Some(prefix)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use serde_json::{Value, json};

    use crate::settings::findings::Findings;

    use super::*;

    fn read_json(state: &Value) -> (Option<Parameters>, Vec<String>) {
        let findings: Rc<RefCell<Findings>> = Rc::default();
        let Value::Object(mut values) = json!({ "state": state }) else {
            panic!("not a table")
        };
        let redis = &mut values["state"]["redis"];
        if redis.get("prefix").is_none() {
            redis["prefix"] = "room-broker".into();
        }
        let mut root = Table::root(values, Rc::clone(&findings));
        let parameters = read(root.table("state"));
        let faults = &findings.borrow().faults;
        (parameters, faults.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn without_a_url_the_state_is_this_processs_own() {
        let (parameters, faults) = read_json(&json!({ "redis": { "url": "" } }));
        assert!(matches!(
            parameters,
            Some(Parameters::Embedded { file: None })
        ));
        assert_eq!(faults, Vec::<String>::new());
        let (parameters, _) = read_json(&json!({ "file": "/var/lib/x" , "redis": {} }));
        assert!(matches!(
            parameters,
            Some(Parameters::Embedded { file: Some(_) })
        ));
    }

    #[test]
    fn a_url_is_checked_and_never_repeated() {
        let url = "rediss://user:canary@redis.acme.com:6380/2";
        let (parameters, faults) = read_json(&json!({ "redis": { "url": url } }));
        assert_eq!(faults, Vec::<String>::new());
        let shown = format!("{:?}", parameters.unwrap());
        assert!(shown.contains("redis.acme.com") && !shown.contains("canary"));
        for bad in [
            "http://canary@x",
            "redis://canary:@:x",
            "canary",
            "rediss://canary@x/#insecure",
            "redis+unix:///canary",
        ] {
            let (parameters, faults) = read_json(&json!({ "redis": { "url": bad } }));
            assert!(parameters.is_none(), "{bad}");
            assert_eq!(
                faults,
                [
                    "state.redis.url: must be a URL such as redis://host:6379/0, or rediss:// for TLS"
                ]
            );
        }
    }

    #[test]
    fn a_cluster_and_sentinels_are_named_beside_the_url() {
        let (parameters, faults) = read_json(&json!({ "redis": {
            "url": "rediss://:canary@redis-1/", "cluster": true,
            "cluster_nodes": ["redis-2:6379", "[::1]:7000"]
        }}));
        assert_eq!(faults, Vec::<String>::new());
        let shown = format!("{:?}", parameters.unwrap());
        assert!(
            shown.contains(r#"["redis-1:6379", "redis-2:6379", "::1:7000"]"#),
            "{shown}"
        );
        assert!(!shown.contains("canary"));
        let (parameters, faults) = read_json(&json!({ "redis": {
            "url": "redis://:canary@any/2", "sentinels": ["s-1:26379", "s-2:26379"],
            "sentinel_master": "rooms", "sentinel_username": "broker", "sentinel_password": "canary"
        }}));
        assert_eq!(faults, Vec::<String>::new());
        let shown = format!("{:?}", parameters.unwrap());
        assert!(shown.contains("s-2") && shown.contains("rooms"), "{shown}");
        assert!(!shown.contains("canary"));
    }

    #[test]
    fn servers_that_do_not_go_together_are_faults_all_at_once() {
        let url = "redis://localhost/";
        for (redis, expected) in [
            (
                json!({ "url": url, "cluster_nodes": ["x", "a:1"], "sentinels": ["b:0"] }),
                &[
                    "state.redis.cluster_nodes[0]: must be a host and a port such as redis-1:6379",
                    "state.redis.sentinels[0]: must be a host and a port such as redis-1:6379",
                    "state.redis.sentinel_master: is required beside sentinels",
                    "state.redis.cluster_nodes: are for a cluster: set cluster = true",
                ][..],
            ),
            (
                json!({ "url": url, "cluster": true, "sentinels": ["b:1"], "sentinel_master": "m" }),
                &["state.redis.sentinels: are not for a cluster, which has none"],
            ),
            (
                json!({ "url": url, "sentinel_master": "m", "sentinel_password": "canary" }),
                &[
                    "state.redis.sentinel_master: says nothing without sentinels",
                    "state.redis.sentinel_password: says nothing without sentinels",
                ],
            ),
            (
                json!({ "cluster": true }),
                &["state.redis.url: is required: it says how the servers are spoken to"],
            ),
            (
                json!({ "url": "redis://localhost/3", "cluster": true }),
                &["state.redis.url: names a database: a cluster has but number 0"],
            ),
        ] {
            let (parameters, faults) = read_json(&json!({ "redis": redis }));
            assert_eq!(faults, expected);
            assert!(parameters.is_none(), "{expected:?}");
        }
    }

    #[test]
    fn a_file_beside_redis_and_a_prefix_that_moves_keys_are_faults() {
        let (_, faults) = read_json(&json!({
            "file": "x", "redis": { "url": "redis://localhost" }
        }));
        assert_eq!(
            faults,
            ["state.file: is for one process: leave it out beside redis.url"]
        );
        let (parameters, faults) = read_json(&json!({ "redis": { "prefix": "{a}" } }));
        assert!(parameters.is_none());
        assert_eq!(faults.len(), 1);
    }
}
