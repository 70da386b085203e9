//! Round trips of a turn to the database and Redis, counted by the servers themselves.

use std::future::ready;

use futures_util::StreamExt;
use sqlx::{Connection, PgConnection, Row};

use crate::harness::{Setup, World, eventually, json};

on_redis! {
    a_turn_is_two_statements_and_one_script
    a_refusal_is_one_script
}

const TURNS: u64 = 40;

async fn a_turn_is_two_statements_and_one_script(setup: Setup) {
    let world = World::new(setup).await.without_limits().limit("at-once", "turns", 5, "");
    let (world, _server, ada) = world.with_ada().await;
    let conversation = ada.send(&json!({"content": "hello"})).await.ok(201)["turn"]["conversation_id"].clone();
    let mut database = PgConnection::connect(&world.database.url()).await.unwrap();
    sqlx::query("create extension pg_stat_statements").execute(&mut database).await.unwrap();
    let reset =
        "select pg_stat_statements_reset(0, (select oid from pg_database where datname = current_database()), 0)";
    sqlx::query(reset).execute(&mut database).await.unwrap();
    let seen = watch(&world).await;
    for turn in 0..TURNS {
        let asked = json!({"content": format!("question {turn}"), "conversation_id": conversation});
        // An idempotency key costs nothing more.
        let answer = if turn % 2 == 0 { ada.send(&asked).await } else { ada.send_as(&turn.to_string(), &asked).await };
        answer.ok(201);
    }
    // The feed of revocations, and which subjects count in the database, are read by time, not by turn.
    let called = "select query, calls from pg_stat_statements \
                  where dbid = (select oid from pg_database where datname = current_database()) and calls >= $1 \
                  and query not like '%from revocations%' and query not like '%from counter_fallbacks%'";
    let often = sqlx::query(called).bind(i64::try_from(TURNS).unwrap() / 2).fetch_all(&mut database).await.unwrap();
    let texts: Vec<String> = often.iter().map(|row| row.get("query")).collect();
    assert_eq!(texts.len(), 2, "{texts:#?}");
    assert!(texts.iter().all(|text| text.starts_with("with ")), "one to admit, one to finish: {texts:#?}");
    // Taking the limits is one script; settling them, where nothing was reserved, the end of the lease. The note about the
    // running turn is written during the provider call and removed with the settlement, so neither is waited for.
    let seen = seen.until_marked(&world).await;
    let calls = |command: &str| seen.iter().filter(|line| line.contains(&format!("\"{command}\""))).count() as u64;
    assert_eq!((calls("EVALSHA"), calls("HSET"), calls("HDEL")), (TURNS, TURNS, 2 * TURNS), "{:#?}", &seen[..8]);
    assert_eq!(seen.len() as u64, 5 * TURNS, "with one PEXPIRE beside each HSET, that is all: {:#?}", &seen[..8]);
}

/// Recording a refusal costs the request nothing: that is written in batches, behind it.
async fn a_refusal_is_one_script(setup: Setup) {
    let (world, _server, ada) = World::new(setup).await.limit("daily", "messages", 1, "24h").with_ada().await;
    ada.say("hello").await;
    // The first one of all makes the keys that the others are remembered in.
    ada.send(&json!({"content": "hello"})).await.problem(429, "rate_limited");
    let mut database = PgConnection::connect(&world.database.url()).await.unwrap();
    sqlx::query("create extension pg_stat_statements").execute(&mut database).await.unwrap();
    let reset =
        "select pg_stat_statements_reset(0, (select oid from pg_database where datname = current_database()), 0)";
    sqlx::query(reset).execute(&mut database).await.unwrap();
    let seen = watch(&world).await;
    for _ in 0..TURNS {
        ada.send(&json!({"content": "hello"})).await.problem(429, "rate_limited");
    }
    let seen = seen.until_marked(&world).await;
    let scripts = seen.iter().filter(|line| line.contains("\"EVALSHA\"")).count() as u64;
    assert_eq!((scripts, seen.len() as u64), (TURNS, TURNS), "{:#?}", &seen[..8]);
    let recorded = async || world.database.number("select count(*) from limit_refusals").await;
    eventually("all records", async || (recorded().await == TURNS as i64 + 1).then_some(())).await;
    let called = "select query, calls from pg_stat_statements \
                  where dbid = (select oid from pg_database where datname = current_database()) \
                  and query like '%insert into limit_refusals%'";
    let inserts: i64 =
        sqlx::query(called).fetch_all(&mut database).await.unwrap().iter().map(|row| row.get::<i64, _>("calls")).sum();
    assert!(inserts < TURNS as i64 / 2, "{inserts} statements for {TURNS} refusals");
}

/// What clients say to the world's Redis from now on; what scripts do inside is left out.
struct Watched(tokio::task::JoinHandle<Vec<String>>);

const MARK: &str = "that-was-all";

async fn watch(world: &World) -> Watched {
    let client = redis::Client::open(format!("redis://{}", world.redis().address())).unwrap();
    let monitor = client.get_async_monitor().await.unwrap();
    Watched(tokio::spawn(async move {
        let lines = monitor.into_on_message::<String>().take_while(|line| ready(!line.contains(MARK)));
        lines.filter(|line| ready(!line.contains(" lua]"))).collect().await
    }))
}

impl Watched {
    async fn until_marked(self, world: &World) -> Vec<String> {
        let client = redis::Client::open(format!("redis://{}", world.redis().address())).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let marked: String = redis::cmd("ECHO").arg(MARK).query_async(&mut connection).await.unwrap();
        assert_eq!(marked, MARK);
        let lines = self.0.await.unwrap();
        lines.into_iter().filter(|line| !line.contains("\"CLIENT\"") && !line.contains("\"HELLO\"")).collect()
    }
}
