//! Why a credential is not accepted: for logs and metrics. A client is told none of it.

use std::sync::Arc;
use std::time::Duration;

/// Why a credential was not turned into a principal.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AuthnError {
    /// The credential does not hold; nothing but a new one helps.
    #[error("the credential is not valid: {0}")]
    Invalid(InvalidReason),
    /// Whether it holds cannot be told now: the issuer's keys or its introspection are out of reach.
    #[error("the identity provider {issuer_name} is out of reach")]
    ProviderUnavailable {
        /// The configured short name of the issuer.
        issuer_name: Arc<str>,
        /// When asking again is of use.
        retry_after: Duration,
    },
}

impl AuthnError {
    /// A short word for logs and metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(reason) => reason.as_str(),
            Self::ProviderUnavailable { .. } => "provider-unavailable",
        }
    }
}

impl From<InvalidReason> for AuthnError {
    fn from(reason: InvalidReason) -> Self {
        Self::Invalid(reason)
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// What is wrong with a credential.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum InvalidReason {
            $($(#[$doc])* $name,)+
        }

        impl InvalidReason {
            /// A short word for logs and metrics.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

reasons! {
    /// Not three parts of canonical base64url, or not JSON objects without duplicate members, or beyond the bounds.
    Malformed = "malformed",
    /// Five parts: an encrypted token.
    Encrypted = "encrypted",
    /// The header says `none`, or the signature is empty.
    Unsigned = "unsigned",
    /// The header carries `crit`, `b64`, `zip`, or announces a nested token.
    HeaderMember = "header-member",
    /// The issuer is not configured for this algorithm.
    Algorithm = "algorithm",
    /// The header's `typ` is not one that the issuer's tokens carry.
    TokenType = "token-type",
    /// No configured issuer has this `iss`, or none may be asked about an opaque token.
    Issuer = "issuer",
    /// The issuer has no usable key for it.
    UnknownKey = "unknown-key",
    /// It names no key, and several would fit.
    AmbiguousKey = "ambiguous-key",
    /// The signature does not verify.
    Signature = "signature",
    /// It is meant for somebody else.
    Audience = "audience",
    /// `exp` is missing or not a whole number of seconds.
    ExpiryMissing = "expiry-missing",
    /// It has expired.
    Expired = "expired",
    /// It lives longer than the configured maximum.
    LifetimeTooLong = "lifetime-too-long",
    /// `nbf` is ahead or not a whole number.
    NotYetValid = "not-yet-valid",
    /// `iat` is ahead or not a whole number.
    IssuedInFuture = "issued-in-future",
    /// A token for another purpose: a room token, a logout token or another event.
    OtherPurpose = "other-purpose",
    /// The subject is missing or cannot be one.
    Subject = "subject",
    /// The provider says that it is not active.
    Inactive = "inactive",
    /// No API key has this id and secret.
    ApiKey = "api-key",
    /// The API key's time is over.
    ApiKeyExpired = "api-key-expired",
    /// Another team's id stands beside the API key.
    Team = "team",
}

impl std::fmt::Display for InvalidReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
