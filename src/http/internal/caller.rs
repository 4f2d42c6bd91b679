//! The proof that a handler of the internal listener needs: which product backend calls, and that
//! it may do what the handler does. Its only way out is past a scope.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, web};

use crate::authn::{AuthnError, CredentialFault, ServiceAuthnError, ServicePrincipal};
use crate::domain::{RoomKey, Scope, Subject};
use crate::http::edge::RequestContext;
use crate::http::failure::{INVALID_TOKEN, MISSING_TOKEN, limited, unauthenticated};
use crate::http::problem::{Code, Problem};
use crate::http::rooms::room_key_of;
use crate::http::state::InternalState;
use crate::join::Live;
use crate::metrics::Outcome;

use super::audit::CallNote;

/// For whom a backend acts, by its own word: written to the audit log, and gives no rights.
const ON_BEHALF_OF: HeaderName = HeaderName::from_static("on-behalf-of");

/// A scope as a type.
pub trait Right {
    /// The scope.
    const SCOPE: Scope;
}

/// The scopes that handlers name.
pub mod right {
    use super::{Right, Scope};

    macro_rules! rights {
        ($($name:ident),+) => {
            $(
                #[doc = concat!("[`Scope::", stringify!($name), "`].")]
                #[derive(Debug)]
                pub struct $name;

                impl Right for $name {
                    const SCOPE: Scope = Scope::$name;
                }
            )+
        };
    }

    rights!(
        RoomsRead,
        RoomsWrite,
        RoomsDelete,
        TokensMint,
        LiveRead,
        SessionsRead,
        SessionsEnd,
        RecordingsRead,
        PolicyExplain,
        DenialsRead,
        DenialsWrite,
        DenialsDelete
    );
}

/// A product backend whose credential held and whose limit is not reached. What it may do has not
/// been looked at: [`ProvenService::with`] is the only way to its call.
///
/// Where the scope is known only when a request is there (the gateway's operations), the way is
/// `ProvenService::of(&request).await?.with(operation.scope)?`; elsewhere handlers take
/// [`Service`] or [`InRoom`], which name the scope in their type.
#[derive(Debug)]
#[must_use = "it proves nothing but who calls"]
pub struct ProvenService {
    caller: ServiceCaller,
}

/// A product backend that may do what it asks for.
#[derive(Debug, Clone)]
pub struct ServiceCaller {
    principal: ServicePrincipal,
    live: Arc<Live>,
}

impl ProvenService {
    /// Proves who calls, and begins the call's audit line.
    ///
    /// # Errors
    /// 401, 429, 503 or 400 as a [`Problem`].
    pub async fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let Some(state) = request.app_data::<web::Data<InternalState>>() else {
            return Err(Problem::new(Code::Internal));
        };
        let address = RequestContext::of(request).client_address;
        let checked = state.limits.check_failures(address).await;
        checked.map_err(limited)?;
        let live = state.live.load_full();
        let values = request.headers().get_all(header::AUTHORIZATION);
        let values = values.map(HeaderValue::as_bytes);
        let principal = match live.services.authenticate(values).await {
            Ok(principal) => principal,
            Err(error) => {
                if counts_as_failure(&error) {
                    state.limits.note_failure(address).await;
                }
                return Err(refused(error, state));
            }
        };
        CallNote::begin(request, state, principal.clone());
        let (admitted, fields) = state.limits.admit_service(&principal).await;
        if let Some(fields) = fields {
            request.extensions_mut().insert(Rc::new(fields));
        }
        admitted.map_err(limited)?;
        if let Some(person) = on_behalf_of(request)? {
            CallNote::acts_for(request, &person);
        }
        Ok(Self {
            caller: ServiceCaller { principal, live },
        })
    }

    /// The call, if its scopes open this.
    ///
    /// # Errors
    /// 403 `insufficient-scope`, which names the scope.
    pub fn with(self, scope: Scope) -> Result<ServiceCaller, Problem> {
        if self.caller.principal.has(scope) {
            return Ok(self.caller);
        }
        Err(Problem::new(Code::InsufficientScope).scope(scope))
    }
}

