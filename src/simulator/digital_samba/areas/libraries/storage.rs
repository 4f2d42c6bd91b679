//! The storage host beside the API, where a file's bytes go after their reservation. The
//! developer key opens nothing here, and a token only its own file.

use std::time::Duration;

use actix_web::web::Bytes;
use uuid::Uuid;

use crate::clock::UnixTime;
use crate::simulator::digital_samba::refusal::{Answer, Refusal};
use crate::simulator::digital_samba::team::Team;
use crate::simulator::exchange::{Call, Reply};

const RESERVED_FOR: Duration = Duration::from_secs(3600);
const LINK_OPEN_FOR: Duration = Duration::from_secs(3600);
/// Bytes of all files together.
const STORED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A place for a file whose bytes have not come yet.
pub(super) struct Reservation {
    pub(super) token: String,
    pub(super) until: UnixTime,
}

impl Reservation {
    pub(super) fn new(now: UnixTime) -> Self {
        Self {
            token: Uuid::new_v4().simple().to_string(),
            until: now.plus(RESERVED_FOR),
        }
    }
}

pub(super) fn upload_address(team: &Team, file: &str) -> String {
    format!("{}/storage/{file}", team.storage_base)
}

/// A link that opens without a credential, for a while.
pub(super) fn link(team: &Team, file: &str) -> String {
    team.file_link(file, team.clock.now().plus(LINK_OPEN_FOR))
}

/// Takes a reserved file's bytes, once.
pub(in crate::simulator::digital_samba) fn upload(
    team: &mut Team,
    call: &Call,
    id: &str,
) -> Answer {
    let stored = team.libraries.files.iter().map(|file| file.content.len());
    let stored: usize = stored.sum();
    let now = team.clock.now();
    let file = team.libraries.files.get_mut(id).ok_or(Refusal::NotFound)?;
    let shown = call
        .authorization()
        .and_then(|header| header.strip_prefix("Bearer "));
    let reserved = file.reservation.as_ref();
    let reserved = reserved.is_some_and(|one| Some(&*one.token) == shown && now < one.until);
    if !reserved {
        return Err(Refusal::Unauthenticated);
    }
    let content = call.body();
    if stored + content.len() > STORED_BYTES_MAX {
        return Err(Refusal::Unprocessable("The storage is full."));
    }
    file.size = u64::try_from(content.len()).unwrap_or(u64::MAX);
    file.content = content.clone();
    file.reservation = None;
    Ok(Reply::empty(204))
}

/// The bytes of a file, if there is such a one.
pub(in crate::simulator::digital_samba) fn content<'t>(
    team: &'t Team,
    id: &str,
) -> Option<&'t Bytes> {
    team.libraries.files.get(id).map(|file| &file.content)
}
