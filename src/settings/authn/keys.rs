//! Where an issuer's keys are: published, in files, or one shared secret.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use crate::authn::{
    Algorithm, KeyLocation, KeySource, LoopbackHttp, ProviderUrl, RemoteKeyParameters,
    VerificationKey,
};
use crate::settings::reader::Table;

use super::{DAY, MINUTE, SECOND};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// The most configured public keys: each that fits is tried.
const PUBLIC_KEYS_MAX: usize = 16;

/// What decides where an issuer's keys can be.
pub(super) struct KeysReader<'a> {
    pub(super) issuer: &'a str,
    pub(super) algorithms: &'a [Algorithm],
    pub(super) loopback: LoopbackHttp,
}

impl KeysReader<'_> {
    /// Exactly one source: a secret for symmetric algorithms, else the first named of key set and
    /// files, else discovery.
    pub(super) fn read(&self, table: &mut Table, asks_about_all: bool) -> Option<KeySource> {
        let remote = read_remote(table);
        let key_set = table.optional_text("jwks_url");
        let files = table.texts("public_key_files");
        let secret = table.optional_secret("shared_secret");
        let named = [
            ("jwks_url", key_set.is_some()),
            ("public_key_files", !files.is_empty()),
            ("shared_secret", secret.is_some()),
        ];
        let mut named = named.iter().filter(|(_, is_named)| *is_named);
        let (first, second) = (named.next(), named.next());
        if let Some((key, _)) = second {
            table.fault(
                key,
                "is a second source of keys: keep one of jwks_url, public_key_files, shared_secret",
            );
            return None;
        }
        if asks_about_all {
            if let Some((key, _)) = first {
                table.fault(
                    key,
                    r#"is of no use where introspection.matches is "all": remove one of the two"#,
                );
                return None;
            }
            return Some(KeySource::None);
        }
        let is_symmetric = self.algorithms.iter().any(|a| a.is_symmetric());
        if is_symmetric && secret.is_none() && !table.has("shared_secret_file") {
            table.fault("shared_secret_file", "is required for HS256/384/512");
            return None;
        }
        if !self.algorithms.is_empty() && !is_symmetric && secret.is_some() {
            table.fault("shared_secret", "goes with HS256/384/512 alone");
            return None;
        }
        match (key_set, secret) {
            (_, Some(secret)) => self.shared_secret(table, &secret),
            (Some(url), None) => {
                let url = self.url(table, "jwks_url", ProviderUrl::parse(&url, self.loopback))?;
                Some(KeySource::Remote(remote?.at(KeyLocation::KeySet(url))))
            }
            (None, None) if !files.is_empty() => self.public_keys(table, &files),
            (None, None) => {
                let url = ProviderUrl::discovery_of(self.issuer, self.loopback);
                let url = self.url(table, "issuer", url)?;
                Some(KeySource::Remote(remote?.at(KeyLocation::Discovery(url))))
            }
        }
    }

    fn url<E: std::fmt::Display>(
        &self,
        table: &Table,
        key: &str,
        url: Result<ProviderUrl, E>,
    ) -> Option<ProviderUrl> {
        match url {
            Ok(url) => Some(url),
            // A missing issuer is a fault already.
            Err(_) if key == "issuer" && self.issuer.is_empty() => None,
            Err(fault) => {
                table.fault(key, fault);
                None
            }
        }
    }

    fn shared_secret(&self, table: &Table, secret: &SecretString) -> Option<KeySource> {
        let secret = secret.expose_secret().as_bytes();
        match VerificationKey::from_secret(secret, self.algorithms) {
            Ok(key) => Some(KeySource::Fixed(Arc::new([key]))),
            Err(_) if self.algorithms.is_empty() => None,
            Err(fault) => {
                table.fault("shared_secret", fault);
                None
            }
        }
    }

    fn public_keys(&self, table: &Table, files: &[String]) -> Option<KeySource> {
        let mut keys = Vec::new();
        for (index, file) in files.iter().enumerate() {
            let key = format!("public_key_files[{index}]");
            let text = table.read_file(&key, Path::new(file))?;
            match VerificationKey::from_pem(&text, self.algorithms) {
                Ok(found) => keys.extend(found),
                Err(_) if self.algorithms.is_empty() => return None,
                Err(fault) => {
                    table.fault(&key, format_args!("names a file whose key {fault}"));
                    return None;
                }
            }
        }
        if keys.len() > PUBLIC_KEYS_MAX {
            let problem = format_args!("name more than {PUBLIC_KEYS_MAX} keys");
            table.fault("public_key_files", problem);
            return None;
        }
        Some(KeySource::Fixed(Arc::from(keys)))
    }
}

struct RemoteTimes {
    refresh: Duration,
    age_max: Duration,
    cooldown: Duration,
}

impl RemoteTimes {
    fn at(self, location: KeyLocation) -> RemoteKeyParameters {
        RemoteKeyParameters {
            location,
            refresh: self.refresh,
            age_max: self.age_max,
            cooldown: self.cooldown,
        }
    }
}

fn read_remote(table: &mut Table) -> Option<RemoteTimes> {
    let refresh = table.duration("jwks_refresh", Some(10 * MINUTE), SECOND..=DAY);
    let age_max = table.duration("jwks_age_max", Some(DAY), MINUTE..=7 * DAY);
    let cooldown = table.duration("jwks_cooldown", Some(30 * SECOND), SECOND..=HOUR);
    let (refresh, age_max) = (refresh?, age_max?);
    if refresh >= age_max {
        table.fault("jwks_refresh", "must be shorter than jwks_age_max");
        return None;
    }
    Some(RemoteTimes {
        refresh,
        age_max,
        cooldown: cooldown?,
    })
}
