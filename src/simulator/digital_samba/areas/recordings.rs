//! Recordings: from the start in a live session, through a conversion, to the archive.

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::filters::uuid;
use super::{Operation, Paging, done, number, ok};
use crate::clock::UnixTime;
use crate::simulator::digital_samba::belongings::Belonging;
use crate::simulator::digital_samba::happenings::Bookmark;
use crate::simulator::digital_samba::refusal::{Answer, Refusal};
use crate::simulator::digital_samba::settings::{shown, shown_as};
use crate::simulator::digital_samba::team::{Team, keep};
use crate::simulator::exchange::{Call, Reply};

/// From the end of a recording until it can be downloaded.
const CONVERSION: Duration = Duration::from_mins(1);
/// Recordings that are remembered; the oldest are forgotten first.
const RECORDINGS_MAX: usize = 10_000;
/// Bookmarks of one recording; the oldest are forgotten first.
const BOOKMARKS_MAX: usize = 1_000;
/// How long a link is good for, when nothing is said.
const LINK_MINUTES: usize = 24 * 60;
/// A year: upstream's bound is not known.
const LINK_MINUTES_MAX: usize = 365 * LINK_MINUTES;

/// A team's recordings, oldest first.
#[derive(Default)]
pub(in crate::simulator::digital_samba) struct Recordings(Vec<Recording>);

struct Recording {
    id: String,
    room_id: String,
    session_id: String,
    name: String,
    privacy: Option<String>,
    started_at: UnixTime,
    stopped_at: Option<UnixTime>,
    is_archived: bool,
    updated_at: UnixTime,
    bookmarks: Vec<Marked>,
}

struct Marked {
    id: String,
    bookmark: Bookmark,
    created_at: UnixTime,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
    InProgress,
    PendingConversion,
    Ready,
}

/// What a deletion, an end and the statistics need of recordings.
pub(in crate::simulator::digital_samba) const BELONGING: Belonging = Belonging {
    forget_room: |team, room| team.recordings.0.retain(|one| one.room_id != room),
    forget_session: |team, session| team.recordings.0.retain(|one| one.session_id != session),
    end_session: |team, session, at| {
        let running = team.recordings.0.iter_mut();
        running
            .filter(|one| one.session_id == session)
            .for_each(|one| one.stop(at));
    },
    counters: &[
        ("recorded_minutes", |team, scope| {
            team.recorded_minutes(scope.session)
        }),
        ("stored_recorded_minutes", |team, scope| {
            team.recorded_minutes(scope.session)
        }),
    ],
    ..Belonging::resource("recordings", "delete_session_recordings")
};

pub(super) fn route<'c>(call: &'c Call, path: &[&'c str]) -> Option<Operation<'c>> {
    Some(match (call.method.as_str(), path) {
        ("POST", &["rooms", room, "recordings", "start"]) => {
            Operation::new("start_recording", move |team| start(team, room))
        }
        ("POST", &["rooms", room, "recordings", "stop"]) => {
            Operation::new("stop_recording", move |team| stop(team, room))
        }
        ("DELETE", &["rooms", room, "recordings"]) => {
            Operation::new("delete_room_recordings", move |team| {
                team.forget_in_room(room, &BELONGING)
            })
        }
        ("GET", ["recordings"]) => Operation::new("list_recordings", |team| list(team, call)),
        ("GET", ["recordings", "archived"]) => Operation::new("list_archived_recordings", |team| {
            page(team, call, |one| one.is_archived)
        }),
        ("GET", &["recordings", id]) => Operation::new("get_recording", move |team| {
            let recording = team.recordings.get(id).ok_or(Refusal::NotFound)?;
            ok(&shown_alone(team, recording))
        }),
        ("DELETE", &["recordings", id]) => Operation::new("delete_recording", move |team| {
            team.recordings.get(id).ok_or(Refusal::NotFound)?;
            team.recordings.0.retain(|one| one.id != id);
            Ok(Reply::empty(204))
        }),
        ("GET", &["recordings", id, "download"]) => {
            Operation::new("get_recording_download_link", move |team| {
                link(team, call, id)
            })
        }
        ("GET", &["recordings", id, "bookmarks"]) => {
            Operation::new("list_recording_bookmarks", move |team| bookmarks(team, id))
        }
        ("POST", &["recordings", id, "archive"]) => {
            Operation::new("archive_recording", move |team| archive(team, id, true))
        }
        ("POST", &["recordings", id, "unarchive"]) => {
            Operation::new("unarchive_recording", move |team| archive(team, id, false))
        }
        _ => return None,
    })
}

impl Recording {
    fn status(&self, now: UnixTime) -> Status {
        match self.stopped_at {
            None => Status::InProgress,
            Some(at) if now < at.plus(CONVERSION) => Status::PendingConversion,
            Some(_) => Status::Ready,
        }
    }

    fn stop(&mut self, at: UnixTime) {
        if self.stopped_at.is_none() {
            self.stopped_at = Some(at);
            self.updated_at = at;
        }
    }

    fn duration(&self, now: UnixTime) -> Duration {
        self.started_at.until(self.stopped_at.unwrap_or(now))
    }
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::PendingConversion => "PENDING_CONVERSION",
            Self::Ready => "READY",
        }
    }
}

