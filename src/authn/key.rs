//! One key of an issuer, prepared for the algorithms that the issuer is configured with and that
//! fit the key's type. Says nothing about claims.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rsa::PublicEncryptingKey;
use aws_lc_rs::signature::{
    self, EcdsaVerificationAlgorithm, ParsedPublicKey, RsaParameters, RsaPublicKeyComponents,
    VerificationAlgorithm,
};
use aws_lc_rs::{digest, hmac};

use crate::clock::Monotonic;

use super::algorithm::Algorithm;

/// The smallest RSA modulus (RFC 7518 section 3.3): a shorter one can be factored.
const RSA_BITS_MIN: usize = 2048;
/// The largest: a longer one makes each verification expensive.
const RSA_BITS_MAX: usize = 8192;
/// The shortest shared secret (RFC 7518 section 3.2): a shorter one can be guessed offline from one token.
pub(super) const SECRET_BYTES_MIN: usize = 32;

/// Why a key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// The encoding is broken, or the point is not on the curve.
    #[error("is not a well-formed key")]
    Malformed,
    /// None of the configured algorithms can be used with it.
    #[error("fits none of the configured algorithms")]
    Algorithm,
    /// RSA below 2048 or above 8192 bits, or with an exponent under which anyone could sign.
    #[error(
        "must be an RSA key of {RSA_BITS_MIN} to {RSA_BITS_MAX} bits with an odd exponent above 1"
    )]
    WeakRsa,
    /// A shared secret below 32 bytes.
    #[error("must have at least {SECRET_BYTES_MIN} bytes")]
    SecretTooShort,
    /// A public key where a secret belongs: whoever knows it could sign.
    #[error("is a public key, not a secret")]
    SecretIsPublic,
    /// `use` or `key_ops` is for something else than signatures.
    #[error("is not meant for signatures")]
    Purpose,
    /// A symmetric key in a public place.
    #[error("is symmetric, and so no secret any more")]
    Symmetric,
    /// A private key in a public place.
    #[error("carries its private half, and so is no secret any more")]
    Private,
    /// An unknown type or curve.
    #[error("is of an unsupported type")]
    Type,
    /// A `kid` that an earlier key of the set has.
    #[error("has the kid of an earlier key")]
    DuplicateKid,
    /// A `kid` that is not text of a sensible length.
    #[error("has an unusable kid")]
    Kid,
    /// One of more keys than a set may have.
    #[error("is one too many")]
    TooMany,
}

/// A key that verifies signatures by algorithms that were fixed when it was made.
pub struct VerificationKey {
    kid: Option<Box<str>>,
    material: [u8; 32],
    verifiers: Box<[(Algorithm, Verifier)]>,
    trust: Arc<Trust>,
}

enum Verifier {
    Public(ParsedPublicKey),
    Shared(Box<hmac::Key>),
}

impl VerificationKey {
    /// Reads the public keys of a PEM file (`PUBLIC KEY`, or `RSA PUBLIC KEY`).
    ///
    /// # Errors
    /// [`KeyFault`] when one of them cannot be used with any of `algorithms`.
    pub fn from_pem(text: &str, algorithms: &[Algorithm]) -> Result<Vec<Self>, KeyFault> {
        let blocks = pem::parse_many(text).map_err(|_not_pem| KeyFault::Malformed)?;
        if blocks.is_empty() {
            return Err(KeyFault::Malformed);
        }
        let mut keys = Vec::with_capacity(blocks.len());
        for block in blocks {
            match block.tag() {
                "PUBLIC KEY" | "RSA PUBLIC KEY" => {}
                "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" => {
                    return Err(KeyFault::Private);
                }
                _other_tag => return Err(KeyFault::Type),
            }
            keys.push(Self::from_der(block.contents(), algorithms)?);
        }
        Ok(keys)
    }

    fn from_der(der: &[u8], algorithms: &[Algorithm]) -> Result<Self, KeyFault> {
        // The library also takes bare keys without a structure around them; a file has one.
        const SEQUENCE: u8 = 0x30;
        const BARE_BYTES: usize = 32;
        if der.first() != Some(&SEQUENCE) || der.len() <= BARE_BYTES {
            return Err(KeyFault::Malformed);
        }
        let mut verifiers = Vec::new();
        for algorithm in algorithms.iter().copied() {
            let Some(method) = public_method(algorithm) else {
                continue;
            };
            let Ok(key) = ParsedPublicKey::new(method.as_dyn(), der) else {
                continue;
            };
            if let Method::Rsa(_) = method {
                check_rsa_strength(&key)?;
            }
            verifiers.push((algorithm, Verifier::Public(key)));
        }
        Self::new(None, der, verifiers)
    }

