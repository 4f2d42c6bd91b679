//! What a product backend presents: an API key or a token, in one of the forms that code written
//! for Digital Samba's own API uses.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use secrecy::zeroize::Zeroizing;

use crate::domain::TeamId;

use super::api_key::{ApiKey, PREFIX};
use super::bearer::{Bearer, CredentialFault};

/// What one request of a product backend presents.
#[derive(Debug)]
pub(super) enum ServiceCredential<'a> {
    /// An API key, and the team that it was presented for, if one stood beside it.
    ApiKey { key: ApiKey, team: Option<TeamId> },
    /// Client credentials: a token of an issuer.
    Token(Bearer<'a>),
}

impl<'a> ServiceCredential<'a> {
    /// Reads the values of all `Authorization` headers of one request; `None` if there is none.
    /// Accepted are `Bearer key`, `Bearer token`, `Basic base64(team:key)` (RFC 7617), and the
    /// older `Bearer base64(team:key)`.
    pub(super) fn from_authorization(
        mut values: impl Iterator<Item = &'a [u8]>,
        bytes_max: usize,
    ) -> Result<Option<Self>, CredentialFault> {
        let Some(value) = values.next() else {
            return Ok(None);
        };
        if values.next().is_some() {
            return Err(CredentialFault::Doubled);
        }
        Self::parse(value, bytes_max).map(Some)
    }

    fn parse(value: &'a [u8], bytes_max: usize) -> Result<Self, CredentialFault> {
        const BASIC: &[u8] = b"basic ";
        if value.len() <= bytes_max
            && let Some((scheme, pair)) = value.split_at_checked(BASIC.len())
            && scheme.eq_ignore_ascii_case(BASIC)
        {
            return of_pair(pair).ok_or(CredentialFault::Malformed);
        }
        let bearer = Bearer::parse(value, bytes_max)?;
        let text = bearer.as_str();
        if text.starts_with(PREFIX) {
            let key = ApiKey::parse(text).map_err(|_no_key| CredentialFault::Malformed)?;
            return Ok(Self::ApiKey { key, team: None });
        }
        // A JWS has dots, which base64 has not.
        Ok(of_pair(text.as_bytes()).unwrap_or(Self::Token(bearer)))
    }
}

/// `base64(team:key)`.
fn of_pair<'a>(encoded: &[u8]) -> Option<ServiceCredential<'a>> {
    let pair = Zeroizing::new(BASE64.decode(encoded).ok()?);
    let (team, key) = std::str::from_utf8(&pair).ok()?.split_once(':')?;
    Some(ServiceCredential::ApiKey {
        key: ApiKey::parse(key).ok()?,
        team: Some(TeamId::parse(team).ok()?),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::ExposeSecret as _;

    use super::*;

    const TEAM: &str = "0e8d7c6b-5a49-4382-9716-a5b4c3d2e1f0";

    fn parse(value: &str) -> Result<ServiceCredential<'_>, CredentialFault> {
        ServiceCredential::parse(value.as_bytes(), 512)
    }

    #[test]
    fn a_key_is_read_in_each_form() {
        let made = ApiKey::generate();
        let text = made.text();
        let text = text.expose_secret();
        let pair = BASE64.encode(format!("{TEAM}:{text}"));
        for (value, has_team) in [
            (format!("Bearer {text}"), false),
            (format!("Basic {pair}"), true),
            (format!("bASIC {pair}"), true),
            (format!("Bearer {pair}"), true),
        ] {
            let Ok(ServiceCredential::ApiKey { key, team }) = parse(&value) else {
                panic!("{value} is no key")
            };
            assert_eq!(key.id(), made.id());
            assert!(key.secret_sha256() == made.secret_sha256());
            assert_eq!(team.is_some(), has_team);
        }
    }

    #[test]
    fn anything_else_is_a_token_or_a_fault() {
        assert!(matches!(
            parse("Bearer a.b.c"),
            Ok(ServiceCredential::Token(_))
        ));
        let no_team = BASE64.encode(format!(":{}", ApiKey::generate().text().expose_secret()));
        for (value, fault) in [
            ("Digest a".to_owned(), CredentialFault::Scheme),
            ("Basic ".to_owned(), CredentialFault::Malformed),
            ("Basic YTpi".to_owned(), CredentialFault::Malformed),
            (format!("Basic {no_team}"), CredentialFault::Malformed),
            ("Bearer rbk_1_2".to_owned(), CredentialFault::Malformed),
            (
                format!("Bearer {}", "a".repeat(600)),
                CredentialFault::TooLong,
            ),
        ] {
            assert_eq!(parse(&value).unwrap_err(), fault, "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(value in any::<Vec<u8>>()) {
            let _ = ServiceCredential::parse(&value, 64);
        }
    }
}
