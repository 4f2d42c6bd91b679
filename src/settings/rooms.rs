//! `[rooms]`: how long rooms are remembered, and the templates of new ones.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::RoomPattern;
use crate::rooms::{Parameters, RoomSettings, SettingsCatalogue, Template, Templates};

use super::reader::Table;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What the section says.
#[derive(Debug)]
pub struct Rooms {
    /// The directory's limits.
    pub parameters: Parameters,
    /// What rooms are created with; may be replaced at a reload.
    pub templates: Arc<Templates>,
}

/// Reads the section; `None` if a fault leaves nothing to start with.
pub(super) fn read(mut table: Table) -> Option<Rooms> {
    let cache_size = table.integer("cache_size", Some(100_000), 1..=10_000_000);
    let fresh_for = table.duration(
        "fresh_for",
        Some(Duration::from_secs(10 * 60)),
        SECOND..=DAY,
    );
    let stale_for = table.duration(
        "stale_for",
        Some(Duration::from_secs(6 * 3600)),
        Duration::ZERO..=DAY * 7,
    );
    let absent_for = table.duration(
        "absent_for",
        Some(SECOND * 5),
        Duration::ZERO..=Duration::from_secs(10 * 60),
    );
    let adopt = table.boolean("adopt", false);
    let deadline = table.duration("deadline", Some(SECOND * 15), SECOND..=SECOND * 120);
    let templates = read_templates(&mut table);
    table.finish();
    Some(Rooms {
        parameters: Parameters {
            cache_size: cache_size?,
            fresh_for: fresh_for?,
            stale_for: stale_for?,
            absent_for: absent_for?,
            adopt,
            deadline: deadline?,
            reread_wait: Parameters::REREAD_WAIT,
            flights_max: Parameters::FLIGHTS_MAX,
        },
        templates: Arc::new(templates?),
    })
}

/// Every template in its order; `None` if one of them is faulty.
fn read_templates(table: &mut Table) -> Option<Templates> {
    let catalogue = SettingsCatalogue::built_in();
    let mut templates: Vec<Template> = Vec::new();
    let mut whole = true;
    for mut entry in table.tables("templates") {
        let room: Option<RoomPattern> = entry.parsed("room");
        let settings = read_settings(&mut entry, &catalogue);
        if let Some(room) = &room
            && templates.iter().any(|earlier| earlier.room.covers(room))
        {
            entry.warn(
                "room",
                "is never reached: an earlier template matches all of it",
            );
        }
        entry.finish();
        match (room, settings) {
            (Some(room), Some(settings)) => templates.push(Template { room, settings }),
            _faulty => whole = false,
        }
    }
    whole.then(|| Templates::new(templates))
}

fn read_settings(entry: &mut Table, catalogue: &SettingsCatalogue) -> Option<RoomSettings> {
    let mut table = entry.table("settings");
    let values = table.take_all();
    let checked = RoomSettings::check(values, catalogue);
    if let Err(faults) = &checked {
        for fault in faults {
            table.fault(&fault.setting, &fault.problem);
        }
    }
    table.finish();
    checked.ok()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use serde_json::{Value, json};

    use super::super::findings::Findings;
    use super::*;
    use crate::domain::RoomKey;

    fn read_json(values: Value) -> (Option<Rooms>, Findings) {
        let findings: Rc<RefCell<Findings>> = Rc::default();
        let section = serde_json::Map::from_iter([("rooms".to_owned(), values)]);
        let mut root = Table::root(section, Rc::clone(&findings));
        let rooms = read(root.table("rooms"));
        drop(root);
        (rooms, Rc::try_unwrap(findings).unwrap().into_inner())
    }

    #[test]
    fn an_empty_section_is_the_documented_default() {
        let (rooms, findings) = read_json(json!({}));
        assert!(findings.faults.is_empty());
        let parameters = rooms.unwrap().parameters;
        assert_eq!(parameters.cache_size, 100_000);
        assert_eq!(parameters.fresh_for, Duration::from_secs(10 * 60));
        assert_eq!(parameters.stale_for, Duration::from_secs(6 * 3600));
        assert_eq!(parameters.absent_for, Duration::from_secs(5));
        assert_eq!(parameters.deadline, Duration::from_secs(15));
        assert!(!parameters.adopt);
    }

    #[test]
    fn templates_keep_their_order() {
        let (rooms, findings) = read_json(json!({ "templates": [
            { "room": "course-{course}", "settings": { "roles": ["a"] } },
            { "room": "*" },
        ] }));
        assert!(findings.faults.is_empty() && findings.warnings.is_empty());
        let templates = rooms.unwrap().templates;
        let roles = |key: &str| {
            templates
                .settings_of(&RoomKey::parse(key).unwrap())
                .roles()
                .len()
        };
        assert_eq!((roles("course-1"), roles("lobby")), (1, 0));
    }

    #[test]
    fn every_fault_is_noted_with_its_key() {
        let (rooms, findings) = read_json(json!({
            "cache_size": 0, "fresh_for": "soon", "adopt": 3, "deadline": "1h", "stale": "6h",
            "templates": [
                { "room": "course-{", "settings": { "max_participants": 1, "friendly_url": "x" } },
                { "settings": { "toolbar": {} }, "name": "x" },
                { "room": "a*" },
                { "room": "ab*", "settings": 3 },
            ],
        }));
        assert!(rooms.is_none());
        let mut keys: Vec<&str> = findings.faults.iter().map(|f| f.key.as_str()).collect();
        keys.sort_unstable();
        assert_eq!(
            keys,
            [
                "rooms.adopt",
                "rooms.cache_size",
                "rooms.deadline",
                "rooms.fresh_for",
                "rooms.stale",
                "rooms.templates[0].room",
                "rooms.templates[0].settings.friendly_url",
                "rooms.templates[0].settings.max_participants",
                "rooms.templates[1].name",
                "rooms.templates[1].room",
                "rooms.templates[1].settings.toolbar",
                "rooms.templates[3].settings",
            ]
        );
        assert_eq!(findings.warnings[0].key, "rooms.templates[3].room");
        let faulty = json!({ "room": "*", "settings": { "zoom": 1 } });
        assert!(read_json(json!({ "templates": [faulty] })).0.is_none());
    }
}
