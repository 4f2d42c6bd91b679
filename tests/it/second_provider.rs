//! Another provider than the one that every app has, with keys of its own and the same people.

use std::sync::LazyLock;
use std::time::Duration;

use room_broker::clock::Clock;
use room_broker::simulator::identity_provider::{
    self, Client, IdentityProvider, Parameters, SigningKeys,
};

use crate::support::{AUDIENCE, INTROSPECTION_SECRET, listener};

/// Made once: an RSA key takes its time.
static KEYS: LazyLock<SigningKeys> = LazyLock::new(|| SigningKeys::generate().unwrap());

/// Starts it.
pub(crate) fn second_provider(clock: &Clock) -> IdentityProvider {
    let parameters = Parameters {
        listener: listener(),
        clock: clock.clone(),
        audience: AUDIENCE.to_owned(),
        introspection_client: Client {
            id: "broker".to_owned(),
            secret: INTROSPECTION_SECRET.to_owned(),
        },
        token_ttl: Duration::from_hours(1),
        keys: KEYS.clone(),
    };
    identity_provider::start(parameters).unwrap()
}
