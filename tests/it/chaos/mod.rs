//! Chaos: replicas on one PostgreSQL and Redis, clients that send, are cut off, resume, cancel and repeat, and faults at random
//! on all of them. Afterwards a checker holds what the clients were told against the database, Redis and the provider's own
//! log. `tests/chaos` runs the same for longer; the seed gives the same schedule of faults and messages again, though not
//! the same interleaving.

mod admin;
mod check;
mod client;
mod cluster;
mod faults;
mod ledger;
mod line;
mod script;
mod sweep;

use std::{
    collections::HashMap,
    env,
    path::Path,
    sync::{Arc, Mutex},
};

use rand::{SeedableRng, rngs::StdRng};

use self::{
    client::{Client, Habits},
    cluster::Cluster,
    ledger::Ledger,
    script::Script,
};
use crate::harness::{Postgres, Provider, Setup, World};

on_redis! { a_storm_breaks_no_promise }

/// What all participants of the storm share.
struct Storm {
    ledger: Ledger,
    cluster: Cluster,
    provider: Provider,
}

/// How long and how hard. `tests/chaos` says it by the environment.
struct Plan {
    seed: u64,
    kills: u64,
    replicas: usize,
    clients: usize,
}

impl Plan {
    fn given() -> Self {
        let number = |name: &str| {
            let value = env::var(format!("MCPCHAT_CHAOS_{name}")).ok()?;
            Some(value.parse().unwrap_or_else(|_| panic!("{name} is no number: {value}")))
        };
        Self {
            seed: number("SEED").unwrap_or_else(|| rand::random_range(0..1_000_000)),
            kills: number("KILLS").unwrap_or(12),
            replicas: number("REPLICAS").map_or(3, |number| usize::try_from(number).unwrap()),
            clients: number("CLIENTS").map_or(48, |number| usize::try_from(number).unwrap()),
        }
    }
}

/// People who share the clients among them.
const PEOPLE: [&str; 3] = ["ada", "bob", "cleo"];

async fn a_storm_breaks_no_promise(_setup: Setup) {
    let plan = Plan::given();
    let Plan { seed, kills, replicas, clients } = plan;
    eprintln!("chaos: seed {seed}, {kills} kills, {replicas} replicas, {clients} clients");
    let provider = provider().await;
    let postgres = Postgres::start().await;
    let world = configured(World::durable(&postgres).await, &provider);
    let storm = Arc::new(Storm {
        ledger: Ledger::default(),
        cluster: Cluster::start(world, Some(postgres), replicas).await,
        provider,
    });
    let talking = begin_to_talk(&storm, seed, clients).await;
    let administering = begin_to_administer(&storm, seed).await;
    faults::rage(&storm, seed, kills).await;
    storm.ledger.close();
    for client in talking {
        if let Err(error) = client.await {
            storm.ledger.violation("what is said makes sense", error.to_string());
        }
    }
    let acts = administering.await.expect("an administrator who keeps count");
    check::all(&storm).await;
    admin::check(&storm, &acts).await;
    let (report, broken) = (check::report(&storm).await, storm.ledger.violations().len());
    eprintln!("{report}");
    let evidence = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("chaos-{seed}.log"));
    if broken > 0 {
        std::fs::write(&evidence, check::evidence(&storm).await).unwrap();
    }
    drop(storm);
    assert_eq!(broken, 0, "violations with seed {seed}; what the replicas said is in {}", evidence.display());
}

async fn provider() -> Provider {
    let provider = Provider::start().await;
    let calls = Mutex::<HashMap<String, usize>>::default();
    provider.answers(move |call| {
        let script = Script::read(&call.question()).expect("only the clients' messages are asked");
        let mut calls = calls.lock().unwrap();
        let number = calls.entry(script.tag.clone()).or_default();
        *number += 1;
        script.play(*number)
    });
    provider
}

fn configured(world: World, provider: &Provider) -> World {
    let address = provider.address();
    let model = "name = 'fake'\nprovider = 'fake'\nmax_output_tokens = 4096\nprice = { input = 1.0, output = 2.0 }";
    let timeouts = "timeouts = { connect = '2s', first_token = '3s', idle = '3s', total = '30s' }";
    let openai =
        format!("name = 'fake'\nkind = 'openai'\nbase_url = 'http://{address}/v1'\napi_key = 'sk'\n{timeouts}");
    world
        .add("providers", &openai)
        .add("models", model)
        .set("auth.access_token_ttl", "10h")
        .set("server.drain_timeout", "3s")
        .without_limits()
        .limit("at-once", "turns", 1000, "")
        .limit("tokens-a-day", "tokens", 100_000_000_000, "day")
}

async fn begin_to_administer(storm: &Arc<Storm>, seed: u64) -> tokio::task::JoinHandle<Vec<String>> {
    let world = &storm.cluster.world;
    world.add_user("dora").await;
    world.add_admin("root").await;
    let root = storm.cluster.login("root").await;
    tokio::spawn(admin::administer(Arc::clone(storm), root, StdRng::seed_from_u64(seed ^ 0xad31)))
}

/// Makes the accounts and sends the clients off.
async fn begin_to_talk(storm: &Arc<Storm>, seed: u64, clients: usize) -> Vec<tokio::task::JoinHandle<()>> {
    let mut people = Vec::new();
    for name in PEOPLE {
        people.push(storm.cluster.person(name).await);
    }
    let client = |number: usize| {
        let person = people[number % people.len()].clone();
        let random = StdRng::seed_from_u64(seed ^ (0xc11e_0000 + number as u64));
        tokio::spawn(Client::new(format!("c{number}"), random, Habits::WILD, person, Arc::clone(storm)).talk())
    };
    (0..clients).map(client).collect()
}
