//! A quiz with its questions and their choices.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::ballots::{Run, Runs};
use crate::clock::UnixTime;
use crate::simulator::digital_samba::fields::{Fields, SOME};
use crate::simulator::digital_samba::refusal::Refusal;
use crate::simulator::digital_samba::settings::shown;
use crate::simulator::digital_samba::shelf::Kept;

const QUESTIONS_MAX: usize = 200;
const CHOICES_MAX: usize = 50;
const DAY_S: u64 = 86_400;
const PASSING_SCORE: f64 = 50.0;

pub(in crate::simulator::digital_samba) struct Quiz {
    pub(super) id: String,
    pub(super) room_id: String,
    /// The session whose participant made it; those that the API makes have none.
    pub(super) made_in: Option<String>,
    title: String,
    timing_mode: Option<&'static str>,
    time_limit_s: Option<u64>,
    passing_score: f64,
    questions: Vec<Question>,
    created_at: UnixTime,
    pub(super) runs: Runs,
}

struct Question {
    id: String,
    text: String,
    takes_several: bool,
    choices: Vec<Choice>,
}

struct Choice {
    id: String,
    text: String,
    is_correct: bool,
}

impl Kept for Quiz {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Quiz {
    /// Makes one of a body.
    pub(super) fn read(
        room: &str,
        body: &Map<String, Value>,
        now: UnixTime,
    ) -> Result<Self, Refusal> {
        let mut quiz = Self {
            id: Uuid::new_v4().to_string(),
            room_id: room.to_owned(),
            made_in: None,
            title: String::new(),
            timing_mode: None,
            time_limit_s: None,
            passing_score: PASSING_SCORE,
            questions: Vec::new(),
            created_at: now,
            runs: Runs::default(),
        };
        let mut fields = Fields::of(body);
        fields.require(&["title", "questions"]);
        quiz.write(fields)?;
        Ok(quiz)
    }

    /// Writes a body into a quiz, all of it or, if anything is wrong, nothing. Questions and
    /// choices with an id are those that are there; the others are new, and what is not named goes.
    pub(super) fn write(&mut self, mut fields: Fields<'_>) -> Result<(), Refusal> {
        let title = fields.text("title", &(1..=512));
        let timing_mode = fields.one_of("timing_mode", &["quiz", "question"]);
        let seconds = fields.integer("time_limit_seconds", &(1..=DAY_S));
        let minutes = fields.integer("time_limit_minutes", &(1..=DAY_S / 60));
        let passing_score = fields.number("passing_score", &(0.0..=100.0));
        let questions = fields.objects("questions", &(1..=QUESTIONS_MAX), |fields| {
            Question::read(fields, &self.questions)
        });
        fields.check()?;
        self.title = title.unwrap_or(std::mem::take(&mut self.title));
        self.timing_mode = timing_mode.or(self.timing_mode);
        let time_limit_s = seconds.or(minutes.map(|minutes| minutes * 60));
        self.time_limit_s = time_limit_s.or(self.time_limit_s);
        self.passing_score = passing_score.unwrap_or(self.passing_score);
        self.questions = questions.unwrap_or(std::mem::take(&mut self.questions));
        Ok(())
    }

    /// Whether one of its questions has this choice.
    pub(super) fn offers(&self, choice: &str) -> bool {
        let mut choices = self.questions.iter().flat_map(|one| &one.choices);
        choices.any(|one| one.id == choice)
    }

    pub(super) fn result(&self, run: &Run) -> Value {
        let questions = self.questions.iter().map(|question| {
            let choices = question.choices.iter();
            let ids: Vec<_> = choices.clone().map(|one| one.id.as_str()).collect();
            let votes = choices.map(|one| run.shown_choice(Some(&one.id), &one.text, true));
            json!({
                "id": question.id,
                "question": question.text,
                "voted": run.voted_any(&ids),
                "votes": votes.collect::<Vec<_>>(),
            })
        });
        let mut shown = json!({
            "id": self.id,
            "title": self.title,
            "status": "launched",
            "questions": questions.collect::<Vec<_>>(),
        });
        run.shown_into(&mut shown);
        shown
    }

