//! mcpchat: a multi-user chat service for language models, its administration, and one-shot questions, in one binary.
//!
//! The modules stand on floors; each imports only from lower ones, and a test holds them to it.
//!
//! | floor | module | what it is |
//! |---|---|---|
//! | 6 | `main` | parse, run, turn an error into an exit code |
//! | 5 | `cli`, `http` | the faces: take a request apart, call `app` once, put the answer together |
//! | 4 | `eval` | what is expected of an answer, suites, templates; only `mcpchat chat` uses it |
//! | 3 | `app` | the operations; the only place where rules live |
//! | 2 | `limits` | rules and decisions; the counters, in Redis or the database |
//! | 1 | `store` | all SQL, for PostgreSQL and SQLite |
//! | 1 | `live` | the log of a running turn, and its stream in Redis |
//! | 1 | `provider` | OpenAI, Anthropic and a mock behind one call |
//! | 1 | `auth` | passwords and tokens |
//! | 1 | `transport` | accepting connections, HTTP/1 and HTTP/2, their timeouts and bounds |
//! | 0 | `model`, `event`, `clock`, `config`, `metrics`, `logging`, `terminal`, `suggestions`, `private_file`, `redis` | what all others stand on |
//!
//! To follow a message: `http::routes::messages::send` → `app::turn` (`send`, `admit`, `run`) → `store::turn_begin`,
//! `provider`, `store::turn_finish`. To follow a login: `http::routes::auth::login` → `app::identity::login`.

mod app;
mod auth;
mod cli;
mod clock;
mod config;
mod eval;
mod event;
mod http;
mod limits;
mod live;
mod logging;
mod metrics;
mod model;
mod private_file;
mod provider;
mod redis;
mod store;
mod suggestions;
mod terminal;
mod transport;

use std::process::ExitCode;

use clap::Parser;
use tokio::runtime;
use tokio_util::sync::CancellationToken;

use crate::{
    cli::{Cli, Command, Exit, Failure, Global, Serve, Signals},
    logging::LogMode,
};

/// The system's own keeps what hashing passwords takes, 19 MiB each time and thread.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // One TLS for database, Redis and providers; only the first call can install it, and this is the first.
    rustls::crypto::ring::default_provider().install_default().ok();
    cli::run_completer();
    // With huge pages, which the allocator asks for, a turn costs some 5 % less and an idle process twice the memory.
    rustix::thread::disable_transparent_huge_pages(true).ok();
    let cli = Cli::parse();
    let speaker = if matches!(cli.command, Command::Serve(_)) { LogMode::Service } else { LogMode::Command };
    let _log = logging::init(speaker, cli.global.verbose, cli.global.color);
    let runtime = runtime::Builder::new_multi_thread().enable_all().build().expect("a process may have threads");
    let outcome = runtime.block_on(run(cli.command, &cli.global));
    // An abandoned read of standard input must not hold the process up.
    runtime.shutdown_background();
    outcome
        .unwrap_or_else(|failure| {
            failure.report(&cli.global.out());
            failure.exit()
        })
        .into()
}

async fn run(command: Command, global: &Global) -> Result<Exit, Failure> {
    match command {
        Command::Serve(serve) => Box::pin(run_service(&serve, global)).await,
        Command::Openapi(openapi) => openapi.print(&http::description()),
        other => cli::run(other, global).await,
    }
}

async fn run_service(serve: &Serve, global: &Global) -> Result<Exit, Failure> {
    Signals::ignore_others()?;
    let app = serve.prepare(global).await?;
    app.start_maintenance();
    let stop = CancellationToken::new();
    let (out, announced) = (global.out(), app.clone());
    let announce = |at: http::Addresses| serve.announce(&announced, at.api, at.metrics, &out);
    let mut signals = Signals::new()?;
    let serving = http::serve(app.clone(), stop.clone(), announce);
    tokio::pin!(serving);
    tokio::select! {
        outcome = &mut serving => return ended(outcome),
        () = signals.next() => stop.cancel(),
    }
    tokio::select! {
        outcome = &mut serving => ended(outcome),
        () = signals.next() => {
            app.halt().await;
            Ok(Exit::Interrupted)
        }
    }
}

/// The only thing that serving fails on is where it should listen, which is a matter of the configuration.
fn ended(outcome: std::io::Result<()>) -> Result<Exit, Failure> {
    outcome.map(|()| Exit::Done).map_err(|error| app::Error::Setup(error.to_string()).into())
}
