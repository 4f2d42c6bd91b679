//! Room key in, room out: naming, templates, the cache, find-or-create. Owns the port that the
//! upstream client implements, and knows no HTTP and no policy rules.

mod cache;
mod directory;
mod find_or_create;
mod flight;
mod naming;
mod resolve_error;
mod room;
mod setting_fault;
mod settings_catalogue;
mod settings_change;
mod template;
#[cfg(test)]
pub(crate) mod testing;
mod upstream;

pub use directory::{DeleteError, Directory, Found, Parameters, Parts};
pub use naming::friendly_url;
pub use resolve_error::ResolveError;
pub use room::Room;
pub use setting_fault::{SettingFault, SettingProblem};
pub use settings_catalogue::SettingsCatalogue;
pub use settings_change::SettingsChange;
pub use template::{RoomSettings, Template, Templates};
pub use upstream::{
    CreateFailure, DeleteFailure, NewRoom, Resources, RoomUpstream, UpstreamFailure, UpstreamRoom,
};
