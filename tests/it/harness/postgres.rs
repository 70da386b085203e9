//! A PostgreSQL of the test's own, which may be stopped in the middle of whatever it does. Like a server in production it
//! has written down what it has confirmed; only the disk's own cache is trusted, because the machine stays on.

use std::{
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

/// PostgreSQL refuses to run as root; then it runs as this account, which its package has made.
const ACCOUNT: &str = "postgres";

pub struct Postgres {
    programs: PathBuf,
    port: u16,
    folder: TempDir,
}

impl Postgres {
    /// Returns when it answers.
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("mcpchat-postgres-").tempdir().unwrap();
        if is_root() {
            run(Command::new("chown").arg(ACCOUNT).arg(folder.path()));
        }
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let server = Self { programs: programs(), port, folder };
        let account = ["-U", ACCOUNT, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"];
        run(server.program("initdb").arg("-D").arg(server.data()).args(account));
        server.start_again();
        server
    }

    /// For `World::on` and the like.
    pub fn url(&self) -> String {
        format!("postgres://{ACCOUNT}@127.0.0.1:{}/postgres", self.port)
    }

    /// Ends all its processes at once, as a crash does. What was confirmed is on the disk.
    pub fn crash(&self) {
        run(self.program("pg_ctl").args(["-m", "immediate", "-w", "-s", "-D"]).arg(self.data()).arg("stop"));
    }

    /// On the same port. Returns when it has recovered.
    pub fn start_again(&self) {
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories={} -c max_connections=100 -c fsync=off",
            self.port,
            self.folder.path().display()
        );
        let mut start = self.program("pg_ctl");
        start.args(["-w", "-t", "60", "-s", "-o", &options, "-D"]).arg(self.data());
        run(start.arg("-l").arg(self.folder.path().join("log")).arg("start"));
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn program(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        let mut command = if is_root() { Command::new("runuser") } else { Command::new(&program) };
        if is_root() {
            command.args(["-u", ACCOUNT, "--"]).arg(program);
        }
        command.current_dir("/");
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let mut stop = self.program("pg_ctl");
        drop(stop.args(["-m", "immediate", "-w", "-s", "-D"]).arg(self.data()).arg("stop").status());
    }
}

fn is_root() -> bool {
    rustix::process::getuid().is_root()
}

/// The folder of the newest version that is installed.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed; tests/run installs it");
    let mut folders: Vec<PathBuf> = versions.map(|version| version.unwrap().path().join("bin")).collect();
    folders.retain(|folder| folder.join("initdb").exists());
    let version = |folder: &Path| {
        folder.parent().unwrap().file_name().unwrap().to_str().unwrap().parse::<u32>().unwrap_or_default()
    };
    folders.sort_by_key(|folder| version(folder));
    folders.pop().expect("PostgreSQL is installed; tests/run installs it")
}

fn run(command: &mut Command) {
    // Its children outlive it, and must not hold the test's own output open.
    command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
    let status = command.status().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    assert!(status.success(), "{command:?}: {status}");
}
