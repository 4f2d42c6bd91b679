//! The one way a simulated service is put on a socket, taken off it and put back.

use std::any::Any;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::body::SizedStream;
use actix_web::dev::{Extensions, ServerHandle};
use actix_web::web::{self, Bytes};
use actix_web::{App, HttpRequest, HttpResponse, HttpResponseBuilder, HttpServer};
use futures_util::stream;
use serde_json::json;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Mutex;

use super::controls::Controls;
use super::exchange::{Call, Reply};
use super::fault::Ending;

/// Upper bound of a request's body: above that of a file, which is refused in words of its own.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What a service does with a call, by the name of the operation.
pub(super) struct Route<'c> {
    pub(super) operation: &'static str,
    pub(super) act: Box<dyn FnOnce() -> Reply + 'c>,
}

/// What a simulated service brings along.
pub(super) trait Service: Send + Sync + 'static {
    /// The operation that a call asks for; `None` when there is no such route.
    fn route<'c>(&'c self, call: &'c Call) -> Option<Route<'c>>;

    /// A call to the service's own control paths, below `/_sim`.
    fn control(&self, call: &Call, path: &[&str]) -> Option<Reply>;

    /// What is said where nothing is.
    fn not_found(&self, call: &Call) -> Reply;
}

/// A service on its socket.
pub(super) struct Server {
    address: SocketAddr,
    front: Front,
    standing: Mutex<Standing>,
}

#[derive(Clone)]
struct Front {
    service: Arc<dyn Service>,
    controls: Arc<Controls>,
    /// Workers end a little after their listener: until then they answer nobody.
    is_down: Arc<AtomicBool>,
}

enum Standing {
    Up(ServerHandle),
    /// The address is kept, so that nobody takes it, but nothing listens.
    Down(TcpSocket),
    Gone,
}

impl Server {
    /// Serves from now on.
    pub(super) fn start(
        listener: TcpListener,
        service: Arc<dyn Service>,
        controls: Arc<Controls>,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let front = Front {
            service,
            controls,
            is_down: Arc::default(),
        };
        let handle = front.clone().serve(listener)?;
        Ok(Self {
            address,
            front,
            standing: Mutex::new(Standing::Up(handle)),
        })
    }

    /// Closes every connection and refuses new ones.
    pub(super) async fn take_down(&self) -> io::Result<()> {
        let mut standing = self.standing.lock().await;
        if let Standing::Up(handle) = &*standing {
            self.front.is_down.store(true, Ordering::Release);
            handle.stop(false).await;
            let socket = match self.address {
                SocketAddr::V4(_) => TcpSocket::new_v4()?,
                SocketAddr::V6(_) => TcpSocket::new_v6()?,
            };
            socket.set_reuseaddr(true)?;
            socket.bind(self.address)?;
            // Between two sockets that may both be reused, the system could give it to another.
            socket.set_reuseaddr(false)?;
            *standing = Standing::Down(socket);
        }
        Ok(())
    }

    /// Serves again at the same address.
    pub(super) async fn bring_up(&self) -> io::Result<()> {
        let mut standing = self.standing.lock().await;
        *standing = match std::mem::replace(&mut *standing, Standing::Gone) {
            Standing::Down(socket) => {
                socket.set_reuseaddr(true)?;
                let listener = socket.listen(1024)?.into_std()?;
                self.front.is_down.store(false, Ordering::Release);
                Standing::Up(self.front.clone().serve(listener)?)
            }
            other @ (Standing::Up(_) | Standing::Gone) => other,
        };
        Ok(())
    }

    /// Ends for good.
    pub(super) async fn stop(self) {
        if let Standing::Up(handle) = &*self.standing.lock().await {
            handle.stop(false).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Standing::Up(handle) = self.standing.get_mut() {
            // The order to stop is sent by the call; the future only waits for the end.
            drop(handle.stop(false));
        }
    }
}

impl Front {
    fn serve(self, listener: TcpListener) -> io::Result<ServerHandle> {
        let front = web::Data::new(self);
        let server = HttpServer::new(move || {
            App::new()
                .app_data(front.clone())
                .app_data(web::PayloadConfig::new(BODY_BYTES_MAX))
                .default_service(web::to(answer))
        })
        .on_connect(remember_socket)
        .workers(1)
        .disable_signals()
        .listen(listener)?
        .run();
        let handle = server.handle();
        tokio::spawn(server);
        Ok(handle)
    }

