//! A new configuration while requests go on: built whole first, then swapped. What decides is
//! swapped as one, so that no request is judged by a mixture. A bad one changes nothing.

use std::sync::Arc;

use crate::authn::{Authenticator, Parameters, ServiceAuthenticator};
use crate::clock::Clock;
use crate::developer_key::DeveloperKey;
use crate::http_client::HttpClientError;
use crate::join::Live;
use crate::metrics::{Issuer, Metrics, Outcome};
use crate::settings::Settings;

use super::Parts;

/// Why a reload was refused; the old configuration goes on.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// TLS cannot be set up.
    #[error(transparent)]
    HttpClient(#[from] HttpClientError),
}

/// Replaces policy, templates, keys, origins and product backends of a running app. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reloader {
    parts: Parts,
}

impl Reloader {
    pub(super) fn new(parts: Parts) -> Self {
        Self { parts }
    }

    /// Applies what can change without a restart. Key sets and verified tokens of issuers that did
    /// not change are kept.
    ///
    /// # Errors
    /// [`ReloadError`]; then nothing has changed.
    pub fn apply(&self, settings: &Settings) -> Result<(), ReloadError> {
        let parts = &self.parts;
        let built = build_live(
            settings,
            &parts.clock,
            &parts.metrics,
            Some(&parts.live.load()),
        );
        let live = Arc::new(built.inspect_err(|_refused| self.note("refused"))?);
        warm_up(&live);
        let old = parts.live.swap(live);
        self.forget_removed_issuers(&old, settings);
        self.replace_developer_key(&settings.digital_samba.developer_key);
        parts
            .origins
            .store(Arc::new(settings.public.origins.clone()));
        parts
            .public
            .webhooks
            .move_to(settings.webhooks.endpoint.clone());
        self.note("applied");
        Ok(())
    }

    /// The age of keys that nobody fetches any more would stand still for ever.
    fn forget_removed_issuers(&self, old: &Live, settings: &Settings) {
        let issuers_of = |users: &Parameters, services: &Parameters| -> Vec<Arc<str>> {
            let issuers = users.issuers.iter().chain(&services.issuers);
            issuers.map(|issuer| Arc::clone(&issuer.name)).collect()
        };
        let now = issuers_of(&settings.authn, &settings.internal.services.tokens);
        let users = old.authenticator.parameters();
        for gone in issuers_of(users, old.services.tokens().parameters()) {
            if !now.contains(&gone) {
                let issuer = gone.to_string();
                self.parts
                    .metrics
                    .jwks_age_seconds
                    .remove(&Issuer { issuer });
            }
        }
    }

    /// A key that did not change keeps its age.
    fn replace_developer_key(&self, key: &Arc<DeveloperKey>) {
        if **self.parts.developer_key.load() != **key {
            self.parts.developer_key.store(Arc::clone(key));
            self.parts.health.note_developer_key_loaded();
        }
    }

    /// Opens the audit log anew, after it was renamed. Apart from the configuration: a rotation
    /// must not hang on whether that is good.
    pub fn reopen_audit_log(&self) {
        if let Err(error) = self.parts.broker.audit.reopen() {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, "the audit log is written on under its old name");
        }
    }

    /// Counts a reload that was refused before it came here.
    pub fn note_refused(&self) {
        self.note("refused");
    }

    fn note(&self, outcome: &'static str) {
        self.parts
            .metrics
            .reloads
            .get_or_create(&Outcome { outcome })
            .inc();
    }
}

/// What one configuration decides with. Keys of issuers and verified tokens are taken over from a
/// predecessor, where the issuer did not change.
pub(super) fn build_live(
    settings: &Settings,
    clock: &Clock,
    metrics: &Metrics,
    predecessor: Option<&Live>,
) -> Result<Live, HttpClientError> {
    let authenticator = Authenticator::new(
        settings.authn.clone(),
        clock.clone(),
        metrics,
        predecessor.map(|old| &*old.authenticator),
    )?;
    let services = ServiceAuthenticator::new(
        settings.internal.services.clone(),
        clock.clone(),
        metrics,
        predecessor.map(|old| &*old.services),
    )?;
    Ok(Live {
        authenticator: Arc::new(authenticator),
        services: Arc::new(services),
        policy: Arc::clone(&settings.policy),
        templates: Arc::clone(&settings.rooms.templates),
    })
}

/// Fetches keys in the background.
pub(super) fn warm_up(live: &Live) {
    live.authenticator.warm_up();
    live.services.warm_up();
}
