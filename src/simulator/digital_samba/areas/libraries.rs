//! Content libraries: folders, files and what else lies in them.

mod files;
mod folders;
mod storage;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Operation, Paging, body_of, ok};
use crate::clock::UnixTime;
use crate::simulator::digital_samba::belongings::{Belonging, Kind};
use crate::simulator::digital_samba::fields::{Fields, LONG, SOME};
use crate::simulator::digital_samba::refusal::{Answer, Faulty, Refusal};
use crate::simulator::digital_samba::settings::shown;
use crate::simulator::digital_samba::shelf::{Kept, Shelf};
use crate::simulator::digital_samba::team::Team;
use crate::simulator::exchange::{Call, Reply};

pub(in crate::simulator::digital_samba) use storage::{content, upload};

/// All libraries of a team, and what is in them.
#[derive(Default)]
pub(in crate::simulator::digital_samba) struct Libraries {
    all: Shelf<Library, 1_000>,
    folders: Shelf<folders::Folder, 2_000>,
    files: Shelf<files::File, 10_000>,
}

/// A room's library goes with it only if that is asked for.
pub(in crate::simulator::digital_samba) const BELONGING: Belonging = Belonging {
    forget_room: |team, room| {
        let named = team.room(room).and_then(|room| room.text("library_id"));
        if let Some(library) = named.map(str::to_owned) {
            forget(team, &library);
        }
    },
    ..Belonging::new("library", Kind::Library)
};

struct Library {
    id: String,
    external_id: Option<String>,
    name: Option<String>,
    created_at: UnixTime,
}

impl Kept for Library {
    fn id(&self) -> &str {
        &self.id
    }
}

pub(super) fn route<'c>(call: &'c Call, path: &[&'c str]) -> Option<Operation<'c>> {
    Some(match (call.method.as_str(), path) {
        ("GET", ["libraries"]) => Operation::new("list_libraries", |team| list(team, call)),
        ("POST", ["libraries"]) => {
            Operation::new("create_library", |team| create(team, &body_of(call)?))
        }
        ("GET", &["libraries", id]) => Operation::new("get_library", move |team| {
            ok(&shown_library(library(team, id)?))
        }),
        ("PATCH", &["libraries", id]) => Operation::new("update_library", move |team| {
            update(team, id, &body_of(call)?)
        }),
        ("DELETE", &["libraries", id]) => Operation::new("delete_library", move |team| {
            library(team, id)?;
            forget(team, id);
            Ok(Reply::empty(204))
        }),
        ("GET", &["libraries", id, "hierarchy"]) => {
            Operation::new("get_library_hierarchy", move |team| hierarchy(team, id))
        }
        ("GET" | "POST" | "PATCH" | "DELETE", ["libraries", _, "folders", ..]) => {
            return folders::route(call, path);
        }
        _ => return files::route(call, path),
    })
}

/// Takes a library away with all that is in it, also from the rooms and defaults that name it.
fn forget(team: &mut Team, id: &str) {
    let libraries = &mut team.libraries;
    libraries.all.remove(id);
    libraries.folders.retain(|folder| folder.library_id != id);
    libraries.files.retain(|file| file.library_id != id);
    let rooms = team.rooms_mut().map(|room| &mut room.settings);
    for settings in rooms {
        detach(settings, id);
    }
    detach(&mut team.settings, id);
}

/// A room, or the team's defaults, may name only a library that is there.
pub(super) fn check_named(team: &Team, settings: &Map<String, Value>, faulty: &mut Faulty) {
    let named = settings.get("library_id").and_then(Value::as_str);
    if named.is_some_and(|id| team.libraries.all.get(id).is_none()) {
        faulty.add("library_id", "chosen is invalid");
    }
}

fn detach(settings: &mut Map<String, Value>, id: &str) {
    if settings.get("library_id").and_then(Value::as_str) == Some(id) {
        settings.insert("library_id".to_owned(), Value::Null);
    }
}

fn library<'t>(team: &'t Team, id: &str) -> Result<&'t Library, Refusal> {
    team.libraries.all.get(id).ok_or(Refusal::NotFound)
}

fn list(team: &Team, call: &Call) -> Answer {
    let items = team.libraries.all.iter();
    let items = items.map(|library| (library.id.clone(), shown_library(library)));
    Paging::of(call)?.page(items.collect())?.with_number()
}

fn create(team: &mut Team, body: &Map<String, Value>) -> Answer {
    let mut fields = Fields::of(body);
    let library = Library {
        id: Uuid::new_v4().to_string(),
        external_id: fields.text("external_id", &LONG),
        name: fields.text("name", &SOME),
        created_at: team.clock.now(),
    };
    fields.check()?;
    let answer = ok(&shown_library(&library));
    team.libraries.all.add(library)?;
    answer
}

fn update(team: &mut Team, id: &str, body: &Map<String, Value>) -> Answer {
    let library = team.libraries.all.get_mut(id);
    let library = library.ok_or(Refusal::NotFound)?;
    let mut fields = Fields::of(body);
    let (name, external_id) = (
        fields.text("name", &SOME),
        fields.text("external_id", &LONG),
    );
    fields.check()?;
    library.name = name.or(library.name.take());
    library.external_id = external_id.or(library.external_id.take());
    ok(&shown_library(library))
}

/// The library with its folders in each other and the files in their folders.
fn hierarchy(team: &Team, id: &str) -> Answer {
    let mut tree = shown_library(library(team, id)?);
    if let Value::Object(tree) = &mut tree {
        tree.extend(folders::inside(team, id, None));
    }
    ok(&tree)
}

fn shown_library(library: &Library) -> Value {
    json!({
        "id": library.id,
        "external_id": library.external_id,
        "name": library.name,
        "created_at": shown(library.created_at),
    })
}
