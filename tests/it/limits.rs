//! Limits: what a refusal says and takes, that they hold over replicas, and what happens without Redis.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};

use crate::harness::{Answer, Gate, Person, Provider, Reply, Setup, World, eventually, json};

on_every_setup! {
    a_refusal_names_the_limit_and_when_to_come_back
    a_refusal_takes_nothing
    a_refusal_stores_nothing
    a_running_turn_is_a_lease_that_is_given_back
    a_limit_is_each_users_own
    the_default_is_ten_messages_a_second
    exactly_the_limit_of_requests_at_once_is_admitted
    the_operator_shows_and_resets_counters
    a_refusal_is_counted_as_a_violation
}

on_redis! {
    three_replicas_admit_exactly_the_limit
    the_database_counts_while_redis_is_unavailable
    without_redis_requests_get_503_if_configured
    a_frozen_redis_takes_no_longer_than_its_timeout
}

async fn say(person: &Person) -> Answer {
    person.send(&json!({"content": "hello"})).await
}

async fn stored_messages(world: &World) -> i64 {
    world.database.number("select count(*) from messages").await
}

async fn a_refusal_names_the_limit_and_when_to_come_back(setup: Setup) {
    let (_world, _server, ada) = World::new(setup).await.limit("hourly", "messages", 3, "1h").with_ada().await;
    for _ in 0..3 {
        say(&ada).await.ok(201);
    }
    let refused = say(&ada).await;
    let problem = refused.problem(429, "rate_limited");
    assert_eq!((&problem["rule"], &problem["limit"], &problem["used"]), (&json!("hourly"), &json!(3), &json!(3)));
    assert!(problem["decision_id"].as_str().is_some_and(|id| !id.is_empty()), "{problem}");
    // A place is free again after a third of the hour.
    let wait = problem["retry_after_secs"].as_u64().unwrap();
    assert!((1140..=1200).contains(&wait), "{wait}");
    assert_eq!(refused.header("retry-after"), wait.to_string());
    let (policy, state) = (refused.header("ratelimit-policy"), refused.header("ratelimit"));
    assert!(policy.contains("hourly") && policy.contains("q=3") && policy.contains("w=3600"), "{policy}");
    // The header's `t` is when all of it is free again.
    assert_eq!(state, r#""hourly";r=0;t=3600"#);
}

async fn a_refusal_takes_nothing(setup: Setup) {
    // A place is free again after two seconds; a hundred refusals in between must not move that.
    let (_world, _server, ada) = World::new(setup).await.limit("slow", "messages", 2, "4s").with_ada().await;
    let start = Instant::now();
    say(&ada).await.ok(201);
    say(&ada).await.ok(201);
    let freed = eventually("a place", async || {
        let answer = say(&ada).await;
        assert!([201, 429].contains(&answer.status.as_u16()), "{answer:#?}");
        (answer.status == 201).then(|| start.elapsed())
    })
    .await;
    assert!(freed >= Duration::from_millis(1900), "too early: {freed:?}");
    assert!(freed < Duration::from_secs(4), "the refusals were counted: {freed:?}");
}

async fn a_refusal_stores_nothing(setup: Setup) {
    let (world, _server, ada) = World::new(setup).await.limit("hourly", "messages", 1, "1h").with_ada().await;
    say(&ada).await.ok(201);
    say(&ada).await.problem(429, "rate_limited");
    assert_eq!(stored_messages(&world).await, 2);
    assert_eq!(ada.get("/api/v1/conversations").await.ok(200)["items"].as_array().unwrap().len(), 1);
}

async fn a_running_turn_is_a_lease_that_is_given_back(setup: Setup) {
    let (provider, gate) = (Provider::start().await, Gate::closed());
    provider.always(Reply::text(["first "]).then_wait(&gate).then("last"));
    let world = World::new(setup).await.provider(&provider).limit("at-once", "turns", 2, "");
    let (_world, _server, ada) = world.with_ada().await;
    let one = ada.stream(&json!({"content": "one"})).await;
    let two = ada.stream(&json!({"content": "two"})).await;
    let problem = say(&ada).await.problem(429, "rate_limited");
    assert_eq!((&problem["rule"], &problem["limit"], &problem["used"]), (&json!("at-once"), &json!(2), &json!(2)));
    gate.open();
    one.all().await;
    two.all().await;
    eventually("a lease to be free", async || (say(&ada).await.status == 201).then_some(())).await;
    // A turn that fails gives its lease back as well.
    for _ in 0..4 {
        provider.next(Reply::status(400));
        eventually("a failed turn", async || (say(&ada).await.status != 429).then_some(())).await;
    }
    eventually("a lease to be free", async || (say(&ada).await.status == 201).then_some(())).await;
}

async fn a_limit_is_each_users_own(setup: Setup) {
    let (_world, server, ada) = World::new(setup).await.limit("hourly", "messages", 1, "1h").with_ada().await;
    let bob = server.person("bob").await;
    say(&ada).await.ok(201);
    say(&ada).await.problem(429, "rate_limited");
    say(&bob).await.ok(201);
}

async fn the_default_is_ten_messages_a_second(setup: Setup) {
    let (_world, _server, ada) = World::new(setup).await.with_ada().await;
    let start = Instant::now();
    let answers: Vec<Answer> = stream::iter(0..50).map(|_| say(&ada)).buffer_unordered(2).collect().await;
    let admitted = answers.iter().filter(|answer| answer.status == 201).count();
    let most = 11 + (start.elapsed().as_secs_f64() * 10.0) as usize;
    assert!((10..=most).contains(&admitted), "{admitted} of at most {most}");
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!(refused.problem(429, "rate_limited")["limit"], 10, "{refused:#?}");
    }
}

