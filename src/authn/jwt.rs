//! A JWS in compact form (RFC 7515), taken apart without being believed, then verified under a key
//! that is not its own choice. The library that checks signatures looks at nothing else: every
//! rule about header and encoding is here.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;

use super::algorithm::Algorithm;
use super::errors::InvalidReason;
use super::json::{self, Json, Members};
use super::jwks::KID_BYTES_MAX;
use super::key::VerificationKey;
use super::raw_claims::Claims;

/// Which form a bearer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenForm {
    /// Three parts: a JWS.
    Jws,
    /// Five parts: a JWE, which nobody here can read.
    Encrypted,
    /// Anything else means something to its issuer alone.
    Opaque,
}

impl TokenForm {
    pub(super) fn of(token: &str) -> Self {
        match token.splitn(6, '.').count() {
            3 => Self::Jws,
            5 => Self::Encrypted,
            _other_count => Self::Opaque,
        }
    }
}

/// A token's parts, decoded from it one after the other.
pub(super) struct DecodedToken<'a> {
    signed: &'a str,
    bytes: Vec<u8>,
    header_end: usize,
    claims_end: usize,
}

impl<'a> DecodedToken<'a> {
    /// Takes a token apart; refuses every encoding that a verifier could misread.
    pub(super) fn decode(token: &'a str) -> Result<Self, InvalidReason> {
        let (signed, signature) = token.rsplit_once('.').ok_or(InvalidReason::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(InvalidReason::Malformed)?;
        let mut bytes = Vec::with_capacity(base64::decoded_len_estimate(token.len()));
        decode(header, &mut bytes)?;
        let header_end = bytes.len();
        decode(claims, &mut bytes)?;
        let claims_end = bytes.len();
        decode(signature, &mut bytes)?;
        Ok(Self {
            signed,
            bytes,
            header_end,
            claims_end,
        })
    }

    fn parts(&self) -> (&[u8], &[u8], &[u8]) {
        let (before, signature) = self.bytes.split_at(self.claims_end);
        let (header, claims) = before.split_at(self.header_end);
        (header, claims, signature)
    }
}

/// A token of which nothing is believed.
pub(super) struct UnverifiedToken<'a> {
    header: UnverifiedHeader<'a>,
    claims: UnverifiedClaims<'a>,
    signed: &'a [u8],
    signature: &'a [u8],
}

impl<'a> UnverifiedToken<'a> {
    /// Reads a token; refuses every header that a verifier could misread.
    pub(super) fn parse(token: &'a DecodedToken<'_>) -> Result<Self, InvalidReason> {
        let (header, claims, signature) = token.parts();
        let header = json::parse_object(header).ok_or(InvalidReason::Malformed)?;
        let header = UnverifiedHeader::parse(header)?;
        let claims = Claims::parse(claims).ok_or(InvalidReason::Malformed)?;
        if signature.is_empty() {
            return Err(InvalidReason::Unsigned);
        }
        Ok(Self {
            header,
            claims: UnverifiedClaims(claims),
            signed: token.signed.as_bytes(),
            signature,
        })
    }

    pub(super) fn header(&self) -> &UnverifiedHeader<'a> {
        &self.header
    }

    pub(super) fn claims(&self) -> &UnverifiedClaims<'a> {
        &self.claims
    }

    /// Hands out the claims if the signature is the key's, made by the header's algorithm, which
    /// the key was prepared for by the configuration.
    pub(super) fn verify(&mut self, key: &VerificationKey) -> Option<VerifiedClaims<'a>> {
        let holds = key.verifies(self.header.algorithm, self.signed, self.signature);
        holds.then(|| VerifiedClaims(std::mem::take(&mut self.claims.0)))
    }
}

/// What a header says: enough to choose a key and no more. `jwk`, `jku`, `x5u` and `x5c` are not
/// even read.
#[derive(Debug)]
pub(super) struct UnverifiedHeader<'a> {
    algorithm: Algorithm,
    kid: Option<Cow<'a, str>>,
    token_type: Option<Cow<'a, str>>,
}

