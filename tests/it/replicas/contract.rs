//! The state over Redis does what every form does, and what replicas need beyond that.

use std::num::NonZeroU32;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use room_broker::clock::{Clock, UnixTime};
use room_broker::metrics::{Metrics, StateCall};
use room_broker::rate_limit::Rate;
use room_broker::state::{Claim, Heard, Notice, Notices, State, Take, Taken, Takes, Topic};

use super::fault_proxy::{FaultProxy, Passage};
use super::redis_server::{RedisServer, state_at, state_trusting, unready_state_at};
use crate::state_contract::{self, House};
use crate::support::until;

pub(super) struct TwoReplicas {
    one: State,
    other: State,
}

impl TwoReplicas {
    /// Two that are connected and hear each other.
    async fn at(redis: &RedisServer) -> Self {
        let states = [state_at(&redis.url()).await, state_at(&redis.url()).await];
        Self::hearing_each_other(states, &[redis]).await
    }

    /// These, once both are subscribed at any of these servers and hear each other.
    pub(super) async fn hearing_each_other(
        [one, other]: [State; 2],
        servers: &[&RedisServer],
    ) -> Self {
        let mut hearing = [one.listen(), other.listen()];
        until("both have subscribed", async || {
            let mut subscribed = 0;
            for server in servers {
                let listening: Vec<(String, u32)> =
                    server.command(&["PUBSUB", "NUMSUB", "test:notices"]).await;
                subscribed += listening[0].1;
            }
            subscribed == 2
        })
        .await;
        let [one_hears, other_hears] = &mut hearing;
        reach(&one, other_hears, "first").await;
        reach(&other, one_hears, "second").await;
        Self { one, other }
    }
}

/// Announces, and waits until a listener hears it, past whatever it hears before.
async fn reach(from: &State, listener: &mut Notices, subject: &str) {
    from.announce(notice(subject)).await;
    while listener.next().await != Some(Heard::Notice(notice(subject))) {}
}

impl House for TwoReplicas {
    fn one(&self) -> State {
        self.one.clone()
    }
    fn other(&self) -> State {
        self.other.clone()
    }
    fn short(&self) -> Duration {
        Duration::from_millis(100)
    }
    fn pass(&self, _it_does_by_itself: Duration) {}
    fn now(&self) -> UnixTime {
        Clock::system().now()
    }
}

fn notice(subject: &str) -> Notice {
    Notice {
        topic: Topic::Room,
        subject: subject.to_owned(),
    }
}

fn take(per_minute: u32, burst: u32, cost: u32) -> Take {
    Take {
        limit: "test",
        rate: Rate {
            per_minute: NonZeroU32::new(per_minute).unwrap(),
            burst: NonZeroU32::new(burst).unwrap(),
        },
        cost,
    }
}

#[tokio::test]
async fn the_state_over_redis_does_what_every_form_does() {
    let redis = RedisServer::start().await;
    state_contract::holds(&TwoReplicas::at(&redis).await).await;
}

#[tokio::test]
async fn replicas_take_from_one_bucket_and_are_told_what_is_left() {
    let redis = RedisServer::start().await;
    let replicas = TwoReplicas::at(&redis).await;
    let (one, other) = (
        replicas.one.shared().unwrap(),
        replicas.other.shared().unwrap(),
    );
    // One an hour or so, so that none comes back while the test runs.
    let slow = take(1, 4, 1);
    for (replica, left) in [(one, 3), (other, 2), (one, 1), (other, 0)] {
        let taken = replica.take(&["ada"], &Takes::new(&[slow])).await.unwrap();
        assert_eq!(taken, Taken::Admitted { remaining: left });
    }
    for replica in [one, other] {
        let Taken::Refused { at: 0, retry_after } =
            replica.take(&["ada"], &Takes::new(&[slow])).await.unwrap()
        else {
            panic!("more than there were")
        };
        assert!(
            retry_after > Duration::from_secs(55) && retry_after <= Duration::from_secs(60),
            "{retry_after:?}"
        );
    }
    let of_another = other.take(&["eve"], &Takes::new(&[slow])).await.unwrap();
    assert_eq!(of_another, Taken::Admitted { remaining: 3 });
}

