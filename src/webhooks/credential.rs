//! What proves a delivery: a value in `Authorization`, or a signature over the body. Two secrets
//! can be live at once, so that they can be rotated.

use aws_lc_rs::{digest, hmac};
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

/// Fewer characters could be guessed.
const SECRET_CHARS_MIN: usize = 22;
/// More is no header field that everybody passes on.
const SECRET_CHARS_MAX: usize = 200;

const SHA256_BYTES: usize = 32;

/// How upstream proves itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialForm {
    /// `Authorization`, the value alone or after `Bearer`.
    Authorization,
    /// `X-Signature`: HMAC-SHA256 over the body, in hexadecimal digits, perhaps after `sha256=`.
    Signature,
}

/// Why a text cannot be the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must have {SECRET_CHARS_MIN} to {SECRET_CHARS_MAX} printable ASCII characters without spaces, such as `openssl rand -hex 24` prints"
)]
pub struct SecretFault;

/// What deliveries are checked against.
#[derive(Clone)]
pub struct Credential {
    form: CredentialForm,
    secret: SecretString,
    previous: Option<SecretString>,
}

/// What a delivery presents: the values of the two header fields, as they came.
#[derive(Debug, Clone, Default)]
pub struct Presented<'a> {
    /// Of `Authorization`.
    pub authorization: Vec<&'a [u8]>,
    /// Of `X-Signature`.
    pub signature: Vec<&'a [u8]>,
}

/// Why a delivery is not believed to be upstream's. For metrics; the sender never reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unauthorized {
    /// There is no credential.
    #[error("the webhook credential is missing")]
    Missing,
    /// There are several.
    #[error("the webhook credential is there twice")]
    Doubled,
    /// It is another.
    #[error("the webhook credential is wrong")]
    Wrong,
}

impl Credential {
    /// A credential that both secrets open.
    ///
    /// # Errors
    /// [`SecretFault`] when a secret could be guessed or cannot be sent.
    pub fn new(
        form: CredentialForm,
        secret: SecretString,
        previous: Option<SecretString>,
    ) -> Result<Self, SecretFault> {
        for secret in [Some(&secret), previous.as_ref()].into_iter().flatten() {
            let text = secret.expose_secret();
            let is_sendable = text.bytes().all(|byte| byte.is_ascii_graphic());
            let length = SECRET_CHARS_MIN..=SECRET_CHARS_MAX;
            if !is_sendable || !length.contains(&text.len()) {
                return Err(SecretFault);
            }
        }
        Ok(Self {
            form,
            secret,
            previous,
        })
    }

    /// How upstream proves itself.
    pub fn form(&self) -> CredentialForm {
        self.form
    }

    /// What upstream is told to use.
    pub fn secret(&self) -> &SecretString {
        &self.secret
    }

    fn secrets(&self) -> impl Iterator<Item = &SecretString> {
        [Some(&self.secret), self.previous.as_ref()]
            .into_iter()
            .flatten()
    }

    /// Checks a delivery. The time that it takes tells nothing of the secrets.
    ///
    /// # Errors
    /// [`Unauthorized`].
    pub fn check(&self, presented: &Presented<'_>, body: &[u8]) -> Result<(), Unauthorized> {
        let values = match self.form {
            CredentialForm::Authorization => &presented.authorization,
            CredentialForm::Signature => &presented.signature,
        };
        let value = match values.as_slice() {
            [] => return Err(Unauthorized::Missing),
            [value] => value.trim_ascii(),
            [_, _, ..] => return Err(Unauthorized::Doubled),
        };
        let holds = match self.form {
            CredentialForm::Authorization => self.is_secret(without(value, b"bearer ")),
            CredentialForm::Signature => self.signs(without(value, b"sha256="), body),
        };
        if holds {
            Ok(())
        } else {
            Err(Unauthorized::Wrong)
        }
    }

    /// Compares digests, which have one length; and both, whichever fits.
    fn is_secret(&self, value: &[u8]) -> bool {
        let value = digest::digest(&digest::SHA256, value);
        let fits = self
            .secrets()
            .fold(subtle::Choice::from(0), |fits, secret| {
                let secret = digest::digest(&digest::SHA256, secret.expose_secret().as_bytes());
                fits | secret.as_ref().ct_eq(value.as_ref())
            });
        fits.into()
    }

    fn signs(&self, value: &[u8], body: &[u8]) -> bool {
        let Some(tag) = from_hex(value) else {
            return false;
        };
        let fitting = self.secrets().filter(|secret| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
            hmac::verify(&key, body, &tag).is_ok()
        });
        fitting.count() > 0
    }
}

/// Knows no secret.
impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential")
            .field("form", &self.form)
            .finish_non_exhaustive()
    }
}

