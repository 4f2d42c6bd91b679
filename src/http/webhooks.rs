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
    let segment = request.match_info().get("segment").unwrap_or_default();
    let Some(endpoint) = state.webhooks.endpoint_at(segment) else {
        return Err(strange(&request, &state, Problem::new(Code::NotFound)).await);
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
            let refused = Problem::new(Code::Unauthorized).challenge(MISSING_TOKEN);
            Err(strange(&request, &state, refused.because(fault)).await)
        }
        Err(ReceiveError::Malformed(fault)) => Err(Problem::new(Code::BadRequest)
            .detail("Send one event, in one of the forms that Digital Samba documents.")
            .because(fault)),
    }
}

/// A stranger's request, counted: neither segment nor secret can be guessed at leisure. What is
/// proven is not: nobody may be able to hold up Digital Samba by guessing from its address.
async fn strange(request: &HttpRequest, state: &PublicState, problem: Problem) -> Problem {
    let address = RequestContext::of(request).client_address;
    if let Err(exceeded) = state.limits.check_failures(address).await {
        return limited(exceeded);
    }
    state.limits.note_failure(address).await;
    problem
}
