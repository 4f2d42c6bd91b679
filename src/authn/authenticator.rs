//! Bearer in, principal out. The seen bearer costs a hash and a look-up and never waits; the new
//! one is verified, and waits only where its issuer's keys are not known yet.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;

use crate::clock::Clock;
use crate::http_client::HttpClientError;
use crate::metrics::{Metrics, Outcome};

use super::bearer::{Bearer, OwnedBearer};
use super::errors::{AuthnError, InvalidReason};
use super::introspection::Introspection;
use super::issuer::{Issuer, IssuerContext, Keys, Limits};
use super::jwks::Skipped;
use super::jwt::{DecodedToken, TokenForm, UnverifiedToken};
use super::parameters::{IssuerParameters, Parameters};
use super::principal::Principal;
use super::provider::ProviderClient;
use super::remote_keys::FetchError;
use super::verified::{TokenHash, Verified, VerifiedTokens};

/// How often due fetches are looked for.
const HOUSEKEEPING_EVERY: Duration = Duration::from_millis(500);
/// How often tokens that have expired are freed.
const FREEING_EVERY: Duration = Duration::from_secs(10);

/// Turns bearers into principals. One is built for each configuration and shared.
pub struct Authenticator {
    parameters: Parameters,
    /// None without issuers: it would hold the trusted roots for nobody.
    client: Option<ProviderClient>,
    clock: Clock,
    issuers: HashMap<Arc<str>, Arc<Issuer>>,
    opaque: Option<Arc<Introspection>>,
    verified: VerifiedTokens,
    hits: Counter,
    misses: Counter,
}

impl Authenticator {
    /// Builds it without asking anybody: call [`Self::warm_up`] next. From a predecessor it takes
    /// over the keys and verified tokens of every issuer that did not change, so that a reload
    /// causes no fetches. The predecessor goes on working.
    ///
    /// # Errors
    /// [`HttpClientError`] when TLS cannot be set up.
    pub fn new(
        parameters: Parameters,
        clock: Clock,
        metrics: &Metrics,
        predecessor: Option<&Self>,
    ) -> Result<Self, HttpClientError> {
        let predecessor = predecessor.filter(|old| old.parameters.has_same_bounds(&parameters));
        let client = match predecessor.and_then(|old| old.client.as_ref()) {
            Some(client) => Some(client.clone()),
            None if parameters.issuers.is_empty() => None,
            None => Some(ProviderClient::new(parameters.http_timeout)?),
        };
        let issuers = client.as_ref().map(|client| {
            let context = IssuerContext {
                limits: Limits {
                    leeway: parameters.leeway,
                    token_lifetime_max: parameters.token_lifetime_max,
                },
                loopback: parameters.loopback_http,
                client,
                clock: &clock,
                metrics,
            };
            issuers(&parameters.issuers, &context, predecessor)
        });
        let issuers = issuers.unwrap_or_default();
        let tokens_max = match issuers.len() {
            0 => 0,
            _some => parameters.verified_tokens_max,
        };
        let verified = VerifiedTokens::new(tokens_max, clock.clone());
        if let Some(old) = predecessor {
            verified.take_over(&old.verified, |principal| {
                let pair = |of: &Self| of.issuers.get(principal.issuer()).map(Arc::as_ptr);
                let new = issuers.get(principal.issuer()).map(Arc::as_ptr);
                new.is_some() && new == pair(old)
            });
        }
        let opaque = issuers
            .values()
            .find_map(|issuer| issuer.introspection.clone());
        let lookups = |outcome| {
            let family = &metrics.verified_tokens;
            family.get_or_create_owned(&Outcome { outcome })
        };
        Ok(Self {
            hits: lookups("hit"),
            misses: lookups("miss"),
            parameters,
            client,
            clock,
            issuers,
            opaque,
            verified,
        })
    }

    /// What it was built from.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The principal of a bearer that was verified before, if that still holds. Never waits.
    ///
    /// # Errors
    /// [`Unseen`] when it must be verified: for [`Self::authenticate_unseen`].
    pub fn authenticate_cached(&self, bearer: Bearer<'_>) -> Result<Arc<Principal>, Unseen> {
        let hash = TokenHash::of(bearer);
        let verified = self.verified.get(&hash).ok_or_else(|| Unseen {
            bearer: OwnedBearer::from(bearer),
            hash,
        })?;
        self.hits.inc();
        Ok(verified.principal)
    }

    /// The principal of a bearer.
    ///
    /// # Errors
    /// [`AuthnError::Invalid`] when it does not hold, [`AuthnError::ProviderUnavailable`] when
    /// that cannot be told now.
    pub async fn authenticate(&self, bearer: Bearer<'_>) -> Result<Arc<Principal>, AuthnError> {
        match self.authenticate_cached(bearer) {
            Ok(principal) => Ok(principal),
            Err(unseen) => self.authenticate_unseen(&unseen).await,
        }
    }

