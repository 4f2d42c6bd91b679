//! The schemas of room settings in `openapi-internal.yaml` are those of the catalogue.
//! `ROOM_BROKER_UPDATE=1 cargo test settings_schema` writes them anew.

use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::Value;

const DESCRIPTION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi-internal.yaml");
const CATALOGUE: &str = include_str!("../../../src/rooms/settings_catalogue.json");

const BEGIN: &str = "    # Generated from src/rooms/settings_catalogue.json: begin\n";
const END: &str = "    # Generated from src/rooms/settings_catalogue.json: end\n";

/// What a caller never sets.
const OURS: [&str; 2] = ["friendly_url", "external_id"];

/// The most where the catalogue names none, as the code has it.
const INTEGER_MAX: i64 = 9_007_199_254_740_991;

const COLOUR: &str = "'^#[0-9A-Fa-f]{6}$'";

/// Years, months and their days, leap years too.
const TIMESTAMP: &str = "'^([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29) ([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]$'";

/// A role's name, or a UUID.
const ROLE: &str = "'^([A-Za-z0-9_-]{1,30}|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})$'";

#[derive(Deserialize)]
struct Setting {
    name: String,
    r#type: String,
    #[serde(default, rename = "enum")]
    words: Vec<String>,
    #[serde(default)]
    open: bool,
    min: Option<i64>,
    max: Option<i64>,
    min_length: Option<u64>,
    max_length: Option<u64>,
    format: Option<String>,
    scope: Vec<String>,
    #[serde(default)]
    replaced_by: Vec<String>,
}

impl Setting {
    fn is_for(&self, scope: &str) -> bool {
        let is_in = |scope: &str| self.scope.iter().any(|own| own == scope);
        is_in(scope)
            && is_in("create")
            && !is_in("response")
            && self.replaced_by.is_empty()
            && !OURS.contains(&self.name.as_str())
    }

    /// Its schema, in the YAML of one line.
    fn schema(&self) -> String {
        match self.r#type.as_str() {
            "boolean" => "{ type: boolean }".to_owned(),
            "integer" => {
                let (min, max) = (self.min.unwrap_or(0), self.max.unwrap_or(INTEGER_MAX));
                format!("{{ type: integer, minimum: {min}, maximum: {max} }}")
            }
            "array" if self.name == "roles" => {
                format!(
                    "{{ type: array, uniqueItems: true, items: {{ type: string, pattern: {ROLE} }} }}"
                )
            }
            "array" => "{ type: array, uniqueItems: true, items: { type: string, minLength: 1 } }"
                .to_owned(),
            "string" => self.text_schema(),
            other => panic!("{}: nothing is said of {other}", self.name),
        }
    }

    fn text_schema(&self) -> String {
        let words = Value::from(self.words.clone());
        if !self.words.is_empty() && !self.open {
            return format!("{{ type: string, enum: {words} }}");
        }
        let mut schema = String::from("{ type: string");
        match self.format.as_deref() {
            Some("colour") => write!(schema, ", pattern: {COLOUR}").unwrap(),
            Some("timestamp") => write!(schema, ", pattern: {TIMESTAMP}").unwrap(),
            Some("uuid") => schema.push_str(", format: uuid"),
            Some(other) => panic!("{}: nothing is said of {other}", self.name),
            None => {
                write!(schema, ", minLength: {}", self.min_length.unwrap_or(1)).unwrap();
                if let Some(max) = self.max_length {
                    write!(schema, ", maxLength: {max}").unwrap();
                }
            }
        }
        if !self.words.is_empty() {
            write!(schema, ", examples: {words}").unwrap();
        }
        schema.push_str(" }");
        schema
    }
}

/// Settings of a room that is to be created; and those of one that is there, which are the same
/// but for a few.
fn schemas() -> String {
    let settings: Vec<Setting> = serde_json::from_str(CATALOGUE).unwrap();
    let mut text = String::from(BEGIN);
    text.push_str("    RoomSettings:\n      type: object\n      additionalProperties: false\n");
    text.push_str("      properties:\n");
    for setting in settings.iter().filter(|setting| setting.is_for("create")) {
        writeln!(text, "        {}: {}", setting.name, setting.schema()).unwrap();
    }
    text.push_str("    RoomSettingsChange:\n      description: RoomSettings but for those that only a creation takes.\n");
    text.push_str("      allOf:\n        - $ref: '#/components/schemas/RoomSettings'\n");
    text.push_str("        - type: object\n          properties:\n");
    let of_creation = |setting: &&Setting| setting.is_for("create") && !setting.is_for("update");
    for setting in settings.iter().filter(of_creation) {
        writeln!(text, "            {}: false", setting.name).unwrap();
    }
    text.push_str(END);
    text
}

#[test]
fn every_setting_is_described_with_its_limits_and_no_other_is() {
    let described = std::fs::read_to_string(DESCRIPTION).unwrap();
    let (before, rest) = described.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let expected = format!("{before}{}{after}", schemas());
    if std::env::var_os("ROOM_BROKER_UPDATE").is_some() {
        std::fs::write(DESCRIPTION, &expected).unwrap();
    }
    assert!(
        std::fs::read_to_string(DESCRIPTION).unwrap() == expected,
        "openapi-internal.yaml has other settings than the catalogue: run ROOM_BROKER_UPDATE=1 cargo test settings_schema"
    );
}
