//! The team's state: its settings, roles and rooms. Times are the clock's.

use std::collections::{BTreeMap, HashMap};
use std::io;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Parameters;
use super::areas::chat::Chat;
use super::areas::libraries::Libraries;
use super::areas::phone::Phone;
use super::areas::polls::Polls;
use super::areas::questions::Questions;
use super::areas::quizzes::Quizzes;
use super::areas::recordings::Recordings;
use super::areas::restreamers::Restreamers;
use super::areas::roles::{Role, Roles, presets};
use super::areas::transcripts::Transcripts;
use super::areas::webhooks::Webhooks;
use super::belongings::Kind;
use super::credentials::Window;
use super::participants::Join;
use super::sessions::Sessions;
use super::settings::{Place, Settings, date_time, shown};
use crate::clock::{Clock, UnixTime};

/// Deleted rooms that are remembered; the oldest are forgotten first.
const FORMER_ROOMS_MAX: usize = 1_000;

/// Which of the documented shapes answers take. The default is today's official one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Variations {
    /// `roles` and `default_role` of a room are names, as in the reference 1.1.
    pub roles_as_names: bool,
    /// `total_count` of rooms is a number.
    pub total_count_as_number: bool,
    /// Validation fails with 400 instead of 422.
    pub validation_as_400: bool,
    /// The live form of a room without a session is a 404 instead of zeroes.
    pub idle_room_not_found: bool,
}

/// Adds to a list that forgets its oldest things.
pub(super) fn keep<T>(kept: &mut Vec<T>, thing: T, max: usize) {
    kept.push(thing);
    let excess = kept.len().saturating_sub(max);
    kept.drain(..excess);
}

/// What a test wants to know about a room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoomFacts {
    /// The UUID.
    pub id: String,
    /// The name in its address.
    pub friendly_url: String,
    /// The names of its roles.
    pub roles: Vec<String>,
    /// All of its settings, as the API shows them.
    pub settings: Value,
}

pub(super) struct Room {
    pub(super) id: String,
    pub(super) settings: Map<String, Value>,
    /// Ids of roles.
    pub(super) roles: Vec<String>,
    pub(super) default_role: Option<String>,
    pub(super) tags: Vec<String>,
    pub(super) created_at: UnixTime,
    pub(super) updated_at: UnixTime,
    pub(super) is_deleted: bool,
}

pub(super) struct Team {
    pub(super) id: String,
    pub(super) developer_key: String,
    pub(super) clock: Clock,
    pub(super) variations: Variations,
    pub(super) table: Settings,
    pub(super) settings: Map<String, Value>,
    pub(super) roles: Roles,
    pub(super) webhooks: Webhooks,
    pub(super) libraries: Libraries,
    pub(super) chat: Chat,
    pub(super) questions: Questions,
    pub(super) polls: Polls,
    pub(super) quizzes: Quizzes,
    /// What the addresses of uploads start with.
    pub(super) storage_base: String,
    /// What rooms get that do not ask: ids of roles. None listed means all.
    pub(super) default_roles: Vec<String>,
    pub(super) default_role: Option<String>,
    pub(super) joins: Vec<Join>,
    pub(super) sessions: Sessions,
    pub(super) recordings: Recordings,
    pub(super) transcripts: Transcripts,
    pub(super) phone: Phone,
    pub(super) restreamers: Restreamers,
    pub(super) window: Window,
    pub(super) rate_limit_per_minute: u32,
    domain: String,
    rooms_base: String,
    /// By order of creation.
    rooms: BTreeMap<u64, Room>,
    /// Ids and lower-case `friendly_url`s.
    names: HashMap<String, u64>,
    rooms_ever: u64,
    /// Rooms that were deleted, in order of deletion: what outlives them names them still.
    former: Vec<Room>,
}

impl Team {
    pub(super) fn new(parameters: &Parameters, base_url: &str) -> io::Result<Self> {
        let rooms_base = parameters.rooms_base.as_deref().unwrap_or(base_url);
        let mut team = Self {
            id: parameters.team_id.clone(),
            developer_key: parameters.developer_key.clone(),
            clock: parameters.clock.clone(),
            variations: Variations::default(),
            table: Settings::load()?,
            settings: Map::new(),
            roles: Roles::default(),
            webhooks: Webhooks::default(),
            libraries: Libraries::default(),
            chat: Chat::default(),
            questions: Questions::default(),
            polls: Polls::default(),
            quizzes: Quizzes::default(),
            storage_base: base_url.to_owned(),
            default_roles: Vec::new(),
            default_role: None,
            joins: Vec::new(),
            sessions: Sessions::default(),
            recordings: Recordings::default(),
            transcripts: Transcripts::default(),
            phone: Phone::default(),
            restreamers: Restreamers::default(),
            window: Window::default(),
            rate_limit_per_minute: parameters.rate_limit_per_minute,
            domain: parameters.team_domain.clone(),
            rooms_base: rooms_base.trim_end_matches('/').to_owned(),
            rooms: BTreeMap::new(),
            names: HashMap::new(),
            rooms_ever: 0,
            former: Vec::new(),
        };
        team.reset();
        Ok(team)
    }

