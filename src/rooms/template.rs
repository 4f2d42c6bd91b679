//! The settings that rooms are created with, chosen by the room key's pattern.

use serde_json::{Map, Value};

use crate::domain::{RoleName, RoomKey, RoomPattern};

use super::naming::friendly_url;
use super::setting_fault::{SettingFault, SettingProblem};
use super::settings_catalogue::{Into, SettingsCatalogue};
use super::upstream::NewRoom;

/// What end-to-end encryption excludes, by upstream's rules.
const NOT_WITH_ENCRYPTION: [&str; 4] = [
    "breakout_rooms_enabled",
    "whiteboard_enabled",
    "transcription_enabled",
    "captions_enabled",
];

/// A room's settings that upstream will take, as far as it documents what it takes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RoomSettings {
    values: Map<String, Value>,
    public: bool,
}

impl RoomSettings {
    /// Checks settings against upstream's own limits and its rules between settings.
    ///
    /// # Errors
    /// Every [`SettingFault`] there is.
    pub fn check(
        values: Map<String, Value>,
        catalogue: &SettingsCatalogue,
    ) -> Result<Self, Vec<SettingFault>> {
        let mut faults = catalogue.faults_of(&values, Into::New);
        if faults.is_empty() {
            faults = rule_faults(&values);
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let public = values.get("privacy").and_then(Value::as_str) == Some("public");
        Ok(Self { values, public })
    }

    /// These with others over them, checked as a whole: there are rules between settings.
    ///
    /// # Errors
    /// Every [`SettingFault`] there is.
    pub fn overlaid(
        &self,
        asked: &Map<String, Value>,
        catalogue: &SettingsCatalogue,
    ) -> Result<Self, Vec<SettingFault>> {
        self.check_privacy(asked)?;
        let mut values = self.values.clone();
        values.extend(asked.clone());
        Self::check(values, catalogue)
    }

    /// A room's privacy is its template's to say: joins hold the room to it.
    pub(super) fn check_privacy(
        &self,
        asked: &Map<String, Value>,
    ) -> Result<(), Vec<SettingFault>> {
        let own = if self.public { "public" } else { "private" };
        match asked.get("privacy") {
            Some(privacy) if privacy.as_str() != Some(own) => Err(vec![SettingFault {
                setting: "privacy".to_owned(),
                problem: SettingProblem::OfTemplate,
            }]),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether rooms of this template may be entered without a token: only if it says so.
    pub fn is_public(&self) -> bool {
        self.public
    }

    /// The role names that the template gives its rooms; empty if it leaves that to the team.
    pub fn roles(&self) -> Vec<RoleName> {
        texts(&self.values, "roles")
            .filter_map(|text| RoleName::parse(text).ok())
            .collect()
    }
}

fn texts<'a>(values: &'a Map<String, Value>, name: &str) -> impl Iterator<Item = &'a str> {
    let items = values.get(name).and_then(Value::as_array);
    items.into_iter().flatten().filter_map(Value::as_str)
}

/// What single settings cannot show.
pub(super) fn rule_faults(values: &Map<String, Value>) -> Vec<SettingFault> {
    let mut faults = Vec::new();
    let mut fault = |setting: &str, problem| {
        faults.push(SettingFault {
            setting: setting.to_owned(),
            problem,
        });
    };
    let is_true = |name: &str| values.get(name) == Some(&Value::Bool(true));
    let integer = |name: &str| values.get(name).and_then(Value::as_i64);
    let is_role = |text: &str| RoleName::parse(text).is_ok() || uuid::Uuid::try_parse(text).is_ok();

    let roles: Vec<&str> = texts(values, "roles").collect();
    if !roles.iter().all(|role| is_role(role)) {
        fault("roles", SettingProblem::NoRole);
    }
    match values.get("default_role").and_then(Value::as_str) {
        Some(_) if roles.is_empty() => fault("default_role", SettingProblem::NeedsRoles),
        Some(role) if !roles.contains(&role) => {
            fault("default_role", SettingProblem::NotAmongRoles);
        }
        None if roles.len() > 1 => fault("roles", SettingProblem::NeedsDefaultRole),
        Some(_) | None => {}
    }
    if is_true("is_locked") && roles.len() == 1 {
        fault("is_locked", SettingProblem::LockedForAll);
    }
    if let (Some(broadcasters), Some(max_participants)) =
        (integer("max_broadcasters"), integer("max_participants"))
        && broadcasters > max_participants
    {
        fault(
            "max_broadcasters",
            SettingProblem::MoreThanParticipants { max_participants },
        );
    }
    if is_true("e2ee_enabled") {
        for name in NOT_WITH_ENCRYPTION.iter().filter(|name| is_true(name)) {
            fault(name, SettingProblem::NotEncrypted);
        }
    }
    faults
}

/// Settings for the room keys of one pattern.
#[derive(Debug, Clone)]
pub struct Template {
    /// Which room keys.
    pub room: RoomPattern,
    /// What their rooms are created with.
    pub settings: RoomSettings,
}

/// Ordered templates: the first whose pattern matches counts; a room key without one gets a
/// private room of the team's defaults.
#[derive(Debug, Clone, Default)]
pub struct Templates {
    templates: Vec<Template>,
    without: RoomSettings,
}

impl Templates {
    /// Templates in their order.
    pub fn new(templates: Vec<Template>) -> Self {
        Self {
            templates,
            without: RoomSettings::default(),
        }
    }

