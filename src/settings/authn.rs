//! The section `authn`: who may say who calls; and the issuers of the section `internal`.

mod keys;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::authn::{
    Algorithm, ClaimMapping, ClaimPointer, IntrospectionParameters, IssuerParameters, LEEWAY_MAX,
    LoopbackHttp, Matches, Parameters, ProviderUrl,
};

use super::reader::Table;
use keys::KeysReader;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What tokens are by their header `typ` unless configured: access tokens (RFC 9068) and JWT.
const TOKEN_TYPES: [&str; 2] = ["at+jwt", "JWT"];
/// The longest issuer identifier or audience.
const IDENTIFIER_LENGTH_MAX: usize = 1024;
/// `application/x-www-form-urlencoded` leaves these as they are (RFC 6749 section 2.3.1).
const FORM: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'*');

/// Reads the section, noting every fault; `None` where no parameters can be made at all.
pub(super) fn read(mut table: Table) -> Option<Parameters> {
    let leeway = table.duration("leeway", None, Duration::ZERO..=LEEWAY_MAX);
    let token_lifetime_max = table.duration("token_lifetime_max", None, MINUTE..=30 * DAY);
    let token_bytes_max = table.integer("token_bytes_max", None, 256..=16384);
    let verified_tokens_max = table.integer("verified_tokens_max", None, 0..=10_000_000);
    let http_timeout = table.duration("http_timeout", None, SECOND / 10..=MINUTE);
    let loopback_http = if table.boolean("allow_http_loopback", false) {
        LoopbackHttp::Allowed
    } else {
        LoopbackHttp::Refused
    };
    let issuers = read_issuers(&mut table, loopback_http, Callers::Users);
    table.finish();
    Some(Parameters {
        leeway: leeway?,
        token_lifetime_max: token_lifetime_max?,
        token_bytes_max: usize::try_from(token_bytes_max?).ok()?,
        verified_tokens_max: verified_tokens_max?,
        http_timeout: http_timeout?,
        loopback_http,
        issuers: issuers?,
    })
}

/// Whose tokens an issuer's are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Callers {
    /// The product's users: there must be some issuer of them.
    Users,
    /// The product's backends, by client credentials.
    Services,
}

/// Reads every `issuers`, noting every fault; `None` if one of them is faulty.
pub(super) fn read_issuers(
    table: &mut Table,
    loopback: LoopbackHttp,
    callers: Callers,
) -> Option<Vec<IssuerParameters>> {
    let tables = table.tables("issuers");
    if tables.is_empty() && callers == Callers::Users {
        table.fault(
            "issuers",
            "at least one [[authn.issuers]] is required, or nobody could enter",
        );
        return None;
    }
    let several = tables.len() > 1;
    let count = tables.len();
    let issuers: Vec<(usize, IssuerParameters)> = tables
        .into_iter()
        .map(|issuer| read_issuer(issuer, loopback, callers, several))
        .enumerate()
        .filter_map(|(index, issuer)| Some((index, issuer?)))
        .collect();
    check_together(table, &issuers);
    if issuers.len() != count {
        return None;
    }
    Some(issuers.into_iter().map(|(_, issuer)| issuer).collect())
}

fn read_issuer(
    mut table: Table,
    loopback: LoopbackHttp,
    callers: Callers,
    several: bool,
) -> Option<IssuerParameters> {
    let issuer = identifier(&mut table, "issuer");
    let name = read_name(&mut table, issuer.as_deref());
    let audiences = table.texts("audiences");
    if audiences.is_empty() || audiences.iter().any(String::is_empty) {
        table.fault(
            "audiences",
            "is required: without it, a token made for any other service would be accepted",
        );
    }
    let audience_claim = table.optional_parsed("audience_claim");
    let algorithms = read_algorithms(&mut table);
    let token_types = if table.has("token_types") {
        table.texts("token_types")
    } else {
        TOKEN_TYPES.map(str::to_owned).to_vec()
    };
    if token_types.is_empty() {
        table.fault(
            "token_types",
            r#"must not be empty; "" accepts a header without typ"#,
        );
    }
    let user_id_prefix = match callers {
        Callers::Users => table.optional_text("user_id_prefix"),
        Callers::Services => None,
    };
    let introspection = read_introspection(&mut table, loopback);
    let asks_about_all = matches!(&introspection, Ok(Some(of)) if of.matches == Matches::All);
    let keys = KeysReader {
        issuer: issuer.as_deref().unwrap_or_default(),
        algorithms: algorithms.as_deref().unwrap_or_default(),
        loopback,
    };
    let keys = keys.read(&mut table, asks_about_all);
    let claims = match callers {
        Callers::Users => read_claims(&mut table),
        Callers::Services => read_client_claims(&mut table),
    };
    table.finish();
    let name = name?;
    let default_prefix = if several {
        format!("{name}:")
    } else {
        String::new()
    };
    Some(IssuerParameters {
        name: Arc::from(name),
        issuer: Arc::from(issuer?),
        audiences,
        audience_claim,
        algorithms: algorithms?,
        token_types,
        user_id_prefix: user_id_prefix.unwrap_or(default_prefix),
        keys: keys?,
        introspection: introspection.ok()?,
        claims: claims?,
    })
}