    /// The principal of a bearer that was not seen before.
    ///
    /// # Errors
    /// As [`Self::authenticate`].
    pub async fn authenticate_unseen(&self, unseen: &Unseen) -> Result<Arc<Principal>, AuthnError> {
        self.misses.inc();
        let verified = self.verify(unseen.bearer.borrowed(), unseen.hash).await?;
        Ok(verified.principal)
    }

    /// Verifies a bearer and remembers it.
    async fn verify(&self, bearer: Bearer<'_>, hash: TokenHash) -> Result<Verified, AuthnError> {
        match TokenForm::of(bearer.as_str()) {
            TokenForm::Jws => {
                let token = DecodedToken::decode(bearer.as_str())?;
                let mut token = UnverifiedToken::parse(&token)?;
                let issuer = token.claims().issuer();
                let issuer = issuer.and_then(|issuer| self.issuers.get(issuer));
                let issuer = issuer.ok_or(InvalidReason::Issuer)?;
                if let Some(introspection) = issuer.introspects_everything() {
                    return introspection.ask(bearer, hash, &self.verified).await;
                }
                let verified = issuer.verify(&mut token, &self.clock).await?;
                let bytes = bearer.as_str().len();
                self.verified.insert(hash, verified.clone(), bytes);
                Ok(verified)
            }
            TokenForm::Opaque => {
                let introspection = self.opaque.as_ref().ok_or(InvalidReason::Malformed)?;
                introspection.ask(bearer, hash, &self.verified).await
            }
            TokenForm::Encrypted => Err(InvalidReason::Encrypted.into()),
        }
    }

    /// Whether somebody could be let in: keys of at least one issuer are known, or one is asked.
    pub fn is_ready(&self) -> bool {
        self.issuers.values().any(|issuer| issuer.is_ready())
    }

    /// Asks every issuer that publishes its keys for them, one after the other: for `doctor`.
    pub async fn check_providers(&self) -> Vec<ProviderReport> {
        let mut reports = Vec::new();
        for issuer in self.issuers.values() {
            let Keys::Remote(keys) = &issuer.keys else {
                continue;
            };
            let (usable, skipped, error) = match keys.probe().await {
                Ok(set) => (set.keys().len(), set.skipped().to_vec(), None),
                Err(error) => (0, Vec::new(), Some(error)),
            };
            reports.push(ProviderReport {
                issuer_name: Arc::clone(&issuer.parameters.name),
                usable,
                skipped,
                error,
            });
        }
        reports
    }

    /// Fetches keys in the background, now and whenever they are due, and frees what has expired,
    /// until this is dropped. Must be called within a tokio runtime, once.
    pub fn warm_up(self: &Arc<Self>) {
        let authenticator = Arc::downgrade(self);
        tokio::spawn(async move {
            let mut fetches = tokio::time::interval(HOUSEKEEPING_EVERY);
            let mut freeing = tokio::time::interval(FREEING_EVERY);
            loop {
                let is_freeing = tokio::select! {
                    _ = fetches.tick() => false,
                    _ = freeing.tick() => true,
                };
                let Some(authenticator) = authenticator.upgrade() else {
                    return;
                };
                if is_freeing {
                    authenticator.verified.keep_house();
                    continue;
                }
                for issuer in authenticator.issuers.values() {
                    issuer.keep_house();
                }
            }
        });
    }
}

/// A bearer that is not remembered, hashed already.
#[derive(Debug)]
pub struct Unseen {
    bearer: OwnedBearer,
    hash: TokenHash,
}

/// What asking one issuer for its keys gave.
#[derive(Debug)]
pub struct ProviderReport {
    /// The configured short name of the issuer.
    pub issuer_name: Arc<str>,
    /// How many keys can be used.
    pub usable: usize,
    /// Those that cannot.
    pub skipped: Vec<Skipped>,
    /// Why there are none.
    pub error: Option<FetchError>,
}

/// Each issuer by its identifier; a predecessor's where it did not change.
fn issuers(
    parameters: &[IssuerParameters],
    context: &IssuerContext<'_>,
    predecessor: Option<&Authenticator>,
) -> HashMap<Arc<str>, Arc<Issuer>> {
    let issuers = parameters.iter().map(|parameters| {
        let unchanged = predecessor
            .and_then(|old| old.issuers.get(&parameters.issuer))
            .filter(|old| *old.parameters == *parameters);
        let built =
            unchanged.map_or_else(|| Arc::new(Issuer::new(parameters, context)), Arc::clone);
        (Arc::clone(&parameters.issuer), built)
    });
    issuers.collect()
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authenticator")
            .field("parameters", &self.parameters)
            .finish_non_exhaustive()
    }
}
