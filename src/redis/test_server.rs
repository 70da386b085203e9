//! A private Redis server, for tests that stop it or empty it. Ends with the value.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::RedisLink;
use crate::config::Secret;

/// The server that `tests/run` started and all tests share.
pub(crate) async fn shared() -> RedisLink {
    let url = std::env::var("MCPCHAT_TEST_REDIS_URL").expect("MCPCHAT_TEST_REDIS_URL names a Redis; tests/run sets it");
    // Generous: a busy machine must not look like an absent Redis here.
    RedisLink::open(&Secret::new(url), Duration::from_secs(10)).await.unwrap()
}

pub(crate) struct RedisServer {
    process: Child,
    port: u16,
    /// The working directory; Redis writes nothing to it.
    directory: tempfile::TempDir,
}

impl RedisServer {
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { process: spawn(port, directory.path()), port, directory }
    }

    pub(crate) fn url(&self) -> Secret {
        Secret::new(format!("redis://127.0.0.1:{}", self.port))
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.process.id().to_string()).status();
        assert!(status.unwrap().success());
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it again on the same port, empty.
    pub(crate) fn restart(&mut self) {
        self.process = spawn(self.port, self.directory.path());
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Returns when the server accepts connections.
fn spawn(port: u16, directory: &std::path::Path) -> Child {
    let mut process = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .arg("--dir")
        .arg(directory)
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is installed");
    let deadline = Instant::now() + Duration::from_secs(10);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < deadline && process.try_wait().unwrap().is_none(), "redis-server does not start");
        std::thread::sleep(Duration::from_millis(5));
    }
    process
}
