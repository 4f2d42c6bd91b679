//! Roles and their permissions.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Operation, Paging, body_of, ok};
use crate::clock::UnixTime;
use crate::simulator::digital_samba::fields::{Fields, LONG};
use crate::simulator::digital_samba::refusal::{Answer, Refusal};
use crate::simulator::digital_samba::settings::shown;
use crate::simulator::digital_samba::shelf::{Kept, Shelf};
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

pub(in crate::simulator::digital_samba) type Roles = Shelf<Role, 200>;

pub(in crate::simulator::digital_samba) struct Role {
    pub(in crate::simulator::digital_samba) id: String,
    pub(in crate::simulator::digital_samba) name: String,
    pub(in crate::simulator::digital_samba) display_name: String,
    pub(in crate::simulator::digital_samba) is_default: bool,
    description: Option<String>,
    /// Those that are not here are not granted.
    permissions: BTreeMap<&'static str, Grant>,
    created_at: UnixTime,
    updated_at: UnixTime,
}

/// What a permission reaches.
#[derive(Clone)]
enum Grant {
    Nobody,
    /// All roles, also those that are made later.
    Everybody,
    /// Ids of roles, so that it follows them through a change of name.
    Roles(Vec<String>),
}

impl Kept for Role {
    fn id(&self) -> &str {
        &self.id
    }
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
        ("GET", &["roles", role]) => Operation::new("get_role", move |team| read(team, role)),
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
pub(in crate::simulator::digital_samba) fn presets(now: UnixTime) -> Roles {
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
            .map(|name| (name, Grant::Everybody))
            .collect(),
        created_at: now,
        updated_at: now,
    })
    .into_iter()
    .collect()
}

fn list(team: &Team, call: &Call) -> Answer {
    let items = team.roles.iter().map(|role| {
        let mut item = shown_role(team, role);
        if let Value::Object(item) = &mut item {
            item.remove("permissions");
        }
        (role.id.clone(), item)
    });
    Paging::of(call)?.page(items.collect())?.with_number()
}

fn create(team: &mut Team, body: &Map<String, Value>) -> Answer {
    let now = team.clock.now();
    let mut fields = Fields::of(body);
    fields.require(&["name", "display_name", "permissions"]);
    let change = Change::read(team, None, fields)?;
    let mut role = Role {
        id: Uuid::new_v4().to_string(),
        name: String::new(),
        display_name: String::new(),
        is_default: false,
        description: None,
        permissions: BTreeMap::new(),
        created_at: now,
        updated_at: now,
    };
    change.write(&mut role);
    let id = role.id.clone();
    team.roles.add(role)?;
    read(team, &id)
}

fn read(team: &Team, name: &str) -> Answer {
    ok(&shown_role(team, team.role(name).ok_or(Refusal::NotFound)?))
}

fn update(team: &mut Team, name: &str, body: &Map<String, Value>) -> Answer {
    let id = team.role(name).ok_or(Refusal::NotFound)?.id.clone();
    let mut fields = Fields::of(body);
    fields.require(&["permissions"]);
    let change = Change::read(team, Some(&id), fields)?;
    let now = team.clock.now();
    let role = team.roles.get_mut(&id).ok_or(Refusal::NotFound)?;
    change.write(role);
    role.updated_at = now;
    read(team, &id)
}

/// A role that a room or the team stands on stays.
fn delete(team: &mut Team, name: &str) -> Answer {
    let role = team.role(name).ok_or(Refusal::NotFound)?;
    let id = role.id.clone();
    let offered = team.rooms().any(|room| room.roles.contains(&id));
    let inherited = team.default_roles.contains(&id) || team.default_role.as_ref() == Some(&id);
    if role.is_default || offered || inherited {
        return Err(Refusal::Unprocessable("The role is in use."));
    }
    team.roles.remove(&id);
    for role in team.roles.iter_mut() {
        for grant in role.permissions.values_mut() {
            if let Grant::Roles(roles) = grant {
                roles.retain(|role| *role != id);
            }
        }
    }
    Ok(Reply::empty(204))
}

/// What a body says about a role.
struct Change {
    name: Option<String>,
    display_name: Option<String>,
    description: Option<String>,
    /// A description that is told to be null goes.
    describes: bool,
    permissions: BTreeMap<&'static str, Grant>,
}

impl Change {
    fn read(team: &Team, own_id: Option<&str>, mut fields: Fields<'_>) -> Result<Self, Refusal> {
        let name = fields.text("name", &(1..=30));
        if let Some(name) = &name {
            let taken = team
                .role(name)
                .is_some_and(|role| Some(role.id.as_str()) != own_id);
            if !is_name(name) {
                fields.refuse("name", "field has an invalid format");
            } else if taken {
                fields.refuse("name", "has already been taken");
            }
        }
        let change = Self {
            name,
            display_name: fields.text("display_name", &(3..=100)),
            description: fields.text("description", &LONG),
            describes: fields.has("description"),
            permissions: permissions(team, &mut fields),
        };
        fields.check()?;
        Ok(change)
    }

    fn write(self, role: &mut Role) {
        role.name = self.name.unwrap_or(role.name.clone());
        role.display_name = self.display_name.unwrap_or(role.display_name.clone());
        if self.describes {
            role.description = self.description;
        }
        role.permissions.extend(self.permissions);
    }
}

/// Names that are not known are refused, those of the reference 1.1 among them.
fn permissions(team: &Team, fields: &mut Fields<'_>) -> BTreeMap<&'static str, Grant> {
    let granted = fields.object("permissions", |fields| {
        let mut granted = BTreeMap::new();
        for (name, value) in fields.entries() {
            let known = words(PERMISSIONS).find(|known| known == name);
            match known.and_then(|known| Some((known, grant(team, known, value)?))) {
                Some((known, grant)) => {
                    granted.insert(known, grant);
                }
                None => fields.refuse(name, "field is invalid"),
            }
        }
        granted
    });
    granted.unwrap_or_default()
}

fn grant(team: &Team, permission: &str, value: &Value) -> Option<Grant> {
    match value {
        Value::Bool(true) => Some(Grant::Everybody),
        Value::Bool(false) => Some(Grant::Nobody),
        Value::Array(roles) => {
            words(ROLE_SENSITIVE).find(|known| *known == permission)?;
            let ids = roles
                .iter()
                .map(|role| Some(team.role(role.as_str()?)?.id.clone()));
            Some(Grant::Roles(ids.collect::<Option<_>>()?))
        }
        Value::Null | Value::Number(_) | Value::String(_) | Value::Object(_) => None,
    }
}

fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    name.bytes().all(allowed)
}

fn shown_role(team: &Team, role: &Role) -> Value {
    let permissions: Map<_, _> = words(PERMISSIONS)
        .map(|name| {
            let value = match role.permissions.get(name) {
                None | Some(Grant::Nobody) => json!(false),
                Some(Grant::Everybody) => json!(true),
                Some(Grant::Roles(ids)) => {
                    let names = ids.iter().filter_map(|id| team.roles.get(id));
                    names.map(|role| &*role.name).collect()
                }
            };
            (name.to_owned(), value)
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