impl Recordings {
    fn get(&self, id: &str) -> Option<&Recording> {
        self.0.iter().find(|recording| recording.id == id)
    }

    fn get_mut(&mut self, id: &str) -> Option<&mut Recording> {
        self.0.iter_mut().find(|recording| recording.id == id)
    }

    fn running(&mut self, room: &str) -> Option<&mut Recording> {
        let mut all = self.0.iter_mut();
        all.find(|recording| recording.room_id == room && recording.stopped_at.is_none())
    }

    /// Marks a moment of what runs in a room; whether something does.
    pub(in crate::simulator::digital_samba) fn mark(
        &mut self,
        room: &str,
        bookmark: Bookmark,
        now: UnixTime,
    ) -> bool {
        let running = self.running(room);
        running.is_some_and(|recording| {
            let marked = Marked {
                id: Uuid::new_v4().to_string(),
                bookmark,
                created_at: now,
            };
            keep(&mut recording.bookmarks, marked, BOOKMARKS_MAX);
            true
        })
    }

    /// When each began and ended; those that run have no end.
    pub(super) fn spans(&self) -> impl Iterator<Item = (UnixTime, Option<UnixTime>)> {
        let all = self.0.iter();
        all.map(|recording| (recording.started_at, recording.stopped_at))
    }
}

impl Team {
    /// Whether a room, named by its id, is being recorded.
    pub(in crate::simulator::digital_samba) fn is_recorded(&self, room: &str) -> bool {
        let mut all = self.recordings.0.iter();
        all.any(|one| one.room_id == room && one.stopped_at.is_none())
    }

    fn recorded_minutes(&self, session: &str) -> u64 {
        let now = self.clock.now();
        let all = self.recordings.0.iter();
        let theirs = all.filter(|recording| recording.session_id == session);
        let duration: Duration = theirs.map(|recording| recording.duration(now)).sum();
        duration.as_secs() / 60
    }
}

fn start(team: &mut Team, room: &str) -> Answer {
    let now = team.clock.now();
    let room = team.room(room).ok_or(Refusal::NotFound)?;
    let session = team.current_session(&room.id);
    let session = session.ok_or(Refusal::Unprocessable("The room has no live session."))?;
    if team.is_recorded(&room.id) {
        return Err(Refusal::Conflict("The room is already being recorded."));
    }
    let title = room.text("description").unwrap_or(room.friendly_url());
    let recording = Recording {
        id: Uuid::new_v4().to_string(),
        room_id: room.id.clone(),
        session_id: session.id.clone(),
        name: format!("{title} {}", shown_as(now, "%-d %B")),
        privacy: room.text("privacy").map(str::to_owned),
        started_at: now,
        stopped_at: None,
        is_archived: false,
        updated_at: now,
        bookmarks: Vec::new(),
    };
    keep(&mut team.recordings.0, recording, RECORDINGS_MAX);
    done()
}

fn stop(team: &mut Team, room: &str) -> Answer {
    let now = team.clock.now();
    let room = team.room(room).ok_or(Refusal::NotFound)?.id.clone();
    let running = team.recordings.running(&room);
    let running = running.ok_or(Refusal::Unprocessable("The room is not being recorded."))?;
    running.stop(now);
    done()
}

