//! The team's default room settings.

use serde_json::{Map, Value, json};

use super::{Operation, body_of, libraries, ok};
use crate::simulator::digital_samba::refusal::{Answer, Faulty};
use crate::simulator::digital_samba::settings::Place;
use crate::simulator::digital_samba::team::Team;
use crate::simulator::exchange::Call;

const RESERVED_DOMAINS: [&str; 6] = ["docs", "api", "dev-api", "staging-api", "you", "dashboard"];

pub(super) fn route<'c>(call: &'c Call, path: &[&'c str]) -> Option<Operation<'c>> {
    Some(match (call.method.as_str(), path) {
        ("GET", []) => Operation::new("get_default_room_settings", |team| ok(&shown(team))),
        ("PATCH", []) => Operation::new("update_default_room_settings", |team| {
            update(team, &body_of(call)?)
        }),
        _ => return None,
    })
}

fn shown(team: &Team) -> Value {
    let mut shown = team.settings.clone();
    let facts = json!({
        "id": team.id,
        "owner_id": team.id,
        "custom_cname": null,
        "max_participants": 100,
        "max_sessions": 10,
        "files_panel_enabled": true,
        "subscription_start": "2026-01-01 00:00:00",
        "subscription_end": null,
        "roles": team.roles.iter().map(|role| &role.name).collect::<Vec<_>>(),
        "default_role": team.roles.iter().find(|role| role.is_default).map(|role| &role.name),
    });
    if let Value::Object(facts) = facts {
        shown.extend(facts);
    }
    Value::Object(shown)
}

fn update(team: &mut Team, body: &Map<String, Value>) -> Answer {
    let mut faulty = Faulty::default();
    let changes = team.table.read(Place::Team, body, &mut faulty);
    if let Some(domain) = changes.get("domain").and_then(Value::as_str)
        && RESERVED_DOMAINS.contains(&domain)
    {
        faulty.add("domain", "is reserved");
    }
    libraries::check_named(team, &changes, &mut faulty);
    faulty.check()?;
    team.settings.extend(changes);
    ok(&shown(team))
}