async fn exactly_the_limit_of_requests_at_once_is_admitted(setup: Setup) {
    let world = World::new(setup).await.limit("daily", "messages", 40, "24h");
    // A Redis that is too busy to answer in a quarter of a second would count as unavailable.
    let world = if setup == Setup::Redis { world.set("redis.command_timeout", "10s") } else { world };
    let (world, _server, ada) = world.with_ada().await;
    let answers = stream::iter(0..200).map(|_| say(&ada)).buffer_unordered(32).collect::<Vec<_>>().await;
    let count = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((count(201), count(429)), (40, 160));
    assert_eq!(stored_messages(&world).await, 80);
}

async fn three_replicas_admit_exactly_the_limit(setup: Setup) {
    const REQUESTS: usize = 10_000;
    const LIMIT: usize = 500;
    // On a machine that is too busy to answer in a quarter of a second, Redis would count as unavailable, and the
    // database counts on its own.
    let world = World::new(setup).await.limit("daily", "messages", LIMIT as u64, "24h");
    let world = if setup == Setup::Redis { world.set("redis.command_timeout", "10s") } else { world };
    let servers = [world.serve().await, world.serve().await, world.serve().await];
    let ada = servers[0].person("ada").await;
    let people: Vec<Person> = servers.iter().map(|server| ada.at(server)).collect();
    let requests = stream::iter(0..REQUESTS).map(|number| say(&people[number % 3])).buffer_unordered(96);
    let statuses: Vec<u16> = requests.map(|answer| answer.status.as_u16()).collect().await;
    let count = |status: u16| statuses.iter().filter(|found| **found == status).count();
    assert_eq!((count(201), count(429)), (LIMIT, REQUESTS - LIMIT));
    assert_eq!(stored_messages(&world).await, 2 * LIMIT as i64);
}

async fn the_operator_shows_and_resets_counters(setup: Setup) {
    let (world, _server, ada) = World::new(setup).await.limit("hourly", "messages", 2, "1h").with_ada().await;
    say(&ada).await.ok(201);
    say(&ada).await.ok(201);
    say(&ada).await.problem(429, "rate_limited");
    let shown = world.cli(["ratelimit", "show", "ada", "--json"]).run().await.json();
    assert!(shown.to_string().contains("hourly"), "{shown}");
    let reset = world.cli(["ratelimit", "reset", "ada", "--yes", "--json"]).run().await.json();
    assert!(reset["reset"].as_u64().is_some_and(|count| count >= 1), "{reset}");
    say(&ada).await.ok(201);
    say(&ada).await.ok(201);
    say(&ada).await.problem(429, "rate_limited");
    let unknown = world.cli(["ratelimit", "reset", "adda", "--yes"]).run().await;
    unknown.ended(3);
    assert!(unknown.stderr.contains("ada"), "{unknown:?}");
}

async fn a_refusal_is_counted_as_a_violation(setup: Setup) {
    let (_world, server, ada) = World::new(setup).await.limit("hourly", "messages", 1, "1h").with_ada().await;
    for _ in 0..3 {
        say(&ada).await;
    }
    assert_eq!(server.metric("mcpchat_rate_limit_violations_total", &[r#"rule="hourly""#]).await, 2.0);
}

async fn the_database_counts_while_redis_is_unavailable(setup: Setup) {
    let world = World::new(setup).await.limit("hourly", "messages", 3, "1h").set("redis.on_failure", "database");
    let (world, server, ada) = world.with_ada().await;
    assert_eq!(server.metric("mcpchat_redis_up", &[]).await, 1.0);
    world.redis().freeze();
    for _ in 0..3 {
        say(&ada).await.ok(201);
    }
    say(&ada).await.problem(429, "rate_limited");
    ada.get("/api/v1/users/me").await.ok(200);
    assert_eq!(server.metric("mcpchat_redis_up", &[]).await, 0.0);
    world.redis().thaw();
    eventually("Redis to be used again", async || (server.metric("mcpchat_redis_up", &[]).await == 1.0).then_some(()))
        .await;
    let told = server.log().iter().filter(|line| line["level"] != "INFO").count();
    assert!((1..=4).contains(&told), "one line says so, not one a request: {:#?}", server.log());
}

async fn without_redis_requests_get_503_if_configured(setup: Setup) {
    let (world, _server, ada) = World::new(setup).await.set("redis.on_failure", "refuse").with_ada().await;
    say(&ada).await.ok(201);
    world.redis().freeze();
    let refused = say(&ada).await;
    refused.any_problem(503);
    assert!(refused.header("retry-after").parse::<u64>().is_ok(), "{refused:#?}");
    assert_eq!(stored_messages(&world).await, 2, "nothing was stored");
    world.redis().thaw();
    eventually("it to be accepted again", async || (say(&ada).await.status == 201).then_some(())).await;
}

async fn a_frozen_redis_takes_no_longer_than_its_timeout(setup: Setup) {
    let world = World::new(setup).await.without_limits().set("redis.on_failure", "database");
    let (world, _server, ada) = world.with_ada().await;
    say(&ada).await.ok(201);
    world.redis().freeze();
    let start = Instant::now();
    for _ in 0..20 {
        say(&ada).await.ok(201);
    }
    // Twenty times the timeout of 250 ms would be five seconds: only the first may wait for it, and a probe or two.
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    world.redis().thaw();
}
