//! The page behind a room's address: who came in, as what, until when; or why not.
//! It loads nothing from anywhere and may be framed.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::entry::{Entry, Outside};
use super::settings::shown_as;
use super::team::{Room, Team};
use crate::simulator::exchange::{Reply, escaped};

const STYLE: &str = include_str!("page.css");

/// Judges the token, lets its bearer in, and shows the room.
pub(super) fn show(team: &mut Team, name: &str, token: Option<&str>) -> Reply {
    let Some(room) = team.room(name) else {
        return document(404, name, "<h1>No such room</h1>\n");
    };
    let id = room.id.clone();
    let (status, greeting) = match team.judge(room, token) {
        Ok(entry) => {
            let greeting = welcome(&entry);
            team.enter(&id, entry.visitor);
            (200, greeting)
        }
        Err(outside) => (403, sorry(outside)),
    };
    match team.room(&id) {
        Some(room) if status == 200 => {
            let body = format!("<h1>{}</h1>\n{greeting}{}", escaped(name), people(room));
            document(status, name, &body)
        }
        Some(_) | None => document(status, name, &greeting),
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

fn people(room: &Room) -> String {
    let mut list = String::from("<ul>\n");
    for participant in &room.present {
        let name = participant.visitor.name.as_deref().unwrap_or("somebody");
        let initials = participant.visitor.initials.clone();
        list.push_str(
            &format_args!(
                "<li><b>{}</b><span>{}</span><small>{}</small></li>\n",
                escaped(&initials.unwrap_or_else(|| initials_of(name))),
                escaped(name),
                escaped(&participant.visitor.role),
            )
            .to_string(),
        );
    }
    list.push_str("</ul>\n");
    list
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
    let policy = format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'");
    Reply::html(status, html)
        .with_header("content-security-policy", policy)
        .with_header("referrer-policy", "no-referrer")
        .with_header("x-content-type-options", "nosniff")
        .with_header("cache-control", "no-store")
}
