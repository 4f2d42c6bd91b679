//! Names, ids and times of the product, each parsed once at the edge and true ever after.
//! Knows no HTTP, no configuration and no upstream.

mod appearance;
mod ids;
mod role_name;
mod room_key;
mod room_pattern;
mod scope;
mod team;
mod text;

pub use appearance::{AvatarUrl, DisplayName, Initials};
pub use ids::{BreakoutId, RequestId, RoomId, SessionId, Subject, TeamId, UserId};
pub use role_name::RoleName;
pub use room_key::{FriendlyUrl, RoomKey};
pub use room_pattern::{Captures, PatternFault, RoomPattern};
pub use scope::{Scope, ScopeFault, ScopeSet};
pub use team::{RoomBaseUrl, TeamDomain};
pub use text::{TextFault, is_unsafe_in_text};

/// Implements `serde::Deserialize` through `parse`, so that a value read from outside cannot
/// skip the check, and `Display`, `AsRef<str>` and `Debug` as the bare text.
macro_rules! parsed_text {
    ($name:ident) => {
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{:?}", self.as_str())
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::domain::TextFault;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}
pub(crate) use parsed_text;
