//! Follows what the replicas announce, as long as the app lives.

use tokio::task::AbortHandle;

use crate::denials::Denials;
use crate::rooms::Directory;
use crate::state::State;
use crate::webhooks::Effects;

/// The task that follows; ended when it is dropped.
#[derive(Debug)]
pub(super) struct Follower(AbortHandle);

impl Follower {
    pub(super) fn start(
        state: &State,
        directory: &Directory,
        denials: &Denials,
        effects: &Effects,
    ) -> Self {
        let (directory, denials) = (directory.clone(), denials.clone());
        let effects = effects.clone();
        let mut notices = state.listen();
        let following = tokio::spawn(async move {
            // What is shared is read at the first notice, which says from where on notices are heard.
            // What was read before that, a Redis that then loses its data would have us forget.
            while let Some(heard) = notices.next().await {
                directory.hear(&heard);
                effects.hear(&heard);
                denials.hear(&heard).await;
            }
        });
        Self(following.abort_handle())
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.abort();
    }
}
