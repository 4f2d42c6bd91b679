//! Header fields that are too large together. Within the layer of origins, so that a browser may
//! read the refusal.

use std::future::{Ready, ready};

use actix_web::Error;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::header::HeaderMap;
use futures_util::future::{Either, MapOk, TryFutureExt as _};

use super::problem::{Code, Problem};

/// The most bytes of all header fields of a request together: a credential of 8 KiB and room for
/// what browsers and proxies add.
const HEADER_BYTES_MAX: usize = 32 * 1024;

/// Refuses requests whose header fields are too large together.
#[derive(Debug, Clone, Copy)]
pub struct HeaderLimit;

/// [`HeaderLimit`] around one worker's service.
#[derive(Debug)]
pub struct HeaderLimitService<S> {
    service: S,
}

impl<S, B> Transform<S, ServiceRequest> for HeaderLimit
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = HeaderLimitService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(HeaderLimitService { service }))
    }
}

type Widen<B> = fn(ServiceResponse<B>) -> ServiceResponse<EitherBody<B>>;

impl<S, B> Service<ServiceRequest> for HeaderLimitService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = Either<Ready<Result<Self::Response, Error>>, MapOk<S::Future, Widen<B>>>;

    forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        if header_bytes(request.headers()) <= HEADER_BYTES_MAX {
            let widen: Widen<B> = ServiceResponse::map_into_left_body;
            return Either::Right(self.service.call(request).map_ok(widen));
        }
        let too_large =
            Problem::new(Code::HeadersTooLarge).detail("At most 32 KiB of header fields.");
        let refused = request.error_response(too_large);
        Either::Left(ready(Ok(refused.map_into_right_body())))
    }
}

fn header_bytes(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum()
}
