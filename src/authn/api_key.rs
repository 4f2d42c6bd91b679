//! API keys of product backends: `rbk_<id>_<secret>`. The configuration holds the id and the
//! SHA-256 of the secret; 256 random bits need no slow hash.

use aws_lc_rs::digest::{SHA256, digest};
use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

/// What a key begins with, so that scanners for leaked secrets find it.
const PREFIX: &str = "rbk_";
const ID_LENGTH: usize = 12;
const SECRET_LENGTH: usize = 64;

/// Why a text is not an API key. Repeats nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not an API key: expected rbk_, {ID_LENGTH} characters of id, _ and {SECRET_LENGTH} hexadecimal digits of secret"
)]
pub struct ApiKeyFault;

/// An API key as a product backend holds it. `Debug` shows the id alone.
pub struct ApiKey {
    id: String,
    secret: SecretString,
}

impl ApiKey {
    /// Makes a key of 244 random bits (two version 4 UUIDs) under a random id.
    pub fn generate() -> Self {
        let id: String = Uuid::new_v4()
            .simple()
            .to_string()
            .chars()
            .take(ID_LENGTH)
            .collect();
        let secret = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        Self {
            id,
            secret: SecretString::from(secret),
        }
    }

    /// Parses a key.
    ///
    /// # Errors
    /// [`ApiKeyFault`] for another form.
    pub fn parse(text: &SecretString) -> Result<Self, ApiKeyFault> {
        let (id, secret) = text
            .expose_secret()
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split_once('_'))
            .ok_or(ApiKeyFault)?;
        let is_hex = |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if id.len() != ID_LENGTH || secret.len() != SECRET_LENGTH || !is_hex(id) || !is_hex(secret)
        {
            return Err(ApiKeyFault);
        }
        Ok(Self {
            id: id.to_owned(),
            secret: SecretString::from(secret),
        })
    }

    /// The id, by which the hash is found.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The whole key.
    pub fn text(&self) -> SecretString {
        SecretString::from(format!(
            "{PREFIX}{}_{}",
            self.id,
            self.secret.expose_secret()
        ))
    }

    /// The hash of the secret, as lowercase hexadecimal digits, for the configuration.
    pub fn secret_sha256(&self) -> String {
        let hash = digest(&SHA256, self.secret.expose_secret().as_bytes());
        hash.as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<Vec<_>>()
            .concat()
    }
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_key_parses_and_hashes_alike() {
        let made = ApiKey::generate();
        let parsed = ApiKey::parse(&made.text()).unwrap();
        assert_eq!(parsed.id(), made.id());
        assert_eq!(parsed.secret_sha256(), made.secret_sha256());
        assert_ne!(ApiKey::generate().secret_sha256(), made.secret_sha256());
        assert!(!format!("{made:?}").contains(made.secret.expose_secret()));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "rbk_",
            "rbk_abc_def",
            "sk_0123456789ab_00",
            "rbk_0123456789ab_ZZ",
        ] {
            assert!(ApiKey::parse(&SecretString::from(text)).is_err(), "{text}");
        }
    }
}
