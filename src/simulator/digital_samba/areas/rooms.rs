//! Rooms.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Operation, Paging, body_of, flag, libraries, ok, webhooks};
use crate::simulator::digital_samba::belongings::Kind;
use crate::simulator::digital_samba::refusal::{Answer, Faulty, Refusal};
use crate::simulator::digital_samba::settings::{Place, date_time};
use crate::simulator::digital_samba::team::{Room, Team};
use crate::simulator::exchange::{Call, Reply};

pub(super) fn route<'c>(call: &'c Call, path: &[&'c str]) -> Option<Operation<'c>> {
    Some(match (call.method.as_str(), path) {
        ("GET", ["rooms"]) => Operation::new("list_rooms", |team| list(team, call)),
        ("POST", ["rooms"]) => Operation::new("create_room", |team| {
            let id = create(team, &Value::Object(body_of(call)?))?;
            read(team, &id)
        }),
        ("DELETE", ["rooms"]) => Operation::new("delete_rooms_by_tag", |team| {
            delete_by_tag(team, &body_of(call)?)
        }),
        // Today's API reads this as the deletion of a room of that name; where there is none,
        // the reference 1.1's meaning does no harm.
        ("DELETE", ["rooms", "tags"]) => Operation::new("delete_rooms_by_tag_legacy", |team| {
            let body = body_of(call)?;
            match team.room("tags") {
                Some(_) => delete(team, "tags", &body),
                None => delete_by_tag(team, &body),
            }
        }),
        ("DELETE", &["rooms", room, "resources"]) => {
            Operation::new("delete_room_resources", move |team| {
                delete_resources(team, room, &body_of(call)?)
            })
        }
        ("GET", &["rooms", room]) => Operation::new("get_room", move |team| read(team, room)),
        ("PATCH", &["rooms", room]) => Operation::new("update_room", move |team| {
            update(team, room, &body_of(call)?)
        }),
        ("DELETE", &["rooms", room]) => Operation::new("delete_room", move |team| {
            delete(team, room, &body_of(call)?)
        }),
        _ => return None,
    })
}

/// Makes a room of the team's defaults and what is asked for; answers its id.
pub(in crate::simulator::digital_samba) fn create(
    team: &mut Team,
    body: &Value,
) -> Result<String, Refusal> {
    let body = body.as_object().ok_or(Refusal::Malformed)?;
    let mut faulty = Faulty::default();
    let asked = team.table.read(Place::Create, body, &mut faulty);
    check_names_and_times(team, None, &asked, &mut faulty);
    let roles = roles_of(team, body, &mut faulty);
    let default_role = default_role_of(team, body, &mut faulty);
    match (&roles, &default_role) {
        (None, Some(_)) => faulty.add("roles", "field is required with default role"),
        (Some(roles), None) if roles.len() > 1 => {
            faulty.add("default_role", "field is required with several roles");
        }
        (Some(_) | None, _) => {}
    }
    let roles = roles.unwrap_or_else(|| team.inherited_roles());
    let default_role = default_role.or_else(|| {
        let only = roles.first().filter(|_| roles.len() == 1);
        only.cloned().or_else(|| team.inherited_default_role())
    });
    let tags = body.get("tags").filter(|tags| !tags.is_null());
    let tags = tags.map_or(Some(Vec::new()), |tags| strings(Some(tags)));
    if tags.is_none() {
        faulty.add("tags", "field must be a list of strings");
    }
    if !default_role
        .as_ref()
        .is_none_or(|role| roles.contains(role))
    {
        faulty.add("default_role", "is not one of the roles");
    }
    faulty.check()?;

    let mut settings = team.table.defaults(Place::Create);
    let inherited = team.settings.clone().into_iter();
    let inherited = inherited.filter(|(name, _)| settings.contains_key(name));
    settings.extend(inherited.collect::<Map<_, _>>());
    settings.extend(asked);
    if settings.get("friendly_url").is_none_or(Value::is_null) {
        let generated = Uuid::new_v4().simple().to_string();
        let short: String = generated.chars().take(16).collect();
        settings.insert("friendly_url".to_owned(), json!(short));
    }
    let mut room = Room::new(settings, team.clock.now());
    room.roles = roles;
    room.default_role = default_role;
    room.tags = tags.unwrap_or_default();
    let id = room.id.clone();
    team.insert(room);
    Ok(id)
}

fn list(team: &Team, call: &Call) -> Answer {
    let tags: Vec<_> = call.query_all("tag").collect();
    let rooms = team
        .rooms()
        .filter(|room| tags.is_empty() || room.tags.iter().any(|tag| tags.contains(&tag.as_str())));
    let items = rooms.map(|room| (room.id.clone(), team.listed_room(room)));
    let mut paging = Paging::of(call)?;
    // Rooms, unlike other things, may be named here by either name.
    if let Some(room) = paging.after.as_ref().and_then(|name| team.room(name)) {
        paging.after = Some(room.id.clone());
    }
    let page = paging.page(items.collect())?;
    if team.variations.total_count_as_number {
        page.with_number()
    } else {
        page.with_text()
    }
}

fn read(team: &Team, room: &str) -> Answer {
    let room = team.room(room).ok_or(Refusal::NotFound)?;
    ok(&team.shown_room(room))
}

fn update(team: &mut Team, name: &str, body: &Map<String, Value>) -> Answer {
    let room = team.room(name).ok_or(Refusal::NotFound)?;
    let id = room.id.clone();
    let mut faulty = Faulty::default();
    let mut asked = team.table.read(Place::Update, body, &mut faulty);
    asked.retain(|name, value| name != "friendly_url" || !value.is_null());
    check_names_and_times(team, Some(&id), &asked, &mut faulty);
    let roles = roles_of(team, body, &mut faulty).unwrap_or_else(|| room.roles.clone());
    let default_role = default_role_of(team, body, &mut faulty).or(room.default_role.clone());
    if !default_role
        .as_ref()
        .is_none_or(|role| roles.contains(role))
    {
        faulty.add("default_role", "is not one of the roles");
    }
    faulty.check()?;
    team.update(&id, |room| {
        room.settings.extend(asked);
        room.roles = roles;
        room.default_role = default_role;
    });
    read(team, &id)
}

fn delete(team: &mut Team, name: &str, body: &Map<String, Value>) -> Answer {
    let id = team.room(name).ok_or(Refusal::NotFound)?.id.clone();
    let kinds = asked_kinds(body)?;
    if team.is_live(&id) && !kinds.is_empty() {
        return Err(Refusal::LiveResources);
    }
    remove_with(team, &id, &kinds);
    Ok(Reply::empty(204))
}

fn delete_resources(team: &mut Team, name: &str, body: &Map<String, Value>) -> Answer {
    let id = team.room(name).ok_or(Refusal::NotFound)?.id.clone();
    if team.is_live(&id) {
        return Err(Refusal::LiveResources);
    }
    team.forget_of_room(&id, Kind::Resource);
    for kind in asked_kinds(body)? {
        team.forget_of_room(&id, kind);
    }
    Ok(Reply::empty(204))
}

/// What is to go with a room.
fn asked_kinds(body: &Map<String, Value>) -> Result<Vec<Kind>, Refusal> {
    let mut kinds = Vec::new();
    for (name, kind) in [
        ("delete_resources", Kind::Resource),
        ("delete_history", Kind::History),
        ("delete_library", Kind::Library),
    ] {
        kinds.extend(flag(body, name)?.then_some(kind));
    }
    Ok(kinds)
}

fn remove_with(team: &mut Team, id: &str, kinds: &[Kind]) {
    for kind in kinds {
        team.forget_of_room(id, *kind);
    }
    team.remove(id);
}

/// Answers at once that it will; live rooms stay.
fn delete_by_tag(team: &mut Team, body: &Map<String, Value>) -> Answer {
    let tags = match body.get("tags") {
        Some(Value::String(tag)) => Some(vec![tag.clone()]),
        other => strings(other),
    };
    let kinds = asked_kinds(body)?;
    let tags = tags.ok_or_else(|| Refusal::field("tags", "field is required"))?;
    let tagged = |room: &&Room| room.tags.iter().any(|tag| tags.contains(tag));
    let is_known = |tag| team.rooms().any(|room| room.tags.contains(tag));
    if tags.is_empty() || !tags.iter().all(is_known) {
        return Err(Refusal::field("tags", "chosen is invalid"));
    }
    let gone = team
        .rooms()
        .filter(tagged)
        .filter(|room| !team.is_live(&room.id));
    let gone: Vec<_> = gone.map(|room| room.id.clone()).collect();
    for id in gone {
        remove_with(team, &id, &kinds);
    }
    Ok(Reply::empty(202))
}

fn check_names_and_times(
    team: &Team,
    own_id: Option<&str>,
    asked: &Map<String, Value>,
    faulty: &mut Faulty,
) {
    if let Some(name) = asked.get("friendly_url").and_then(Value::as_str) {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if !name.bytes().all(allowed) {
            faulty.add("friendly_url", "field has an invalid format");
        }
        if team
            .room(name)
            .is_some_and(|room| Some(room.id.as_str()) != own_id)
        {
            faulty.add("friendly_url", "has already been taken");
        }
    }
    libraries::check_named(team, asked, faulty);
    webhooks::check_named(team, asked, faulty);
    let expires_at = asked.get("expires_at").and_then(Value::as_str);
    if expires_at
        .and_then(date_time)
        .is_some_and(|at| at <= team.clock.now())
    {
        faulty.add("expires_at", "field must be in the future");
    }
}

/// The ids of the roles that a body names, by id or by name.
pub(super) fn roles_of(
    team: &Team,
    body: &Map<String, Value>,
    faulty: &mut Faulty,
) -> Option<Vec<String>> {
    let value = body.get("roles").filter(|value| !value.is_null())?;
    let Some(names) = strings(Some(value)).filter(|names| !names.is_empty()) else {
        faulty.add("roles", "field must be a list of roles");
        return None;
    };
    let mut ids = Vec::new();
    for (at, name) in names.iter().enumerate() {
        match team.role(name) {
            Some(role) => ids.push(role.id.clone()),
            None => faulty.add(&format!("roles.{at}"), "chosen is invalid"),
        }
    }
    Some(ids)
}

pub(super) fn default_role_of(
    team: &Team,
    body: &Map<String, Value>,
    faulty: &mut Faulty,
) -> Option<String> {
    let value = body.get("default_role").filter(|value| !value.is_null())?;
    let role = value.as_str().and_then(|name| team.role(name));
    if role.is_none() {
        faulty.add("default_role", "chosen is invalid");
    }
    role.map(|role| role.id.clone())
}

fn strings(value: Option<&Value>) -> Option<Vec<String>> {
    let items = value?.as_array()?.iter();
    items.map(|item| item.as_str().map(str::to_owned)).collect()
}
