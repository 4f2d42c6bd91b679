//! Asks an issuer about a token that only it can read (RFC 7662). One question for each token at a
//! time; a failure is nobody's answer and is not remembered.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use moka::sync::Cache;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::watch;
use tracing::Instrument as _;

use crate::clock::{Clock, Monotonic};
use crate::metrics::{IssuerOutcome, Metrics};

use super::bearer::Bearer;
use super::claim_checks::Source;
use super::errors::{AuthnError, InvalidReason};
use super::issuer::{Accepted, IssuerContext, Limits};
use super::json::Json;
use super::jwt::VerifiedClaims;
use super::key::Trust;
use super::parameters::{IntrospectionParameters, IssuerParameters, Matches};
use super::provider::{ExchangeError, ProviderClient};
use super::raw_claims::Claims;
use super::verified::{TokenHash, Verified, VerifiedTokens};

/// Questions under way at once: beyond it callers are told to come back, or a flood of invented
/// tokens would become a flood of questions.
const IN_FLIGHT_MAX: usize = 64;
/// Refused tokens remembered.
const REFUSED_MAX: u64 = 10_000;
/// When to ask again after a failure.
const RETRY_AFTER: Duration = Duration::from_secs(2);

type Answer = Result<Verified, AuthnError>;

/// Why a question got no answer.
#[derive(Debug, thiserror::Error)]
enum IntrospectionError {
    #[error("the introspection endpoint failed")]
    Exchange(#[source] ExchangeError),
    #[error("the introspection answer is not a JSON object")]
    Form,
}

/// One issuer's introspection endpoint.
pub(super) struct Introspection {
    issuer: Arc<IssuerParameters>,
    parameters: IntrospectionParameters,
    limits: Limits,
    client: ProviderClient,
    clock: Clock,
    metrics: Metrics,
    refused: Cache<TokenHash, (Monotonic, InvalidReason)>,
    in_flight: Mutex<HashMap<TokenHash, watch::Receiver<Option<Answer>>>>,
}

impl Introspection {
    pub(super) fn new(
        issuer: Arc<IssuerParameters>,
        parameters: IntrospectionParameters,
        context: &IssuerContext<'_>,
    ) -> Self {
        let refused = Cache::builder()
            .max_capacity(REFUSED_MAX)
            .time_to_live(parameters.negative_ttl)
            .build();
        Self {
            issuer,
            parameters,
            limits: context.limits,
            client: context.client.clone(),
            clock: context.clock.clone(),
            metrics: context.metrics.clone(),
            refused,
            in_flight: Mutex::default(),
        }
    }

    pub(super) fn matches(&self) -> Matches {
        self.parameters.matches
    }

    /// Asks, or waits for the same question under way. What is found out goes into `remembered`.
    pub(super) async fn ask(
        self: &Arc<Self>,
        bearer: Bearer<'_>,
        hash: TokenHash,
        remembered: &VerifiedTokens,
    ) -> Answer {
        let mut answer = match self.question(bearer, hash, remembered) {
            Ok(question) => question,
            Err(known) => return known,
        };
        match answer.wait_for(Option::is_some).await {
            Ok(answer) => answer.clone().unwrap_or_else(|| Err(self.unavailable())),
            Err(_the_task_is_gone) => Err(self.unavailable()),
        }
    }

    /// The question under way, or a new one in a task of its own, so that a caller who hangs up
    /// does not end it for the others.
    ///
    /// # Errors
    /// The answer, where none needs to be asked for.
    fn question(
        self: &Arc<Self>,
        bearer: Bearer<'_>,
        hash: TokenHash,
        remembered: &VerifiedTokens,
    ) -> Result<watch::Receiver<Option<Answer>>, Answer> {
        let mut in_flight = self.lock();
        if let Some(running) = in_flight.get(&hash)
            && running.has_changed().is_ok()
        {
            return Ok(running.clone());
        }
        // Looked for under the lock: a question is remembered before it leaves the list, so that
        // whoever finds it on neither is the first to ask.
        if let Some(known) = self.known(&hash, remembered) {
            return Err(known);
        }
        if in_flight.len() >= IN_FLIGHT_MAX {
            return Err(Err(self.unavailable()));
        }
        let (landing, running) = watch::channel(None);
        in_flight.insert(hash, running.clone());
        drop(in_flight);
        let asker = Arc::clone(self);
        let token = SecretString::from(bearer.as_str());
        let remembered = remembered.clone();
        let flight = async move {
            let answer = asker.answer(&token, hash).await;
            if let Ok(verified) = &answer {
                let bytes = token.expose_secret().len();
                remembered.insert(hash, verified.clone(), bytes);
            }
            asker.lock().remove(&hash);
            landing.send_replace(Some(answer));
        };
        // In the span of the request that caused it.
        tokio::spawn(flight.in_current_span());
        Ok(running)
    }

    fn known(&self, hash: &TokenHash, remembered: &VerifiedTokens) -> Option<Answer> {
        if let Some(verified) = remembered.get(hash) {
            return Some(Ok(verified));
        }
        let (until, reason) = self.refused.get(hash)?;
        (self.clock.monotonic() < until).then(|| Err(reason.into()))
    }

    async fn answer(&self, token: &SecretString, hash: TokenHash) -> Answer {
        let answer = self.exchange(token).await;
        let (outcome, answer) = match answer.and_then(|answer| self.judge(&answer)) {
            Ok(Ok(verified)) => ("active", Ok(verified)),
            Ok(Err(reason)) => {
                let until = self.clock.monotonic().plus(self.parameters.negative_ttl);
                self.refused.insert(hash, (until, reason));
                ("inactive", Err(reason.into()))
            }
            Err(error) => {
                let error: &dyn Error = &error;
                tracing::warn!(issuer = %self.issuer.name, error, "a token could not be introspected");
                ("failed", Err(self.unavailable()))
            }
        };
        let label = IssuerOutcome {
            issuer: self.issuer.name.to_string(),
            outcome,
        };
        self.metrics.introspections.get_or_create(&label).inc();
        answer
    }

    async fn exchange(&self, token: &SecretString) -> Result<Vec<u8>, IntrospectionError> {
        let form = [
            ("token", token.expose_secret()),
            ("token_type_hint", "access_token"),
        ];
        let IntrospectionParameters {
            url, authorization, ..
        } = &self.parameters;
        let answer = self.client.post_form(url, authorization, &form).await;
        answer.map_err(IntrospectionError::Exchange)
    }

    /// `active` must be the boolean `true`: not 1, not "true".
    fn judge(&self, answer: &[u8]) -> Result<Result<Verified, InvalidReason>, IntrospectionError> {
        let answer = Claims::parse(answer).ok_or(IntrospectionError::Form)?;
        if !matches!(answer.members().get("active"), Some(Json::Bool(true))) {
            return Ok(Err(InvalidReason::Inactive));
        }
        let until = self.clock.monotonic().plus(self.parameters.positive_ttl);
        let accepted = Accepted {
            claims: VerifiedClaims::from_introspection(answer),
            source: Source::Introspection,
            trust: Arc::new(Trust::until(until)),
        };
        Ok(accepted.into_verified(&self.issuer, self.limits, self.clock.now()))
    }

    fn unavailable(&self) -> AuthnError {
        AuthnError::ProviderUnavailable {
            issuer_name: Arc::clone(&self.issuer.name),
            retry_after: RETRY_AFTER,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TokenHash, watch::Receiver<Option<Answer>>>> {
        self.in_flight
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