impl<'a> UnverifiedHeader<'a> {
    fn parse(mut members: Members<'a>) -> Result<Self, InvalidReason> {
        // Extensions that change what is signed or must be understood (RFC 7515 section 4.1.11,
        // RFC 7797), compression (RFC 8725 section 3.6), and tokens within tokens.
        if ["crit", "b64", "zip"]
            .iter()
            .any(|name| members.contains(name))
        {
            return Err(InvalidReason::HeaderMember);
        }
        if let Some(content_type) = optional_text(&mut members, "cty")?
            && is_media_type(&content_type, "JWT")
        {
            return Err(InvalidReason::HeaderMember);
        }
        let name = optional_text(&mut members, "alg")?.ok_or(InvalidReason::Malformed)?;
        if name.eq_ignore_ascii_case("none") {
            return Err(InvalidReason::Unsigned);
        }
        let algorithm = Algorithm::from_name(&name).ok_or(InvalidReason::Algorithm)?;
        let kid = optional_text(&mut members, "kid")?;
        if kid.as_ref().is_some_and(|kid| kid.len() > KID_BYTES_MAX) {
            return Err(InvalidReason::Malformed);
        }
        Ok(Self {
            algorithm,
            kid,
            token_type: optional_text(&mut members, "typ")?,
        })
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    pub(super) fn token_type(&self) -> Option<&str> {
        self.token_type.as_deref()
    }
}

/// Claims before verification: enough to choose the issuer and no more.
pub(super) struct UnverifiedClaims<'a>(Claims<'a>);

impl UnverifiedClaims<'_> {
    pub(super) fn issuer(&self) -> Option<&str> {
        self.0.members().get("iss").and_then(Json::as_str)
    }
}

/// Claims by the issuer's word: under its signature, or as its introspection answered. What they
/// say is still to be checked.
pub(super) struct VerifiedClaims<'a>(Claims<'a>);

impl<'a> VerifiedClaims<'a> {
    /// The claims of an answer that came from the issuer itself.
    pub(super) fn from_introspection(answer: Claims<'a>) -> Self {
        Self(answer)
    }

    pub(super) fn claims(&self) -> &Claims<'a> {
        &self.0
    }
}

impl fmt::Debug for VerifiedClaims<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifiedClaims([redacted])")
    }
}

/// Whether a `typ` or `cty` names the type, with or without `application/` (RFC 7515 section 4.1.9).
pub(super) fn is_media_type(text: &str, name: &str) -> bool {
    const PREFIX: &str = "application/";
    let short = text
        .split_at_checked(PREFIX.len())
        .filter(|(prefix, _)| prefix.eq_ignore_ascii_case(PREFIX))
        .map_or(text, |(_, rest)| rest);
    short.eq_ignore_ascii_case(name)
}

/// Strict base64url: no padding, no foreign bytes, no bits left over, so that a token has exactly
/// one spelling.
fn decode(part: &str, into: &mut Vec<u8>) -> Result<(), InvalidReason> {
    let decoded = BASE64URL.decode_vec(part, into);
    decoded.map_err(|_not_canonical| InvalidReason::Malformed)
}

