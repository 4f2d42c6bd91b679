//! The state over a cluster of three primaries, one of which has a replica that takes over.

use reqwest::Method;
use room_broker::metrics::Metrics;
use room_broker::simulator::identity_provider::User;
use room_broker::state::{RedisServers, RedisUrl, State};
use secrecy::SecretString;
use serde_json::Value;

use super::contract::{TwoReplicas, each_is_told_of_their_own_bucket};
use super::denials::BAN;
use super::doctor::said_with;
use super::faults::{is_well, well_on};
use super::redis_server::{RedisServer, state_on};
use crate::state_contract;
use crate::support::process::World;
use crate::support::until;

const SLOTS: usize = 16_384;
const PRIMARIES: usize = 3;

struct Cluster {
    primaries: Vec<RedisServer>,
    replica: RedisServer,
    /// The primary that has the replica.
    doomed: usize,
}

impl Cluster {
    /// One in which the primary that has this key has a replica.
    async fn with_a_replica_of(key: &str) -> Self {
        let mut nodes = Vec::new();
        for _ in 0..=PRIMARIES {
            nodes.push(node().await);
        }
        let replica = nodes.pop().unwrap();
        for (number, primary) in nodes.iter().enumerate() {
            let (first, end) = (number * SLOTS / PRIMARIES, (number + 1) * SLOTS / PRIMARIES);
            let slots = [first.to_string(), (end - 1).to_string()];
            let epoch = (number + 1).to_string();
            primary.ok(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch]).await;
            primary
                .ok(&["CLUSTER", "ADDSLOTSRANGE", &slots[0], &slots[1]])
                .await;
        }
        for other in nodes[1..].iter().chain([&replica]) {
            let port = other.port().to_string();
            let bus: String = other
                .command::<Vec<String>>(&["CONFIG", "GET", "cluster-port"])
                .await[1]
                .clone();
            nodes[0]
                .ok(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus])
                .await;
        }
        let slot: usize = nodes[0].command(&["CLUSTER", "KEYSLOT", key]).await;
        let doomed = (0..PRIMARIES)
            .find(|number| slot < (number + 1) * SLOTS / PRIMARIES)
            .unwrap();
        let cluster = Self {
            primaries: nodes,
            replica,
            doomed,
        };
        cluster.settle().await;
        cluster
    }

    async fn settle(&self) {
        let all = || self.primaries.iter().chain([&self.replica]);
        until("every node knows every other", async || {
            let mut known = Vec::new();
            for node in all() {
                known.push(node.cluster_info("cluster_known_nodes").await);
            }
            known.iter().all(|known| known == "4")
        })
        .await;
        let primary: String = self.primaries[self.doomed]
            .command(&["CLUSTER", "MYID"])
            .await;
        self.replica.ok(&["CLUSTER", "REPLICATE", &primary]).await;
        until("every node is ready", async || {
            for node in all() {
                if node.cluster_info("cluster_state").await != "ok" {
                    return false;
                }
            }
            let link = self.replica.info("replication", "master_link_status").await;
            link.as_deref() == Some("up")
        })
        .await;
    }

    /// The address of the primary that is to fail, and what is said of the others.
    fn configuration(&self) -> (String, String) {
        let others = self
            .primaries
            .iter()
            .map(|one| format!("\"127.0.0.1:{}\"", one.port()));
        let others: Vec<String> = others.collect();
        let more = format!("cluster = true\ncluster_nodes = [{}]\n", others.join(", "));
        (self.primaries[self.doomed].url(), more)
    }

    async fn state(&self) -> State {
        let url = SecretString::from(self.primaries[0].url());
        let servers = RedisServers::cluster(&RedisUrl::parse(&url, None).unwrap(), &[]).unwrap();
        let state = state_on(servers, &Metrics::default());
        until("the state is up", async || state.is_up()).await;
        state
    }
}

impl RedisServer {
    async fn ok(&self, words: &[&str]) {
        let said: String = self.command(words).await;
        assert_eq!(said, "OK");
    }

    async fn cluster_info(&self, line: &str) -> String {
        let text: String = self.command(&["CLUSTER", "INFO"]).await;
        let value = text.lines().find_map(|known| known.strip_prefix(line));
        value
            .and_then(|value| value.strip_prefix(':'))
            .unwrap()
            .to_owned()
    }
}

/// Its bus has a port that is free too, in the place of one that may be above all ports.
async fn node() -> RedisServer {
    let bus = crate::support::listener()
        .local_addr()
        .unwrap()
        .port()
        .to_string();
    let options = ["--cluster-enabled", "yes", "--cluster-port", &bus];
    RedisServer::start_with(&[&options[..], &["--cluster-node-timeout", "1000"]].concat()).await
}

#[tokio::test]
async fn the_state_over_a_cluster_does_what_every_form_does() {
    let cluster = Cluster::with_a_replica_of("any").await;
    let states = [cluster.state().await, cluster.state().await];
    let servers: Vec<&RedisServer> = cluster.primaries.iter().collect();
    state_contract::holds(&TwoReplicas::hearing_each_other(states, &servers).await).await;
}

#[tokio::test]
async fn many_who_ask_a_cluster_at_once_are_each_told_of_their_own_bucket() {
    let cluster = Cluster::with_a_replica_of("any").await;
    let state = cluster.state().await;
    each_is_told_of_their_own_bucket(&state).await;
}

#[tokio::test]
async fn the_doctor_finds_that_a_cluster_takes_writes_until_a_primary_is_gone() {
    // Where the doctor writes, which is not at the node that it is given.
    let mut cluster = Cluster::with_a_replica_of("room-broker:seen:doctor").await;
    let (_doomed, more) = cluster.configuration();
    let given = (cluster.doomed + 1) % PRIMARIES;
    let (world, url) = (World::new(), cluster.primaries[given].url());
    let (code, out) = said_with(&world, &url, &more).await;
    assert!(
        code == 0 && out.contains("ok       Redis takes writes"),
        "{out}"
    );
    cluster.replica.kill();
    cluster.primaries[cluster.doomed].kill();
    let (code, out) = said_with(&world, &url, &more).await;
    assert!(code == 1 && !out.contains("takes writes"), "{out}");
}

#[tokio::test]
async fn a_primary_of_the_cluster_fails_and_its_replica_takes_over() {
    let mut cluster = Cluster::with_a_replica_of("{room-broker:denials}").await;
    let (url, more) = cluster.configuration();
    let mut fleet = well_on(&url, &more).await;
    let doomed = cluster.doomed;
    cluster.primaries[doomed].kill();
    // Known rooms are joined meanwhile, and who was barred stays so.
    let ben = fleet.token(User::Ben);
    for at in 0..2 {
        assert_eq!(fleet.join(at, &ben, "course-102").await.status, 200);
        assert_eq!(fleet.ada_joins(at, "course-101").await, 403);
    }
    until("the replica has taken over", async || {
        cluster.replica.info("replication", "role").await.as_deref() == Some("master")
    })
    .await;
    until("it is used", async || {
        fleet.call(0, Method::GET, BAN, &Value::Null).await.status == 200
    })
    .await;
    is_well(&fleet).await;
    fleet.tells_changes().await;
    // One that starts now begins with the nodes that are left.
    fleet.add();
    fleet.until_ready(2).await;
    assert_eq!(fleet.ada_joins(2, "course-101").await, 403);
}
