//! `mcpchat doctor`: findings have stable ids, and looking changes nothing.

use std::{fs::Permissions, os::unix::fs::PermissionsExt};

use crate::harness::{Output, Postgres, Provider, Reply, Setup, Value, World, json};

on_every_setup! {
    a_sound_set_up_fails_nothing
    what_is_wrong_is_named_with_its_remedy
    a_turn_without_an_owner_is_found
    a_tampered_log_is_found
}

on_sqlite! {
    a_broken_configuration_is_a_finding
    looking_makes_no_database
    providers_are_asked_on_request_only
    a_provider_at_which_no_chat_can_work_is_found
}

on_database_servers! {
    an_unavailable_database_is_a_finding
    too_many_replicas_are_counted
}

on_redis! { an_evicting_or_unavailable_redis_is_found }

/// A key as `openssl` makes them.
const KEY: &str = "Vq8rJmYp0tX2sKdH6bN4wZc1gLfQ7eUaVq8rJmYp0tX2";

async fn sound(setup: Setup) -> World {
    let world = World::migrated(setup).await.set("auth.jwt_secret", KEY);
    std::fs::set_permissions(world.home(), Permissions::from_mode(0o700)).unwrap();
    world
}

/// Runs it with a configuration that no other user can read.
async fn examined(world: &World, arguments: &[&str]) -> Output {
    let cli = world.cli(["doctor"].iter().chain(arguments).copied());
    std::fs::set_permissions(world.home().join("test.toml"), Permissions::from_mode(0o600)).unwrap();
    cli.run().await
}

async fn report(world: &World, arguments: &[&str], exit: i32) -> Value {
    let output = examined(world, &[&["--json"], arguments].concat()).await;
    let report: Value = serde_json::from_str(output.ended(exit)).unwrap();
    assert_eq!(report["ok"], json!(exit == 0));
    report
}

/// The same where nothing is to fail but that the server which all tests share does not wait for its disk.
async fn passing(setup: Setup, world: &World, arguments: &[&str]) -> Value {
    if setup == Setup::Sqlite {
        return report(world, arguments, 0).await;
    }
    let report = report(world, arguments, 8).await;
    finds(&report, "database.durability", "failed", "fsync is off");
    let failed = report["checks"].as_array().unwrap().iter().filter(|check| check["status"] == "failed");
    assert_eq!(failed.count(), 1, "{report:#}");
    report
}

fn check<'a>(report: &'a Value, id: &str) -> &'a Value {
    let all = report["checks"].as_array().unwrap();
    all.iter().find(|check| check["id"] == id).unwrap_or_else(|| panic!("no {id} in {report:#}"))
}

#[track_caller]
fn finds(report: &Value, id: &str, status: &str, says: &str) {
    let check = check(report, id);
    assert_eq!(check["status"], status, "{check:#}");
    assert!(check["detail"].as_str().unwrap().contains(says), "{check:#}");
    assert_eq!(check["remedy"].is_string(), status == "failed" || status == "warning", "{check:#}");
}

async fn a_sound_set_up_fails_nothing(setup: Setup) {
    let postgres = if setup == Setup::Sqlite { None } else { Some(Postgres::start_durable().await) };
    let world = World::new(setup).await.set("auth.jwt_secret", KEY);
    let world = if let Some(postgres) = &postgres { world.on(postgres) } else { world };
    world.cli(["migrate"]).run().await.ended(0);
    std::fs::set_permissions(world.home(), Permissions::from_mode(0o700)).unwrap();
    let world = world.set("audit.checkpoint_file", "audit.checkpoints").set("audit.checkpoint_every", 1);
    let world = if setup == Setup::Sqlite { world } else { world.set("audit.signing_key_file", "audit.key") };
    world.add_user("ada").await;
    let report = report(&world, &[], 0).await;
    let ids: Vec<&str> =
        report["checks"].as_array().unwrap().iter().map(|check| check["id"].as_str().unwrap()).collect();
    let mut expected = vec!["configuration", "secrets.signing_key", "secrets.defaults", "secrets.permissions"];
    expected.extend(["database.reachable", "database.schema"]);
    if setup != Setup::Sqlite {
        expected.extend(["database.writable", "database.durability", "database.pooler"]);
        expected.extend(["database.connections", "database.clock"]);
    }
    expected.push("redis.reachable");
    if setup == Setup::Redis {
        expected.extend(["redis.eviction", "redis.persistence", "redis.clock"]);
    }
    expected.extend(["audit.chain", "audit.checkpoints", "turns.orphaned", "turns.leases", "server.trusted_proxies"]);
    expected.extend(["providers.mock", "models.price"]);
    assert_eq!(ids, expected);
    for id in ids.into_iter().filter(|id| !["redis.reachable", "redis.persistence", "providers.mock"].contains(id)) {
        assert_eq!(check(&report, id)["status"], "ok", "{report:#}");
    }
    let table = examined(&world, &["--color", "never"]).await;
    assert!(table.ended(0).contains("ok       audit.chain"), "{table:#?}");
    let plain = examined(&world, &["-o", "plain"]).await;
    assert!(plain.ended(0).starts_with("configuration\tok\t"), "{plain:#?}");
}

