//! Where upstream delivers: a URL whose last segment nobody can guess, and which is a secret for
//! that reason.

use std::str::FromStr;

use aws_lc_rs::digest;
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;
use url::Url;

use super::credential::Credential;

/// Where the receiving route is, below the public listener's address.
const PATH: &str = "/webhooks/digital-samba/";

/// Upstream takes no longer endpoint.
const ENDPOINT_CHARS_MAX: usize = 100;

/// 128 bits in the alphabet of base64url.
const SEGMENT_CHARS_MIN: usize = 22;
/// 128 bits in hexadecimal digits.
const HEX_CHARS_MIN: usize = 32;
const SEGMENT_CHARS_MAX: usize = 64;
/// Fewer different characters than any random text of that length has.
const DIFFERENT_CHARS_MIN: usize = 8;

/// Why there can be no such endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EndpointFault {
    /// The address is none that upstream could reach safely.
    #[error(
        "must be an https URL such as https://rooms.acme.com, without a slash at its end (http only on loopback)"
    )]
    PublicUrl,
    /// The segment could be guessed.
    #[error(
        "must be random: at least {HEX_CHARS_MIN} hexadecimal digits (`openssl rand -hex 16`) or {SEGMENT_CHARS_MIN} letters, digits, - and _; at most {SEGMENT_CHARS_MAX}"
    )]
    Segment,
    /// Together they are too long for upstream.
    #[error(
        "is too long by {by} characters: upstream takes endpoints of at most {ENDPOINT_CHARS_MAX}, {PATH} and the segment included"
    )]
    TooLong {
        /// By how many characters.
        by: usize,
    },
}

/// Where the public listener is reached from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(String);

impl FromStr for PublicUrl {
    type Err = EndpointFault;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|_not_a_url| EndpointFault::PublicUrl)?;
        let loopback = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        let secure = url.scheme() == "https" || (url.scheme() == "http" && loopback);
        let plain = url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if !secure || !plain || text.ends_with('/') {
            return Err(EndpointFault::PublicUrl);
        }
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }
}

/// The part of the path that nobody can guess. A secret.
#[derive(Debug, Clone)]
pub struct Segment(SecretString);

impl Segment {
    /// A segment of at least 128 bits, as far as that can be told.
    ///
    /// # Errors
    /// [`EndpointFault::Segment`].
    pub fn parse(text: &SecretString) -> Result<Self, EndpointFault> {
        let bytes = text.expose_secret().as_bytes();
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let is_hex = bytes.iter().all(u8::is_ascii_hexdigit);
        let least = if is_hex {
            HEX_CHARS_MIN
        } else {
            SEGMENT_CHARS_MIN
        };
        let different: std::collections::BTreeSet<&u8> = bytes.iter().collect();
        if bytes.iter().all(plain)
            && (least..=SEGMENT_CHARS_MAX).contains(&bytes.len())
            && different.len() >= DIFFERENT_CHARS_MIN
        {
            Ok(Self(text.clone()))
        } else {
            Err(EndpointFault::Segment)
        }
    }
}

/// Where upstream delivers, and what proves a delivery.
#[derive(Debug, Clone)]
pub struct Endpoint {
    public_url: PublicUrl,
    segment: Segment,
    credential: Credential,
}

impl Endpoint {
    /// An endpoint that upstream takes.
    ///
    /// # Errors
    /// [`EndpointFault::TooLong`].
    pub fn new(
        public_url: PublicUrl,
        segment: Segment,
        credential: Credential,
    ) -> Result<Self, EndpointFault> {
        let endpoint = Self {
            public_url,
            segment,
            credential,
        };
        let chars = endpoint.url().expose_secret().chars().count();
        match chars.checked_sub(ENDPOINT_CHARS_MAX) {
            Some(by) if by > 0 => Err(EndpointFault::TooLong { by }),
            Some(_) | None => Ok(endpoint),
        }
    }

    /// The whole URL, as upstream is told it.
    pub fn url(&self) -> SecretString {
        let segment = self.segment.0.expose_secret();
        SecretString::from(format!("{}{segment}", self.base()))
    }

    /// What every endpoint of ours begins with, also those of earlier segments.
    pub(super) fn base(&self) -> String {
        format!("{}{PATH}", self.public_url.0)
    }

    /// Whether this is the segment. The time that it takes tells nothing of it.
    pub fn is_here(&self, segment: &str) -> bool {
        let digest_of = |text: &str| digest::digest(&digest::SHA256, text.as_bytes());
        let ours = digest_of(self.segment.0.expose_secret());
        ours.as_ref().ct_eq(digest_of(segment).as_ref()).into()
    }

    /// What proves a delivery.
    pub fn credential(&self) -> &Credential {
        &self.credential
    }
}

#[cfg(test)]
mod tests {
    use super::super::credential::CredentialForm;
    use super::*;

    const HEX: &str = "8f14e45fceea167a5a36dedd4bea2543";

    fn secret(text: &str) -> SecretString {
        SecretString::from(text.to_owned())
    }

    fn endpoint(public_url: &str, segment: &str) -> Result<Endpoint, EndpointFault> {
        let credential = Credential::new(CredentialForm::Authorization, secret(HEX), None);
        Endpoint::new(
            public_url.parse()?,
            Segment::parse(&secret(segment))?,
            credential.unwrap(),
        )
    }

    #[test]
    fn a_segment_that_could_be_guessed_is_refused() {
        for text in [
            "",
            HEX.trim_start_matches('8'),
            "abcdefghijklmnopqrstu",
            &"a".repeat(40),
            &HEX.repeat(3),
            "abcdefghijklmnopq/stuvwx",
            "abcdefghijklmnopq%2fstuvwx",
        ] {
            let made = Segment::parse(&secret(text));
            assert_eq!(made.err(), Some(EndpointFault::Segment), "{text}");
        }
        assert!(Segment::parse(&secret(HEX)).is_ok());
        assert!(Segment::parse(&secret("dQw4w9WgXcQ-dQw4w9WgX_")).is_ok());
    }

    #[test]
    fn an_endpoint_is_safe_and_no_longer_than_upstream_takes() {
        let made = endpoint("https://rooms.acme.com", HEX).unwrap();
        let url = format!("https://rooms.acme.com/webhooks/digital-samba/{HEX}");
        assert_eq!(made.url().expose_secret(), url);
        assert!(
            made.is_here(HEX) && !made.is_here(HEX.trim_start_matches('8')) && !made.is_here("")
        );
        assert!(!format!("{made:?}").contains(HEX));
        for text in [
            "http://rooms.acme.com",
            "https://rooms.acme.com/",
            "https://a@rooms.acme.com",
            "https://rooms.acme.com?a=b",
            "rooms.acme.com",
        ] {
            assert_eq!(
                endpoint(text, HEX).err(),
                Some(EndpointFault::PublicUrl),
                "{text}"
            );
        }
        let long = format!("https://{}.acme.com", "r".repeat(27));
        assert!(endpoint(&long, HEX).is_ok());
        let longer = format!("https://{}.acme.com", "r".repeat(29));
        assert_eq!(
            endpoint(&longer, HEX).err(),
            Some(EndpointFault::TooLong { by: 2 })
        );
    }
}
