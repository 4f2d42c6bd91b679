//! The folders of a library. What the API takes as `name` it shows as `description`.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::{Operation, Paging, body_of, ok};
use super::files::shown_item;
use super::library;
use crate::clock::UnixTime;
use crate::simulator::digital_samba::fields::{Fields, SOME};
use crate::simulator::digital_samba::refusal::{Answer, Refusal};
use crate::simulator::digital_samba::settings::shown;
use crate::simulator::digital_samba::shelf::Kept;
use crate::simulator::digital_samba::team::Team;
use crate::simulator::exchange::{Call, Reply};

/// Folders in folders, from the root down.
const DEPTH_MAX: usize = 20;

pub(super) struct Folder {
    id: String,
    pub(super) library_id: String,
    parent_id: Option<String>,
    name: Option<String>,
    created_at: UnixTime,
}

impl Kept for Folder {
    fn id(&self) -> &str {
        &self.id
    }
}

pub(super) fn route<'c>(call: &'c Call, path: &[&'c str]) -> Option<Operation<'c>> {
    Some(match (call.method.as_str(), path) {
        ("GET", &["libraries", of, "folders"]) => {
            Operation::new("list_library_folders", move |team| list(team, of, call))
        }
        ("POST", &["libraries", of, "folders"]) => {
            Operation::new("create_library_folder", move |team| {
                create(team, of, &body_of(call)?)
            })
        }
        ("GET", &["libraries", of, "folders", id]) => {
            Operation::new("get_library_folder", move |team| {
                ok(&shown_folder(folder(team, of, id)?))
            })
        }
        ("PATCH", &["libraries", of, "folders", id]) => {
            Operation::new("update_library_folder", move |team| {
                folder(team, of, id)?;
                update(team, id, &body_of(call)?)
            })
        }
        ("DELETE", &["libraries", of, "folders", id]) => {
            Operation::new("delete_library_folder", move |team| {
                folder(team, of, id)?;
                forget(team, id);
                Ok(Reply::empty(204))
            })
        }
        _ => return None,
    })
}

/// The folders and files that lie directly in a folder, or in the root, the folders with theirs.
pub(super) fn inside(team: &Team, library: &str, parent: Option<&str>) -> Map<String, Value> {
    let folders = team.libraries.folders.iter();
    let folders = folders
        .filter(|folder| folder.library_id == library && folder.parent_id.as_deref() == parent)
        .map(|folder| {
            let mut shown = shown_folder(folder);
            if let Value::Object(shown) = &mut shown {
                shown.extend(inside(team, library, Some(&folder.id)));
            }
            shown
        });
    let files = team.libraries.files.iter();
    let files = files
        .filter(|file| file.library_id == library && file.folder_id.as_deref() == parent)
        .map(shown_item);
    let (folders, files): (Value, Value) = (folders.collect(), files.collect());
    [("folders".to_owned(), folders), ("files".to_owned(), files)]
        .into_iter()
        .collect()
}

/// Reads the name of a folder of this library.
pub(super) fn named(
    team: &Team,
    library: &str,
    field: &str,
    fields: &mut Fields<'_>,
) -> Option<String> {
    let id = fields.uuid(field)?;
    if folder(team, library, &id).is_err() {
        fields.refuse(field, "chosen is invalid");
    }
    Some(id)
}

fn folder<'t>(team: &'t Team, library: &str, id: &str) -> Result<&'t Folder, Refusal> {
    let folder = team.libraries.folders.get(id);
    let folder = folder.filter(|folder| folder.library_id == library);
    folder.ok_or(Refusal::NotFound)
}

fn list(team: &Team, of: &str, call: &Call) -> Answer {
    library(team, of)?;
    let folders = team.libraries.folders.iter();
    let folders = folders.filter(|folder| folder.library_id == of);
    let items = folders.map(|folder| (folder.id.clone(), shown_folder(folder)));
    Paging::of(call)?.page(items.collect())?.with_number()
}

fn create(team: &mut Team, of: &str, body: &Map<String, Value>) -> Answer {
    library(team, of)?;
    let mut fields = Fields::of(body);
    let folder = Folder {
        id: Uuid::new_v4().to_string(),
        library_id: of.to_owned(),
        parent_id: named(team, of, "parent_id", &mut fields),
        name: fields.text("name", &SOME),
        created_at: team.clock.now(),
    };
    if path_of(team, folder.parent_id.as_deref()).len() >= DEPTH_MAX {
        fields.refuse("parent_id", "lies too deep");
    }
    fields.check()?;
    let answer = ok(&shown_folder(&folder));
    team.libraries.folders.add(folder)?;
    answer
}

/// A folder stays out of itself; what is in it moves with it.
fn update(team: &mut Team, id: &str, body: &Map<String, Value>) -> Answer {
    let folder = team.libraries.folders.get(id).ok_or(Refusal::NotFound)?;
    let mut fields = Fields::of(body);
    let name = fields.text("name", &SOME);
    let parent_id = named(team, &folder.library_id, "parent_id", &mut fields);
    let above = path_of(team, parent_id.as_deref());
    if above.iter().any(|folder| folder == id) || above.len() + height(team, id) > DEPTH_MAX {
        fields.refuse("parent_id", "chosen is invalid");
    }
    let moves = fields.has("parent_id");
    fields.check()?;
    let folder = team.libraries.folders.get_mut(id);
    let folder = folder.ok_or(Refusal::NotFound)?;
    folder.name = name.or(folder.name.take());
    if moves {
        folder.parent_id = parent_id;
    }
    ok(&shown_folder(folder))
}

/// Takes a folder away with all that is in it.
fn forget(team: &mut Team, id: &str) {
    let folders = team.libraries.folders.iter();
    let gone: Vec<String> = folders
        .filter(|folder| path_of(team, Some(&folder.id)).iter().any(|one| one == id))
        .map(|folder| folder.id.clone())
        .collect();
    let libraries = &mut team.libraries;
    libraries
        .folders
        .retain(|folder| !gone.contains(&folder.id));
    libraries
        .files
        .retain(|file| file.folder_id.as_ref().is_none_or(|id| !gone.contains(id)));
}

/// A folder and those that it lies in, from the inside out.
fn path_of(team: &Team, innermost: Option<&str>) -> Vec<String> {
    let folders = &team.libraries.folders;
    let innermost = innermost.and_then(|id| folders.get(id));
    let path = std::iter::successors(innermost, |folder| {
        folder.parent_id.as_ref().and_then(|id| folders.get(id))
    });
    path.map(|folder| folder.id.clone()).collect()
}

/// How many levels a folder is high, its own among them.
fn height(team: &Team, id: &str) -> usize {
    let folders = team.libraries.folders.iter();
    let heights = folders.filter_map(|folder| {
        let path = path_of(team, Some(&folder.id));
        path.iter().position(|one| one == id).map(|below| below + 1)
    });
    heights.max().unwrap_or(1)
}

fn shown_folder(folder: &Folder) -> Value {
    json!({
        "id": folder.id,
        "external_id": null,
        "description": folder.name,
        "created_at": shown(folder.created_at),
    })
}
