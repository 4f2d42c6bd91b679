//! Settings that are written into a room which is there already.

use serde_json::{Map, Value};

use super::setting_fault::SettingFault;
use super::settings_catalogue::{Into, SettingsCatalogue};
use super::template::{RoomSettings, rule_faults};

/// Settings that upstream will take for a room which is there, as far as it documents what it takes.
#[derive(Debug, Clone, PartialEq)]
pub struct SettingsChange(Map<String, Value>);

impl SettingsChange {
    /// Checks settings by themselves: what the room has beside them is not known. The template
    /// says how private the room is.
    ///
    /// # Errors
    /// Every [`SettingFault`] there is.
    pub fn check(
        asked: Map<String, Value>,
        template: &RoomSettings,
        catalogue: &SettingsCatalogue,
    ) -> Result<Self, Vec<SettingFault>> {
        template.check_privacy(&asked)?;
        let mut faults = catalogue.faults_of(&asked, Into::Existing);
        if faults.is_empty() {
            faults = rule_faults(&asked);
        }
        if faults.is_empty() {
            Ok(Self(asked))
        } else {
            Err(faults)
        }
    }

    /// The same for settings that a room may also be created with: what upstream takes at a
    /// creation alone is left out.
    ///
    /// # Errors
    /// Every [`SettingFault`] there is.
    pub fn of_creation(
        mut asked: Map<String, Value>,
        template: &RoomSettings,
        catalogue: &SettingsCatalogue,
    ) -> Result<Self, Vec<SettingFault>> {
        asked.retain(|name, _| catalogue.is_changeable(name));
        Self::check(asked, template, catalogue)
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn values(&self) -> &Map<String, Value> {
        &self.0
    }
}
