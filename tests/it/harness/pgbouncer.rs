//! PgBouncer before the PostgreSQL of a test, as Debian has it.

use std::{fs, os::unix::fs::MetadataExt, path::Path, process::Command};

use tempfile::TempDir;
use url::Url;

use super::{eventually, process::Process, redis::free_port};

pub struct PgBouncer {
    process: Process,
    port: u16,
    /// Last, as it keeps its files there.
    _home: TempDir,
}

impl PgBouncer {
    /// `settings`: lines of its own in pgbouncer.ini, `pool_mode` among them.
    pub async fn start(server: &Url, settings: &str) -> Self {
        for _ in 0..5 {
            let mut pooler = Self::on(free_port(), server, settings);
            let listens = eventually("PgBouncer to listen", async || {
                let up = tokio::net::TcpStream::connect(("127.0.0.1", pooler.port)).await.is_ok();
                if pooler.process.has_ended() { Some(false) } else { up.then_some(true) }
            });
            if listens.await {
                return pooler;
            }
        }
        panic!("PgBouncer does not start");
    }

    fn on(port: u16, server: &Url, settings: &str) -> Self {
        let home = tempfile::Builder::new().prefix("mcpchat-pgbouncer-").tempdir_in("/tmp").unwrap();
        let (host, place) = (server.host_str().unwrap(), server.port().unwrap_or(5432));
        let (ini, users) = (home.path().join("pgbouncer.ini"), home.path().join("users.txt"));
        fs::write(&users, "\"postgres\" \"\"\n").unwrap();
        let text = format!(
            "[databases]\n* = host={host} port={place}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = trust\nauth_file = {}\nmax_client_conn = 1000\n{settings}\n",
            users.display()
        );
        fs::write(&ini, text).unwrap();
        let mut command = unprivileged(home.path());
        command.arg("pgbouncer").arg("-q").arg(&ini).current_dir("/");
        Self { process: Process::start("pgbouncer", &mut command), port, _home: home }
    }

    /// The same database by way of it.
    pub fn before(&self, database: &str) -> String {
        let mut url: Url = database.parse().unwrap();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(self.port)).unwrap();
        url.into()
    }
}

/// It refuses to run as root.
fn unprivileged(home: &Path) -> Command {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return Command::new("env");
    }
    assert!(Command::new("chown").arg("-R").arg("postgres").arg(home).status().unwrap().success());
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]);
    command
}
