//! Rooms are ensured, changed and deleted. What is remembered of a room follows: the very next
//! caller asks upstream.

use std::sync::Arc;
use std::time::Duration;

use tracing::Instrument as _;

use crate::domain::{FriendlyUrl, RoomId, RoomKey};
use crate::rooms::find_or_create::Landed;
use crate::rooms::resolve_error::ResolveError;
use crate::rooms::room::Room;
use crate::rooms::settings_change::SettingsChange;
use crate::rooms::template::Templates;
use crate::rooms::upstream::{DeleteFailure, Resources, UpstreamFailure};
use crate::state::Topic;

use super::{Directory, Found};

/// Why a room was not deleted.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DeleteError {
    /// Somebody is in it, and its resources were to go too.
    #[error("the room is live")]
    Live,
    /// It is not there, not ours, or upstream cannot be asked.
    #[error(transparent)]
    Room(#[from] ResolveError),
}

impl Directory {
    /// The room, found upstream or created there by these templates, once however many ask. One
    /// that is there is given the change.
    ///
    /// # Errors
    /// [`ResolveError`] when it is not ours or upstream cannot be asked.
    pub async fn ensure(
        &self,
        key: &RoomKey,
        templates: &Arc<Templates>,
        change: &SettingsChange,
    ) -> Result<Found, ResolveError> {
        let directory = self.clone();
        let (key, templates, change) = (key.clone(), Arc::clone(templates), change.clone());
        to_its_end(async move { directory.ensure_now(&key, &templates, &change).await }).await
    }

    async fn ensure_now(
        &self,
        key: &RoomKey,
        templates: &Arc<Templates>,
        change: &SettingsChange,
    ) -> Result<Found, ResolveError> {
        let there = self.read_anew(key, templates).await?;
        let found = if let Some(room) = there {
            Found {
                room,
                created: false,
            }
        } else {
            self.invalidate(key);
            self.resolve(key, true, templates).await?
        };
        if found.created || change.is_empty() {
            return Ok(found);
        }
        let room = self.write(&found.room, templates, change).await?;
        Ok(Found {
            room,
            created: false,
        })
    }

    /// Changes settings of a room that is there.
    ///
    /// # Errors
    /// [`ResolveError`] when it is not, is not ours, or upstream cannot be asked.
    pub async fn change(
        &self,
        key: &RoomKey,
        templates: &Arc<Templates>,
        change: &SettingsChange,
    ) -> Result<Arc<Room>, ResolveError> {
        let directory = self.clone();
        let (key, templates, change) = (key.clone(), Arc::clone(templates), change.clone());
        to_its_end(async move {
            let room = directory.read_anew(&key, &templates).await?;
            let room = room.ok_or(ResolveError::NotFound)?;
            if change.is_empty() {
                return Ok(room);
            }
            directory.write(&room, &templates, &change).await
        })
        .await
    }

    /// Deletes a room that is there.
    ///
    /// # Errors
    /// [`DeleteError`] when it is not, is not ours, is live, or upstream cannot be asked.
    pub async fn delete(
        &self,
        key: &RoomKey,
        templates: &Arc<Templates>,
        resources: Resources,
    ) -> Result<(), DeleteError> {
        let directory = self.clone();
        let (key, templates) = (key.clone(), Arc::clone(templates));
        to_its_end(async move { directory.delete_now(&key, &templates, resources).await }).await
    }

    async fn delete_now(
        &self,
        key: &RoomKey,
        templates: &Arc<Templates>,
        resources: Resources,
    ) -> Result<(), DeleteError> {
        let room = self.read_anew(key, templates).await?;
        let room = room.ok_or(ResolveError::NotFound)?;
        match self.work.upstream.delete(room.id(), resources).await {
            Ok(()) => {
                self.invalidate(key);
                Ok(())
            }
            Err(DeleteFailure::Live) => Err(DeleteError::Live),
            Err(DeleteFailure::Upstream(failure)) => {
                self.outdate(key);
                Err(ResolveError::from(failure).into())
            }
        }
    }

