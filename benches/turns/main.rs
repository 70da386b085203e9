//! `cargo bench --bench turns`: whole turns through the real binary, and what each of them costs.
//!
//! Everything runs on this machine: mcpchat as `serve` (built like a release), a PostgreSQL of its own with durable
//! commits, a Redis of its own, a provider that answers at once in OpenAI's words, and the clients. So the turns a
//! second are those of all of them on the same cores; the CPU time per turn, read from `/proc` for each apart, is
//! the number that other work on the machine disturbs least.
//!
//! Every turn is a new conversation: JWT, four limits over messages and one over running turns, question and answer
//! stored before the client has them. An answer that is not whole counts as an error, and any error fails the run.
//!
//! The map: `options` (the command line), `suite` (which runs, in which order), `bed` (the servers of one set-up:
//! `postgres`, `redis`, `mcpchat`, started by `child`), `provider`, `load` and `client` (the clients), `window` (one
//! stretch of time, measured), `usage` and `tally` (what is read at its two ends), `numbers` and `report` (what is
//! printed), `sockets` (idle WebSockets), `replays` (`chat` from a recording).
//!
//! To see where the time goes: `cargo bench --bench turns -- --hold --clients 64`, and in another terminal
//! `perf record -e cpu-clock -F 499 --call-graph dwarf -p <the pid it names> -- sleep 10`, then `perf report
//! --no-children --no-inline`. A release build keeps its symbols for it; `cpu-clock` works in virtual machines too.
//!
//! PostgreSQL writes to the disk that `TMPDIR` is on. Where others keep that disk busy, `TMPDIR=/dev/shm` leaves the
//! CPU times comparable; turns a second are then not those of durable commits.

#![allow(clippy::disallowed_methods, reason = "they hold for the product")]

mod bed;
mod child;
mod client;
mod load;
mod mcpchat;
mod numbers;
mod options;
mod postgres;
mod provider;
mod redis;
mod replays;
mod report;
mod sockets;
mod suite;
mod tally;
mod usage;
mod window;

use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;
use tokio::{
    runtime,
    signal::unix::{SignalKind, signal},
};

use crate::options::Options;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The servers die with the thread that has started them: everything is started from this one.
fn main() -> ExitCode {
    let options = Options::parse();
    let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a process may have a runtime");
    runtime.block_on(async {
        // Dropping what runs stops the servers and removes their files.
        tokio::select! {
            outcome = suite::run(&options) => match outcome {
                Ok(code) => code,
                Err(error) => {
                    say(&format!("error: {error}"));
                    ExitCode::FAILURE
                }
            },
            () = interrupted() => ExitCode::from(130),
        }
    })
}

async fn interrupted() {
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// Progress and complaints; the results alone go to stdout.
fn say(line: &str) {
    // stderr may be closed.
    let _ = writeln!(io::stderr(), "{line}");
}
