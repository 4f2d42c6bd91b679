//! What lies in a library: files, web apps and whiteboards.

use actix_web::web::Bytes;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::{Operation, Paging, body_of, ok};
use super::storage::{Reservation, link, upload_address};
use super::{folders, library};
use crate::clock::UnixTime;
use crate::simulator::digital_samba::fields::{Fields, LONG, SOME};
use crate::simulator::digital_samba::refusal::{Answer, Refusal};
use crate::simulator::digital_samba::settings::shown;
use crate::simulator::digital_samba::shelf::Kept;
use crate::simulator::digital_samba::team::Team;
use crate::simulator::exchange::{Call, Reply};

/// What a name's ending says about a file.
const TYPES: &[(&str, &[&str])] = &[
    ("image", &["png", "jpg", "jpeg", "gif", "webp", "svg"]),
    ("video", &["mp4", "webm", "mov"]),
    ("audio", &["mp3", "wav", "ogg"]),
];
const VIDEO_HOSTS: &[(&str, &[&str])] = &[
    ("youtube", &["youtube.com", "www.youtube.com", "youtu.be"]),
    ("vimeo", &["vimeo.com", "www.vimeo.com", "player.vimeo.com"]),
];

pub(super) struct File {
    pub(super) id: String,
    pub(super) library_id: String,
    pub(super) folder_id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) kind: &'static str,
    /// As announced, then as it came.
    pub(super) size: u64,
    pub(super) created_at: UnixTime,
    /// Until the bytes have come.
    pub(super) reservation: Option<Reservation>,
    pub(super) content: Bytes,
}

impl Kept for File {
    fn id(&self) -> &str {
        &self.id
    }
}

impl File {
    fn new(library: &str, kind: &'static str, now: UnixTime) -> Self {
        Self {
            id: Uuid::new_v4().to_string(),
            library_id: library.to_owned(),
            folder_id: None,
            name: None,
            kind,
            size: 0,
            created_at: now,
            reservation: None,
            content: Bytes::new(),
        }
    }

    fn status(&self) -> &'static str {
        match self.reservation {
            Some(_) => "created",
            None => "completed",
        }
    }
}

pub(super) fn route<'c>(call: &'c Call, path: &[&'c str]) -> Option<Operation<'c>> {
    Some(match (call.method.as_str(), path) {
        ("GET", &["libraries", of, "files"]) => {
            Operation::new("list_library_files", move |team| list(team, of, call))
        }
        ("POST", &["libraries", of, "files"]) => {
            Operation::new("create_library_file", move |team| {
                create(team, of, &body_of(call)?)
            })
        }
        ("GET", &["libraries", of, "files", id]) => {
            Operation::new("get_library_file", move |team| {
                ok(&shown_file(file(team, of, id)?))
            })
        }
        ("PATCH", &["libraries", of, "files", id]) => {
            Operation::new("update_library_file", move |team| {
                update(team, of, id, &body_of(call)?)
            })
        }
        ("DELETE", &["libraries", of, "files", id]) => {
            Operation::new("delete_library_file", move |team| {
                file(team, of, id)?;
                team.libraries.files.remove(id);
                Ok(Reply::empty(204))
            })
        }
        ("GET", &["libraries", of, "files", id, "links"]) => {
            Operation::new("get_library_file_links", move |team| links(team, of, id))
        }
        ("POST", &["libraries", of, "webapps"]) => {
            Operation::new("create_library_webapp", move |team| {
                create_webapp(team, of, &body_of(call)?)
            })
        }
        ("POST", &["libraries", of, "whiteboards"]) => {
            Operation::new("create_library_whiteboard", move |team| {
                create_whiteboard(team, of, &body_of(call)?)
            })
        }
        _ => return None,
    })
}

/// As a list shows it.
pub(super) fn shown_item(file: &File) -> Value {
    json!({
        "id": file.id,
        "folder_id": file.folder_id,
        "name": file.name,
        "type": file.kind,
        "size": file.size,
        "created_at": shown(file.created_at),
    })
}

fn shown_file(file: &File) -> Value {
    with(shown_item(file), &[("status", json!(file.status()))])
}

fn with(mut shown: Value, fields: &[(&str, Value)]) -> Value {
    if let Value::Object(shown) = &mut shown {
        let fields = fields.iter().cloned();
        shown.extend(fields.map(|(name, value)| (name.to_owned(), value)));
    }
    shown
}

fn file<'t>(team: &'t Team, library: &str, id: &str) -> Result<&'t File, Refusal> {
    let file = team.libraries.files.get(id);
    let file = file.filter(|file| file.library_id == library);
    file.ok_or(Refusal::NotFound)
}