    /// Whatever came of it, upstream may have the change: the room is read again before it is
    /// served as fresh. Until then it can be served should upstream fail.
    async fn write(
        &self,
        room: &Room,
        templates: &Arc<Templates>,
        change: &SettingsChange,
    ) -> Result<Arc<Room>, ResolveError> {
        let key = room.key();
        let updated = self.work.upstream.update(room.id(), change.values()).await;
        self.outdate(key);
        match updated? {
            Some(updated) => self.work.prove(key, templates, updated).await,
            None => Err(ResolveError::NotFound),
        }
    }

    /// The room as upstream has it now, proven to be this key's, whatever is remembered. Nothing
    /// is remembered of it either: should upstream fail, joins go on with what they have.
    async fn read_anew(
        &self,
        key: &RoomKey,
        templates: &Arc<Templates>,
    ) -> Result<Option<Arc<Room>>, ResolveError> {
        let work = Arc::clone(&self.work).run(key.clone(), false, Arc::clone(templates));
        match tokio::time::timeout(self.deadline, work).await {
            Ok(Ok(Landed::Room { room, .. })) => Ok(Some(room)),
            Ok(Ok(Landed::Absent)) => Ok(None),
            Ok(Err(error)) => Err(error),
            Err(_elapsed) => Err(UpstreamFailure::Timeout.into()),
        }
    }

    /// What is known of a room counts only while upstream fails, and nothing that is on its way is
    /// remembered.
    pub fn outdate(&self, key: &RoomKey) {
        self.flights.abandon(key);
        self.cache.outdate(key);
        self.tell_watchers(key);
        self.announce(Topic::Room, key.to_string());
    }

    /// Forgets the room that upstream knows by this id or name, as [`Directory::invalidate`] does.
    /// The other replicas are told that name: who changes a room need not have read it.
    pub fn invalidate_named(&self, name: &str) {
        for key in self.cache.keys_of(name) {
            self.invalidate(&key);
        }
        self.outdate_named(name);
    }

    /// As [`Directory::outdate`] does, of the room that upstream knows by this id or name.
    pub fn outdate_named(&self, name: &str) {
        if !is_name(name) {
            // Upstream may take it for one of a room's all the same.
            return self.outdate_all();
        }
        self.note_named_changed(name);
        self.announce(Topic::NamedRoom, name.to_owned());
    }

    /// What is known of any room counts only while upstream fails, here and at every replica.
    pub fn outdate_all(&self) {
        self.note_all_changed();
        self.announce(Topic::Rooms, String::new());
    }

    /// The room that upstream knows by this id or name may be another by now: it is read again
    /// before it is served as fresh.
    pub(super) fn note_named_changed(&self, name: &str) {
        // Before the cache is looked through: what lands in between is not kept.
        self.flights.note_changed(name);
        for key in self.cache.keys_of(name) {
            self.flights.abandon(&key);
            self.cache.outdate(&key);
            self.tell_watchers(&key);
        }
        for watcher in &*self.watchers {
            watcher.named_changed(name);
        }
    }
}

/// Whether a room can have this id or name.
fn is_name(name: &str) -> bool {
    RoomId::parse(name).is_ok() || FriendlyUrl::parse(name).is_ok()
}

/// Does it in a task of its own: a caller who hangs up must not leave something changed upstream
/// and remembered here as it was.
async fn to_its_end<T: Send + 'static, E: From<ResolveError> + Send + 'static>(
    work: impl Future<Output = Result<T, E>> + Send + 'static,
) -> Result<T, E> {
    match tokio::spawn(work.in_current_span()).await {
        Ok(done) => done,
        Err(_dropped_at_shutdown) => {
            let retry_after = Duration::from_secs(1);
            Err(ResolveError::from(UpstreamFailure::Unavailable { retry_after }).into())
        }
    }
}
