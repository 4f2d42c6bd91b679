//! Hears what replicas announce, and notices what it did not hear: every notice has the number
//! after the one before it.

use std::sync::Weak;
use std::time::Duration;

use futures_util::StreamExt as _;
use redis::aio::PubSubStream;
use tokio::time::Instant;

use super::scripts::SCRIPTS;
use super::{EVERYTHING, Heard, Inner, Notice, StateFault};
use crate::state::notice::Topic;

/// How often the last number is asked for: a connection that died without a word, or a Redis that
/// was emptied, shows in it. This, the second look and the pause before the next try to subscribe are
/// together less than the second within which every replica shall know what one has changed.
const CHECK_INTERVAL: Duration = Duration::from_millis(400);
/// What was announced just before it was asked for may be on its way for so long.
const SECOND_LOOK: Duration = Duration::from_millis(100);
/// Tries to subscribe are this far apart.
const RETRY_INTERVAL: Duration = Duration::from_millis(250);
/// And those of a start, which waits for the first.
const FIRST_RETRY_INTERVAL: Duration = Duration::from_millis(25);

/// What was heard so far.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Position {
    generation: String,
    sequence: u64,
}

/// A notice that is not the one after the last.
struct Gap;

/// Subscribes again and again until the state is dropped.
pub(super) async fn run(inner: Weak<Inner>) {
    let mut position = None;
    while let Some(strong) = inner.upgrade() {
        let subscribed = strong.subscribe(&mut position).await;
        drop(strong);
        if let Ok(stream) = subscribed {
            listen(&inner, stream, &mut position).await;
        }
        let pause = match position {
            None => FIRST_RETRY_INTERVAL,
            Some(_) => RETRY_INTERVAL,
        };
        tokio::time::sleep(pause).await;
    }
}

/// Until the connection ends or something is missing.
async fn listen(inner: &Weak<Inner>, mut stream: PubSubStream, position: &mut Option<Position>) {
    let mut awaited = None;
    let mut check_at = Instant::now() + CHECK_INTERVAL;
    loop {
        let next = tokio::time::timeout_at(check_at, stream.next()).await;
        let Some(inner) = inner.upgrade() else { return };
        match next {
            Ok(Some(message)) => {
                let Ok(text) = message.get_payload::<String>() else {
                    return;
                };
                if inner.hear(&text, position).is_err() {
                    return;
                }
            }
            Ok(None) => return,
            Err(_time_to_check) => {
                let heard = position.as_ref().map(|here| here.sequence);
                if awaited.take() > heard {
                    return;
                }
                check_at = Instant::now() + CHECK_INTERVAL;
                // Where it is kept from answering, the link says so; what it holds is checked later.
                let Ok(there) = inner.position().await else {
                    continue;
                };
                if there.generation.is_empty() {
                    continue;
                }
                match position {
                    Some(here) if *here == there => {}
                    Some(here)
                        if here.generation == there.generation
                            && here.sequence < there.sequence =>
                    {
                        awaited = Some(there.sequence);
                        check_at = Instant::now() + SECOND_LOOK;
                    }
                    Some(_) | None => return,
                }
                inner.send_unsent().await;
            }
        }
    }
}

impl Inner {
    /// Subscribes first and asks for the number then: between the two, nothing is lost.
    async fn subscribe(&self, position: &mut Option<Position>) -> Result<PubSubStream, StateFault> {
        let subscribing = async {
            let mut connection = self.link.listener().await?.get_async_pubsub().await?;
            connection.subscribe(self.keys.channel()).await?;
            Ok(connection)
        };
        let subscribed = tokio::time::timeout(self.link.connect_timeout(), subscribing).await;
        let connection = match subscribed {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => return Err(super::link::sort(&error)),
            Err(_elapsed) => return Err(StateFault::Timeout),
        };
        self.resume(self.position().await?, position);
        let (_sink, stream) = connection.split();
        self.send_unsent().await;
        Ok(stream)
    }

    async fn position(&self) -> Result<Position, StateFault> {
        let (generation, sequence): (String, u64) = self
            .link
            .run("position", async |mut connection| {
                let mut call = SCRIPTS.join.key(self.keys.generation());
                call.key(self.keys.sequence());
                call.invoke_async(&mut connection).await
            })
            .await?;
        Ok(Position {
            generation,
            sequence,
        })
    }

    /// Goes on from where Redis is, and says what that means for what was heard before.
    fn resume(&self, there: Position, position: &mut Option<Position>) {
        match position {
            Some(here) if *here == there => return,
            // An emptied Redis, or one that was set back to an older copy of its data.
            Some(here) if here.generation != there.generation || here.sequence > there.sequence => {
                self.tell(Heard::Emptied);
            }
            Some(_) | None => self.tell(Heard::Missed),
        }
        *position = Some(there);
    }

    /// Passes a notice on.
    ///
    /// # Errors
    /// [`Gap`], before anything is made of it: those between may be missing, or the numbers may be
    /// those of a Redis that was emptied. Where it is now tells the two apart.
    fn hear(&self, text: &str, position: &mut Option<Position>) -> Result<(), Gap> {
        let Some(here) = position else { return Ok(()) };
        let Some((sequence, text)) = text.split_once(' ') else {
            return Ok(());
        };
        let Ok(sequence) = sequence.parse::<u64>() else {
            return Ok(());
        };
        if sequence <= here.sequence {
            // Announced between the subscription and the question for the number: taken for missed.
            return Ok(());
        }
        if sequence != here.sequence.saturating_add(1) {
            return Err(Gap);
        }
        here.sequence = sequence;
        let Some((origin, text)) = text.split_once(' ') else {
            return Ok(());
        };
        if origin == self.replica {
            return Ok(());
        }
        if text == EVERYTHING {
            self.tell(Heard::Missed);
            return Ok(());
        }
        let notice = text.split_once(' ').and_then(|(word, subject)| {
            Some(Notice {
                topic: Topic::of_word(word)?,
                subject: subject.to_owned(),
            })
        });
        // A topic of a newer version of this program is none of ours.
        if let Some(notice) = notice {
            self.tell(Heard::Notice(notice));
        }
        Ok(())
    }

    fn tell(&self, heard: Heard) {
        // Nobody listens: then nobody has to know.
        let _listeners = self.notices.send(heard);
    }
}
