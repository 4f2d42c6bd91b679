//! Questions and answers. Whoever acts is named in the body, also where something is deleted.

mod asked;

use serde_json::{Map, Value, json};

use super::author::Author;
use super::export::{Sheet, Wish, session_of};
use super::{Operation, Paging, body_of, ok};
use crate::simulator::digital_samba::belongings::{Belonging, Scope};
use crate::simulator::digital_samba::fields::{Fields, SOME};
use crate::simulator::digital_samba::refusal::{Answer as Outcome, Refusal};
use crate::simulator::digital_samba::settings::{MICROSECONDS, shown_as};
use crate::simulator::digital_samba::shelf::Shelf;
use crate::simulator::digital_samba::team::Team;
use crate::simulator::exchange::{Call, Reply};
use asked::{Answer, Question, exported, shown};

pub(in crate::simulator::digital_samba) type Questions = Shelf<Question, 10_000>;

pub(in crate::simulator::digital_samba) const BELONGING: Belonging = Belonging {
    forget_room: |team, room| team.questions.retain(|question| question.room_id != room),
    forget_session: |team, session| {
        let of_session = |question: &Question| question.session_id.as_deref() == Some(session);
        team.questions.retain(|question| !of_session(question));
    },
    end_session: |team, session, _| {
        for question in team.questions.iter_mut() {
            question.answered_live &= question.session_id.as_deref() != Some(session);
        }
    },
    counters: &[("questions", count_questions), ("answers", count_answers)],
    ..Belonging::resource("questions", "delete_session_questions")
};

pub(super) fn route<'c>(call: &'c Call, path: &[&'c str]) -> Option<Operation<'c>> {
    let ["rooms", room, "questions", below @ ..] = path else {
        return None;
    };
    let room = *room;
    match (call.method.as_str(), below) {
        ("GET", []) => Some(Operation::new("list_questions", move |team| {
            list(team, room, call)
        })),
        ("POST", []) => Some(Operation::new("create_question", move |team| {
            create(team, room, &body_of(call)?)
        })),
        ("DELETE", []) => Some(Operation::new("delete_room_questions", move |team| {
            team.forget_in_room(room, &BELONGING)
        })),
        ("GET", ["export"]) => Some(Operation::new("export_questions", move |team| {
            export(team, room, call)
        })),
        (method, &[question, ref below @ ..]) => {
            let (id, act) = action(method, below)?;
            let answer = below.get(1).copied().unwrap_or_default();
            let named = Named {
                room,
                question,
                answer,
            };
            Some(Operation::new(id, move |team| {
                perform(team, &named, &body_of(call)?, act)
            }))
        }
        _ => None,
    }
}

/// What can be done to a question.
type Act = fn(&mut Question, Deed<'_, '_>) -> Outcome;

/// Who does it, and what else the body and the path say.
struct Deed<'d, 'b> {
    by: Author,
    fields: Fields<'b>,
    /// The answer that the path names.
    answer: &'d str,
    now: crate::clock::UnixTime,
}

struct Named<'c> {
    room: &'c str,
    question: &'c str,
    /// Empty where the path names none.
    answer: &'c str,
}

fn action(method: &str, path: &[&str]) -> Option<(&'static str, Act)> {
    Some(match (method, path) {
        ("PATCH", []) => ("update_question", update),
        ("DELETE", []) => ("delete_question", |question, deed| {
            deed.fields.check()?;
            question.is_deleted = true;
            Ok(Reply::empty(204))
        }),
        ("POST", ["dismiss"]) => ("dismiss_question", |question, deed| {
            deed.fields.check()?;
            question.is_dismissed = true;
            ok(&json!({}))
        }),
        ("POST", ["reopen"]) => ("reopen_question", |question, deed| {
            deed.fields.check()?;
            question.is_dismissed = false;
            ok(&json!({}))
        }),
        ("POST", ["vote"]) => ("upvote_question", |question, deed| {
            deed.fields.check()?;
            question.vote(deed.by);
            ok(&json!({}))
        }),
        ("DELETE", ["vote"]) => ("remove_question_vote", |question, deed| {
            deed.fields.check()?;
            question
                .votes
                .retain(|voter| !voter.is_same_person(&deed.by));
            Ok(Reply::empty(204))
        }),
        ("POST", ["answers"]) => ("create_answer", create_answer),
        ("PATCH", ["answers", _]) => ("update_answer", update_answer),
        ("DELETE", ["answers", _]) => ("delete_answer", |question, deed| {
            question.answer_mut(deed.answer)?;
            deed.fields.check()?;
            question.answers.retain(|answer| answer.id != deed.answer);
            Ok(Reply::empty(204))
        }),
        ("POST", ["live-answers", "start"]) => ("start_live_answer", |question, deed| {
            deed.fields.check()?;
            question.answered_live = true;
            ok(&json!({}))
        }),
        ("POST", ["live-answers", "stop"]) => ("stop_live_answer", end_live_answer),
        ("POST", ["live-answers", "cancel"]) => ("cancel_live_answer", end_live_answer),
        _ => return None,
    })
}

