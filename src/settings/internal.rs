//! `[internal]`: where product backends call, who they are, and what they may do.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use chrono::DateTime;

use crate::authn::{
    ApiKeyId, ApiKeyParameters, ClientParameters, Grants, IssuerParameters, LoopbackHttp,
    Parameters, SecretHash, ServiceParameters,
};
use crate::clock::UnixTime;
use crate::domain::{ScopeSet, Subject, TeamId};

use super::authn::{Callers, read_issuers};
use super::reader::Table;

/// The longest name of a key or a client.
const NAME_LENGTH_MAX: usize = 64;

/// `[internal]`.
#[derive(Debug, Clone)]
pub struct Internal {
    /// The address to bind; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// The longest body, in bytes.
    pub body_bytes_max: usize,
    /// Who may call; replaced at a reload.
    pub services: ServiceParameters,
}

/// What the section hangs on beside itself.
pub(super) struct Beside<'a> {
    pub(super) authn: Option<&'a Parameters>,
    pub(super) team: Option<TeamId>,
}

/// Reads the section; `None` if a fault leaves nothing to start with.
pub(super) fn read(mut table: Table, beside: &Beside<'_>) -> Option<Internal> {
    let listen = table.parsed("listen");
    let body_bytes_max = table.integer("body_bytes_max", None, 16_384..=16_777_216);
    let api_keys = read_keys(&mut table);
    // Where `authn` is faulty, nothing starts anyway: no fault is to be noted on its account.
    let loopback = beside
        .authn
        .map_or(LoopbackHttp::Allowed, |authn| authn.loopback_http);
    let issuers = read_issuers(&mut table, loopback, Callers::Services);
    if let (Some(issuers), Some(authn)) = (&issuers, beside.authn) {
        check_beside_users(&table, issuers, &authn.issuers);
    }
    let clients = read_clients(&mut table, issuers.as_deref().unwrap_or_default());
    table.finish();
    Some(Internal {
        listen: listen?,
        body_bytes_max: usize::try_from(body_bytes_max?).ok()?,
        services: ServiceParameters {
            team: beside.team?,
            api_keys: api_keys?,
            tokens: Parameters {
                issuers: issuers?,
                ..beside.authn?.clone()
            },
            clients: clients?,
        },
    })
}

/// A user's token must never count as a backend's: what users' issuers vouch for has another
/// audience. Names stand in metrics, one for each issuer.
fn check_beside_users(table: &Table, services: &[IssuerParameters], users: &[IssuerParameters]) {
    for (index, service) in services.iter().enumerate() {
        for (other, user) in users.iter().enumerate() {
            if service.name == user.name {
                table.fault(
                    &format!("issuers[{index}].name"),
                    format_args!(
                        "is also the name of authn.issuers[{other}]; give it one of its own"
                    ),
                );
            }
            let shared = |audience: &&String| user.audiences.contains(audience);
            if service.issuer == user.issuer && service.audiences.iter().any(|a| shared(&a)) {
                table.fault(
                    &format!("issuers[{index}].audiences"),
                    format_args!(
                        "has an audience of authn.issuers[{other}]: a user's token could pass for a backend's"
                    ),
                );
            }
        }
    }
}

fn read_keys(table: &mut Table) -> Option<Vec<ApiKeyParameters>> {
    let mut ids: BTreeMap<Box<str>, usize> = BTreeMap::new();
    let tables = table.tables("api_keys");
    let count = tables.len();
    let mut keys = Vec::with_capacity(count);
    for (index, entry) in tables.into_iter().enumerate() {
        let Some(key) = read_key(entry) else { continue };
        if let Some(first) = ids.insert(Box::from(key.id.as_str()), index) {
            let problem = format_args!("is also the id of api_keys[{first}]");
            table.fault(&format!("api_keys[{index}].id"), problem);
        }
        keys.push(key);
    }
    (keys.len() == count).then_some(keys)
}

fn read_key(mut table: Table) -> Option<ApiKeyParameters> {
    let id: Option<ApiKeyId> = table.parsed("id");
    let name = read_name(&mut table);
    let secret_sha256: Option<SecretHash> = table.parsed("secret_sha256");
    let grants = read_grants(&mut table);
    let expires = read_expiry(&mut table);
    table.finish();
    Some(ApiKeyParameters {
        id: id?,
        name: name?,
        secret_sha256: secret_sha256?,
        grants: grants?,
        expires: expires.ok()?,
    })
}

fn read_clients(table: &mut Table, issuers: &[IssuerParameters]) -> Option<Vec<ClientParameters>> {
    let mut pairs = BTreeMap::new();
    let tables = table.tables("clients");
    let count = tables.len();
    let mut clients = Vec::with_capacity(count);
    for (index, entry) in tables.into_iter().enumerate() {
        let Some(client) = read_client(entry, issuers) else {
            continue;
        };
        let pair = (Arc::clone(&client.issuer_name), Arc::clone(&client.id));
        if let Some(first) = pairs.insert(pair, index) {
            let problem = format_args!("is also the client of clients[{first}]");
            table.fault(&format!("clients[{index}].id"), problem);
        }
        clients.push(client);
    }
    (clients.len() == count).then_some(clients)
}

fn read_client(mut table: Table, issuers: &[IssuerParameters]) -> Option<ClientParameters> {
    let id: Option<Subject> = table.parsed("id");
    let name = if table.has("name") {
        read_name(&mut table).map(Some)
    } else {
        Some(None)
    };
    let issuer_name = read_issuer_name(&mut table, issuers);
    let grants = read_grants(&mut table);
    table.finish();
    let id: Arc<str> = Arc::from(id?.as_str());
    Some(ClientParameters {
        name: name?.unwrap_or_else(|| Arc::clone(&id)),
        issuer_name: issuer_name?,
        id,
        grants: grants?,
    })
}

