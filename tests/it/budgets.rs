//! Budgets under Redis faults: they hold when it stalls, is restarted, loses all its data or a part; the database
//! counts meanwhile. What is admitted is counted from what is stored.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use futures_util::future::join_all;

use crate::{
    harness::{Gate, PASSWORD, Person, Provider, Redis, Reply, Server, Setup, World, eventually, json},
    keys::{make, with},
};

on_redis! {
    a_stalled_redis_gives_no_second_budget
    lost_counters_are_restored_for_every_subject
    an_old_snapshot_is_not_believed
    reservations_and_leases_outlive_lost_counters
    what_was_reset_stays_forgiven
    two_replicas_keep_budgets_through_a_storm
}

on_every_setup! {
    counters_start_from_what_is_stored
    a_clock_put_right_shuts_no_one_out
}

/// A limit of cost wants a price of every model.
const PRICED: [&str; 2] = [
    "name = 'fake'\nprovider = 'fake-openai'\nmax_output_tokens = 256\nprice = { input = 1.0, output = 2.0 }",
    "name = 'claude'\nprovider = 'fake-anthropic'\nprice = { input = 1.0, output = 2.0 }",
];

/// A message that costs little and asks for little.
async fn status(person: &Person) -> u16 {
    person.send(&json!({"content": "a few words", "max_tokens": 10})).await.status.as_u16()
}

/// How many messages are admitted until one is refused.
async fn until_refused(person: &Person) -> usize {
    for admitted in 0..1_000 {
        match status(person).await {
            201 => {}
            429 => return admitted,
            other => panic!("{other}"),
        }
    }
    panic!("no limit");
}

async fn redis_is_up(server: &Server, is_up: bool) {
    let expected = f64::from(u8::from(is_up));
    let is_so = async || (server.metric("mcpchat_redis_up", &[]).await == expected).then_some(());
    eventually("the server to know how Redis is", is_so).await;
}

async fn a_stalled_redis_gives_no_second_budget(setup: Setup) {
    let world = World::new(setup).await.without_limits().limit("daily", "messages", 6, "24h");
    let (world, server, root, ada) = world.set("redis.on_failure", "database").with_people().await;
    let mut admitted = 0;
    for round in 0..3 {
        for _ in 0..2 {
            admitted += usize::from(status(&ada).await == 201);
        }
        world.redis().freeze();
        let in_the_stall = if round == 1 { until_refused(&ada).await } else { usize::from(status(&ada).await == 201) };
        admitted += in_the_stall;
        redis_is_up(&server, false).await;
        world.redis().thaw();
        redis_is_up(&server, true).await;
        // Whatever Redis had taken without an answer being heard is given back, and nothing more.
        assert!(admitted <= 6, "{admitted} of 6");
    }
    assert_eq!(admitted + until_refused(&ada).await, 6);
    let shown = root.get("/api/v1/admin/rate-limits?user_id=ada").await.ok(200);
    let daily = shown["items"].as_array().unwrap().iter().find(|row| row["rule"] == "daily").unwrap();
    assert_eq!((&daily["used"], &daily["remaining"]), (&json!(6), &json!(0)));
}

async fn lost_counters_are_restored_for_every_subject(setup: Setup) {
    let losses: [(&str, &[&str]); 3] = [
        ("all is lost", &["FLUSHALL"]),
        (
            "the counters are evicted",
            &["EVAL", "for _, k in ipairs(redis.call('KEYS', '{mcpchat}:limits:*')) do redis.call('DEL', k) end", "0"],
        ),
        ("the epoch is evicted", &["DEL", "{mcpchat}:epoch"]),
    ];
    for (per, count, max, window) in [
        ("user", "messages", "5", "24h"),
        ("user", "cost", "0.0002", "month"),
        ("key", "tokens", "200", "day"),
        ("address", "messages", "4", "1h"),
        ("global", "tokens", "200", "month"),
    ] {
        let rule = format!("name = 'it'\nper = '{per}'\ncount = '{count}'\nmax = {max}\nwindow = '{window}'");
        let provider = Provider::start().await;
        provider.always(Reply::text(["words"]).using(Some((20, 10))));
        let world = World::new(setup).await.provider(&provider).without_limits().none_of("models");
        let world = PRICED.iter().fold(world, |world, model| world.add("models", model)).add("limits", &rule);
        let (mut world, server, ada) = world.with_ada().await;
        let ada = if per == "key" { with(&ada, &make(&ada, &["chat"]).await) } else { ada };
        let admitted = until_refused(&ada).await;
        assert!(admitted > 0, "{rule}");
        for (what, command) in losses {
            let _: redis::Value = world.redis().ask(command).await;
            assert_eq!(status(&ada).await, 429, "{rule}: {what}");
        }
        world.redis_mut().kill().await;
        world.redis_mut().restart(&[]).await;
        redis_is_up(&server, true).await;
        let after = async || Some(status(&ada).await).filter(|status| *status != 503);
        assert_eq!(eventually("an answer", after).await, 429, "{rule}: a restart");
        assert_eq!(world.database.number("select count(*) from turns").await, admitted as i64);
    }
}

