//! Which product backend is it? API keys by id and hash; tokens of client credentials by the same
//! [`Authenticator`] that verifies users' tokens, with issuers of its own.

use std::collections::HashMap;
use std::sync::Arc;

use crate::clock::{Clock, UnixTime};
use crate::domain::{ScopeSet, TeamId};
use crate::http_client::HttpClientError;
use crate::metrics::Metrics;

use super::api_key::{ApiKey, ApiKeyId, SecretHash};
use super::authenticator::Authenticator;
use super::bearer::{Bearer, CredentialFault};
use super::errors::{AuthnError, InvalidReason};
use super::parameters::Parameters;
use super::principal::Principal;
use super::service::{Grants, ServiceKind, ServicePrincipal};
use super::service_credential::ServiceCredential;

/// Which product backends there are.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceParameters {
    /// The team whose id stands beside a key in `Basic`.
    pub team: TeamId,
    /// The API keys, by distinct ids.
    pub api_keys: Vec<ApiKeyParameters>,
    /// Who may vouch for clients. Each maps the client id to `user_id` and scopes to `groups`.
    pub tokens: Parameters,
    /// The clients, by distinct pairs of issuer and id.
    pub clients: Vec<ClientParameters>,
}

/// One API key.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiKeyParameters {
    /// Its id.
    pub id: ApiKeyId,
    /// The operator's name for whoever holds it; two keys may share one while they are rotated.
    pub name: Arc<str>,
    /// The hash of its secret.
    pub secret_sha256: SecretHash,
    /// What it may do.
    pub grants: Grants,
    /// When it ends, if it does.
    pub expires: Option<UnixTime>,
}

/// One client of an issuer.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientParameters {
    /// The short name of the issuer.
    pub issuer_name: Arc<str>,
    /// Its id with that issuer.
    pub id: Arc<str>,
    /// The operator's name for it.
    pub name: Arc<str>,
    /// The most that it may do; its tokens may say less.
    pub grants: Grants,
}

struct KnownKey {
    secret_sha256: SecretHash,
    expires: Option<UnixTime>,
    principal: ServicePrincipal,
}

/// Turns credentials of product backends into principals. One is built for each configuration.
pub struct ServiceAuthenticator {
    team: TeamId,
    keys: HashMap<ApiKeyId, KnownKey>,
    tokens: Arc<Authenticator>,
    clients: HashMap<(Arc<str>, Arc<str>), ClientParameters>,
    clock: Clock,
}

impl ServiceAuthenticator {
    /// Builds it without asking anybody: call [`Self::warm_up`] next. Keys of issuers that did not
    /// change are taken over from a predecessor.
    ///
    /// # Errors
    /// [`HttpClientError`] when TLS cannot be set up.
    pub fn new(
        parameters: ServiceParameters,
        clock: Clock,
        metrics: &Metrics,
        predecessor: Option<&Self>,
    ) -> Result<Self, HttpClientError> {
        let ServiceParameters {
            team,
            api_keys,
            tokens,
            clients,
        } = parameters;
        let old_tokens = predecessor.map(|old| &*old.tokens);
        let tokens = Authenticator::new(tokens, clock.clone(), metrics, old_tokens)?;
        let clients = clients.into_iter().map(|client| {
            let pair = (Arc::clone(&client.issuer_name), Arc::clone(&client.id));
            (pair, client)
        });
        Ok(Self {
            team,
            keys: api_keys.into_iter().map(known).collect(),
            tokens: Arc::new(tokens),
            clients: clients.collect(),
            clock,
        })
    }

    /// What vouches for clients: issuers of services alone.
    pub fn tokens(&self) -> &Authenticator {
        &self.tokens
    }

    /// Fetches keys in the background. Must be called within a tokio runtime, once.
    pub fn warm_up(&self) {
        self.tokens.warm_up();
    }

