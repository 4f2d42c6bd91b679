//! The developer key: upstream's credential and the secret of every room token in one. It hands
//! out a signer and an authorization header, never its bytes. The layer `token` takes the
//! signer (to mint, and for `doctor` to compare), `digital_samba/exchange.rs` the header.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jsonwebtoken::EncodingKey;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq as _;

use crate::domain::TeamId;

/// Upstream's limits are not published; a key shorter than this cannot be one and would make
/// every room token guessable (RFC 7518 section 3.2 asks for 256 bits, which 16 random
/// base-64 characters do not reach, so that this bound refuses mistakes, not weak keys).
const LENGTH_MIN: usize = 16;

/// How the key is presented to upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthorizationForm {
    /// `Bearer {key}`.
    #[default]
    Bearer,
    /// HTTP Basic with the team id as user (RFC 7617).
    Basic,
}

/// Why a text cannot be a developer key. Repeats nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DeveloperKeyFault {
    /// Shorter than any real key.
    #[error("must have at least {LENGTH_MIN} characters")]
    TooShort,
    /// Cannot be sent in a header.
    #[error("must be visible ASCII characters without spaces")]
    Character,
}

/// The developer key. `Debug` and every error leave its bytes out.
pub struct DeveloperKey {
    secret: SecretString,
    signer: EncodingKey,
}

impl DeveloperKey {
    /// Takes the key as it stands in the dashboard (no base-64 decoding).
    ///
    /// # Errors
    /// [`DeveloperKeyFault`] when it cannot be one.
    pub fn parse(secret: SecretString) -> Result<Self, DeveloperKeyFault> {
        let text = secret.expose_secret();
        if text.len() < LENGTH_MIN {
            return Err(DeveloperKeyFault::TooShort);
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(DeveloperKeyFault::Character);
        }
        let signer = EncodingKey::from_secret(text.as_bytes());
        Ok(Self { secret, signer })
    }

    /// The prepared HS256 key, for `token`.
    pub fn signer(&self) -> &EncodingKey {
        &self.signer
    }

    /// The value of the `Authorization` header, marked sensitive, for `digital_samba/exchange.rs`.
    pub fn authorization(&self, form: AuthorizationForm, team: TeamId) -> HeaderValue {
        let text = match form {
            AuthorizationForm::Bearer => format!("Bearer {}", self.secret.expose_secret()),
            AuthorizationForm::Basic => {
                format!(
                    "Basic {}",
                    BASE64.encode(format!("{team}:{}", self.secret.expose_secret()))
                )
            }
        };
        // `parse` admits visible ASCII alone, which is always a header value.
        let mut value = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("Bearer"));
        value.set_sensitive(true);
        value
    }
}

/// Compared in constant time.
impl PartialEq for DeveloperKey {
    fn eq(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.secret.expose_secret(), other.secret.expose_secret());
        ours.as_bytes().ct_eq(theirs.as_bytes()).into()
    }
}

impl std::fmt::Debug for DeveloperKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DeveloperKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Result<DeveloperKey, DeveloperKeyFault> {
        DeveloperKey::parse(SecretString::from(text))
    }

    #[test]
    fn a_mistake_is_refused_without_repeating_it() {
        assert_eq!(key("short").unwrap_err(), DeveloperKeyFault::TooShort);
        assert_eq!(
            key("a key with spaces in it").unwrap_err(),
            DeveloperKeyFault::Character
        );
    }

    #[test]
    fn the_key_prints_nothing_of_itself() {
        let canary = "canary-developer-key-0001";
        let key = key(canary).unwrap();
        let team = TeamId::parse("0e8d7c6b-5a49-4382-9716-a5b4c3d2e1f0").unwrap();
        let header = key.authorization(AuthorizationForm::Bearer, team);
        assert!(!format!("{key:?} {header:?} {:?}", key.signer()).contains("canary"));
        assert_eq!(header.to_str().unwrap(), "Bearer canary-developer-key-0001");
    }
}
