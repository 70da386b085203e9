//! Redis as production runs it: a master watched by sentinels, and a cluster whose keys move, under turns that go on.

use std::time::Duration;

use crate::harness::{Cluster, Load, Outcome, Person, Sentinels, Server, Setup, Value, World, eventually};

on_redis! {
    a_master_that_is_killed_is_followed_by_its_replica
    a_master_that_hangs_is_followed_by_its_replica
    a_master_that_is_demoted_is_left
    the_keys_of_a_cluster_are_followed_while_they_move
    a_node_of_a_cluster_can_be_emptied
    a_node_of_a_cluster_that_is_killed_is_followed_by_its_replica
}

/// What is promised once the dependency is back.
const RECOVERS_IN: Duration = Duration::from_secs(5);
/// A command timeout is 250 ms; the rest is a busy machine.
const REFUSED_IN: Duration = Duration::from_secs(2);

/// A server that counts in Redis or not at all, and somebody who talks to it.
struct Scene {
    world: World,
    server: Server,
    ada: Person,
}

impl Scene {
    async fn new(world: World, url: String) -> Self {
        let world = world.set("redis.url", url).set("redis.on_failure", "refuse");
        let world = world.limit("at-once", "turns", 1000, "").limit("often", "messages", 1_000_000, "24h");
        let server = world.serve().await;
        let ada = server.person("ada").await;
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
    let from = cluster.owner().await;
    let to = (from + 1) % 3;
    cluster.move_slot(from, to, async |_| load.goes_on(RECOVERS_IN).await).await;
    cluster.move_slot(to, from, async |_| load.goes_on(RECOVERS_IN).await).await;
    let outcomes = load.end().await;
    scene.is_whole(&outcomes).await;
    assert!(outcomes.iter().all(Outcome::is_good), "nobody noticed");
    assert_eq!(scene.said("redis is away").len(), 0);
    assert_eq!(scene.said("have moved to another node").len(), 2);
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

async fn a_node_of_a_cluster_that_is_killed_is_followed_by_its_replica(setup: Setup) {
    let world = World::new(setup).await;
    let cluster = Cluster::start(world.home()).await;
    let scene = Scene::new(world, cluster.url()).await;
    let load = scene.load().await;
    let owner = cluster.owner().await;
    cluster.nodes[owner].kill().await;
    eventually("the replica to take over", async || cluster.nodes[3].is_a("master").await.then_some(())).await;
    scene.heals(load).await;
}