#[tokio::test]
async fn several_buckets_are_taken_from_together_or_not_at_all() {
    let redis = RedisServer::start().await;
    let state = state_at(&redis.url()).await;
    let shared = state.shared().unwrap();
    let failures = Take {
        limit: "failures",
        ..take(1, 1, 0)
    };
    let requests = take(1, 2, 1);
    for left in [1, 0] {
        let taken = shared
            .take(&["a"], &Takes::new(&[failures, requests]))
            .await
            .unwrap();
        assert_eq!(taken, Taken::Admitted { remaining: left });
    }
    let refused = shared
        .take(&["a"], &Takes::new(&[failures, requests]))
        .await
        .unwrap();
    assert!(
        matches!(refused, Taken::Refused { at: 1, .. }),
        "{refused:?}"
    );
    shared
        .take(
            &["a"],
            &Takes::new(&[Take {
                cost: 1,
                ..failures
            }]),
        )
        .await
        .unwrap();
    let barred = shared
        .take(&["a"], &Takes::new(&[failures, requests]))
        .await
        .unwrap();
    assert!(matches!(barred, Taken::Refused { at: 0, .. }), "{barred:?}");
}

/// Twenty people ask five times each, at once, of buckets of three.
pub(super) async fn each_is_told_of_their_own_bucket(state: &State) {
    let shared = state.shared().unwrap();
    let slow = Takes::new(&[take(1, 3, 1)]);
    let people: Vec<String> = (0..20).map(|number| format!("person {number}")).collect();
    let asked = people.iter().flat_map(|person| [person; 5]).map(|person| {
        let (subject, slow) = ([person.as_str()], &slow);
        async move { shared.take(&subject, slow).await.unwrap() }
    });
    for of_one in join_all(asked).await.chunks(5) {
        let left = of_one.iter().map(|taken| match taken {
            Taken::Admitted { remaining } => Some(*remaining),
            Taken::Refused { at: 0, retry_after } if *retry_after > Duration::from_secs(55) => None,
            Taken::Refused { .. } => panic!("{taken:?}"),
        });
        let left: Vec<Option<u32>> = left.collect();
        assert_eq!(left, [Some(2), Some(1), Some(0), None, None]);
    }
}

#[tokio::test]
async fn what_many_ask_at_once_goes_in_few_calls() {
    let redis = RedisServer::start().await;
    let metrics = Metrics::default();
    let state = unready_state_at(&redis.url(), &metrics);
    until("the state is up", async || state.is_up()).await;
    each_is_told_of_their_own_bucket(&state).await;
    let call = StateCall {
        operation: "take",
        outcome: "ok",
    };
    let calls = metrics.state_calls.get_or_create(&call).get();
    assert_eq!(calls, 2, "a hundred are carried by 64");
}

#[tokio::test]
async fn who_goes_away_while_asking_keeps_nobody_waiting() {
    let redis = RedisServer::start().await;
    let state = state_at(&redis.url()).await;
    let shared = state.shared().unwrap();
    let slow = Takes::new(&[take(1, 3, 1)]);
    // It has asked, and is gone before the answer.
    assert_eq!(shared.take(&["ada"], &slow).now_or_never(), None);
    let taken = shared.take(&["ada"], &slow).await;
    assert_eq!(taken, Ok(Taken::Admitted { remaining: 1 }));
}

#[tokio::test]
async fn what_another_program_left_under_a_buckets_name_is_no_bucket() {
    let redis = RedisServer::start().await;
    let state = state_at(&redis.url()).await;
    let shared = state.shared().unwrap();
    let slow = Takes::new(&[take(1, 3, 1)]);
    let full = Ok(Taken::Admitted { remaining: 2 });
    assert_eq!(shared.take(&["ada"], &slow).await, full);
    let keys: Vec<String> = redis.command(&["KEYS", "*limit*"]).await;
    for rubbish in [
        &["SET", &keys[0], "rubbish"][..],
        &["SET", &keys[0], "-1e300"],
    ] {
        redis.command::<()>(rubbish).await;
        assert_eq!(shared.take(&["ada"], &slow).await, full);
    }
    redis.command::<()>(&["DEL", &keys[0]]).await;
    redis.command::<u64>(&["RPUSH", &keys[0], "a list"]).await;
    assert_eq!(shared.take(&["ada"], &slow).await, full);
    redis.command::<()>(&["SET", &keys[0], "9e300"]).await;
    let emptied = shared.take(&["ada"], &slow).await.unwrap();
    assert!(
        matches!(emptied, Taken::Refused { at: 0, retry_after } if retry_after <= Duration::from_secs(60))
    );
}

#[tokio::test]
async fn a_bucket_is_gone_once_it_is_as_good_as_new() {
    let redis = RedisServer::start().await;
    let state = state_at(&redis.url()).await;
    state
        .shared()
        .unwrap()
        .take(&["ada"], &Takes::new(&[take(60_000, 1, 1)]))
        .await
        .unwrap();
    until("the bucket is gone", async || {
        let keys: Vec<String> = redis.command(&["KEYS", "*limit*"]).await;
        keys.is_empty()
    })
    .await;
}

