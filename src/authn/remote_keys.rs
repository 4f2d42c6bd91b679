//! The keys that an issuer publishes: fetched at start, kept up to date in the background, fetched
//! once more when a token was signed with a key that is not known, and believed no longer than a
//! maximum age. No lock is held across a fetch, and a new set is complete before it replaces the
//! old one.

use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use serde_json::Value;
use tokio::sync::watch;

use crate::clock::{Clock, Monotonic};
use crate::metrics::{Issuer as IssuerLabel, IssuerOutcome, Metrics};

use super::algorithm::Algorithm;
use super::errors::{AuthnError, InvalidReason};
use super::issuer::IssuerContext;
use super::jwks::{KeySet, KeySetFault, Skipped};
use super::jwt::{UnverifiedToken, VerifiedClaims};
use super::key::{Trust, VerificationKey};
use super::parameters::{IssuerParameters, KeyLocation, RemoteKeyParameters};
use super::provider::{ExchangeError, LoopbackHttp, ProviderClient, ProviderUrl, UrlFault};

/// Why a fetch brought no keys.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Discovery gave no answer.
    #[error("the discovery document could not be fetched")]
    Discovery(#[source] ExchangeError),
    /// Discovery is not what OpenID Connect says it is.
    #[error("the discovery document is not JSON with an issuer and a jwks_uri")]
    DiscoveryForm,
    /// Discovery names another issuer than the configured one.
    #[error("the discovery document is of another issuer")]
    OtherIssuer,
    /// Discovery names a place that may not be asked.
    #[error("the jwks_uri of the discovery document may not be fetched")]
    KeySetUrl(#[source] UrlFault),
    /// The key set gave no answer.
    #[error("the key set could not be fetched")]
    KeySet(#[source] ExchangeError),
    /// The key set is none, or holds no usable key.
    #[error("the key set cannot be used")]
    KeySetForm(#[source] KeySetFault),
}

/// One issuer's published keys.
pub(super) struct RemoteKeys {
    issuer: Arc<IssuerParameters>,
    parameters: RemoteKeyParameters,
    loopback: LoopbackHttp,
    client: ProviderClient,
    clock: Clock,
    metrics: Metrics,
    current: ArcSwapOption<DatedSet>,
    flight: Mutex<Flight>,
}

struct DatedSet {
    keys: KeySet,
    fetched_at: Monotonic,
}

/// What is known of fetches.
#[derive(Default)]
struct Flight {
    /// Closed when the fetch under way has ended, however it ended.
    running: Option<watch::Receiver<()>>,
    last_attempt: Option<Monotonic>,
    last_caused_by_token: Option<Monotonic>,
    last_failed: bool,
}

/// Why somebody wants a fetch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// A token whose key is not in the set, or whose signature does not verify.
    Token,
    /// A token, while there is no set to look into.
    NoSet,
    /// Time has passed.
    Housekeeping,
}

impl RemoteKeys {
    pub(super) fn new(
        issuer: Arc<IssuerParameters>,
        parameters: RemoteKeyParameters,
        context: &IssuerContext<'_>,
    ) -> Self {
        Self {
            issuer,
            parameters,
            loopback: context.loopback,
            client: context.client.clone(),
            clock: context.clock.clone(),
            metrics: context.metrics.clone(),
            current: ArcSwapOption::empty(),
            flight: Mutex::default(),
        }
    }

    /// Verifies the signature, with at most one fetch if the key is not known or has changed.
    pub(super) async fn verify<'t>(
        self: &Arc<Self>,
        token: &mut UnverifiedToken<'t>,
    ) -> Result<(VerifiedClaims<'t>, Arc<Trust>), AuthnError> {
        let set = match self.live() {
            Some(set) => set,
            None => self.first_set().await?,
        };
        if self.clock.monotonic().since(set.fetched_at) >= self.parameters.refresh {
            self.keep_house();
        }
        let reason = match set.verify(token) {
            Ok(verified) => return Ok(verified),
            Err(reason) => reason,
        };
        // The issuer may have changed its keys; nothing else gets better by fetching them.
        if !matches!(reason, InvalidReason::UnknownKey | InvalidReason::Signature) {
            return Err(reason.into());
        }
        match self.newer_than(&set).await {
            Some(newer) => newer.verify(token).map_err(AuthnError::from),
            None if reason == InvalidReason::UnknownKey && self.lock().last_failed => {
                Err(self.unavailable())
            }
            None => Err(reason.into()),
        }
    }

    /// Fetches the set for an operator to look at; what is in use stays as it is.
    pub(super) async fn probe(&self) -> Result<KeySet, FetchError> {
        self.fetch_set().await
    }

    /// Whether there are keys to verify with.
    pub(super) fn is_ready(&self) -> bool {
        self.live().is_some()
    }

    /// Fetches in the background what is missing or due. Called regularly; never waits.
    pub(super) fn keep_house(self: &Arc<Self>) {
        if let Some(set) = self.current.load().as_deref() {
            let label = IssuerLabel {
                issuer: self.issuer.name.to_string(),
            };
            let age = self.clock.monotonic().since(set.fetched_at);
            self.metrics
                .jwks_age_seconds
                .get_or_create(&label)
                .set(age.as_secs_f64());
        }
        drop(self.fetch_for(Cause::Housekeeping));
    }

    /// The set, unless it is too old to be believed.
    fn live(&self) -> Option<Arc<DatedSet>> {
        let age_max = self.parameters.age_max;
        let now = self.clock.monotonic();
        self.current
            .load_full()
            .filter(|set| now.since(set.fetched_at) < age_max)
    }

    async fn first_set(self: &Arc<Self>) -> Result<Arc<DatedSet>, AuthnError> {
        if let Some(running) = self.fetch_for(Cause::NoSet) {
            ended(running).await;
        }
        self.live().ok_or_else(|| self.unavailable())
    }

    async fn newer_than(self: &Arc<Self>, set: &Arc<DatedSet>) -> Option<Arc<DatedSet>> {
        let newer = |candidate: &Arc<DatedSet>| !Arc::ptr_eq(candidate, set);
        if let Some(newest) = self.live().filter(newer) {
            return Some(newest);
        }
        ended(self.fetch_for(Cause::Token)?).await;
        self.live().filter(newer)
    }

    fn unavailable(&self) -> AuthnError {
        let since_attempt = self
            .lock()
            .last_attempt
            .map(|at| self.clock.monotonic().since(at))
            .unwrap_or_default();
        let retry_after = self.parameters.cooldown.saturating_sub(since_attempt);
        AuthnError::ProviderUnavailable {
            issuer_name: Arc::clone(&self.issuer.name),
            retry_after: retry_after.max(Duration::from_secs(1)),
        }
    }

    /// The fetch under way, or a new one if the cause allows it now. It runs in a task of its own,
    /// so that a caller who hangs up does not end it for the others.
    fn fetch_for(self: &Arc<Self>, cause: Cause) -> Option<watch::Receiver<()>> {
        let now = self.clock.monotonic();
        let has_live_set = self.live().is_some();
        let mut flight = self.lock();
        if let Some(running) = &flight.running
            && running.has_changed().is_ok()
        {
            return Some(running.clone());
        }
        if !self.may_fetch(&flight, cause, has_live_set) {
            return None;
        }
        flight.last_attempt = Some(now);
        if cause == Cause::Token {
            flight.last_caused_by_token = Some(now);
        }
        let (landing, running) = watch::channel(());
        flight.running = Some(running.clone());
        drop(flight);
        let keys = Arc::clone(self);
        tokio::spawn(async move {
            keys.fetch(now).await;
            drop(landing);
        });
        Some(running)
    }

    /// The cool-down counts attempts, whatever came of them, so that neither unknown keys nor a
    /// failing provider make more of them.
    fn may_fetch(&self, flight: &Flight, cause: Cause, has_live_set: bool) -> bool {
        let now = self.clock.monotonic();
        let RemoteKeyParameters {
            cooldown, refresh, ..
        } = self.parameters;
        let rested = |last: Option<Monotonic>, pause: Duration| {
            last.is_none_or(|last| now.since(last) >= pause)
        };
        match cause {
            Cause::Token => rested(flight.last_caused_by_token, cooldown),
            Cause::NoSet => rested(flight.last_attempt, cooldown),
            Cause::Housekeeping if has_live_set => {
                let fetched_at = self.current.load().as_ref().map(|set| set.fetched_at);
                rested(fetched_at, refresh) && rested(flight.last_attempt, cooldown)
            }
            // Nobody can enter meanwhile: twice as often.
            Cause::Housekeeping => rested(flight.last_attempt, cooldown / 2),
        }
    }

    async fn fetch(&self, started_at: Monotonic) {
        let result = self.fetch_set().await;
        self.lock().last_failed = result.is_err();
        let outcome = match result {
            Ok(set) => {
                self.replace(set, started_at);
                "ok"
            }
            Err(error) => {
                let error: &dyn Error = &error;
                tracing::warn!(issuer = %self.issuer.name, error, "signing keys could not be fetched");
                "failed"
            }
        };
        let label = IssuerOutcome {
            issuer: self.issuer.name.to_string(),
            outcome,
        };
        self.metrics.jwks_fetches.get_or_create(&label).inc();
    }

    async fn fetch_set(&self) -> Result<KeySet, FetchError> {
        let found;
        let url = match &self.parameters.location {
            KeyLocation::KeySet(url) => url,
            KeyLocation::Discovery(url) => {
                found = self.discover(url).await?;
                &found
            }
        };
        let document = self.client.get(url).await.map_err(FetchError::KeySet)?;
        KeySet::parse(&document, &self.issuer.algorithms).map_err(FetchError::KeySetForm)
    }

    async fn discover(&self, url: &ProviderUrl) -> Result<ProviderUrl, FetchError> {
        let document = self.client.get(url).await.map_err(FetchError::Discovery)?;
        let document: Value =
            serde_json::from_slice(&document).map_err(|_not_json| FetchError::DiscoveryForm)?;
        let text = |name: &str| document.get(name).and_then(Value::as_str);
        let (Some(issuer), Some(key_set)) = (text("issuer"), text("jwks_uri")) else {
            return Err(FetchError::DiscoveryForm);
        };
        if issuer != self.issuer.issuer.as_ref() {
            return Err(FetchError::OtherIssuer);
        }
        ProviderUrl::parse(key_set, self.loopback).map_err(FetchError::KeySetUrl)
    }

    fn replace(&self, mut set: KeySet, fetched_at: Monotonic) {
        let old = self.current.load_full();
        // Once, not with each refresh: encryption keys beside the others are usual.
        if old
            .as_ref()
            .is_none_or(|old| old.keys.skipped() != set.skipped())
        {
            for Skipped { kid, fault } in set.skipped() {
                tracing::warn!(issuer = %self.issuer.name, ?kid, reason = %fault, "a published key is not used");
            }
        }
        let old_keys = old.as_ref().map_or(&[][..], |old| old.keys.keys());
        for key in set.keys_mut() {
            if let Some(earlier) = old_keys.iter().find(|old| old.is_same_key(key)) {
                key.share_trust(earlier);
            }
            key.trust()
                .extend_to(fetched_at.plus(self.parameters.age_max));
        }
        let new = Arc::new(DatedSet {
            keys: set,
            fetched_at,
        });
        self.current.store(Some(Arc::clone(&new)));
        for gone in old_keys {
            if !new.keys.keys().iter().any(|key| key.is_same_key(gone)) {
                gone.trust().revoke();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Flight> {
        self.flight.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DatedSet {
    fn verify<'t>(
        &self,
        token: &mut UnverifiedToken<'t>,
    ) -> Result<(VerifiedClaims<'t>, Arc<Trust>), InvalidReason> {
        let key = self.select(token.header().algorithm(), token.header().kid())?;
        let claims = token.verify(key).ok_or(InvalidReason::Signature)?;
        Ok((claims, Arc::clone(key.trust())))
    }

    /// The key that the token names; without a name, the only one that fits.
    fn select(
        &self,
        algorithm: Algorithm,
        kid: Option<&str>,
    ) -> Result<&VerificationKey, InvalidReason> {
        let keys = self.keys.keys();
        if kid.is_some() {
            let named = keys.iter().find(|key| key.kid() == kid);
            let named = named.ok_or(InvalidReason::UnknownKey)?;
            return if named.fits(algorithm) {
                Ok(named)
            } else {
                Err(InvalidReason::Algorithm)
            };
        }
        let mut fitting = keys.iter().filter(|key| key.fits(algorithm));
        match (fitting.next(), fitting.next()) {
            (Some(only), None) => Ok(only),
            (Some(_), Some(_)) => Err(InvalidReason::AmbiguousKey),
            (None, _) => Err(InvalidReason::UnknownKey),
        }
    }
}

/// Waits until a fetch has ended; its sender says so by going away.
async fn ended(mut running: watch::Receiver<()>) {
    while running.changed().await.is_ok() {}
}
