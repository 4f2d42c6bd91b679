//! Between replicas and Redis: passes bytes on, later than they came, others in their place, or none.

use std::net::SocketAddr;
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
}

impl FaultProxy {
    /// Before a server on loopback.
    pub async fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let passage = watch::Sender::new(Passage::After(Duration::ZERO));
        let changes = passage.subscribe();
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
                tokio::spawn(pass((near_in, far_out), Way::There, changes.clone()));
                tokio::spawn(pass((far_in, near_out), Way::Back, changes.clone()));
            }
        });
        Self { address, passage }
    }

    pub fn url(&self) -> String {
        format!("redis://{}/", self.address)
    }

    pub fn let_through(&self, passage: Passage) {
        self.passage.send_replace(passage);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    There,
    Back,
}

async fn pass(
    (mut from, mut to): (OwnedReadHalf, OwnedWriteHalf),
    way: Way,
    mut passage: watch::Receiver<Passage>,
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
