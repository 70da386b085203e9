//! Operations: health, metrics, starting and stopping.

use crate::harness::{Gate, Reply, Setup, Told, World, eventually, json};

on_every_setup! {
    a_server_is_alive_and_ready
    metrics_are_on_their_own_listener
    a_turn_is_counted
    sigterm_lets_running_turns_finish
    signals_that_mean_nothing_change_nothing
    a_turn_that_outlasts_the_drain_is_not_left_running
    a_second_server_migrates_nothing_and_starts
    the_log_is_json_with_request_ids_and_no_secrets
}

on_database_servers! { a_signing_key_is_demanded }

/// What log rotation and reloading send must cut no client off.
async fn signals_that_mean_nothing_change_nothing(setup: Setup) {
    let (_world, provider, mut server, ada) = World::new(setup).await.with_provider_and_ada().await;
    let gate = Gate::closed();
    provider.next(Reply::text(["begun, "]).then_wait(&gate).then("end"));
    let mut events = ada.stream(&json!({"content": "slowly"})).await;
    let mut seen = vec![events.next().await.unwrap(), events.next().await.unwrap()];
    for signal in ["HUP", "USR1", "USR2", "ALRM", "PIPE"] {
        server.process.signal(signal);
    }
    for signal in ["SIGHUP", "SIGUSR1", "SIGUSR2", "SIGALRM"] {
        server.said("a signal is ignored; SIGTERM stops the service", |line| line["signal"] == signal).await;
    }
    ada.get("/readyz").await.ok(200);
    gate.open();
    seen.extend(events.all().await);
    assert_eq!(Told::whole(&seen).text, "begun, end");
    server.process.signal("QUIT");
    assert_eq!(server.process.exit_code().await, 0, "in good order");
}

