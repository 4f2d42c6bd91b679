//! One configured issuer at work: pins what its tokens may be, verifies one, checks its claims.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, UnixTime};
use crate::metrics::Metrics;

use super::claim_checks::{self, Expected, Source};
use super::claims;
use super::errors::{AuthnError, InvalidReason};
use super::introspection::Introspection;
use super::jwt::{UnverifiedHeader, UnverifiedToken, VerifiedClaims, is_media_type};
use super::key::{Trust, VerificationKey};
use super::parameters::{IssuerParameters, KeySource, Matches};
use super::provider::{LoopbackHttp, ProviderClient};
use super::remote_keys::RemoteKeys;
use super::verified::Verified;

/// The `typ` of a logout token, which no configuration can accept as a bearer.
const LOGOUT_TOKEN: &str = "logout+jwt";

pub(super) struct Issuer {
    pub(super) parameters: Arc<IssuerParameters>,
    pub(super) keys: Keys,
    pub(super) introspection: Option<Arc<Introspection>>,
    limits: Limits,
}

/// Where the issuer's keys are kept.
pub(super) enum Keys {
    Remote(Arc<RemoteKeys>),
    Fixed(Arc<[VerificationKey]>),
    None,
}

/// What holds for the claims of every issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) leeway: Duration,
    pub(super) token_lifetime_max: Duration,
}

/// What issuers share.
pub(super) struct IssuerContext<'a> {
    pub(super) limits: Limits,
    pub(super) loopback: LoopbackHttp,
    pub(super) client: &'a ProviderClient,
    pub(super) clock: &'a Clock,
    pub(super) metrics: &'a Metrics,
}

impl Issuer {
    /// Sets an issuer up; nothing is fetched yet.
    pub(super) fn new(parameters: &IssuerParameters, context: &IssuerContext<'_>) -> Self {
        let parameters = Arc::new(parameters.clone());
        let keys = match &parameters.keys {
            KeySource::Remote(remote) => {
                let keys = RemoteKeys::new(Arc::clone(&parameters), remote.clone(), context);
                Keys::Remote(Arc::new(keys))
            }
            KeySource::Fixed(keys) => Keys::Fixed(Arc::clone(keys)),
            KeySource::None => Keys::None,
        };
        let introspection = parameters.introspection.as_ref().map(|introspection| {
            let issuer = Arc::clone(&parameters);
            Arc::new(Introspection::new(issuer, introspection.clone(), context))
        });
        Self {
            parameters,
            keys,
            introspection,
            limits: context.limits,
        }
    }

    /// Verifies a JWS that claims to be of this issuer.
    pub(super) async fn verify(
        &self,
        token: &mut UnverifiedToken<'_>,
        clock: &Clock,
    ) -> Result<Verified, AuthnError> {
        self.check_header(token.header())?;
        let (claims, trust) = match &self.keys {
            Keys::Remote(keys) => keys.verify(token).await?,
            Keys::Fixed(keys) => verify_with_any(keys, token)?,
            Keys::None => return Err(InvalidReason::UnknownKey.into()),
        };
        let source = Source::Token {
            lifetime_max: self.limits.token_lifetime_max,
        };
        let accepted = Accepted {
            claims,
            source,
            trust,
        };
        Ok(accepted.into_verified(&self.parameters, self.limits, clock.now())?)
    }

    /// Whether its JWS are asked about instead of verified.
    pub(super) fn introspects_everything(&self) -> Option<&Arc<Introspection>> {
        self.introspection
            .as_ref()
            .filter(|introspection| introspection.matches() == Matches::All)
    }

    /// Whether somebody could be let in.
    pub(super) fn is_ready(&self) -> bool {
        let has_keys = match &self.keys {
            Keys::Remote(keys) => keys.is_ready(),
            Keys::Fixed(_) => true,
            Keys::None => false,
        };
        has_keys || self.introspection.is_some()
    }

    pub(super) fn keep_house(&self) {
        if let Keys::Remote(keys) = &self.keys {
            keys.keep_house();
        }
    }

    fn check_header(&self, header: &UnverifiedHeader<'_>) -> Result<(), InvalidReason> {
        if !self.parameters.algorithms.contains(&header.algorithm()) {
            return Err(InvalidReason::Algorithm);
        }
        let token_type = header.token_type().unwrap_or_default();
        let accepted = &self.parameters.token_types;
        if is_media_type(token_type, LOGOUT_TOKEN)
            || !accepted.iter().any(|name| is_media_type(token_type, name))
        {
            return Err(InvalidReason::TokenType);
        }
        Ok(())
    }
}

/// Configured keys have no names: each that fits is tried. There are few.
fn verify_with_any<'t>(
    keys: &[VerificationKey],
    token: &mut UnverifiedToken<'t>,
) -> Result<(VerifiedClaims<'t>, Arc<Trust>), InvalidReason> {
    let algorithm = token.header().algorithm();
    for key in keys.iter().filter(|key| key.fits(algorithm)) {
        if let Some(claims) = token.verify(key) {
            return Ok((claims, Arc::clone(key.trust())));
        }
    }
    Err(InvalidReason::Signature)
}

/// Claims by the issuer's word, not yet checked.
pub(super) struct Accepted<'t> {
    pub(super) claims: VerifiedClaims<'t>,
    pub(super) source: Source,
    pub(super) trust: Arc<Trust>,
}

impl Accepted<'_> {
    /// Checks the claims and makes the principal.
    pub(super) fn into_verified(
        self,
        issuer: &IssuerParameters,
        limits: Limits,
        now: UnixTime,
    ) -> Result<Verified, InvalidReason> {
        let expected = Expected {
            issuer: &issuer.issuer,
            audiences: &issuer.audiences,
            audience_claim: issuer.audience_claim.as_ref(),
            leeway: limits.leeway,
            source: self.source,
        };
        let claims = self.claims.claims();
        let expires_at = claim_checks::check(claims.members(), &expected, now)?;
        let principal = claims::principal(issuer, claims, expires_at)
            .map_err(|_unusable| InvalidReason::Subject)?;
        let usable_until = expires_at.map(|end| claim_checks::usable_until(end, limits.leeway));
        Ok(Verified {
            principal: Arc::new(principal),
            usable_until,
            trust: self.trust,
        })
    }
}
