//! Transcription of what is said in a session, and summaries of it.

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::filters::uuid;
use super::{Operation, Paging, body_of, done, ok};
use crate::clock::UnixTime;
use crate::simulator::digital_samba::belongings::{Belonging, Scope};
use crate::simulator::digital_samba::refusal::{Answer, Refusal};
use crate::simulator::digital_samba::settings::shown;
use crate::simulator::digital_samba::team::{Team, keep};
use crate::simulator::exchange::{Call, Reply};

/// How long a summary takes.
const SUMMARY: Duration = Duration::from_mins(1);
/// What is remembered of each; the oldest are forgotten first.
const KEPT_MAX: usize = 10_000;
const LOCALES: [&str; 4] = ["en", "it", "de", "es"];

/// A team's transcripts and summaries, oldest first.
#[derive(Default)]
pub(in crate::simulator::digital_samba) struct Transcripts {
    spans: Vec<Span>,
    lines: Vec<Line>,
    summaries: Vec<Summary>,
}

/// A time in which a session is transcribed.
struct Span {
    room_id: String,
    session_id: String,
    from: UnixTime,
    until: Option<UnixTime>,
}

/// Something that was said.
pub(in crate::simulator::digital_samba) struct Line {
    pub(in crate::simulator::digital_samba) room_id: String,
    pub(in crate::simulator::digital_samba) session_id: String,
    pub(in crate::simulator::digital_samba) participant_id: String,
    pub(in crate::simulator::digital_samba) participant_name: Option<String>,
    pub(in crate::simulator::digital_samba) text: String,
    pub(in crate::simulator::digital_samba) from: UnixTime,
    pub(in crate::simulator::digital_samba) until: UnixTime,
}

struct Summary {
    room_id: String,
    session_id: String,
    job_id: String,
    text: String,
    ready_at: UnixTime,
}

/// What was said, and for how long it was listened to.
pub(in crate::simulator::digital_samba) const TRANSCRIPTS: Belonging = Belonging {
    forget_room: |team, room| team.transcripts.lines.retain(|one| one.room_id != room),
    forget_session: |team, session| {
        team.transcripts
            .lines
            .retain(|one| one.session_id != session);
    },
    end_session: |team, session, at| {
        let spans = team.transcripts.spans.iter_mut();
        spans
            .filter(|one| one.session_id == session)
            .for_each(|one| {
                one.until.get_or_insert(at);
            });
    },
    counters: &[("transcription_minutes", transcription_minutes)],
    ..Belonging::resource("transcripts", "delete_session_transcripts")
};

/// Summaries, which outlive what they sum up.
pub(in crate::simulator::digital_samba) const SUMMARIES: Belonging = Belonging {
    forget_room: |team, room| team.transcripts.summaries.retain(|one| one.room_id != room),
    forget_session: |team, session| {
        team.transcripts
            .summaries
            .retain(|one| one.session_id != session);
    },
    counters: &[("summaries", summaries)],
    ..Belonging::resource("summaries", "delete_session_summaries")
};

