//! Redis killed, hanging, loading, read-only, full, and without its scripts: what clients see meanwhile.

use std::time::Duration;

use crate::harness::{Load, Outcome, Person, Provider, Redis, Server, Setup, UnderWay, Value, World, eventually};

on_redis! {
    a_redis_that_is_killed_comes_back
    a_redis_that_hangs_comes_back
    a_redis_that_loads_its_data_is_waited_for
    a_redis_that_takes_no_writes_is_waited_for
    a_redis_that_is_full_is_waited_for
    scripts_that_redis_forgets_are_loaded_again
}

/// What is promised once the dependency is back.
const RECOVERS_IN: Duration = Duration::from_secs(5);
/// A command timeout is 250 ms; the rest is a busy machine.
const REFUSED_IN: Duration = Duration::from_secs(2);
/// Over which it is measured how much is computed while there are no requests.
const OUTAGE: Duration = Duration::from_secs(2);

/// A server that counts in Redis or not at all.
async fn start(setup: Setup) -> (World, Provider, Server, Person) {
    let world = World::new(setup).await.set("redis.on_failure", "refuse");
    let world = world.limit("at-once", "turns", 1000, "").limit("often", "messages", 1_000_000, "24h");
    world.with_provider_and_ada().await
}

fn said(server: &Server, words: &str) -> usize {
    let says = |line: &&Value| line["message"].as_str().is_some_and(|text| text.contains(words));
    server.log().iter().filter(says).count()
}

/// What all outages have in common.
async fn an_outage(setup: Setup, begin: impl AsyncFnOnce(&mut Redis), end: impl AsyncFnOnce(&mut Redis)) {
    let (mut world, provider, server, ada) = start(setup).await;
    let under_way = UnderWay::begin(&ada, &provider).await;
    let load = Load::of((0..2).map(|_| ada.clone()));
    load.goes_on(RECOVERS_IN).await;

    begin(world.redis_mut()).await;
    load.is_refused().await;
    let outcomes = load.end().await;
    server.stranger().get("/readyz").await.problem(503, "redis_unavailable");
    ada.get("/api/v1/users/me").await.ok(200);
    under_way.ends_well().await;
    let computed = server.process.computed();
    tokio::time::sleep(OUTAGE).await;
    let computed = server.process.computed() - computed;
    assert!(computed < OUTAGE / 10, "{computed:?} computed in {OUTAGE:?}");

    let load = Load::of((0..2).map(|_| ada.clone()));
    end(world.redis_mut()).await;
    load.goes_on(RECOVERS_IN).await;
    let outcomes: Vec<Outcome> = outcomes.into_iter().chain(load.end().await).collect();
    let slowest = outcomes.iter().filter(|one| !one.is_good()).map(|one| one.took).max().unwrap();
    assert!(slowest < REFUSED_IN, "a refusal took {slowest:?}");
    // Three were under way.
    let done = 3 + outcomes.iter().filter(|one| one.is_good()).count() as i64;
    assert_eq!(world.database.number("select count(*) from turns where state = 'completed'").await, done);
    assert_eq!(world.database.number("select count(*) from turns").await, done);
    assert_eq!(provider.calls().len() as i64, done);
    assert_eq!((said(&server, "redis is away"), said(&server, "redis is back")), (1, 1));
}

async fn a_redis_that_is_killed_comes_back(setup: Setup) {
    an_outage(setup, async |redis| redis.kill().await, async |redis| redis.restart(&[]).await).await;
}

async fn a_redis_that_hangs_comes_back(setup: Setup) {
    an_outage(setup, async |redis| redis.freeze(), async |redis| redis.thaw()).await;
}

async fn a_redis_that_loads_its_data_is_waited_for(setup: Setup) {
    let loads = async |redis: &Redis| {
        let told: String = redis.ask(&["INFO", "persistence"]).await;
        told.contains("loading:1")
    };
    let begin = async |redis: &mut Redis| {
        for key in 0..500 {
            let key = format!("ballast-{key}");
            redis.ask::<()>(&["SET", &key, &"x".repeat(2000)]).await;
        }
        redis.ask::<()>(&["SAVE"]).await;
        redis.kill().await;
        // 20 ms for each key: ten seconds.
        redis.restart(&["--key-load-delay", "20000", "--loading-process-events-interval-bytes", "1024"]).await;
        assert!(loads(redis).await);
    };
    let end = async |redis: &mut Redis| {
        eventually("its data to be loaded", async || (!loads(redis).await).then_some(())).await;
    };
    an_outage(setup, begin, end).await;
}

async fn a_redis_that_takes_no_writes_is_waited_for(setup: Setup) {
    let begin = async |redis: &mut Redis| redis.ask::<()>(&["REPLICAOF", "127.0.0.1", "9"]).await;
    an_outage(setup, begin, async |redis| redis.ask::<()>(&["REPLICAOF", "NO", "ONE"]).await).await;
}

async fn a_redis_that_is_full_is_waited_for(setup: Setup) {
    let begin = async |redis: &mut Redis| redis.ask::<()>(&["CONFIG", "SET", "maxmemory", "1"]).await;
    an_outage(setup, begin, async |redis| redis.ask::<()>(&["CONFIG", "SET", "maxmemory", "0"]).await).await;
}

async fn scripts_that_redis_forgets_are_loaded_again(setup: Setup) {
    let (world, _provider, server, ada) = start(setup).await;
    let load = Load::of((0..4).map(|_| ada.clone()));
    for _ in 0..5 {
        load.goes_on(RECOVERS_IN).await;
        world.redis().ask::<()>(&["SCRIPT", "FLUSH"]).await;
    }
    load.goes_on(RECOVERS_IN).await;
    assert!(load.end().await.iter().all(Outcome::is_good), "nobody noticed");
    assert_eq!(said(&server, "redis is away"), 0);
}