    /// Also what the API does not show: the clock's mode, the score, the results.
    pub(super) fn exported(&self) -> Value {
        let mut exported = shown_quiz(self);
        if let Value::Object(exported) = &mut exported {
            exported.insert("timing_mode".to_owned(), json!(self.timing_mode));
            exported.insert("passing_score".to_owned(), json!(self.passing_score));
            let results = self.runs.of(None).map(|run| self.result(run)).collect();
            exported.insert("results".to_owned(), results);
        }
        exported
    }

    /// One for each choice.
    pub(super) fn rows(&self) -> impl Iterator<Item = Vec<String>> {
        self.questions.iter().flat_map(move |question| {
            question.choices.iter().map(move |choice| {
                vec![
                    self.title.clone(),
                    question.text.clone(),
                    choice.text.clone(),
                    choice.is_correct.to_string(),
                    self.runs.voted(None, &choice.id).to_string(),
                ]
            })
        })
    }
}

impl Question {
    fn read(fields: &mut Fields<'_>, known: &[Self]) -> Self {
        let known = named(fields, known, |question| &question.id);
        fields.require(&["choices"]);
        let text = fields.text("text", &(1..=512));
        let takes_several = fields.boolean("multiple");
        let choices = known.map_or(&[][..], |question| &question.choices);
        let choices = fields.objects("choices", &(2..=CHOICES_MAX), |fields| {
            Choice::read(fields, choices)
        });
        if known.is_none() {
            fields.require(&["text"]);
        }
        let known_id = known.map(|question| question.id.clone());
        Self {
            id: known_id.unwrap_or_else(|| Uuid::new_v4().to_string()),
            text: text
                .or(known.map(|one| one.text.clone()))
                .unwrap_or_default(),
            takes_several: takes_several.unwrap_or(known.is_some_and(|one| one.takes_several)),
            choices: choices.unwrap_or_default(),
        }
    }
}

impl Choice {
    fn read(fields: &mut Fields<'_>, known: &[Self]) -> Self {
        let known = named(fields, known, |choice| &choice.id);
        let text = fields.text("text", &SOME);
        let is_correct = fields.boolean("correct");
        if known.is_none() {
            fields.require(&["text"]);
        }
        let known_id = known.map(|choice| choice.id.clone());
        Self {
            id: known_id.unwrap_or_else(|| Uuid::new_v4().to_string()),
            text: text
                .or(known.map(|one| one.text.clone()))
                .unwrap_or_default(),
            is_correct: is_correct.unwrap_or(known.is_some_and(|one| one.is_correct)),
        }
    }
}

/// The thing that a body's `id` names, if it names one.
fn named<'k, T>(
    fields: &mut Fields<'_>,
    known: &'k [T],
    id_of: fn(&T) -> &String,
) -> Option<&'k T> {
    let id = fields.uuid("id")?;
    let found = known.iter().find(|one| *id_of(one) == id);
    if found.is_none() {
        fields.refuse("id", "chosen is invalid");
    }
    found
}

pub(super) fn shown_quiz(quiz: &Quiz) -> Value {
    let questions = quiz.questions.iter().map(|question| {
        let choices = question.choices.iter();
        let choices =
            choices.map(|one| json!({ "id": one.id, "text": one.text, "correct": one.is_correct }));
        json!({
            "id": question.id,
            "text": question.text,
            "multiple": question.takes_several,
            "choices": choices.collect::<Vec<_>>(),
        })
    });
    json!({
        "id": quiz.id,
        "title": quiz.title,
        "time_limit_minutes": quiz.time_limit_s.map(|seconds| seconds.div_ceil(60)),
        "status": if quiz.runs.is_on().is_some() { "launched" } else { "created" },
        "questions": questions.collect::<Vec<_>>(),
        "created_at": shown(quiz.created_at),
    })
}
