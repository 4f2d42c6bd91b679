//! A key set as an issuer publishes it (RFC 7517). One key that cannot be used never takes the
//! others with it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::key::{KeyFault, RsaNumbers, VerificationKey};

/// The most keys of one set: bounds what looking for a key costs.
const KEYS_MAX: usize = 64;
/// The longest `kid`, of keys and of tokens.
pub(super) const KID_BYTES_MAX: usize = 256;

/// The keys of one issuer that can be used.
#[derive(Debug)]
pub(super) struct KeySet {
    keys: Vec<VerificationKey>,
    skipped: Vec<Skipped>,
}

/// A key of the set that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Its name, if it has one.
    pub kid: Option<String>,
    /// Why it is not used.
    pub fault: KeyFault,
}

/// Why a document is not a key set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeySetFault {
    /// Not JSON, or without a list `keys`.
    #[error("the answer is not a JSON object with a list of keys")]
    NotAKeySet,
    /// Every key was skipped, or there is none.
    #[error("no key of the set can be used with the configured algorithms")]
    NoUsableKey,
}

impl KeySet {
    /// Reads a key set for the given algorithms.
    pub(super) fn parse(document: &[u8], algorithms: &[Algorithm]) -> Result<Self, KeySetFault> {
        let document: Value =
            serde_json::from_slice(document).map_err(|_not_json| KeySetFault::NotAKeySet)?;
        let Some(Value::Array(entries)) = document.get("keys") else {
            return Err(KeySetFault::NotAKeySet);
        };
        let mut set = Self {
            keys: Vec::new(),
            skipped: Vec::new(),
        };
        for (index, entry) in entries.iter().enumerate() {
            match set.key(index, entry, algorithms) {
                Ok(key) => set.keys.push(key),
                Err(fault) => {
                    let kid = entry.get("kid").and_then(Value::as_str);
                    let kid = kid.map(|kid| kid.chars().take(KID_BYTES_MAX).collect());
                    set.skipped.push(Skipped { kid, fault });
                    if fault == KeyFault::TooMany {
                        break;
                    }
                }
            }
        }
        if set.keys.is_empty() {
            return Err(KeySetFault::NoUsableKey);
        }
        Ok(set)
    }

    fn key(
        &self,
        index: usize,
        entry: &Value,
        algorithms: &[Algorithm],
    ) -> Result<VerificationKey, KeyFault> {
        if index >= KEYS_MAX {
            return Err(KeyFault::TooMany);
        }
        let key = read_key(entry.as_object().ok_or(KeyFault::Malformed)?, algorithms)?;
        if key.kid().is_some() && self.keys.iter().any(|known| known.kid() == key.kid()) {
            return Err(KeyFault::DuplicateKid);
        }
        Ok(key)
    }

    pub(super) fn keys(&self) -> &[VerificationKey] {
        &self.keys
    }

    pub(super) fn keys_mut(&mut self) -> &mut [VerificationKey] {
        &mut self.keys
    }

    pub(super) fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }
}

fn read_key(
    members: &Map<String, Value>,
    algorithms: &[Algorithm],
) -> Result<VerificationKey, KeyFault> {
    check_purpose(members)?;
    let kid = read_kid(members)?;
    let pinned = pinned_algorithms(members, algorithms)?;
    if members.contains_key("d") {
        return Err(KeyFault::Private);
    }
    match text(members, "kty")? {
        "RSA" => {
            let numbers = RsaNumbers {
                modulus: &bytes(members, "n")?,
                exponent: &bytes(members, "e")?,
            };
            VerificationKey::from_rsa(kid, numbers, &pinned)
        }
        "EC" => {
            let (algorithm, coordinate_bytes) = match text(members, "crv")? {
                "P-256" => (Algorithm::Es256, 32),
                "P-384" => (Algorithm::Es384, 48),
                "P-521" => (Algorithm::Es512, 66),
                _other_curve => return Err(KeyFault::Type),
            };
            let (x, y) = (bytes(members, "x")?, bytes(members, "y")?);
            if x.len() != coordinate_bytes || y.len() != coordinate_bytes {
                return Err(KeyFault::Malformed);
            }
            let point = [&[0x04], x.as_slice(), y.as_slice()].concat();
            from_point(kid, &point, algorithm, &pinned)
        }
        "OKP" if text(members, "crv")? == "Ed25519" => {
            from_point(kid, &bytes(members, "x")?, Algorithm::EdDsa, &pinned)
        }
        "oct" => Err(KeyFault::Symmetric),
        _other_type => Err(KeyFault::Type),
    }
}