    /// One template for every room key.
    pub fn of_one(settings: RoomSettings) -> Self {
        Self {
            templates: Vec::new(),
            without: settings,
        }
    }

    /// The settings of a room key's room.
    pub fn settings_of(&self, key: &RoomKey) -> &RoomSettings {
        self.templates
            .iter()
            .find(|template| template.room.matches(key).is_some())
            .map_or(&self.without, |template| &template.settings)
    }

    /// What to create for a room key.
    pub fn new_room(&self, key: &RoomKey) -> NewRoom {
        let friendly_url = friendly_url(key);
        let mut settings = self.settings_of(key).values.clone();
        // Upstream's own default is public: never leave it to upstream.
        settings
            .entry("privacy")
            .or_insert_with(|| Value::from("private"));
        settings.insert("friendly_url".to_owned(), friendly_url.as_str().into());
        settings.insert("external_id".to_owned(), key.as_str().into());
        NewRoom {
            friendly_url,
            settings,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(settings: Value) -> Result<RoomSettings, Vec<String>> {
        let settings = serde_json::from_value(settings).unwrap();
        RoomSettings::check(settings, &SettingsCatalogue::built_in())
            .map_err(|faults| faults.iter().map(ToString::to_string).collect())
    }

    fn templates(list: &[(&str, Value)]) -> Templates {
        let of = |(room, settings): &(&str, Value)| Template {
            room: RoomPattern::parse(room).unwrap(),
            settings: check(settings.clone()).unwrap(),
        };
        Templates::new(list.iter().map(of).collect())
    }

    #[test]
    fn a_room_is_private_and_carries_its_key_unless_its_template_says_public() {
        let templates = templates(&[
            ("open-*", json!({ "privacy": "public" })),
            ("course-{course}", json!({ "max_participants": 60 })),
            ("course-101", json!({ "max_participants": 2 })),
        ]);
        let settings = |key: &str| {
            let new = templates.new_room(&RoomKey::parse(key).unwrap());
            assert_eq!(new.settings["friendly_url"], new.friendly_url.as_str());
            Value::Object(new.settings)
        };
        assert_eq!(
            settings("course-101"),
            json!({ "friendly_url": "course-101", "external_id": "course-101", "privacy": "private", "max_participants": 60 })
        );
        assert_eq!(
            settings("open-day"),
            json!({ "friendly_url": "open-day", "external_id": "open-day", "privacy": "public" })
        );
        assert_eq!(
            settings("lobby"),
            json!({ "friendly_url": "lobby", "external_id": "lobby", "privacy": "private" })
        );
        let open = RoomKey::parse("open-day").unwrap();
        let lobby = RoomKey::parse("lobby").unwrap();
        assert!(templates.settings_of(&open).is_public());
        assert!(!templates.settings_of(&lobby).is_public());
    }

    #[test]
    fn what_upstream_takes_is_taken() {
        check(json!({
            "description": "Weekly planning", "max_participants": 2000, "max_broadcasters": 2000,
            "roles": ["moderator", "41c7e5d9-0b68-4f2a-9d3c-76a1b8e2f054"], "default_role": "moderator",
            "is_locked": true, "session_length": 1440, "language": "xx-NEW", "languages": ["en", "xx"],
            "toolbar_color": "#a0B1c2", "expires_at": "2030-01-31 09:00:00", "audio_quality": "64",
            "library_id": "41c7e5d9-0b68-4f2a-9d3c-76a1b8e2f054", "e2ee_enabled": true,
            "whiteboard_enabled": false, "tags": ["a"], "breakout_timer_duration": 30,
        }))
        .unwrap();
    }

    /// Settings that upstream would refuse, and what is said of them.
    const REFUSED: &[(&str, &str)] = &[
        (
            r#"{"max_participant": 3}"#,
            "max_participant is no room setting of Digital Samba",
        ),
        (
            r#"{"friendly_url": "abc"}"#,
            "friendly_url is set by room-broker for each room; leave it out",
        ),
        (
            r#"{"external_id": "abc"}"#,
            "external_id is set by room-broker for each room; leave it out",
        ),
        (r#"{"room_url": "x"}"#, "room_url can only be read"),
        (
            r#"{"domain": "acme"}"#,
            "domain is a setting of the team, not of a room",
        ),
        (
            r#"{"favicon": "x"}"#,
            "favicon is a setting of the team, not of a room",
        ),
        (
            r#"{"default_language": "en"}"#,
            "default_language is an older name: write language",
        ),
        (
            r#"{"logo_url": "x"}"#,
            "logo_url is an older name: write custom_logo",
        ),
        (
            r#"{"toolbar": {}}"#,
            "toolbar is an older name: write toolbar_position, toolbar_enabled, toolbar_color",
        ),
        (
            r#"{"chat_enabled": "true"}"#,
            "chat_enabled must be true or false",
        ),
        (
            r#"{"max_participants": "60"}"#,
            "max_participants must be a whole number",
        ),
        (
            r#"{"max_participants": 1.5}"#,
            "max_participants must be a whole number",
        ),
        (
            r#"{"max_participants": 1}"#,
            "max_participants must be at least 2 and at most 2000",
        ),
        (
            r#"{"max_participants": 2001}"#,
            "max_participants must be at least 2 and at most 2000",
        ),
        (
            r#"{"breakout_timer_duration": -1}"#,
            "breakout_timer_duration must be at least 0",
        ),
        (r#"{"audio_quality": 64}"#, "audio_quality must be text"),
        (
            r#"{"audio_quality": "65"}"#,
            "audio_quality must be one of: 32, 64, 128, 256",
        ),
        (
            r#"{"privacy": "Public"}"#,
            "privacy must be one of: public, private",
        ),
        (
            r#"{"description": "ab"}"#,
            "description must have at least 3 and at most 500 characters",
        ),
        (
            r#"{"watermark_text": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}"#,
            "watermark_text must have at least 3 and at most 150 characters",
        ),
        (
            r#"{"primary_color": "red"}"#,
            "primary_color must be a colour such as #3771E0",
        ),
        (r#"{"library_id": "x"}"#, "library_id must be a UUID"),
        (
            r#"{"expires_at": "2030-02-31 09:00:00"}"#,
            "expires_at must be a UTC time such as 2030-01-31 09:00:00",
        ),
        (
            r#"{"tags": ["a", 1]}"#,
            "tags must be a list of texts, none of them empty",
        ),
        (r#"{"tags": ["a", "a"]}"#, "tags names something twice"),
        (
            r#"{"roles": ["no role"]}"#,
            "roles must name roles by their name or UUID",
        ),
        (
            r#"{"default_role": "a"}"#,
            "default_role needs roles, the list it is one of",
        ),
        (
            r#"{"roles": ["a", "b"]}"#,
            "roles has several roles and needs default_role, one of them",
        ),
        (
            r#"{"roles": ["a", "b"], "default_role": "c"}"#,
            "default_role must be one of roles",
        ),
        (
            r#"{"roles": ["a"], "is_locked": true}"#,
            "is_locked needs a second role: a room with a single role cannot be locked",
        ),
        (
            r#"{"max_broadcasters": 9, "max_participants": 8}"#,
            "max_broadcasters must not exceed max_participants (8)",
        ),
        (
            r#"{"e2ee_enabled": true, "captions_enabled": true}"#,
            "captions_enabled cannot be true with e2ee_enabled",
        ),
    ];

    #[test]
    fn each_setting_that_upstream_would_refuse_is_one_fault_with_its_reason() {
        for (settings, fault) in REFUSED {
            let settings = serde_json::from_str(settings).unwrap();
            assert_eq!(check(settings).unwrap_err(), [*fault]);
        }
    }

    #[test]
    fn every_fault_is_reported_at_once() {
        let faults = check(json!({ "privacy": 1, "topic": "x", "zoom": 2 })).unwrap_err();
        assert_eq!(faults.len(), 3);
        let faults = check(
            json!({ "e2ee_enabled": true, "whiteboard_enabled": true, "transcription_enabled": true, "roles": ["a", "b"] }),
        );
        assert_eq!(faults.unwrap_err().len(), 3);
    }
}
