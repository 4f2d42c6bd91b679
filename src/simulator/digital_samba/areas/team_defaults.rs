//! The team's default room settings.

use serde_json::{Map, Value, json};

use super::rooms::{default_role_of, roles_of};
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
        "roles": names(team, team.inherited_roles()),
        "default_role": names(team, team.inherited_default_role()).first(),
    });
    if let Value::Object(facts) = facts {
        shown.extend(facts);
    }
    Value::Object(shown)
}

fn names(team: &Team, ids: impl IntoIterator<Item = String>) -> Vec<&str> {
    let roles = ids.into_iter().filter_map(|id| team.role(&id));
    roles.map(|role| role.name.as_str()).collect()
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
    let roles = roles_of(team, body, &mut faulty);
    let default_role = default_role_of(team, body, &mut faulty);
    let offered = roles.clone().unwrap_or_else(|| team.inherited_roles());
    if default_role
        .as_ref()
        .is_some_and(|role| !offered.contains(role))
    {
        faulty.add("default_role", "is not one of the roles");
    }
    faulty.check()?;
    team.settings.extend(changes);
    team.default_roles = roles.unwrap_or_else(|| team.default_roles.clone());
    team.default_role = default_role.or_else(|| team.default_role.clone());
    ok(&shown(team))
}
