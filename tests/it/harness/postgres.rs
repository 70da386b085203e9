//! A PostgreSQL of the test's own, which it may kill, stop in the middle of things, and fill up. It keeps what it has
//! promised to keep: unlike the server that all tests share, it commits before it says so.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use sqlx::{Connection, PgConnection};
use tempfile::TempDir;

use super::{eventually, redis::free_port};

pub struct Postgres {
    home: TempDir,
    bin: PathBuf,
    port: u16,
    /// The small file system it is on, if it is.
    disk: Option<Disk>,
    fsync: &'static str,
}

impl Postgres {
    pub async fn start() -> Self {
        Self::prepared(None, "off").await.expect("nothing can stand in the way")
    }

    /// One that also survives a crash of the machine, as one in production does.
    pub async fn start_durable() -> Self {
        Self::prepared(None, "on").await.expect("nothing can stand in the way")
    }

    /// On a disk of its own that can be filled. `None`: only root may make one.
    pub async fn start_on_small_disk() -> Option<Self> {
        Self::prepared(Some(128), "off").await
    }

    async fn prepared(megabytes: Option<u32>, fsync: &'static str) -> Option<Self> {
        let home = tempfile::Builder::new().prefix("mcpchat-postgres-").tempdir_in("/tmp").unwrap();
        let disk = match megabytes {
            Some(megabytes) => Some(Disk::mount(home.path(), megabytes)?),
            None => None,
        };
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(home.path()));
        }
        let mut postgres = Self { home, bin: bin(), port: 0, disk, fsync };
        let data = postgres.data();
        let made =
            ["-D", data.to_str().unwrap(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"];
        run(postgres.command("initdb").args(made).args(["--wal-segsize=1"]));
        for _ in 0..5 {
            postgres.port = free_port();
            if postgres.try_start().status.success() {
                return Some(postgres);
            }
        }
        panic!(
            "PostgreSQL does not start: {}",
            fs::read_to_string(postgres.home.path().join("log")).unwrap_or_default()
        );
    }

    fn try_start(&self) -> Output {
        let home = self.home.path().display();
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories={home} -c max_connections=60 -c fsync={} \
             -c min_wal_size=2MB -c max_wal_size=8MB -c shared_buffers=16MB",
            self.port, self.fsync
        );
        let log = self.home.path().join("log");
        let mut start = self.command("pg_ctl");
        start.arg("-D").arg(self.data()).arg("-l").arg(log).args(["-w", "-t", "60", "-s", "-o", &options, "start"]);
        start.output().unwrap()
    }

    /// From now on it also speaks TLS, with this certificate and its key.
    pub async fn speak_tls(&self, certificate: &Path, key: &Path) {
        for (from, to) in [(certificate, "server.crt"), (key, "server.key")] {
            let to = self.data().join(to);
            fs::copy(from, &to).unwrap();
            run(Command::new("chmod").arg("600").arg(&to));
            if is_root() {
                run(Command::new("chown").arg("postgres").arg(&to));
            }
        }
        let mut connection = PgConnection::connect(&format!("{}?sslmode=disable", self.url())).await.unwrap();
        for statement in ["alter system set ssl = on", "select pg_reload_conf()"] {
            sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
        }
        // New sessions know of it once the server has read its files again.
        eventually("TLS", async || {
            let mut connection = PgConnection::connect(&format!("{}?sslmode=disable", self.url())).await.unwrap();
            let on: String = sqlx::query_scalar("show ssl").fetch_one(&mut connection).await.unwrap();
            (on == "on").then_some(())
        })
        .await;
    }

    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Ends it at once, in the middle of whatever it does.
    pub fn kill(&self) {
        run(self.command("pg_ctl").arg("-D").arg(self.data()).args(["-m", "immediate", "-w", "-s", "stop"]));
    }

    /// Returns when it answers.
    pub fn restart(&self) {
        let started = self.try_start();
        assert!(started.status.success(), "{started:?}");
    }

    /// Stops all its processes: connections stay open, and nothing is answered.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    pub fn thaw(&self) {
        self.signal("CONT");
    }

    /// Of its processes one may end at any time.
    fn signal(&self, signal: &str) {
        for pid in self.processes() {
            let _ = Command::new("kill").arg(format!("-{signal}")).arg(pid.to_string()).stderr(Stdio::null()).status();
        }
    }

    fn processes(&self) -> impl Iterator<Item = u32> {
        let file = fs::read_to_string(self.data().join("postmaster.pid")).unwrap();
        let postmaster: u32 = file.lines().next().unwrap().parse().unwrap();
        let all = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
        let children = all.filter(move |pid| parent_of(*pid) == Some(postmaster));
        std::iter::once(postmaster).chain(children.collect::<Vec<_>>())
    }

    pub fn fill_disk(&self) {
        self.disk.as_ref().expect("it is on a small disk").fill();
    }

    /// Makes room, and returns when it answers: it may have ended for want of room.
    pub async fn free_disk(&self) {
        self.disk.as_ref().expect("it is on a small disk").free();
        eventually("PostgreSQL to answer", async || {
            let mut ready = self.command("pg_isready");
            let answers =
                ready.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]).status().unwrap().success();
            if !answers && !self.data().join("postmaster.pid").exists() {
                self.restart();
            }
            answers.then_some(())
        })
        .await;
    }

    fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// PostgreSQL refuses to run as root.
    fn command(&self, name: &str) -> Command {
        let program = self.bin.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir("/");
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Ok(file) = fs::read_to_string(self.data().join("postmaster.pid")) {
            let pid: u32 = file.lines().next().unwrap_or_default().parse().unwrap_or_default();
            if parent_of(pid).is_some() {
                self.thaw();
                let _ = self
                    .command("pg_ctl")
                    .arg("-D")
                    .arg(self.data())
                    .args(["-m", "immediate", "-w", "-s", "stop"])
                    .status();
            }
        }
        // Before the directory it is mounted on is removed.
        self.disk = None;
    }
}

/// A small file system in memory.
pub struct Disk(PathBuf);

impl Disk {
    /// `None`: this user may not mount one.
    pub fn mount(at: &Path, megabytes: u32) -> Option<Self> {
        let size = format!("size={megabytes}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).output().ok()?;
        mounted.status.success().then(|| Self(at.to_owned()))
    }

    /// Nothing more fits.
    pub fn fill(&self) {
        use std::io::Write;
        let mut file = fs::File::create(self.ballast()).unwrap();
        let block = [0; 4096];
        while file.write_all(&block).is_ok() {}
    }

    pub fn free(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat[stat.rfind(')')?..].split(' ').nth(2)?.parse().ok()
}

/// Of the newest version that is installed.
fn bin() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed; tests/run installs it");
    let mut versions: Vec<PathBuf> = versions.map(|entry| entry.unwrap().path().join("bin")).collect();
    versions.retain(|bin| bin.join("initdb").exists());
    versions.sort();
    versions.pop().expect("PostgreSQL is installed; tests/run installs it")
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
