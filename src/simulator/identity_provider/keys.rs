//! Keys: made here, published as a set, used to sign anything.

use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair};
use aws_lc_rs::{error, hmac};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// How a token is signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names are those of RFC 7518 and RFC 8037")]
pub enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

impl Algorithm {
    /// The name in headers and keys.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }
}

/// Why something was not signed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyError {
    /// No key has this id or algorithm.
    #[error("there is no key {0}")]
    Unknown(String),
    /// The cryptography refused.
    #[error("the key could not be made or used")]
    Unusable(#[source] error::Unspecified),
}

impl From<error::Unspecified> for KeyError {
    fn from(cause: error::Unspecified) -> Self {
        Self::Unusable(cause)
    }
}

/// One key pair. Cheap to clone.
#[derive(Clone)]
pub struct SigningKey {
    kid: String,
    algorithm: Algorithm,
    pair: Arc<Pair>,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl SigningKey {
    /// Makes a key. RSA has 2048 bits.
    ///
    /// # Errors
    /// [`KeyError::Unusable`] when the cryptography refuses.
    pub fn generate(kid: &str, algorithm: Algorithm) -> Result<Self, KeyError> {
        let pair = match algorithm {
            Algorithm::Es256 => Pair::Ec(EcdsaKeyPair::generate(
                &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
            )?),
            Algorithm::Es384 => Pair::Ec(EcdsaKeyPair::generate(
                &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
            )?),
            Algorithm::EdDsa => Pair::Ed(Ed25519KeyPair::generate()?),
            Algorithm::Rs256
            | Algorithm::Rs384
            | Algorithm::Rs512
            | Algorithm::Ps256
            | Algorithm::Ps384
            | Algorithm::Ps512 => Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048)?),
        };
        Ok(Self {
            kid: kid.to_owned(),
            algorithm,
            pair: Arc::new(pair),
        })
    }

    /// The key's id.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// What it signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public half as a JWK.
    pub fn jwk(&self) -> Value {
        let mut jwk = match &*self.pair {
            Pair::Rsa(pair) => {
                let (modulus, exponent) = rsa_numbers(pair.public_key().as_ref());
                json!({ "kty": "RSA", "n": encoded(modulus), "e": encoded(exponent) })
            }
            Pair::Ec(pair) => {
                // An uncompressed point: one byte that says so, then x and y of equal length.
                let point = pair.public_key().as_ref().get(1..).unwrap_or_default();
                let (x, y) = point.split_at(point.len() / 2);
                let curve = if x.len() == 32 { "P-256" } else { "P-384" };
                json!({ "kty": "EC", "crv": curve, "x": encoded(x), "y": encoded(y) })
            }
            Pair::Ed(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": encoded(pair.public_key()) })
            }
        };
        if let Value::Object(jwk) = &mut jwk {
            jwk.insert("kid".to_owned(), json!(self.kid));
            jwk.insert("use".to_owned(), json!("sig"));
            jwk.insert("alg".to_owned(), json!(self.algorithm.name()));
        }
        jwk
    }

    /// The public half as PEM.
    ///
    /// # Errors
    /// [`KeyError::Unusable`] when the cryptography refuses.
    pub fn public_key_pem(&self) -> Result<String, KeyError> {
        let der: PublicKeyX509Der<'static> = match &*self.pair {
            Pair::Rsa(pair) => pair.public_key().as_der()?,
            Pair::Ec(pair) => pair.public_key().as_der()?,
            Pair::Ed(pair) => pair.public_key().as_der()?,
        };
        let mut pem = String::from("-----BEGIN PUBLIC KEY-----\n");
        for (at, character) in STANDARD.encode(der.as_ref()).chars().enumerate() {
            if at > 0 && at % 64 == 0 {
                pem.push('\n');
            }
            pem.push(character);
        }
        pem.push_str("\n-----END PUBLIC KEY-----\n");
        Ok(pem)
    }

    /// A token of any header and claims, whatever they say.
    ///
    /// # Errors
    /// [`KeyError::Unusable`] when the cryptography refuses.
    pub fn signed(&self, header: &str, claims: &str) -> Result<String, KeyError> {
        let input = signing_input(header, claims);
        let signature = self.signature(input.as_bytes())?;
        Ok(format!("{input}.{}", encoded(signature)))
    }

    fn signature(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let random = SystemRandom::new();
        match &*self.pair {
            Pair::Rsa(pair) => {
                let padding: &dyn signature::RsaEncoding = match self.algorithm {
                    Algorithm::Rs384 => &signature::RSA_PKCS1_SHA384,
                    Algorithm::Rs512 => &signature::RSA_PKCS1_SHA512,
                    Algorithm::Ps256 => &signature::RSA_PSS_SHA256,
                    Algorithm::Ps384 => &signature::RSA_PSS_SHA384,
                    Algorithm::Ps512 => &signature::RSA_PSS_SHA512,
                    Algorithm::Rs256 | Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => {
                        &signature::RSA_PKCS1_SHA256
                    }
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, message, &mut signature)?;
                Ok(signature)
            }
            Pair::Ec(pair) => Ok(pair.sign(&random, message)?.as_ref().to_vec()),
            Pair::Ed(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}

/// A provider's keys. A withdrawn key is not published any more, but whoever has it can sign.
#[derive(Clone, Default)]
pub struct SigningKeys {
    published: Vec<SigningKey>,
    withdrawn: Vec<SigningKey>,
    made: u64,
}

impl SigningKeys {
    /// One key each for RS256, ES256 and `EdDSA`.
    ///
    /// # Errors
    /// [`KeyError::Unusable`] when the cryptography refuses.
    pub fn generate() -> Result<Self, KeyError> {
        let mut keys = Self::default();
        for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
            keys.add(algorithm)?;
        }
        Ok(keys)
    }

    /// Makes and publishes a key; answers its id.
    ///
    /// # Errors
    /// [`KeyError::Unusable`] when the cryptography refuses.
    pub fn add(&mut self, algorithm: Algorithm) -> Result<String, KeyError> {
        self.made += 1;
        let kid = format!("{}-{}", algorithm.name().to_lowercase(), self.made);
        self.published.push(SigningKey::generate(&kid, algorithm)?);
        Ok(kid)
    }

    /// Publishes a key that was made elsewhere.
    pub fn publish(&mut self, key: SigningKey) {
        self.published.push(key);
    }

    /// Takes a key out of the published set.
    pub fn withdraw(&mut self, kid: &str) {
        let (gone, kept) = self.published.drain(..).partition(|key| key.kid == kid);
        self.withdrawn.extend::<Vec<_>>(gone);
        self.published = kept;
    }

    /// A new key in the place of each published one.
    ///
    /// # Errors
    /// [`KeyError::Unusable`] when the cryptography refuses.
    pub fn rotate(&mut self) -> Result<(), KeyError> {
        let old = std::mem::take(&mut self.published);
        for key in &old {
            self.add(key.algorithm)?;
        }
        self.withdrawn.extend(old);
        Ok(())
    }

    /// A key by its id, published or not.
    ///
    /// # Errors
    /// [`KeyError::Unknown`] when there is none.
    pub fn get(&self, kid: &str) -> Result<SigningKey, KeyError> {
        let mut keys = self.published.iter().chain(&self.withdrawn);
        let key = keys.find(|key| key.kid == kid);
        key.cloned()
            .ok_or_else(|| KeyError::Unknown(kid.to_owned()))
    }

    /// The first published key of an algorithm.
    ///
    /// # Errors
    /// [`KeyError::Unknown`] when there is none.
    pub fn kid_for(&self, algorithm: Algorithm) -> Result<String, KeyError> {
        let key = self.published.iter().find(|key| key.algorithm == algorithm);
        key.map(|key| key.kid.clone())
            .ok_or_else(|| KeyError::Unknown(algorithm.name().to_owned()))
    }

    /// The published set.
    pub fn jwks(&self) -> Value {
        json!({ "keys": self.published.iter().map(SigningKey::jwk).collect::<Vec<_>>() })
    }

    /// The algorithms of the published keys, by name.
    pub fn algorithms(&self) -> Vec<&'static str> {
        let published = self.published.iter();
        published.map(|key| key.algorithm.name()).collect()
    }
}