/// Whose transcripts are asked for.
#[derive(Clone, Copy)]
enum Of<'c> {
    Room(&'c str),
    Session(&'c str),
}

#[derive(Clone, Copy)]
enum Format {
    Text,
    Json,
}

pub(super) fn route<'c>(call: &'c Call, path: &[&'c str]) -> Option<Operation<'c>> {
    Some(match (call.method.as_str(), path) {
        ("POST", &["rooms", room, "transcription", "start"]) => {
            Operation::new("start_transcription", move |team| start(team, room))
        }
        ("POST", &["rooms", room, "transcription", "stop"]) => {
            Operation::new("stop_transcription", move |team| stop(team, room))
        }
        ("GET", &["rooms", room, "transcripts"]) => {
            Operation::new("list_room_transcripts", move |team| {
                list(team, call, Of::Room(room))
            })
        }
        ("GET", &["sessions", session, "transcripts"]) => {
            Operation::new("list_session_transcripts", move |team| {
                list(team, call, Of::Session(session))
            })
        }
        ("GET", &["rooms", room, "transcripts", "export"]) => {
            Operation::new("export_room_transcripts", move |team| {
                export(team, call, Of::Room(room))
            })
        }
        ("GET", &["sessions", session, "transcripts", "export"]) => {
            Operation::new("export_session_transcripts", move |team| {
                export(team, call, Of::Session(session))
            })
        }
        ("DELETE", &["rooms", room, "transcripts"]) => {
            Operation::new("delete_room_transcripts", move |team| {
                team.forget_in_room(room, &TRANSCRIPTS)
            })
        }
        ("DELETE", &["rooms", room, "summaries"]) => {
            Operation::new("delete_room_summaries", move |team| {
                team.forget_in_room(room, &SUMMARIES)
            })
        }
        ("GET", &["sessions", session, "summary"]) => {
            Operation::new("get_session_summary", move |team| summary(team, session))
        }
        _ => return None,
    })
}

impl Transcripts {
    pub(in crate::simulator::digital_samba) fn write_down(&mut self, line: Line) {
        keep(&mut self.lines, line, KEPT_MAX);
    }
}

impl Team {
    /// Whether what is said in a room, named by its id, is written down.
    pub(in crate::simulator::digital_samba) fn is_transcribed(&self, room: &str) -> bool {
        let mut spans = self.transcripts.spans.iter();
        spans.any(|span| span.room_id == room && span.until.is_none())
    }
}

/// Starting what runs already changes nothing.
fn start(team: &mut Team, room: &str) -> Answer {
    let now = team.clock.now();
    let room = team.room(room).ok_or(Refusal::NotFound)?;
    if room.is_encrypted() {
        let why = "An end-to-end encrypted room cannot be transcribed.";
        return Err(Refusal::Unprocessable(why));
    }
    let session = team.current_session(&room.id);
    let session = session.ok_or(Refusal::Unprocessable("The room has no live session."))?;
    if !team.is_transcribed(&room.id) {
        let span = Span {
            room_id: room.id.clone(),
            session_id: session.id.clone(),
            from: now,
            until: None,
        };
        keep(&mut team.transcripts.spans, span, KEPT_MAX);
    }
    done()
}

fn stop(team: &mut Team, room: &str) -> Answer {
    let now = team.clock.now();
    let room = team.room(room).ok_or(Refusal::NotFound)?.id.clone();
    let mut spans = team.transcripts.spans.iter_mut();
    let running = spans.find(|span| span.room_id == room && span.until.is_none());
    let running = running.ok_or(Refusal::Unprocessable("The room is not transcribed."))?;
    running.until = Some(now);
    done()
}

/// The lines that are asked for, oldest first.
fn lines_of<'t>(team: &'t Team, of: Of<'_>) -> Result<Vec<&'t Line>, Refusal> {
    let lines = team.transcripts.lines.iter();
    Ok(match of {
        Of::Room(room) => {
            let room = team.room(room).ok_or(Refusal::NotFound)?;
            lines.filter(|line| line.room_id == room.id).collect()
        }
        Of::Session(id) => {
            let session = team.session(id).ok_or(Refusal::NotFound)?;
            lines.filter(|line| line.session_id == session.id).collect()
        }
    })
}

fn list(team: &Team, call: &Call, of: Of<'_>) -> Answer {
    let session = uuid(call, "session_id")?;
    let lines = lines_of(team, of)?.into_iter();
    let chosen = lines.filter(|line| session.is_none_or(|session| line.session_id == session));
    let items = chosen.map(|line| (String::new(), shown_line(line)));
    Paging::without_after(call)?
        .page(items.collect())?
        .with_number()
}

fn shown_line(line: &Line) -> Value {
    json!({
        "participant_id": line.participant_id,
        "participant_name": line.participant_name,
        "transcript": line.text,
        "start_time": shown(line.from),
        "end_time": shown(line.until),
    })
}

/// Text, whatever the format: that is how upstream labels it.
fn export(team: &Team, call: &Call, of: Of<'_>) -> Answer {
    let format = match call.query("format") {
        None | Some("txt") => Format::Text,
        Some("json") => Format::Json,
        Some(_) => return Err(Refusal::field("format", "chosen is invalid")),
    };
    let body = body_of(call)?;
    for name in ["locale", "lang"] {
        let asked = call.query(name).or(body.get(name).and_then(Value::as_str));
        if !asked.is_none_or(|locale| LOCALES.contains(&locale)) {
            return Err(Refusal::field(name, "chosen is invalid"));
        }
    }
    let lines = lines_of(team, of)?.into_iter();
    let text = match format {
        Format::Text => lines.map(written_line).collect::<Vec<_>>().concat(),
        Format::Json => Value::Array(lines.map(shown_line).collect()).to_string(),
    };
    Ok(Reply::new(
        200,
        "text/plain; charset=utf-8",
        text.into_bytes(),
    ))
}

fn written_line(line: &Line) -> String {
    let name = line.participant_name.as_deref().unwrap_or("Guest");
    format!("[{}] {name}: {}\n", shown(line.from), line.text)
}

/// Reads the session's summary, and sets about writing it when nobody asked before.
fn summary(team: &mut Team, id: &str) -> Answer {
    let now = team.clock.now();
    let session = team.session(id).ok_or(Refusal::NotFound)?;
    let known = team
        .transcripts
        .summaries
        .iter()
        .any(|one| one.session_id == id);
    if !known {
        let lines = lines_of(team, Of::Session(id))?;
        let Some(first) = lines.first() else {
            return Err(Refusal::Unprocessable("The session was not transcribed."));
        };
        let summary = Summary {
            room_id: session.room_id.clone(),
            session_id: session.id.clone(),
            job_id: Uuid::new_v4().to_string(),
            text: format!(
                "Of {} contributions the first was: {}",
                lines.len(),
                first.text
            ),
            ready_at: now.plus(SUMMARY),
        };
        keep(&mut team.transcripts.summaries, summary, KEPT_MAX);
    }
    let mut summaries = team.transcripts.summaries.iter();
    let summary = summaries.find(|one| one.session_id == id);
    let summary = summary.ok_or(Refusal::NotFound)?;
    let (status, text) = if summary.ready_at <= now {
        ("READY", summary.text.as_str())
    } else {
        ("IN_PROGRESS", "")
    };
    ok(&json!({ "job_id": summary.job_id, "status": status, "summary": text }))
}

fn transcription_minutes(team: &Team, scope: Scope<'_>) -> u64 {
    let now = team.clock.now();
    let spans = team.transcripts.spans.iter();
    let theirs = spans.filter(|span| span.session_id == scope.session);
    let duration: Duration = theirs
        .map(|span| span.from.until(span.until.unwrap_or(now)))
        .sum();
    duration.as_secs() / 60
}

fn summaries(team: &Team, scope: Scope<'_>) -> u64 {
    let all = team.transcripts.summaries.iter();
    let theirs = all.filter(|summary| summary.session_id == scope.session);
    u64::try_from(theirs.count()).unwrap_or(u64::MAX)
}