    /// Prepares a secret that the issuer and this broker share.
    ///
    /// # Errors
    /// [`KeyFault`] when it is too short, no secret at all, or no algorithm is symmetric.
    pub fn from_secret(secret: &[u8], algorithms: &[Algorithm]) -> Result<Self, KeyFault> {
        if secret.trim_ascii_start().starts_with(b"-----BEGIN") {
            return Err(KeyFault::SecretIsPublic);
        }
        if secret.len() < SECRET_BYTES_MIN {
            return Err(KeyFault::SecretTooShort);
        }
        let verifiers = algorithms.iter().filter_map(|algorithm| {
            let key = hmac::Key::new(shared_method(*algorithm)?, secret);
            Some((*algorithm, Verifier::Shared(Box::new(key))))
        });
        Self::new(None, secret, verifiers.collect())
    }

    /// Prepares an RSA key from its numbers.
    pub(super) fn from_rsa(
        kid: Option<&str>,
        numbers: RsaNumbers<'_>,
        algorithms: &[Algorithm],
    ) -> Result<Self, KeyFault> {
        let components = RsaPublicKeyComponents {
            n: without_leading_zeros(numbers.modulus),
            e: without_leading_zeros(numbers.exponent),
        };
        let mut verifiers = Vec::new();
        for algorithm in algorithms.iter().copied() {
            let Some(Method::Rsa(method)) = public_method(algorithm) else {
                continue;
            };
            let key = components
                .to_parsed_public_key(method)
                .map_err(|_rejected| KeyFault::Malformed)?;
            check_rsa_strength(&key)?;
            verifiers.push((algorithm, Verifier::Public(key)));
        }
        Self::new(kid, components.n, verifiers)
    }

    /// Prepares an elliptic-curve point or an Ed25519 key, for the one algorithm of its curve.
    pub(super) fn from_point(
        kid: Option<&str>,
        point: &[u8],
        algorithm: Algorithm,
    ) -> Result<Self, KeyFault> {
        let method = public_method(algorithm).ok_or(KeyFault::Type)?;
        let key = ParsedPublicKey::new(method.as_dyn(), point)
            .map_err(|_rejected| KeyFault::Malformed)?;
        Self::new(kid, point, vec![(algorithm, Verifier::Public(key))])
    }

    fn new(
        kid: Option<&str>,
        material: &[u8],
        verifiers: Vec<(Algorithm, Verifier)>,
    ) -> Result<Self, KeyFault> {
        if verifiers.is_empty() {
            return Err(KeyFault::Algorithm);
        }
        let hash = digest::digest(&digest::SHA256, material);
        Ok(Self {
            kid: kid.map(Box::from),
            material: hash.as_ref().try_into().unwrap_or_default(),
            verifiers: verifiers.into_boxed_slice(),
            trust: Arc::new(Trust::forever()),
        })
    }

    /// Its name in the issuer's key set.
    pub(super) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Whether it was prepared for the algorithm.
    pub(super) fn fits(&self, algorithm: Algorithm) -> bool {
        self.verifiers.iter().any(|(known, _)| *known == algorithm)
    }

    /// How long what it signed is believed.
    pub(super) fn trust(&self) -> &Arc<Trust> {
        &self.trust
    }

    /// Makes it share the trust of the same key in an earlier set.
    pub(super) fn share_trust(&mut self, earlier: &Self) {
        self.trust = Arc::clone(&earlier.trust);
    }

    /// Whether it is the same key, whatever its name.
    pub(super) fn is_same_key(&self, other: &Self) -> bool {
        self.material == other.material
    }

    /// Whether `signature` over `message` is this key's by `algorithm`.
    pub(super) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        self.verifiers
            .iter()
            .filter(|(known, _)| *known == algorithm)
            .any(|(_, verifier)| match verifier {
                Verifier::Public(key) => key.verify_sig(message, signature).is_ok(),
                Verifier::Shared(key) => hmac::verify(key, message, signature).is_ok(),
            })
    }
}

