//! A question with its answers and votes.

use serde_json::{Value, json};
use uuid::Uuid;

use super::super::author::Author;
use crate::clock::UnixTime;
use crate::simulator::digital_samba::refusal::Refusal;
use crate::simulator::digital_samba::settings::{MICROSECONDS, shown_as};
use crate::simulator::digital_samba::shelf::Kept;

const ANSWERS_MAX: usize = 200;
const VOTES_MAX: usize = 10_000;

#[expect(clippy::struct_excessive_bools, reason = "each is a state of its own")]
pub(in crate::simulator::digital_samba) struct Question {
    pub(super) id: String,
    pub(super) room_id: String,
    /// That in which it was asked; outside of sessions none.
    pub(super) session_id: Option<String>,
    pub(super) text: String,
    pub(super) author: Author,
    pub(super) is_anonymous: bool,
    pub(super) is_dismissed: bool,
    pub(super) is_deleted: bool,
    pub(super) answered_live: bool,
    pub(super) answers: Vec<Answer>,
    pub(super) votes: Vec<Author>,
    pub(super) created_at: UnixTime,
}

pub(super) struct Answer {
    pub(super) id: String,
    pub(super) text: String,
    pub(super) author: Author,
    /// Only the asker sees it.
    is_private: bool,
    pub(super) created_at: UnixTime,
}

impl Kept for Question {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Question {
    pub(super) fn new(room: &str, text: String, author: Author, now: UnixTime) -> Self {
        Self {
            id: Uuid::new_v4().to_string(),
            room_id: room.to_owned(),
            session_id: None,
            text,
            author,
            is_anonymous: false,
            is_dismissed: false,
            is_deleted: false,
            answered_live: false,
            answers: Vec::new(),
            votes: Vec::new(),
            created_at: now,
        }
    }

    /// Nobody, if the question is anonymous.
    pub(super) fn shown_author(&self) -> Option<&Author> {
        (!self.is_anonymous).then_some(&self.author)
    }

    /// A person has one vote, however often they vote.
    pub(super) fn vote(&mut self, voter: Author) {
        let knows = self.votes.iter().any(|one| one.is_same_person(&voter));
        if !knows && self.votes.len() < VOTES_MAX {
            self.votes.push(voter);
        }
    }

    pub(super) fn answer(&mut self, answer: Answer) -> Result<(), Refusal> {
        if self.answers.len() >= ANSWERS_MAX {
            return Err(Refusal::Unprocessable("The question has too many answers."));
        }
        self.answers.push(answer);
        Ok(())
    }

    pub(super) fn answer_mut(&mut self, id: &str) -> Result<&mut Answer, Refusal> {
        let answer = self.answers.iter_mut().find(|answer| answer.id == id);
        answer.ok_or(Refusal::NotFound)
    }
}

impl Answer {
    pub(super) fn new(text: String, is_private: bool, author: Author, now: UnixTime) -> Self {
        Self {
            id: Uuid::new_v4().to_string(),
            text,
            author,
            is_private,
            created_at: now,
        }
    }
}

/// As the list shows it.
pub(super) fn shown(question: &Question) -> Value {
    let answers = question.answers.iter().map(|answer| {
        let mut shown = json!({
            "id": answer.id,
            "answer": answer.text,
            "private": answer.is_private,
            "created_at": shown_as(answer.created_at, MICROSECONDS),
        });
        answer.author.shown_into(&mut shown);
        shown
    });
    let mut shown = json!({
        "id": question.id,
        "question": question.text,
        "created_at": shown_as(question.created_at, MICROSECONDS),
        "answers": answers.collect::<Vec<_>>(),
    });
    let nobody = Author::default();
    let author = question.shown_author().unwrap_or(&nobody);
    author.shown_into(&mut shown);
    shown
}

/// As an export shows it.
pub(super) fn exported(question: &Question) -> Value {
    let mut exported = shown(question);
    if let Value::Object(exported) = &mut exported {
        exported.insert("dismissed".to_owned(), json!(question.is_dismissed));
        exported.insert("live_answer".to_owned(), json!(question.answered_live));
        exported.insert("votes".to_owned(), json!(question.votes.len()));
    }
    exported
}
