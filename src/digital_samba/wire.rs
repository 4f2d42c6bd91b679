//! Upstream's JSON: tolerant of its documented variations, strict about what we rely on.

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::domain::{FriendlyUrl, RoleName, RoomId, TeamId};
use crate::rooms::UpstreamRoom;

/// Field names of a rejection that are passed on, and characters of each.
const FIELDS_MAX: usize = 16;
const FIELD_LENGTH_MAX: usize = 64;

/// Reads an answer; what is wrong with it is said in our words, never in upstream's.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, &'static str> {
    use serde_json::error::Category;
    let answer = serde_json::from_slice(body).map_err(|error| match error.classify() {
        Category::Syntax | Category::Io => "it is not JSON",
        Category::Eof => "its JSON breaks off",
        Category::Data => "a member is missing or of another type",
    })?;
    // A list could pass for the members of an object, one after the other.
    if body.trim_ascii_start().starts_with(b"{") {
        Ok(answer)
    } else {
        Err("it is not an object")
    }
}

/// A room. Its id, name and privacy must be there and right; the rest has known variations.
#[derive(Debug, Deserialize)]
pub(super) struct Room {
    id: RoomId,
    friendly_url: FriendlyUrl,
    privacy: Privacy,
    external_id: Option<Text>,
    roles: Option<Vec<Role>>,
    default_role: Option<Role>,
    e2ee_enabled: Option<Flag>,
}

/// A page of rooms, of which only the ids are read.
#[derive(Debug, Deserialize)]
pub(super) struct RoomIds {
    data: Vec<RoomIdItem>,
}

#[derive(Debug, Deserialize)]
struct RoomIdItem {
    id: RoomId,
}

impl RoomIds {
    /// The first room's id.
    pub(super) fn first(&self) -> Option<RoomId> {
        self.data.first().map(|room| room.id)
    }
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(try_from = "String")]
enum Privacy {
    Public,
    Private,
}

impl TryFrom<String> for Privacy {
    type Error = &'static str;

    fn try_from(word: String) -> Result<Self, Self::Error> {
        match word.as_str() {
            "public" => Ok(Self::Public),
            "private" => Ok(Self::Private),
            _other => Err("neither public nor private"),
        }
    }
}

impl From<Room> for UpstreamRoom {
    fn from(room: Room) -> Self {
        Self {
            id: room.id,
            friendly_url: room.friendly_url,
            external_id: room.external_id.map(Text::into_text),
            is_private: room.privacy == Privacy::Private,
            // A role that cannot be read means that the list tells nothing to rely on.
            roles: room
                .roles
                .and_then(|roles| roles.into_iter().map(Role::name).collect())
                .unwrap_or_default(),
            default_role: room.default_role.and_then(Role::name),
            end_to_end_encrypted: room.e2ee_enabled.is_some_and(|flag| flag.0),
        }
    }
}

/// Text that some upstreams send as a number.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Text {
    Text(String),
    Number(serde_json::Number),
}

impl Text {
    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
        }
    }
}

/// A role, by name or as an object.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Role {
    Name(String),
    Object { name: String },
    Other(IgnoredAny),
}

impl Role {
    pub(super) fn name(self) -> Option<RoleName> {
        match self {
            Self::Name(name) | Self::Object { name } => RoleName::parse(&name).ok(),
            Self::Other(_) => None,
        }
    }
}

/// True or false, also as 1 or 0, as a number or as text. Anything else is an error: whether a
/// name may go into a token hangs on it.
#[derive(Debug, Deserialize)]
#[serde(try_from = "serde_json::Value")]
struct Flag(bool);

impl TryFrom<serde_json::Value> for Flag {
    type Error = &'static str;

    fn try_from(value: serde_json::Value) -> Result<Self, Self::Error> {
        let text = value.to_string();
        match text.trim_matches('"') {
            "true" | "1" => Ok(Self(true)),
            "false" | "0" | "" => Ok(Self(false)),
            _other => Err("neither true nor false"),
        }
    }
}

/// A page of roles, or the bare list.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Roles {
    Page { data: Vec<Role> },
    List(Vec<Role>),
}

impl Roles {
    pub(super) fn into_list(self) -> Vec<Role> {
        match self {
            Self::Page { data } | Self::List(data) => data,
        }
    }
}

/// The team, as its default settings show it.
#[derive(Debug, Deserialize)]
pub(super) struct Team {
    pub(super) id: TeamId,
    pub(super) domain: Option<String>,
    pub(super) custom_cname: Option<String>,
}

/// A token that upstream signed. A credential: no `Debug`.
#[derive(Deserialize)]
pub(super) struct SignedToken {
    pub(super) token: String,
}

#[derive(Debug, Deserialize)]
struct Rejection {
    errors: serde_json::Map<String, serde_json::Value>,
}

