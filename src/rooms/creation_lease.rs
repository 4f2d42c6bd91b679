//! Which replica creates a room: one at a time for each room key, and another once the first is
//! gone. Where the state cannot be asked, upstream alone decides, where names collide.

use std::time::Duration;

use crate::domain::RoomKey;
use crate::state::{Claim, HeldLease, State};

/// A replica that is killed holds the others up for so long. Should one lose its lease while it
/// creates, and another begin, upstream refuses the second.
const TTL: Duration = Duration::from_secs(3);
/// Whoever waits asks again after so long at first.
const POLL_FIRST: Duration = Duration::from_millis(20);
/// And never later than this.
const POLL_MAX: Duration = Duration::from_millis(250);

/// The right to create one room, until it is dropped.
#[derive(Debug)]
pub(super) struct Right {
    /// Somebody else was at it before: the room may be there by now.
    pub(super) is_anothers_turn_over: bool,
    /// None where the state cannot be asked: upstream refuses a second room of one name.
    _held: Option<HeldLease>,
}

/// Waits for the right to create the room, as long as the caller waits: within its deadline.
pub(super) async fn obtain(state: &State, key: &RoomKey) -> Right {
    let name = format!("room {key}");
    let mut pause = POLL_FIRST;
    let mut waited = false;
    loop {
        match state.claim(&name, TTL).await {
            Ok(Claim::Mine(lease)) => {
                return Right {
                    is_anothers_turn_over: waited,
                    _held: Some(HeldLease::keep(state.clone(), lease, TTL)),
                };
            }
            Ok(Claim::Others { ends_in }) => {
                waited = true;
                tokio::time::sleep(pause.min(ends_in.saturating_add(POLL_FIRST))).await;
                pause = (pause * 2).min(POLL_MAX);
            }
            Err(_fault) => {
                return Right {
                    is_anothers_turn_over: waited,
                    _held: None,
                };
            }
        }
    }
}
