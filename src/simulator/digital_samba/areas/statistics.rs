//! Statistics: what happened, counted for a participant, a session, a room or the team. The
//! reference 1.1's paths are not among them: upstream does not know them any more.

mod figures;

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest;
use chrono::NaiveDate;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::filters::Period;
use super::{Operation, Paging, ok};
use crate::simulator::digital_samba::belongings::Scope;
use crate::simulator::digital_samba::participants::Participant;
use crate::simulator::digital_samba::refusal::{Answer, Refusal};
use crate::simulator::digital_samba::sessions::Session;
use crate::simulator::digital_samba::settings::shown;
use crate::simulator::digital_samba::team::{Room, Team};
use crate::simulator::exchange::Call;
use figures::Figures;

/// What every larger document counts.
const COMMON: &str = "participation_minutes desktop_participation_minutes \
    mobile_participation_minutes tablet_participation_minutes smarttv_participation_minutes \
    broadcasted_minutes subscribed_minutes screen_broadcasted_minutes screen_subscribed_minutes \
    live_participants active_participants desktop_participants mobile_participants \
    tablet_participants smarttv_participants max_concurrent_participants transcription_minutes \
    e2ee_minutes recorded_minutes stored_recorded_minutes whiteboard_minutes captions_minutes \
    active_roles breakout_minutes presentation_minutes public_chat_posts questions answers polls";
const OF_ROOM: &str = "sessions summaries";
const OF_TEAM: &str = "sessions summaries rooms max_concurrent_sessions \
    max_concurrent_participants_per_session max_active_recorders custom_roles";
const SHORT: &str = "participation_minutes live_sessions live_participants active_recorders \
    recorded_minutes transcription_minutes stored_recorded_minutes max_concurrent_participants \
    max_concurrent_sessions";