fn list(team: &Team, call: &Call) -> Answer {
    let session = uuid(call, "session_id")?;
    let statuses = [Status::InProgress, Status::PendingConversion, Status::Ready];
    let status = call.query("status");
    let known = |word| statuses.into_iter().any(|status| status.word() == word);
    if !status.is_none_or(known) {
        return Err(Refusal::field("status", "chosen is invalid"));
    }
    let now = team.clock.now();
    page(team, call, |one| {
        !one.is_archived
            && session.is_none_or(|session| one.session_id == session)
            && status.is_none_or(|status| one.status(now).word() == status)
    })
}

fn page(team: &Team, call: &Call, wanted: impl Fn(&Recording) -> bool) -> Answer {
    let room = uuid(call, "room_id")?;
    let all = team.recordings.0.iter();
    let chosen = all.filter(|one| room.is_none_or(|room| one.room_id == room) && wanted(one));
    let items = chosen.map(|one| {
        let mut item = shown_alone(team, one);
        if let Value::Object(item) = &mut item {
            // Only one alone says more.
            for name in ["duration", "room_is_deleted", "session_id"] {
                item.remove(name);
            }
        }
        (one.id.clone(), item)
    });
    Paging::of(call)?.page(items.collect())?.with_text()
}

/// Whoever starts a recording through the API is no participant.
fn shown_alone(team: &Team, recording: &Recording) -> Value {
    let now = team.clock.now();
    let room = team.room_ever(&recording.room_id);
    let text = |name| room.and_then(|room| room.text(name));
    json!({
        "id": recording.id,
        "name": recording.name,
        "duration": recording.duration(now).as_secs(),
        "status": recording.status(now).word(),
        "room_id": recording.room_id,
        "external_room_id": text("external_id"),
        "friendly_url": text("friendly_url"),
        "room_is_deleted": room.is_none_or(|room| room.is_deleted),
        "privacy": recording.privacy,
        "session_id": recording.session_id,
        "participant_id": null,
        "participant_name": null,
        "participant_external_id": null,
        "created_at": shown(recording.started_at),
        "updated_at": shown(recording.updated_at),
    })
}

fn link(team: &Team, call: &Call, id: &str) -> Answer {
    let recording = team.recordings.get(id).ok_or(Refusal::NotFound)?;
    let minutes = number(call, "valid_for_minutes", LINK_MINUTES)?;
    if !(1..=LINK_MINUTES_MAX).contains(&minutes) {
        return Err(Refusal::field("valid_for_minutes", "chosen is invalid"));
    }
    let now = team.clock.now();
    if recording.status(now) != Status::Ready {
        return Err(Refusal::Unprocessable("The recording is not ready."));
    }
    let minutes = u64::try_from(minutes).unwrap_or(u64::MAX);
    let until = now.plus(Duration::from_secs(minutes.saturating_mul(60)));
    ok(&json!({ "link": team.file_link(id, until), "valid_until": shown(until) }))
}

fn bookmarks(team: &Team, id: &str) -> Answer {
    let recording = team.recordings.get(id).ok_or(Refusal::NotFound)?;
    let shown_one = |marked: &Marked| {
        let offset = recording.started_at.until(marked.created_at);
        json!({
            "id": marked.id,
            "bookmark": marked.bookmark.text,
            "time": u64::try_from(offset.as_millis()).unwrap_or(u64::MAX),
            "session_id": recording.session_id,
            "participant_id": marked.bookmark.participant_id,
            "created_at": shown(marked.created_at),
        })
    };
    ok(&recording.bookmarks.iter().map(shown_one).collect())
}

fn archive(team: &mut Team, id: &str, away: bool) -> Answer {
    let now = team.clock.now();
    let recording = team.recordings.get_mut(id).ok_or(Refusal::NotFound)?;
    if recording.status(now) != Status::Ready {
        return Err(Refusal::Unprocessable("The recording is not ready."));
    }
    if recording.is_archived != away {
        recording.is_archived = away;
        recording.updated_at = now;
    }
    done()
}
