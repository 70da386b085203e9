//! Redis as production runs it: a master watched by sentinels, and a cluster whose keys move, under turns that go on.

use std::time::Duration;

use crate::{
    audit::exported,
    harness::{
        Cluster, Gate, Load, Outcome, Person, Provider, Reply, Sentinels, Server, Setup, Value, World, eventually,
        json, told,
    },
};

on_redis! {
    a_master_that_is_killed_is_followed_by_its_replica
    a_master_that_hangs_is_followed_by_its_replica
    a_master_that_is_demoted_is_left
    the_keys_of_a_cluster_are_followed_while_they_move
    a_node_of_a_cluster_can_be_emptied
    a_killed_cluster_node_is_replaced_by_its_replica
    a_stream_resumes_elsewhere_while_its_keys_move
    a_reset_finds_every_counter_in_a_cluster
    a_reset_finds_every_counter_behind_sentinels
}

/// What is promised once the dependency is back.
const RECOVERS_IN: Duration = Duration::from_secs(5);
/// A command timeout is 250 ms; the rest is a busy machine.
const REFUSED_IN: Duration = Duration::from_secs(2);

/// A server that counts in Redis or not at all, and a client of it.
struct Scene {
    world: World,
    server: Server,
    ada: Person,
}

impl Scene {
    async fn new(world: World, url: String) -> Self {
        let world = world.set("redis.url", url).set("redis.on_failure", "refuse");
        let world = world.limit("at-once", "turns", 1000, "").limit("often", "messages", 1_000_000, "24h");
        let (world, server, ada) = world.with_ada().await;
        Self { world, server, ada }
    }

    async fn load(&self) -> Load {
        let load = Load::of((0..4).map(|_| self.ada.clone()));
        load.goes_on(RECOVERS_IN).await;
        load
    }

    fn said(&self, words: &str) -> Vec<Value> {
        let says = |line: &Value| line["message"].as_str().is_some_and(|text| text.contains(words));
        self.server.log().into_iter().filter(says).collect()
    }

    /// Nothing was lost and nothing done twice, and refusals came in time.
    async fn is_whole(&self, outcomes: &[Outcome]) {
        let refused = outcomes.iter().filter(|one| !one.is_good());
        let slowest = refused.map(|one| one.took).max().unwrap_or_default();
        assert!(slowest < REFUSED_IN, "a refusal took {slowest:?}");
        let done = outcomes.iter().filter(|one| one.is_good()).count() as i64;
        let count = async |query| self.world.database.number(query).await;
        assert_eq!(count("select count(*) from turns where state = 'completed'").await, done);
        assert_eq!(count("select count(*) from turns").await, done);
        assert_eq!(count("select count(*) from messages").await, 2 * done);
    }

    /// Turns go on soon, and the outage was told once.
    async fn heals(&self, load: Load) {
        load.goes_on(RECOVERS_IN).await;
        let outcomes = load.end().await;
        self.is_whole(&outcomes).await;
        assert!(outcomes.iter().any(|one| !one.is_good()), "there was an outage");
        let told = (self.said("redis is away").len(), self.said("redis is back").len());
        assert_eq!(told, (1, 1), "{:#?}", self.said("redis"));
    }
}

async fn fail_over(setup: Setup, fault: impl AsyncFnOnce(&mut Sentinels)) {
    let world = World::new(setup).await;
    let mut sentinels = Sentinels::start(world.home()).await;
    let scene = Scene::new(world, sentinels.url()).await;
    let load = scene.load().await;
    fault(&mut sentinels).await;
    sentinels.is_failed_over().await;
    scene.heals(load).await;
}

async fn a_master_that_is_killed_is_followed_by_its_replica(setup: Setup) {
    fail_over(setup, async |sentinels| sentinels.servers[0].kill().await).await;
}

async fn a_master_that_hangs_is_followed_by_its_replica(setup: Setup) {
    fail_over(setup, async |sentinels| sentinels.servers[0].freeze()).await;
}

async fn a_master_that_is_demoted_is_left(setup: Setup) {
    fail_over(setup, async |sentinels| {
        sentinels.swap().await;
        eventually("the old master to be a replica", async || sentinels.servers[0].is_a("slave").await.then_some(()))
            .await;
    })
    .await;
}

async fn the_keys_of_a_cluster_are_followed_while_they_move(setup: Setup) {
    let world = World::new(setup).await;
    let cluster = Cluster::start(world.home()).await;
    let scene = Scene::new(world, cluster.url()).await;
    let load = scene.load().await;
    let eve = scene.server.person("eve").await;
    scene.world.cli(["ratelimit", "set", "eve", "often", "--max", "0", "--reason", "x"]).run().await.ended(0);
    // What is remembered of her refusals must not be made where its key has not come yet.
    let is_refused = async || {
        let refused = async || (eve.send(&json!({"content": "x"})).await.status == 429).then_some(());
        eventually("a refusal", refused).await;
    };
    is_refused().await;
    let moves = || scene.said("have moved to another node").len();
    // The node it began at may not have been the right one.
    let before = moves();
    let from = cluster.owner().await;
    let to = (from + 1) % 3;
    for (from, to) in [(from, to), (to, from)] {
        let goes_on = async |_: &str| {
            load.goes_on(RECOVERS_IN).await;
            is_refused().await;
        };
        cluster.move_slot(from, to, goes_on).await;
    }
    let outcomes = load.end().await;
    scene.is_whole(&outcomes).await;
    assert!(outcomes.iter().all(Outcome::is_good), "no client noticed: {:#?}", scene.said("redis is"));
    assert_eq!(scene.said("redis is away").len(), 0);
    assert_eq!(moves() - before, 2);
    scene.world.cli(["ratelimit", "reset", "--all", "--yes"]).run().await.ended(0);
}