fn optional_text<'a>(
    members: &mut Members<'a>,
    name: &str,
) -> Result<Option<Cow<'a, str>>, InvalidReason> {
    match members.take(name) {
        None => Ok(None),
        Some(Json::Text(text)) => Ok(Some(text)),
        Some(_) => Err(InvalidReason::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::authn::testing::{TestKey, claims};

    fn fault(token: &str) -> Option<InvalidReason> {
        let decoded = match DecodedToken::decode(token) {
            Ok(decoded) => decoded,
            Err(fault) => return Some(fault),
        };
        UnverifiedToken::parse(&decoded).err()
    }

    #[test]
    fn a_header_that_could_be_misread_is_refused() {
        let key = TestKey::secret(&[7; 32]);
        for (name, value, reason) in [
            ("alg", json!(null), InvalidReason::Malformed),
            ("alg", json!(["HS256"]), InvalidReason::Malformed),
            ("alg", json!("none"), InvalidReason::Unsigned),
            ("alg", json!("nOnE"), InvalidReason::Unsigned),
            ("alg", json!("hs256"), InvalidReason::Algorithm),
            ("alg", json!("A128KW"), InvalidReason::Algorithm),
            ("crit", json!(["exp"]), InvalidReason::HeaderMember),
            ("crit", json!([]), InvalidReason::HeaderMember),
            ("b64", json!(false), InvalidReason::HeaderMember),
            ("b64", json!(true), InvalidReason::HeaderMember),
            ("zip", json!("DEF"), InvalidReason::HeaderMember),
            ("cty", json!("jwt"), InvalidReason::HeaderMember),
            ("cty", json!("application/JWT"), InvalidReason::HeaderMember),
            ("kid", json!(1), InvalidReason::Malformed),
            ("kid", json!("k".repeat(257)), InvalidReason::Malformed),
            ("typ", json!({}), InvalidReason::Malformed),
        ] {
            let mut header = key.header();
            header[name] = value;
            let token = key.token_with(&header, &claims());
            assert_eq!(fault(&token), Some(reason), "{header}");
        }
        let doubled = key.sign(br#"{"alg":"HS256","alg":"none"}"#, b"{}");
        assert_eq!(fault(&doubled), Some(InvalidReason::Malformed));
        let doubled = key.sign(br#"{"alg":"HS256"}"#, br#"{"sub":"a","sub":"b"}"#);
        assert_eq!(fault(&doubled), Some(InvalidReason::Malformed));
    }

    #[test]
    fn a_token_has_exactly_one_spelling() {
        let key = TestKey::secret(&[7; 32]);
        let token = key.token(&claims());
        assert_eq!(fault(&token), None);
        let [header, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else {
            panic!("three parts")
        };
        // 32 bytes leave two bits of the last character unused.
        let mut trailing_bits = signature.to_owned();
        let last = trailing_bits.pop().unwrap();
        trailing_bits.push(char::from(u8::try_from(last).unwrap() + 1));
        for (token, reason) in [
            (
                format!("{header}.{claims}.{signature}="),
                InvalidReason::Malformed,
            ),
            (
                format!("{header}=.{claims}.{signature}"),
                InvalidReason::Malformed,
            ),
            (
                format!("{header}.{claims}.{signature}\n"),
                InvalidReason::Malformed,
            ),
            (
                format!("{header}.{claims}+.{signature}"),
                InvalidReason::Malformed,
            ),
            (
                format!("{header}.{claims}.{trailing_bits}"),
                InvalidReason::Malformed,
            ),
            (format!("{header}.{claims}."), InvalidReason::Unsigned),
            (format!(".{claims}.{signature}"), InvalidReason::Malformed),
            (format!("{header}..{signature}"), InvalidReason::Malformed),
            (format!("{header}.{claims}"), InvalidReason::Malformed),
            (
                format!("{header}.{claims}.{signature}.{signature}"),
                InvalidReason::Malformed,
            ),
        ] {
            assert_eq!(fault(&token), Some(reason), "{token}");
        }
    }

    #[test]
    fn claims_come_out_only_under_a_signature() {
        let key = TestKey::secret(&[7; 32]);
        let ours = VerificationKey::from_secret(&[7; 32], &[Algorithm::Hs256]).unwrap();
        let other = VerificationKey::from_secret(&[8; 32], &[Algorithm::Hs256]).unwrap();
        let text = key.token(&claims());
        let decoded = DecodedToken::decode(&text).unwrap();
        let mut token = UnverifiedToken::parse(&decoded).unwrap();
        assert!(token.verify(&other).is_none());
        let verified = token.verify(&ours).unwrap();
        let members = verified.claims().members();
        assert_eq!(members.get("sub").and_then(Json::as_str), Some("u1"));
        assert_eq!(members.len(), claims().as_object().unwrap().len());
        assert!(fault(&text.replacen('.', ".e", 1)).is_some());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,200}", header in any::<Vec<u8>>(), claims in any::<Vec<u8>>()) {
            let _ = fault(&text);
            let _ = fault(&TestKey::secret(&[7; 32]).sign(&header, &claims));
        }
    }
}
