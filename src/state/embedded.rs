//! The form of one process: everything in memory, records in a file too if there is one.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::broadcast;

use super::fault::StateFault;
use super::file::{FileFault, RecordFile};
use super::lease::{Claim, Lease};
use super::notice::{Heard, Notices};
use super::record::{Space, Stored, Write};
use crate::clock::{Clock, Monotonic};

/// Leases and names seen before that are kept at once.
const MARKS_MAX: usize = 200_000;

/// A name that is taken until a moment.
#[derive(Debug, Clone, Copy)]
struct Mark {
    fence: u64,
    until: Monotonic,
}

/// The form of one process.
#[derive(Debug)]
pub struct Embedded {
    clock: Clock,
    fences: AtomicU64,
    marks: Mutex<HashMap<String, Mark>>,
    /// Nothing is ever sent: there is nobody else to hear of.
    notices: broadcast::Sender<Heard>,
    records: Mutex<HashMap<String, BTreeMap<String, Stored>>>,
    file: Option<RecordFile>,
    /// Held from before a record is on the disk until it is in memory: both have one order.
    writing: tokio::sync::Mutex<()>,
}

impl Embedded {
    pub(super) fn in_memory(clock: Clock) -> Self {
        Self {
            // Fences grow over restarts too.
            fences: AtomicU64::new(clock.now().millis().saturating_mul(1000)),
            clock,
            marks: Mutex::default(),
            notices: broadcast::Sender::new(1),
            records: Mutex::default(),
            file: None,
            writing: tokio::sync::Mutex::new(()),
        }
    }

    pub(super) fn open(file: Option<&Path>, clock: Clock) -> Result<Self, FileFault> {
        let mut embedded = Self::in_memory(clock);
        if let Some(path) = file {
            let (file, rows) = RecordFile::open(path)?;
            let mut records: HashMap<String, BTreeMap<String, Stored>> = HashMap::new();
            for (space, id, text) in rows {
                let space = records.entry(space).or_default();
                space.insert(id, Stored::of_text(text));
            }
            embedded.records = Mutex::new(records);
            embedded.file = Some(file);
        }
        Ok(embedded)
    }

    pub(super) fn has_file(&self) -> bool {
        self.file.is_some()
    }

    pub(super) fn claim(&self, name: &str, ttl: Duration) -> Result<Claim, StateFault> {
        let now = self.clock.monotonic();
        let mut marks = lock(&self.marks);
        if let Some(mark) = marks.get(name)
            && now < mark.until
        {
            return Ok(Claim::Others {
                ends_in: mark.until.since(now),
            });
        }
        if marks.len() >= MARKS_MAX {
            marks.retain(|_, mark| now < mark.until);
            if marks.len() >= MARKS_MAX {
                return Err(StateFault::Full);
            }
        }
        let fence = self.fences.fetch_add(1, Ordering::Relaxed);
        let until = now.plus(ttl);
        marks.insert(name.to_owned(), Mark { fence, until });
        Ok(Claim::Mine(Lease {
            name: name.to_owned(),
            fence,
        }))
    }

    pub(super) fn renew(&self, lease: &Lease, ttl: Duration) -> bool {
        let now = self.clock.monotonic();
        match lock(&self.marks).get_mut(&lease.name) {
            Some(mark) if mark.fence == lease.fence && now < mark.until => {
                mark.until = now.plus(ttl);
                true
            }
            Some(_) | None => false,
        }
    }

    pub(super) fn release(&self, lease: &Lease) {
        let mut marks = lock(&self.marks);
        if marks
            .get(&lease.name)
            .is_some_and(|mark| mark.fence == lease.fence)
        {
            marks.remove(&lease.name);
        }
    }

    pub(super) fn is_first(&self, name: &str, ttl: Duration) -> Result<bool, StateFault> {
        // Apart from leases, whose names begin otherwise.
        match self.claim(&format!("seen {name}"), ttl)? {
            Claim::Mine(_) => Ok(true),
            Claim::Others { .. } => Ok(false),
        }
    }

    pub(super) fn listen(&self) -> Notices {
        Notices(self.notices.subscribe())
    }

    pub(super) async fn put(
        &self,
        space: Space,
        id: &str,
        stored: Stored,
        write: Write,
    ) -> Result<bool, StateFault> {
        let _writing = self.writing.lock().await;
        let is_there = self.get(space, id).is_some();
        if is_there && write == Write::IfNew {
            return Ok(false);
        }
        if !is_there {
            self.make_room(space).await?;
        }
        if let Some(file) = &self.file {
            let row = (id.to_owned(), Some(stored.text.clone()));
            file.write(space.name, vec![row]).await?;
        }
        let mut records = lock(&self.records);
        let space = records.entry(space.name.to_owned()).or_default();
        space.insert(id.to_owned(), stored);
        Ok(true)
    }

    pub(super) fn get(&self, space: Space, id: &str) -> Option<Stored> {
        let records = lock(&self.records);
        let stored = records.get(space.name)?.get(id)?;
        (!stored.is_over(self.clock.now())).then(|| stored.clone())
    }

    pub(super) async fn delete(&self, space: Space, id: &str) -> Result<bool, StateFault> {
        let _writing = self.writing.lock().await;
        let was_there = self.get(space, id).is_some();
        self.remove(space, vec![id.to_owned()]).await?;
        Ok(was_there)
    }

    pub(super) fn list(&self, space: Space) -> Vec<(String, Stored)> {
        let now = self.clock.now();
        let records = lock(&self.records);
        let all = records.get(space.name).into_iter().flatten();
        all.filter(|(_, stored)| !stored.is_over(now))
            .map(|(id, stored)| (id.clone(), stored.clone()))
            .collect()
    }

    /// Before a space grows beyond its bound: what is over goes, and if nothing is, it is full.
    async fn make_room(&self, space: Space) -> Result<(), StateFault> {
        let now = self.clock.now();
        let over: Vec<String> = {
            let records = lock(&self.records);
            let Some(ours) = records.get(space.name) else {
                return Ok(());
            };
            if ours.len() < space.records_max {
                return Ok(());
            }
            let over = ours.iter().filter(|(_, stored)| stored.is_over(now));
            over.map(|(id, _)| id.clone()).collect()
        };
        if over.is_empty() {
            return Err(StateFault::Full);
        }
        self.remove(space, over).await
    }

    async fn remove(&self, space: Space, ids: Vec<String>) -> Result<(), StateFault> {
        if let Some(file) = &self.file {
            let rows = ids.iter().map(|id| (id.clone(), None)).collect();
            file.write(space.name, rows).await?;
        }
        if let Some(ours) = lock(&self.records).get_mut(space.name) {
            for id in &ids {
                ours.remove(id);
            }
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it is held, and the maps are whole at every moment.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
