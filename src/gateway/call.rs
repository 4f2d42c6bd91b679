//! What a product backend asks for, and what of it goes on.

use bytes::Bytes;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::authn::ServicePrincipal;
use crate::digital_samba::{Body, ForwardBody, Operation, Upload};
use crate::domain::RoomKey;

use super::current_body;
use super::error::GatewayError;

/// One call of a product backend.
#[derive(Debug)]
pub struct GatewayCall<'a> {
    /// Who calls.
    pub service: &'a ServicePrincipal,
    /// What.
    pub operation: &'static Operation,
    /// The values of its path's parameters, decoded.
    pub parameters: Vec<String>,
    /// The query as it was sent.
    pub query: Vec<(String, String)>,
    /// Its body.
    pub body: GatewayBody,
    /// Whether the caller asked for the older reference's form.
    pub wants_older_form: bool,
}

/// A body as the caller sends it.
#[derive(Debug)]
pub enum GatewayBody {
    /// None.
    Nothing,
    /// All of it, called JSON.
    Json(Bytes),
    /// A form, piece by piece.
    Upload(Upload),
}

/// A call in upstream's terms of today.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) service: &'a ServicePrincipal,
    pub(super) operation: &'static Operation,
    pub(super) parameters: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: ForwardBody,
}

impl<'a> Wanted<'a> {
    /// Reads a call. Query parameters that its operation does not have are left out.
    pub(super) fn of(call: GatewayCall<'a>) -> Result<Self, GatewayError> {
        let GatewayCall {
            service,
            operation,
            parameters,
            query,
            body,
            ..
        } = call;
        let of_body = members_in_query(operation, &query);
        let query = query
            .into_iter()
            .filter(|(name, _)| {
                let name = name.strip_suffix("[]").unwrap_or(name);
                operation.query().any(|known| known == name)
            })
            .collect();
        let body = match (body, operation.body) {
            (GatewayBody::Upload(upload), Body::Multipart) => ForwardBody::Upload(upload),
            (GatewayBody::Json(json), Body::Json) => {
                if serde_json::from_slice::<IgnoredAny>(&json).is_err() {
                    return Err(GatewayError::NotJson);
                }
                with_members(current_body(operation, json)?, of_body)?
            }
            (GatewayBody::Nothing, Body::Json) if !of_body.is_empty() => {
                with_members(ForwardBody::Nothing, of_body)?
            }
            _nothing_that_it_takes => ForwardBody::Nothing,
        };
        Ok(Self {
            service,
            operation,
            parameters,
            query,
            body,
        })
    }

    /// Upstream's name or id of the room in the path.
    pub(super) fn room(&self) -> Option<&str> {
        let named = self.operation.has_room().then(|| self.parameters.first());
        named.flatten().map(String::as_str)
    }

    /// A member of the JSON body.
    pub(super) fn member(&self, name: &str) -> Option<Value> {
        let ForwardBody::Json(json) = &self.body else {
            return None;
        };
        let mut body: Map<String, Value> = serde_json::from_slice(json).ok()?;
        body.remove(name)
    }

    /// The room key that a creation or a change gives to a room.
    pub(super) fn given_key(&self) -> Option<RoomKey> {
        if !matches!(self.operation.id, "create_room" | "update_room") {
            return None;
        }
        let key = self.member("external_id")?;
        RoomKey::parse(key.as_str()?).ok()
    }
}

/// Members of a GET's body that were sent in the query.
fn members_in_query(operation: &Operation, query: &[(String, String)]) -> Map<String, Value> {
    let members = operation.body_in_query().iter();
    members
        .filter_map(|member| {
            let (_, value) = query.iter().rev().find(|(name, _)| name == member)?;
            Some(((*member).to_owned(), Value::from(value.as_str())))
        })
        .collect()
}

/// A body and more members, which give way to those that it has.
fn with_members(body: ForwardBody, more: Map<String, Value>) -> Result<ForwardBody, GatewayError> {
    if more.is_empty() {
        return Ok(body);
    }
    let mut members = more;
    if let ForwardBody::Json(json) = &body {
        let sent: Map<String, Value> =
            serde_json::from_slice(json).map_err(|_error| GatewayError::NotAnObject)?;
        members.extend(sent);
    }
    let json = Value::Object(members).to_string();
    Ok(ForwardBody::Json(Bytes::from(json)))
}