fn from_point(
    kid: Option<&str>,
    point: &[u8],
    algorithm: Algorithm,
    pinned: &[Algorithm],
) -> Result<VerificationKey, KeyFault> {
    if !pinned.contains(&algorithm) {
        return Err(KeyFault::Algorithm);
    }
    VerificationKey::from_point(kid, point, algorithm)
}

/// `use` and `key_ops`, where given, must allow verifying (RFC 7517 sections 4.2 and 4.3).
fn check_purpose(members: &Map<String, Value>) -> Result<(), KeyFault> {
    if members.get("use").is_some_and(|purpose| purpose != "sig") {
        return Err(KeyFault::Purpose);
    }
    match members.get("key_ops") {
        None => Ok(()),
        Some(Value::Array(operations)) if operations.iter().any(|op| op == "verify") => Ok(()),
        Some(_) => Err(KeyFault::Purpose),
    }
}

fn read_kid(members: &Map<String, Value>) -> Result<Option<&str>, KeyFault> {
    match members.get("kid") {
        None => Ok(None),
        Some(Value::String(kid)) if kid.len() <= KID_BYTES_MAX => Ok(Some(kid)),
        Some(_) => Err(KeyFault::Kid),
    }
}

/// The configured algorithms, narrowed to the key's own `alg` where it has one.
fn pinned_algorithms(
    members: &Map<String, Value>,
    algorithms: &[Algorithm],
) -> Result<Vec<Algorithm>, KeyFault> {
    let Some(own) = members.get("alg") else {
        return Ok(algorithms.to_vec());
    };
    // RFC 9864 names the only EdDSA curve that is supported here by itself.
    let own = match own.as_str() {
        Some("Ed25519") => Some(Algorithm::EdDsa),
        name => name.and_then(Algorithm::from_name),
    };
    match own {
        Some(own) if algorithms.contains(&own) => Ok(vec![own]),
        _unsupported => Err(KeyFault::Algorithm),
    }
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Result<&'a str, KeyFault> {
    let value = members.get(name).and_then(Value::as_str);
    value.ok_or(KeyFault::Malformed)
}