async fn a_server_is_alive_and_ready(setup: Setup) {
    let world = World::new(setup).await;
    let server = world.serve().await;
    let stranger = server.stranger();
    for path in ["/livez", "/readyz"] {
        let answer = stranger.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {answer:#?}");
    }
}

async fn metrics_are_on_their_own_listener(setup: Setup) {
    let (_world, server, ada) = World::new(setup).await.with_ada().await;
    ada.get("/metrics").await.any_problem(404);
    ada.say("hello").await;
    let text = server.metrics().await;
    for name in [
        "http_requests_total",
        "http_request_duration_seconds_bucket",
        "turns_total",
        "turn_duration_seconds_bucket",
        "time_to_first_token_seconds_bucket",
        "overhead_seconds_bucket",
        "tokens_total",
        "rate_limit_decisions_total",
        "logins_total",
        "turns_running",
        "db_pool_connections",
        "provider_requests_total",
        "build_info",
    ] {
        assert!(text.lines().any(|line| line.starts_with(&format!("mcpchat_{name}"))), "no mcpchat_{name} in\n{text}");
    }
    assert!(text.contains("process_resident_memory_bytes"), "{text}");
    let user = ada.get("/api/v1/users/me").await.ok(200);
    for private in [user["id"].as_str().unwrap(), "\"ada\"", "/api/v1/conversations/0"] {
        assert!(!text.contains(private), "{private} is in a label");
    }
    let undocumented =
        text.lines().filter(|line| line.starts_with("# TYPE mcpchat_")).map(|line| line.split(' ').nth(2).unwrap());
    let undocumented: Vec<&str> = undocumented.filter(|name| !text.contains(&format!("# HELP {name} "))).collect();
    assert!(undocumented.is_empty(), "{undocumented:?}");
}

async fn a_turn_is_counted(setup: Setup) {
    let (_world, provider, server, ada) = World::new(setup).await.with_provider_and_ada().await;
    let gate = Gate::closed();
    provider.next(Reply::text(["first"]).then_wait(&gate).then(" last"));
    let mut events = ada.stream(&json!({"content": "x"})).await;
    events.expect("turn").await;
    assert_eq!(server.metric("mcpchat_turns_running", &[]).await, 1.0);
    gate.open();
    events.all().await;
    provider.next(Reply::status(400));
    ada.send(&json!({"content": "x"})).await;
    let turns = async |labels: &[&str]| server.metric("mcpchat_turns_total", labels).await;
    eventually("both turns to be counted", async || (turns(&[]).await == 2.0).then_some(())).await;
    assert_eq!(turns(&[r#"model="fake""#, r#"outcome="completed""#]).await, 1.0);
    assert_eq!(turns(&[r#"model="fake""#, r#"outcome="failed""#]).await, 1.0);
    assert_eq!(server.metric("mcpchat_turns_running", &[]).await, 0.0);
    assert_eq!(server.metric("mcpchat_tokens_total", &[r#"model="fake""#, r#"direction="output""#]).await, 7.0);
    assert_eq!(server.metric("mcpchat_provider_requests_total", &[r#"provider="fake-openai""#]).await, 2.0);
    let requests = async || server.metric("mcpchat_http_requests_total", &["/api/v1/messages", "POST"]).await;
    eventually("both requests to be counted", async || (requests().await == 2.0).then_some(())).await;
}

async fn sigterm_lets_running_turns_finish(setup: Setup) {
    let (world, provider, mut server, ada) = World::new(setup).await.with_provider_and_ada().await;
    let gate = Gate::closed();
    // A connection that is open already, as a load balancer's is.
    let balancer = server.stranger();
    assert_eq!(balancer.get("/readyz").await.status, 200);
    provider.next(Reply::text(["first"]).then_wait(&gate).then(" last"));
    let mut events = ada.stream(&json!({"content": "x"})).await;
    let mut seen = vec![events.next().await.unwrap(), events.next().await.unwrap()];
    server.process.signal("TERM");
    eventually("the server to be no longer ready", async || {
        // Either it says so on a connection it still has, or it takes no new one.
        let answer = balancer.request(reqwest::Method::GET, "/readyz").send().await;
        answer.map_or(true, |answer| answer.status() == 503).then_some(())
    })
    .await;
    assert!(!server.process.has_ended(), "the turn is still running");
    gate.open();
    seen.extend(events.all().await);
    assert_eq!(Told::whole(&seen).text, "first last");
    assert_eq!(server.process.exit_code().await, 0);
    let next = world.serve().await;
    assert_eq!(ada.at(&next).turn(&seen[0].data["turn_id"]).await["state"], "completed");
}

async fn a_turn_that_outlasts_the_drain_is_not_left_running(setup: Setup) {
    let world = World::new(setup).await.set("server.drain_timeout", "200ms");
    let (world, provider, mut server, ada) = world.with_provider_and_ada().await;
    let never = Gate::closed();
    provider.next(Reply::text(["first"]).then_wait(&never).then(" last"));
    let mut events = ada.stream(&json!({"content": "x"})).await;
    let turn = events.expect("turn").await;
    events.expect("delta").await;
    server.process.signal("TERM");
    assert_eq!(server.process.exit_code().await, 0);
    let next = world.serve().await;
    let ada = ada.at(&next);
    let ended = eventually("the turn to have a final state", async || {
        let turn = ada.turn(&turn["turn_id"]).await;
        (turn["state"] != "running").then_some(turn)
    })
    .await;
    assert_eq!(ended["state"], "interrupted", "{ended}");
    ada.say_in(&turn["conversation_id"], "are you there?").await;
}

async fn a_second_server_migrates_nothing_and_starts(setup: Setup) {
    let world = World::new(setup).await;
    world.cli(["migrate", "--check"]).run().await.ended(8);
    world.cli(["migrate"]).run().await.ended(0);
    world.cli(["migrate", "--check"]).run().await.ended(0);
    world.cli(["migrate"]).run().await.ended(0);
    let server = world.serve().await;
    drop(server);
    world.serve().await;
}

async fn the_log_is_json_with_request_ids_and_no_secrets(setup: Setup) {
    let (_world, _provider, server, ada) = World::new(setup).await.with_provider_and_ada().await;
    let request = ada.request(reqwest::Method::POST, "/api/v1/messages").header("x-request-id", "find-me-again");
    crate::harness::Answer::to(request.json(&json!({"content": "a secret thought"}))).await.ok(201);
    eventually("a line about the request", async || {
        server.log().iter().any(|line| line.to_string().contains("find-me-again")).then_some(())
    })
    .await;
    let log = server.process.lines().join("\n");
    for secret in [
        ada.token(),
        &ada.refresh_token,
        "a secret thought",
        "sk-openai",
        crate::harness::PASSWORD,
        crate::harness::JWT_SECRET,
    ] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

async fn a_signing_key_is_demanded(setup: Setup) {
    let without = World::new(setup).await.without("auth.jwt_secret");
    let short = World::new(setup).await.set("auth.jwt_secret", "too-short");
    for world in [without, short] {
        let refused = world.cli(["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "off"]).run().await;
        refused.ended(9);
        assert!(refused.stderr.contains("jwt_secret"), "{refused:?}");
    }
}
