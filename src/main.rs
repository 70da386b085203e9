//! mcpchat: a multi-user chat service for language models, its administration, and one-shot questions, in one binary.
//!
//! # Map
//!
//! A module imports only from lower floors and from its own; the faces (`cli`, `http`) never from the means of the
//! operations (`store`, `limits`, `live`, `provider`, `auth`). `tests/it/structure.rs` holds both.
//!
//! | floor | module | what it is |
//! |---|---|---|
//! | 6 | `main` | parse, run, turn an error into an exit code |
//! | 5 | `cli`, `http` | the faces: take a request apart, call `app` once, put the response together |
//! | 4 | `eval` | expectations, suites of cases, templates; only `mcpchat chat` uses it |
//! | 3 | `app` | the operations, the only place where rules live: `turn`, `limits`, `identity`, `admin`, `ops` |
//! | 2 | `limits` | rules and decisions (pure); `Counters`, in Redis or the database |
//! | 1 | `store` | all SQL, for PostgreSQL and SQLite |
//! | 1 | `live` | running turns: their event logs, and the streams and notes of them in Redis |
//! | 1 | `provider` | OpenAI, Anthropic, compatible servers, cassettes and a mock behind one call |
//! | 1 | `auth` | passwords, tokens, API keys, signing keys |
//! | 1 | `transport` | accepting connections, HTTP/1 and HTTP/2, their timeouts and bounds |
//! | 0 | `model`, `event`, `config`, `metrics`, `logging`, `clock`, `redis`, `terminal`, `suggestions`, `private_file` | what all others stand on |
//!
//! A message: `http::routes::messages` → `app::turn` (`send`, `admit`, `run`) → `app::limits::enforce` → `limits::Counters`,
//! `store::turn_begin`, `app::turn::provider_calls` → `provider`, `store::turn_finish`; its events: `live::EventLog` →
//! `app::turn::subscription` → `http::sse` or `http::ws`. A login: `http::routes::auth` → `app::identity::login`.
//!
//! # Vocabulary
//!
//! One word for one thing, the same in SQL, Rust, JSON, logs, metrics and flags.
//!
//! | word | what it is |
//! |---|---|
//! | turn | one message and its reply, durable from its admission to its stored end |
//! | attempt | one call of a provider for a turn; a turn may need several |
//! | event | what a turn's readers see: `turn`, `delta`s, `done` or `error`; numbered from 1 (`event::numbering`) |
//! | subscription | a reader's position among the events of a turn, here or on another replica |
//! | replay | the events of an ended turn, from the database; also: a recorded reply played by `chat --replay` |
//! | draft | the stored part of a reply whose turn still runs |
//! | lease | the time for which a turn's owner, or the replica without Redis, need not be heard of |
//! | fence | a number that rises with each owner of a turn, so that an earlier one cannot write |
//! | replica | one serving process among several on the same database |
//! | conversation, message | what is stored of a dialogue, in order |
//! | rule | one `[[limits]]` entry or a built-in limit on logins; a *quota* is a rule that counts tokens or cost |
//! | subject | whose use a rule counts: a user, key, address, login name, session, or all |
//! | limit request | all that one request takes under all rules, in one step, all or nothing |
//! | reservation | what a running turn holds of its rules until it is settled by its real usage |
//! | reconciliation | settling the reservations of processes that are gone |
//! | counter backend | where counters are: Redis, or the database; `limits::Counters` chooses |
//! | override | another maximum of a rule for one user, with an end and a reason |
//! | refusal, violation | one refused request; the refusals of one subject and rule, counted |
//! | revocation | the end of a session, key or account, told to every replica (`app::identity::revocations`) |
//! | act | an administrative change, committed together with its audit row |
//! | checkpoint | a signed statement that an audit row had this hash at this time |
//! | dry run | an act that is carried out and rolled back, to show its audit rows |
//! | cassette, recording | a folder of recorded provider exchanges; one of them |
//! | case, suite, expectation | a question with what its reply must be; a file of them; one condition |
//! | problem | an error that leaves the program (RFC 9457), with a stable `code` |
//!
//! # Where do I add …
//!
//! | … | files to touch |
//! |---|---|
//! | a provider | `provider/NAME.rs`, `provider/NAME_stream.rs`, `provider/mod.rs` (`Provider`), `provider/call.rs`, `config/mod.rs` (`ProviderKind`), `config/providers.rs`; its documented streams in `tests/fixtures/NAME`, read by `provider/recorded.rs` |
//! | a model server's way of failing | `provider/error_body/phrases.rs` or `shapes.rs` |
//! | a kind of limit | `config/limits.rs` (`Count`), `limits/rule.rs` (`Kind`), `limits/decide.rs` with `limits/redis/take.lua`, `limits/settle.rs`, `limits/conformance/model.rs`, `app/limits/enforce.rs` (what a turn takes), `app/limits/view.rs` (its unit) |
//! | an admin action | an `impl App` in `app/admin/` that ends in `App::enact`, a route in `http/routes/admin/`, a command in `cli/`; its row in `tests/it/audit_coverage.rs`, which fails without it |
//! | a command | `cli/NAME.rs` (arguments and `run`), `cli/mod.rs`; then `MCPCHAT_BLESS=1 cargo test --test it generated::` writes man pages and completions |
//! | a migration | `migrations/postgres/NNNN_name.sql` and the same name in `migrations/sqlite` |
//! | a metric | `metrics/mod.rs` (its doc comment is the help text), and the line that counts it |
//! | a sampling parameter | `model/sampling.rs` (its bounds), `http/message_request.rs`, `provider/anthropic.rs`, `http/openapi/examples.rs`; OpenAI's and recordings take all of `Sampling` |
//! | a route | `http/routes/RESOURCE.rs`, for a new resource also `http/routes/mod.rs`; bless as above for `openapi.json` |
//! | a configuration key | `config/mod.rs`, `config/sections.rs`, `config/example.toml` |
//! | a check of `doctor` | `app/ops/doctor/NAME.rs`, `app/ops/doctor/mod.rs` |

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