fn perform(team: &mut Team, named: &Named<'_>, body: &Map<String, Value>, act: Act) -> Outcome {
    let room = team.room(named.room).ok_or(Refusal::NotFound)?.id.clone();
    let mut fields = Fields::of(body);
    let deed = Deed {
        by: Author::read(team, &room, &mut fields),
        fields,
        answer: named.answer,
        now: team.clock.now(),
    };
    let question = team.questions.get_mut(named.question);
    let question = question.filter(|question| question.room_id == room);
    let outcome = act(question.ok_or(Refusal::NotFound)?, deed);
    team.questions.retain(|question| !question.is_deleted);
    outcome
}

fn update(question: &mut Question, mut deed: Deed<'_, '_>) -> Outcome {
    deed.fields.require(&["question"]);
    let text = deed.fields.text("question", &SOME);
    deed.fields.check()?;
    question.text = text.unwrap_or_default();
    ok(&json!({}))
}

fn create_answer(question: &mut Question, mut deed: Deed<'_, '_>) -> Outcome {
    deed.fields.require(&["answer"]);
    let text = deed.fields.text("answer", &SOME);
    let is_private = deed.fields.boolean("private").unwrap_or(false);
    deed.fields.check()?;
    question.answer(Answer::new(
        text.unwrap_or_default(),
        is_private,
        deed.by,
        deed.now,
    ))?;
    ok(&json!({}))
}

fn update_answer(question: &mut Question, mut deed: Deed<'_, '_>) -> Outcome {
    let answer = question.answer_mut(deed.answer)?;
    deed.fields.require(&["answer"]);
    let text = deed.fields.text("answer", &SOME);
    deed.fields.check()?;
    answer.text = text.unwrap_or_default();
    ok(&json!({}))
}

fn end_live_answer(question: &mut Question, deed: Deed<'_, '_>) -> Outcome {
    deed.fields.check()?;
    if !question.answered_live {
        return Err(Refusal::Unprocessable("No live answer is going on."));
    }
    question.answered_live = false;
    ok(&json!({}))
}

fn create(team: &mut Team, room: &str, body: &Map<String, Value>) -> Outcome {
    let room = team.room(room).ok_or(Refusal::NotFound)?;
    let mut fields = Fields::of(body);
    fields.require(&["question"]);
    let author = Author::read(team, &room.id, &mut fields);
    let text = fields.text("question", &SOME);
    let is_anonymous = fields.boolean("anonymous").unwrap_or(false);
    fields.uuid("breakout_id");
    fields.check()?;
    let session = team.current_session(&room.id);
    let question = Question {
        session_id: session.map(|session| session.id.clone()),
        is_anonymous,
        ..Question::new(&room.id, text.unwrap_or_default(), author, team.clock.now())
    };
    team.questions.push(question);
    ok(&json!({}))
}

fn list(team: &Team, room: &str, call: &Call) -> Outcome {
    let room = &team.room(room).ok_or(Refusal::NotFound)?.id;
    let session = session_of(call)?;
    let questions = team.questions.iter().filter(|question| {
        question.room_id == *room
            && (session.is_none() || question.session_id.as_deref() == session)
    });
    let items = questions.map(|question| (question.id.clone(), shown(question)));
    Paging::of(call)?.page(items.collect())?.with_number()
}

/// Also what the list does not show: votes, and what became of the question.
fn export(team: &Team, room: &str, call: &Call) -> Outcome {
    let room = &team.room(room).ok_or(Refusal::NotFound)?.id;
    let wish = Wish::of(call, &["txt", "json"])?;
    let questions: Vec<_> = team
        .questions
        .iter()
        .filter(|one| one.room_id == *room && wish.wants(one.session_id.as_deref()))
        .collect();
    let rows = questions.iter().flat_map(|question| {
        let row = |author: Option<&Author>, text: &str, at| {
            let name = author.and_then(|author| author.name.clone());
            vec![
                shown_as(at, MICROSECONDS),
                name.unwrap_or_default(),
                text.to_owned(),
            ]
        };
        let asked = row(question.shown_author(), &question.text, question.created_at);
        let answers = question.answers.iter();
        let answered = answers.map(move |one| row(Some(&one.author), &one.text, one.created_at));
        std::iter::once(asked).chain(answered)
    });
    wish.answer(&Sheet {
        title: "questions",
        headings: &["created_at", "participant_name", "text"],
        rows: rows.collect(),
        items: questions
            .iter()
            .map(|question| exported(question))
            .collect(),
    })
}

fn count_questions(team: &Team, scope: Scope<'_>) -> u64 {
    let questions = of_session(team, scope.session);
    let counted = questions.filter(|question| is_by(&question.author, scope));
    counted.fold(0, |sum, _| sum + 1)
}

fn count_answers(team: &Team, scope: Scope<'_>) -> u64 {
    let answers = of_session(team, scope.session).flat_map(|question| &question.answers);
    let counted = answers.filter(|answer| is_by(&answer.author, scope));
    counted.fold(0, |sum, _| sum + 1)
}

fn of_session<'t>(team: &'t Team, session: &str) -> impl Iterator<Item = &'t Question> {
    let questions = team.questions.iter();
    questions.filter(move |question| question.session_id.as_deref() == Some(session))
}

fn is_by(author: &Author, scope: Scope<'_>) -> bool {
    scope.participant.is_none() || author.id.as_deref() == scope.participant
}