fn bytes(members: &Map<String, Value>, name: &str) -> Result<Vec<u8>, KeyFault> {
    let decoded = BASE64URL.decode(text(members, name)?);
    decoded.map_err(|_not_base64url| KeyFault::Malformed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::authn::testing::TestKey;

    const ALL: [Algorithm; 3] = [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa];

    fn parse(keys: &[Value]) -> Result<KeySet, KeySetFault> {
        KeySet::parse(json!({ "keys": keys }).to_string().as_bytes(), &ALL)
    }

    fn but(key: &Value, name: &str, value: Value) -> Value {
        let mut key = key.clone();
        key[name] = value;
        key
    }

    #[test]
    fn a_key_that_cannot_be_used_leaves_the_others_alone() {
        let good = TestKey::es256("good").jwk;
        let ec = TestKey::es256("bad").jwk;
        let rsa = TestKey::new("bad", jsonwebtoken::Algorithm::RS256).jwk;
        let small = short_rsa_jwk();
        let flipped = ec["x"].as_str().unwrap().chars().rev().collect::<String>();
        for (key, fault) in [
            (but(&ec, "use", json!("enc")), KeyFault::Purpose),
            (but(&ec, "use", json!(["sig"])), KeyFault::Purpose),
            (but(&ec, "key_ops", json!(["sign"])), KeyFault::Purpose),
            (but(&ec, "key_ops", json!("verify")), KeyFault::Purpose),
            (but(&ec, "alg", json!("ES384")), KeyFault::Algorithm),
            (but(&ec, "alg", json!("RS256")), KeyFault::Algorithm),
            (but(&ec, "alg", json!("none")), KeyFault::Algorithm),
            (but(&ec, "kid", json!("good")), KeyFault::DuplicateKid),
            (but(&ec, "kid", json!(7)), KeyFault::Kid),
            (but(&ec, "x", json!(flipped)), KeyFault::Malformed),
            (but(&ec, "x", json!("AAAA")), KeyFault::Malformed),
            (but(&ec, "x", json!(null)), KeyFault::Malformed),
            (but(&ec, "crv", json!("secp256k1")), KeyFault::Type),
            (but(&ec, "kty", json!("XYZ")), KeyFault::Type),
            (but(&ec, "d", json!("AAAA")), KeyFault::Private),
            (
                json!({ "kty": "oct", "k": "c2VjcmV0", "kid": "bad" }),
                KeyFault::Symmetric,
            ),
            (
                json!({ "kty": "OKP", "crv": "Ed25519", "x": "AAAA" }),
                KeyFault::Malformed,
            ),
            (json!("text"), KeyFault::Malformed),
            (but(&rsa, "n", json!("AQAB")), KeyFault::WeakRsa),
            (but(&rsa, "n", json!("*")), KeyFault::Malformed),
            (but(&rsa, "e", json!("AQ")), KeyFault::WeakRsa),
            (but(&rsa, "e", json!("AAAC")), KeyFault::WeakRsa),
            (but(&rsa, "e", json!("")), KeyFault::Malformed),
            (small, KeyFault::WeakRsa),
        ] {
            let set = parse(&[good.clone(), key.clone()]).unwrap();
            assert_eq!(set.keys().len(), 1, "{key}");
            assert_eq!(set.skipped()[0].fault, fault, "{key}");
            assert_eq!(
                parse(&[key]).err(),
                (fault != KeyFault::DuplicateKid).then_some(KeySetFault::NoUsableKey)
            );
        }
    }

    /// 1024 bits.
    fn short_rsa_jwk() -> Value {
        let modulus = BASE64URL.encode([0xC1; 128]);
        json!({ "kty": "RSA", "n": modulus, "e": "AQAB", "kid": "bad" })
    }

    #[test]
    fn more_keys_than_a_set_may_have_are_not_looked_at() {
        let key = TestKey::es256("k").jwk;
        let keys: Vec<Value> = (0..100)
            .map(|n| but(&key, "kid", json!(format!("k{n}"))))
            .collect();
        let set = parse(&keys).unwrap();
        assert_eq!((set.keys().len(), set.skipped().len()), (KEYS_MAX, 1));
    }

    #[test]
    fn what_is_no_key_set_is_no_empty_one_either() {
        for document in ["", "[]", "{}", r#"{"keys":{}}"#, "<html>"] {
            let fault = KeySet::parse(document.as_bytes(), &ALL).unwrap_err();
            assert_eq!(fault, KeySetFault::NotAKeySet, "{document}");
        }
        assert_eq!(parse(&[]).unwrap_err(), KeySetFault::NoUsableKey);
    }

    #[test]
    fn pem_files_hold_public_keys_alone() {
        let pem = |tag: &str, der: &[u8]| pem::encode(&pem::Pem::new(tag, der));
        let point = BASE64URL
            .decode(TestKey::es256("k").jwk["x"].as_str().unwrap())
            .unwrap();
        let fault = |text: &str| VerificationKey::from_pem(text, &ALL).unwrap_err();
        assert_eq!(fault(""), KeyFault::Malformed);
        assert_eq!(fault("-----BEGIN PUBLIC KEY-----"), KeyFault::Malformed);
        assert_eq!(fault(&pem("PRIVATE KEY", &point)), KeyFault::Private);
        assert_eq!(fault(&pem("CERTIFICATE", &point)), KeyFault::Type);
        assert_eq!(fault(&pem("PUBLIC KEY", &point)), KeyFault::Malformed);
        assert_eq!(fault(&pem("PUBLIC KEY", &[0x30; 64])), KeyFault::Algorithm);
    }
}
