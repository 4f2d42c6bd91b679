//! Roles and their permissions.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Operation, Paging, body_of, ok};
use crate::clock::UnixTime;
use crate::simulator::digital_samba::refusal::{Answer, Faulty, Refusal};
use crate::simulator::digital_samba::settings::shown;
use crate::simulator::digital_samba::team::Team;
use crate::simulator::exchange::{Call, Reply};

const PERMISSIONS: &str = "access_qa answer_privately_qa answer_qa ask_question_anonymously_qa \
    ask_question_qa ask_remote_unmute avatar_upload ban_participants broadcast chat_reactions \
    clear_chat clear_content collaborate_in_notes control_room_components control_room_entry \
    delete_others_chat_messages download_qa edit_whiteboard end_session export_chat general_chat \
    invite_participant lock_content manage_breakout manage_broadcast manage_content_library \
    manage_edit_whiteboard manage_personal_content_library manage_phone_users \
    manage_poll_templates manage_polls manage_private_whiteboard manage_roles manage_screenshare \
    moderate_qa pin_panels present_content_library private_chat push_content raise_hand recording \
    remote_muting remove_chat remove_participant rename_participants restreaming room_reactions \
    screenshare see_all_questions see_content_badges see_notes see_participants_panel \
    see_questions_author see_roles_in_participants_panel self_rename start_session \
    transcribe_session upvote_qa";
/// These may also list the roles that they reach.
const ROLE_SENSITIVE: &str = "manage_broadcast manage_screenshare manage_roles remote_muting \
    ask_remote_unmute remove_participant";
const ATTENDEE: &str = "general_chat raise_hand see_participants_panel room_reactions \
    chat_reactions ask_question_qa access_qa";
const SPEAKER_ONLY: &str = "broadcast screenshare private_chat present_content_library";

pub(in crate::simulator::digital_samba) struct Role {
    pub(in crate::simulator::digital_samba) id: String,
    pub(in crate::simulator::digital_samba) name: String,
    pub(in crate::simulator::digital_samba) display_name: String,
    pub(in crate::simulator::digital_samba) is_default: bool,
    description: Option<String>,
    permissions: Map<String, Value>,
    created_at: UnixTime,
    updated_at: UnixTime,
}

impl Role {
    /// As a room shows it: an object today, a name in the reference 1.1.
    pub(in crate::simulator::digital_samba) fn shown_in_room(&self, by_name: bool) -> Value {
        if by_name {
            return json!(self.name);
        }
        json!({ "id": self.id, "name": self.name, "display_name": self.display_name })
    }
}