/// What comes after a word, in whatever case that is written; all of it without the word.
fn without<'a>(value: &'a [u8], word: &[u8]) -> &'a [u8] {
    match value.split_at_checked(word.len()) {
        Some((start, rest)) if start.eq_ignore_ascii_case(word) => rest.trim_ascii_start(),
        Some(_) | None => value,
    }
}

fn from_hex(digits: &[u8]) -> Option<[u8; SHA256_BYTES]> {
    if digits.len() != SHA256_BYTES * 2 {
        return None;
    }
    let mut bytes = [0; SHA256_BYTES];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        for digit in pair {
            let digit = char::from(*digit).to_digit(16)?;
            *byte = (*byte << 4) | u8::try_from(digit).ok()?;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";
    const PREVIOUS: &str = "fedcba9876543210fedcba9876543210";

    fn credential(form: CredentialForm) -> Credential {
        let secret = |text: &str| SecretString::from(text.to_owned());
        Credential::new(form, secret(SECRET), Some(secret(PREVIOUS))).unwrap()
    }

    fn check(form: CredentialForm, values: &[&str], body: &[u8]) -> Result<(), Unauthorized> {
        let values: Vec<&[u8]> = values.iter().map(|value| value.as_bytes()).collect();
        let presented = match form {
            CredentialForm::Authorization => Presented {
                authorization: values,
                ..Presented::default()
            },
            CredentialForm::Signature => Presented {
                signature: values,
                ..Presented::default()
            },
        };
        credential(form).check(&presented, body)
    }

    #[test]
    fn either_secret_is_accepted_alone_or_as_a_bearer_token_and_nothing_else_is() {
        let check = |values: &[&str]| check(CredentialForm::Authorization, values, b"{}");
        let bearer = |secret: &str| format!("Bearer {secret}");
        for good in [SECRET, PREVIOUS, &bearer(SECRET), &bearer(PREVIOUS)] {
            assert_eq!(check(&[good]), Ok(()), "{good}");
        }
        assert_eq!(check(&[&bearer(SECRET).to_lowercase()]), Ok(()));
        for bad in [
            "",
            "Bearer",
            "Bearer ",
            SECRET.trim_start_matches('0'),
            &SECRET.to_uppercase(),
            &format!("{SECRET}0"),
            &format!("Basic {SECRET}"),
            &format!("Bearer Bearer {SECRET}"),
            &format!("{SECRET}, {SECRET}"),
        ] {
            assert_eq!(check(&[bad]), Err(Unauthorized::Wrong), "{bad}");
        }
        assert_eq!(check(&[]), Err(Unauthorized::Missing));
        assert_eq!(check(&[SECRET, SECRET]), Err(Unauthorized::Doubled));
    }

    #[test]
    fn a_signature_is_over_this_very_body_by_either_secret() {
        let check = |values: &[&str], body: &[u8]| check(CredentialForm::Signature, values, body);
        let sign = |secret: &str, body: &[u8]| -> String {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
            let tag = hmac::sign(&key, body);
            let digits = tag.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 15]);
            digits
                .filter_map(|digit| char::from_digit(digit.into(), 16))
                .collect()
        };
        let body = br#"{"event":"room_locked"}"#;
        for secret in [SECRET, PREVIOUS] {
            let signature = sign(secret, body);
            assert_eq!(check(&[&signature], body), Ok(()));
            assert_eq!(check(&[&signature.to_uppercase()], body), Ok(()));
            assert_eq!(check(&[&format!("sha256={signature}")], body), Ok(()));
            assert_eq!(check(&[&signature], b"{}"), Err(Unauthorized::Wrong));
            let wrong = [
                &signature.repeat(2),
                &format!("sha1={signature}"),
                &"g".repeat(64),
                "",
            ];
            for wrong in wrong {
                assert_eq!(check(&[wrong], body), Err(Unauthorized::Wrong), "{wrong}");
            }
            let twice = [signature.as_str(), signature.as_str()];
            assert_eq!(check(&twice, body), Err(Unauthorized::Doubled));
        }
        assert_eq!(check(&[], body), Err(Unauthorized::Missing));
        let empty = sign("", body);
        assert_eq!(check(&[&empty], body), Err(Unauthorized::Wrong));
    }

    #[test]
    fn a_secret_that_can_be_guessed_or_not_be_sent_is_refused() {
        for text in [
            "",
            "short",
            &"a".repeat(201),
            "spaces are in here, twenty-two",
            "\u{e4}".repeat(30).as_str(),
        ] {
            let secret = SecretString::from(text.to_owned());
            let made = Credential::new(CredentialForm::Authorization, secret, None);
            assert_eq!(made.err(), Some(SecretFault), "{text}");
        }
        assert!(!format!("{:?}", credential(CredentialForm::Signature)).contains(SECRET));
    }
}
