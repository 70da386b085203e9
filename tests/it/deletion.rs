//! Deleting accounts that had much: gone at once, removed afterwards, and no other user waits for it.

use sqlx::{Connection, Executor, PgConnection};

use crate::harness::{PASSWORD, Setup, World, eventually, json};

on_every_setup! {
    a_large_account_is_gone_at_once
    removal_goes_on_after_a_restart
    the_command_removes_what_it_deletes
    totals_of_past_days_lose_deleted_messages
}

on_database_servers! {
    a_dry_run_of_a_deletion_takes_no_locks
    a_locked_row_delays_no_other_turn
}

const USERS: &str = "/api/v1/admin/users";

/// Copies every turn there is so often, without messages.
async fn copy_turns(world: &World, setup: Setup, copies: u32) {
    let id = if setup == Setup::Sqlite { "randomblob(16)" } else { "gen_random_uuid()" };
    let insert = format!(
        "with recursive n (i) as (select 1 union all select i + 1 from n where i < {copies}) \
         insert into turns (id, conversation_id, user_id, user_message_id, assistant_message_id, model, state, owner, fence, lease_until, created_at) \
         select {id}, conversation_id, user_id, {id}, {id}, model, state, owner, fence, lease_until, created_at from turns, n"
    );
    world.database.try_run(insert).await.unwrap();
}

async fn count(world: &World, query: &'static str, right: i64) {
    let counted = async || (world.database.number(query).await == right).then_some(());
    eventually(query, counted).await;
}

async fn a_large_account_is_gone_at_once(setup: Setup) {
    let (world, server, root) = World::new(setup).await.with_root().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    ada.say("hello").await;
    copy_turns(&world, setup, 20_000).await;
    bob.say("hello").await;
    root.delete(&format!("{USERS}/ada")).await.ok(204);
    assert!(world.database.number("select count(*) from turns").await > 5_000, "removed while the request waited");
    server.stranger().log_in("ada", PASSWORD).await.problem(401, "wrong_credentials");
    root.get(&format!("{USERS}/ada")).await.problem(404, "not_found");
    assert_eq!(root.get(USERS).await.ok(200)["items"].as_array().unwrap().len(), 2);
    assert!(!root.get("/api/v1/admin/turns?limit=200").await.ok(200).to_string().contains("\"ada\""));
    root.post(USERS, &json!({"username": "ada", "password": PASSWORD})).await.ok(201);
    bob.say("and on").await;
    count(&world, "select count(*) from turns", 2).await;
    count(&world, "select count(*) from users", 3).await;
    assert_eq!(world.database.number("select count(*) from messages").await, 4, "bob's");
}

async fn removal_goes_on_after_a_restart(setup: Setup) {
    let (world, mut server, root) = World::new(setup).await.with_root().await;
    let ada = server.person("ada").await;
    ada.say("hello").await;
    copy_turns(&world, setup, 20_000).await;
    root.delete(&format!("{USERS}/ada")).await.ok(204);
    server.process.signal("KILL");
    server.process.exit_code().await;
    assert!(world.database.number("select count(*) from turns").await > 0);
    let _again = world.serve().await;
    count(&world, "select count(*) from turns", 0).await;
    count(&world, "select count(*) from users", 1).await;
}

async fn the_command_removes_what_it_deletes(setup: Setup) {
    let world = World::new(setup).await;
    let mut server = world.serve().await;
    server.person("ada").await.say("hello").await;
    server.process.signal("TERM");
    server.process.exit_code().await;
    copy_turns(&world, setup, 5_000).await;
    world.cli(["user", "delete", "ada", "--yes"]).run().await.ended(0);
    for empty in ["select count(*) from turns", "select count(*) from conversations", "select count(*) from users"] {
        assert_eq!(world.database.number(empty).await, 0, "{empty}");
    }
}

