//! Missing rights or commands in Redis: noticed when it is connected to, told once, and never half used.

use crate::harness::{Server, Setup, Value, World, eventually, json};

on_redis! {
    a_redis_that_refuses_scripts_is_not_up
    a_renamed_command_is_not_up
    a_right_that_is_taken_away_is_noticed
    the_rights_in_the_readme_are_enough
    a_denied_info_is_no_outage
}

/// As the README has them.
fn documented_rights() -> Vec<String> {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let begins = readme.find("ACL SETUSER mcpchat ").expect("README says which rights a user of Redis needs");
    let text = readme[begins..].split("```").next().unwrap().replace("\\\n", " ");
    text.split_whitespace().skip(3).map(str::to_owned).collect()
}

/// The world as a user of its Redis with these rights.
async fn restricted(world: World, rights: &[String]) -> World {
    set_rights(&world, rights).await;
    let url = format!("redis://mcpchat:secret@{}", world.redis().address());
    world.set("redis.url", url)
}

async fn set_rights(world: &World, rights: &[String]) {
    let rights = rights.iter().map(|right| if right.starts_with('>') { ">secret" } else { right.as_str() });
    let words: Vec<&str> = ["ACL", "SETUSER", "mcpchat", "reset"].into_iter().chain(rights).collect();
    world.redis().ask::<()>(&words).await;
}

fn without(rights: &[String], right: &str) -> Vec<String> {
    assert!(rights.iter().any(|one| one == right), "{right} is not in {rights:?}");
    rights.iter().filter(|one| *one != right).cloned().collect()
}

async fn report(world: &World) -> Value {
    serde_json::from_str(&world.cli(["doctor", "--json"]).run().await.stdout).unwrap()
}

fn check<'a>(report: &'a Value, id: &str) -> &'a Value {
    report["checks"].as_array().unwrap().iter().find(|check| check["id"] == id).unwrap()
}

fn said(server: &Server, words: &str) -> usize {
    server.process.lines().iter().filter(|line| line.contains(words)).count()
}

/// Nothing is counted in Redis, everything says so, and the log only once.
async fn is_not_up(world: World, cause: &str) {
    let world = world.set("redis.on_failure", "refuse");
    let server = world.serve().await;
    let problem = server.stranger().get("/readyz").await.problem(503, "redis_unavailable");
    assert!(!problem["detail"].as_str().unwrap().contains("try again"), "{problem}");
    assert_eq!(server.metric("mcpchat_redis_up", &[]).await, 0.0);
    let login = json!({"username": "ada", "password": "wrong"});
    server.stranger().post("/api/v1/auth/login", &login).await.problem(503, "redis_unavailable");
    let report = report(&world).await;
    let found = check(&report, "redis.reachable");
    assert_eq!(found["status"], "failed", "{found:#}");
    assert!(found["detail"].as_str().unwrap().to_lowercase().contains(cause), "{found:#}");
    assert!(found["remedy"].as_str().unwrap().contains("README"), "{found:#}");
    // Some attempts later.
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    let told = server.log().into_iter().filter(|line| line["level"] == "WARN" && line.to_string().contains("redis"));
    let told: Vec<Value> = told.filter(|line| line["message"].as_str().unwrap().starts_with("redis is")).collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].to_string().to_lowercase().contains(cause), "{told:#?}");
    assert_eq!(said(&server, "redis is back"), 0);
}

async fn a_redis_that_refuses_scripts_is_not_up(setup: Setup) {
    for (right, cause) in [("+time", "time"), ("+evalsha", "evalsha"), ("+script|load", "script"), ("+zadd", "zadd")] {
        let world = World::new(setup).await;
        is_not_up(restricted(world, &without(&documented_rights(), right)).await, cause).await;
    }
}

async fn a_renamed_command_is_not_up(setup: Setup) {
    let mut world = World::new(setup).await;
    world.redis_mut().kill().await;
    world.redis_mut().restart(&["--rename-command", "EVAL", ""]).await;
    is_not_up(world, "eval").await;
}

async fn a_right_that_is_taken_away_is_noticed(setup: Setup) {
    let rights = documented_rights();
    let (world, server, ada) = restricted(World::new(setup).await, &rights).await.with_ada().await;
    ada.say("hello").await;
    let up = async |wanted: f64| (server.metric("mcpchat_redis_up", &[]).await == wanted).then_some(());
    eventually("redis_up 1", async || up(1.0).await).await;
    set_rights(&world, &without(&rights, "+time")).await;
    // The database counts meanwhile.
    ada.say("hello").await;
    eventually("redis_up 0", async || up(0.0).await).await;
    set_rights(&world, &rights).await;
    eventually("redis_up 1 again", async || up(1.0).await).await;
    ada.say("hello").await;
    assert_eq!((said(&server, "redis is away"), said(&server, "redis is back")), (1, 1));
}

async fn the_rights_in_the_readme_are_enough(setup: Setup) {
    let world = World::new(setup).await.limit("a-day", "cost", 100, "day").limit("at-once", "turns", 5, "");
    let world = restricted(world, &documented_rights()).await;
    let (server, other) = (world.serve().await, world.serve().await);
    let ada = server.person("ada").await;
    let told = ada.say("hello").await;
    assert!(!ada.at(&other).follow(&told["turn"]["id"], 0).await.all().await.is_empty());
    ada.at(&other).get("/api/v1/turns").await.ok(200);
    world.cli(["ratelimit", "show", "ada"]).run().await.ended(0);
    world.cli(["ratelimit", "reset", "ada", "--yes"]).run().await.ended(0);
    world.cli(["ratelimit", "reset", "--all", "--yes"]).run().await.ended(0);
    world.cli(["ratelimit", "violations"]).run().await.ended(0);
    let report = report(&world).await;
    assert_eq!(check(&report, "redis.reachable")["status"], "ok", "{report:#}");
    assert_eq!(check(&report, "redis.clock")["status"], "ok", "{report:#}");
    assert_eq!(server.metric("mcpchat_redis_up", &[]).await, 1.0);
    // Entries are lists of names and values; the driver tells its name and version where it may.
    let refused: Vec<redis::Value> = world.redis().ask(&["ACL", "LOG"]).await;
    assert!(refused.is_empty(), "{refused:?}");
    assert_eq!(said(&server, "redis is away") + said(&other, "redis is away"), 0);
}

async fn a_denied_info_is_no_outage(setup: Setup) {
    let rights = documented_rights();
    let world = restricted(World::new(setup).await, &without(&without(&rights, "+info"), "+ping")).await;
    let (world, server, root) = world.with_root().await;
    root.get("/api/v1/admin/service-status").await.ok(200);
    let report = report(&world).await;
    assert_eq!(check(&report, "redis.reachable")["status"], "ok", "{report:#}");
    assert_eq!(check(&report, "redis.eviction")["status"], "skipped", "{report:#}");
    assert_eq!(check(&report, "redis.clock")["status"], "ok", "{report:#}");
    assert_eq!(said(&server, "redis is away"), 0);
    assert_eq!(server.metric("mcpchat_redis_up", &[]).await, 1.0);
}
