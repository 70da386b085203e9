//! A Redis Cluster of three masters; the one that has mcpchat's keys has a replica.

use std::{path::Path, process::Command};

use super::{
    eventually,
    redis::{Redis, free_port},
};

pub struct Cluster {
    /// Three masters, and the replica.
    pub nodes: Vec<Redis>,
    slot: String,
}

impl Cluster {
    pub async fn start(home: &Path) -> Self {
        let mut nodes = Vec::new();
        for number in 0..4 {
            let place = home.join(format!("node-{number}"));
            std::fs::create_dir(&place).unwrap();
            let bus = free_port().to_string();
            let flags = ["--cluster-enabled", "yes", "--cluster-node-timeout", "700", "--cluster-port", &bus];
            nodes.push(Redis::start_with(&place, &flags).await);
        }
        let masters: Vec<String> = nodes[..3].iter().map(|node| node.address().to_string()).collect();
        let masters: Vec<&str> = masters.iter().map(String::as_str).collect();
        redis_cli(&[&["create"], masters.as_slice(), &["--cluster-yes"]].concat());
        let slot: u16 = nodes[0].ask(&["CLUSTER", "KEYSLOT", "{mcpchat}"]).await;
        let cluster = Self { nodes, slot: slot.to_string() };
        cluster.agrees().await;
        let owner = cluster.id(cluster.owner().await).await;
        let replica = cluster.nodes[3].address().to_string();
        redis_cli(&["add-node", &replica, masters[0], "--cluster-slave", "--cluster-master-id", &owner]);
        eventually("the replica to follow", async || {
            let told: String = cluster.nodes[3].ask(&["INFO", "replication"]).await;
            told.contains("master_link_status:up").then_some(())
        })
        .await;
        cluster
    }

    /// As the configuration takes it. No server listens at the first node's address.
    pub fn url(&self) -> String {
        let hosts: Vec<String> = self.nodes[..3].iter().map(|node| node.address().to_string()).collect();
        format!("redis+cluster://127.0.0.1:9,{}", hosts.join(","))
    }

    async fn agrees(&self) {
        for node in &self.nodes[..3] {
            eventually("the nodes to agree", async || {
                let told: String = node.ask(&["CLUSTER", "INFO"]).await;
                (told.contains("cluster_state:ok") && told.contains("cluster_known_nodes:3")).then_some(())
            })
            .await;
        }
    }

    async fn id(&self, node: usize) -> String {
        self.nodes[node].ask(&["CLUSTER", "MYID"]).await
    }

    /// The place of the node that has mcpchat's keys, by its own word.
    pub async fn owner(&self) -> usize {
        for (place, node) in self.nodes.iter().enumerate() {
            let Ok(mut connection) = node.try_connection().await else { continue };
            let asked = redis::cmd("SET").arg("{mcpchat}:who").arg("me").query_async::<()>(&mut connection).await;
            if asked.is_ok() {
                return place;
            }
        }
        panic!("nobody has the keys");
    }

    /// Moves the slot of mcpchat's keys, one step at a time; `between` is done after each.
    pub async fn move_slot(&self, from: usize, to: usize, mut between: impl AsyncFnMut(&str)) {
        let (source, target) = (self.id(from).await, self.id(to).await);
        let set = async |node: usize, words: &[&str]| {
            let words = [&["CLUSTER", "SETSLOT", self.slot.as_str()], words].concat();
            self.nodes[node].ask::<()>(&words).await;
        };
        set(to, &["IMPORTING", &source]).await;
        set(from, &["MIGRATING", &target]).await;
        between("announced").await;
        let port = self.nodes[to].address().port().to_string();
        loop {
            let keys: Vec<String> = self.nodes[from].ask(&["CLUSTER", "GETKEYSINSLOT", &self.slot, "1"]).await;
            let Some(key) = keys.first() else { break };
            self.nodes[from].ask::<()>(&["MIGRATE", "127.0.0.1", &port, key, "0", "5000"]).await;
            between("a key moved").await;
        }
        set(to, &["NODE", &target]).await;
        between("known to the target").await;
        for node in 0..3 {
            set(node, &["NODE", &target]).await;
        }
        between("moved").await;
    }

    /// Gives all slots of one node to another, by the usual tool.
    pub async fn reshard(&self, from: usize, to: usize) {
        let (from, to) = (self.id(from).await, self.id(to).await);
        let via = self.nodes[0].address().to_string();
        let all = ["--cluster-from", &from, "--cluster-to", &to, "--cluster-slots", "5461", "--cluster-yes"];
        let arguments: Vec<String> =
            [&["reshard", &via], all.as_slice()].concat().iter().map(|it| (*it).to_owned()).collect();
        tokio::task::spawn_blocking(move || redis_cli(&arguments.iter().map(String::as_str).collect::<Vec<_>>()))
            .await
            .unwrap();
    }
}

fn redis_cli(arguments: &[&str]) {
    let done = Command::new("redis-cli").arg("--cluster").args(arguments).output().unwrap();
    assert!(done.status.success(), "redis-cli --cluster {arguments:?}: {}", String::from_utf8_lossy(&done.stdout));
}
