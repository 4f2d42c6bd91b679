//! Records: small, durable, with a format version, so that those of another version are told apart
//! and neither misread nor lost.

use std::marker::PhantomData;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use super::{Form, State, StateFault};
use crate::clock::UnixTime;

/// Records of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Its name, of lower-case letters: part of every key.
    pub name: &'static str,
    /// The version of its format: raised when older programs would misread new records.
    pub version: u32,
    /// Records that it may hold.
    pub records_max: usize,
}

/// Why a record cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RecordFault {
    /// The state cannot be used.
    #[error(transparent)]
    State(#[from] StateFault),
    /// Written by another version of this program. It is left as it is.
    #[error("a record of {space} has format {found}, and this program reads format {known}")]
    OtherVersion {
        /// The kind of record.
        space: &'static str,
        /// Its format.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// No record of ours. It is left as it is.
    #[error("a record of {space} cannot be read")]
    Unreadable {
        /// The kind of record.
        space: &'static str,
        /// What the parser says.
        #[source]
        source: serde_json::Error,
    },
}

/// How a record is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Envelope<T> {
    version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at_ms: Option<u64>,
    record: T,
}

/// A record as the forms hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) text: String,
    pub(super) expires_at: Option<UnixTime>,
}

impl Stored {
    /// From its text alone; one that cannot be read expires when someone deletes it.
    pub(super) fn of_text(text: String) -> Self {
        let envelope: Option<Envelope<IgnoredAny>> = serde_json::from_str(&text).ok();
        let expires_at = envelope.and_then(|envelope| envelope.expires_at_ms);
        Self {
            text,
            expires_at: expires_at.map(UnixTime::from_millis),
        }
    }

    pub(super) fn is_over(&self, now: UnixTime) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

/// Whether a write replaces what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Write {
    Replace,
    IfNew,
}

/// The records of one kind. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Records<T> {
    state: State,
    space: Space,
    of: PhantomData<fn() -> T>,
}

impl<T: Serialize + DeserializeOwned> Records<T> {
    /// The records of this space.
    pub fn new(state: State, space: Space) -> Self {
        Self {
            state,
            space,
            of: PhantomData,
        }
    }

    /// Writes a record, over one that is there.
    ///
    /// # Errors
    /// [`RecordFault`]; a record that is acknowledged is there.
    pub async fn put(
        &self,
        id: &str,
        record: &T,
        expires_at: Option<UnixTime>,
    ) -> Result<(), RecordFault> {
        let stored = self.seal(record, expires_at)?;
        self.write(id, stored, Write::Replace).await?;
        Ok(())
    }

    /// Writes a record unless one is there; whether it did.
    ///
    /// # Errors
    /// [`RecordFault`].
    pub async fn put_new(
        &self,
        id: &str,
        record: &T,
        expires_at: Option<UnixTime>,
    ) -> Result<bool, RecordFault> {
        let stored = self.seal(record, expires_at)?;
        Ok(self.write(id, stored, Write::IfNew).await?)
    }

    /// Reads a record that has not expired.
    ///
    /// # Errors
    /// [`RecordFault`].
    pub async fn get(&self, id: &str) -> Result<Option<T>, RecordFault> {
        let stored = match &self.state.0 {
            Form::Embedded(embedded) => embedded.get(self.space, id),
            Form::Shared(shared) => shared.get(self.space, id).await?,
        };
        stored.map(|stored| self.open(&stored)).transpose()
    }

    /// Deletes a record; whether one was there.
    ///
    /// # Errors
    /// [`RecordFault`].
    pub async fn delete(&self, id: &str) -> Result<bool, RecordFault> {
        Ok(match &self.state.0 {
            Form::Embedded(embedded) => embedded.delete(self.space, id).await?,
            Form::Shared(shared) => shared.delete(self.space, id).await?,
        })
    }

    /// Every record that has not expired, each by its id. One that cannot be read hides no other.
    ///
    /// # Errors
    /// [`StateFault`].
    pub async fn list(&self) -> Result<Vec<(String, Result<T, RecordFault>)>, StateFault> {
        let all = match &self.state.0 {
            Form::Embedded(embedded) => embedded.list(self.space),
            Form::Shared(shared) => shared.list(self.space).await?,
        };
        let opened = all.into_iter().map(|(id, stored)| {
            let record = self.open(&stored);
            (id, record)
        });
        Ok(opened.collect())
    }

    async fn write(&self, id: &str, stored: Stored, write: Write) -> Result<bool, StateFault> {
        match &self.state.0 {
            Form::Embedded(embedded) => embedded.put(self.space, id, stored, write).await,
            Form::Shared(shared) => shared.put(self.space, id, &stored, write).await,
        }
    }

    fn seal(&self, record: &T, expires_at: Option<UnixTime>) -> Result<Stored, RecordFault> {
        let envelope = Envelope {
            version: self.space.version,
            expires_at_ms: expires_at.map(UnixTime::millis),
            record,
        };
        let text = serde_json::to_string(&envelope).map_err(|source| self.unreadable(source))?;
        Ok(Stored { text, expires_at })
    }

    fn open(&self, stored: &Stored) -> Result<T, RecordFault> {
        // The version first: a record of another one may have any form.
        let envelope: Envelope<IgnoredAny> =
            serde_json::from_str(&stored.text).map_err(|source| self.unreadable(source))?;
        if envelope.version != self.space.version {
            return Err(RecordFault::OtherVersion {
                space: self.space.name,
                found: envelope.version,
                known: self.space.version,
            });
        }
        let envelope: Envelope<T> =
            serde_json::from_str(&stored.text).map_err(|source| self.unreadable(source))?;
        Ok(envelope.record)
    }

    fn unreadable(&self, source: serde_json::Error) -> RecordFault {
        RecordFault::Unreadable {
            space: self.space.name,
            source,
        }
    }
}
