//! Quizzes.

mod quiz;

use serde_json::{Map, Value, json};

use super::ballots::Ballot;
use super::export::{Sheet, Wish, session_of};
use super::import::{Row, rows};
use super::{Operation, Paging, body_of, ok};
use crate::simulator::digital_samba::belongings::Belonging;
use crate::simulator::digital_samba::fields::Fields;
use crate::simulator::digital_samba::refusal::{Answer, Refusal};
use crate::simulator::digital_samba::shelf::Shelf;
use crate::simulator::digital_samba::team::{Room, Team};
use crate::simulator::exchange::{Call, Reply};
use quiz::{Quiz, shown_quiz};

pub(in crate::simulator::digital_samba) type Quizzes = Shelf<Quiz, 1_000>;

pub(in crate::simulator::digital_samba) const BELONGING: Belonging = Belonging {
    forget_room: |team, room| team.quizzes.retain(|quiz| quiz.room_id != room),
    forget_session: |team, session| {
        team.quizzes
            .retain(|quiz| quiz.made_in.as_deref() != Some(session));
        team.quizzes
            .iter_mut()
            .for_each(|quiz| quiz.runs.forget(session));
    },
    end_session: |team, session, at| {
        team.quizzes
            .iter_mut()
            .for_each(|quiz| quiz.runs.end(session, at));
    },
    ..Belonging::resource("quizzes", "delete_session_quizzes")
};

const COLUMNS: &[&str] = &[
    "quiz_title",
    "timing_mode",
    "time_limit_seconds",
    "question",
    "correct",
    "type",
    "option1",
    "option2",
];
const TEMPLATE: &str = "quiz_title,timing_mode,time_limit_seconds,passing_score,question,correct,\
    type,option1,option2,option3\n\
    Bones,quiz,600,50,Which is in the leg?,Femur,single,Femur,Ulna,Radius\n\
    Bones,quiz,600,50,Which are in the arm?,Ulna|Radius,multiple,Femur,Ulna,Radius\n";

pub(super) fn route<'c>(call: &'c Call, path: &[&'c str]) -> Option<Operation<'c>> {
    let &["rooms", room, "quizzes", ref below @ ..] = path else {
        return None;
    };
    Some(match (call.method.as_str(), below) {
        ("GET", []) => Operation::new("list_quizzes", move |team| list(team, room, call)),
        ("POST", []) => Operation::new("create_quiz", move |team| {
            create(team, room, &body_of(call)?, None)
        }),
        ("DELETE", []) => Operation::new("delete_room_quizzes", move |team| {
            team.forget_in_room(room, &BELONGING)
        }),
        ("GET", ["export"]) => {
            Operation::new("export_quizzes", move |team| export(team, room, call))
        }
        ("POST", ["import"]) => {
            Operation::new("import_quizzes", move |team| import(team, room, call))
        }
        ("GET", ["template"]) => Operation::new("get_quiz_import_template", move |team| {
            team.room_by_id(room).ok_or(Refusal::NotFound)?;
            Ok(Reply::new(200, "text/csv; charset=UTF-8", TEMPLATE.into()))
        }),
        ("GET", &[id]) => Operation::new("get_quiz", move |team| {
            ok(&shown_quiz(quiz(team, team.room_by_id(room), id)?))
        }),
        ("PATCH", &[id]) => Operation::new("update_quiz", move |team| {
            quiz(team, team.room_by_id(room), id)?;
            let quiz = team.quizzes.get_mut(id).ok_or(Refusal::NotFound)?;
            let body = body_of(call)?;
            let mut fields = Fields::of(&body);
            fields.require_present("questions");
            quiz.write(fields)?;
            ok(&shown_quiz(quiz))
        }),
        ("DELETE", &[id]) => Operation::new("delete_quiz", move |team| {
            quiz(team, team.room_by_id(room), id)?;
            team.quizzes.remove(id);
            Ok(Reply::empty(204))
        }),
        ("GET", &[id, "results"]) => Operation::new("get_quiz_results", move |team| {
            results(team, room, id, call)
        }),
        _ => return None,
    })
}

/// A participant of the live session makes a quiz.
pub(super) fn make(team: &mut Team, room: &str, body: &Map<String, Value>) -> Answer {
    let of = &team.room(room).ok_or(Refusal::NotFound)?.id;
    let session = team.current_session(of).map(|session| session.id.clone());
    let session = session.ok_or(Refusal::Unprocessable("The room has no live session."))?;
    create(team, room, body, Some(session))
}

/// A participant answers.
pub(super) fn vote(team: &mut Team, room: &str, id: &str, body: &Map<String, Value>) -> Answer {
    let quiz = quiz(team, team.room(room), id)?;
    let ballot = Ballot::read(team, &quiz.room_id, body, |choice| quiz.offers(choice))?;
    let now = team.clock.now();
    let quiz = team.quizzes.get_mut(id).ok_or(Refusal::NotFound)?;
    quiz.runs.cast(ballot, now);
    Ok(Reply::empty(204))
}

fn quiz<'t>(team: &'t Team, room: Option<&Room>, id: &str) -> Result<&'t Quiz, Refusal> {
    let room = &room.ok_or(Refusal::NotFound)?.id;
    let quiz = team.quizzes.get(id).filter(|quiz| quiz.room_id == *room);
    quiz.ok_or(Refusal::NotFound)
}

