//! `[audit]`: where the line of each mint goes.

use std::path::PathBuf;

use crate::audit::{Parameters, Target};

use super::reader::Table;

/// Some 400 bytes each: what a full queue may hold in memory, twice.
const QUEUE_LINES_MAX: u64 = 1_000_000;

/// Reads the section; `None` if anything in it stops the start.
pub(super) fn read(mut table: Table) -> Option<Parameters> {
    let file = table.optional_text("file").map(PathBuf::from);
    let target = file.map_or(Target::StandardOutput, Target::File);
    let queue_lines = table.integer("queue_lines", Some(8192), 1..=QUEUE_LINES_MAX);
    table.finish();
    Some(Parameters {
        target,
        queue_lines: usize::try_from(queue_lines?).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use serde_json::{Value, json};

    use crate::settings::findings::Findings;

    use super::*;

    fn read_json(audit: &Value) -> (Option<Parameters>, Vec<String>) {
        let findings: Rc<RefCell<Findings>> = Rc::default();
        let Value::Object(values) = json!({ "audit": audit }) else {
            panic!("not a table")
        };
        let mut root = Table::root(values, Rc::clone(&findings));
        let parameters = read(root.table("audit"));
        let faults = &findings.borrow().faults;
        (parameters, faults.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn an_empty_file_is_standard_output() {
        let (parameters, faults) = read_json(&json!({ "file": "", "queue_lines": 10 }));
        let parameters = parameters.unwrap();
        assert_eq!(parameters.target, Target::StandardOutput);
        assert_eq!(parameters.queue_lines, 10);
        assert_eq!(faults, Vec::<String>::new());
        let (parameters, _) = read_json(&json!({ "file": "audit.log" }));
        let parameters = parameters.unwrap();
        assert_eq!(parameters.target, Target::File(PathBuf::from("audit.log")));
        assert_eq!(parameters.queue_lines, 8192);
    }

    #[test]
    fn a_queue_has_room_and_an_end() {
        for lines in [0, 1_000_001] {
            let (parameters, faults) = read_json(&json!({ "queue_lines": lines, "files": "x" }));
            assert!(parameters.is_none());
            assert_eq!(
                faults,
                [
                    "audit.queue_lines: must be a whole number between 1 and 1000000",
                    "audit.files: is not a known key; did you mean file?",
                ]
            );
        }
    }
}
