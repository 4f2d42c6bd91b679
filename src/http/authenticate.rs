//! The proof that a handler needs: a handler that takes a [`Caller`] cannot run without one.

use std::future::{Ready, ready};
use std::rc::Rc;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, web};
use futures_util::future::{Either, LocalBoxFuture};

use crate::authn::{AuthnError, Bearer, Credential, CredentialFault, Unseen};
use crate::join::{Asker, Live};
use crate::metrics::Outcome;

use super::edge::RequestContext;
use super::failure::{INVALID_TOKEN, MISSING_TOKEN, limited, unauthenticated};
use super::limits::Admitted;
use super::problem::{Code, Problem};
use super::state::PublicState;

/// A proven principal within its limits.
#[derive(Debug)]
pub(super) struct Caller {
    /// Who calls, by which configuration.
    pub(super) asker: Asker,
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future =
        Either<Ready<Result<Self, Problem>>, LocalBoxFuture<'static, Result<Self, Problem>>>;

    fn from_request(request: &HttpRequest, _body: &mut Payload) -> Self::Future {
        let Some(state) = request.app_data::<web::Data<PublicState>>() else {
            return Either::Left(ready(Err(Problem::new(Code::Internal))));
        };
        let live = state.live.load_full();
        let bearer = match bearer_of(request, live.authenticator.parameters().token_bytes_max) {
            Ok(Some(bearer)) => bearer,
            Ok(None) => {
                let (request, state) = (request.clone(), state.clone());
                return Either::Right(Box::pin(async move {
                    Err(unusable(&request, &state, missing()).await)
                }));
            }
            Err(fault) => {
                let (request, state) = (request.clone(), state.clone());
                let problem = unreadable(&state, fault);
                return Either::Right(Box::pin(async move {
                    Err(unusable(&request, &state, problem).await)
                }));
            }
        };
        let principal = match live.authenticator.authenticate_cached(bearer) {
            Ok(principal) => principal,
            Err(unseen) => {
                let (request, state) = (request.clone(), state.clone());
                return Either::Right(Box::pin(async move {
                    prove(&request, &state, live, &unseen).await
                }));
            }
        };
        let asker = Asker { principal, live };
        if !state.limits.are_shared() {
            let admitted = state.limits.admit_principal_alone(&asker.principal);
            return Either::Left(ready(admit(request, admitted, asker)));
        }
        let (request, state) = (request.clone(), state.clone());
        Either::Right(Box::pin(async move {
            let admitted = state.limits.admit_principal(&asker.principal).await;
            admit(&request, admitted, asker)
        }))
    }
}

/// A credential that was not seen before: limited by address before any cryptography.
async fn prove(
    request: &HttpRequest,
    state: &PublicState,
    live: Arc<Live>,
    unseen: &Unseen,
) -> Result<Caller, Problem> {
    let address = RequestContext::of(request).client_address;
    let admitted = state.limits.admit_address(address).await;
    admitted.map_err(limited)?;
    match live.authenticator.authenticate_unseen(unseen).await {
        Ok(principal) => {
            let admitted = state.limits.admit_principal(&principal).await;
            admit(request, admitted, Asker { principal, live })
        }
        Err(error) => {
            if matches!(error, AuthnError::Invalid(_)) {
                state.limits.note_failure(address).await;
            }
            Err(unauthenticated(error, &state.broker.metrics))
        }
    }
}

fn missing() -> Problem {
    Problem::new(Code::Unauthorized).challenge(MISSING_TOKEN)
}

/// An `Authorization` field that is no credential.
fn unreadable(state: &PublicState, fault: CredentialFault) -> Problem {
    let outcome = fault.reason();
    let failures = &state.broker.metrics.authentication_failures;
    failures.get_or_create(&Outcome { outcome }).inc();
    match fault {
        CredentialFault::Doubled => {
            Problem::new(Code::AmbiguousCredentials).detail("Send one Authorization field.")
        }
        CredentialFault::Scheme | CredentialFault::TooLong | CredentialFault::Malformed => {
            Problem::new(Code::Unauthorized)
                .challenge(INVALID_TOKEN)
                .because(fault)
        }
    }
}

/// A request without a credential that could be looked at counts against its address as well.
async fn unusable(request: &HttpRequest, state: &PublicState, problem: Problem) -> Problem {
    let address = RequestContext::of(request).client_address;
    match state.limits.admit_address(address).await {
        Ok(()) => problem,
        Err(exceeded) => limited(exceeded),
    }
}

fn admit(
    request: &HttpRequest,
    (admitted, fields): Admitted,
    asker: Asker,
) -> Result<Caller, Problem> {
    if let Some(fields) = fields {
        request.extensions_mut().insert(Rc::new(fields));
    }
    admitted.map_err(limited)?;
    Ok(Caller { asker })
}

/// The one bearer credential of a request, from its `Authorization` field alone.
fn bearer_of(
    request: &HttpRequest,
    token_bytes_max: usize,
) -> Result<Option<Bearer<'_>>, CredentialFault> {
    let values = request
        .headers()
        .get_all(header::AUTHORIZATION)
        .map(HeaderValue::as_bytes);
    match Credential::from_authorization(values, token_bytes_max) {
        Ok(None) | Err(CredentialFault::Scheme) => Ok(None),
        Ok(Some(Credential::Bearer(bearer))) => Ok(Some(bearer)),
        Err(fault) => Err(fault),
    }
}
