//! The status of the service, for administrators: its counts, the machine, and its dependencies.

use std::time::{Duration, Instant};

use crate::harness::{Gate, Provider, Reply, Setup, Value, World, json};

on_every_setup! {
    the_numbers_are_those_of_what_was_done
    what_answers_is_ok_and_what_does_not_says_why
}

on_sqlite! { the_machine_is_told_in_percent }

on_redis! { a_redis_that_does_not_answer_is_told_in_time }

async fn the_numbers_are_those_of_what_was_done(setup: Setup) {
    let provider = Provider::start().await;
    let (_world, server, root) = World::new(setup).await.provider(&provider).with_root().await;
    let numbers = async || root.get("/api/v1/admin/metrics").await.ok(200);
    let none = json!({"user_count": 1, "conversation_count": 0, "message_count": 0, "turns_running": 0,
        "tokens_today": 0, "cost_today": 0.0});
    assert_eq!(numbers().await, none);
    let ada = server.person("ada").await;
    let said = ada.say("hello").await;
    ada.say("hello again").await;
    let conversation = said["turn"]["conversation_id"].as_str().unwrap();
    ada.delete(&format!("/api/v1/conversations/{conversation}")).await.ok(204);
    let gate = Gate::closed();
    provider.next(Reply::text(["first "]).then_wait(&gate).then("last"));
    let mut events = ada.stream(&json!({"content": "slowly"})).await;
    events.expect("turn").await;
    let some = json!({"user_count": 2, "conversation_count": 2, "message_count": 5, "turns_running": 1,
        "tokens_today": 36, "cost_today": 0.00005});
    assert_eq!(numbers().await, some);
    gate.open();
    events.all().await;
    assert_eq!(numbers().await["turns_running"], 0);
}

async fn the_machine_is_told_in_percent(setup: Setup) {
    let (_world, _server, root) = World::new(setup).await.with_root().await;
    let told = root.get("/api/v1/admin/system-status").await.ok(200);
    for name in ["cpu", "memory", "disk"] {
        assert!((0.0..=100.0).contains(&told[name].as_f64().unwrap()), "{name}: {told}");
    }
    assert!(
        told["memory"].as_f64().unwrap() > 0.0 && told["process_memory_bytes"].as_u64().unwrap() > 1_000_000,
        "{told}"
    );
    assert!(told["uptime_secs"].as_u64().unwrap() < 60 && told["version"] == env!("CARGO_PKG_VERSION"), "{told}");
}

async fn what_answers_is_ok_and_what_does_not_says_why(setup: Setup) {
    let provider = Provider::start().await;
    let wrong = format!(
        "name = 'wrong-key'\nkind = 'openai'\nbase_url = 'http://{}/v1'\napi_key = 'sk-wrong-key'",
        provider.address()
    );
    let gone = "name = 'gone'\nkind = 'openai'\nbase_url = 'http://127.0.0.1:1/v1'\napi_key = 'sk-gone'";
    let world = World::new(setup).await.provider(&provider).add("providers", &wrong).add("providers", gone);
    let models = |world: World, name: &str| world.add("models", &format!("name = '{name}'\nprovider = '{name}'"));
    let (_world, _server, root) = models(models(world, "wrong-key"), "gone").with_root().await;
    let answer = root.get("/api/v1/admin/service-status").await;
    let told = answer.ok(200);
    assert!(!told.to_string().contains("sk-"), "{told}");
    let of = |name: &str| {
        let all = told["providers"].as_array().unwrap().iter();
        all.clone().find(|provider| provider["name"] == name).unwrap_or_else(|| panic!("{name} in {told}")).clone()
    };
    let is_ok = |health: &Value| {
        assert_eq!((&health["status"], &health["error"]), (&json!("ok"), &Value::Null), "{told}");
        assert!(health["latency_ms"].as_f64().unwrap() > 0.0, "{told}");
    };
    is_ok(&told["database"]);
    if setup == Setup::Redis {
        is_ok(&told["redis"])
    } else {
        assert_eq!(told["redis"], Value::Null)
    }
    is_ok(&of("fake-openai"));
    is_ok(&of("fake-anthropic"));
    for (name, says) in [("wrong-key", "401"), ("gone", "refused")] {
        let health = of(name);
        assert_eq!(health["status"], "failed", "{told}");
        assert!(health["error"].as_str().unwrap().contains(says), "{told}");
    }
}

async fn a_redis_that_does_not_answer_is_told_in_time(setup: Setup) {
    let (world, _server, root) = World::new(setup).await.with_root().await;
    world.redis().freeze();
    let since = Instant::now();
    let told = root.get("/api/v1/admin/service-status").await.ok(200);
    assert!(since.elapsed() < Duration::from_secs(5));
    assert_eq!((&told["redis"]["status"], &told["database"]["status"]), (&json!("failed"), &json!("ok")), "{told}");
    world.redis().thaw();
}
