//! `room-broker doctor` of Redis: there, ours, writable, and not about to forget who is barred.

use super::fault_proxy::{FaultProxy, Passage};
use super::redis_server::RedisServer;
use crate::support::process::{World, program, run};

const WRITABLE: &str = "ok       Redis takes writes";
const EVICTS: &str = "warning  Redis has maxmemory-policy allkeys-lru";
const KEEPS_NOTHING: &str = "warning  Redis has no append-only file";
const REFUSED: &str = "BAD      state.redis.url: Redis refuses the user or the password";

/// What it says of a Redis at this URL, which holds no secret, and how it ends.
async fn said(world: &World, url: &str) -> (i32, String) {
    said_with(world, url, "").await
}

/// The same, with more of the section.
pub(super) async fn said_with(world: &World, url: &str, more: &str) -> (i32, String) {
    let text = format!(
        "{}\n[state.redis]\nurl = \"{url}\"\nconnect_timeout = \"2s\"\n{more}",
        world.configuration()
    );
    let config = world.write("broker.toml", &text);
    let mut command = program(["doctor", "--config"]);
    command.arg(config);
    let ended = run(command).await;
    let said = format!("{}{}", ended.out, ended.err);
    assert!(!said.contains("canary"), "{said}");
    (ended.code, said)
}

#[tokio::test]
async fn a_redis_as_it_should_be_is_good_in_every_point() {
    let (world, redis) = (World::new(), RedisServer::start().await);
    let (code, out) = said(&world, &redis.url()).await;
    let address = format!("ok       Redis answers at 127.0.0.1:{}", redis.port());
    for finding in [&address, WRITABLE, "ok       Redis "] {
        assert!(out.contains(finding), "{out}");
    }
    assert!(code == 0 && !out.contains("warning"), "{out}");
}

#[tokio::test]
async fn one_that_may_forget_who_is_barred_is_warned_of() {
    let (world, redis) = (World::new(), RedisServer::start().await);
    for (option, value) in [("maxmemory-policy", "allkeys-lru"), ("appendonly", "no")] {
        redis.command::<()>(&["CONFIG", "SET", option, value]).await;
    }
    let (code, out) = said(&world, &redis.url()).await;
    assert!(out.contains(EVICTS) && out.contains(KEEPS_NOTHING), "{out}");
    assert!(code == 0 && out.contains(WRITABLE), "{out}");
}

#[tokio::test]
async fn one_that_takes_no_writes_is_bad() {
    let (world, redis) = (World::new(), RedisServer::start().await);
    for (undo, command, why) in [
        (
            &["CONFIG", "SET", "maxmemory", "0"][..],
            &["CONFIG", "SET", "maxmemory", "1"][..],
            "the state is full",
        ),
        (
            &["REPLICAOF", "NO", "ONE"],
            &["REPLICAOF", "127.0.0.1", "1"],
            "the shared state is read-only",
        ),
    ] {
        redis.command::<()>(command).await;
        let (code, out) = said(&world, &redis.url()).await;
        let finding = format!("BAD      Redis takes no writes: {why}");
        assert!(code == 1 && out.contains(&finding), "{out}");
        redis.command::<()>(undo).await;
    }
}

#[tokio::test]
async fn one_that_wants_another_password_is_bad_and_no_password_is_said() {
    let world = World::new();
    let redis = RedisServer::start_with(&["--requirepass", "canary-right"]).await;
    let port = redis.port();
    for url in [
        format!("redis://127.0.0.1:{port}/"),
        format!("redis://:canary-wrong@127.0.0.1:{port}/"),
        format!("redis://canary:canary-right@127.0.0.1:{port}/"),
    ] {
        let (code, out) = said(&world, &url).await;
        assert!(code == 1 && out.contains(REFUSED), "{out}");
    }
    let url = format!("redis://:canary-right@127.0.0.1:{port}/");
    let (code, out) = said(&world, &url).await;
    assert!(code == 0 && out.contains(WRITABLE), "{out}");
}

#[tokio::test]
async fn a_user_with_few_rights_is_told_what_could_not_be_looked_at() {
    let (world, redis) = (World::new(), RedisServer::start().await);
    let rights = ["ACL", "SETUSER", "broker", "on", ">canary", "~*", "&*"];
    redis
        .command::<()>(&[&rights[..], &["+@all", "-info"]].concat())
        .await;
    let url = format!("redis://broker:canary@127.0.0.1:{}/", redis.port());
    let (code, out) = said(&world, &url).await;
    assert!(code == 0 && out.contains(WRITABLE), "{out}");
    assert!(
        out.contains("skipped  Redis does not let this user"),
        "{out}"
    );
}

#[tokio::test]
async fn one_that_is_not_there_hangs_or_is_something_else_is_bad() {
    let (world, redis) = (World::new(), RedisServer::start().await);
    let proxy = FaultProxy::before(redis.port()).await;
    proxy.let_through(Passage::Never);
    let something_else = world.upstream.base_url().replace("http://", "redis://");
    for (url, why) in [
        ("redis://127.0.0.1:1/", "Redis cannot be reached: "),
        (&proxy.url(), "Redis does not answer"),
        (&something_else, "Redis cannot be reached: "),
    ] {
        let (code, out) = said(&world, url).await;
        let finding = format!("BAD      state.redis.url: {why}");
        assert!(code == 1 && out.contains(&finding), "{out}");
        // What does not hang on it is looked at all the same.
        assert!(out.contains("ok       upstream accepts"), "{out}");
    }
}
