//! The crash sweep: during one scripted turn the server is killed at its first write, its second, and so on, until the turn
//! comes through unharmed; each time it is started again, the client goes on, and the checker looks at everything.
//!
//! `strace` counts and kills, at the entry of the call, so that the write itself is not done. It counts each kind of call
//! in each thread by itself; therefore each kind has its own sweep, and the server has one thread for all connections and
//! one connection to the database. A part of the writes is swept in `tests/run`, all of them by `tests/chaos --sweep`.

use std::{env, process::Command, sync::Arc};

use rand::{SeedableRng, rngs::StdRng};

use super::{
    Storm, check,
    client::{Client, Habits},
    cluster::Cluster,
    configured,
    ledger::Ledger,
    line::Way,
    provider,
    script::{Fate, Script},
};
use crate::harness::{Setup, World, eventually, process::Process};

mod a_kill_at_any_write_breaks_no_promise {
    a_test!(sqlite: super::a_kill_at_any_write_breaks_no_promise, Sqlite);
    a_test!(#[ignore = "needs PostgreSQL and Redis: tests/run starts them"] redis: super::a_kill_at_any_write_breaks_no_promise, Redis);
}

/// The whole sweep is done for each way by itself.
async fn a_kill_at_any_write_breaks_no_promise(setup: Setup) {
    if env::var_os("MCPCHAT_CRASH_SWEEP").is_none() {
        return sweep(setup, &Way::ALL, Step::Growing).await;
    }
    for ways in [&[Way::Json][..], &[Way::Sse], &[Way::Socket]] {
        sweep(setup, ways, Step::One).await;
    }
}

/// From one write to the next at which the server is killed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    One,
    /// As Fibonacci's numbers: close together where most happens.
    Growing,
}

/// The calls by which something leaves the process: for sockets, for files, and for both.
const WRITES: [&str; 6] = ["sendto", "writev", "write", "pwrite64", "fdatasync", "fsync"];

const KILLS: &str = "kills at a write";

async fn sweep(setup: Setup, ways: &'static [Way], by: Step) {
    let provider = provider().await;
    let world = configured(World::new(setup).await, &provider).set("database.max_connections", 1);
    let cluster = Cluster::start(world, None, 1).await;
    let storm = Arc::new(Storm { ledger: Ledger::default(), cluster, provider });
    let person = storm.cluster.person("ada").await;
    let habits = Habits { ways, cuts: None, cancels: None, repeats: Some(1) };
    for write in WRITES {
        let (mut number, mut step) = (1, 1);
        loop {
            let name = format!("{write}-{number}");
            let client =
                Client::new(name.clone(), StdRng::seed_from_u64(number), habits, person.clone(), Arc::clone(&storm));
            if one_turn(&storm, client, &name, write, number).await == Came::Through {
                break;
            }
            (number, step) = if by == Step::One { (number + 1, 1) } else { (number + step, number) };
        }
    }
    check::all(&storm).await;
    let (report, broken) = (check::report(&storm).await, storm.ledger.violations().len());
    eprintln!("crash sweep {ways:?} on {setup:?}: {} kills, {broken} violations", storm.ledger.counted(KILLS));
    let evidence = check::evidence(&storm).await;
    drop(storm);
    assert_eq!(broken, 0, "{report}\n{evidence}");
}

#[derive(PartialEq)]
enum Came {
    Through,
    Down,
}

/// One turn, during which the server is killed at one write.
async fn one_turn(storm: &Arc<Storm>, mut client: Client, name: &str, write: &str, number: u64) -> Came {
    let cluster = &storm.cluster;
    let Some(strace) = Strace::kill_at(cluster, write, number).await else {
        // It had got the signal already, after the last turn had come through.
        start_again(storm).await;
        return Box::pin(one_turn(storm, client, name, write, number)).await;
    };
    let script =
        Script { tag: name.to_owned(), words: 6, pause: std::time::Duration::from_millis(2), fate: Fate::Done };
    let exchange = async { client.exchange(&script).await };
    tokio::pin!(exchange);
    let died = async { eventually("the server to die", async || cluster.has_died(0).await.then_some(())).await };
    tokio::select! {
        () = &mut exchange => {
            strace.let_go().await;
            if cluster.answers(0).await {
                return Came::Through;
            }
            // Killed by the last words about it.
            start_again(storm).await;
            return Came::Down;
        }
        () = died => {}
    }
    tokio::join!(start_again(storm), exchange);
    Came::Down
}

async fn start_again(storm: &Storm) {
    storm.ledger.count(KILLS);
    storm.cluster.kill(0).await;
    // The lease would run out in half a minute.
    let aged = "update turns set lease_until = '2000-01-01T00:00:00+00:00' where state = 'running'";
    storm.cluster.world.database.execute(aged).await;
    storm.cluster.launch(0).await;
}

struct Strace(Process);

impl Strace {
    /// Returns when it has attached itself; `None` if there is nothing left to attach to.
    async fn kill_at(cluster: &Cluster, write: &str, number: u64) -> Option<Self> {
        let pid = cluster.pid(0).await;
        let mut command = Command::new("strace");
        command.args(["-f", "-o", "/dev/null", "-e", &format!("trace={write}")]);
        command.args(["-e", &format!("inject={write}:signal=KILL:when={number}"), "-p", &pid.to_string()]);
        let mut process = Process::start("strace", &mut command);
        let is_attached = eventually("strace to attach", async || {
            // In this order: what it said before it ended is there when it has ended.
            let has_ended = process.has_ended();
            let is_attached = process.lines().iter().any(|line| line.contains("attached"));
            (is_attached || has_ended).then_some(is_attached)
        })
        .await;
        if is_attached {
            return Some(Self(process));
        }
        let said = process.lines().join("\n");
        assert!(!cluster.answers(0).await, "the crash sweep needs ptrace, which is not permitted here: {said}");
        None
    }

    async fn let_go(mut self) {
        if !self.0.has_ended() {
            self.0.signal("KILL");
        }
        self.0.exit_code().await;
    }
}
