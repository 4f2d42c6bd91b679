use std::path::Path;

use tempfile::TempDir;

use crate::metrics::Outcome;

use super::*;

const LONG: Duration = Duration::from_secs(20);

struct Scene {
    directory: TempDir,
    metrics: Metrics,
}

impl Scene {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            metrics: Metrics::default(),
        }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("audit.log")
    }

    fn start(&self, queue_lines: usize) -> AuditLog {
        let parameters = Parameters {
            target: Target::File(self.path()),
            queue_lines,
        };
        let (clock, _) = Clock::manual(UnixTime::from_seconds(1_800_000_000));
        AuditLog::start(parameters, &self.metrics, clock).unwrap()
    }

    fn count(&self, outcome: &'static str) -> u64 {
        let lines = &self.metrics.audit_lines;
        lines.get_or_create(&Outcome { outcome }).get()
    }
}

fn refuse(log: &AuditLog, room: &str) {
    log.refused(&RefusalRecord {
        time: UnixTime::from_seconds(1_800_000_000),
        who: Person {
            issuer_name: "acme",
            issuer: "https://id.acme.com",
            subject: &Subject::parse("u1").unwrap(),
        },
        room_key: &RoomKey::parse(room).unwrap(),
        requested_role: None,
        rule: None,
        reason: "no-rule",
        request_id: RequestId::parse("5f0c2b1e-7a44-4d0e-9b55-3e6c1d8a9f21").unwrap(),
    });
}

fn rooms(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let values = text.lines().map(|line| serde_json::from_str(line).unwrap());
    values
        .map(|value: serde_json::Value| match value["lines"].as_u64() {
            Some(lines) => format!("{lines} dropped"),
            None => value["room"].as_str().unwrap().to_owned(),
        })
        .collect()
}

#[test]
fn lines_are_appended_in_order() {
    let scene = Scene::new();
    std::fs::write(scene.path(), "{\"room\":\"before\"}\n").unwrap();
    let log = scene.start(100);
    let names: Vec<String> = (0..50).map(|n| format!("r{n}")).collect();
    for name in &names {
        refuse(&log, name);
    }
    assert!(log.flush(LONG));
    assert_eq!(rooms(&scene.path())[0], "before");
    assert_eq!(rooms(&scene.path())[1..], names);
    assert_eq!((scene.count("written"), scene.count("dropped")), (50, 0));
}

#[test]
fn lines_of_many_threads_stay_whole() {
    let scene = Scene::new();
    let log = scene.start(10_000);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let log = &log;
            scope.spawn(move || {
                for n in 0..500 {
                    refuse(log, &format!("r{thread}-{n}"));
                }
            });
        }
    });
    assert!(log.flush(LONG));
    let mut seen = rooms(&scene.path());
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 2_000);
}

#[test]
fn nothing_noted_is_nothing_to_wait_for() {
    let scene = Scene::new();
    assert!(scene.start(1).flush(Duration::ZERO));
}

#[test]
fn what_waits_is_written_after_the_log_was_dropped() {
    let scene = Scene::new();
    let log = scene.start(100);
    let queue = Arc::clone(&log.0.queue);
    refuse(&log, "last");
    drop(log);
    assert!(queue.flush(LONG));
    assert_eq!(rooms(&scene.path()), ["last"]);
}

#[test]
fn a_renamed_file_is_followed_by_a_new_one() {
    let scene = Scene::new();
    let log = scene.start(100);
    refuse(&log, "old");
    assert!(log.flush(LONG));
    let rotated = scene.directory.path().join("audit.log.1");
    std::fs::rename(scene.path(), &rotated).unwrap();
    log.reopen().unwrap();
    refuse(&log, "new");
    assert!(log.flush(LONG));
    assert_eq!(rooms(&rotated), ["old"]);
    assert_eq!(rooms(&scene.path()), ["new"]);
}

#[test]
fn a_file_that_cannot_be_opened_is_named() {
    let scene = Scene::new();
    let parameters = Parameters {
        target: Target::File(scene.directory.path().join("no/such/audit.log")),
        queue_lines: 1,
    };
    let failure = AuditLog::start(parameters, &scene.metrics, Clock::system()).unwrap_err();
    assert!(
        failure
            .to_string()
            .ends_with("/no/such/audit.log cannot be opened")
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_loses_only_what_does_not_fit_and_says_how_much() {
    let scene = Scene::new();
    std::os::unix::fs::symlink("/dev/full", scene.path()).unwrap();
    let log = scene.start(3);
    for n in 0..20 {
        refuse(&log, &format!("r{n}"));
    }
    assert!(!log.flush(Duration::from_millis(1)));
    let dropped = scene.count("dropped");
    assert!(
        dropped >= 14,
        "at most six fit: three with the writer, three waiting"
    );

    std::fs::remove_file(scene.path()).unwrap();
    log.reopen().unwrap();
    assert!(log.flush(LONG));
    let lines = rooms(&scene.path());
    let (notes, kept): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line.ends_with(" dropped"));
    assert_eq!(u64::try_from(kept.len()).unwrap() + dropped, 20);
    assert_eq!(scene.count("written"), 20 - dropped);
    let missing: u64 = notes
        .iter()
        .map(|note| note.trim_end_matches(" dropped").parse::<u64>().unwrap())
        .sum();
    assert_eq!(missing, dropped);
}
