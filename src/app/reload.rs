//! A new configuration while requests go on: built whole first, then swapped. What decides is
//! swapped as one, so that no request is judged by a mixture. A bad one changes nothing.

use std::sync::Arc;

use crate::authn::Authenticator;
use crate::developer_key::DeveloperKey;
use crate::http_client::HttpClientError;
use crate::join::Live;
use crate::metrics::{Issuer, Outcome};
use crate::settings::Settings;

use super::Parts;

/// Why a reload was refused; the old configuration goes on.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// TLS cannot be set up.
    #[error(transparent)]
    HttpClient(#[from] HttpClientError),
}

/// Replaces policy, templates, keys and origins of a running app. Cheap to clone.
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
        let authenticator = Authenticator::new(
            settings.authn.clone(),
            parts.clock.clone(),
            &parts.metrics,
            Some(&parts.live.load().authenticator),
        )
        .inspect_err(|_refused| self.note("refused"))?;
        let authenticator = Arc::new(authenticator);
        authenticator.warm_up();
        let old = parts.live.swap(Arc::new(Live {
            authenticator,
            policy: Arc::clone(&settings.policy),
            templates: Arc::clone(&settings.rooms.templates),
        }));
        self.forget_removed_issuers(&old.authenticator, settings);
        self.replace_developer_key(&settings.digital_samba.developer_key);
        parts
            .origins
            .store(Arc::new(settings.public.origins.clone()));
        self.note("applied");
        Ok(())
    }

    /// The age of keys that nobody fetches any more would stand still for ever.
    fn forget_removed_issuers(&self, old: &Authenticator, settings: &Settings) {
        let issuers = &settings.authn.issuers;
        for gone in &old.parameters().issuers {
            if issuers.iter().all(|issuer| issuer.name != gone.name) {
                let issuer = gone.name.to_string();
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
