//! The page behind a room's address: who came in, as what, until when; or why not.
//! It loads nothing from anywhere and may be framed.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::entry::{Entry, Outside};
use super::participants::Participant;
use super::sessions::Session;
use super::settings::shown_as;
use super::team::Team;
use crate::simulator::exchange::{Reply, escaped};

const STYLE: &str = include_str!("page.css");

/// Judges the token, lets its bearer in, and shows the room.
pub(super) fn show(team: &mut Team, name: &str, token: Option<&str>) -> Reply {
    let Some(room) = team.room(name) else {
        return document(404, name, "<h1>No such room</h1>\n");
    };
    let id = room.id.clone();
    match team.judge(room, token) {
        Ok(entry) => {
            let greeting = welcome(&entry);
            let participant = team.enter(&id, entry.visitor).unwrap_or_default();
            let people = team.current_session(&id).map(people).unwrap_or_default();
            let running = running(team, &id);
            let exit = exit(name, &participant);
            let title = escaped(name);
            document(
                200,
                name,
                &format!("<h1>{title}</h1>\n{greeting}{running}{people}{exit}"),
            )
        }
        Err(outside) => document(403, name, &sorry(outside)),
    }
}

/// Lets a participant out. Their id, which nobody else can guess, says that it is they.
pub(super) fn leave(team: &mut Team, name: &str, form: &[(String, String)]) -> Reply {
    let field = form.iter().find(|(field, _)| field == "participant");
    let room = team.room(name).map(|room| room.id.clone());
    let is_here = field.is_some_and(|(_, id)| {
        let session = team.participant(id).map(|(session, _)| &session.room_id);
        session.is_some_and(|session| Some(session) == room.as_ref())
    });
    match field {
        Some((_, id)) if is_here => {
            team.leave(id);
            document(200, name, "<h1>You have left</h1>\n")
        }
        Some(_) | None => document(404, name, "<h1>Nobody of this room</h1>\n"),
    }
}

fn welcome(entry: &Entry) -> String {
    let until = entry.until.map_or_else(
        || "without an end".to_owned(),
        |at| shown_as(at, "until %Y-%m-%d %H:%M:%S UTC"),
    );
    format!(
        "<p class=\"in\">You are in as <strong>{}</strong>, role <strong>{}</strong>, {until}.</p>\n",
        escaped(entry.visitor.name.as_deref().unwrap_or("somebody")),
        escaped(&entry.visitor.role),
    )
}

fn sorry(outside: Outside) -> String {
    let reason = escaped(outside.reason());
    format!("<h1>You stay outside</h1>\n<p class=\"out\">{reason}</p>\n")
}

/// A form, so that it works without a script.
fn exit(room: &str, participant: &str) -> String {
    let room = utf8_percent_encode(room, NON_ALPHANUMERIC);
    let participant = escaped(participant);
    format!(
        "<form method=\"post\" action=\"/{room}/leave\">\
         <input type=\"hidden\" name=\"participant\" value=\"{participant}\">\
         <button>Leave</button></form>\n"
    )
}

/// What goes on beside the meeting.
fn running(team: &Team, room: &str) -> String {
    let words = [
        team.is_recorded(room).then_some("recorded"),
        team.is_transcribed(room).then_some("transcribed"),
        team.is_on_the_phone(room).then_some("open to callers"),
        team.restreamed_to(room),
    ];
    let words: Vec<_> = words.into_iter().flatten().collect();
    if words.is_empty() {
        return String::new();
    }
    format!("<p>This room is {}.</p>\n", words.join(", "))
}

fn people(session: &Session) -> String {
    let mut list = String::from("<ul>\n");
    for participant in session.present() {
        let name = participant.visitor.name.as_deref().unwrap_or("somebody");
        let initials = participant.visitor.initials.clone();
        list.push_str(
            &format_args!(
                "<li><b>{}</b><span>{}</span><small>{}{}</small></li>\n",
                escaped(&initials.unwrap_or_else(|| initials_of(name))),
                escaped(name),
                escaped(&participant.visitor.role),
                signs(participant),
            )
            .to_string(),
        );
    }
    list.push_str("</ul>\n");
    list
}

fn signs(participant: &Participant) -> &'static str {
    match (participant.hand_raised, participant.is_muted) {
        (false, false) => "",
        (true, false) => " \u{270b}",
        (false, true) => " \u{1f507}",
        (true, true) => " \u{270b} \u{1f507}",
    }
}

/// First letters of the first two words.
fn initials_of(name: &str) -> String {
    let words = name.split_whitespace().take(2);
    let letters = words.filter_map(|word| word.chars().next());
    letters.flat_map(char::to_uppercase).collect()
}

fn document(status: u16, title: &str, body: &str) -> Reply {
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{}</title>\n\
         <style>{STYLE}</style>\n<main>\n{body}\
         <footer>A simulated room: no camera, no microphone.</footer>\n</main>\n</html>\n",
        escaped(title),
    );
    let hash = STANDARD.encode(digest::digest(&digest::SHA256, STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'self'"
    );
    Reply::html(status, html)
        .with_header("content-security-policy", policy)
        .with_header("referrer-policy", "no-referrer")
        .with_header("x-content-type-options", "nosniff")
        .with_header("cache-control", "no-store")
}
