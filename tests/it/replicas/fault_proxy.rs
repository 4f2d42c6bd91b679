//! Between replicas and Redis: passes bytes on, later than they came, others in their place, or none.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

/// What becomes of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// Each way takes so long.
    After(Duration),
    /// In the place of each answer comes this.
    Instead(&'static str),
    /// They wait until that changes.
    Never,
    /// Connections end, and no new one comes about.
    Cut,
}

pub struct FaultProxy {
    address: SocketAddr,
    passage: watch::Sender<Passage>,
    connections: Arc<Mutex<Vec<Arc<Subscription>>>>,
}

/// What is known of a connection as a subscription.
#[derive(Default)]
struct Subscription {
    is_one: AtomicBool,
    is_silent: AtomicBool,
}

impl FaultProxy {
    /// Before a server on loopback.
    pub async fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let passage = watch::Sender::new(Passage::After(Duration::ZERO));
        let changes = passage.subscribe();
        let connections = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                if *changes.borrow() == Passage::Cut {
                    continue;
                }
                let Ok(far) = TcpStream::connect(("127.0.0.1", port)).await else {
                    continue;
                };
                let ((near_in, near_out), (far_in, far_out)) =
                    (near.into_split(), far.into_split());
                let subscription = Arc::<Subscription>::default();
                all.lock().unwrap().push(Arc::clone(&subscription));
                let [there, back] = [Way::There, Way::Back]
                    .map(|way| (way, Arc::clone(&subscription), changes.clone()));
                tokio::spawn(pass((near_in, far_out), there));
                tokio::spawn(pass((far_in, near_out), back));
            }
        });
        Self {
            address,
            passage,
            connections,
        }
    }

    pub fn url(&self) -> String {
        format!("redis://{}/", self.address)
    }

    pub fn let_through(&self, passage: Passage) {
        self.passage.send_replace(passage);
    }

    /// Nothing is told any more over the subscriptions that are there now, and they do not end.
    pub fn silence_subscriptions(&self) {
        let connections = self.connections.lock().unwrap();
        let subscriptions = connections
            .iter()
            .filter(|connection| connection.is_one.load(Ordering::SeqCst));
        let silenced = subscriptions.map(|one| one.is_silent.store(true, Ordering::SeqCst));
        assert_ne!(silenced.count(), 0);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    There,
    Back,
}

async fn pass(
    (mut from, mut to): (OwnedReadHalf, OwnedWriteHalf),
    (way, subscription, mut passage): (Way, Arc<Subscription>, watch::Receiver<Passage>),
) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read.unwrap_or(0),
            cut = passage.wait_for(|passage| *passage == Passage::Cut) => {
                drop(cut);
                return;
            }
        };
        if read == 0 {
            return;
        }
        let mut bytes = &buffer[..read];
        match way {
            Way::There if bytes.windows(9).any(|word| word == b"SUBSCRIBE") => {
                subscription.is_one.store(true, Ordering::SeqCst);
            }
            Way::Back if subscription.is_silent.load(Ordering::SeqCst) => continue,
            Way::There | Way::Back => {}
        }
        match held(&mut passage).await {
            Some(Passage::Instead(text)) if way == Way::Back => bytes = text.as_bytes(),
            Some(Passage::After(_) | Passage::Instead(_)) => {}
            Some(Passage::Never | Passage::Cut) | None => return,
        }
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
}

/// Waits until bytes may go on, and says how: a slow passage ends by its time or by another.
async fn held(passage: &mut watch::Receiver<Passage>) -> Option<Passage> {
    loop {
        let open = passage.wait_for(|passage| *passage != Passage::Never);
        let now = open.await.map(|passage| *passage).ok()?;
        let Passage::After(delay) = now else {
            return Some(now);
        };
        let another = passage.wait_for(|passage| *passage != now);
        if timeout(delay, another).await.is_err() {
            return Some(now);
        }
    }
}