#[tokio::test]
async fn no_window_sees_more_than_its_share() {
    let redis = RedisServer::start().await;
    let replicas = TwoReplicas::at(&redis).await;
    let (one, other) = (
        replicas.one.shared().unwrap(),
        replicas.other.shared().unwrap(),
    );
    let minute = Duration::from_secs(60);
    for replica in [one, other, one] {
        let taken = replica.take_of_window("upstream", 3, minute).await;
        assert_eq!(taken.unwrap(), Ok(()));
    }
    let wait = other
        .take_of_window("upstream", 3, minute)
        .await
        .unwrap()
        .unwrap_err();
    assert!(wait <= minute && wait > minute / 2, "{wait:?}");
    // Who has a smaller share of the same window waits until more is free.
    let smaller = one.take_of_window("upstream", 2, minute).await.unwrap();
    assert!(smaller.unwrap_err() + Duration::from_secs(1) >= wait);
    let short = Duration::from_millis(50);
    let first = one.take_of_window("short", 1, short).await.unwrap();
    assert_eq!(first, Ok(()));
    until("the window moves on", async || {
        let taken = other.take_of_window("short", 1, short).await;
        taken.unwrap().is_ok()
    })
    .await;
}

#[tokio::test]
async fn a_replica_that_was_cut_off_is_told_so_only_if_it_missed_something() {
    let redis = RedisServer::start().await;
    let replicas = TwoReplicas::at(&redis).await;
    let mut hearing = replicas.other.listen();
    // The subscriptions end, the other connections stay.
    redis
        .command::<u64>(&["CLIENT", "KILL", "TYPE", "pubsub"])
        .await;
    replicas.one.announce(notice("unheard")).await;
    assert_eq!(hearing.next().await, Some(Heard::Missed));
    reach(&replicas.one, &mut hearing, "back").await;

    let questions = async || {
        let stats: String = redis.command(&["INFO", "commandstats"]).await;
        let line = stats
            .lines()
            .find(|line| line.starts_with("cmdstat_evalsha:"));
        let calls = line.and_then(|line| line.split(['=', ',']).nth(1));
        calls.map_or(0, |calls| calls.parse::<u64>().unwrap())
    };
    redis
        .command::<u64>(&["CLIENT", "KILL", "TYPE", "pubsub"])
        .await;
    until("both have subscribed again", async || {
        let listening: Vec<(String, u32)> =
            redis.command(&["PUBSUB", "NUMSUB", "test:notices"]).await;
        listening[0].1 == 2
    })
    .await;
    // And have asked what they missed, and once more.
    let before = questions().await;
    until("both have asked", async || questions().await >= before + 4).await;
    replicas.one.announce(notice("heard")).await;
    assert_eq!(
        hearing.next().await,
        Some(Heard::Notice(notice("heard"))),
        "nothing was missed"
    );
}

#[tokio::test]
async fn a_listener_that_falls_behind_is_told_that_it_missed_some() {
    let redis = RedisServer::start().await;
    let replicas = TwoReplicas::at(&redis).await;
    let (mut slow, mut quick) = (replicas.other.listen(), replicas.other.listen());
    for number in 0..5_000 {
        replicas.one.announce(notice(&number.to_string())).await;
        quick.next().await;
    }
    assert_eq!(slow.next().await, Some(Heard::Missed));
    assert!(matches!(slow.next().await, Some(Heard::Notice(_))));
}

#[tokio::test]
async fn what_cannot_be_announced_now_is_announced_once_it_can() {
    let mut redis = RedisServer::start().await;
    let replicas = TwoReplicas::at(&redis).await;
    let mut hearing = replicas.other.listen();
    redis.kill();
    replicas.one.announce(notice("kept")).await;
    until("the loss is noticed", async || {
        !replicas.one.is_up() && !replicas.other.is_up()
    })
    .await;
    redis.start_again().await;
    // Or that something is missing, where the one was back before the other listened again.
    let heard = hearing.next().await;
    let kept = Heard::Notice(notice("kept"));
    assert!(
        heard == Some(kept) || heard == Some(Heard::Missed),
        "{heard:?}"
    );
}