    /// The principal of the `Authorization` headers of one request.
    ///
    /// # Errors
    /// [`ServiceAuthnError`].
    pub async fn authenticate<'a>(
        &self,
        values: impl Iterator<Item = &'a [u8]>,
    ) -> Result<ServicePrincipal, ServiceAuthnError> {
        let bytes_max = self.tokens.parameters().token_bytes_max;
        let credential = ServiceCredential::from_authorization(values, bytes_max)?;
        match credential.ok_or(ServiceAuthnError::Missing)? {
            ServiceCredential::ApiKey { key, team } => Ok(self.of_key(&key, team)?),
            ServiceCredential::Token(bearer) => Ok(Box::pin(self.of_token(bearer)).await?),
        }
    }

    /// An id that nobody has costs the same as one that somebody has.
    fn of_key(&self, key: &ApiKey, team: Option<TeamId>) -> Result<ServicePrincipal, AuthnError> {
        let known = self.keys.get(key.id());
        let expected = known.map_or(SecretHash::OF_NOTHING, |known| known.secret_sha256);
        let is_right = key.secret_sha256() == expected;
        let Some(known) = known.filter(|_| is_right) else {
            return Err(InvalidReason::ApiKey.into());
        };
        if team.is_some_and(|team| team != self.team) {
            return Err(InvalidReason::Team.into());
        }
        if known.expires.is_some_and(|end| end <= self.clock.now()) {
            return Err(InvalidReason::ApiKeyExpired.into());
        }
        Ok(known.principal.clone())
    }

    async fn of_token(&self, bearer: Bearer<'_>) -> Result<ServicePrincipal, AuthnError> {
        let proven = self.tokens.authenticate(bearer).await?;
        Ok(self.client(&proven))
    }

    /// A client that is not listed may do nothing; one that is, what its token says within what
    /// the configuration says, which is all of it if the token says nothing.
    fn client(&self, proven: &Principal) -> ServicePrincipal {
        let (issuer, subject) = (proven.issuer_name(), proven.subject().as_str());
        // Two issuers may have clients of one id.
        let id: Arc<str> = Arc::from(format!("{issuer}:{subject}"));
        let Some(client) = self.clients.get(&(Arc::from(issuer), Arc::from(subject))) else {
            let name = Arc::clone(&id);
            return ServicePrincipal::new(ServiceKind::Client, id, name, Arc::default());
        };
        let mut grants = client.grants.clone();
        if proven.has_groups_claim() {
            grants.scopes = grants.scopes.within(&scopes_of(proven.groups()));
        }
        let name = Arc::clone(&client.name);
        ServicePrincipal::new(ServiceKind::Client, id, name, Arc::new(grants))
    }
}

fn known(key: ApiKeyParameters) -> (ApiKeyId, KnownKey) {
    let principal = ServicePrincipal::new(
        ServiceKind::ApiKey,
        Arc::from(key.id.as_str()),
        key.name,
        Arc::new(key.grants),
    );
    let known = KnownKey {
        secret_sha256: key.secret_sha256,
        expires: key.expires,
        principal,
    };
    (key.id, known)
}

/// Scopes of other services in the same token are none of ours.
fn scopes_of(words: &[Box<str>]) -> ScopeSet {
    let mut scopes = ScopeSet::default();
    for given in words.iter().filter_map(|word| word.parse().ok()) {
        scopes.add(&given);
    }
    scopes
}

/// Why a request of a product backend has no principal.
#[derive(Debug, thiserror::Error)]
pub enum ServiceAuthnError {
    /// It presents nothing.
    #[error("there is no credential")]
    Missing,
    /// What it presents is no credential.
    #[error(transparent)]
    Unreadable(#[from] CredentialFault),
    /// What it presents does not hold, or cannot be checked now.
    #[error(transparent)]
    Refused(#[from] AuthnError),
}

impl std::fmt::Debug for ServiceAuthenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServiceAuthenticator")
            .field("keys", &self.keys.len())
            .field("tokens", &self.tokens)
            .finish_non_exhaustive()
    }
}
