//! The replica lease: without Redis one replica serves on a PostgreSQL database, and a second is refused at its start.

use std::time::{Duration, Instant};

use crate::harness::{Invocation, Setup, World};

on_postgres! {
    a_second_replica_without_redis_is_refused
    a_restart_waits_for_a_crashed_replica_only
}

on_every_setup! { doctor_counts_replicas_that_need_redis }

async fn serve_in_vain(world: &World) -> String {
    let config = world.config_file();
    let arguments =
        ["--config", config.to_str().unwrap(), "serve", "--listen", "127.0.0.1:0", "--metrics-listen", "off"];
    let output = Invocation::new(world.home(), arguments).run().await;
    output.ended(9);
    output.stderr
}

async fn a_second_replica_without_redis_is_refused(setup: Setup) {
    let world = World::new(setup).await;
    let mut server = world.serve().await;
    let told = serve_in_vain(&world).await;
    assert!(told.contains("without Redis only one may") && told.contains("[redis] url"), "{told}");
    server.stranger().get("/readyz").await.ok(200);
    // A command is no replica.
    world.add_user("ada").await;
    world.cli(["chat", "--as", "ada", "hello"]).run().await.ended(0);
    server.process.signal("TERM");
    let begin = Instant::now();
    let next = world.serve().await;
    assert!(begin.elapsed() < Duration::from_secs(5), "one that drains is not waited for: {:?}", begin.elapsed());
    assert_eq!(server.process.exit_code().await, 0);
    next.stranger().get("/readyz").await.ok(200);
}

async fn a_restart_waits_for_a_crashed_replica_only(setup: Setup) {
    let world = World::new(setup).await;
    let server = world.serve().await;
    server.process.signal("KILL");
    let begin = Instant::now();
    let next = world.serve().await;
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
    next.stranger().get("/readyz").await.ok(200);
    // Its lease lapses while it is stopped, goes to another, and it is not ready when it comes back.
    next.process.signal("STOP");
    let third = world.serve().await;
    next.process.signal("CONT");
    crate::harness::eventually("the one that was stopped to be not ready", async || {
        (next.stranger().get("/readyz").await.status == 503).then_some(())
    })
    .await;
    third.stranger().get("/readyz").await.ok(200);
}

async fn doctor_counts_replicas_that_need_redis(setup: Setup) {
    let world = World::migrated(setup).await;
    let output = world.cli(["doctor", "--json", "--replicas", "2"]).run().await;
    let report: crate::harness::Value = serde_json::from_str(&output.stdout).unwrap();
    let check = report["checks"].as_array().unwrap().iter().find(|check| check["id"] == "redis.reachable").unwrap();
    let expected = if setup == Setup::Redis { "ok" } else { "failed" };
    assert_eq!(check["status"], expected, "{check:#}");
}
