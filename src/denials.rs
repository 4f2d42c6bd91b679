//! Denials: who may not enter which rooms until when, whatever the policy says. Looked up in memory
//! at every mint; written to the shared state, and every replica follows. Knows no HTTP.

mod denial;
mod index;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::FutureExt as _;

use crate::authn::Principal;
use crate::clock::{Clock, UnixTime};
use crate::domain::RoomKey;
use crate::state::{Heard, Notice, RecordFault, Records, Space, State, StateFault, Topic};

pub use denial::{Barred, Denial, DenialId};
use index::Index;

/// What the state holds of them.
const SPACE: Space = Space {
    name: "denials",
    version: 1,
    records_max: 10_000,
};

/// What could not be read is tried again after so long at first, and twice as long each time.
const RETRY_FIRST: Duration = Duration::from_millis(100);
/// And never later than this.
const RETRY_MAX: Duration = Duration::from_secs(2);

/// Why somebody is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Somebody said so.
    #[error("a denial bars the person from the room")]
    Barred,
    /// This replica has not read the denials yet: nobody can be let in.
    #[error("the denials are not known yet")]
    NotKnownYet,
}

/// Every denial. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Denials {
    records: Records<Denial>,
    state: State,
    clock: Clock,
    /// `None` until they were read once.
    known: Arc<ArcSwap<Option<Index>>>,
    /// Held while one of them changes or all are read: what is known follows what is written.
    changing: Arc<tokio::sync::Mutex<()>>,
}

impl Denials {
    /// Denials that are kept in this state. Those in this process are known at once; those that
    /// replicas share, once [`Denials::hear`] was told of the first connection.
    pub fn new(state: State, clock: Clock) -> Self {
        let denials = Self {
            records: Records::new(state.clone(), SPACE),
            state,
            clock,
            known: Arc::default(),
            changing: Arc::default(),
        };
        // In process nothing is waited for.
        let _read = denials.read_all().now_or_never();
        denials
    }

    /// Whether they were read.
    pub fn are_known(&self) -> bool {
        self.known.load().is_some()
    }

    /// Waits until they were read, be it for ever.
    pub async fn until_known(&self) {
        while !self.are_known() {
            tokio::time::sleep(RETRY_FIRST).await;
        }
    }