    async fn ending(&self, call: Call) -> Ending {
        if self.is_down.load(Ordering::Acquire) {
            return Ending::Reset;
        }
        if let Some(("_sim", path)) = call
            .path()
            .split_first()
            .map(|(first, rest)| (*first, rest))
        {
            return Ending::Whole(self.control(&call, path));
        }
        match self.service.route(&call) {
            Some(route) => self.controls.perform(route.operation, route.act).await,
            None => Ending::Whole(self.service.not_found(&call)),
        }
    }

    fn control(&self, call: &Call, path: &[&str]) -> Reply {
        if call.method == "POST" && !call.is_json() {
            // A foreign page can send other types without asking first.
            return Reply::json(415, &json!({ "message": "application/json only" }));
        }
        if (call.method.as_str(), path) == ("POST", &["reset"]) {
            self.controls.reset();
        }
        self.service
            .control(call, path)
            .or_else(|| self.controls.route(call, path))
            .unwrap_or_else(|| Reply::json(404, &json!({ "message": "no such control" })))
    }
}

async fn answer(request: HttpRequest, body: Bytes, front: web::Data<Front>) -> HttpResponse {
    let Some(call) = Call::new(&request, body) else {
        return HttpResponse::BadRequest().finish();
    };
    // In a task of its own: as with the real service, a caller who hangs up does not undo the call.
    let ending = actix_web::rt::spawn(async move { front.ending(call).await }).await;
    match ending {
        Ok(Ending::Whole(reply)) => started(&reply).body(reply.body),
        Ok(Ending::Chunked(reply)) => {
            let parts = stream::once(async move { Ok::<_, io::Error>(Bytes::from(reply.body)) });
            started_as(reply.status, &reply.content_type, &reply.headers).streaming(parts)
        }
        Ok(Ending::Truncated(reply)) => truncated(&reply),
        Ok(Ending::Reset) => reset(&request),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

fn started(reply: &Reply) -> HttpResponseBuilder {
    started_as(reply.status, &reply.content_type, &reply.headers)
}

fn started_as(
    status: u16,
    content_type: &str,
    headers: &[(String, String)],
) -> HttpResponseBuilder {
    let status = actix_web::http::StatusCode::from_u16(status)
        .unwrap_or(actix_web::http::StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    if !content_type.is_empty() {
        response.content_type(content_type);
    }
    for (name, value) in headers {
        response.append_header((name.as_str(), value.as_str()));
    }
    response
}

fn truncated(reply: &Reply) -> HttpResponse {
    let length = u64::try_from(reply.body.len()).unwrap_or(u64::MAX);
    let half = reply.body.iter().take(reply.body.len() / 2).copied();
    let parts = [
        Ok(half.collect::<Bytes>()),
        Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
    ];
    // Between the half and the end the half must leave the write buffer: yield once.
    let parts = stream::unfold(parts.into_iter(), |mut parts| async {
        tokio::task::yield_now().await;
        parts.next().map(|part| (part, parts))
    });
    started(reply)
        .no_chunking(length)
        .body(SizedStream::new(length, Box::pin(parts)))
}

fn reset(request: &HttpRequest) -> HttpResponse {
    if let Some(socket) = request.conn_data::<Socket>() {
        socket.close_by_reset();
    }
    let broken =
        stream::once(async { Err::<Bytes, _>(io::Error::from(io::ErrorKind::BrokenPipe)) });
    HttpResponse::Ok().streaming(broken)
}

/// A second hold on a connection's socket, to end it rudely.
struct Socket(std::net::TcpStream);

impl Socket {
    /// The close that follows will send a reset: no time is given to what is still unsent.
    fn close_by_reset(&self) {
        if let Ok(copy) = self.0.try_clone()
            && let Ok(stream) = TcpStream::from_std(copy)
        {
            // Best effort: without it the connection still ends, only more politely.
            let _ = stream.set_zero_linger();
        }
    }
}

fn remember_socket(connection: &dyn Any, data: &mut Extensions) {
    if let Some(stream) = connection.downcast_ref::<TcpStream>()
        && let Ok(copy) = stream.as_fd().try_clone_to_owned()
    {
        data.insert(Socket(std::net::TcpStream::from(copy)));
    }
}