/// A token signed with HMAC-SHA256 under any bytes, whatever its header says.
pub fn hmac_signed(secret: &[u8], header: &str, claims: &str) -> String {
    let input = signing_input(header, claims);
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    format!("{input}.{}", encoded(hmac::sign(&key, input.as_bytes())))
}

/// A token with an empty signature.
pub fn unsigned(header: &str, claims: &str) -> String {
    format!("{}.", signing_input(header, claims))
}

fn signing_input(header: &str, claims: &str) -> String {
    format!("{}.{}", encoded(header), encoded(claims))
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Modulus and exponent of an `RSAPublicKey` of RFC 8017: a sequence of two integers, here
/// always of 2048 bits and the usual three bytes of exponent 65537.
fn rsa_numbers(der: &[u8]) -> (&[u8], &[u8]) {
    const EXPONENT_BYTES: usize = 3;
    const EXPONENT_HEAD_BYTES: usize = 2;
    const MODULUS_BYTES: usize = 256;
    let (front, exponent) = der.split_at(der.len().saturating_sub(EXPONENT_BYTES));
    let end = front.len().saturating_sub(EXPONENT_HEAD_BYTES);
    let start = end.saturating_sub(MODULUS_BYTES);
    (front.get(start..end).unwrap_or_default(), exponent)
}
