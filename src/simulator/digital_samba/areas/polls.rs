//! Polls.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::ballots::{Ballot, Run, Runs};
use super::export::{Sheet, Wish, session_of};
use super::import::{Row, rows};
use super::{Operation, Paging, body_of, ok};
use crate::clock::UnixTime;
use crate::simulator::digital_samba::belongings::{Belonging, Scope};
use crate::simulator::digital_samba::fields::Fields;
use crate::simulator::digital_samba::refusal::{Answer, Refusal};
use crate::simulator::digital_samba::settings::shown;
use crate::simulator::digital_samba::shelf::{Kept, Shelf};
use crate::simulator::digital_samba::team::{Room, Team};
use crate::simulator::exchange::{Call, Reply};

pub(in crate::simulator::digital_samba) type Polls = Shelf<Poll, 5_000>;

pub(in crate::simulator::digital_samba) const BELONGING: Belonging = Belonging {
    forget_room: |team, room| team.polls.retain(|poll| poll.room_id != room),
    forget_session: |team, session| {
        team.polls
            .retain(|poll| poll.made_in.as_deref() != Some(session));
        team.polls
            .iter_mut()
            .for_each(|poll| poll.runs.forget(session));
    },
    end_session: |team, session, at| {
        team.polls
            .iter_mut()
            .for_each(|poll| poll.runs.end(session, at));
    },
    counters: &[("polls", count)],
    ..Belonging::resource("polls", "delete_session_polls")
};

const KINDS: &[&str] = &["single", "multiple", "free"];
const OPTIONS_MAX: usize = 100;
const TEMPLATE: &str = "question,type,anonymous,option1,option2,option3\n\
    Which topic comes next?,single,false,Anatomy,Biology,Chemistry\n";

pub(in crate::simulator::digital_samba) struct Poll {
    id: String,
    room_id: String,
    /// The session whose participant made it; those that the API makes have none.
    made_in: Option<String>,
    question: Option<String>,
    kind: &'static str,
    is_anonymous: bool,
    options: Vec<Choice>,
    created_at: UnixTime,
    runs: Runs,
}

struct Choice {
    id: String,
    text: String,
}

impl Kept for Poll {
    fn id(&self) -> &str {
        &self.id
    }
}

pub(super) fn route<'c>(call: &'c Call, path: &[&'c str]) -> Option<Operation<'c>> {
    let &["rooms", room, "polls", ref below @ ..] = path else {
        return None;
    };
    Some(match (call.method.as_str(), below) {
        ("GET", []) => Operation::new("list_polls", move |team| list(team, room, call)),
        ("POST", []) => Operation::new("create_poll", move |team| {
            create(team, room, &body_of(call)?, None)
        }),
        ("DELETE", []) => Operation::new("delete_room_polls", move |team| {
            team.forget_in_room(room, &BELONGING)
        }),
        ("GET", ["export"]) => Operation::new("export_polls", move |team| export(team, room, call)),
        ("POST", ["import"]) => {
            Operation::new("import_polls", move |team| import(team, room, call))
        }
        ("GET", ["template"]) => Operation::new("get_poll_import_template", move |team| {
            team.room_by_id(room).ok_or(Refusal::NotFound)?;
            Ok(Reply::new(200, "text/csv; charset=UTF-8", TEMPLATE.into()))
        }),
        ("GET", &[id]) => Operation::new("get_poll", move |team| {
            ok(&shown_poll(poll(team, team.room_by_id(room), id)?))
        }),
        ("PATCH", &[id]) => Operation::new("update_poll", move |team| {
            update(team, room, id, &body_of(call)?)
        }),
        ("DELETE", &[id]) => Operation::new("delete_poll", move |team| {
            poll(team, team.room_by_id(room), id)?;
            team.polls.remove(id);
            Ok(Reply::empty(204))
        }),
        ("GET", &[id, "results"]) => Operation::new("get_poll_results", move |team| {
            results(team, room, id, call)
        }),
        _ => return None,
    })
}

/// A participant of the live session makes a poll.
pub(super) fn make(team: &mut Team, room: &str, body: &Map<String, Value>) -> Answer {
    let of = &team.room(room).ok_or(Refusal::NotFound)?.id;
    let session = team.current_session(of).map(|session| session.id.clone());
    let session = session.ok_or(Refusal::Unprocessable("The room has no live session."))?;
    create(team, room, body, Some(session))
}

/// A participant votes.
pub(super) fn vote(team: &mut Team, room: &str, id: &str, body: &Map<String, Value>) -> Answer {
    let poll = poll(team, team.room(room), id)?;
    let is_choice =
        |choice: &str| poll.kind == "free" || poll.options.iter().any(|option| option.id == choice);
    let ballot = Ballot::read(team, &poll.room_id, body, is_choice)?;
    let now = team.clock.now();
    let poll = team.polls.get_mut(id).ok_or(Refusal::NotFound)?;
    poll.runs.cast(ballot, now);
    Ok(Reply::empty(204))
}

fn poll<'t>(team: &'t Team, room: Option<&Room>, id: &str) -> Result<&'t Poll, Refusal> {
    let room = &room.ok_or(Refusal::NotFound)?.id;
    let poll = team.polls.get(id).filter(|poll| poll.room_id == *room);
    poll.ok_or(Refusal::NotFound)
}

