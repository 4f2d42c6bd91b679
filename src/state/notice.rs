//! Notices: what one replica tells all, and how a replica knows that it missed some.

use tokio::sync::broadcast;

/// Notices that wait for a slow listener; one that falls behind further is told that it missed some.
pub(super) const WAITING_MAX: usize = 4096;

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// A room key of which something else may be true now.
    Room,
    /// Upstream's id or name of a room: whoever knows it by a room key is to take that for changed.
    NamedRoom,
    /// A room key of which there is a room from now on.
    RoomCreated,
    /// All rooms: of any of them something else may be true now.
    Rooms,
    /// A denial that was written or lifted.
    Denial,
    /// Something that upstream told: what happened to a room of its own id.
    Happening,
}

impl Topic {
    const ALL: [Self; 6] = [
        Self::Room,
        Self::NamedRoom,
        Self::RoomCreated,
        Self::Rooms,
        Self::Denial,
        Self::Happening,
    ];

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Room => "room",
            Self::NamedRoom => "named-room",
            Self::RoomCreated => "room-created",
            Self::Rooms => "rooms",
            Self::Denial => "denial",
            Self::Happening => "happening",
        }
    }

    pub(super) fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.word() == word)
    }
}

/// One thing that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Of which kind.
    pub topic: Topic,
    /// Which one.
    pub subject: String,
}

/// What a listener hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A notice.
    Notice(Notice),
    /// Some notices were not heard: what they could have been about is not to be trusted.
    Missed,
    /// The shared state lost what it held: whoever remembers more than it does may put it back.
    Emptied,
}

/// The notices from some moment on.
#[derive(Debug)]
pub struct Notices(pub(super) broadcast::Receiver<Heard>);

impl Notices {
    /// The next one; `None` once the state is gone.
    pub async fn next(&mut self) -> Option<Heard> {
        match self.0.recv().await {
            Ok(heard) => Some(heard),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Heard::Missed),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}
