//! Logging in, staying logged in, and ceasing to be: passwords, refresh tokens, logout, disabling.

use std::time::Duration;

use reqwest::Method;

use crate::harness::{Answer, PASSWORD, Person, Setup, Value, World, json, within};

on_every_setup! {
    a_login_gives_a_pair_of_tokens
    a_login_may_be_a_form
    an_email_address_is_a_login_name_too
    an_unknown_name_is_told_like_a_wrong_password
    a_refresh_token_is_good_for_one_pair
    a_refresh_token_used_long_ago_ends_its_session
    logging_out_kills_the_tokens_at_once
    a_new_password_ends_the_other_sessions
    a_weak_password_is_refused
    a_disabled_user_cannot_log_in
    disabling_a_user_takes_effect_within_a_second
    logins_are_limited_by_name_and_address
    logins_are_limited_by_address
    a_login_is_counted
    registration_is_closed_unless_it_is_opened
    registrations_are_limited_by_address
}

on_redis! { logging_out_reaches_every_replica_within_a_second }

/// The promise is a second; the rest is for a machine that runs many tests at once.
const AT_ONCE: Duration = Duration::from_secs(2);

async fn me(person: &Person) -> Answer {
    person.get("/api/v1/users/me").await
}

async fn is_logged_out(person: &Person) {
    within(AT_ONCE, "the token to die", async || (me(person).await.status == 401).then_some(())).await;
    me(person).await.any_problem(401);
}

async fn a_login_gives_a_pair_of_tokens(setup: Setup) {
    let (_world, server) = World::new(setup).await.with_account().await;
    let pair = server.stranger().log_in("ada", PASSWORD).await.ok(200);
    assert_eq!(pair["token_type"], "bearer");
    // In whole seconds by the database's clock, a moment after it was made.
    assert!([899, 900].contains(&pair["expires_in"].as_u64().unwrap()), "{pair}");
    assert_eq!(pair.as_object().unwrap().len(), 4, "{pair}");
    let me = me(&server.login("ADA").await).await.ok(200);
    assert_eq!((&me["username"], &me["role"], &me["enabled"]), (&json!("ada"), &json!("user"), &json!(true)));
    assert!(me["last_login_at"].is_string() && me["created_at"].is_string(), "{me}");
    assert_eq!(me.as_object().unwrap().len(), 7, "and nothing that is nobody's business: {me}");
}

async fn a_login_may_be_a_form(setup: Setup) {
    let (_world, server) = World::new(setup).await.with_account().await;
    let stranger = server.stranger();
    let form = format!("username=ada&password={PASSWORD}");
    let request = stranger.request(Method::POST, "/api/v1/auth/login");
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
    assert!(Answer::to(request).await.ok(200)["access_token"].is_string());
}

async fn an_email_address_is_a_login_name_too(setup: Setup) {
    let (world, server) = World::new(setup).await.with_account().await;
    let add = world.cli(["user", "add", "grace", "--email", "grace@example.org", "--password-stdin"]);
    add.input(PASSWORD).run().await.ended(0);
    let grace = server.login("Grace@Example.org").await;
    assert_eq!(me(&grace).await.ok(200)["email"], "grace@example.org");
}

async fn an_unknown_name_is_told_like_a_wrong_password(setup: Setup) {
    let (_world, server) = World::new(setup).await.with_account().await;
    let mut stranger = server.stranger();
    let told = |answer: &Answer| {
        let mut problem = answer.any_problem(401);
        problem["request_id"] = Value::Null;
        problem
    };
    let wrong = told(&stranger.log_in("ada", "not-the-Password-of-ada").await);
    for name in ["nobody", "", "no\0body", "'; drop table users; --", &"x".repeat(100_000)] {
        assert_eq!(wrong, told(&stranger.log_in(name, "not-the-Password-of-ada").await), "{:.20}", name);
    }
    assert_eq!(wrong, told(&stranger.log_in("ada", &"x".repeat(100_000)).await));
    assert!(!wrong.to_string().contains("ada"), "{wrong}");
}

