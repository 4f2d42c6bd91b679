//! What only people in a room can do and the API cannot, at a test's hand: say something,
//! mark a moment of a recording.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::areas::transcripts::Line;
use super::team::Team;
use crate::simulator::exchange::{Call, Reply};

const TEXT_MAX: usize = 10_000;

/// Something said.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Speech {
    /// The words.
    pub text: String,
    /// How long it took to say them.
    #[serde(default)]
    pub seconds: u32,
}

/// A moment of a recording that somebody marks.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bookmark {
    /// What is written on it.
    pub text: String,
    /// The id of who marked it.
    #[serde(default)]
    pub participant_id: Option<String>,
}

impl Team {
    /// The control paths of what happens; `None` for another path.
    pub(super) fn happen(&mut self, call: &Call, path: &[&str]) -> Option<Reply> {
        let body = call.object().map(Value::Object).unwrap_or_default();
        let happened = match (call.method.as_str(), path) {
            ("POST", ["participants", id, "speech"]) => {
                serde_json::from_value(body).map(|speech| self.say(id, speech))
            }
            ("POST", ["rooms", room, "bookmarks"]) => {
                serde_json::from_value(body).map(|bookmark| self.bookmark(room, bookmark))
            }
            _ => return None,
        };
        Some(match happened {
            Ok(true) => Reply::empty(204),
            Ok(false) => Reply::empty(404),
            Err(cause) => Reply::json(400, &json!({ "message": cause.to_string() })),
        })
    }

    /// Somebody who is in, named by their id, says something; whether it was written down.
    pub(super) fn say(&mut self, participant: &str, speech: Speech) -> bool {
        let Some((session, person)) = self.participant(participant) else {
            return false;
        };
        let is_heard = person.is_present() && self.is_transcribed(&session.room_id);
        let (room, session) = (session.room_id.clone(), session.id.clone());
        let (id, name) = (person.id.clone(), person.visitor.name.clone());
        let now = self.clock.now();
        if !is_heard || speech.text.len() > TEXT_MAX {
            return false;
        }
        self.transcripts.write_down(Line {
            room_id: room,
            session_id: session,
            participant_id: id,
            participant_name: name,
            text: speech.text,
            from: now,
            until: now.plus(Duration::from_secs(speech.seconds.into())),
        });
        true
    }

    /// Marks this moment of a running recording; whether there is one.
    pub(super) fn bookmark(&mut self, room: &str, bookmark: Bookmark) -> bool {
        let now = self.clock.now();
        let id = self.room(room).map(|room| room.id.clone());
        bookmark.text.len() <= TEXT_MAX
            && id.is_some_and(|id| self.recordings.mark(&id, bookmark, now))
    }
}
