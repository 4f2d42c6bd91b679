//! An upstream in memory for tests: it counts, fails on request, and stands still on request.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard};

use futures_util::future::BoxFuture;
use serde_json::{Map, Value};
use tokio::sync::watch;
use uuid::Uuid;

use crate::domain::{FriendlyUrl, RoleName, RoomId, RoomKey};

use super::naming::friendly_url;
use super::room::Room;
use super::upstream::{
    CreateFailure, DeleteFailure, NewRoom, Resources, RoomUpstream, UpstreamFailure, UpstreamRoom,
};

/// A room as the directory would have proven it.
pub(crate) fn room(key: &str, id: &str, roles: &[&str], end_to_end_encrypted: bool) -> Room {
    let key = RoomKey::parse(key).unwrap();
    let found = UpstreamRoom {
        id: RoomId::parse(id).unwrap(),
        friendly_url: friendly_url(&key),
        external_id: Some(key.to_string()),
        is_private: true,
        roles: roles.iter().map(|r| RoleName::parse(r).unwrap()).collect(),
        default_role: None,
        end_to_end_encrypted,
    };
    Room::proven(key, found, Vec::new())
}

/// What happens to one creation.
#[derive(Debug)]
pub(crate) enum Fate {
    /// It fails before anything is created.
    Fails(UpstreamFailure),
    /// It succeeds, but the answer is lost.
    SucceedsButFails(UpstreamFailure),
    /// Someone else was faster, with this external id.
    Taken(Option<String>),
    /// The work breaks off.
    Panics,
}

#[derive(Debug, Default)]
struct State {
    rooms: HashMap<String, UpstreamRoom>,
    outage: Option<UpstreamFailure>,
    fates: VecDeque<Fate>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Calls {
    pub(crate) finds: usize,
    pub(crate) creations: usize,
    pub(crate) role_reads: usize,
}

#[derive(Debug)]
pub(crate) struct FakeUpstream {
    state: Mutex<State>,
    calls: watch::Sender<Calls>,
    standing_still: watch::Sender<bool>,
}

impl FakeUpstream {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::default(),
            calls: watch::Sender::new(Calls::default()),
            standing_still: watch::Sender::new(false),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn calls(&self) -> Calls {
        *self.calls.borrow()
    }

    /// Waits until so many calls were made.
    pub(crate) async fn until(&self, reached: impl FnMut(&Calls) -> bool) {
        self.calls.subscribe().wait_for(reached).await.unwrap();
    }

    /// Every call waits until `go_on`.
    pub(crate) fn stand_still(&self) {
        self.standing_still.send_replace(true);
    }

    pub(crate) fn go_on(&self) {
        self.standing_still.send_replace(false);
    }

    /// Every call fails from now on, or works again.
    pub(crate) fn fail(&self, outage: Option<UpstreamFailure>) {
        self.state().outage = outage;
    }

    pub(crate) fn next_creation(&self, fate: Fate) {
        self.state().fates.push_back(fate);
    }

    /// Puts a room there as someone else would have made it.
    pub(crate) fn put(&self, name: &str, change: impl FnOnce(&mut UpstreamRoom)) -> RoomId {
        let mut room = made(&FriendlyUrl::parse(name).unwrap(), Some(name.to_owned()));
        change(&mut room);
        let id = room.id;
        self.state().rooms.insert(name.to_owned(), room);
        id
    }

    pub(crate) fn delete(&self, name: &str) {
        self.state().rooms.remove(name);
    }

    async fn pass(&self) -> Result<(), UpstreamFailure> {
        let mut standing_still = self.standing_still.subscribe();
        standing_still.wait_for(|still| !still).await.unwrap();
        self.state().outage.clone().map_or(Ok(()), Err)
    }
}

fn made(name: &FriendlyUrl, external_id: Option<String>) -> UpstreamRoom {
    UpstreamRoom {
        id: RoomId::new(Uuid::new_v4()),
        friendly_url: name.clone(),
        external_id,
        is_private: true,
        roles: vec![RoleName::parse("attendee").unwrap()],
        default_role: None,
        end_to_end_encrypted: false,
    }
}

impl RoomUpstream for FakeUpstream {
    fn find<'a>(
        &'a self,
        name: &'a FriendlyUrl,
    ) -> BoxFuture<'a, Result<Option<UpstreamRoom>, UpstreamFailure>> {
        Box::pin(async move {
            self.calls.send_modify(|calls| calls.finds += 1);
            self.pass().await?;
            Ok(self.state().rooms.get(name.as_str()).cloned())
        })
    }

    fn create<'a>(
        &'a self,
        new: &'a NewRoom,
    ) -> BoxFuture<'a, Result<UpstreamRoom, CreateFailure>> {
        Box::pin(async move {
            self.calls.send_modify(|calls| calls.creations += 1);
            self.pass().await?;
            let mut state = self.state();
            let name = new.friendly_url.to_string();
            let asked = new.settings["external_id"].as_str().map(str::to_owned);
            let mut room = made(&new.friendly_url, asked);
            room.is_private = new.settings["privacy"] == "private";
            let lost = match state.fates.pop_front() {
                Some(Fate::Panics) => {
                    drop(state);
                    panic!("as the test asked")
                }
                Some(Fate::Fails(failure)) => return Err(failure.into()),
                Some(Fate::Taken(by)) => {
                    let other = made(&new.friendly_url, by);
                    state.rooms.insert(name, other);
                    return Err(CreateFailure::NameTaken);
                }
                Some(Fate::SucceedsButFails(failure)) => Some(failure),
                None => None,
            };
            if state.rooms.contains_key(&name) {
                return Err(CreateFailure::NameTaken);
            }
            state.rooms.insert(name, room.clone());
            lost.map_or(Ok(room), |failure| Err(failure.into()))
        })
    }

    fn update<'a>(
        &'a self,
        id: RoomId,
        settings: &'a Map<String, Value>,
    ) -> BoxFuture<'a, Result<Option<UpstreamRoom>, UpstreamFailure>> {
        Box::pin(async move {
            self.pass().await?;
            let mut state = self.state();
            let Some(room) = state.rooms.values_mut().find(|room| room.id == id) else {
                return Ok(None);
            };
            let roles = settings["roles"].as_array().unwrap();
            let names = roles.iter().map(|role| role.as_str().unwrap());
            room.roles = names.map(|name| RoleName::parse(name).unwrap()).collect();
            Ok(Some(room.clone()))
        })
    }

    fn delete(
        &self,
        id: RoomId,
        _resources: Resources,
    ) -> BoxFuture<'_, Result<(), DeleteFailure>> {
        Box::pin(async move {
            self.pass().await?;
            self.state().rooms.retain(|_, room| room.id != id);
            Ok(())
        })
    }

    fn role_names(&self) -> BoxFuture<'_, Result<Vec<RoleName>, UpstreamFailure>> {
        Box::pin(async move {
            self.calls.send_modify(|calls| calls.role_reads += 1);
            self.pass().await?;
            Ok(vec![RoleName::parse("team-role").unwrap()])
        })
    }
}
