//! What upstream might take and must not be given: names of rooms that its routes read as something
//! else, and permissions that it does not have.

use serde_json::{Value, json};

use crate::digital_samba::{AnswerBody, Forwarded};
use crate::domain::{FriendlyUrl, TextFault};

use super::Gateway;
use super::call::Wanted;
use super::error::GatewayError;
use super::older::in_json;

impl Gateway {
    /// What the caller is told instead of sending a call on, if that must not be.
    pub(super) async fn refusal(
        &self,
        wanted: &Wanted<'_>,
    ) -> Result<Option<Forwarded>, GatewayError> {
        match wanted.operation.id {
            "create_room" | "update_room" => Ok(unfit_name(wanted)),
            "create_role" | "update_role" => Box::pin(self.unknown_permission(wanted)).await,
            _other => Ok(None),
        }
    }

    /// A permission that upstream does not list, in a role that is written.
    async fn unknown_permission(
        &self,
        wanted: &Wanted<'_>,
    ) -> Result<Option<Forwarded>, GatewayError> {
        let Some(Value::Object(given)) = wanted.member("permissions") else {
            return Ok(None);
        };
        if given.is_empty() {
            return Ok(None);
        }
        let told = self.ask("list_permissions", &[], &[]).await?;
        let known = match &told.body {
            AnswerBody::Whole(body) => serde_json::from_slice::<Vec<String>>(body).ok(),
            AnswerBody::Chunks(_) => None,
        };
        // No list, or one in another form than is documented: upstream is to say.
        let Some(known) = known else {
            return Ok(None);
        };
        let mut names = given.keys();
        let unknown = names.find(|name| !known.contains(name));
        Ok(unknown.map(|name| {
            let member = format!("permissions.{name}");
            invalid(&member, &format!("The {member} field is invalid."))
        }))
    }
}

/// A `friendly_url` of a wrong length, or one that upstream's literal routes hide. Which characters
/// it may have is upstream's to say.
fn unfit_name(wanted: &Wanted<'_>) -> Option<Forwarded> {
    let name = wanted.member("friendly_url")?;
    let problem = match FriendlyUrl::parse(name.as_str()?) {
        Ok(_) | Err(TextFault::Character { .. } | TextFault::Form { .. }) => return None,
        Err(
            fault @ (TextFault::Empty
            | TextFault::TooShort { .. }
            | TextFault::TooLong { .. }
            | TextFault::Reserved),
        ) => fault,
    };
    Some(invalid(
        "friendly_url",
        &format!("The friendly url {problem}."),
    ))
}

/// A refusal of one member, in upstream's form.
pub(super) fn invalid(member: &str, text: &str) -> Forwarded {
    in_json(
        422,
        &json!({ "message": text, "errors": { (member): [text] } }),
    )
}
