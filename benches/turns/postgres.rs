//! A PostgreSQL of one's own, as one would run it: commits are on the disk (`fsync`, `synchronous_commit`) before they
//! are answered. It counts statements (`pg_stat_statements`).

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use sqlx::{Connection, PgConnection};
use tokio::time::sleep;

use crate::{
    Result,
    child::{As, Child, command, free_port, is_root, last_words, run},
};

pub struct Postgres {
    child: Child,
    pub url: String,
    counting: PgConnection,
}

impl Postgres {
    pub async fn start(home: &Path) -> Result<Self> {
        let (bin, home) = (installed()?, home.join("postgres"));
        let data = home.join("data");
        fs::create_dir(&home)?;
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(&home))?;
        }
        let mut initdb = command(bin.join("initdb"), As::Postgres, "KILL");
        run(initdb.arg("-D").arg(&data).args([
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        ]))?;

        let (port, log) = (free_port()?, home.with_extension("log"));
        let mut server = command(bin.join("postgres"), As::Postgres, "QUIT");
        server.arg("-D").arg(&data).args(settings(port, &home));
        let mut child = Child::start(&mut server, "QUIT", &log)?;
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
        let counting = loop {
            if let Ok(connection) = PgConnection::connect(&url).await {
                break connection;
            }
            if child.has_ended() {
                return Err(format!("PostgreSQL does not start:\n{}", last_words(&log)).into());
            }
            sleep(Duration::from_millis(50)).await;
        };
        let mut started = Self { child, url, counting };
        sqlx::query("create extension pg_stat_statements").execute(&mut started.counting).await?;
        Ok(started)
    }

    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// How many statements it has carried out, but for those that ask this.
    pub async fn statements(&mut self) -> Result<u64> {
        let count = "select coalesce(sum(calls), 0)::bigint from pg_stat_statements where query not like '%pg_stat_%'";
        let count: i64 = sqlx::query_scalar(count).fetch_one(&mut self.counting).await?;
        Ok(count.unsigned_abs())
    }
}

fn settings(port: u16, home: &Path) -> Vec<String> {
    let set = [
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={port}"),
        format!("unix_socket_directories={}", home.display()),
        "shared_preload_libraries=pg_stat_statements".to_owned(),
        "fsync=on".to_owned(),
        "synchronous_commit=on".to_owned(),
    ];
    set.into_iter().flat_map(|setting| ["-c".to_owned(), setting]).collect()
}

/// The newest of the installed versions.
fn installed() -> Result<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let bins = versions.map(|version| version.path().join("bin")).filter(|bin| bin.join("initdb").exists());
    bins.max().ok_or_else(|| "no PostgreSQL in /usr/lib/postgresql; install `postgresql`".into())
}