/// Unlike other lists, nothing but the items.
fn list(team: &Team, of: &str, call: &Call) -> Answer {
    library(team, of)?;
    let files = team.libraries.files.iter();
    let files = files.filter(|file| file.library_id == of);
    let items = files.map(|file| (file.id.clone(), shown_item(file)));
    Paging::of(call)?.page(items.collect())?.bare()
}

/// Reserves a file; the answer says where its bytes go, and until when.
fn create(team: &mut Team, of: &str, body: &Map<String, Value>) -> Answer {
    library(team, of)?;
    let mut fields = Fields::of(body);
    let mut file = File::new(of, "document", team.clock.now());
    file.name = fields.text("name", &LONG);
    file.kind = file.name.as_deref().map_or(file.kind, kind_of);
    file.folder_id = folders::named(team, of, "folder_id", &mut fields);
    file.size = fields.integer("file_size", &(0..=u64::MAX)).unwrap_or(0);
    fields.check()?;
    let reservation = Reservation::new(team.clock.now());
    let answer = ok(&json!({
        "file_id": file.id,
        "file_name": file.name,
        "external_storage_url": upload_address(team, &file.id),
        "token": reservation.token,
        "expiration_timestamp": reservation.until.seconds(),
    }));
    file.reservation = Some(reservation);
    team.libraries.files.add(file)?;
    answer
}

fn update(team: &mut Team, of: &str, id: &str, body: &Map<String, Value>) -> Answer {
    file(team, of, id)?;
    let mut fields = Fields::of(body);
    let name = fields.text("name", &LONG);
    let folder_id = folders::named(team, of, "folder_id", &mut fields);
    let moves = fields.has("folder_id");
    fields.check()?;
    let file = team.libraries.files.get_mut(id).ok_or(Refusal::NotFound)?;
    file.name = name.or(file.name.take());
    if moves {
        file.folder_id = folder_id;
    }
    ok(&shown_file(file))
}

/// Links that open without a credential, for a while.
fn links(team: &Team, of: &str, id: &str) -> Answer {
    let file = file(team, of, id)?;
    let pages: Vec<_> = match file.reservation {
        Some(_) => Vec::new(),
        None => vec![json!({ "url": link(team, id), "thumbnail_url": link(team, id) })],
    };
    ok(&json!({ "pages": pages }))
}

fn create_webapp(team: &mut Team, of: &str, body: &Map<String, Value>) -> Answer {
    library(team, of)?;
    let mut fields = Fields::of(body);
    let url = fields.address("url", &LONG);
    let mut file = File::new(of, "webapp", team.clock.now());
    file.kind = url.as_deref().map_or(file.kind, kind_of_address);
    file.name = fields.text("name", &SOME).or(url.clone());
    file.folder_id = folders::named(team, of, "folder_id", &mut fields);
    fields.check()?;
    let mut shown = with(
        shown_item(&file),
        &[("url", json!(url)), ("status", json!(file.status()))],
    );
    if let Value::Object(shown) = &mut shown {
        shown.remove("size");
    }
    team.libraries.files.add(file)?;
    ok(&shown)
}

fn create_whiteboard(team: &mut Team, of: &str, body: &Map<String, Value>) -> Answer {
    library(team, of)?;
    let mut fields = Fields::of(body);
    let mut file = File::new(of, "whiteboard", team.clock.now());
    file.name = Some("Whiteboard".to_owned());
    file.folder_id = folders::named(team, of, "folder_id", &mut fields);
    fields.boolean("private");
    fields.check()?;
    let shown = with(
        shown_file(&file),
        &[
            ("storage_file_name", json!(file.id)),
            ("storage_url", json!(link(team, &file.id))),
        ],
    );
    team.libraries.files.add(file)?;
    ok(&shown)
}

fn kind_of(name: &str) -> &'static str {
    let ending = name.rsplit('.').next().unwrap_or_default();
    let ending = ending.to_ascii_lowercase();
    let kind = TYPES
        .iter()
        .find(|(_, endings)| endings.contains(&&*ending));
    kind.map_or("document", |(kind, _)| kind)
}

fn kind_of_address(address: &str) -> &'static str {
    let url = url::Url::parse(address).ok();
    let host = url
        .as_ref()
        .and_then(url::Url::host_str)
        .unwrap_or_default();
    let kind = VIDEO_HOSTS.iter().find(|(_, hosts)| hosts.contains(&host));
    kind.map_or("webapp", |(kind, _)| kind)
}