impl ServiceCaller {
    /// Which product backend.
    pub fn principal(&self) -> &ServicePrincipal {
        &self.principal
    }

    /// The configuration that proved it.
    pub fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// Makes sure that the room is within the backend's patterns, and notes it for the audit log.
    ///
    /// # Errors
    /// 403 `forbidden`, whether or not there is such a room.
    pub fn enter(&self, request: &HttpRequest, room_key: &RoomKey) -> Result<(), Problem> {
        CallNote::is_in(request, room_key);
        self.check_room(room_key)
    }

    fn check_room(&self, room_key: &RoomKey) -> Result<(), Problem> {
        if self.principal.may_touch(room_key) {
            return Ok(());
        }
        Err(Problem::new(Code::Forbidden))
    }
}

/// A product backend that has the scope `R`.
#[derive(Debug)]
pub struct Service<R> {
    /// Who calls.
    pub caller: ServiceCaller,
    right: PhantomData<R>,
}

/// A product backend that has the scope `R`, and a room of the path that it may touch.
#[derive(Debug)]
pub struct InRoom<R> {
    /// Who calls.
    pub caller: ServiceCaller,
    /// The room key of the path.
    pub room_key: RoomKey,
    right: PhantomData<R>,
}

type Extracted<T> = Pin<Box<dyn Future<Output = Result<T, Problem>>>>;

impl<R: Right + 'static> FromRequest for Service<R> {
    type Error = Problem;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, _body: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let caller = ProvenService::of(&request).await?.with(R::SCOPE)?;
            Ok(Self {
                caller,
                right: PhantomData,
            })
        })
    }
}

impl<R: Right + 'static> FromRequest for InRoom<R> {
    type Error = Problem;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, _body: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let proven = ProvenService::of(&request).await?;
            let room_key = room_key_of(&request);
            if let Ok(room_key) = &room_key {
                // Before the scope is looked at: what is refused can be traced too.
                CallNote::is_in(&request, room_key);
            }
            let caller = proven.with(R::SCOPE)?;
            let room_key = room_key?;
            caller.check_room(&room_key)?;
            Ok(Self {
                caller,
                room_key,
                right: PhantomData,
            })
        })
    }
}

fn on_behalf_of(request: &HttpRequest) -> Result<Option<Subject>, Problem> {
    let mut values = request.headers().get_all(ON_BEHALF_OF);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    // A field's value is ASCII (RFC 9110 section 5.5), which leaves out tabs here.
    let text = value.to_str().unwrap_or_default();
    match Subject::parse(text) {
        Ok(person) if values.next().is_none() => Ok(Some(person)),
        Ok(_) | Err(_) => Err(Problem::new(Code::BadRequest)
            .detail("On-Behalf-Of must be one user's id: 1 to 255 printable ASCII characters.")),
    }
}

/// A provider that cannot be asked is nobody's failure.
fn counts_as_failure(error: &ServiceAuthnError) -> bool {
    !matches!(
        error,
        ServiceAuthnError::Refused(AuthnError::ProviderUnavailable { .. })
    )
}

fn refused(error: ServiceAuthnError, state: &InternalState) -> Problem {
    let metrics = &state.broker.metrics;
    let count = |outcome| {
        let failures = &metrics.authentication_failures;
        failures.get_or_create(&Outcome { outcome }).inc();
    };
    match error {
        ServiceAuthnError::Missing => Problem::new(Code::Unauthorized).challenge(MISSING_TOKEN),
        ServiceAuthnError::Unreadable(CredentialFault::Doubled) => {
            count(CredentialFault::Doubled.reason());
            Problem::new(Code::AmbiguousCredentials).detail("Send one Authorization field.")
        }
        ServiceAuthnError::Unreadable(fault) => {
            count(fault.reason());
            Problem::new(Code::Unauthorized)
                .challenge(INVALID_TOKEN)
                .because(fault)
        }
        ServiceAuthnError::Refused(error) => unauthenticated(error, metrics),
    }
}
