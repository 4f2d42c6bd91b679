//! The credential of a request, as its `Authorization` header carries it (RFC 6750 section 2.1).
//! A token in a query string or a body is never read.

/// What a request may present.
#[derive(Debug, Clone, Copy)]
pub enum Credential<'a> {
    /// A user's token.
    Bearer(Bearer<'a>),
}

impl<'a> Credential<'a> {
    /// Reads the values of all `Authorization` headers of one request; `None` if there is none.
    ///
    /// # Errors
    /// [`CredentialFault`] for anything but one well-formed bearer of at most `token_bytes_max`.
    pub fn from_authorization(
        mut values: impl Iterator<Item = &'a [u8]>,
        token_bytes_max: usize,
    ) -> Result<Option<Self>, CredentialFault> {
        let Some(value) = values.next() else {
            return Ok(None);
        };
        if values.next().is_some() {
            return Err(CredentialFault::Doubled);
        }
        Bearer::parse(value, token_bytes_max).map(|bearer| Some(Self::Bearer(bearer)))
    }
}

/// Why an `Authorization` header is not a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CredentialFault {
    /// Two credentials in one request (RFC 6750 section 3.1 `invalid_request`).
    #[error("the request carries more than one credential")]
    Doubled,
    /// Another scheme than `Bearer`.
    #[error("the authorization scheme is not Bearer")]
    Scheme,
    /// Longer than the configured maximum; nothing more of it was looked at.
    #[error("the token is too long")]
    TooLong,
    /// Empty, or characters that no token has.
    #[error("the token is malformed")]
    Malformed,
}

impl CredentialFault {
    /// A short word for logs and metrics.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Doubled => "doubled",
            Self::Scheme => "scheme",
            Self::TooLong => "too-long",
            Self::Malformed => "malformed",
        }
    }
}

/// A token as presented: well-formed characters, bounded length, nothing verified. Prints nothing
/// of itself.
#[derive(Clone, Copy)]
pub struct Bearer<'a>(&'a str);

impl<'a> Bearer<'a> {
    const SCHEME: &'static [u8] = b"bearer ";

    /// Parses the value of one `Authorization` header.
    ///
    /// # Errors
    /// [`CredentialFault`] when it is not `Bearer`, one space and a token of RFC 6750's characters.
    pub fn parse(value: &'a [u8], token_bytes_max: usize) -> Result<Self, CredentialFault> {
        // First of all: an oversized value costs a comparison and no more.
        if value.len() > token_bytes_max.saturating_add(Self::SCHEME.len()) {
            return Err(CredentialFault::TooLong);
        }
        let Some((scheme, token)) = value.split_at_checked(Self::SCHEME.len()) else {
            return Err(CredentialFault::Scheme);
        };
        if !scheme.eq_ignore_ascii_case(Self::SCHEME) {
            return Err(CredentialFault::Scheme);
        }
        // Proxies fold repeated headers into one, separated by commas.
        if token.contains(&b',') {
            return Err(CredentialFault::Doubled);
        }
        let token = std::str::from_utf8(token).map_err(|_not_ascii| CredentialFault::Malformed)?;
        let unpadded = token.trim_end_matches('=');
        if unpadded.is_empty() || !is_token(unpadded.as_bytes()) {
            return Err(CredentialFault::Malformed);
        }
        Ok(Self(token))
    }

    /// The token, for those who verify it.
    pub(super) fn as_str(self) -> &'a str {
        self.0
    }
}

/// A bearer that outlives the request that presented it. Prints nothing of itself.
pub(super) struct OwnedBearer(Box<str>);

impl From<Bearer<'_>> for OwnedBearer {
    fn from(bearer: Bearer<'_>) -> Self {
        Self(Box::from(bearer.0))
    }
}

impl OwnedBearer {
    pub(super) fn borrowed(&self) -> Bearer<'_> {
        Bearer(&self.0)
    }
}

impl std::fmt::Debug for OwnedBearer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.borrowed().fmt(f)
    }
}

impl std::fmt::Debug for Bearer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bearer([redacted])")
    }
}

/// RFC 6750's `b64token` without its padding. Every request's bearer is looked at byte by byte:
/// without branches, which is many bytes at a time.
fn is_token(bytes: &[u8]) -> bool {
    let strange = bytes
        .iter()
        .fold(0, |strange, &byte| strange | u8::from(!is_token_byte(byte)));
    strange == 0
}

fn is_token_byte(byte: u8) -> bool {
    let within = |first: u8, byte: u8, count: u8| byte.wrapping_sub(first) < count;
    // The first is letters of either case, the second `-`, `.`, `/` and the digits.
    within(b'a', byte | 0x20, 26)
        || within(b'-', byte, 13)
        || byte == b'_'
        || byte == b'~'
        || byte == b'+'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_one_space_and_token_characters_make_a_bearer() {
        for (value, fault) in [
            ("", CredentialFault::Scheme),
            ("Bearer", CredentialFault::Scheme),
            ("Bearer\tabc", CredentialFault::Scheme),
            ("Basic abc", CredentialFault::Scheme),
            (" Bearer abc", CredentialFault::Scheme),
            ("Bearer ", CredentialFault::Malformed),
            ("Bearer  abc", CredentialFault::Malformed),
            ("Bearer ===", CredentialFault::Malformed),
            ("Bearer a=b", CredentialFault::Malformed),
            ("Bearer abc ", CredentialFault::Malformed),
            ("Bearer a\u{e4}", CredentialFault::Malformed),
            ("Bearer abc, Bearer def", CredentialFault::Doubled),
            ("Bearer aaaaaaaaaaaaaaaaaaaaaaaaa", CredentialFault::TooLong),
        ] {
            assert_eq!(
                Bearer::parse(value.as_bytes(), 24).unwrap_err(),
                fault,
                "{value:?}"
            );
        }
        assert_eq!(
            Bearer::parse(b"bEARER a-._~+/b==", 24).unwrap().as_str(),
            "a-._~+/b=="
        );
    }

    #[test]
    fn the_bytes_of_a_token_are_those_of_the_standard() {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/";
        for byte in 0..=u8::MAX {
            assert_eq!(is_token_byte(byte), alphabet.contains(&byte), "{byte}");
        }
    }

    #[test]
    fn two_credentials_are_refused_and_none_is_none() {
        let doubled: [&[u8]; 2] = [b"Bearer abc", b"Bearer abc"];
        let fault = Credential::from_authorization(doubled.into_iter(), 24).unwrap_err();
        assert_eq!(fault, CredentialFault::Doubled);
        assert!(matches!(
            Credential::from_authorization(std::iter::empty(), 24),
            Ok(None)
        ));
    }

    #[test]
    fn a_bearer_prints_nothing_of_itself() {
        let bearer = Bearer::parse(b"Bearer canary", 24).unwrap();
        let (owned, credential) = (OwnedBearer::from(bearer), Credential::Bearer(bearer));
        assert_eq!(owned.borrowed().as_str(), "canary");
        assert!(!format!("{bearer:?} {credential:?} {owned:?}").contains("canary"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(value in any::<Vec<u8>>(), max in 0_usize..64) {
            if let Ok(bearer) = Bearer::parse(&value, max) {
                prop_assert!(bearer.as_str().len() <= max);
            }
        }
    }
}