impl PartialEq for VerificationKey {
    fn eq(&self, other: &Self) -> bool {
        let same_algorithms = self
            .verifiers
            .iter()
            .map(|(algorithm, _)| algorithm)
            .eq(other.verifiers.iter().map(|(algorithm, _)| algorithm));
        same_algorithms && self.kid == other.kid && self.material == other.material
    }
}

impl std::fmt::Debug for VerificationKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerificationKey")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

/// An RSA public key as two big-endian numbers.
#[derive(Clone, Copy)]
pub(super) struct RsaNumbers<'a> {
    pub(super) modulus: &'a [u8],
    pub(super) exponent: &'a [u8],
}

/// Until when what a key signed is believed, shared by the key and everything that it verified:
/// one store ends them all.
#[derive(Debug)]
pub(super) struct Trust {
    until_millis: AtomicU64,
}

impl Trust {
    pub(super) const fn forever() -> Self {
        Self {
            until_millis: AtomicU64::new(u64::MAX),
        }
    }

    pub(super) fn until(end: Monotonic) -> Self {
        let trust = Self::forever();
        trust.extend_to(end);
        trust
    }

    pub(super) fn extend_to(&self, end: Monotonic) {
        self.until_millis.store(millis(end), Ordering::Release);
    }

    pub(super) fn revoke(&self) {
        self.until_millis.store(0, Ordering::Release);
    }

    pub(super) fn holds(&self, now: Monotonic) -> bool {
        millis(now) < self.until_millis.load(Ordering::Acquire)
    }
}

fn millis(time: Monotonic) -> u64 {
    u64::try_from(time.since_start().as_millis()).unwrap_or(u64::MAX)
}

#[derive(Clone, Copy)]
enum Method {
    Rsa(&'static RsaParameters),
    Ecdsa(&'static EcdsaVerificationAlgorithm),
    Ed25519,
}

impl Method {
    fn as_dyn(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Self::Rsa(method) => method,
            Self::Ecdsa(method) => method,
            Self::Ed25519 => &signature::ED25519,
        }
    }
}

fn public_method(algorithm: Algorithm) -> Option<Method> {
    Some(match algorithm {
        Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => return None,
        Algorithm::Rs256 => Method::Rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::Rs384 => Method::Rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::Rs512 => Method::Rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
        Algorithm::Ps256 => Method::Rsa(&signature::RSA_PSS_2048_8192_SHA256),
        Algorithm::Ps384 => Method::Rsa(&signature::RSA_PSS_2048_8192_SHA384),
        Algorithm::Ps512 => Method::Rsa(&signature::RSA_PSS_2048_8192_SHA512),
        Algorithm::Es256 => Method::Ecdsa(&signature::ECDSA_P256_SHA256_FIXED),
        Algorithm::Es384 => Method::Ecdsa(&signature::ECDSA_P384_SHA384_FIXED),
        Algorithm::Es512 => Method::Ecdsa(&signature::ECDSA_P521_SHA512_FIXED),
        Algorithm::EdDsa => Method::Ed25519,
    })
}

fn shared_method(algorithm: Algorithm) -> Option<hmac::Algorithm> {
    match algorithm {
        Algorithm::Hs256 => Some(hmac::HMAC_SHA256),
        Algorithm::Hs384 => Some(hmac::HMAC_SHA384),
        Algorithm::Hs512 => Some(hmac::HMAC_SHA512),
        Algorithm::Rs256
        | Algorithm::Rs384
        | Algorithm::Rs512
        | Algorithm::Ps256
        | Algorithm::Ps384
        | Algorithm::Ps512
        | Algorithm::Es256
        | Algorithm::Es384
        | Algorithm::Es512
        | Algorithm::EdDsa => None,
    }
}

/// The library checks size and exponent with each signature; here the key is refused before it is
/// listed.
fn check_rsa_strength(key: &ParsedPublicKey) -> Result<(), KeyFault> {
    let der: PublicKeyX509Der<'_> = key.as_der().map_err(|_rejected| KeyFault::Malformed)?;
    let bits = PublicEncryptingKey::from_der(der.as_ref())
        .map_err(|_rejected| KeyFault::WeakRsa)?
        .key_size_bits();
    if (RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits) {
        Ok(())
    } else {
        Err(KeyFault::WeakRsa)
    }
}

/// Some providers write the sign byte of the number, which RFC 7518 section 6.3.1.1 forbids.
fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let start = number.iter().position(|byte| *byte != 0);
    start.and_then(|at| number.get(at..)).unwrap_or_default()
}
