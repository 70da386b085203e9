//! The command line of the benchmark.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Parser, ValueEnum};

/// Drives whole turns through the real mcpchat and shows what each of them costs
#[derive(Debug, Parser)]
#[command(
    name = "turns",
    bin_name = "cargo bench --bench turns --",
    after_help = "\
Examples:
  cargo bench --bench turns
  cargo bench --bench turns -- --only full --clients 64 --seconds 10
  cargo bench --bench turns -- --rounds 3 --json > turns.json
  cargo bench --bench turns -- --websockets 10000

To profile, start it with --hold, then with the pid it names:
  perf record -e cpu-clock -F 499 --call-graph dwarf -p PID -- sleep 10
  perf report --no-children --no-inline

PostgreSQL writes to the disk of TMPDIR. On a busy disk, TMPDIR=/dev/shm keeps the CPU times comparable."
)]
pub struct Options {
    /// How long each scenario is measured
    #[arg(long, value_name = "N", default_value_t = 5.0)]
    seconds: f64,
    /// How long each runs before that
    #[arg(long, value_name = "N", default_value_t = 1.0)]
    warm_up: f64,
    /// How many clients ask at the same time
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = [1, 16, 64, 256])]
    pub clients: Vec<usize>,
    /// Only these scenarios
    #[arg(long, value_name = "WHICH,…", value_delimiter = ',')]
    only: Vec<Only>,
    /// Repeat everything so often and print the medians
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub rounds: usize,
    /// One second each, at 1 and 64 clients
    #[arg(long)]
    quick: bool,
    /// Print JSON instead of the table
    #[arg(long)]
    pub json: bool,
    /// Keep the load of the first scenario (full replies at 64 clients, if not chosen) running until Ctrl-C
    #[arg(long)]
    pub hold: bool,
    /// Wait so long between two chunks of a stream
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pace: u64,
    /// mcpchat's `[database] max_connections`
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub database_connections: u32,
    /// Instead of turns: open so many idle WebSockets and show what one costs in memory
    #[arg(long, value_name = "N")]
    pub websockets: Option<usize>,
    /// Instead of turns: answer so often from a recording at the shell and show the CPU time of one
    #[arg(long, value_name = "N")]
    pub replays: Option<usize>,
    /// Measure this mcpchat instead of the one just built, to compare two of them
    #[arg(long, value_name = "FILE", default_value = env!("CARGO_BIN_EXE_mcpchat"), hide_default_value = true)]
    binary: PathBuf,
    /// Measure this mcpchat beside it, turn by turn on servers of its own: an older build, to compare with
    #[arg(long, value_name = "FILE")]
    beside: Option<PathBuf>,
    /// What cargo passes to every benchmark; means nothing here
    #[arg(long, hide = true)]
    bench: bool,
}

/// What `--only` can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Only {
    /// Full replies on PostgreSQL + Redis
    Full,
    /// Streams of 50 chunks on PostgreSQL + Redis
    Stream,
    /// Both on SQLite alone
    Sqlite,
}

/// Where mcpchat keeps things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setup {
    Redis,
    Sqlite,
}

/// Which mcpchat is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    This,
    Beside,
}

/// How an answer is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    Full,
    Stream,
}

/// One line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scenario {
    pub build: Build,
    pub setup: Setup,
    pub reply: Reply,
    pub clients: usize,
}

impl Build {
    /// Before the name of a set-up; nothing where there is only one.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::This => "",
            Self::Beside => "beside: ",
        }
    }
}

impl Setup {
    pub fn name(self) -> &'static str {
        match self {
            Self::Redis => "PostgreSQL + Redis",
            Self::Sqlite => "SQLite",
        }
    }
}

impl Reply {
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Stream => "stream",
        }
    }
}

impl Options {
    pub fn measured(&self) -> Duration {
        Duration::from_secs_f64(if self.quick { 1.0 } else { self.seconds })
    }

    pub fn warm_up(&self) -> Duration {
        Duration::from_secs_f64(if self.quick { 0.5 } else { self.warm_up })
    }

    pub fn pace(&self) -> Duration {
        Duration::from_millis(self.pace)
    }

    /// In the order they run: those of one set-up after another.
    pub fn scenarios(&self) -> Vec<Scenario> {
        let all = [Only::Full, Only::Stream, Only::Sqlite];
        let chosen = all.into_iter().filter(|one| self.only.is_empty() || self.only.contains(one));
        let kinds = chosen.flat_map(|one| match one {
            Only::Full => vec![(Setup::Redis, Reply::Full)],
            Only::Stream => vec![(Setup::Redis, Reply::Stream)],
            Only::Sqlite => vec![(Setup::Sqlite, Reply::Full), (Setup::Sqlite, Reply::Stream)],
        });
        let numbers: &[usize] = if self.quick { &[1, 64] } else { &self.clients };
        let builds = if self.beside.is_some() { vec![Build::This, Build::Beside] } else { vec![Build::This] };
        let scenarios = kinds.flat_map(|(setup, reply)| numbers.iter().map(move |&clients| (setup, reply, clients)));
        scenarios
            .flat_map(|(setup, reply, clients)| {
                builds.iter().map(move |&build| Scenario { build, setup, reply, clients }).collect::<Vec<_>>()
            })
            .collect()
    }

    /// The file of a build.
    pub fn binary(&self, build: Build) -> &Path {
        match (build, &self.beside) {
            (Build::Beside, Some(beside)) => beside,
            (Build::Beside | Build::This, _) => &self.binary,
        }
    }

    /// The one scenario of `--hold`.
    pub fn held(&self) -> Option<Scenario> {
        let scenarios = self.scenarios();
        scenarios.iter().find(|it| it.clients == 64).or(scenarios.first()).copied()
    }
}