async fn a_refresh_token_is_good_for_one_pair(setup: Setup) {
    let (_world, server) = World::new(setup).await.with_account().await;
    let mut ada = server.login("ada").await;
    let first = ada.refresh_token.clone();
    let pair = ada.refresh(&first).await;
    assert_ne!(pair.ok(200)["refresh_token"], json!(first));
    ada.keep(&pair);
    me(&ada).await.ok(200);
    ada.refresh(&ada.refresh_token).await.ok(200);
    ada.refresh("nonsense").await.any_problem(401);
}

async fn a_refresh_token_used_long_ago_ends_its_session(setup: Setup) {
    let (world, server) = World::new(setup).await.with_account().await;
    let mut thief = server.login("ada").await;
    let elsewhere = server.login("ada").await;
    let stolen = thief.refresh_token.clone();
    let pair = thief.refresh(&stolen).await;
    thief.keep(&pair);
    // The ten seconds of grace are over.
    let aged = "update refresh_tokens set used_at = '2020-01-01 00:00:00+00:00' where used_at is not null";
    assert_eq!(world.database.execute(aged).await, 1);
    thief.refresh(&stolen).await.any_problem(401);
    thief.refresh(&thief.refresh_token).await.any_problem(401);
    is_logged_out(&thief).await;
    me(&elsewhere).await.ok(200);
}

async fn logging_out_kills_the_tokens_at_once(setup: Setup) {
    let (_world, server) = World::new(setup).await.with_account().await;
    let (ada, elsewhere) = (server.login("ada").await, server.login("ada").await);
    me(&ada).await.ok(200);
    assert_eq!(ada.post("/api/v1/auth/logout", &json!({})).await.status, 204);
    me(&ada).await.any_problem(401);
    ada.refresh(&ada.refresh_token).await.any_problem(401);
    me(&elsewhere).await.ok(200);
}

async fn logging_out_reaches_every_replica_within_a_second(setup: Setup) {
    let (world, server) = World::new(setup).await.with_account().await;
    let other = world.serve().await;
    let ada = server.login("ada").await;
    let there = ada.at(&other);
    me(&there).await.ok(200);
    assert_eq!(ada.post("/api/v1/auth/logout", &json!({})).await.status, 204);
    is_logged_out(&there).await;
}

async fn a_new_password_ends_the_other_sessions(setup: Setup) {
    let (_world, server) = World::new(setup).await.with_account().await;
    let (ada, mut elsewhere) = (server.login("ada").await, server.login("ada").await);
    let change = |current: &str| json!({"current_password": current, "new_password": "crimson-Walrus-44-lamp"});
    let refused = ada.put("/api/v1/users/me/password", &change("not-the-Password-of-ada")).await;
    assert!([401, 403, 422].contains(&refused.status.as_u16()), "{refused:#?}");
    assert_eq!(ada.put("/api/v1/users/me/password", &change(PASSWORD)).await.status, 204);
    is_logged_out(&elsewhere).await;
    elsewhere.refresh(&elsewhere.refresh_token).await.any_problem(401);
    me(&ada).await.ok(200);
    elsewhere.log_in("ada", PASSWORD).await.any_problem(401);
    elsewhere.log_in("ada", "crimson-Walrus-44-lamp").await.ok(200);
}

async fn a_weak_password_is_refused(setup: Setup) {
    let (world, server) = World::new(setup).await.with_account().await;
    let ada = server.login("ada").await;
    for weak in ["short-1-Aq", "aaaaaaaaaaaaaaaaaaaa", "passwordpassword", "ada-ada-ada-ada-ada"] {
        let change = json!({"current_password": PASSWORD, "new_password": weak});
        let problem = ada.put("/api/v1/users/me/password", &change).await.any_problem(422);
        assert_eq!(problem["errors"][0]["field"], "new_password", "{weak}: {problem}");
        let add = world.cli(["user", "add", "bob", "--password-stdin"]).input(weak).run().await;
        assert_eq!(add.ended(2), "", "{weak}");
    }
}

async fn a_disabled_user_cannot_log_in(setup: Setup) {
    let (world, server) = World::new(setup).await.with_account().await;
    world.cli(["user", "disable", "ada", "--yes"]).run().await.ended(0);
    server.stranger().log_in("ada", PASSWORD).await.any_problem(401);
    world.cli(["user", "enable", "ada"]).run().await.ended(0);
    server.login("ada").await;
}

