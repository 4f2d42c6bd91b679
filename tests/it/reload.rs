//! A new configuration under way, and the end: on the real binary, by signals.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use room_broker::simulator::Moment;
use room_broker::simulator::identity_provider::User;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::support::process::{Broker, World};
use crate::support::scene::value_of;
use crate::support::{Answer, until};

const REFUSED: &str = "reload refused; the old configuration goes on";

/// Callers who never pause, and what became of their calls.
struct Load {
    over: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    callers: Vec<JoinHandle<Vec<String>>>,
}

impl Load {
    fn start(world: &World, broker: &Broker) -> Self {
        let (over, answered): (Arc<AtomicBool>, Arc<AtomicU64>) = Default::default();
        let callers = (0..4).map(|_| {
            let (over, answered) = (Arc::clone(&over), Arc::clone(&answered));
            let join = world
                .http
                .post(broker.join_url("course-101"))
                .bearer_auth(world.token(User::Ada));
            tokio::spawn(async move {
                let mut failures = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    match join.try_clone().unwrap().send().await {
                        Ok(answer) if answer.status() == 200 => {}
                        other => failures.push(format!("{other:?}")),
                    }
                    answered.fetch_add(1, Ordering::Relaxed);
                }
                failures
            })
        });
        let callers = callers.collect();
        Self {
            over,
            answered,
            callers,
        }
    }

    /// Waits until some more calls have begun and ended.
    async fn goes_on(&self) {
        let before = self.answered.load(Ordering::Relaxed);
        until("the load goes on", async || {
            self.answered.load(Ordering::Relaxed) > before + 20
        })
        .await;
    }

    async fn end(self) -> Vec<String> {
        self.over.store(true, Ordering::Relaxed);
        let mut failures = Vec::new();
        for caller in self.callers {
            failures.extend(caller.await.unwrap());
        }
        failures
    }
}

async fn join(world: &World, broker: &Broker, user: User, room: &str) -> Answer {
    let request = world
        .http
        .post(broker.join_url(room))
        .bearer_auth(world.token(user))
        .header("origin", "https://new.school.example");
    Answer::of(request.send().await.unwrap()).await
}

/// The next refusal that speaks of this. (The files are looked at now and then as well: one fault
/// may be told twice.)
async fn until_refused(broker: &mut Broker, of: &str) -> String {
    loop {
        let line = broker.until_logged(REFUSED).await.to_string();
        if line.contains(of) {
            return line;
        }
    }
}