#[tokio::test]
async fn of_what_cannot_be_announced_so_many_are_kept_and_of_more_it_is_told_that_they_were() {
    const KEPT: usize = 1024;
    let redis = RedisServer::start().await;
    let proxy = FaultProxy::before(redis.port()).await;
    let states = [state_at(&proxy.url()).await, state_at(&redis.url()).await];
    let replicas = TwoReplicas::hearing_each_other(states, &[&redis]).await;
    let mut hearing = replicas.other.listen();
    for announced in [KEPT, KEPT + 1] {
        proxy.let_through(Passage::Cut);
        until("it is cut off", async || !replicas.one.is_up()).await;
        for number in 0..announced {
            replicas.one.announce(notice(&number.to_string())).await;
        }
        proxy.let_through(Passage::After(Duration::ZERO));
        if announced == KEPT {
            for number in 0..KEPT {
                let kept = Heard::Notice(notice(&number.to_string()));
                assert_eq!(hearing.next().await, Some(kept));
            }
        } else {
            assert_eq!(hearing.next().await, Some(Heard::Missed));
        }
        until("it is back", async || replicas.one.is_up()).await;
        replicas.one.announce(notice("after")).await;
        assert_eq!(hearing.next().await, Some(Heard::Notice(notice("after"))));
    }
}

#[tokio::test]
async fn a_redis_that_lost_its_data_is_known_by_it() {
    let mut redis = RedisServer::start().await;
    let replicas = TwoReplicas::at(&redis).await;
    let before = match replicas.one.claim("x", Duration::from_secs(9)).await {
        Ok(Claim::Mine(lease)) => lease.fence(),
        other => panic!("{other:?}"),
    };
    let mut hearing = replicas.other.listen();
    redis.kill();
    redis.lose_data();
    redis.start_again().await;
    while hearing.next().await != Some(Heard::Emptied) {}
    until("it is up", async || replicas.one.is_up()).await;
    match replicas.one.claim("x", Duration::from_secs(9)).await {
        Ok(Claim::Mine(lease)) => assert!(lease.fence() > before),
        other => panic!("{other:?}"),
    }
    // Without a connection lost, too.
    redis.command::<()>(&["FLUSHALL"]).await;
    while hearing.next().await != Some(Heard::Emptied) {}
}

#[tokio::test]
async fn over_tls_a_server_proves_itself_by_our_root_or_is_not_spoken_to() {
    let folder = tempfile::tempdir().unwrap();
    let (key, certificate) = (folder.path().join("key"), folder.path().join("cert"));
    let config = folder.path().join("config");
    let lines = "[req]\ndistinguished_name = dn\nx509_extensions = v3\n[dn]\n[v3]\n\
                 basicConstraints = CA:FALSE\nsubjectAltName = IP:127.0.0.1\n";
    std::fs::write(&config, lines).unwrap();
    let made = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ])
        .args(["-nodes", "-days", "2", "-subj", "/CN=redis"])
        .arg("-config")
        .arg(&config)
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let port = crate::support::listener().local_addr().unwrap().port();
    let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let redis = RedisServer::start_with(&[
        "--tls-port",
        &port.to_string(),
        "--tls-cert-file",
        &text(&certificate),
        "--tls-key-file",
        &text(&key),
        "--tls-auth-clients",
        "no",
    ])
    .await;
    let url = format!("rediss://127.0.0.1:{port}/");
    let pem = std::fs::read_to_string(&certificate).unwrap();
    let trusting = state_trusting(&url, Some(&pem));
    until("it is connected", async || trusting.is_up()).await;
    assert!(
        trusting
            .is_first("x", Duration::from_secs(9))
            .await
            .unwrap()
    );
    let before = redis.command::<String>(&["INFO", "stats"]).await;
    let strict = state_trusting(&url, None);
    until("it was refused", async || {
        redis.command::<String>(&["INFO", "stats"]).await != before && !strict.is_up()
    })
    .await;
    assert!(strict.is_first("x", Duration::from_secs(9)).await.is_err());
}

#[tokio::test]
async fn a_password_is_used_and_a_wrong_one_is_a_clear_fault_and_no_crash() {
    let redis = RedisServer::start_with(&["--requirepass", "s3cret"]).await;
    let url = format!("redis://:s3cret@127.0.0.1:{}/", redis.port());
    let state = state_at(&url).await;
    assert!(state.is_first("x", Duration::from_secs(9)).await.unwrap());
    let metrics = Metrics::default();
    for wrong in [":wrong@", ""] {
        let url = format!("redis://{wrong}127.0.0.1:{}/", redis.port());
        let state = unready_state_at(&url, &metrics);
        assert!(state.is_first("y", Duration::from_secs(9)).await.is_err());
        assert!(!format!("{state:?}").contains("wrong"));
    }
}