pub(super) fn route<'c>(call: &'c Call, path: &[&'c str]) -> Option<Operation<'c>> {
    if call.method != "GET" {
        return None;
    }
    Some(match *path {
        ["statistics"] => Operation::new("get_team_statistics", |team| {
            of_team(team, call, Period::of(call)?)
        }),
        ["statistics", "team", "current"] => {
            Operation::new("get_team_current_statistics", |team| {
                of_team(team, call, Period::default())
            })
        }
        ["statistics", "current"] => Operation::new("get_current_statistics", |team| current(team)),
        ["statistics", "totals"] => Operation::new("get_statistics_totals", |team| totals(team)),
        ["statistics", "participants", "started-sessions"] => {
            Operation::new("get_started_sessions_statistics", |team| {
                started_sessions(team, call)
            })
        }
        ["rooms", room, "statistics"] => Operation::new("get_room_statistics", move |team| {
            of_room(team, call, room, Period::of(call)?)
        }),
        ["rooms", room, "statistics", "current"] => {
            Operation::new("get_room_current_statistics", move |team| {
                of_room(team, call, room, Period::default())
            })
        }
        ["sessions", session] => {
            Operation::new("get_session", move |team| of_session(team, call, session))
        }
        ["sessions", session, "statistics"] => {
            Operation::new("get_session_statistics", move |team| {
                of_session(team, call, session)
            })
        }
        ["participants", participant] => Operation::new("get_participant", move |team| {
            of_participant(team, participant)
        }),
        ["participants", participant, "statistics"] => {
            Operation::new("get_participant_statistics", move |team| {
                of_participant(team, participant)
            })
        }
        _ => return None,
    })
}

fn of_team(team: &Team, call: &Call, period: Period) -> Answer {
    let period = period.or_current(team.clock.now());
    let figures = Figures::of_team(team, &sessions_in(team, period));
    narrowed(
        call,
        vec![figures.named(&[COMMON, OF_TEAM]), shown_period(period)],
    )
}

fn current(team: &Team) -> Answer {
    let period = Period::default().or_current(team.clock.now());
    let figures = Figures::of_team(team, &sessions_in(team, period));
    let mut document = figures.named(&[SHORT]);
    document.extend(shown_period(period));
    ok(&Value::Object(document))
}

fn of_room(team: &Team, call: &Call, room: &str, period: Period) -> Answer {
    let room = team.room_ever(room).ok_or(Refusal::NotFound)?;
    let period = period.or_current(team.clock.now());
    let mut sessions = sessions_in(team, period);
    sessions.retain(|session| session.room_id == room.id);
    let figures = Figures::of(team, &sessions).named(&[COMMON, OF_ROOM]);
    let about = about_room(&room.id, Some(room));
    narrowed(call, vec![about, figures, shown_period(period)])
}

fn of_session(team: &Team, call: &Call, id: &str) -> Answer {
    let session = team.session(id).ok_or(Refusal::NotFound)?;
    let room = team.room_ever(&session.room_id);
    let own = fields([
        ("session_id", json!(session.id)),
        (
            "session_duration",
            json!(session.duration(team.clock.now()).as_secs() / 60),
        ),
        ("session_live", json!(session.is_live())),
        ("session_start_time", json!(shown(session.started_at))),
        ("session_end_time", json!(session.ended_at.map(shown))),
    ]);
    let figures = Figures::of(team, &[session]).named(&[COMMON]);
    narrowed(call, vec![about_room(&session.room_id, room), own, figures])
}

/// What no page tells of a participant; everybody has the same machine here.
fn of_participant(team: &Team, id: &str) -> Answer {
    let (session, participant) = team.participant(id).ok_or(Refusal::NotFound)?;
    let room = team.room_ever(&session.room_id);
    let text = |name| room.and_then(|room| room.text(name));
    let scope = Scope {
        session: &session.id,
        participant: Some(id),
    };
    let counted = |name| {
        let all = team.counted(scope).filter(|(counted, _)| *counted == name);
        all.map(|(_, count)| count).sum::<u64>()
    };
    ok(&json!({
        "room_id": session.room_id,
        "room_external_id": text("external_id"),
        "room_friendly_url": text("friendly_url"),
        "room_privacy": text("privacy"),
        "room_is_deleted": room.is_none_or(|room| room.is_deleted),
        "session_id": session.id,
        "live": participant.is_present(),
        "participant_name": participant.visitor.name,
        "role": participant.visitor.role,
        "join_time": shown(participant.joined_at),
        "leave_time": participant.left_at.map(shown),
        "device": "desktop",
        "system": "Linux",
        "browser": "Firefox",
        "e2ee": room.is_some_and(Room::is_encrypted),
        "participation_minutes": participant.stayed(team.clock.now()).as_secs() / 60,
        "public_chat_posts": counted("public_chat_posts"),
        "questions": counted("questions"),
        "answers": counted("answers"),
    }))
}

/// One entry for each tag that a room carries.
fn totals(team: &Team) -> Answer {
    let tags: BTreeSet<_> = team.rooms().flat_map(|room| &room.tags).collect();
    let sessions = team.sessions.all();
    let totals = tags.into_iter().map(|tag| {
        let rooms: BTreeSet<_> = team
            .rooms()
            .filter(|room| room.tags.contains(tag))
            .map(|room| room.id.as_str())
            .collect();
        let theirs = sessions.iter().copied();
        let theirs: Vec<_> = theirs
            .filter(|session| rooms.contains(session.room_id.as_str()))
            .collect();
        let figures = Figures::of(team, &theirs);
        json!({
            "tag": tag,
            "rooms": rooms.len(),
            "participants": figures.get("active_participants"),
            "participation_minutes": figures.get("participation_minutes"),
        })
    });
    ok(&totals.collect())
}

/// Whose browser was the first in a session has started it.
fn started_sessions(team: &Team, call: &Call) -> Answer {
    let period = Period::of(call)?.or_current(team.clock.now());
    let mut started: BTreeMap<String, u64> = BTreeMap::new();
    for session in sessions_in(team, period) {
        if let Some(first) = session.participants.first() {
            *started.entry(browser_of(first)).or_default() += 1;
        }
    }
    let items = started.into_iter().map(|(browser, sessions)| {
        let item = json!({ "browser_id": browser, "sessions_started": sessions });
        (browser, item)
    });
    Paging::without_after(call)?
        .page(items.collect())?
        .with_number()
}

/// A person has one browser; who has no name for us is somebody else each time.
fn browser_of(participant: &Participant) -> String {
    let person = participant.visitor.external_id.as_ref();
    let person = person.unwrap_or(&participant.id);
    let hash = digest::digest(&digest::SHA256, person.as_bytes());
    let bytes = hash.as_ref().first_chunk().copied().unwrap_or_default();
    Uuid::from_bytes(bytes).to_string()
}

fn sessions_in(team: &Team, period: Period) -> Vec<&Session> {
    let mut sessions = team.sessions.all();
    sessions.retain(|session| period.contains(session.started_at));
    sessions
}

fn about_room(id: &str, room: Option<&Room>) -> Map<String, Value> {
    let setting = |name| json!(room.and_then(|room| room.settings.get(name)));
    fields([
        ("room_id", json!(id)),
        ("room_external_id", setting("external_id")),
        ("room_description", setting("description")),
        ("room_friendly_url", setting("friendly_url")),
        ("room_privacy", setting("privacy")),
        ("room_source", json!("api")),
        ("room_max_participants", setting("max_participants")),
        (
            "room_is_deleted",
            json!(room.is_none_or(|room| room.is_deleted)),
        ),
    ])
}

fn shown_period(period: Period) -> Map<String, Value> {
    let date = |date: Option<NaiveDate>| json!(date.map(|date| date.to_string()));
    fields([
        ("date_start", date(period.from)),
        ("date_end", date(period.to)),
    ])
}

fn fields<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    fields
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect()
}

/// The document of these parts, or what `metrics` names of it.
fn narrowed(call: &Call, parts: Vec<Map<String, Value>>) -> Answer {
    let mut document: Map<_, _> = parts.into_iter().flatten().collect();
    if let Some(metrics) = call.query("metrics") {
        let wanted: Vec<_> = metrics.split(',').map(str::trim).collect();
        document.retain(|name, _| wanted.contains(&name.as_str()));
    }
    ok(&Value::Object(document))
}