async fn reloads(world: &World, broker: &Broker, outcome: &str) -> u64 {
    let metrics = world.http.get(format!("{}/metrics", broker.ops));
    let metrics = Answer::of(metrics.send().await.unwrap()).await;
    let series = format!(r#"room_broker_reloads_total{{outcome="{outcome}"}}"#);
    value_of(&metrics.text, &series)
}

#[tokio::test]
async fn policy_templates_origins_and_the_developer_key_change_without_a_failed_request() {
    let world = World::new();
    let config = world.write("broker.toml", &world.configuration());
    let mut broker = Broker::serve(&world, &config).await;
    let before = join(&world, &broker, User::Ben, "course-102").await;
    assert_eq!(before.status, 403);
    assert_eq!(before.header("access-control-allow-origin"), "");
    let load = Load::start(&world, &broker);
    load.goes_on().await;

    let changed = world
        .configuration()
        .replace(r#"("student:" + room.course) in user.groups"#, "true")
        .replace(
            "\nrole = \"attendee\"",
            "\nrole = \"speaker\"\nmay_create = true",
        )
        .replace("https://app.school.example", "https://new.school.example")
        .replace(
            r#"settings = { roles = ["moderator", "attendee"]"#,
            r#"settings = { max_participants = 77, roles = ["moderator", "speaker", "attendee"]"#,
        );
    world.write("broker.toml", &changed);
    world.write("developer_key", "another-developer-key");
    world
        .upstream
        .replace_developer_key("another-developer-key");
    broker.signal("HUP");
    broker.until_logged("configuration reloaded").await;
    load.goes_on().await;
    assert_eq!(load.end().await, Vec::<String>::new());

    let after = join(&world, &broker, User::Ben, "course-102").await;
    assert_eq!(after.status, 200, "{after:?}");
    assert_eq!(
        after.header("access-control-allow-origin"),
        "https://new.school.example"
    );
    let after = after.json();
    assert_eq!(after["participant"]["role"], "speaker");
    let room = world.upstream.room("course-102").unwrap();
    assert_eq!(room.settings["max_participants"], 77);
    let page = world.http.get(after["join_url"].as_str().unwrap());
    assert_eq!(page.send().await.unwrap().status(), 200);
    assert!(reloads(&world, &broker, "applied").await >= 1);
}

#[tokio::test]
async fn a_bad_reload_keeps_the_old_configuration_and_names_every_fault() {
    let world = World::new();
    let config = world.write("broker.toml", &world.configuration());
    let mut broker = Broker::serve(&world, &config).await;
    let faulty = world
        .configuration()
        .replace("room.course) in user.groups", "room.curse) in user.groups")
        .replace("https://app.school.example", "https://app.school.example/");
    world.write("broker.toml", &faulty);
    broker.signal("HUP");
    let mut keys = Vec::new();
    for _ in 0..3 {
        let line = broker.until_logged(REFUSED).await;
        assert_eq!(line["level"], "ERROR");
        keys.push(line["key"].as_str().unwrap().to_owned());
    }
    keys.sort();
    assert_eq!(
        keys,
        [
            "policy.rules[0].when",
            "policy.rules[1].when",
            "public.origins[0]"
        ]
    );
    let joined = join(&world, &broker, User::Ada, "course-101").await;
    assert_eq!(joined.status, 200, "{joined:?}");
    assert!(reloads(&world, &broker, "refused").await >= 1);

    // No TOML at all, no file at all, no key in the key's file: all the same. A line that is quoted
    // may hold a secret.
    world.write(
        "broker.toml",
        "[digital_samba]\ndeveloper_key = \"canary-4711",
    );
    broker.signal("HUP");
    let line = until_refused(&mut broker, "line 2").await;
    assert!(!line.contains("canary"), "{line}");
    std::fs::remove_file(&config).unwrap();
    broker.signal("HUP");
    until_refused(&mut broker, "not found").await;
    world.write("broker.toml", &world.configuration());
    world.write("developer_key", "\n");
    broker.signal("HUP");
    until_refused(&mut broker, "digital_samba.developer_key_file").await;
    let joined = join(&world, &broker, User::Ada, "course-101").await;
    assert_eq!(joined.status, 200, "{joined:?}");

    world.write("developer_key", crate::support::DEVELOPER_KEY);
    broker.signal("HUP");
    broker.until_logged("configuration reloaded").await;
}

#[tokio::test]
async fn a_secret_that_changes_in_its_file_is_used_without_a_signal() {
    let world = World::new();
    let config = world.write("broker.toml", &world.configuration());
    let mut broker = Broker::serve(&world, &config).await;
    let before = join(&world, &broker, User::Ada, "course-101").await.json();
    world.write("developer_key", "another-developer-key\n");
    world
        .upstream
        .replace_developer_key("another-developer-key");
    broker.until_logged("configuration reloaded").await;
    let joined = join(&world, &broker, User::Ada, "course-101").await.json();
    // As README's runbook says: what the old key signed opens nothing any more.
    for (link, status) in [(&joined, 200), (&before, 403)] {
        let page = world.http.get(link["join_url"].as_str().unwrap());
        assert_eq!(page.send().await.unwrap().status(), status);
    }
}

/// A join that waits for its room, which is not made until the gate of `create_room` is open.
async fn creating(world: &World, broker: &Broker) -> JoinHandle<Answer> {
    let controls = world.upstream.controls();
    controls.close_gate("create_room", Moment::BeforeEffect);
    let request = world
        .http
        .post(broker.join_url("course-101"))
        .bearer_auth(world.token(User::Ada));
    let in_flight = tokio::spawn(async move { Answer::of(request.send().await.unwrap()).await });
    controls.until_waiting("create_room", 1).await;
    in_flight
}

#[tokio::test]
async fn sigterm_is_not_ready_first_then_finishes_what_is_in_flight_then_exits_with_0() {
    let world = World::new();
    let config = world.write("broker.toml", &world.configuration());
    let mut broker = Broker::serve(&world, &config).await;
    let in_flight = creating(&world, &broker).await;

    broker.signal("TERM");
    broker.until_logged("draining").await;
    let readiness = async || {
        let ready = world.http.get(format!("{}/readyz", broker.ops));
        Answer::of(ready.send().await.unwrap()).await
    };
    until("it is not ready", async || readiness().await.status == 503).await;
    assert_eq!(
        readiness().await.json(),
        json!({ "status": "draining", "checks": { "identity_providers": "ok", "state": "ok" } })
    );
    let alive = world.http.get(format!("{}/healthz", broker.ops));
    assert_eq!(alive.send().await.unwrap().status(), 200);

    world.upstream.controls().open_gate("create_room");
    let answer = in_flight.await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    broker.until_logged("stopped").await;
    assert_eq!(broker.ended().await.code(), Some(0));
}

#[tokio::test]
async fn while_it_drains_new_requests_are_served_until_it_is_told_again() {
    let world = World::new();
    let text = world.configuration();
    let text = text.replace("drain_for = \"0s\"", "drain_for = \"10m\"");
    let config = world.write("broker.toml", &text);
    let mut broker = Broker::serve(&world, &config).await;
    broker.signal("TERM");
    broker.until_logged("draining").await;
    for base in [&broker.public, &broker.ops] {
        until("it is not ready", async || {
            let ready = world.http.get(format!("{base}/readyz")).send().await;
            ready.unwrap().status() == 503
        })
        .await;
    }
    // A connection of its own, as from a load balancer that has not looked yet.
    let (other, token) = (crate::support::http_client(), world.token(User::Ada));
    let join = other.post(broker.join_url("course-101")).bearer_auth(token);
    let answer = Answer::of(join.send().await.unwrap()).await;
    // It is not kept for a request that would find it closed.
    assert_eq!((answer.status, answer.header("connection")), (200, "close"));
    broker.signal("HUP");
    broker.signal("TERM");
    broker.until_logged("stopped").await;
    assert_eq!(broker.ended().await.code(), Some(0));
}

#[tokio::test]
async fn once_it_has_drained_no_connection_is_accepted_and_what_is_in_flight_is_finished() {
    let world = World::new();
    let text = world.configuration();
    let text = text.replace("drain_for = \"0s\"", "drain_for = \"10m\"");
    let config = world.write("broker.toml", &text);
    let mut broker = Broker::serve(&world, &config).await;
    let in_flight = creating(&world, &broker).await;
    broker.signal("TERM");
    broker.until_logged("draining").await;
    let is_accepted = async |base: &str| {
        let address = base.strip_prefix("http://").unwrap();
        tokio::net::TcpStream::connect(address).await.is_ok()
    };
    for base in [&broker.public, &broker.internal, &broker.ops] {
        assert!(is_accepted(base).await, "{base}");
    }

    // Who cannot wait ends the time in which load balancers turn elsewhere.
    broker.signal("TERM");
    broker.until_logged("finishing what is in flight").await;
    for base in [&broker.public, &broker.internal] {
        until("no connection is accepted", async || {
            !is_accepted(base).await
        })
        .await;
    }
    assert!(is_accepted(&broker.ops).await, "whoever watches sees it");
    assert!(!in_flight.is_finished());
    world.upstream.controls().open_gate("create_room");
    assert_eq!(in_flight.await.unwrap().status, 200);
    assert_eq!(broker.ended().await.code(), Some(0));
}

#[tokio::test]
async fn told_again_while_it_finishes_it_gives_up_what_is_in_flight() {
    let world = World::new();
    let config = world.write("broker.toml", &world.configuration());
    let mut broker = Broker::serve(&world, &config).await;
    let controls = world.upstream.controls();
    controls.close_gate("get_room", Moment::BeforeEffect);
    let request = world
        .http
        .post(broker.join_url("course-101"))
        .bearer_auth(world.token(User::Ada));
    let in_flight = tokio::spawn(request.send());
    controls.until_waiting("get_room", 1).await;
    broker.signal("TERM");
    broker.until_logged("finishing what is in flight").await;
    let alive = world.http.get(format!("{}/healthz", broker.ops));
    assert_eq!(alive.send().await.unwrap().status(), 200);
    broker.signal("TERM");
    broker
        .until_logged("told to stop again: what is in flight is given up")
        .await;
    assert_eq!(broker.ended().await.code(), Some(0));
    assert!(in_flight.await.unwrap().is_err());
}

#[tokio::test]
async fn sigint_ends_it_at_once() {
    let world = World::new();
    let text = world.configuration();
    let text = text.replace("drain_for = \"0s\"", "drain_for = \"10m\"");
    let config = world.write("broker.toml", &text);
    let mut broker = Broker::serve(&world, &config).await;
    broker.signal("INT");
    assert_eq!(broker.ended().await.code(), Some(0));
}

#[tokio::test]
async fn what_hangs_does_not_keep_it_from_ending() {
    let world = World::new();
    let text = world
        .configuration()
        .replace("workers = 2", "workers = 2\nshutdown_timeout = \"1s\"");
    let config = world.write("broker.toml", &text);
    let mut broker = Broker::serve(&world, &config).await;
    let controls = world.upstream.controls();
    controls.close_gate("get_room", Moment::BeforeEffect);
    let request = world
        .http
        .post(broker.join_url("course-101"))
        .bearer_auth(world.token(User::Ada));
    let in_flight = tokio::spawn(request.send());
    controls.until_waiting("get_room", 1).await;
    broker.signal("TERM");
    assert_eq!(broker.ended().await.code(), Some(0));
    assert!(in_flight.await.unwrap().is_err());
}