async fn disabling_a_user_takes_effect_within_a_second(setup: Setup) {
    let (world, server) = World::new(setup).await.with_account().await;
    let ada = server.login("ada").await;
    me(&ada).await.ok(200);
    world.cli(["user", "disable", "ada", "--yes"]).run().await.ended(0);
    is_logged_out(&ada).await;
    ada.refresh(&ada.refresh_token).await.any_problem(401);
}

/// Tries the wrong password until it is refused to try; gives how often it could.
async fn tries(mut name: impl FnMut(usize) -> (Person, String)) -> (usize, Answer) {
    for done in 0..50 {
        let (mut person, name) = name(done);
        let answer = person.log_in(&name, "not-the-Password-of-ada").await;
        if answer.status != 401 {
            return (done, answer);
        }
    }
    panic!("fifty tries and no end");
}

async fn logins_are_limited_by_name_and_address(setup: Setup) {
    let (_world, server) = World::new(setup).await.with_account().await;
    let mut stranger = server.stranger();
    let (times, refused) = tries(|_| (stranger.clone(), "ada".to_owned())).await;
    assert_eq!(times, 5);
    let problem = refused.problem(429, "rate_limited");
    assert!((1..=12).contains(&refused.header("retry-after").parse::<u64>().unwrap()), "{problem}");
    // The right password is not looked at either; and the limit is the name's at that address, in any case of its letters.
    stranger.log_in("ADA", PASSWORD).await.problem(429, "rate_limited");
    stranger.log_in("nobody", PASSWORD).await.any_problem(401);
    server.stranger().log_in("ada", "not-the-Password-of-ada").await.any_problem(401);
    server.login("ada").await;
}

async fn logins_are_limited_by_address(setup: Setup) {
    let (_world, server) = World::new(setup).await.with_account().await;
    let one_place = server.stranger();
    let (times, refused) = tries(|number| (one_place.clone(), format!("name{number}"))).await;
    assert_eq!(times, 10);
    refused.problem(429, "rate_limited");
    server.login("ada").await;
}

async fn a_login_is_counted(setup: Setup) {
    let (_world, server) = World::new(setup).await.with_account().await;
    server.stranger().log_in("ada", "not-the-Password-of-ada").await.any_problem(401);
    server.login("ada").await;
    server.login("ada").await;
    assert!(server.metric("mcpchat_logins_total", &[]).await >= 3.0, "{}", server.metrics().await);
}

async fn registration_is_closed_unless_it_is_opened(setup: Setup) {
    let eve = json!({"username": "eve", "email": "eve@example.org", "password": PASSWORD});
    let world = World::new(setup).await;
    world.serve().await.stranger().post("/api/v1/users", &eve).await.problem(403, "registration_closed");
    let world = world.set("auth.registration", "open");
    let server = world.serve().await;
    let stranger = server.stranger();
    stranger
        .post("/api/v1/users", &json!({"username": "eve", "password": PASSWORD, "role": "admin"}))
        .await
        .any_problem(422);
    let made = stranger.post("/api/v1/users", &eve).await.ok(201);
    assert_eq!((&made["username"], &made["role"]), (&json!("eve"), &json!("user")), "{made}");
    assert!(made.get("password_hash").is_none(), "{made}");
    stranger.post("/api/v1/users", &eve).await.any_problem(409);
    let mut eve = server.stranger();
    eve.log_in("eve", PASSWORD).await.ok(200);
}

async fn registrations_are_limited_by_address(setup: Setup) {
    let world = World::new(setup).await.set("auth.registration", "open");
    let server = world.serve().await;
    // Too weak a password is refused after the limit was checked.
    let register = async |person: &Person, number: u32| {
        person.post("/api/v1/users", &json!({"username": format!("eve{number}"), "password": "passwordpassword"})).await
    };
    let one_place = server.stranger();
    let mut refused_at = None;
    for number in 0..50 {
        if register(&one_place, number).await.status == 429 {
            refused_at = Some(number);
            break;
        }
    }
    assert!(refused_at.is_some_and(|number| number >= 10), "{refused_at:?}");
    register(&server.stranger(), 99).await.any_problem(422);
    assert_eq!(world.database.number("select count(*) from users").await, 0);
}
