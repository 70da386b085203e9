//! A connection pooler before PostgreSQL: what is promised holds through it as without, and nothing of ours stays on the
//! connections that others get.

use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection, Row};

use crate::harness::{Person, PgBouncer, Server, Setup, Value, World, json};

on_database_servers! { limits_and_audit_hold_in_transaction_mode }

on_postgres! {
    limits_and_audit_hold_in_session_mode
    statement_mode_is_refused
}

const USERS: usize = 4;

/// How long, and for how many clients of each user; `tests/chaos --pooler SECONDS` makes it longer and more.
fn measure() -> (Duration, usize, u64) {
    match std::env::var("MCPCHAT_POOLER_SECS").ok().and_then(|secs| secs.parse().ok()) {
        Some(secs) => (Duration::from_secs(secs), 16, 150),
        None => (Duration::from_secs(1), 4, 10),
    }
}

async fn limits_and_audit_hold_in_transaction_mode(setup: Setup) {
    a_storm(setup, "pool_mode = transaction\ndefault_pool_size = 4").await;
}

/// Each connection of ours keeps one of the server's for good.
async fn limits_and_audit_hold_in_session_mode(setup: Setup) {
    let settings =
        "pool_mode = session\ndefault_pool_size = 40\nignore_startup_parameters = extra_float_digits, options";
    a_storm(setup, settings).await;
}

async fn a_storm(setup: Setup, settings: &str) {
    let (time, clients, most) = measure();
    let world = World::new(setup).await.limit("a-day", "messages", most, "1d").limit("at-once", "turns", 1000, "");
    let pooler = PgBouncer::start(&world.database.url().parse().unwrap(), settings).await;
    let url = pooler.before(&world.database.url());
    let world = world.set("database.url", url);
    world.cli(["migrate"]).run().await.ended(0);
    let mut servers = vec![world.serve().await];
    if setup == Setup::Redis {
        servers.push(world.serve().await);
    }
    let mut people = Vec::new();
    for name in (0..USERS).map(|number| format!("user-{number}")) {
        people.push(servers[0].person(&name).await);
    }
    let until = Instant::now() + time;
    let ask = |number: usize| {
        let person = people[number % USERS].at(&servers[number % servers.len()]);
        tokio::spawn(ask_until_refused(person, until))
    };
    let asking: Vec<_> = (0..USERS * clients).map(ask).collect();
    let mut acts = 0;
    while asking.iter().any(|one| !one.is_finished()) {
        world.cli(["ratelimit", "set", "user-0", "at-once", "--max", "999", "--reason", "a test"]).run().await.ended(0);
        acts += 1;
    }
    let mut admitted = 0;
    for one in asking {
        admitted += one.await.unwrap();
    }
    assert_eq!(admitted, USERS as u64 * most);
    let count = async |query| world.database.number(query).await as u64;
    assert_eq!(count("select count(*) from turns where state = 'completed'").await, admitted);
    assert_eq!(count("select count(*) from turns").await, admitted);
    assert_eq!(count("select count(*) from messages").await, 2 * admitted);
    assert!(count("select count(*) from audit where action = 'ratelimit.set'").await >= acts);
    world.cli(["audit", "verify"]).run().await.ended(0);
    nothing_is_left_for_others(&world, &pooler).await;
    is_named(&world, "warning", "transaction of its own").await;
    if std::env::var_os("MCPCHAT_POOLER_SECS").is_some() {
        eprintln!("{settings:?}: {admitted} turns admitted of {} clients in {time:?}, {acts} acts", USERS * clients);
    }
}

/// The whole time, and then until the limit has refused; how many were admitted.
async fn ask_until_refused(person: Person, until: Instant) -> u64 {
    let mut admitted = 0;
    loop {
        let answer = person.send(&json!({"content": "hello"})).await;
        if answer.status == 201 {
            admitted += 1;
            continue;
        }
        answer.problem(429, "rate_limited");
        if Instant::now() >= until {
            return admitted;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Another client of the same pool, on every connection of it.
async fn nothing_is_left_for_others(world: &World, pooler: &PgBouncer) {
    let by_itself = settings(&mut PgConnection::connect(&world.database.url()).await.unwrap()).await;
    let mut others = Vec::new();
    for _ in 0..4 {
        let mut other = PgConnection::connect_with(&plain(&pooler.before(&world.database.url()))).await.unwrap();
        sqlx::raw_sql("begin").execute(&mut other).await.unwrap();
        others.push(other);
    }
    for mut other in others {
        assert_eq!(settings(&mut other).await, by_itself);
        sqlx::raw_sql("commit").execute(&mut other).await.unwrap();
    }
    let locks = "select count(*) from pg_locks where locktype = 'advisory' \
                 and database = (select oid from pg_database where datname = current_database())";
    assert_eq!(world.database.number(locks).await, 0);
}

fn plain(url: &str) -> sqlx::postgres::PgConnectOptions {
    url.parse::<sqlx::postgres::PgConnectOptions>().unwrap().extra_float_digits(None)
}

/// What ours would change, and the statements that were prepared by name.
async fn settings(connection: &mut PgConnection) -> Vec<String> {
    let query = "select name || ' = ' || setting as line from pg_settings where name in \
                 ('enable_seqscan', 'jit', 'plan_cache_mode', 'statement_timeout', 'synchronous_commit') \
                 union all select 'prepared: ' || count(*) from pg_prepared_statements order by 1";
    let rows = sqlx::raw_sql(query).fetch_all(connection).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn is_named(world: &World, status: &str, says: &str) {
    let report: Value = serde_json::from_str(&world.cli(["doctor", "--json"]).run().await.stdout).unwrap();
    let check = report["checks"].as_array().unwrap().iter().find(|check| check["id"] == "database.pooler");
    let check = check.unwrap_or_else(|| panic!("{report:#}"));
    assert_eq!(check["status"], status, "{check:#}");
    assert!(check["detail"].as_str().unwrap().contains(says), "{check:#}");
}

async fn statement_mode_is_refused(setup: Setup) {
    let world = World::new(setup).await;
    let pooler = PgBouncer::start(&world.database.url().parse().unwrap(), "pool_mode = statement").await;
    let url = pooler.before(&world.database.url());
    let world = world.set("database.url", url);
    for (command, exit) in [("migrate", 7), ("serve", 7), ("doctor", 8)] {
        let output = world.cli([command]).run().await;
        let told = format!("{}{}", output.stdout, output.stderr);
        assert!(told.contains("pool_mode") && !told.contains("try again"), "{output:#?}");
        output.ended(exit);
    }
    assert!(Server::try_start(world.home(), &world.config_file()).await.is_none());
}
