//! Our webhook, registered at a start. Nothing waits for it, and its failure stops nothing: what
//! webhooks would tell is read from upstream instead.

use std::sync::Arc;
use std::time::Duration;

use crate::digital_samba::Client;
use crate::state::{Claim, State};
use crate::webhooks::{self, Endpoint};

/// Tries, with a pause that doubles.
const TRIES_MAX: u32 = 6;
/// Replicas that start within so long leave it to the first.
const TURN: Duration = Duration::from_secs(120);
const PAUSE_FIRST: Duration = Duration::from_secs(2);

/// Registers until it is done, or gives up.
pub(super) async fn register(client: Arc<Client>, endpoint: Arc<Endpoint>, state: State) {
    if is_anothers_turn(&state).await {
        return;
    }
    let mut pause = PAUSE_FIRST;
    for _try in 1..=TRIES_MAX {
        match webhooks::sync(&client, &endpoint).await {
            Ok(steps) => {
                let changed = steps.iter().filter(|step| step.is_change()).count();
                tracing::info!(changed, "our webhook is registered upstream");
                return;
            }
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "our webhook is not registered upstream yet");
            }
        }
        tokio::time::sleep(pause).await;
        pause = pause.saturating_mul(2);
    }
    tracing::error!("our webhook is not registered upstream: run `room-broker webhooks sync`");
}

/// One replica is enough. Where that cannot be told, each of them sees to it that there is one.
async fn is_anothers_turn(state: &State) -> bool {
    for _try in 1..=TRIES_MAX {
        match state.claim("webhooks sync", TURN).await {
            Ok(Claim::Others { .. }) => return true,
            Ok(Claim::Mine(_until_it_ends)) => return false,
            Err(_not_yet) => tokio::time::sleep(PAUSE_FIRST).await,
        }
    }
    false
}
