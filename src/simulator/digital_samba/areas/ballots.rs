//! How participants chose: one run of a poll or quiz for each session in which it was put.

use serde_json::{Map, Value, json};

use super::author::Author;
use crate::clock::UnixTime;
use crate::simulator::digital_samba::fields::{Fields, SOME};
use crate::simulator::digital_samba::refusal::Refusal;
use crate::simulator::digital_samba::settings::shown;
use crate::simulator::digital_samba::team::Team;

/// The oldest are forgotten first.
const RUNS_MAX: usize = 100;
const BALLOTS_MAX: usize = 2_000;

/// All runs, oldest first.
#[derive(Default)]
pub(super) struct Runs(Vec<Run>);

pub(super) struct Run {
    pub(super) session_id: String,
    started_at: UnixTime,
    ended_at: Option<UnixTime>,
    ballots: Vec<Ballot>,
}

/// What one person chose: ids, or words where there is nothing to choose from.
pub(super) struct Ballot {
    session_id: String,
    voter: Author,
    choices: Vec<String>,
}

impl Ballot {
    /// Reads what a participant of the room's live session chooses.
    pub(super) fn read(
        team: &Team,
        room: &str,
        body: &Map<String, Value>,
        is_choice: impl Fn(&str) -> bool,
    ) -> Result<Self, Refusal> {
        let mut fields = Fields::of(body);
        fields.require(&["choices"]);
        let voter = Author::read(team, room, &mut fields);
        let fits = |choice: &str| SOME.contains(&choice.len()) && is_choice(choice);
        let choices = fields.texts("choices", fits);
        fields.check()?;
        let session = team.current_session(room);
        let session = session.ok_or(Refusal::Unprocessable("The room has no live session."))?;
        Ok(Self {
            session_id: session.id.clone(),
            voter,
            choices: choices.unwrap_or_default(),
        })
    }
}

impl Runs {
    /// Takes a ballot; the first of a session puts the question. A later one of the same person
    /// stands in the place of theirs.
    pub(super) fn cast(&mut self, ballot: Ballot, now: UnixTime) {
        let of_session = |run: &Run| run.session_id == ballot.session_id;
        if !self.0.iter().any(of_session) {
            let excess = (self.0.len() + 1).saturating_sub(RUNS_MAX);
            self.0.drain(..excess);
            self.0.push(Run {
                session_id: ballot.session_id.clone(),
                started_at: now,
                ended_at: None,
                ballots: Vec::new(),
            });
        }
        let run = self
            .0
            .iter_mut()
            .find(|run| run.session_id == ballot.session_id);
        if let Some(run) = run {
            run.ballots
                .retain(|one| !one.voter.is_same_person(&ballot.voter));
            if run.ballots.len() < BALLOTS_MAX {
                run.ballots.push(ballot);
            }
        }
    }

    /// The session is over.
    pub(super) fn end(&mut self, session: &str, at: UnixTime) {
        for run in self.0.iter_mut().filter(|run| run.session_id == session) {
            run.ended_at.get_or_insert(at);
        }
    }

    pub(super) fn forget(&mut self, session: &str) {
        self.0.retain(|run| run.session_id != session);
    }

    /// Those of one session, or all.
    pub(super) fn of<'r>(&'r self, session: Option<&'r str>) -> impl Iterator<Item = &'r Run> {
        let runs = self.0.iter();
        runs.filter(move |run| session.is_none_or(|id| run.session_id == id))
    }

    /// Whether it was ever put, and is not over.
    pub(super) fn is_on(&self) -> Option<bool> {
        let last = self.0.last()?;
        Some(last.ended_at.is_none())
    }

    /// How many chose this, in all runs together.
    pub(super) fn voted(&self, session: Option<&str>, choice: &str) -> usize {
        self.of(session).map(|run| run.voters(choice).count()).sum()
    }
}

impl Run {
    pub(super) fn votes(&self) -> usize {
        self.ballots.len()
    }

    /// How many chose any of these.
    pub(super) fn voted_any(&self, choices: &[&str]) -> usize {
        let chose = |ballot: &&Ballot| choices.iter().any(|one| ballot.chose(one));
        self.ballots.iter().filter(chose).count()
    }

    /// Every word that was chosen, each once.
    pub(super) fn words(&self) -> Vec<&str> {
        let words = self.ballots.iter().flat_map(|ballot| &ballot.choices);
        let mut words: Vec<_> = words.map(String::as_str).collect();
        words.sort_unstable();
        words.dedup();
        words
    }

    /// A choice with who chose it.
    pub(super) fn shown_choice(&self, id: Option<&str>, text: &str, names_voters: bool) -> Value {
        let choice = id.unwrap_or(text);
        let named = self.voters(choice).filter(|_| names_voters);
        let named = named.map(|voter| json!({ "id": voter.id, "name": voter.name }));
        json!({
            "id": id,
            "text": text,
            "voted": self.voters(choice).count(),
            "voters": named.collect::<Vec<_>>(),
        })
    }

    /// When it was put, and until when.
    pub(super) fn shown_into(&self, shown_run: &mut Value) {
        if let Value::Object(shown_run) = shown_run {
            shown_run.insert("session_id".to_owned(), json!(self.session_id));
            shown_run.insert("started".to_owned(), json!(shown(self.started_at)));
            shown_run.insert("ended".to_owned(), json!(self.ended_at.map(shown)));
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.ended_at.is_none()
    }

    fn voters(&self, choice: &str) -> impl Iterator<Item = &Author> {
        let ballots = self.ballots.iter();
        let ballots = ballots.filter(move |ballot| ballot.chose(choice));
        ballots.map(|ballot| &ballot.voter)
    }
}

impl Ballot {
    fn chose(&self, choice: &str) -> bool {
        self.choices.iter().any(|one| one == choice)
    }
}
