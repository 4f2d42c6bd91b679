//! A chunked body that nobody reads to its end, after a refusal above all. The server would go on
//! reading it after the answer without any limit of time; while the body is held by the answer,
//! it closes the connection instead.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::HttpMessage as _;
use actix_web::body::{BodySize, BoxBody, EitherBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::web::Bytes;
use futures_util::{Stream as _, stream};

/// The body of a request, held beside whoever reads it.
pub(super) struct UnreadBody(
    #[expect(dead_code, reason = "it is held, nobody reads it here")] Rc<RefCell<Payload>>,
);

impl UnreadBody {
    /// Takes hold of a chunked body. One of a known length needs none of it: the server closes.
    pub(super) fn of(request: &mut ServiceRequest) -> Option<Self> {
        if !request.headers().contains_key(header::TRANSFER_ENCODING) {
            return None;
        }
        let held = Rc::new(RefCell::new(request.take_payload()));
        let read = Rc::clone(&held);
        let chunks = stream::poll_fn(move |context| {
            let mut payload = read.borrow_mut();
            Pin::new(&mut *payload).poll_next(context)
        });
        request.set_payload(Payload::Stream {
            payload: Box::pin(chunks),
        });
        Some(Self(held))
    }

    /// Is held until the whole answer is written.
    pub(super) fn until_answered<B: MessageBody + 'static>(
        self,
        response: ServiceResponse<EitherBody<B>>,
    ) -> ServiceResponse<EitherBody<B>> {
        response.map_body(|_head, body| {
            let answer = Answer {
                body: body.boxed(),
                _unread: self,
            };
            EitherBody::right(answer.boxed())
        })
    }
}

struct Answer {
    body: BoxBody,
    _unread: UnreadBody,
}

impl MessageBody for Answer {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}