fn list(team: &Team, room: &str, call: &Call) -> Answer {
    let room = &team.room(room).ok_or(Refusal::NotFound)?.id;
    let polls = team.polls.iter().filter(|poll| poll.room_id == *room);
    let items = polls.map(|poll| {
        let mut item = shown_poll(poll);
        if let Value::Object(item) = &mut item {
            item.remove("options");
        }
        (poll.id.clone(), item)
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
    let mut poll = Poll::new(room, team.clock.now());
    poll.made_in = made_in;
    poll.write(Fields::of(body), None)?;
    let answer = ok(&shown_poll(&poll));
    team.polls.push(poll);
    answer
}

fn update(team: &mut Team, room: &str, id: &str, body: &Map<String, Value>) -> Answer {
    let known = poll(team, team.room_by_id(room), id)?.options.iter();
    let known: Vec<_> = known.map(|option| option.id.clone()).collect();
    let poll = team.polls.get_mut(id).ok_or(Refusal::NotFound)?;
    poll.write(Fields::of(body), Some(&known))?;
    ok(&shown_poll(poll))
}

impl Poll {
    fn new(room_id: String, now: UnixTime) -> Self {
        Self {
            id: Uuid::new_v4().to_string(),
            room_id,
            made_in: None,
            question: None,
            kind: "single",
            is_anonymous: false,
            options: Vec::new(),
            created_at: now,
            runs: Runs::default(),
        }
    }

    /// Writes a body into a poll, all of it or, if anything is wrong, nothing. Of a poll that
    /// was there before only its own options may be named; the others are new.
    fn write(&mut self, mut fields: Fields<'_>, known: Option<&[String]>) -> Result<(), Refusal> {
        fields.require_present("options");
        let question = fields.text("question", &(5..=10_000));
        let is_anonymous = fields.boolean("anonymous");
        let kind = fields.one_of("type", KINDS);
        let multiple = fields.boolean("multiple");
        let options = fields.objects("options", &(0..=OPTIONS_MAX), |fields| {
            let id = fields.uuid("id");
            if id
                .as_ref()
                .is_some_and(|id| known.is_some_and(|known| !known.contains(id)))
            {
                fields.refuse("id", "chosen is invalid");
            }
            fields.require(&["text"]);
            Choice {
                id: id.unwrap_or_else(|| Uuid::new_v4().to_string()),
                text: fields.text("text", &(1..=512)).unwrap_or_default(),
            }
        });
        fields.check()?;
        self.question = question.or(self.question.take());
        self.is_anonymous = is_anonymous.unwrap_or(self.is_anonymous);
        let deprecated = multiple.map(|multiple| if multiple { "multiple" } else { "single" });
        self.kind = kind.or(deprecated).unwrap_or(self.kind);
        self.options = options.unwrap_or(std::mem::take(&mut self.options));
        Ok(())
    }

    fn result(&self, run: &Run) -> Value {
        let words = run.words().into_iter().map(|word| (None, word));
        let options = self.options.iter();
        let options = options.map(|one| (Some(one.id.as_str()), one.text.as_str()));
        let options: Vec<_> = if self.kind == "free" {
            words.collect()
        } else {
            options.collect()
        };
        let options = options.into_iter();
        let options = options.map(|(id, text)| run.shown_choice(id, text, !self.is_anonymous));
        let mut shown = json!({
            "id": self.id,
            "question": self.question,
            "status": if run.is_on() { "started" } else { "ended" },
            "votes": run.votes(),
            "options": options.collect::<Vec<_>>(),
        });
        run.shown_into(&mut shown);
        shown
    }
}

fn results(team: &Team, room: &str, id: &str, call: &Call) -> Answer {
    let poll = poll(team, team.room(room), id)?;
    let runs = poll.runs.of(session_of(call)?);
    ok(&runs.map(|run| poll.result(run)).collect())
}

/// The polls with their results. Of one session: those that were made or put in it.
fn export(team: &Team, room: &str, call: &Call) -> Answer {
    let room = &team.room(room).ok_or(Refusal::NotFound)?.id;
    let wish = Wish::of(call, &["txt", "json"])?;
    let polls = team.polls.iter().filter(|poll| {
        poll.room_id == *room
            && (wish.wants(poll.made_in.as_deref()) || poll.runs.of(wish.session).next().is_some())
    });
    let polls: Vec<_> = polls.collect();
    let rows = polls.iter().flat_map(|poll| {
        poll.options.iter().map(|option| {
            let voted = poll.runs.voted(wish.session, &option.id);
            let question = poll.question.clone().unwrap_or_default();
            vec![question, option.text.clone(), voted.to_string()]
        })
    });
    let items = polls.iter().map(|poll| {
        let mut item = shown_poll(poll);
        let runs = poll.runs.of(wish.session);
        if let Value::Object(item) = &mut item {
            let results = runs.map(|run| poll.result(run)).collect();
            item.insert("results".to_owned(), results);
        }
        item
    });
    wish.answer(&Sheet {
        title: "polls",
        headings: &["question", "option", "voted"],
        rows: rows.collect(),
        items: items.collect(),
    })
}

/// All rows or, if anything is wrong with one, none.
fn import(team: &mut Team, room: &str, call: &Call) -> Answer {
    let room = team.room_by_id(room).ok_or(Refusal::NotFound)?.id.clone();
    let mut polls = Vec::new();
    for row in rows(call, &["question", "type"])? {
        let body = body_of_row(&row);
        let mut poll = Poll::new(room.clone(), team.clock.now());
        poll.write(Fields::of(&body), None)
            .map_err(|refusal| row.refused_for(refusal))?;
        polls.push(poll);
    }
    for poll in polls {
        team.polls.push(poll);
    }
    ok(&json!({}))
}

fn body_of_row(row: &Row) -> Map<String, Value> {
    let options = row.options().into_iter();
    let options: Vec<_> = options.map(|text| json!({ "text": text })).collect();
    let anonymous = row.cell("anonymous").map(|cell| match cell {
        "1" | "true" | "yes" => json!(true),
        "0" | "false" | "no" => json!(false),
        other => json!(other),
    });
    [
        ("question", json!(row.cell("question").unwrap_or_default())),
        ("type", json!(row.cell("type"))),
        ("anonymous", json!(anonymous)),
        ("options", json!(options)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter()
    .collect()
}

fn shown_poll(poll: &Poll) -> Value {
    let options = poll.options.iter();
    let options = options.map(|option| json!({ "id": option.id, "text": option.text }));
    json!({
        "id": poll.id,
        "question": poll.question,
        "status": match poll.runs.is_on() {
            None => "draft",
            Some(true) => "started",
            Some(false) => "ended",
        },
        "multiple": poll.kind == "multiple",
        "anonymous": poll.is_anonymous,
        "options": options.collect::<Vec<_>>(),
        "created_at": shown(poll.created_at),
    })
}

fn count(team: &Team, scope: Scope<'_>) -> u64 {
    let put = team.polls.iter();
    let put = put.filter(|poll| poll.runs.of(Some(scope.session)).next().is_some());
    put.fold(0, |sum, _| sum + 1)
}
