//! Our webhook upstream: there once, with today's endpoint, events and secret. Others' are never
//! touched: ours are those whose endpoint begins as ours does.

use secrecy::{ExposeSecret as _, SecretString};

use crate::digital_samba::{Client, Webhook, WebhookSpec};
use crate::domain::WebhookId;
use crate::rooms::UpstreamFailure;

use super::credential::CredentialForm;
use super::endpoint::Endpoint;
use super::event::EVENTS;

/// What upstream shows it as.
const NAME: &str = "room-broker";

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It was not there.
    Created(WebhookId),
    /// It said something else.
    Updated(WebhookId),
    /// It was right.
    Kept(WebhookId),
    /// It was one too many, or is not wanted any more.
    Removed(WebhookId),
}

/// Why our webhook is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("upstream's webhooks cannot be synchronised")]
pub struct SyncError(#[from] UpstreamFailure);

impl Step {
    /// Whether upstream was changed.
    pub fn is_change(self) -> bool {
        match self {
            Self::Created(_) | Self::Updated(_) | Self::Removed(_) => true,
            Self::Kept(_) => false,
        }
    }
}

impl Endpoint {
    /// Whether a webhook is one of ours: this one, or one of an earlier segment.
    pub fn is_ours(&self, webhook: &Webhook) -> bool {
        webhook.endpoint.expose_secret().starts_with(&self.base())
    }

    fn spec(&self) -> WebhookSpec {
        let secret = self.credential().secret().clone();
        let (authorization, signing_secret) = match self.credential().form() {
            CredentialForm::Authorization => (Some(secret), None),
            CredentialForm::Signature => (None, Some(secret)),
        };
        let of_use = EVENTS.iter().filter(|event| event.is_of_use());
        WebhookSpec {
            name: NAME,
            endpoint: self.url(),
            authorization,
            signing_secret,
            events: of_use.map(|event| event.name()).collect(),
        }
    }

    /// Whether a webhook of ours certainly is what it should be. A secret that is not shown cannot
    /// be told: then it is written again.
    fn is_known_to_be(&self, webhook: &Webhook) -> bool {
        self.says(webhook) && webhook.authorization.is_some()
    }

    /// Whether a webhook of ours is what it should be, as far as upstream shows it.
    pub fn says(&self, webhook: &Webhook) -> bool {
        let spec = self.spec();
        let shown = webhook
            .authorization
            .as_ref()
            .map(SecretString::expose_secret);
        let sent = spec.authorization.as_ref().map(SecretString::expose_secret);
        let mut wanted = spec.events.clone();
        wanted.sort_unstable();
        let mut events: Vec<&str> = webhook.events.iter().map(String::as_str).collect();
        events.sort_unstable();
        webhook.endpoint.expose_secret() == spec.endpoint.expose_secret()
            && shown.is_none_or(|shown| Some(shown) == sent)
            && events == wanted
    }
}

/// Makes our webhook what it should be. Done again, it changes nothing.
///
/// # Errors
/// [`SyncError`]; done again, it goes on where it stopped.
pub async fn sync(client: &Client, endpoint: &Endpoint) -> Result<Vec<Step>, SyncError> {
    let mut steps = Vec::new();
    let spec = endpoint.spec();
    let kept = match ours(client, endpoint).await?.first() {
        // A list leaves the events out.
        Some(listed) => client.webhook(listed.id).await?,
        None => None,
    };
    match kept {
        Some(webhook) if endpoint.is_known_to_be(&webhook) => steps.push(Step::Kept(webhook.id)),
        Some(webhook) => {
            client.update_webhook(webhook.id, &spec).await?;
            steps.push(Step::Updated(webhook.id));
        }
        None => steps.push(Step::Created(client.create_webhook(&spec).await?)),
    }
    // Looked for again: another replica may have done the same meanwhile. Both keep the same one.
    for surplus in ours(client, endpoint).await?.iter().skip(1) {
        client.delete_webhook(surplus.id).await?;
        steps.push(Step::Removed(surplus.id));
    }
    Ok(steps)
}

/// Takes every webhook of ours away.
///
/// # Errors
/// [`SyncError`]; done again, it goes on where it stopped.
pub async fn remove(client: &Client, endpoint: &Endpoint) -> Result<Vec<Step>, SyncError> {
    let mut steps = Vec::new();
    for webhook in ours(client, endpoint).await? {
        client.delete_webhook(webhook.id).await?;
        steps.push(Step::Removed(webhook.id));
    }
    Ok(steps)
}

/// Ours, the one to be kept first: that of today's endpoint, or else any, as long as it is the same
/// for everybody.
async fn ours(client: &Client, endpoint: &Endpoint) -> Result<Vec<Webhook>, SyncError> {
    let mut webhooks = client.webhooks().await?;
    webhooks.retain(|webhook| endpoint.is_ours(webhook));
    let url = endpoint.url();
    webhooks.sort_by_key(|webhook| {
        let is_former = webhook.endpoint.expose_secret() != url.expose_secret();
        (is_former, *webhook.id.as_uuid())
    });
    Ok(webhooks)
}