    /// Whether a person may enter a room now.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn check(
        &self,
        principal: &Principal,
        room_key: &RoomKey,
        now: UnixTime,
    ) -> Result<(), Denied> {
        self.refuse_if(|index| index.bars(principal, room_key, now))
    }

    /// The same for somebody of whom only the user id is known, by a product backend's word, and for
    /// a room that may have no key: there, who is barred everywhere is barred.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn check_user(
        &self,
        user_id: &str,
        room_key: Option<&RoomKey>,
        now: UnixTime,
    ) -> Result<(), Denied> {
        self.refuse_if(|index| index.bars_user(user_id, room_key, now))
    }

    fn refuse_if(&self, bars: impl FnOnce(&Index) -> bool) -> Result<(), Denied> {
        match &**self.known.load() {
            None => Err(Denied::NotKnownYet),
            Some(index) if bars(index) => Err(Denied::Barred),
            Some(_) => Ok(()),
        }
    }

    /// Writes a denial, over one of the same id. Once it returns, this replica follows it, and the
    /// others are told.
    ///
    /// # Errors
    /// [`RecordFault`]; then nothing has changed for certain.
    pub async fn put(&self, id: &DenialId, denial: Denial) -> Result<(), RecordFault> {
        if !self.state.is_durable() {
            tracing::warn!("a denial is kept in memory alone: set state.file or state.redis.url");
        }
        let _changing = self.changing.lock().await;
        self.records
            .put(id.as_str(), &denial, Some(denial.until()))
            .await?;
        self.change(|index| index.insert(id.clone(), denial));
        self.announce(id).await;
        Ok(())
    }

    /// Lifts a denial; whether there was one.
    ///
    /// # Errors
    /// [`RecordFault`].
    pub async fn lift(&self, id: &DenialId) -> Result<bool, RecordFault> {
        let _changing = self.changing.lock().await;
        let was_there = self.records.delete(id.as_str()).await?;
        self.change(|index| index.remove(id));
        self.announce(id).await;
        Ok(was_there)
    }

    /// A denial that has not ended.
    ///
    /// # Errors
    /// [`RecordFault`].
    pub async fn get(&self, id: &DenialId) -> Result<Option<Denial>, RecordFault> {
        self.records.get(id.as_str()).await
    }

    /// Every denial that has not ended.
    ///
    /// # Errors
    /// [`StateFault`].
    pub async fn list(&self) -> Result<Vec<(DenialId, Denial)>, StateFault> {
        let mut all = Vec::new();
        for (id, denial) in self.records.list().await? {
            match (DenialId::parse(&id), denial) {
                (Ok(id), Ok(denial)) => all.push((id, denial)),
                (Ok(_), Err(fault)) => {
                    let error: &dyn std::error::Error = &fault;
                    tracing::error!(error, "a denial is not followed here");
                }
                (Err(_), _) => tracing::error!("a denial of an impossible id is not followed"),
            }
        }
        all.sort_by(|a, b| a.0.as_str().cmp(b.0.as_str()));
        Ok(all)
    }

    /// Follows what the replicas announce. Returns once this one knows what they know, however
    /// long that takes.
    pub async fn hear(&self, heard: &Heard) {
        let mut pause = RETRY_FIRST;
        while self.follow(heard).await.is_err() {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY_MAX);
        }
    }

    async fn follow(&self, heard: &Heard) -> Result<(), StateFault> {
        match heard {
            Heard::Notice(Notice {
                topic: Topic::Denial,
                subject,
            }) => self.read(subject).await,
            Heard::Notice(Notice {
                topic:
                    Topic::Room
                    | Topic::NamedRoom
                    | Topic::RoomCreated
                    | Topic::Rooms
                    | Topic::Happening,
                ..
            }) => Ok(()),
            Heard::Missed => self.read_all().await,
            Heard::Emptied => self.put_back().await,
        }
    }

    async fn read(&self, id: &str) -> Result<(), StateFault> {
        let Ok(id) = DenialId::parse(id) else {
            return Ok(());
        };
        let _changing = self.changing.lock().await;
        match self.records.get(id.as_str()).await {
            Ok(Some(denial)) => self.change(|index| index.insert(id, denial)),
            Ok(None) => self.change(|index| index.remove(&id)),
            Err(RecordFault::State(fault)) => return Err(fault),
            Err(fault @ (RecordFault::OtherVersion { .. } | RecordFault::Unreadable { .. })) => {
                let error: &dyn std::error::Error = &fault;
                tracing::error!(error, "a denial is not followed here");
            }
        }
        Ok(())
    }

    async fn read_all(&self) -> Result<(), StateFault> {
        let _changing = self.changing.lock().await;
        let index = self.list().await?.into_iter().collect();
        self.known.store(Arc::new(Some(index)));
        Ok(())
    }

    /// The shared state lost what it held: what is remembered here is written again, so that a
    /// denial that was acknowledged holds.
    async fn put_back(&self) -> Result<(), StateFault> {
        let now = self.clock.now();
        let remembered = self.known.load_full();
        for (id, denial) in remembered.iter().flat_map(Index::iter) {
            if denial.until() <= now {
                continue;
            }
            let put = self
                .records
                .put_new(id.as_str(), denial, Some(denial.until()));
            match put.await {
                Ok(true) => self.announce(id).await,
                Err(RecordFault::State(fault)) => return Err(fault),
                Ok(false)
                | Err(RecordFault::OtherVersion { .. } | RecordFault::Unreadable { .. }) => {}
            }
        }
        self.read_all().await
    }

    fn change(&self, change: impl FnOnce(&mut Index)) {
        if let Some(index) = &**self.known.load() {
            let mut index = index.clone();
            change(&mut index);
            index.forget_ended(self.clock.now());
            self.known.store(Arc::new(Some(index)));
        }
    }

    async fn announce(&self, id: &DenialId) {
        let notice = Notice {
            topic: Topic::Denial,
            subject: id.as_str().to_owned(),
        };
        self.state.announce(notice).await;
    }
}
