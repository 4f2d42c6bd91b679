//! The file of the embedded form: a crash-safe map from (space, id) to a record's text.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};

use super::fault::StateFault;

/// Space and id to a record.
const RECORDS: TableDefinition<'_, (&str, &str), &str> = TableDefinition::new("records 1");

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileFault {
    /// It is missing and cannot be made, is another program's, or is in use.
    #[error("state.file: {path} cannot be opened")]
    Open {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<redb::Error>,
    },
}

/// An open file. No other process can open it meanwhile.
#[derive(Clone)]
pub(super) struct RecordFile(Arc<Database>);

/// A record with its space and id.
pub(super) type Row = (String, String, String);

impl RecordFile {
    /// Opens or makes the file, and reads all of it.
    pub(super) fn open(path: &Path) -> Result<(Self, Vec<Row>), FileFault> {
        let failed = |source: redb::Error| FileFault::Open {
            path: path.to_owned(),
            source: Box::new(source),
        };
        let database = Database::create(path).map_err(|error| failed(error.into()))?;
        let rows = read_all(&database).map_err(failed)?;
        Ok((Self(Arc::new(database)), rows))
    }

    /// Writes records by id, or removes those without a text, all or none. Returns once that is on
    /// the disk.
    pub(super) async fn write(
        &self,
        space: &'static str,
        rows: Vec<(String, Option<String>)>,
    ) -> Result<(), StateFault> {
        let database = Arc::clone(&self.0);
        let written = tokio::task::spawn_blocking(move || write(&database, space, &rows));
        match written.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, "the state's file cannot be written");
                Err(StateFault::File)
            }
            Err(_panicked) => Err(StateFault::File),
        }
    }
}

fn read_all(database: &Database) -> Result<Vec<Row>, redb::Error> {
    // Makes the table, so that reading need not ask whether there is one.
    let write = database.begin_write()?;
    write.open_table(RECORDS)?;
    write.commit()?;
    let read = database.begin_read()?;
    let table = read.open_table(RECORDS)?;
    let mut rows = Vec::new();
    for row in table.iter()? {
        let (key, text) = row?;
        let (space, id) = key.value();
        rows.push((space.to_owned(), id.to_owned(), text.value().to_owned()));
    }
    Ok(rows)
}

fn write(
    database: &Database,
    space: &str,
    rows: &[(String, Option<String>)],
) -> Result<(), redb::Error> {
    let write = database.begin_write()?;
    {
        let mut table = write.open_table(RECORDS)?;
        for (id, text) in rows {
            match text {
                Some(text) => table.insert((space, id.as_str()), text.as_str())?,
                None => table.remove((space, id.as_str()))?,
            };
        }
    }
    write.commit()?;
    Ok(())
}

impl std::fmt::Debug for RecordFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordFile").finish_non_exhaustive()
    }
}
