//! A master, a replica, and three sentinels that watch them, quick to lose patience. Each side has a password of its own.

use std::{collections::BTreeMap, path::Path};

use super::{eventually, redis::Redis};

const NAME: &str = "mymaster";
const USER: &str = "chat";

pub struct Sentinels {
    pub servers: Vec<Redis>,
    sentinels: Vec<Redis>,
}

impl Sentinels {
    pub async fn start(home: &Path) -> Self {
        let place = |name: &str| {
            let place = home.join(name);
            std::fs::create_dir(&place).unwrap();
            place
        };
        let user = ["--user", USER, "on", ">of-the-chat", "~{mcpchat}*", "+@all"];
        let master = Redis::start_with(&place("master"), &user).await;
        let port = master.address().port().to_string();
        let copies = ["--replicaof", "127.0.0.1", port.as_str(), "--repl-diskless-sync-delay", "0"];
        let replica = Redis::start_with(&place("replica"), &[user.as_slice(), &copies].concat()).await;
        let mut sentinels = Vec::new();
        for number in 0..3 {
            let place = place(&format!("sentinel-{number}"));
            let file = place.join("sentinel.conf");
            let words = format!(
                "sentinel monitor {NAME} 127.0.0.1 {port} 2\nsentinel down-after-milliseconds {NAME} 700\n\
                 sentinel failover-timeout {NAME} 2000\nrequirepass of-sentinels\n"
            );
            std::fs::write(&file, words).unwrap();
            sentinels.push(Redis::start_with(&place, &[file.to_str().unwrap(), "--sentinel"]).await);
        }
        let all = Self { servers: vec![master, replica], sentinels };
        for sentinel in &all.sentinels {
            eventually("the sentinels to know each other and the replica", async || {
                let known = all.known_to(sentinel).await;
                (known["num-other-sentinels"] == "2" && known["num-slaves"] == "1").then_some(())
            })
            .await;
        }
        all
    }

    /// As the configuration takes it. No server listens at the first sentinel's address.
    pub fn url(&self) -> String {
        let hosts: Vec<String> = self.sentinels.iter().map(|sentinel| sentinel.address().to_string()).collect();
        let hosts = hosts.join(",");
        format!("redis+sentinel://{USER}:of-the-chat@127.0.0.1:9,{hosts}/{NAME}/0?sentinel_password=of-sentinels")
    }

    async fn known_to(&self, sentinel: &Redis) -> BTreeMap<String, String> {
        ask(sentinel, &["SENTINEL", "MASTER", NAME]).await
    }

    /// The place among `servers` of the one that most sentinels name.
    pub async fn master(&self) -> usize {
        let mut named = Vec::new();
        for sentinel in &self.sentinels {
            let (_, port): (String, u16) = ask(sentinel, &["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME]).await;
            named.push(port);
        }
        let votes = |server: &Redis| named.iter().filter(|port| **port == server.address().port()).count();
        self.servers.iter().position(|server| votes(server) >= 2).unwrap_or(0)
    }

    /// Waits until the other server is the master.
    pub async fn is_failed_over(&self) {
        eventually("the failover", async || (self.master().await == 1).then_some(())).await;
    }

    /// Has the replica take over, while the master lives on as its replica.
    pub async fn swap(&self) {
        let () = ask(&self.sentinels[0], &["SENTINEL", "FAILOVER", NAME]).await;
    }
}

async fn ask<T: redis::FromRedisValue>(sentinel: &Redis, words: &[&str]) -> T {
    let client = redis::Client::open(format!("redis://:of-sentinels@{}", sentinel.address())).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    redis::cmd(words[0]).arg(&words[1..]).query_async(&mut connection).await.unwrap()
}