async fn what_is_wrong_is_named_with_its_remedy(setup: Setup) {
    let provider = Provider::start().await;
    let world = World::new(setup).await.set("auth.jwt_secret", "change-me-change-me-change-me-change-me");
    let world = world.provider(&provider);
    world.cli(["migrate"]).run().await.ended(0);
    let output = world.cli(["doctor", "--json"]).run().await;
    let report: Value = serde_json::from_str(output.ended(8)).unwrap();
    finds(&report, "secrets.signing_key", "failed", "guess");
    finds(&report, "secrets.permissions", "failed", "others can read");
    finds(&report, "audit.checkpoints", "warning", "none are written");
    finds(&report, "models.price", "warning", "claude");
    finds(&report, "providers.fake-openai", "skipped", "--online");
    assert!(!output.stdout.contains("change-me"), "{output:?}");
    let table = world.cli(["doctor", "--color", "never"]).run().await;
    assert!(table.ended(8).contains("→ set MCPCHAT_JWT_SECRET") && table.stderr.contains("failed"), "{table:#?}");
}

async fn a_broken_configuration_is_a_finding(setup: Setup) {
    let world = sound(setup).await.set("server.lissten", "x");
    let report = report(&world, &[], 8).await;
    finds(&report, "configuration", "failed", "lissten");
    assert_eq!(report["checks"].as_array().unwrap().len(), 1);
}

async fn looking_makes_no_database(setup: Setup) {
    let world = World::new(setup).await.set("auth.jwt_secret", KEY);
    let url = format!("sqlite://{}/data/mcpchat.db", world.home().display());
    let world = world.set("database.url", url);
    let report = report(&world, &[], 0).await;
    finds(&report, "database.reachable", "skipped", "no database yet");
    assert!(!world.home().join("data").exists());
}

async fn providers_are_asked_on_request_only(setup: Setup) {
    let provider = Provider::start().await;
    let wrong = format!(
        "name = 'wrong-key'\nkind = 'openai'\nbase_url = 'http://{}/v1'\napi_key = 'sk-wrong-key'",
        provider.address()
    );
    let world = sound(setup).await.provider(&provider).add("providers", &wrong);
    let world = world.add("models", "name = 'x'\nprovider = 'wrong-key'");
    finds(&report(&world, &[], 0).await, "providers.wrong-key", "skipped", "not asked");
    let report = report(&world, &["--online"], 8).await;
    finds(&report, "providers.fake-openai", "ok", "answers");
    finds(&report, "providers.fake-anthropic", "ok", "answers");
    finds(&report, "providers.wrong-key", "failed", "401");
    assert!(!report.to_string().contains("sk-wrong-key"), "{report:#}");
}

/// A provider whose list of models any client may read.
async fn public(list: &str) -> Provider {
    let provider = Provider::start().await;
    provider.lists(200, list);
    provider
}

