//! Whoever remembers something of rooms beside the directory hears when it may not hold any more.

use crate::domain::{RoomId, RoomKey};

/// Told as soon as the directory knows, and before whoever caused it is answered.
pub trait RoomWatcher: Send + Sync + std::fmt::Debug {
    /// Something else may be true of this room now.
    fn changed(&self, key: &RoomKey);

    /// The same of the room that upstream knows by this id.
    fn id_changed(&self, id: RoomId);

    /// The same of the room that upstream knows by this id or name.
    fn named_changed(&self, name: &str);

    /// The same of every room.
    fn all_changed(&self);
}
