//! One audit line for each call of a product backend that is known, whatever came of it.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, Uri};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpRequest, web};

use crate::audit::ServiceRecord;
use crate::authn::ServicePrincipal;
use crate::digital_samba::{Operation, Routes};
use crate::domain::{RequestId, RoomKey, Subject};
use crate::http::edge::RequestContext;
use crate::http::problem::{Code, Problem};
use crate::http::routes;
use crate::http::state::InternalState;

/// What a call came to that nobody was told of: its caller went away in the middle, or the process
/// ended.
const UNANSWERED: &str = "unanswered";

/// What is known of a call of a product backend. Stands in the request's extensions as soon as the
/// credential held; handlers add what they learn. Leaves a line however the request ends.
#[derive(Debug)]
pub struct CallNote {
    state: web::Data<InternalState>,
    service: ServicePrincipal,
    request_id: RequestId,
    route: &'static str,
    target: Uri,
    on_behalf_of: Option<Subject>,
    operation: Option<&'static Operation>,
    room_key: Option<RoomKey>,
    items: Option<usize>,
    is_written: bool,
}

impl CallNote {
    pub(super) fn begin(
        request: &HttpRequest,
        state: &web::Data<InternalState>,
        service: ServicePrincipal,
    ) {
        let request_id = RequestContext::of(request).request_id;
        request.extensions_mut().insert(Self {
            state: state.clone(),
            service,
            request_id,
            route: operation_of(request),
            target: request.uri().clone(),
            on_behalf_of: None,
            operation: None,
            room_key: None,
            items: None,
            is_written: false,
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

    fn write(&mut self, outcome: &'static str) {
        self.is_written = true;
        let path = self.target.path();
        let upstream_room = self
            .operation
            .and_then(|operation| Routes::room_of(path, operation));
        let broker = &self.state.broker;
        broker.audit.service_called(&ServiceRecord {
            time: broker.clock.now(),
            kind: self.service.kind().as_str(),
            id: self.service.id(),
            name: self.service.name(),
            operation: self.operation.map_or(self.route, |operation| operation.id),
            room_key: self.room_key.as_ref(),
            upstream_room: upstream_room.as_deref(),
            on_behalf_of: self.on_behalf_of.as_ref(),
            items: self.items,
            outcome,
            request_id: self.request_id,
        });
    }
}

impl Drop for CallNote {
    fn drop(&mut self) {
        if !self.is_written {
            self.write(UNANSWERED);
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
    let failure = response.response().error();
    let outcome = match failure.map(|error| error.as_error::<Problem>()) {
        None if response.status().is_success() => "ok",
        None | Some(None) => Code::of_status(response.status()).as_str(),
        Some(Some(problem)) => problem.code().as_str(),
    };
    CallNote::change(response.request(), |note| note.write(outcome));
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