async fn an_old_snapshot_is_not_believed(setup: Setup) {
    let world = World::new(setup).await.without_limits().limit("daily", "messages", 4, "24h");
    let (mut world, _server, ada) = world.set("redis.on_failure", "refuse").with_ada().await;
    assert_eq!(status(&ada).await, 201);
    world.redis().ask::<()>(&["SAVE"]).await;
    assert_eq!(until_refused(&ada).await, 3);
    world.redis_mut().kill().await;
    world.redis_mut().restart(&[]).await;
    let kept: i64 = world.redis().ask(&["EXISTS", "{mcpchat}:epoch"]).await;
    assert_eq!(kept, 1, "the snapshot was loaded");
    let answer = async || Some(status(&ada).await).filter(|status| *status != 503);
    assert_eq!(eventually("Redis to be used again", answer).await, 429);
}

async fn reservations_and_leases_outlive_lost_counters(setup: Setup) {
    for (count, max, window) in [("turns", 1, ""), ("tokens", 80, "day")] {
        let (provider, gate) = (Provider::start().await, Gate::closed());
        provider.next(Reply::text(["first"]).then_wait(&gate).then(" last").using(Some((5, 5))));
        let world = World::new(setup).await.provider(&provider).without_limits().limit("it", count, max, window);
        let (world, _server, ada) = world.with_ada().await;
        let mut events = ada.stream(&json!({"content": "x", "max_tokens": 45})).await;
        events.expect("turn").await;
        world.redis().ask::<()>(&["FLUSHALL"]).await;
        assert_eq!(ada.send(&json!({"content": "x", "max_tokens": 45})).await.status, 429, "{count}");
        gate.open();
        events.all().await;
        let again = async || (ada.send(&json!({"content": "x", "max_tokens": 45})).await.status == 201).then_some(());
        eventually("the turn's reservation to be settled", again).await;
    }
}

async fn what_was_reset_stays_forgiven(setup: Setup) {
    let world = World::new(setup).await.without_limits().limit("daily", "messages", 3, "24h");
    let (world, _server, root, ada) = world.limit("other", "messages", 7, "24h").with_people().await;
    let flush = async || world.redis().ask::<()>(&["FLUSHALL"]).await;
    assert_eq!(until_refused(&ada).await, 3);
    root.post("/api/v1/admin/rate-limits/reset?user_id=ada&rule=daily", &json!({})).await.ok(200);
    flush().await;
    assert_eq!(until_refused(&ada).await, 3, "one rule was reset");
    root.post("/api/v1/admin/rate-limits/reset?rule=daily", &json!({})).await.ok(200);
    flush().await;
    assert_eq!(until_refused(&ada).await, 1, "the other was not");
    world.cli(["ratelimit", "reset", "--all", "--yes"]).run().await.ended(0);
    assert_eq!(status(&ada).await, 201);
    flush().await;
    assert_eq!(until_refused(&ada).await, 2, "all were");
}

/// Sends without a pause, to one replica and the other, until the storm is over.
async fn insist(there: [Person; 2], is_over: &AtomicBool) {
    for person in there.iter().cycle() {
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        let message = json!({"content": "a few words", "max_tokens": 10});
        tokio::time::timeout(Duration::from_secs(5), person.send(&message)).await.ok();
    }
}

async fn hurt(redis: &mut Redis, round: usize) {
    match round % 4 {
        0 => {
            redis.freeze();
            tokio::time::sleep(Duration::from_millis(500)).await;
            redis.thaw();
        }
        1 => redis.ask::<()>(&["FLUSHALL"]).await,
        2 => {
            redis.kill().await;
            tokio::time::sleep(Duration::from_millis(200)).await;
            redis.restart(&[]).await;
        }
        _ => redis.ask::<()>(&["DEL", "{mcpchat}:epoch"]).await,
    }
    tokio::time::sleep(Duration::from_millis(250)).await;
}

