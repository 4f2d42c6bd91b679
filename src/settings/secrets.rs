//! Secrets and other files that a configuration names.

use std::path::Path;

use secrecy::SecretString;

use super::reader::Table;

impl Table {
    /// A secret, given as `key` or in the file named by `key_file`; a trailing newline is not part
    /// of it. Required unless `optional`.
    pub fn secret(&mut self, key: &str) -> Option<SecretString> {
        let secret = self.optional_secret(key);
        if secret.is_none() && !self.has(key) && !self.has(&format!("{key}_file")) {
            self.fault(
                key,
                format_args!("is required, here or in a file named by {key}_file"),
            );
        }
        secret
    }

    /// A secret that may be left out.
    pub fn optional_secret(&mut self, key: &str) -> Option<SecretString> {
        let file_key = format!("{key}_file");
        let inline = self.optional_text(key);
        let file = self.optional_text(&file_key);
        match (inline, file) {
            (Some(_), Some(_)) => {
                self.fault(
                    key,
                    format_args!("is given twice: keep either {key} or {file_key}"),
                );
                None
            }
            (Some(text), None) => Some(SecretString::from(text)),
            (None, Some(path)) => {
                let text = self.read_file(&file_key, Path::new(&path))?;
                self.warn_if_others_can_read(&file_key, Path::new(&path));
                let text = text.trim_end_matches(['\n', '\r']);
                if text.is_empty() {
                    self.fault(&file_key, "names an empty file");
                    return None;
                }
                Some(SecretString::from(text))
            }
            (None, None) => None,
        }
    }

    /// Reads a whole text file of at most 64 KiB that a key names, and has it watched.
    pub fn read_file(&self, key: &str, path: &Path) -> Option<String> {
        const BYTES_MAX: u64 = 64 * 1024;
        self.findings.borrow_mut().files.push(path.to_owned());
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.len() > BYTES_MAX => {
                self.fault(
                    key,
                    format_args!("names a file of more than {BYTES_MAX} bytes"),
                );
                return None;
            }
            Ok(_) => {}
            Err(error) => {
                self.fault(
                    key,
                    format_args!("names a file that cannot be read: {}", error.kind()),
                );
                return None;
            }
        }
        match std::fs::read_to_string(path) {
            Ok(text) => Some(text),
            Err(error) => {
                self.fault(
                    key,
                    format_args!("names a file that cannot be read: {}", error.kind()),
                );
                None
            }
        }
    }

    #[cfg(unix)]
    fn warn_if_others_can_read(&self, key: &str, path: &Path) {
        use std::os::unix::fs::PermissionsExt as _;
        let Ok(metadata) = std::fs::metadata(path) else {
            return;
        };
        let mode = metadata.permissions().mode();
        if mode & 0o004 != 0 {
            self.warn(
                key,
                "names a file that every user of the machine can read: chmod it to 0400",
            );
        } else if mode & 0o040 != 0 {
            self.warn(
                key,
                "names a file that its whole group can read: chmod it to 0400, unless the group is the service's own",
            );
        }
    }

    #[cfg(not(unix))]
    fn warn_if_others_can_read(&self, _key: &str, _path: &Path) {}
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use serde_json::Value;

    use super::super::findings::Findings;
    use super::*;

    fn table(values: Value) -> (Table, Rc<RefCell<Findings>>) {
        let findings = Rc::default();
        let Value::Object(values) = values else {
            panic!("not a table")
        };
        (Table::root(values, Rc::clone(&findings)), findings)
    }

    #[test]
    fn a_secret_comes_from_its_file_without_the_newline_and_never_twice() {
        use secrecy::ExposeSecret as _;
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "s3cret\n").unwrap();
        let path = file.path().to_str().unwrap();
        let (mut root, findings) =
            table(serde_json::json!({ "k_file": path, "j": "x", "j_file": path }));
        assert_eq!(root.secret("k").unwrap().expose_secret(), "s3cret");
        assert!(root.secret("j").is_none());
        let faults = findings.borrow();
        assert_eq!(faults.faults.len(), 1);
        assert_eq!(faults.faults[0].key, "j");
        assert_eq!(faults.files.len(), 1);
    }
}