/// The names of the fields that a rejection complains about, cut down to what a field name can be.
pub(super) fn rejected_fields(body: &[u8]) -> Vec<String> {
    let Ok(Rejection { errors }) = serde_json::from_slice(body) else {
        return Vec::new();
    };
    let allowed = |c: &char| matches!(c, 'a'..='z' | '0'..='9' | '_' | '.');
    errors
        .keys()
        .map(|name| {
            name.chars()
                .filter(allowed)
                .take(FIELD_LENGTH_MAX)
                .collect()
        })
        .filter(|name: &String| !name.is_empty())
        .take(FIELDS_MAX)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const ID: &str = "5f0c2b1e-7a44-4d0e-9b55-3e6c1d8a9f21";

    fn room(change: &Value) -> Result<UpstreamRoom, &'static str> {
        let mut room = json!({ "id": ID, "friendly_url": "clinic", "privacy": "private" });
        for (name, value) in change.as_object().unwrap() {
            let room = room.as_object_mut().unwrap();
            if value == "(absent)" {
                room.remove(name);
            } else {
                room.insert(name.clone(), value.clone());
            }
        }
        read::<Room>(room.to_string().as_bytes()).map(UpstreamRoom::from)
    }

    fn names(roles: &[RoleName]) -> Vec<&str> {
        roles.iter().map(RoleName::as_str).collect()
    }

    #[test]
    fn a_list_is_not_taken_for_the_members_of_an_object() {
        let list = json!([ID, "clinic", "private", null, null, null, null]).to_string();
        assert_eq!(
            read::<Room>(list.as_bytes()).map(UpstreamRoom::from),
            Err("it is not an object")
        );
    }

    #[test]
    fn every_documented_variation_of_a_room_is_read() {
        let official = room(&json!({
            "external_id": "dept-112", "e2ee_enabled": true, "max_participants": "40",
            "roles": [{ "id": ID, "name": "moderator", "display_name": "Moderators" }, { "name": "attendee" }],
            "default_role": { "id": ID, "name": "attendee" }, "breakouts": [],
        }))
        .unwrap();
        assert_eq!(names(&official.roles), ["moderator", "attendee"]);
        assert_eq!(official.default_role.unwrap().as_str(), "attendee");
        assert_eq!(official.external_id.unwrap(), "dept-112");
        assert!(official.end_to_end_encrypted && official.is_private);

        let older = room(&json!({ "roles": ["moderator"], "default_role": "moderator", "external_id": 112, "e2ee_enabled": "1" })).unwrap();
        assert_eq!(names(&older.roles), ["moderator"]);
        assert_eq!(older.external_id.unwrap(), "112");
        assert!(older.end_to_end_encrypted);

        let bare = room(&json!({ "privacy": "public", "roles": null, "default_role": null, "external_id": null, "e2ee_enabled": null })).unwrap();
        assert!(bare.roles.is_empty() && bare.external_id.is_none() && !bare.is_private);
        let by_id = room(&json!({ "roles": ["moderator", ID], "default_role": ID })).unwrap();
        assert!(by_id.roles.is_empty() && by_id.default_role.is_none());
        let odd = room(&json!({ "roles": [{ "id": 7 }, 3], "e2ee_enabled": 0 })).unwrap();
        assert!(odd.roles.is_empty() && !odd.end_to_end_encrypted);
    }

    #[test]
    fn what_we_rely_on_must_be_there_and_right() {
        for change in [
            json!({ "id": "(absent)" }),
            json!({ "id": 7 }),
            json!({ "id": "clinic" }),
            json!({ "id": null }),
            json!({ "friendly_url": "(absent)" }),
            json!({ "friendly_url": ["clinic"] }),
            json!({ "friendly_url": "../clinic" }),
            json!({ "privacy": "(absent)" }),
            json!({ "privacy": "Private" }),
            json!({ "privacy": true }),
            json!({ "roles": "moderator" }),
            json!({ "external_id": ["x"] }),
            json!({ "e2ee_enabled": "perhaps" }),
            json!({ "e2ee_enabled": [] }),
        ] {
            assert_eq!(
                room(&change).unwrap_err(),
                "a member is missing or of another type",
                "{change}"
            );
        }
        assert_eq!(read::<Room>(b"<html>").unwrap_err(), "it is not JSON");
        assert_eq!(read::<Room>(b"").unwrap_err(), "its JSON breaks off");
        assert_eq!(
            read::<Room>(b"{\"id\":").unwrap_err(),
            "its JSON breaks off"
        );
        assert_eq!(
            read::<Room>(b"[]").unwrap_err(),
            "a member is missing or of another type"
        );
    }

    #[test]
    fn a_rejection_passes_on_field_names_and_nothing_else() {
        let fields = |body: &Value| rejected_fields(body.to_string().as_bytes());
        assert_eq!(
            fields(
                &json!({ "message": "taken", "errors": { "friendly_url": ["taken"], "roles.0": 3 } })
            ),
            ["friendly_url", "roles.0"]
        );
        assert_eq!(
            fields(&json!({ "errors": { "<b>x\n": [], "É": [] } })),
            ["bx"]
        );
        for body in [
            json!({ "message": "m" }),
            json!({ "errors": ["a"] }),
            json!(3),
            json!({ "errors": null }),
        ] {
            assert!(fields(&body).is_empty());
        }
        let many: serde_json::Map<String, Value> = (0..99)
            .map(|i| (format!("f{i}{}", "x".repeat(99)), json!([])))
            .collect();
        let many = fields(&json!({ "errors": many }));
        assert!(many.len() == FIELDS_MAX && many.iter().all(|name| name.len() == FIELD_LENGTH_MAX));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_readers_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (read::<Room>(&body).map(UpstreamRoom::from), read::<Roles>(&body), rejected_fields(&body));
        }
    }
}
