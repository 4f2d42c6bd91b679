//! What `authn` must be told. Knows no files: `settings` fills it in.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderValue;
use serde_json::Value;

use crate::clock::UnixTime;

use super::algorithm::Algorithm;
use super::claims::{self, ClaimMapping, ClaimPointer, ClaimsFault};
use super::json::Members;
use super::key::VerificationKey;
use super::principal::Principal;
use super::provider::{LoopbackHttp, ProviderUrl};
use super::raw_claims::Claims;

/// Who may say who calls, and under which bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// Clock difference tolerated for `exp`, `nbf` and `iat`; at most [`super::LEEWAY_MAX`].
    pub leeway: Duration,
    /// The farthest that `exp` may be.
    pub token_lifetime_max: Duration,
    /// A longer token is refused before any cryptography.
    pub token_bytes_max: usize,
    /// Verified tokens remembered; a token counts once for each KiB of its length. 0: none.
    pub verified_tokens_max: u64,
    /// For each exchange with a provider.
    pub http_timeout: Duration,
    /// Whether key sets may come from `http` on loopback.
    pub loopback_http: LoopbackHttp,
    /// The issuers, by distinct names and distinct identifiers.
    pub issuers: Vec<IssuerParameters>,
}

/// One identity provider, and what its tokens look like.
#[derive(Debug, Clone, PartialEq)]
pub struct IssuerParameters {
    /// Short name in logs, metrics and policy.
    pub name: Arc<str>,
    /// Equals the claim `iss`.
    pub issuer: Arc<str>,
    /// `aud` must contain one of these.
    pub audiences: Vec<String>,
    /// Stands in where a token has no `aud`.
    pub audience_claim: Option<ClaimPointer>,
    /// What tokens may be signed with: all symmetric, or none.
    pub algorithms: Vec<Algorithm>,
    /// Accepted header `typ`; the empty text accepts a header without one.
    pub token_types: Vec<String>,
    /// Of the id told to Digital Samba; no issuer's begins with another's.
    pub user_id_prefix: String,
    /// Where its keys are.
    pub keys: KeySource,
    /// How to ask it about a token.
    pub introspection: Option<IntrospectionParameters>,
    /// Where its claims are.
    pub claims: ClaimMapping,
}

/// Where an issuer's keys are.
#[derive(Debug, Clone, PartialEq)]
pub enum KeySource {
    /// Published by the issuer.
    Remote(RemoteKeyParameters),
    /// Configured: public keys, or one shared secret.
    Fixed(Arc<[VerificationKey]>),
    /// Nowhere: every token of this issuer is introspected.
    None,
}

/// How to fetch a key set, and how long to believe it.
#[derive(Debug, Clone, PartialEq)]
pub struct RemoteKeyParameters {
    /// Where it is.
    pub location: KeyLocation,
    /// A set older than this is fetched again in the background.
    pub refresh: Duration,
    /// A set older than this is not believed any more.
    pub age_max: Duration,
    /// Between two fetches that tokens cause.
    pub cooldown: Duration,
}

/// Where a published key set is.
#[derive(Debug, Clone, PartialEq)]
pub enum KeyLocation {
    /// Named by the discovery document at this URL (OpenID Connect Discovery section 4).
    Discovery(ProviderUrl),
    /// At this URL.
    KeySet(ProviderUrl),
}

/// How to ask an issuer about a token (RFC 7662).
#[derive(Debug, Clone, PartialEq)]
pub struct IntrospectionParameters {
    /// The endpoint.
    pub url: ProviderUrl,
    /// `Authorization: Basic …` of this broker as a client, marked sensitive.
    pub authorization: HeaderValue,
    /// How long "active" is believed, at most.
    pub positive_ttl: Duration,
    /// How long "not active" is believed.
    pub negative_ttl: Duration,
    /// Which tokens are asked about.
    pub matches: Matches,
}

/// Which tokens are introspected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matches {
    /// Those that are no JWS; the issuer's JWS are verified with its keys.
    Opaque,
    /// Those that are no JWS, and the issuer's JWS too.
    All,
}

impl Parameters {
    /// Whether what is not about one issuer is the same.
    pub(super) fn has_same_bounds(&self, other: &Self) -> bool {
        self.leeway == other.leeway
            && self.token_lifetime_max == other.token_lifetime_max
            && self.http_timeout == other.http_timeout
            && self.loopback_http == other.loopback_http
    }

    /// Maps claims as if the issuer had vouched for them: for `policy explain`, the policy's own
    /// tests and `mint` on the command line, where the operator states the claims. Nothing is
    /// verified, so no path from a request may lead here: it takes claims, which a request never
    /// has before its credential became a principal.
    ///
    /// # Errors
    /// [`ClaimsFault`] when the claims make no principal.
    pub fn hypothetical_principal(
        &self,
        issuer_name: Option<&str>,
        claims: Value,
    ) -> Result<Arc<Principal>, ClaimsFault> {
        let issuer = match (issuer_name, self.issuers.as_slice()) {
            (None, [only]) => only,
            (None, _) => return Err(ClaimsFault::UnknownIssuer),
            (Some(name), issuers) => issuers
                .iter()
                .find(|issuer| issuer.name.as_ref() == name)
                .ok_or(ClaimsFault::UnknownIssuer)?,
        };
        let Value::Object(claims) = claims else {
            return Err(ClaimsFault::NotAnObject);
        };
        let expires_at = claims.get("exp").and_then(Value::as_u64);
        let expires_at = expires_at.map(UnixTime::from_seconds);
        let claims = Claims::stated(Members::of(&claims));
        claims::principal(issuer, &claims, expires_at).map(Arc::new)
    }
}