async fn two_replicas_keep_budgets_through_a_storm(setup: Setup) {
    const SENDERS: i64 = 4;
    let provider = Provider::start().await;
    provider.answers(|_| Reply::text(["words"]).using(Some((20, 10))));
    let world = World::new(setup).await.provider(&provider).without_limits().set("redis.on_failure", "database");
    // A turn uses 30 tokens.
    let world = world.limit("daily", "messages", 60, "24h").limit("tokens", "tokens", 1500, "day");
    let mut world = world.add("limits", "name = 'all'\nper = 'global'\ncount = 'tokens'\nmax = 2400\nwindow = 'month'");
    let (here, there) = (world.serve().await, world.serve().await);
    let people = [here.person("ada").await, here.person("bob").await];
    let is_over = AtomicBool::new(false);
    let senders = people.iter().flat_map(|person| (0..SENDERS / 2).map(|_| [person.clone(), person.at(&there)]));
    let sending = join_all(senders.map(|person| insist(person, &is_over)));
    let storm = async {
        for round in 0..8 {
            hurt(world.redis_mut(), round).await;
        }
        is_over.store(true, Ordering::Relaxed);
    };
    tokio::join!(sending, storm);
    redis_is_up(&here, true).await;
    for person in &people {
        until_refused(person).await;
    }
    let users = "select cast(max(used) as bigint) from (select sum(input_tokens + output_tokens) as used from attempts group by user_id) as each_one";
    let of_all = "select cast(coalesce(sum(input_tokens + output_tokens), 0) as bigint) from attempts";
    let messages = "select max(sent) from (select count(*) as sent from turns group by user_id) as each_one";
    let one_turn = 30 * SENDERS;
    for (what, query, max, running) in
        [("tokens", users, 1500, one_turn), ("all", of_all, 2400, one_turn), ("daily", messages, 60, SENDERS)]
    {
        let used = world.database.number(query).await;
        assert!(used <= max + running, "{what}: {used} of {max}");
    }
    assert!(world.database.number(of_all).await > 2400 - 200, "the budget can be used");
}

async fn counters_start_from_what_is_stored(setup: Setup) {
    let world = World::new(setup).await.without_limits().limit("daily", "messages", 3, "24h");
    let (world, _server, root, ada) = world.limit("tokens", "tokens", 1_000_000, "month").with_people().await;
    assert_eq!((status(&ada).await, status(&ada).await), (201, 201));
    world.database.execute("delete from counters").await;
    if let Some(redis) = world.any_redis() {
        redis.ask::<()>(&["FLUSHALL"]).await;
    }
    let shown = root.get("/api/v1/admin/rate-limits?user_id=ada").await.ok(200);
    let used = |rule: &str| {
        let items = shown["items"].as_array().unwrap();
        items.iter().find(|row| row["rule"] == rule).unwrap()["used"].as_i64().unwrap()
    };
    let sum = "select cast(sum(input_tokens + output_tokens) as bigint) from attempts";
    assert_eq!((used("daily"), used("tokens")), (2, world.database.number(sum).await), "shown before it is restored");
    assert_eq!(until_refused(&ada).await, 1);
}

async fn a_clock_put_right_shuts_no_one_out(setup: Setup) {
    let world = World::new(setup).await.limit("at-once", "turns", 1, "").limit("tokens", "tokens", 100_000, "day");
    let (world, server, ada) = world.with_ada().await;
    ada.send(&json!({"content": "hello"})).await.ok(201);
    // What all of it would be had the clock been ahead by ten hours, and by two days.
    world.database.execute("update counters set expires_us = expires_us + 36000000000").await;
    world
        .database
        .execute("update turns set state = 'running', finished_at = null, lease_until = '2099-01-01T00:00:00+00:00'")
        .await;
    let ahead: i64 = 36_000_000_000;
    if let Some(redis) = world.any_redis() {
        for key in redis.keys().await.iter().filter(|key| key.starts_with("{mcpchat}:limits:")) {
            let fields: HashMap<String, String> = redis.ask(&["HGETALL", key]).await;
            for (field, text) in fields {
                let (value, expires) = text.split_once('/').unwrap();
                let later = format!("{value}/{}", expires.parse::<i64>().unwrap() + ahead);
                redis.ask::<()>(&["HSET", key, &field, &later]).await;
            }
        }
    }
    let mut stranger = server.stranger();
    stranger.log_in("ada", PASSWORD).await.ok(200);
    let interrupted = "select count(*) from turns where state = 'interrupted'";
    eventually("the turn's lease to be over", async || (world.database.number(interrupted).await == 1).then_some(()))
        .await;
    ada.send(&json!({"content": "hello"})).await.ok(201);
}
