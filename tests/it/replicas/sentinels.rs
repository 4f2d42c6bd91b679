//! A master with a replica, and a sentinel that names the replica once the master is gone.

use std::process::{Child, Command, Stdio};

use room_broker::simulator::identity_provider::User;
use serde_json::Value;

use super::denials::BAN;
use super::faults::{is_well, well_on};
use super::redis_server::{RedisServer, program};
use crate::support::until;

/// Of the servers, and another of the sentinel.
const PASSWORDS: [&str; 2] = ["of-the-servers", "of-the-sentinel"];

/// Ended when it is dropped.
struct Sentinel {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Sentinel {
    /// One that looks after the master at this port.
    async fn of(master: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sentinel.conf");
        let port = crate::support::listener().local_addr().unwrap().port();
        let [password, own] = PASSWORDS;
        let lines = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\nrequirepass {own}\n\
             sentinel monitor rooms 127.0.0.1 {master} 1\nsentinel auth-pass rooms {password}\n\
             sentinel down-after-milliseconds rooms 500\nsentinel failover-timeout rooms 5000\n",
            folder.path().display()
        );
        std::fs::write(&file, lines).unwrap();
        let child = Command::new(program())
            .arg(&file)
            .arg("--sentinel")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let sentinel = Self {
            child,
            port,
            _folder: folder,
        };
        until("the sentinel knows the replica", async || {
            sentinel.replicas().await == Some(1)
        })
        .await;
        sentinel
    }

    /// How many replicas of the master it knows; `None` while it does not answer.
    async fn replicas(&self) -> Option<usize> {
        let url = format!("redis://:{}@127.0.0.1:{}/", PASSWORDS[1], self.port);
        let client = redis::Client::open(url).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.ok()?;
        let mut asked = redis::cmd("SENTINEL");
        asked.arg("REPLICAS").arg("rooms");
        let replicas: redis::RedisResult<Vec<redis::Value>> =
            asked.query_async(&mut connection).await;
        Some(replicas.ok()?.len())
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[tokio::test]
async fn a_master_fails_and_the_sentinel_names_another() {
    let locked = ["--requirepass", PASSWORDS[0], "--masterauth", PASSWORDS[0]];
    let mut master = RedisServer::start_with(&locked).await;
    let of = master.port().to_string();
    let replica = ["--replicaof", "127.0.0.1", &of];
    let replica = RedisServer::start_with(&[&locked[..], &replica[..]].concat()).await;
    let replica = replica.with_password(PASSWORDS[0]);
    let role = async || replica.info("replication", "role").await;
    until("the replica follows", async || {
        replica
            .info("replication", "master_link_status")
            .await
            .as_deref()
            == Some("up")
    })
    .await;
    let sentinel = Sentinel::of(master.port()).await;

    // The host is a sentinel's to say.
    let url = format!("redis://:{}@nowhere.invalid/", PASSWORDS[0]);
    let more = format!(
        "sentinels = [\"127.0.0.1:1\", \"127.0.0.1:{}\"]\nsentinel_master = \"rooms\"\nsentinel_password = \"{}\"\n",
        sentinel.port, PASSWORDS[1]
    );
    let mut fleet = well_on(&url, &more).await;
    assert_eq!(role().await.as_deref(), Some("slave"));
    master.kill();
    let ben = fleet.token(User::Ben);
    for at in 0..2 {
        assert_eq!(fleet.join(at, &ben, "course-102").await.status, 200);
        assert_eq!(fleet.ada_joins(at, "course-101").await, 403);
    }
    until("the replica is the master", async || {
        role().await.as_deref() == Some("master")
    })
    .await;
    until("it is used", async || {
        fleet
            .call(0, reqwest::Method::GET, BAN, &Value::Null)
            .await
            .status
            == 200
    })
    .await;
    is_well(&fleet).await;
    fleet.tells_changes().await;
    fleet.add();
    fleet.until_ready(2).await;
    assert_eq!(fleet.ada_joins(2, "course-101").await, 403);
}
