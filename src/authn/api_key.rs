//! API keys of product backends: `rbk_<id>_<secret>`. The configuration holds the id and the
//! SHA-256 of the secret; 256 random bits need no slow hash.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

/// What a key begins with, so that scanners for leaked secrets find it.
pub(super) const PREFIX: &str = "rbk_";
const ID_LENGTH: usize = 12;
const SECRET_LENGTH: usize = 64;
const HASH_LENGTH: usize = 32;

/// Why a text is not an API key. Repeats nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not an API key: expected rbk_, {ID_LENGTH} characters of id, _ and {SECRET_LENGTH} hexadecimal digits of secret"
)]
pub struct ApiKeyFault;

/// An API key as a product backend holds it. `Debug` shows the id alone.
pub struct ApiKey {
    id: ApiKeyId,
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
            id: ApiKeyId(id.into_boxed_str()),
            secret: SecretString::from(secret),
        }
    }

    /// Parses a key.
    ///
    /// # Errors
    /// [`ApiKeyFault`] for another form.
    pub fn parse(text: &str) -> Result<Self, ApiKeyFault> {
        let (id, secret) = text
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split_once('_'))
            .ok_or(ApiKeyFault)?;
        if secret.len() != SECRET_LENGTH || !is_hex(secret) {
            return Err(ApiKeyFault);
        }
        Ok(Self {
            id: id.parse().map_err(|_no_id| ApiKeyFault)?,
            secret: SecretString::from(secret),
        })
    }

    /// The id, by which the hash is found.
    pub fn id(&self) -> &ApiKeyId {
        &self.id
    }

    /// The whole key.
    pub fn text(&self) -> SecretString {
        SecretString::from(format!(
            "{PREFIX}{}_{}",
            self.id.as_str(),
            self.secret.expose_secret()
        ))
    }

    /// The hash of the secret, for the configuration.
    pub fn secret_sha256(&self) -> SecretHash {
        let hash = digest(&SHA256, self.secret.expose_secret().as_bytes());
        // SHA-256 has 32 bytes; were it not so, no key would have the hash that is configured.
        SecretHash(hash.as_ref().try_into().unwrap_or([0; HASH_LENGTH]))
    }
}

/// The id of a key: twelve lowercase hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ApiKeyId(Box<str>);

/// Why a text is no id or no hash of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be {digits} lowercase hexadecimal digits, as `room-broker hash-api-key` prints them")]
pub struct HexFault {
    digits: usize,
}

impl ApiKeyId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ApiKeyId {
    type Err = HexFault;

    fn from_str(text: &str) -> Result<Self, HexFault> {
        if text.len() != ID_LENGTH || !is_hex(text) {
            return Err(HexFault { digits: ID_LENGTH });
        }
        Ok(Self(Box::from(text)))
    }
}

/// The SHA-256 of a key's secret: what the configuration holds. Compared in constant time.
#[derive(Clone, Copy)]
pub struct SecretHash([u8; HASH_LENGTH]);

impl SecretHash {
    /// What no secret is known to have: an unknown id is compared with it, so that it costs the
    /// same as a known one.
    pub(super) const OF_NOTHING: Self = Self([0; HASH_LENGTH]);
}

impl PartialEq for SecretHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for SecretHash {}

impl FromStr for SecretHash {
    type Err = HexFault;

    fn from_str(text: &str) -> Result<Self, HexFault> {
        const FAULT: HexFault = HexFault {
            digits: 2 * HASH_LENGTH,
        };
        if text.len() != FAULT.digits || !is_hex(text) {
            return Err(FAULT);
        }
        let mut hash = [0; HASH_LENGTH];
        for (byte, at) in hash.iter_mut().zip((0..).step_by(2)) {
            let digits = text.get(at..at + 2).ok_or(FAULT)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_no_digits| FAULT)?;
        }
        Ok(Self(hash))
    }
}

/// Lowercase hexadecimal digits, as the configuration has them.
impl fmt::Display for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash([redacted])")
    }
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
        let parsed = ApiKey::parse(made.text().expose_secret()).unwrap();
        assert_eq!(parsed.id(), made.id());
        assert_eq!(parsed.secret_sha256(), made.secret_sha256());
        assert_ne!(ApiKey::generate().secret_sha256(), made.secret_sha256());
        let configured = made.secret_sha256().to_string();
        assert_eq!(configured.parse(), Ok(made.secret_sha256()));
        assert_eq!(made.id().as_str().parse().as_ref(), Ok(made.id()));
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
            assert!(ApiKey::parse(text).is_err(), "{text}");
        }
    }
}
