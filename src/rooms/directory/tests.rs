//! The directory before an upstream in memory and a clock that stands still.

mod changing;
mod creating;
mod serving;

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::clock::{ManualClock, UnixTime};
use crate::domain::RoomPattern;
use crate::metrics::Outcome;
use crate::rooms::testing::{FakeUpstream, Fate};
use crate::rooms::{RoomSettings, SettingsCatalogue, Template};

const UNAVAILABLE: UpstreamFailure = UpstreamFailure::Unavailable {
    retry_after: Duration::from_secs(5),
};

struct House {
    directory: Directory,
    templates: Arc<Templates>,
    upstream: Arc<FakeUpstream>,
    time: ManualClock,
    metrics: Metrics,
}

fn house() -> House {
    house_with(|_| {})
}

fn house_with(change: impl FnOnce(&mut Parameters)) -> House {
    let mut parameters = Parameters {
        cache_size: 1000,
        fresh_for: Duration::from_secs(10 * 60),
        stale_for: Duration::from_secs(6 * 3600),
        absent_for: Duration::from_secs(5),
        adopt: false,
        deadline: Duration::from_secs(30),
        reread_wait: Duration::from_secs(30),
        flights_max: Parameters::FLIGHTS_MAX,
    };
    change(&mut parameters);
    let public = serde_json::Map::from_iter([("privacy".to_owned(), "public".into())]);
    let settings = RoomSettings::check(public, &SettingsCatalogue::built_in()).unwrap();
    let room = RoomPattern::parse("open-*").unwrap();
    let templates = Arc::new(Templates::new(vec![Template { room, settings }]));
    let upstream = Arc::new(FakeUpstream::new());
    let (clock, time) = Clock::manual(UnixTime::from_seconds(1_800_000_000));
    let metrics = Metrics::default();
    let directory = Directory::new(Parts {
        parameters,
        upstream: upstream.clone(),
        clock,
        metrics: metrics.clone(),
    });
    House {
        directory,
        templates,
        upstream,
        time,
        metrics,
    }
}

fn key(text: &str) -> RoomKey {
    RoomKey::parse(text).unwrap()
}

impl House {
    async fn resolve(&self, text: &str, may_create: bool) -> Result<Found, ResolveError> {
        let directory = &self.directory;
        directory
            .resolve(&key(text), may_create, &self.templates)
            .await
    }

    /// Starts a resolve in a task of its own and waits until upstream has its call.
    async fn resolve_in_the_background(
        &self,
        text: &str,
        may_create: bool,
    ) -> tokio::task::JoinHandle<Result<Found, ResolveError>> {
        let before = self.upstream.calls().finds;
        let task = self.resolve_in_a_task(text, may_create);
        self.upstream.until(|calls| calls.finds > before).await;
        task
    }

    /// Starts a resolve in a task of its own.
    fn resolve_in_a_task(
        &self,
        text: &str,
        may_create: bool,
    ) -> tokio::task::JoinHandle<Result<Found, ResolveError>> {
        let (directory, templates) = (self.directory.clone(), Arc::clone(&self.templates));
        let key = key(text);
        tokio::spawn(async move { directory.resolve(&key, may_create, &templates).await })
    }

    fn finds(&self) -> usize {
        self.upstream.calls().finds
    }

    fn creations(&self) -> usize {
        self.upstream.calls().creations
    }

    fn lookups(&self, outcome: &'static str) -> u64 {
        let counted = &self.metrics.room_cache;
        counted.get_or_create_owned(&Outcome { outcome }).get()
    }
}