    pub(super) fn reset(&mut self) {
        self.rooms.clear();
        self.names.clear();
        self.joins.clear();
        self.former.clear();
        self.sessions = Sessions::default();
        self.recordings = Recordings::default();
        self.transcripts = Transcripts::default();
        self.phone = Phone::default();
        self.restreamers = Restreamers::default();
        self.window = Window::default();
        self.variations = Variations::default();
        self.roles = presets(self.clock.now());
        self.webhooks = Webhooks::default();
        self.libraries = Libraries::default();
        self.chat = Chat::default();
        self.questions = Questions::default();
        self.polls = Polls::default();
        self.quizzes = Quizzes::default();
        self.default_roles.clear();
        self.default_role = None;
        self.settings = self.table.defaults(Place::Team);
        self.settings
            .insert("domain".to_owned(), json!(self.domain));
    }

    /// The rooms in order of creation.
    pub(super) fn rooms(&self) -> impl DoubleEndedIterator<Item = &Room> {
        self.rooms.values()
    }

    /// The rooms, to change what does not name them.
    pub(super) fn rooms_mut(&mut self) -> impl Iterator<Item = &mut Room> {
        self.rooms.values_mut()
    }

    /// A room by id or `friendly_url`. Upper and lower case are the same name, as in most
    /// databases: whoever tells two rooms apart by case finds out here.
    pub(super) fn room(&self, name: &str) -> Option<&Room> {
        self.rooms.get(self.names.get(&name.to_lowercase())?)
    }

    /// A room by id alone, where the documentation knows no other name for it.
    pub(super) fn room_by_id(&self, id: &str) -> Option<&Room> {
        let named = |room: &&Room| room.id.eq_ignore_ascii_case(id);
        self.room(id).filter(named)
    }

    /// A room by id, even if it was deleted.
    pub(super) fn room_ever(&self, id: &str) -> Option<&Room> {
        let former = || self.former.iter().rev().find(|room| room.id == id);
        self.room_by_id(id).or_else(former)
    }

    /// Whether a session goes on in a room, named by its id.
    pub(super) fn is_live(&self, room: &str) -> bool {
        self.current_session(room).is_some()
    }

    pub(super) fn insert(&mut self, room: Room) {
        self.rooms_ever += 1;
        self.names.insert(room.id.clone(), self.rooms_ever);
        let friendly_url = room.friendly_url().to_lowercase();
        self.names.insert(friendly_url, self.rooms_ever);
        self.rooms.insert(self.rooms_ever, room);
    }

    /// Changes a room and keeps it findable by its new name.
    pub(super) fn update(&mut self, name: &str, change: impl FnOnce(&mut Room)) {
        let now = self.clock.now();
        let Some(at) = self.names.get(&name.to_lowercase()).copied() else {
            return;
        };
        if let Some(room) = self.rooms.get_mut(&at) {
            self.names.remove(&room.friendly_url().to_lowercase());
            change(room);
            room.updated_at = now;
            self.names.insert(room.friendly_url().to_lowercase(), at);
        }
    }

    /// Takes a room away, after everybody in it; whether it was there.
    pub(super) fn remove(&mut self, name: &str) -> bool {
        let at = self.names.get(&name.to_lowercase()).copied();
        let Some(mut room) = at.and_then(|at| self.rooms.remove(&at)) else {
            return false;
        };
        self.names.remove(&room.id);
        self.names.remove(&room.friendly_url().to_lowercase());
        room.is_deleted = true;
        let id = room.id.clone();
        keep(&mut self.former, room, FORMER_ROOMS_MAX);
        self.end_session(&id, self.clock.now());
        self.forget_of_room(&id, Kind::Room);
        true
    }

    /// Does what time alone brings: sessions end, and rooms go when their `expires_at` has come.
    pub(super) fn catch_up(&mut self) {
        self.end_due_sessions();
        let now = self.clock.now();
        let expired = self.rooms.values().filter(|room| {
            let at = room.settings.get("expires_at").and_then(Value::as_str);
            at.and_then(date_time).is_some_and(|at| at <= now)
        });
        let expired: Vec<_> = expired.map(|room| room.id.clone()).collect();
        for id in expired {
            self.remove(&id);
        }
    }