fn identifier(table: &mut Table, key: &str) -> Option<String> {
    let text = table.text(key)?;
    if text.len() > IDENTIFIER_LENGTH_MAX || !text.chars().all(|c| c.is_ascii_graphic()) {
        table.fault(key, "must be visible ASCII characters without spaces");
        return None;
    }
    Some(text)
}

/// The short name: as given, else the issuer's host.
fn read_name(table: &mut Table, issuer: Option<&str>) -> Option<String> {
    let given = table.optional_text("name");
    let name = match (given, issuer) {
        (Some(name), _) => name,
        (None, Some(issuer)) => {
            let url = url::Url::parse(issuer).ok();
            let Some(authority) = url.and_then(|url| authority(&url)) else {
                table.fault("name", "is required where the issuer is not a URL");
                return None;
            };
            authority
        }
        (None, None) => return None,
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    if name.len() > 64 || !name.chars().all(is_plain) {
        table.fault("name", "must be at most 64 letters, digits and -_.:");
        return None;
    }
    Some(name)
}

/// The host, with the port where it is not the usual one.
fn authority(url: &url::Url) -> Option<String> {
    let host = url.host_str()?;
    let port = url.port().map(|port| format!(":{port}"));
    Some(format!("{host}{}", port.unwrap_or_default()))
}

fn read_algorithms(table: &mut Table) -> Option<Vec<Algorithm>> {
    let names = table.texts("algorithms");
    if names.is_empty() {
        table.fault(
            "algorithms",
            r#"is required, such as ["RS256"]: a token never chooses"#,
        );
        return None;
    }
    let mut algorithms = Vec::with_capacity(names.len());
    for (index, name) in names.iter().enumerate() {
        let Some(algorithm) = Algorithm::from_name(name) else {
            let known: Vec<&str> = Algorithm::names().collect();
            let key = format!("algorithms[{index}]");
            table.fault(&key, format_args!("must be one of: {}", known.join(", ")));
            return None;
        };
        if !algorithms.contains(&algorithm) {
            algorithms.push(algorithm);
        }
    }
    let symmetric = algorithms
        .iter()
        .filter(|algorithm| algorithm.is_symmetric());
    if !matches!(symmetric.count(), 0) && !algorithms.iter().all(|a| a.is_symmetric()) {
        table.fault(
            "algorithms",
            "must not mix HS256/384/512 with others: a public key could be taken for a secret",
        );
        return None;
    }
    Some(algorithms)
}

/// Something is wrong, and was noted.
struct Noted;

fn read_introspection(
    table: &mut Table,
    loopback: LoopbackHttp,
) -> Result<Option<IntrospectionParameters>, Noted> {
    if !table.has("introspection") {
        return Ok(None);
    }
    let given = read_given_introspection(table.table("introspection"), loopback);
    given.map(Some).ok_or(Noted)
}

fn read_given_introspection(
    mut table: Table,
    loopback: LoopbackHttp,
) -> Option<IntrospectionParameters> {
    let url = table
        .text("url")
        .map(|url| ProviderUrl::parse(&url, loopback));
    let client_id = table.text("client_id");
    let client_secret = table.secret("client_secret");
    let positive_ttl = table.duration("positive_ttl", Some(MINUTE), SECOND..=10 * MINUTE);
    let negative_ttl = table.duration("negative_ttl", Some(10 * SECOND), SECOND..=MINUTE);
    let words = [("opaque", Matches::Opaque), ("all", Matches::All)];
    let matches = table.word("matches", &words, Some(Matches::Opaque));
    if let Some(Err(fault)) = &url {
        table.fault("url", fault);
    }
    table.finish();
    Some(IntrospectionParameters {
        url: url?.ok()?,
        authorization: basic_authorization(&client_id?, &client_secret?),
        positive_ttl: positive_ttl?,
        negative_ttl: negative_ttl?,
        matches: matches?,
    })
}

fn basic_authorization(client_id: &str, client_secret: &SecretString) -> HeaderValue {
    let client_id = utf8_percent_encode(client_id, FORM);
    let client_secret = utf8_percent_encode(client_secret.expose_secret(), FORM);
    let pair = BASE64.encode(format!("{client_id}:{client_secret}"));
    // Base64 is always a header value.
    let value = HeaderValue::from_str(&format!("Basic {pair}"));
    let mut value = value.unwrap_or(HeaderValue::from_static("Basic"));
    value.set_sensitive(true);
    value
}

fn read_claims(table: &mut Table) -> Option<ClaimMapping> {
    let mut table = table.table("claims");
    let user_id = read_pointer(&mut table, "user_id", "sub");
    let name = read_pointer(&mut table, "name", "name");
    let email = read_pointer(&mut table, "email", "email");
    let avatar = read_pointer(&mut table, "avatar", "picture");
    let (groups, groups_split) = match table.raw("groups") {
        Some(Value::Object(_)) => {
            let mut groups = table.table("groups");
            let pointer = groups.parsed("pointer");
            let split = groups.text("split");
            groups.finish();
            (pointer, split)
        }
        Some(_) | None => (read_pointer(&mut table, "groups", "groups"), None),
    };
    if user_id.as_ref() == Some(&ClaimPointer::to_top("email")) {
        table.warn(
            "user_id",
            "names the e-mail address, which can change hands: prefer /sub",
        );
    }
    table.finish();
    Some(ClaimMapping {
        user_id: user_id?,
        name: name?,
        email: email?,
        groups: groups?,
        groups_split,
        avatar: avatar?,
    })
}

/// Where tokens of client credentials say which client it is and what it may do: a list, or one
/// text of words separated by spaces (RFC 9068 section 2.2).
fn read_client_claims(table: &mut Table) -> Option<ClaimMapping> {
    let mut table = table.table("claims");
    let client_id = read_pointer(&mut table, "client_id", "client_id");
    let scopes = read_pointer(&mut table, "scopes", "scope");
    table.finish();
    Some(ClaimMapping {
        user_id: client_id?,
        name: ClaimPointer::to_top("name"),
        email: ClaimPointer::to_top("email"),
        groups: scopes?,
        groups_split: Some(" ".to_owned()),
        avatar: ClaimPointer::to_top("picture"),
    })
}

fn read_pointer(table: &mut Table, key: &str, default: &str) -> Option<ClaimPointer> {
    if table.has(key) {
        table.parsed(key)
    } else {
        Some(ClaimPointer::to_top(default))
    }
}

/// What no issuer can be checked for alone.
fn check_together(table: &Table, issuers: &[(usize, IssuerParameters)]) {
    let mut names = BTreeMap::new();
    let mut identifiers = BTreeMap::new();
    let mut asked = None;
    for (position, (index, issuer)) in issuers.iter().enumerate() {
        let fault = |key: &str, problem: std::fmt::Arguments<'_>| {
            table.fault(&format!("issuers[{index}].{key}"), problem);
        };
        if let Some(first) = names.insert(&issuer.name, index) {
            fault("name", format_args!("is also the name of issuers[{first}]"));
        }
        if let Some(first) = identifiers.insert(&issuer.issuer, index) {
            let problem = format_args!("is also the issuer of issuers[{first}]");
            fault("issuer", problem);
        }
        for (earlier, other) in issuers.iter().take(position) {
            let (one, two) = (&issuer.user_id_prefix, &other.user_id_prefix);
            if one.starts_with(two.as_str()) || two.starts_with(one.as_str()) {
                let problem = format_args!(
                    "and that of issuers[{earlier}] begin alike: two people could get one id"
                );
                fault("user_id_prefix", problem);
            }
        }
        if issuer.introspection.is_some() && asked.replace(index).is_some() {
            let problem = "is the second: an opaque token does not say whom to ask";
            fault("introspection", format_args!("{problem}"));
        }
    }
}

#[cfg(test)]
mod tests;
