//! Is our webhook registered, and does its endpoint answer as we do?

use std::time::Duration;

use secrecy::ExposeSecret as _;

use crate::app::Parts;
use crate::http_client::{HttpClientParameters, Proxies, http_client};
use crate::rooms::UpstreamFailure;
use crate::settings::Settings;
use crate::webhooks::Endpoint;

use super::{Finding, told};

const PATIENCE: Duration = Duration::from_secs(10);

/// What there is to say of webhooks.
pub(super) async fn findings(settings: &Settings, parts: &Parts) -> Vec<Finding> {
    let Some(endpoint) = &settings.webhooks.endpoint else {
        return vec![Finding::Skipped(
            "webhooks are off: webhooks.public_url is not set".to_owned(),
        )];
    };
    let registered = match registered(endpoint, parts).await {
        Ok(finding) => finding,
        Err(failure) => Finding::Bad(told(&failure)),
    };
    vec![registered, answering(endpoint).await]
}

async fn registered(endpoint: &Endpoint, parts: &Parts) -> Result<Finding, UpstreamFailure> {
    let listed = parts.client.webhooks().await?;
    let ours: Vec<_> = listed
        .iter()
        .filter(|webhook| endpoint.is_ours(webhook))
        .collect();
    let is_right = match ours.as_slice() {
        [] => {
            return Ok(Finding::Bad(
                "our webhook is not registered upstream: run `room-broker webhooks sync`"
                    .to_owned(),
            ));
        }
        // A list leaves the events out.
        [webhook] => {
            let webhook = parts.client.webhook(webhook.id).await?;
            webhook.is_some_and(|webhook| endpoint.says(&webhook))
        }
        [_, _, ..] => false,
    };
    Ok(if is_right {
        Finding::Good("our webhook is registered upstream".to_owned())
    } else {
        Finding::Bad(
            "our webhook upstream is not what the configuration says: run `room-broker webhooks sync`"
                .to_owned(),
        )
    })
}

/// A delivery without a credential: whoever is there must refuse it as we do.
async fn answering(endpoint: &Endpoint) -> Finding {
    let client = http_client(HttpClientParameters {
        connect_timeout: PATIENCE,
        total_timeout: PATIENCE,
        redirects_max: 0,
        idle_connections_max: 0,
        proxies: Proxies::OfEnvironment,
    });
    let Ok(client) = client else {
        return Finding::Bad("the HTTP client could not be built".to_owned());
    };
    // The URL is a secret, and an error of the client names it: none is shown.
    match client.post(endpoint.url().expose_secret()).send().await {
        Ok(answer) if answer.status() == 401 => {
            Finding::Good("the webhook endpoint answers, and refuses strangers".to_owned())
        }
        Ok(answer) => Finding::Bad(format!(
            "webhooks.public_url: the endpoint answers {} to a stranger in the place of 401",
            answer.status().as_u16()
        )),
        Err(_named_in_it) => Finding::Bad(
            "webhooks.public_url: nobody answers at the webhook endpoint from here".to_owned(),
        ),
    }
}
