//! A simulated Digital Samba: its REST API as far as it is built (one file per area, named by
//! the catalogue's operation ids) and the page behind every room's address.

mod areas;
mod belongings;
mod credentials;
mod entry;
mod fields;
mod files;
mod happenings;
mod page;
mod participants;
mod refusal;
mod sessions;
mod settings;
mod shelf;
mod team;

use std::io;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::controls::Controls;
use super::exchange::{Call, Reply};
use super::server::{Route, Server, Service};
use crate::clock::Clock;
use areas::{Operation, libraries};
use refusal::{Answer, Refusal};
use team::Team;

pub use happenings::{Bookmark, Speech};
pub use participants::{Join, Visitor};
pub use team::{RoomFacts, Variations};

/// What a simulated team is made of.
pub struct Parameters {
    /// Where to serve.
    pub listener: TcpListener,
    /// Time for tokens, expiries and the rate limit.
    pub clock: Clock,
    /// The team's UUID.
    pub team_id: String,
    /// The team's domain, shown in its settings.
    pub team_domain: String,
    /// The credential of the API and the key of join tokens.
    pub developer_key: String,
    /// What room addresses start with; the simulator's own address if absent.
    pub rooms_base: Option<String>,
    /// Calls a minute before 429; the real limit is 1000.
    pub rate_limit_per_minute: u32,
}

/// A running simulated Digital Samba. Dropped, it stops.
pub struct DigitalSamba {
    base_url: String,
    server: Server,
    upstream: Arc<Upstream>,
}

/// Starts to serve. Needs a tokio runtime around it.
///
/// # Errors
/// When the listener cannot be used.
pub fn start(parameters: Parameters) -> io::Result<DigitalSamba> {
    let base_url = format!("http://{}", parameters.listener.local_addr()?);
    let upstream = Arc::new(Upstream {
        team: Mutex::new(Team::new(&parameters, &base_url)?),
        controls: Arc::default(),
    });
    let service: Arc<dyn Service> = Arc::<Upstream>::clone(&upstream);
    let server = Server::start(parameters.listener, service, Arc::clone(&upstream.controls))?;
    Ok(DigitalSamba {
        base_url,
        server,
        upstream,
    })
}

impl DigitalSamba {
    /// The API's base, without `/api/v1` and without a slash at the end.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Faults, gates and counts.
    pub fn controls(&self) -> &Controls {
        &self.upstream.controls
    }

    /// How many rooms were created through the API.
    pub fn creations(&self) -> u64 {
        self.controls().count("create_room").done
    }

    /// The rooms, oldest first.
    pub fn rooms(&self) -> Vec<RoomFacts> {
        self.upstream.team().facts()
    }

    /// A room by id or `friendly_url`.
    pub fn room(&self, name: &str) -> Option<RoomFacts> {
        self.upstream.team().facts_of(name)
    }

    /// Puts a room there behind the broker's back; answers as the API would.
    ///
    /// # Errors
    /// The body of the API's refusal.
    pub fn create_room(&self, settings: &Value) -> Result<RoomFacts, Value> {
        let created = areas::rooms::create(&mut self.upstream.team(), settings);
        let id = created.map_err(|refusal| refusal.body())?;
        self.room(&id).ok_or(Value::Null)
    }

    /// Takes a room away behind the broker's back; whether it was there.
    pub fn delete_room(&self, name: &str) -> bool {
        self.upstream.team().remove(name)
    }

    /// Every entry into a room with a valid token, oldest first.
    pub fn joins(&self) -> Vec<Join> {
        self.upstream.team().joins.clone()
    }

    /// Puts a participant into a room; whether the room is there.
    pub fn enter(&self, room: &str, visitor: Visitor) -> bool {
        self.upstream.team().enter(room, visitor).is_some()
    }

    /// A participant leaves; whether they were in.
    pub fn leave(&self, participant: &str) -> bool {
        self.upstream.team().leave(participant)
    }

    /// A participant says something; whether it was written down.
    pub fn say(&self, participant: &str, speech: Speech) -> bool {
        self.upstream.team().say(participant, speech)
    }

    /// Marks this moment of a room's running recording; whether there is one.
    pub fn bookmark(&self, room: &str, bookmark: Bookmark) -> bool {
        self.upstream.team().bookmark(room, bookmark)
    }

    /// Everybody leaves a room. Its session waits for them a while.
    pub fn empty_room(&self, room: &str) {
        self.upstream.team().empty(room);
    }

    /// Chooses among the documented shapes of answers.
    pub fn vary(&self, variations: Variations) {
        self.upstream.team().variations = variations;
    }

    /// Regenerates the developer key: tokens signed before are refused from now on.
    pub fn replace_developer_key(&self, developer_key: &str) {
        developer_key.clone_into(&mut self.upstream.team().developer_key);
    }

