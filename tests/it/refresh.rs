//! Refreshing: parallel tabs get one and the same pair, and a token that was used up before is a theft.

use futures_util::future::join_all;

use crate::harness::{Answer, JWT_SECRET, Setup, Value, World, eventually, json, unix_now};

on_every_setup! {
    concurrent_refreshes_get_one_successor
    a_token_is_dead_once_its_successor_was_used
}

on_redis! {
    replicas_give_one_successor
    replicas_need_not_agree_on_the_time
    a_secret_may_change_between_replicas
}

const LIVE_TOKENS: &str = "select count(*) from refresh_tokens where used_at is null";
const ME: &str = "/api/v1/users/me";

/// The one pair that all of these are.
fn one_pair(answers: &[Answer]) -> Value {
    let pairs: Vec<Value> = answers.iter().map(|answer| answer.ok(200)).collect();
    for pair in &pairs {
        for member in ["access_token", "refresh_token"] {
            assert_eq!(pair[member], pairs[0][member]);
        }
    }
    pairs[0].clone()
}

async fn concurrent_refreshes_get_one_successor(setup: Setup) {
    let (world, _server, mut ada) = World::new(setup).await.with_ada().await;
    let token = ada.refresh_token.clone();
    let answers = join_all((0..50).map(|_| ada.refresh(&token))).await;
    let pair = one_pair(&answers);
    assert_ne!(pair["refresh_token"], json!(token));
    assert_eq!(world.database.number(LIVE_TOKENS).await, 1);
    // And one that comes a little late.
    assert_eq!(ada.refresh(&token).await.ok(200)["refresh_token"], pair["refresh_token"]);
    ada.keep(&answers[0]);
    ada.get(ME).await.ok(200);
    ada.refresh(&ada.refresh_token).await.ok(200);
    assert_eq!(world.database.number(LIVE_TOKENS).await, 1);
}

async fn a_token_is_dead_once_its_successor_was_used(setup: Setup) {
    let (_world, server, mut ada) = World::new(setup).await.with_ada().await;
    let elsewhere = server.login("ada").await;
    let first = ada.refresh_token.clone();
    for _ in 0..2 {
        let pair = ada.refresh(&ada.refresh_token).await;
        ada.keep(&pair);
    }
    // Within the grace, and yet a theft: its sender has not the successor that its owner has used.
    ada.refresh(&first).await.any_problem(401);
    ada.refresh(&ada.refresh_token).await.any_problem(401);
    eventually("the session to end", async || (ada.get(ME).await.status == 401).then_some(())).await;
    elsewhere.get(ME).await.ok(200);
}

async fn replicas_give_one_successor(setup: Setup) {
    let (world, _server, ada) = World::new(setup).await.with_ada().await;
    let other = world.serve().await;
    let (there, token) = (ada.at(&other), ada.refresh_token.clone());
    let answers = join_all((0..50).map(|n| if n % 2 == 0 { ada.refresh(&token) } else { there.refresh(&token) })).await;
    one_pair(&answers);
    assert_eq!(world.database.number(LIVE_TOKENS).await, 1);
}

async fn replicas_need_not_agree_on_the_time(setup: Setup) {
    let world = World::new(setup).await.set("auth.access_token_ttl", "60s");
    let here = world.serve().await;
    for shift in ["+90s", "-90s"] {
        let there = world.serve_at(shift).await;
        let name = if shift.starts_with('+') { "ada" } else { "bob" };
        let ada = here.person(name).await;
        let away = ada.at(&there);
        away.get(ME).await.ok(200);
        let token = ada.refresh_token.clone();
        let pair = one_pair(&[ada.refresh(&token).await, away.refresh(&token).await, ada.refresh(&token).await]);
        let renewed = away.with_token(pair["access_token"].as_str().unwrap());
        renewed.get(ME).await.ok(200);
        // What one replica gives for a minute is good for a minute at the other.
        let login = there.login(name).await;
        login.at(&here).get(ME).await.ok(200);
        let soon = chrono::DateTime::from_timestamp_secs(unix_now() as i64 + 45).unwrap();
        let key = json!({"name": "soon", "scopes": ["read"], "expires_at": soon});
        let key = ada.with_token(renewed.token()).post("/api/v1/users/me/keys", &key).await.ok(201);
        away.with_token(key["key"].as_str().unwrap()).get("/api/v1/models").await.ok(200);
    }
}

async fn a_secret_may_change_between_replicas(setup: Setup) {
    let (world, _server, ada) = World::new(setup).await.with_ada().await;
    let next = "another-secret-of-the-tests-with-more-than-32-bytes";
    let world = world.set("auth.jwt_secret", next).set("auth.previous_jwt_secrets", vec![JWT_SECRET]);
    let other = world.serve().await;
    let token = ada.refresh_token.clone();
    let answers = [ada.refresh(&token).await, ada.at(&other).refresh(&token).await];
    let tokens: Vec<Value> = answers.iter().map(|answer| answer.ok(200)["refresh_token"].clone()).collect();
    assert_eq!(tokens[0], tokens[1]);
    assert_eq!(world.database.number(LIVE_TOKENS).await, 1);
}
