//! A Redis of one's own, without persistence: what it holds for mcpchat can be lost.

use std::{path::Path, time::Duration};

use ::redis::{Client, InfoDict, aio::MultiplexedConnection};
use tokio::time::sleep;

use crate::{
    Result,
    child::{As, Child, command, free_port, last_words},
};

pub struct Redis {
    child: Child,
    pub url: String,
    counting: MultiplexedConnection,
}

impl Redis {
    pub async fn start(home: &Path) -> Result<Self> {
        let (port, log) = (free_port()?, home.join("redis.log"));
        let mut server = command("redis-server", As::Myself, "KILL");
        server.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--appendonly", "no"]);
        let mut child = Child::start(server.arg("--dir").arg(home), "KILL", &log)?;
        let url = format!("redis://127.0.0.1:{port}");
        let client = Client::open(url.as_str())?;
        loop {
            if let Ok(counting) = client.get_multiplexed_async_connection().await {
                return Ok(Self { child, url, counting });
            }
            if child.has_ended() {
                return Err(format!("Redis does not start:\n{}", last_words(&log)).into());
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// How often it has read from a client. Commands sent together are read together; what scripts do is not counted.
    pub async fn reads(&mut self) -> Result<u64> {
        let info: InfoDict = ::redis::cmd("INFO").arg("stats").query_async(&mut self.counting).await?;
        info.get("total_reads_processed").ok_or_else(|| "this Redis does not count its reads".into())
    }
}
