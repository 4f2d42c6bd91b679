//! Notices that a file of the configuration has changed, a secret's above all. Looks at the files
//! now and then: mounted secrets are swapped by renaming directories, which file events miss.

use std::path::PathBuf;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};

/// The state of some files, as a digest of their contents.
#[derive(Debug)]
pub struct Watch {
    files: Vec<PathBuf>,
    seen: Vec<u8>,
}

impl Watch {
    /// How often the files are worth a look.
    pub const INTERVAL: Duration = Duration::from_secs(5);

    /// Starts from the files as they are now.
    pub fn new(files: Vec<PathBuf>) -> Self {
        let seen = digest(&files);
        Self { files, seen }
    }

    /// The files.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Whether a file has changed since the last look.
    pub fn changed(&mut self) -> bool {
        let now = digest(&self.files);
        let changed = now != self.seen;
        self.seen = now;
        changed
    }
}

fn digest(files: &[PathBuf]) -> Vec<u8> {
    let mut hash = Context::new(&SHA256);
    for file in files {
        match std::fs::read(file) {
            Ok(content) => {
                hash.update(&content.len().to_be_bytes());
                hash.update(&content);
            }
            Err(_unreadable) => hash.update(b"unreadable"),
        }
    }
    hash.finish().as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_a_vanished_and_a_new_file_are_noticed_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        std::fs::write(&file, "a").unwrap();
        let mut watch = Watch::new(vec![file.clone()]);
        assert!(!watch.changed());
        std::fs::write(&file, "b").unwrap();
        assert!(watch.changed());
        assert!(!watch.changed());
        std::fs::remove_file(&file).unwrap();
        assert!(watch.changed());
    }
}
