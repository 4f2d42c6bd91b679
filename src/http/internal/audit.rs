//! One audit line for each call of a product backend that is known, whatever came of it.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpRequest, web};

use crate::audit::ServiceRecord;
use crate::authn::ServicePrincipal;
use crate::digital_samba::{Operation, Routes};
use crate::domain::{RoomKey, Subject};
use crate::http::edge::RequestContext;
use crate::http::problem::{Code, Problem};
use crate::http::routes;
use crate::http::state::InternalState;

/// What is known of a call of a product backend. Stands in the request's extensions as soon as the
/// credential held; handlers add what they learn.
#[derive(Debug)]
pub struct CallNote {
    service: ServicePrincipal,
    on_behalf_of: Option<Subject>,
    operation: Option<&'static Operation>,
    room_key: Option<RoomKey>,
    items: Option<usize>,
}

impl CallNote {
    pub(super) fn begin(request: &HttpRequest, service: ServicePrincipal) {
        request.extensions_mut().insert(Self {
            service,
            on_behalf_of: None,
            operation: None,
            room_key: None,
            items: None,
        });
    }

    /// Notes for whom, by the backend's own word.
    pub(super) fn acts_for(request: &HttpRequest, person: &Subject) {
        Self::change(request, |note| note.on_behalf_of = Some(person.clone()));
    }

    /// Notes what is done, where it is upstream's own operation.
    pub fn does(request: &HttpRequest, operation: &'static Operation) {
        Self::change(request, |note| note.operation = Some(operation));
    }

    /// Notes in which room.
    pub fn is_in(request: &HttpRequest, room_key: &RoomKey) {
        Self::change(request, |note| note.room_key = Some(room_key.clone()));
    }

    /// Notes to how many.
    pub fn has_items(request: &HttpRequest, items: usize) {
        Self::change(request, |note| note.items = Some(items));
    }

    fn change(request: &HttpRequest, change: impl FnOnce(&mut Self)) {
        if let Some(note) = request.extensions_mut().get_mut::<Self>() {
            change(note);
        }
    }
}

/// The layer of the internal listener that writes the line.
///
/// # Errors
/// Those of the layers below.
pub async fn audited<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let response = next.call(request).await?;
    let request = response.request();
    if let Some(state) = request.app_data::<web::Data<InternalState>>()
        && let Some(note) = request.extensions().get::<CallNote>()
    {
        let failure = response.response().error();
        let outcome = match failure.map(|error| error.as_error::<Problem>()) {
            None if response.status().is_success() => "ok",
            None | Some(None) => Code::of_status(response.status()).as_str(),
            Some(Some(problem)) => problem.code().as_str(),
        };
        let path = request.uri().path();
        let upstream_room = note
            .operation
            .and_then(|operation| Routes::room_of(path, operation));
        state.broker.audit.service_called(&ServiceRecord {
            time: state.broker.clock.now(),
            kind: note.service.kind().as_str(),
            id: note.service.id(),
            name: note.service.name(),
            operation: note
                .operation
                .map_or_else(|| operation_of(request), |operation| operation.id),
            room_key: note.room_key.as_ref(),
            upstream_room: upstream_room.as_deref(),
            on_behalf_of: note.on_behalf_of.as_ref(),
            items: note.items,
            outcome,
            request_id: RequestContext::of(request).request_id,
        });
    }
    Ok(response)
}

/// The route's name; of the route that takes several methods, what the method does.
fn operation_of(request: &HttpRequest) -> &'static str {
    match (routes::name_of(request), request.method()) {
        ("room", &Method::PUT) => "ensure-room",
        ("room", &Method::PATCH) => "change-room",
        ("room", &Method::DELETE) => "delete-room",
        ("room", _read) => "read-room",
        (name, _its_only_method) => name,
    }
}