pub(super) fn route<'c>(call: &'c Call, path: &[&'c str]) -> Option<Operation<'c>> {
    Some(match (call.method.as_str(), path) {
        ("GET", ["permissions"]) => Operation::new("list_permissions", |_| {
            ok(&json!(words(PERMISSIONS).collect::<Vec<_>>()))
        }),
        ("GET", ["roles"]) => Operation::new("list_roles", |team| list(team, call)),
        ("POST", ["roles"]) => Operation::new("create_role", |team| create(team, &body_of(call)?)),
        ("GET", &["roles", role]) => Operation::new("get_role", move |team| {
            ok(&shown_role(team.role(role).ok_or(Refusal::NotFound)?))
        }),
        ("PATCH", &["roles", role]) => Operation::new("update_role", move |team| {
            update(team, role, &body_of(call)?)
        }),
        ("DELETE", &["roles", role]) => {
            Operation::new("delete_role", move |team| delete(team, role))
        }
        _ => return None,
    })
}

/// The roles that every team starts with.
pub(in crate::simulator::digital_samba) fn presets(now: UnixTime) -> Vec<Role> {
    let all: Vec<_> = words(PERMISSIONS).collect();
    let attendee: Vec<_> = words(ATTENDEE).collect();
    let speaker: Vec<_> = words(ATTENDEE).chain(words(SPEAKER_ONLY)).collect();
    [
        ("moderator", "Moderators", "Runs the meeting", all),
        ("speaker", "Speakers", "Is seen and heard", speaker),
        ("attendee", "Attendees", "Watches and listens", attendee),
    ]
    .map(|(name, display_name, description, granted)| Role {
        id: Uuid::new_v4().to_string(),
        name: name.to_owned(),
        display_name: display_name.to_owned(),
        is_default: name == "moderator",
        description: Some(description.to_owned()),
        permissions: granted
            .into_iter()
            .map(|name| (name.to_owned(), json!(true)))
            .collect(),
        created_at: now,
        updated_at: now,
    })
    .into()
}

fn list(team: &Team, call: &Call) -> Answer {
    let items = team.roles.iter().map(|role| {
        let mut item = shown_role(role);
        if let Value::Object(item) = &mut item {
            item.remove("permissions");
        }
        (role.id.clone(), item)
    });
    Paging::of(call)?.page(items.collect())?.with_number()
}

fn create(team: &mut Team, body: &Map<String, Value>) -> Answer {
    let now = team.clock.now();
    let mut role = Role {
        id: Uuid::new_v4().to_string(),
        name: String::new(),
        display_name: String::new(),
        is_default: false,
        description: None,
        permissions: Map::new(),
        created_at: now,
        updated_at: now,
    };
    let mut faulty = Faulty::default();
    for name in ["name", "display_name", "permissions"] {
        if !body.contains_key(name) {
            faulty.add(name, "field is required");
        }
    }
    apply(team, &mut role, body, faulty)?;
    let answer = ok(&shown_role(&role));
    team.roles.push(role);
    answer
}

fn update(team: &mut Team, role: &str, body: &Map<String, Value>) -> Answer {
    let at = position(team, role)?;
    let mut role = team.roles.remove(at);
    let outcome = apply(team, &mut role, body, Faulty::default());
    if outcome.is_ok() {
        role.updated_at = team.clock.now();
    }
    let answer = ok(&shown_role(&role));
    team.roles.insert(at, role);
    outcome.and(answer)
}

fn delete(team: &mut Team, role: &str) -> Answer {
    let at = position(team, role)?;
    team.roles.remove(at);
    Ok(Reply::empty(204))
}

fn position(team: &Team, name: &str) -> Result<usize, Refusal> {
    let is_it = |role: &Role| role.id == name || role.name == name;
    team.roles.iter().position(is_it).ok_or(Refusal::NotFound)
}

/// Writes a body into a role, all of it or, if anything is wrong, nothing.
fn apply(
    team: &Team,
    role: &mut Role,
    body: &Map<String, Value>,
    mut faulty: Faulty,
) -> Result<(), Refusal> {
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    if let Some(value) = body.get("name") {
        let name = value.as_str().filter(|name| is_name(name));
        match name {
            None => faulty.add("name", "field has an invalid format"),
            Some(name) if team.role(name).is_some() => {
                faulty.add("name", "has already been taken");
            }
            Some(_) => {}
        }
    }
    if let Some(value) = body.get("display_name") {
        let length = value.as_str().map(|name| name.chars().count());
        if !length.is_some_and(|length| (3..=100).contains(&length)) {
            faulty.add("display_name", "field must be 3 to 100 characters");
        }
    }
    let permissions = body.get("permissions").map(|value| value.as_object());
    match permissions {
        None => {}
        Some(None) => faulty.add("permissions", "field must be an object"),
        Some(Some(permissions)) => {
            for (name, value) in permissions {
                if !is_permission(team, name, value) {
                    faulty.add(&format!("permissions.{name}"), "field is invalid");
                }
            }
        }
    }
    faulty.check()?;
    if let Some(name) = text("name") {
        name.clone_into(&mut role.name);
    }
    if let Some(name) = text("display_name") {
        name.clone_into(&mut role.display_name);
    }
    if body.contains_key("description") {
        role.description = text("description").map(str::to_owned);
    }
    if let Some(Some(permissions)) = permissions {
        role.permissions.extend(permissions.clone());
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=30).contains(&name.len()) && name.bytes().all(allowed)
}

fn is_permission(team: &Team, name: &str, value: &Value) -> bool {
    match value {
        Value::Bool(_) => words(PERMISSIONS).any(|known| known == name),
        Value::Array(roles) => {
            words(ROLE_SENSITIVE).any(|known| known == name)
                && roles.iter().all(|role| {
                    let role = role.as_str().and_then(|role| team.role(role));
                    role.is_some()
                })
        }
        Value::Null | Value::Number(_) | Value::String(_) | Value::Object(_) => false,
    }
}

fn shown_role(role: &Role) -> Value {
    let permissions: Map<_, _> = words(PERMISSIONS)
        .map(|name| {
            let value = role.permissions.get(name).cloned();
            (name.to_owned(), value.unwrap_or(json!(false)))
        })
        .collect();
    json!({
        "id": role.id,
        "name": role.name,
        "display_name": role.display_name,
        "description": role.description,
        "default": role.is_default,
        "created_at": shown(role.created_at),
        "updated_at": shown(role.updated_at),
        "permissions": permissions,
    })
}

fn words(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.split_whitespace()
}
