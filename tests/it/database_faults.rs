//! The database killed, hanging and full, with turns under way: nothing that was accepted is lost or done twice, a
//! request meanwhile is refused in time, and soon after its return all is as before.

use std::time::Duration;

use crate::harness::{
    Disk, Load, Outcome, Postgres, Provider, Server, Setup, UnderWay, Value, World, eventually, within,
};

on_database_servers! {
    a_database_that_is_killed_comes_back
    a_database_that_hangs_comes_back
    a_database_that_is_full_is_waited_for
}

on_sqlite! { a_file_that_cannot_grow_is_waited_for }

on_every_setup! { a_turn_stored_unheard_does_not_run_for_ever }

/// What is promised once the dependency is back.
const RECOVERS_IN: Duration = Duration::from_secs(5);
/// Ten seconds for a statement that hangs, three for a connection to give back what was taken; the rest is a busy machine.
const REFUSED_IN: Duration = Duration::from_secs(16);
/// Over which it is measured how much is computed while there are no requests; longer than a connection is waited for.
const OUTAGE: Duration = Duration::from_secs(4);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing is answered.
    Away,
    /// It can be read.
    Full,
}

/// What all outages have in common. `begin` and `end` return when it has begun and ended.
async fn an_outage(world: World, kind: Kind, begin: impl AsyncFnOnce(), end: impl AsyncFnOnce()) {
    let (world, provider, server, ada) = world.limit("at-once", "turns", 1000, "").with_provider_and_ada().await;
    let under_way = UnderWay::begin(&ada, &provider).await;
    let load = Load::of((0..2).map(|_| ada.clone()));
    load.goes_on(RECOVERS_IN).await;

    begin().await;
    // A client whose message was accepted waits for the reply until it can be stored.
    load.stop();
    let late = Load::of([ada.clone()]);
    late.is_refused().await;
    late.stop();
    if kind == Kind::Away {
        server.stranger().get("/readyz").await.problem(503, "database_unavailable");
    }
    server.stranger().get("/livez").await.ok(200);
    // Their replies come while nothing can be stored.
    let under_way = tokio::spawn(under_way.ends_well());
    let computed = server.process.computed();
    tokio::time::sleep(OUTAGE).await;
    let computed = server.process.computed() - computed;
    assert!(computed < OUTAGE / 5, "{computed:?} computed in {OUTAGE:?}");

    let later = Load::of((0..2).map(|_| ada.clone()));
    end().await;
    later.goes_on(RECOVERS_IN).await;
    tokio::time::timeout(REFUSED_IN, under_way).await.expect("what was under way ends").unwrap();
    let outcomes = [load.end().await, late.end().await, later.end().await].concat();
    nothing_is_lost_or_done_twice(&world, &provider, &outcomes).await;
    let told = || (said(&server, "the database is away"), said(&server, "the database is back"));
    // The task that notices it may still be waiting for a query of the outage.
    let once = async || (told() == (1, 1) || kind == Kind::Full && told() == (0, 0)).then_some(());
    within(REFUSED_IN, "the outage and its end to be told once", once).await;
}

async fn nothing_is_lost_or_done_twice(world: &World, provider: &Provider, outcomes: &[Outcome]) {
    let refused: Vec<Duration> = outcomes.iter().filter(|one| !one.is_good()).map(|one| one.took).collect();
    let slowest = *refused.iter().max().unwrap();
    assert!(slowest < REFUSED_IN, "a refusal took {slowest:?}");
    let count = async |query| world.database.number(query).await;
    // Three were under way.
    let done = 3 + (outcomes.len() - refused.len()) as i64;
    assert_eq!(count("select count(*) from turns where state = 'completed'").await, done);
    assert_eq!(count("select count(*) from messages where role = 'assistant'").await, done);
    assert_eq!(provider.calls().len() as i64, done);
    // A message may have been stored although its sender was told otherwise.
    let others = count("select count(*) from turns where state <> 'completed'").await;
    assert!(others <= refused.len() as i64, "{others} turns of {} refused messages", refused.len());
    assert_eq!(count("select count(*) from attempts").await, done + others);
}

fn said(server: &Server, words: &str) -> usize {
    let says = |line: &&Value| line["message"].as_str().is_some_and(|text| text.contains(words));
    server.log().iter().filter(says).count()
}

async fn a_database_that_is_killed_comes_back(setup: Setup) {
    let postgres = Postgres::start().await;
    let world = World::new(setup).await.on(&postgres);
    an_outage(world, Kind::Away, async || postgres.kill(), async || postgres.restart()).await;
}

async fn a_database_that_hangs_comes_back(setup: Setup) {
    let postgres = Postgres::start().await;
    let world = World::new(setup).await.on(&postgres);
    an_outage(world, Kind::Away, async || postgres.freeze(), async || postgres.thaw()).await;
}

async fn a_database_that_is_full_is_waited_for(setup: Setup) {
    let Some(postgres) = Postgres::start_on_small_disk().await else {
        return eprintln!("skipped: only root may mount the small file system that this test fills");
    };
    let world = World::new(setup).await.on(&postgres);
    an_outage(world, Kind::Full, async || postgres.fill_disk(), async || postgres.free_disk().await).await;
}

async fn a_file_that_cannot_grow_is_waited_for(setup: Setup) {
    let world = World::new(setup).await;
    let place = world.home().join("small");
    std::fs::create_dir(&place).unwrap();
    // Room for the write-ahead log beside the file, as it grows before the first checkpoint.
    let Some(disk) = Disk::mount(&place, 32) else {
        return eprintln!("skipped: only root may mount the small file system that this test fills");
    };
    let world = world.in_file(&place.join("mcpchat.db"));
    an_outage(world, Kind::Full, async || disk.fill(), async || disk.free()).await;
}

/// The database failed between a commit and its acknowledgement: the sender was told that it failed, and no task runs
/// the turn, although its owner is well and says of others that they run.
async fn a_turn_stored_unheard_does_not_run_for_ever(setup: Setup) {
    let (world, provider, _server, ada) = World::new(setup).await.with_provider_and_ada().await;
    let under_way = UnderWay::begin(&ada, &provider).await;
    let id = if setup == Setup::Sqlite { "randomblob(16)" } else { "gen_random_uuid()" };
    let of_it = "from turns where conversation_id = (select id from conversations where model = 'unheard')";
    let unheard = format!(
        "insert into conversations (id, user_id, model, next_position, created_at, updated_at) \
         select {id}, user_id, 'unheard', 3, created_at, updated_at from conversations limit 1; \
         insert into turns (id, conversation_id, user_id, user_message_id, assistant_message_id, model, state, owner, fence, \
         lease_until, created_at) select {id}, (select id from conversations where model = 'unheard'), user_id, {id}, {id}, model, \
         state, owner, fence, '2020-01-01 00:00:00+00:00', created_at from turns where state = 'running' limit 1; \
         insert into messages (id, conversation_id, turn_id, position, role, content, state, created_at) \
         select user_message_id, conversation_id, id, 1, 'user', '[]', 'complete', created_at {of_it}; \
         insert into attempts (id, turn_id, number, provider, model, started_at, user_id) \
         select {id}, id, 1, 'none', model, created_at, user_id {of_it}"
    );
    world.database.try_run(unheard).await.unwrap();
    eventually("it to be ended", async || {
        let query = "select count(*) from turns where state = 'interrupted'";
        (world.database.number(query).await == 1).then_some(())
    })
    .await;
    under_way.ends_well().await;
}