    /// Changes the limit and starts a new minute.
    pub fn limit_rate(&self, calls_per_minute: u32) {
        self.upstream.team().limit_rate(calls_per_minute);
    }

    /// Forgets rooms, joins, faults, gates, counts and variations; the roles are the presets.
    pub fn reset(&self) {
        self.upstream.team().reset();
        self.upstream.controls.reset();
    }

    /// Closes every connection and refuses new ones.
    ///
    /// # Errors
    /// When the address cannot be kept.
    pub async fn take_down(&self) -> io::Result<()> {
        self.server.take_down().await
    }

    /// Serves again at the same address, with the same rooms.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn bring_up(&self) -> io::Result<()> {
        self.server.bring_up().await
    }

    /// Stops for good.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

struct Upstream {
    team: Mutex<Team>,
    controls: Arc<Controls>,
}

impl Upstream {
    fn team(&self) -> MutexGuard<'_, Team> {
        let mut team = self.team.lock().unwrap_or_else(PoisonError::into_inner);
        team.catch_up();
        team
    }

    /// One call of the API: who, how often, then what. The team is locked throughout, so that
    /// of two creations with one name exactly one is first.
    fn call(&self, call: &Call, operation: Operation<'_>) -> Reply {
        let mut team = self.team();
        let admitted = team.authenticate(call.authorization());
        let answer = admitted
            .and_then(|()| team.spend_call())
            .and_then(|()| (operation.act)(&mut team));
        answer.unwrap_or_else(|refusal| refusal.reply(call.accepts_json(), team.variations))
    }

    /// One call of the storage host, which knows no developer key and no rate limit.
    fn stored(&self, call: &Call, act: impl FnOnce(&mut Team) -> Answer) -> Reply {
        let team = &mut self.team();
        act(team).unwrap_or_else(|refusal| refusal.reply(call.accepts_json(), team.variations))
    }
}

impl Service for Upstream {
    fn route<'c>(&'c self, call: &'c Call) -> Option<Route<'c>> {
        let path = call.path();
        if let ["api", "v1", path @ ..] = path.as_slice() {
            let operation = areas::route(call, path)?;
            return Some(Route {
                operation: operation.id,
                act: Box::new(move || self.call(call, operation)),
            });
        }
        match (call.method.as_str(), path.as_slice()) {
            ("GET", &[room]) => Some(Route {
                operation: "room_page",
                act: Box::new(move || page::show(&mut self.team(), room, call.query("token"))),
            }),
            ("PUT" | "POST", &["storage", file]) => Some(Route {
                operation: "upload_library_file",
                act: Box::new(move || {
                    self.stored(call, |team| libraries::upload(team, call, file))
                }),
            }),
            ("GET", &["files", id]) => Some(Route {
                operation: "download_file",
                act: Box::new(move || self.team().file(id, call)),
            }),
            ("POST", &[room, "leave"]) => Some(Route {
                operation: "leave_room_page",
                act: Box::new(move || page::leave(&mut self.team(), room, &call.form())),
            }),
            _ => None,
        }
    }

    fn control(&self, call: &Call, path: &[&str]) -> Option<Reply> {
        let body = || call.object().map(Value::Object).unwrap_or_default();
        let found = match (call.method.as_str(), path) {
            ("POST", ["reset"]) => {
                self.team().reset();
                true
            }
            ("GET", ["joins"]) => return Some(Reply::json(200, &self.team().joins)),
            ("DELETE", ["rooms", room]) => self.team().remove(room),
            ("POST", ["rooms", room, "participants"]) => {
                match serde_json::from_value::<Visitor>(body()) {
                    Ok(visitor) => self.team().enter(room, visitor).is_some(),
                    Err(cause) => {
                        let message = json!({ "message": cause.to_string() });
                        return Some(Reply::json(400, &message));
                    }
                }
            }
            ("DELETE", ["rooms", room, "participants"]) => {
                self.team().empty(room);
                true
            }
            ("DELETE", ["participants", participant]) => self.team().leave(participant),
            ("POST", ["variations"]) => match serde_json::from_value(body()) {
                Ok(variations) => {
                    self.team().variations = variations;
                    true
                }
                Err(_) => false,
            },
            _ => {
                let team = &mut self.team();
                let variations = team.variations;
                return team.happen(call, path).or_else(|| {
                    let staged = areas::staged::act(team, call, path)?;
                    Some(staged.unwrap_or_else(|refusal| refusal.reply(true, variations)))
                });
            }
        };
        Some(Reply::empty(if found { 204 } else { 404 }))
    }

    fn not_found(&self, call: &Call) -> Reply {
        Refusal::NotFound.reply(call.accepts_json(), Variations::default())
    }
}