async fn a_node_of_a_cluster_can_be_emptied(setup: Setup) {
    let world = World::new(setup).await;
    let cluster = Cluster::start(world.home()).await;
    let scene = Scene::new(world, cluster.url()).await;
    let load = scene.load().await;
    let from = cluster.owner().await;
    cluster.reshard(from, (from + 1) % 3).await;
    load.goes_on(RECOVERS_IN).await;
    let outcomes = load.end().await;
    scene.is_whole(&outcomes).await;
    assert!(outcomes.iter().all(Outcome::is_good), "nobody noticed");
    assert_ne!(cluster.owner().await, from);
}

async fn a_killed_cluster_node_is_replaced_by_its_replica(setup: Setup) {
    let world = World::new(setup).await;
    let cluster = Cluster::start(world.home()).await;
    let scene = Scene::new(world, cluster.url()).await;
    let load = scene.load().await;
    let owner = cluster.owner().await;
    cluster.nodes[owner].kill().await;
    eventually("the replica to take over", async || cluster.nodes[3].is_a("master").await.then_some(())).await;
    scene.heals(load).await;
}

async fn a_stream_resumes_elsewhere_while_its_keys_move(setup: Setup) {
    let provider = Provider::start().await;
    let world = World::new(setup).await.provider(&provider);
    let cluster = Cluster::start(world.home()).await;
    let scene = Scene::new(world, cluster.url()).await;
    let other = scene.world.serve().await;
    let gate = Gate::closed();
    provider.next(Reply::text(["one "]).then_wait(&gate).then("two ").then_wait(&gate).then("three"));
    let mut stream = scene.ada.stream(&json!({"content": "x"})).await;
    let turn = stream.expect("turn").await["turn_id"].clone();
    assert_eq!(stream.expect("delta").await["text"], "one ");
    drop(stream);
    let mut rest = scene.ada.at(&other).follow(&turn, 2).await;
    let from = cluster.owner().await;
    cluster
        .move_slot(from, (from + 1) % 3, async |step: &str| {
            if step == "announced" {
                gate.step();
            }
        })
        .await;
    assert_eq!(rest.expect("delta").await["text"], "two ");
    gate.step();
    let rest = rest.all().await;
    assert_eq!((told(&rest).as_str(), rest.last().unwrap().name.as_str()), ("three", "done"));
    assert_eq!(rest.last().unwrap().data["message"]["content"], "one two three");
}

/// Messages and tokens, cleared at the shell: of one user, and then of all.
async fn a_reset_finds_every_counter(scene: Scene) {
    let bob = scene.server.person("bob").await;
    for person in [&scene.ada, &scene.ada, &bob] {
        person.send(&json!({"content": "hello"})).await.ok(201);
    }
    let cli = async |line: &str| scene.world.cli(line.split(' ')).run().await.ended(0).to_owned();
    let used = async |name: &str| -> Vec<String> {
        let shown = cli(&format!("ratelimit show {name} -o plain")).await;
        let used = |line: &str| line.split('\t').nth(3).unwrap().to_owned();
        shown.lines().filter(|line| line.starts_with("hourly") || line.starts_with("tokens")).map(used).collect()
    };
    let none = ["0", "0"];
    assert!(used("ada").await.iter().all(|used| used != "0"));
    cli("ratelimit reset ada --yes").await;
    assert_eq!(used("ada").await, none);
    assert_ne!(used("bob").await, none);
    cli("ratelimit reset --all --yes").await;
    assert_eq!(used("bob").await, none);
    let resets = exported(&scene.world).await.iter().filter(|row| row["action"] == "ratelimit.reset").count();
    assert_eq!(resets, 2);
}

async fn a_reset_finds_every_counter_in_a_cluster(setup: Setup) {
    let world =
        World::new(setup).await.limit("tokens", "tokens", 1_000_000, "day").limit("hourly", "messages", 9, "1h");
    let cluster = Cluster::start(world.home()).await;
    a_reset_finds_every_counter(Scene::new(world, cluster.url()).await).await;
}

async fn a_reset_finds_every_counter_behind_sentinels(setup: Setup) {
    let world =
        World::new(setup).await.limit("tokens", "tokens", 1_000_000, "day").limit("hourly", "messages", 9, "1h");
    let sentinels = Sentinels::start(world.home()).await;
    a_reset_finds_every_counter(Scene::new(world, sentinels.url()).await).await;
}