fn list(team: &Team, room: &str, call: &Call) -> Answer {
    let room = &team.room(room).ok_or(Refusal::NotFound)?.id;
    let quizzes = team.quizzes.iter().filter(|quiz| quiz.room_id == *room);
    let items = quizzes.map(|quiz| {
        let mut item = shown_quiz(quiz);
        if let Value::Object(item) = &mut item {
            item.remove("questions");
        }
        (quiz.id.clone(), item)
    });
    Paging::of(call)?.page(items.collect())?.with_number()
}

fn create(
    team: &mut Team,
    room: &str,
    body: &Map<String, Value>,
    made_in: Option<String>,
) -> Answer {
    let room = team.room(room).ok_or(Refusal::NotFound)?.id.clone();
    let mut quiz = Quiz::read(&room, body, team.clock.now())?;
    quiz.made_in = made_in;
    let answer = ok(&shown_quiz(&quiz));
    team.quizzes.push(quiz);
    answer
}

fn results(team: &Team, room: &str, id: &str, call: &Call) -> Answer {
    let quiz = quiz(team, team.room(room), id)?;
    let runs = quiz.runs.of(session_of(call)?);
    ok(&runs.map(|run| quiz.result(run)).collect())
}

fn export(team: &Team, room: &str, call: &Call) -> Answer {
    let room = &team.room_by_id(room).ok_or(Refusal::NotFound)?.id;
    let wish = Wish::of(call, &["txt", "json", "csv", "zip"])?;
    let quizzes = team.quizzes.iter().filter(|quiz| quiz.room_id == *room);
    let quizzes: Vec<_> = quizzes.collect();
    wish.answer(&Sheet {
        title: "quizzes",
        headings: &["quiz_title", "question", "choice", "correct", "voted"],
        rows: quizzes.iter().flat_map(|quiz| quiz.rows()).collect(),
        items: quizzes.iter().map(|quiz| quiz.exported()).collect(),
    })
}

/// All rows or, if anything is wrong with one, none. Rows with one title are one quiz.
fn import(team: &mut Team, room: &str, call: &Call) -> Answer {
    let room = team.room_by_id(room).ok_or(Refusal::NotFound)?.id.clone();
    let mut quizzes: Vec<(Row, Vec<Value>)> = Vec::new();
    for row in rows(call, COLUMNS)? {
        let question = question_of(&row)?;
        let title = row.cell("quiz_title");
        let of_title = |(first, _): &&mut (Row, _)| first.cell("quiz_title") == title;
        match quizzes.iter_mut().find(of_title) {
            Some((_, questions)) => questions.push(question),
            None => quizzes.push((row, vec![question])),
        }
    }
    let quizzes = quizzes.into_iter().map(|(row, questions)| {
        let body = body_of_rows(&row, questions);
        let quiz = Quiz::read(&room, &body, team.clock.now());
        quiz.map_err(|refusal| row.refused_for(refusal))
    });
    let quizzes = quizzes.collect::<Result<Vec<_>, Refusal>>()?;
    for quiz in quizzes {
        team.quizzes.push(quiz);
    }
    ok(&json!({}))
}

fn question_of(row: &Row) -> Result<Value, Refusal> {
    let correct: Vec<_> = row
        .cell("correct")
        .into_iter()
        .flat_map(|cell| cell.split('|'))
        .collect();
    let options = row.options();
    if correct.is_empty() || !correct.iter().all(|text| options.contains(text)) {
        return Err(row.refused("correct must name options"));
    }
    let multiple = match row.cell("type") {
        Some("multiple") => true,
        Some("single") if correct.len() == 1 => false,
        Some(_) | None => return Err(row.refused("type must be single or multiple")),
    };
    let choices = options.iter();
    let choices = choices.map(|text| json!({ "text": text, "correct": correct.contains(text) }));
    Ok(json!({
        "text": row.cell("question"),
        "multiple": multiple,
        "choices": choices.collect::<Vec<_>>(),
    }))
}

fn body_of_rows(row: &Row, questions: Vec<Value>) -> Map<String, Value> {
    // A cell that is no number stays text, and is refused as such.
    let number = |cell: &str| serde_json::from_str::<Value>(cell).unwrap_or_else(|_| json!(cell));
    [
        ("title", json!(row.cell("quiz_title"))),
        ("timing_mode", json!(row.cell("timing_mode"))),
        (
            "time_limit_seconds",
            json!(row.cell("time_limit_seconds").map(number)),
        ),
        (
            "passing_score",
            json!(row.cell("passing_score").map(number)),
        ),
        ("questions", Value::Array(questions)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter()
    .collect()
}