    /// A role by id or name.
    pub(super) fn role(&self, name: &str) -> Option<&Role> {
        self.roles
            .iter()
            .find(|role| role.id == name || role.name == name)
    }

    /// The roles of a room that does not ask for any, by id.
    pub(super) fn inherited_roles(&self) -> Vec<String> {
        let all = self.roles.iter().map(|role| role.id.clone());
        let (chosen, others): (Vec<_>, Vec<_>) =
            all.partition(|id| self.default_roles.contains(id));
        if chosen.is_empty() { others } else { chosen }
    }

    /// The default role of a room that does not ask for one, by id.
    pub(super) fn inherited_default_role(&self) -> Option<String> {
        let roles = self.inherited_roles();
        let preset = self.roles.iter().find(|role| role.is_default);
        let named = [self.default_role.as_ref(), preset.map(|role| &role.id)];
        let known = named.into_iter().flatten().find(|id| roles.contains(id));
        known.or(roles.first()).cloned()
    }

    /// A room as the API shows it alone.
    pub(super) fn shown_room(&self, room: &Room) -> Value {
        let mut shown_room = room.settings.clone();
        shown_room.extend(self.common_fields(room));
        let named = self.variations.roles_as_names;
        let roles = room.roles.iter().filter_map(|id| self.role(id));
        let roles = roles.map(|role| {
            let mut shown = role.shown_in_room(named);
            if let Value::Object(shown) = &mut shown {
                shown.insert("allow_private_group_chat".to_owned(), json!(false));
            }
            shown
        });
        let default_role = room.default_role.as_ref().and_then(|id| self.role(id));
        let default_role = default_role.map(|role| role.shown_in_room(named));
        shown_room.insert("roles".to_owned(), roles.collect());
        shown_room.insert("default_role".to_owned(), json!(default_role));
        shown_room.insert("files".to_owned(), json!([]));
        shown_room.insert("files_panel_enabled".to_owned(), json!(true));
        Value::Object(shown_room)
    }

    /// A room as a page of rooms shows it.
    pub(super) fn listed_room(&self, room: &Room) -> Value {
        let mut listed: Map<_, _> = self
            .table
            .listed()
            .filter_map(|name| Some((name.to_owned(), room.settings.get(name)?.clone())))
            .collect();
        listed.insert("topic".to_owned(), json!(room.settings.get("description")));
        listed.extend(self.common_fields(room));
        Value::Object(listed)
    }

    pub(super) fn rooms_base(&self) -> &str {
        &self.rooms_base
    }

    /// Where a room is entered.
    pub(super) fn room_url(&self, room: &Room) -> String {
        format!("{}/{}", self.rooms_base, room.friendly_url())
    }

    pub(super) fn facts(&self) -> Vec<RoomFacts> {
        self.rooms().map(|room| self.facts_about(room)).collect()
    }

    pub(super) fn facts_of(&self, name: &str) -> Option<RoomFacts> {
        self.room(name).map(|room| self.facts_about(room))
    }

    fn facts_about(&self, room: &Room) -> RoomFacts {
        let roles = room.roles.iter().filter_map(|id| self.role(id));
        RoomFacts {
            id: room.id.clone(),
            friendly_url: room.friendly_url().to_owned(),
            roles: roles.map(|role| role.name.clone()).collect(),
            settings: self.shown_room(room),
        }
    }

    fn common_fields(&self, room: &Room) -> Vec<(String, Value)> {
        [
            ("id", json!(room.id)),
            ("room_url", json!(self.room_url(room))),
            ("created_at", json!(shown(room.created_at))),
            ("updated_at", json!(shown(room.updated_at))),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}

impl Room {
    pub(super) fn new(settings: Map<String, Value>, now: UnixTime) -> Self {
        Self {
            id: Uuid::new_v4().to_string(),
            settings,
            roles: Vec::new(),
            default_role: None,
            tags: Vec::new(),
            created_at: now,
            updated_at: now,
            is_deleted: false,
        }
    }

    pub(super) fn friendly_url(&self) -> &str {
        self.text("friendly_url").unwrap_or_default()
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.settings.get("e2ee_enabled") == Some(&json!(true))
    }

    pub(super) fn text(&self, setting: &str) -> Option<&str> {
        self.settings.get(setting).and_then(Value::as_str)
    }
}
