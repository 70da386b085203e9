//! Limits of logins and refreshes: exact, and none that a stranger can use to keep an owner out.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::harness::{PASSWORD, Person, Setup, World, json};

on_every_setup! {
    an_owner_logs_in_during_a_flood
    a_known_address_passes_the_limits_of_strangers
    a_new_password_makes_every_address_a_strangers
    refreshes_are_limited_by_address_and_session
    an_operator_frees_a_locked_out_user
}

/// The promise of a login that competes with a flood.
const PROMPT: Duration = Duration::from_secs(2);
const WRONG: &str = "not-the-Password-of-ada";

/// How many of so many tries came through, and that the others are told so.
async fn admitted(tries: usize, person: &Person, name: &str) -> usize {
    let mut admitted = 0;
    for _ in 0..tries {
        let answer = person.clone().log_in(name, WRONG).await;
        match answer.status.as_u16() {
            401 => admitted += 1,
            _ => drop(answer.problem(429, "rate_limited")),
        }
    }
    admitted
}

async fn an_owner_logs_in_during_a_flood(setup: Setup) {
    let (_world, server) = World::new(setup).await.with_account().await;
    let strangers: Vec<Person> = (0..50).map(|_| server.stranger()).collect();
    // A thousand a minute, from the beginning.
    let flood = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(60));
        let mut tries = Vec::new();
        for number in 0..100 {
            ticks.tick().await;
            let mut stranger = strangers[number % strangers.len()].clone();
            tries.push(tokio::spawn(async move { stranger.log_in("ada", WRONG).await.status.as_u16() }));
        }
        join_all(tries).await.into_iter().map(Result::unwrap).collect::<Vec<_>>()
    });
    let mut ada = server.stranger();
    let mut ticks = tokio::time::interval(Duration::from_millis(400));
    for number in 0..15 {
        ticks.tick().await;
        let began = Instant::now();
        ada.log_in("ada", PASSWORD).await.ok(200);
        assert!(began.elapsed() < PROMPT, "login {number} took {:?}", began.elapsed());
    }
    let statuses = flood.await.unwrap();
    assert!(statuses.iter().all(|status| [401, 429].contains(status)), "{statuses:?}");
    // From somewhere else too, though the name has had many tries.
    let began = Instant::now();
    server.login("ada").await;
    assert!(began.elapsed() < PROMPT, "{:?}", began.elapsed());
}

async fn a_known_address_passes_the_limits_of_strangers(setup: Setup) {
    let (world, server) = World::new(setup).await.with_account().await;
    world.add_user("bob").await;
    let mut ada = server.stranger();
    ada.log_in("ada", PASSWORD).await.ok(200);
    // Someone else at the same address uses up what strangers have there.
    for number in 0..12 {
        ada.clone().log_in(&format!("name{number}"), WRONG).await;
    }
    ada.clone().log_in("nobody", WRONG).await.problem(429, "rate_limited");
    ada.clone().log_in("bob", PASSWORD).await.problem(429, "rate_limited");
    ada.log_in("ADA", PASSWORD).await.ok(200);
    // That is a limit too.
    let more = admitted(45, &ada, "ada").await;
    assert!((29..40).contains(&more), "one more comes back every two seconds: {more}");
    // Only a keyed hash of the address is kept.
    let kept = &world.database.everything().await["login_addresses"];
    assert!(!kept.is_empty() && !kept.contains(&ada.address), "{kept}");
}

async fn a_new_password_makes_every_address_a_strangers(setup: Setup) {
    let (world, server) = World::new(setup).await.with_account().await;
    let mut ada = server.stranger();
    ada.log_in("ada", PASSWORD).await.ok(200);
    assert_eq!(world.database.number("select count(*) from login_addresses").await, 1);
    let set = world.cli(["user", "password", "ada", "--password-stdin"]).input("crimson-Walrus-44-lamp").run().await;
    set.ended(0);
    assert_eq!(world.database.number("select count(*) from login_addresses").await, 0);
}

async fn refreshes_are_limited_by_address_and_session(setup: Setup) {
    let (_world, server) = World::new(setup).await.with_account().await;
    let mut ada = server.login("ada").await;
    let stranger = server.stranger();
    let mut taken = 0;
    let refused = loop {
        let answer = stranger.refresh("mcr_nonsense").await;
        if answer.status != 401 {
            break answer;
        }
        taken += 1;
    };
    // One more comes back every 0.6 s.
    assert!((100..150).contains(&taken), "{taken}");
    let problem = refused.problem(429, "rate_limited");
    assert_eq!((&problem["rule"], &problem["limit"]), (&json!("refresh_address"), &json!(100)));
    assert_eq!(refused.header("retry-after"), "1");
    let mut renewed = 0;
    let refused = loop {
        let answer = ada.refresh(&ada.refresh_token).await;
        if answer.status != 200 {
            break answer;
        }
        ada.keep(&answer);
        renewed += 1;
    };
    assert!((100..150).contains(&renewed), "{renewed}");
    assert_eq!(refused.problem(429, "rate_limited")["rule"], "refresh_session");
    // What was worth something is not counted against its address, nor against another session.
    let mut elsewhere = server.stranger();
    elsewhere.address.clone_from(&ada.address);
    let pair = elsewhere.log_in("ada", PASSWORD).await.ok(200);
    elsewhere.refresh(pair["refresh_token"].as_str().unwrap()).await.ok(200);
}

async fn an_operator_frees_a_locked_out_user(setup: Setup) {
    let (world, server) = World::new(setup).await.with_account().await;
    let stranger = server.stranger();
    assert_eq!(admitted(7, &stranger, "ada").await, 5);
    let subject = format!("login:ada {}", stranger.address);
    let violations = world.cli(["ratelimit", "violations", "ada", "--json"]).run().await.json();
    assert_eq!((&violations[0]["subject"], &violations[0]["rule"]), (&json!(subject), &json!("login_name_address")));
    world.cli(["ratelimit", "reset", "ada", "--yes"]).run().await.ended(0);
    assert_eq!(world.cli(["ratelimit", "violations", "ada", "--json"]).run().await.json(), json!([]));
    stranger.clone().log_in("ada", PASSWORD).await.ok(200);
}