async fn a_provider_at_which_no_chat_can_work_is_found(setup: Setup) {
    const LIST: &str = r#"{"object":"list","data":[{"id":"small"},{"id":"large"}]}"#;
    let refused = |status, message| Reply {
        status,
        ..Reply::raw("application/json", json!({"error": {"message": message}}).to_string())
    };
    let (wrong_key, unlisted, no_list, key_and_list) =
        (public(LIST).await, public(LIST).await, Provider::start().await, Provider::start().await);
    wrong_key.always(refused(401, "Invalid API Key"));
    unlisted.always(refused(400, "messages is missing"));
    no_list.lists(404, "{}").always(refused(422, "messages is missing"));
    key_and_list.lists(400, r#"{"error":{"message":"No connected db.","type":"no_db_connection"}}"#);
    key_and_list.always(refused(400, "No connected db."));
    let mut world = sound(setup).await.without_limits();
    for (name, provider, path) in [
        ("wrong-key", &wrong_key, "/v1"),
        ("unlisted", &unlisted, "/v1"),
        ("no-list", &no_list, "/v1"),
        ("no-db", &key_and_list, "/v1"),
        ("long-path", &unlisted, "/v1/chat/completions"),
    ] {
        let base = format!("http://{}{path}", provider.address());
        let entry = format!("name = '{name}'\nkind = 'openai'\nbase_url = '{base}'\napi_key = 'k-123456789'");
        let upstream = if name == "wrong-key" { "small" } else { "tiny" };
        let model = format!("name = '{name}'\nprovider = '{name}'\nupstream_name = '{upstream}'");
        world = world.add("providers", &entry).add("models", &model);
    }
    let report = report(&world, &["--online"], 8).await;
    let chat = |provider: &Provider| format!("POST http://{}/v1/chat/completions", provider.address());
    finds(&report, "providers.wrong-key", "failed", &chat(&wrong_key));
    finds(&report, "providers.wrong-key", "failed", "401: Invalid API Key");
    finds(&report, "providers.unlisted", "warning", "/v1/models does not list `tiny`");
    finds(&report, "providers.no-list", "warning", "/v1/models: the provider answered 404");
    finds(&report, "providers.no-db", "failed", "answered 400: No connected db.");
    finds(&report, "providers.long-path", "failed", "/v1/chat/completions/chat/completions: the provider answered 404");
    assert!(!report.to_string().contains("k-123456789"), "{report:#}");
}

async fn a_turn_without_an_owner_is_found(setup: Setup) {
    let world = sound(setup).await;
    world.add_user("ada").await;
    world.cli(["chat", "--as", "ada", "hello"]).run().await.ended(0);
    for (lease, id) in [("2020", "turns.orphaned"), ("2099", "turns.leases")] {
        let run = format!("update turns set state = 'running', lease_until = '{lease}-01-01 00:00:00+00:00'");
        world.database.try_run(run).await.unwrap();
        finds(&passing(setup, &world, &[]).await, id, "warning", "1 ");
    }
}

async fn a_tampered_log_is_found(setup: Setup) {
    let world = sound(setup).await;
    world.add_user("ada").await;
    world.add_user("eve").await;
    let drop = match setup {
        Setup::Sqlite => "drop trigger audit_refuses_update",
        Setup::Postgres | Setup::Redis => "alter table audit disable trigger all",
    };
    let tampered = format!("{drop}; update audit set target = 'user:bob' where id = 2");
    world.database.try_run(tampered).await.unwrap();
    finds(&report(&world, &[], 8).await, "audit.chain", "failed", "row 2 was changed");
}

async fn an_unavailable_database_is_a_finding(setup: Setup) {
    let (world, wire) = sound(setup).await.wire_to_postgres().await;
    wire.cut();
    let report = report(&world, &[], 8).await;
    finds(&report, "database.reachable", "failed", "cannot be reached");
    assert!(report["checks"].as_array().unwrap().iter().all(|check| check["id"] != "turns.orphaned"));
}

async fn too_many_replicas_are_counted(setup: Setup) {
    let world = sound(setup).await;
    let report_of_two = report(&world, &["--replicas", "2"], 8).await;
    finds(&report_of_two, "database.connections", "ok", "2 replicas");
    let report = report(&world, &["--replicas", "1000"], 8).await;
    finds(&report, "database.connections", "failed", "need 5000");
}

async fn an_evicting_or_unavailable_redis_is_found(setup: Setup) {
    let world = sound(setup).await;
    finds(&passing(setup, &world, &[]).await, "redis.persistence", "warning", "no append-only file");
    world.redis().configure("maxmemory-policy", "allkeys-lru").await;
    world.redis().configure("maxmemory", "100mb").await;
    finds(&report(&world, &[], 8).await, "redis.eviction", "failed", "allkeys-lru");
    world.redis().freeze();
    finds(&report(&world, &[], 8).await, "redis.reachable", "failed", "meanwhile");
    world.redis().thaw();
}
