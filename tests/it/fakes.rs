//! Tests of the fakes: they do what the other tests take for granted. These tests start no mcpchat.

use std::time::Duration;

use crate::harness::{Gate, Provider, Reply, Setup, Wire, World, eventually, json};

fn http() -> reqwest::Client {
    crate::harness::Person::stranger("").http()
}

async fn ask(provider: &Provider, path: &str) -> reqwest::Result<reqwest::Response> {
    let body = json!({"messages": [{"role": "user", "content": "what is up"}]});
    http().post(format!("http://{}{path}", provider.address())).json(&body).send().await
}

#[tokio::test]
async fn the_provider_speaks_both_dialects() {
    let provider = Provider::start().await;
    let openai = ask(&provider, "/v1/chat/completions").await.unwrap().text().await.unwrap();
    assert!(openai.contains(r#""content":"what ""#) && openai.ends_with("data: [DONE]\n\n"), "{openai}");
    assert!(openai.contains(r#""completion_tokens":7"#), "{openai}");
    let anthropic = ask(&provider, "/v1/messages").await.unwrap().text().await.unwrap();
    assert!(anthropic.starts_with("event: message_start\ndata: "), "{anthropic}");
    assert!(anthropic.contains(r#""text":"what ""#) && anthropic.contains("end_turn"), "{anthropic}");
    assert_eq!(provider.last_call().dialogue(), ["user: what is up"]);
    assert_eq!(ask(&provider, "/elsewhere").await.unwrap().status(), 404);
}

#[tokio::test]
async fn the_provider_follows_its_script_in_order() {
    let provider = Provider::start().await;
    provider.next(Reply::status(429).header("retry-after", "3")).next(Reply::hang_up());
    provider.next(Reply::text(["half"]).then_break());
    provider.always(Reply::raw("text/html", "<p>"));
    let refused = ask(&provider, "/v1/messages").await.unwrap();
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (429, &"3".parse().unwrap()));
    ask(&provider, "/v1/messages").await.unwrap_err();
    ask(&provider, "/v1/messages").await.unwrap().text().await.unwrap_err();
    assert_eq!(ask(&provider, "/v1/messages").await.unwrap().text().await.unwrap(), "<p>");
    assert_eq!(provider.calls().len(), 4);
}

#[tokio::test]
async fn the_provider_notices_who_leaves() {
    let (provider, gate) = (Provider::start().await, Gate::closed());
    provider.always(Reply::text(["first"]).then_wait(&gate).then("second"));
    let mut left = ask(&provider, "/v1/messages").await.unwrap();
    left.chunk().await.unwrap();
    assert!(!provider.last_call().dropped);
    drop(left);
    eventually("the provider to see the client gone", async || provider.last_call().dropped.then_some(())).await;
    gate.open();
    assert!(ask(&provider, "/v1/messages").await.unwrap().text().await.unwrap().contains("second"));
    let last = provider.last_call();
    assert_eq!((last.dropped, last.finished), (false, true));
}

#[tokio::test]
async fn a_gate_lets_one_through_a_step() {
    let gate = Gate::closed();
    let waits = async |gate: &Gate| tokio::time::timeout(Duration::from_millis(20), gate.pass()).await.is_err();
    assert!(waits(&gate).await);
    gate.step();
    assert!(!waits(&gate).await);
    assert!(waits(&gate).await);
    gate.open();
    assert!(!waits(&gate).await && !waits(&gate).await);
}

#[tokio::test]
async fn a_wire_can_be_cut_and_mended() {
    let provider = Provider::start().await;
    let wire = Wire::to(provider.address().to_string()).await;
    let url = format!("http://{}/v1/messages", wire.address());
    let post = async || http().post(&url).json(&json!({"messages": []})).send().await;
    assert!(post().await.is_ok());
    wire.cut();
    assert!(post().await.is_err());
    wire.mend();
    assert!(post().await.is_ok());
}

on_every_setup! { a_world_has_a_database_of_its_own }

async fn a_world_has_a_database_of_its_own(setup: Setup) {
    let (one, other) = (World::new(setup).await, World::new(setup).await);
    if setup == Setup::Sqlite {
        assert_ne!(one.database.url(), other.database.url());
        return;
    }
    for world in [&one, &other] {
        world.database.execute("create table mine (id bigint)").await;
        assert_eq!(world.database.number("select count(*) from mine").await, 0);
    }
}

on_redis! { a_frozen_redis_answers_again_when_thawed }

async fn a_frozen_redis_answers_again_when_thawed(setup: Setup) {
    let world = World::new(setup).await;
    assert!(world.redis().keys().await.is_empty());
    world.redis().freeze();
    let asked = tokio::time::timeout(Duration::from_millis(100), world.redis().keys()).await;
    assert!(asked.is_err(), "a frozen Redis does not answer");
    world.redis().thaw();
    assert!(world.redis().keys().await.is_empty());
}
