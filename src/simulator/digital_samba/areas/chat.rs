//! Chat.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::author::Author;
use super::export::{Sheet, Wish, session_of};
use super::{Operation, Paging, body_of, ok};
use crate::clock::UnixTime;
use crate::simulator::digital_samba::belongings::{Belonging, Scope};
use crate::simulator::digital_samba::fields::{Fields, LONG};
use crate::simulator::digital_samba::refusal::{Answer, Refusal};
use crate::simulator::digital_samba::settings::{MICROSECONDS, shown_as};
use crate::simulator::digital_samba::shelf::{Kept, Shelf};
use crate::simulator::digital_samba::team::Team;
use crate::simulator::exchange::Call;

pub(in crate::simulator::digital_samba) type Chat = Shelf<Message, 10_000>;

pub(in crate::simulator::digital_samba) const BELONGING: Belonging = Belonging {
    forget_room: |team, room| team.chat.retain(|message| message.room_id != room),
    forget_session: |team, session| team.chat.retain(|message| message.session_id != session),
    counters: &[("public_chat_posts", count)],
    ..Belonging::resource("chat", "delete_session_chat")
};

pub(in crate::simulator::digital_samba) struct Message {
    id: String,
    room_id: String,
    session_id: String,
    text: Option<String>,
    author: Author,
    breakout_id: Option<String>,
    created_at: UnixTime,
}

impl Kept for Message {
    fn id(&self) -> &str {
        &self.id
    }
}

pub(super) fn route<'c>(call: &'c Call, path: &[&'c str]) -> Option<Operation<'c>> {
    Some(match (call.method.as_str(), path) {
        ("GET", &["rooms", room, "chat"]) => {
            Operation::new("list_chat_messages", move |team| list(team, room, call))
        }
        ("POST", &["rooms", room, "chat"]) => Operation::new("send_chat_message", move |team| {
            send(team, room, &body_of(call)?, |_, _, _| Author::default())
        }),
        ("DELETE", &["rooms", room, "chat"]) => Operation::new("delete_room_chat", move |team| {
            team.forget_in_room(room, &BELONGING)
        }),
        ("GET", &["rooms", room, "chat", "export"]) => {
            Operation::new("export_chat", move |team| export(team, room, call))
        }
        _ => return None,
    })
}

/// A participant says something.
pub(super) fn say(team: &mut Team, room: &str, body: &Map<String, Value>) -> Answer {
    send(team, room, body, Author::read)
}

fn send(
    team: &mut Team,
    room: &str,
    body: &Map<String, Value>,
    author: fn(&Team, &str, &mut Fields<'_>) -> Author,
) -> Answer {
    let room = team.room(room).ok_or(Refusal::NotFound)?;
    let mut fields = Fields::of(body);
    let text = fields.text("message", &LONG);
    let breakout_id = fields.uuid("breakout_id");
    let author = author(team, &room.id, &mut fields);
    fields.check()?;
    let session = team.current_session(&room.id);
    let session = session.ok_or(Refusal::Unprocessable("The room has no live session."))?;
    let message = Message {
        id: Uuid::new_v4().to_string(),
        room_id: room.id.clone(),
        session_id: session.id.clone(),
        text,
        author,
        breakout_id,
        created_at: team.clock.now(),
    };
    team.chat.push(message);
    ok(&json!({}))
}

fn list(team: &Team, room: &str, call: &Call) -> Answer {
    let room = &team.room(room).ok_or(Refusal::NotFound)?.id;
    let session = session_of(call)?;
    let messages = team.chat.iter().filter(|message| {
        message.room_id == *room && session.is_none_or(|id| message.session_id == id)
    });
    let items = messages.map(|message| (message.id.clone(), shown(message)));
    Paging::of(call)?.page(items.collect())?.with_number()
}

fn export(team: &Team, room: &str, call: &Call) -> Answer {
    let room = &team.room(room).ok_or(Refusal::NotFound)?.id;
    let wish = Wish::of(call, &["txt", "json", "csv", "zip"])?;
    let messages = team.chat.iter();
    let messages: Vec<_> = messages
        .filter(|message| message.room_id == *room && wish.wants(Some(&message.session_id)))
        .collect();
    let row = |message: &&Message| {
        vec![
            shown_as(message.created_at, MICROSECONDS),
            message.author.name.clone().unwrap_or_default(),
            message.text.clone().unwrap_or_default(),
        ]
    };
    wish.answer(&Sheet {
        title: "chat",
        headings: &["created_at", "participant_name", "message"],
        rows: messages.iter().map(row).collect(),
        items: messages.into_iter().map(shown).collect(),
    })
}

fn shown(message: &Message) -> Value {
    let mut shown = json!({
        "id": message.id,
        "message": message.text,
        "created_at": shown_as(message.created_at, MICROSECONDS),
    });
    message.author.shown_into(&mut shown);
    if let (Value::Object(shown), Some(breakout_id)) = (&mut shown, &message.breakout_id) {
        shown.insert("breakout_id".to_owned(), json!(breakout_id));
    }
    shown
}

fn count(team: &Team, scope: Scope<'_>) -> u64 {
    let messages = team.chat.iter().filter(|message| {
        message.session_id == scope.session
            && (scope.participant.is_none() || message.author.id.as_deref() == scope.participant)
    });
    messages.fold(0, |sum, _| sum + 1)
}