/// The issuer's short name; may be left out where there is only one.
fn read_issuer_name(table: &mut Table, issuers: &[IssuerParameters]) -> Option<Arc<str>> {
    let given = table.optional_text("issuer");
    let issuer = match (&given, issuers) {
        (None, [only]) => Some(only),
        (None, _) => None,
        (Some(name), issuers) => issuers.iter().find(|issuer| *issuer.name == **name),
    };
    if issuer.is_none() {
        table.fault("issuer", "must be the name of one of internal.issuers");
    }
    issuer.map(|issuer| Arc::clone(&issuer.name))
}

fn read_name(table: &mut Table) -> Option<Arc<str>> {
    let name = table.text("name")?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/@ ".contains(c);
    if name.len() > NAME_LENGTH_MAX || !name.chars().all(is_plain) {
        let problem =
            format_args!("must be at most {NAME_LENGTH_MAX} letters, digits, spaces and -_.:/@");
        table.fault("name", problem);
        return None;
    }
    Some(Arc::from(name))
}

fn read_grants(table: &mut Table) -> Option<Grants> {
    let written = table.texts("scopes").len();
    let given: Vec<ScopeSet> = table.parsed_list("scopes");
    if !table.has("scopes") {
        table.fault(
            "scopes",
            "is required: what it may do, such as [\"rooms:read\"]",
        );
    }
    let patterns = table.texts("rooms").len();
    let rooms = table.parsed_list("rooms");
    if given.is_empty() || given.len() != written || rooms.len() != patterns {
        return None;
    }
    if table.has("rooms") && rooms.is_empty() {
        // A list that a template left empty must not open every room.
        table.fault(
            "rooms",
            "must name patterns; leave it out to open every room",
        );
        return None;
    }
    let mut scopes = ScopeSet::default();
    for more in &given {
        scopes.add(more);
    }
    Some(Grants { scopes, rooms })
}

/// Something is wrong, and was noted.
struct Noted;

fn read_expiry(table: &mut Table) -> Result<Option<UnixTime>, Noted> {
    let Some(text) = table.optional_text("expires") else {
        return Ok(None);
    };
    let time = DateTime::parse_from_rfc3339(&text).ok();
    let millis = time.and_then(|time| u64::try_from(time.timestamp_millis()).ok());
    let Some(millis) = millis else {
        table.fault("expires", "must be a time such as 2027-01-31T09:00:00Z");
        return Err(Noted);
    };
    Ok(Some(UnixTime::from_millis(millis)))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;
    use std::time::Duration;

    use serde_json::{Value, json};

    use crate::settings::findings::Findings;

    use super::*;

    fn read_json(section: Value) -> (Option<Internal>, Vec<String>) {
        let findings: Rc<RefCell<Findings>> = Rc::default();
        let Value::Object(mut values) = section else {
            panic!("not a table")
        };
        values.insert("listen".to_owned(), json!("127.0.0.1:0"));
        values.insert("body_bytes_max".to_owned(), json!(20_000));
        let values = serde_json::Map::from_iter([("internal".to_owned(), values.into())]);
        let mut root = Table::root(values, Rc::clone(&findings));
        let authn = Parameters {
            leeway: Duration::ZERO,
            token_lifetime_max: Duration::from_secs(3600),
            token_bytes_max: 8192,
            verified_tokens_max: 10,
            http_timeout: Duration::from_secs(1),
            loopback_http: LoopbackHttp::Refused,
            issuers: Vec::new(),
        };
        let beside = Beside {
            authn: Some(&authn),
            team: TeamId::parse("0e8d7c6b-5a49-4382-9716-a5b4c3d2e1f0").ok(),
        };
        let internal = read(root.table("internal"), &beside);
        let faults = &findings.borrow().faults;
        (internal, faults.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn nobody_may_call_unless_somebody_is_named() {
        let (internal, faults) = read_json(json!({}));
        assert_eq!(faults, Vec::<String>::new());
        assert_eq!(internal.unwrap().services.api_keys, []);
    }

    #[test]
    fn every_fault_of_a_key_and_a_client_is_noted() {
        let (internal, faults) = read_json(json!({
            "api_keys": [
                { "id": "0123", "name": "a", "secret_sha256": "ab", "scopes": ["rooms:raed", "secrets:*"], "expires": "soon" },
                { "id": "0123456789ab", "name": "a\u{202e}", "secret_sha256": "00".repeat(32), "scopes": ["*"], "rooms": ["{a}{b}"] },
                { "id": "0123456789ab", "name": "b", "secret_sha256": "00".repeat(32), "scopes": [], "rooms": [] },
            ],
            "clients": [{ "id": "shop", "scopes": ["rooms:*"], "rights": [] }],
        }));
        assert!(internal.is_none());
        assert_eq!(
            faults,
            [
                "internal.api_keys[0].id: must be 12 lowercase hexadecimal digits, as `room-broker hash-api-key` prints them",
                "internal.api_keys[0].secret_sha256: must be 64 lowercase hexadecimal digits, as `room-broker hash-api-key` prints them",
                "internal.api_keys[0].scopes[0]: is not a scope; did you mean rooms:read?",
                "internal.api_keys[0].scopes[1]: must be named in full: no wildcard gives secrets:read",
                "internal.api_keys[0].expires: must be a time such as 2027-01-31T09:00:00Z",
                "internal.api_keys[1].name: must be at most 64 letters, digits, spaces and -_.:/@",
                "internal.api_keys[1].rooms[0]: needs a literal before position 4, or where the capture ends is anybody's guess",
                "internal.clients[0].issuer: must be the name of one of internal.issuers",
                "internal.clients[0].rights: is not a known key",
            ]
        );
    }
}