/// Three messages of 2026-01-01, in a turn of the first conversation there is.
async fn store_old_messages(world: &World, setup: Setup) {
    let id = |last: &str| match setup {
        Setup::Sqlite => format!("x'019b777d66007000800000000000000{last}'"),
        Setup::Postgres | Setup::Redis => format!("cast('019b777d-6600-7000-8000-00000000000{last}' as uuid)"),
    };
    let turn = format!(
        "insert into turns (id, conversation_id, user_id, user_message_id, assistant_message_id, model, state, owner, fence, lease_until, created_at) \
         select {0}, conversation_id, user_id, {0}, {0}, model, state, owner, fence, lease_until, created_at from turns limit 1",
        id("0")
    );
    world.database.try_run(turn).await.unwrap();
    for number in ["1", "2", "3"] {
        let message = format!(
            "insert into messages (id, conversation_id, turn_id, position, role, content, state, created_at) \
             select {}, conversation_id, {}, 100 + {number}, role, content, state, created_at from messages limit 1",
            id(number),
            id("0")
        );
        world.database.try_run(message).await.unwrap();
    }
}

async fn totals_of_past_days_lose_deleted_messages(setup: Setup) {
    let (world, mut server, _root) = World::new(setup).await.with_root().await;
    server.person("ada").await.say("hello").await;
    server.process.signal("TERM");
    server.process.exit_code().await;
    store_old_messages(&world, setup).await;
    let server = world.serve().await;
    count(&world, "select cast(coalesce(sum(messages), 0) as bigint) from daily_totals", 3).await;
    let (root, bob) = (server.login("root").await, server.person("bob").await);
    bob.say("hello").await;
    let messages = async || root.get("/api/v1/admin/metrics").await.ok(200)["message_count"].as_i64().unwrap();
    assert_eq!(messages().await, 7);
    root.delete(&format!("{USERS}/ada")).await.ok(204);
    eventually("bob's messages alone", async || (messages().await == 2).then_some(())).await;
}

/// Another program's transaction, which ends with the connection.
async fn hold(world: &World, statement: &'static str) -> PgConnection {
    let mut holder = PgConnection::connect(&world.database.url()).await.unwrap();
    holder.execute("begin").await.unwrap();
    holder.execute(statement).await.unwrap();
    holder
}

async fn a_dry_run_of_a_deletion_takes_no_locks(setup: Setup) {
    let (world, server, _root) = World::new(setup).await.with_root().await;
    server.person("ada").await.say("hello").await;
    let _rows = hold(&world, "select id from users for update").await;
    let _log = hold(&world, "select pg_advisory_xact_lock(hashtext('mcpchat.audit'))").await;
    let rehearsed = world.cli(["user", "delete", "ada", "--dry-run", "--json"]).run().await;
    rehearsed.ended(0);
    let audit = &rehearsed.json()["audit"][0];
    assert_eq!((&audit["action"], &audit["before"]["conversations"]), (&json!("user.delete"), &json!(1)));
}

async fn a_locked_row_delays_no_other_turn(setup: Setup) {
    let world = World::new(setup).await.without_limits().limit("many", "messages", 1_000_000, "1d");
    let server = world.serve().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let conversation = ada.say("hello").await["turn"]["conversation_id"].clone();
    let locked = match setup {
        // Ada's counters: one row for each subject.
        Setup::Postgres => {
            "select pg_advisory_xact_lock(hashtextextended('mcpchat.counters.' || 'user:' || id, 0)) from users \
             where username = 'ada'"
        }
        Setup::Sqlite | Setup::Redis => "select c.id from conversations c for update",
    };
    let holder = hold(&world, locked).await;
    let blocked = tokio::spawn(async move {
        let say = async |n: u32| ada.send(&json!({"content": format!("{n}"), "conversation_id": conversation})).await;
        tokio::join!(say(1), say(2), say(3))
    });
    for round in 0..8 {
        let say = async |n: u32| bob.send(&json!({"content": format!("{round} {n}")})).await.ok(201);
        tokio::join!(say(1), say(2), say(3), say(4), say(5), say(6));
    }
    drop(holder);
    let (one, two, three) = blocked.await.unwrap();
    for answer in [one, two, three] {
        assert!(matches!(answer.status.as_u16(), 201 | 409 | 503), "{}", answer.status);
    }
}
