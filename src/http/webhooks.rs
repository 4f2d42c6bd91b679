//! `POST /webhooks/digital-samba/{segment}`: what happens upstream. The segment is a secret: it
//! stands in no log, no metric and no answer.

use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};

use crate::webhooks::{Presented, ReceiveError};

use super::body::read_body;
use super::edge::RequestContext;
use super::failure::{MISSING_TOKEN, limited};
use super::problem::{Code, Problem};
use super::state::PublicState;

const X_SIGNATURE: HeaderName = HeaderName::from_static("x-signature");

/// Takes one delivery in.
pub(super) async fn receive(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<PublicState>,
) -> Result<HttpResponse, Problem> {
    let address = RequestContext::of(&request).client_address;
    state.limits.check_failures(address).map_err(limited)?;
    let segment = request.match_info().get("segment").unwrap_or_default();
    let Some(endpoint) = state.webhooks.endpoint_at(segment) else {
        // Counted: a segment must not be guessed at leisure.
        state.limits.note_failure(address);
        return Err(Problem::new(Code::NotFound));
    };
    let body = read_body(&request, payload, &state.parameters).await?;
    let values = |name| {
        let lines = request.headers().get_all(name);
        lines.map(HeaderValue::as_bytes).collect()
    };
    let presented = Presented {
        authorization: values(header::AUTHORIZATION),
        signature: values(X_SIGNATURE),
    };
    match state.webhooks.receive(&endpoint, &presented, &body) {
        Ok(()) => Ok(HttpResponse::NoContent().finish()),
        Err(ReceiveError::Unauthorized(fault)) => {
            state.limits.note_failure(address);
            Err(Problem::new(Code::Unauthorized)
                .challenge(MISSING_TOKEN)
                .because(fault))
        }
        Err(ReceiveError::Malformed(fault)) => Err(Problem::new(Code::BadRequest)
            .detail("Send one event, in one of the forms that Digital Samba documents.")
            .because(fault)),
    }
}
