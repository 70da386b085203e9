//! Access tokens: which are believed, and what happens while the database is unavailable.

use reqwest::Method;

use crate::harness::{Answer, Jwt, Person, Setup, World, eventually, json, unix_now};

on_every_setup! {
    a_token_made_with_the_secret_is_believed
    a_token_that_is_not_ours_is_a_401
    no_part_of_a_token_is_skipped_over
    two_authorization_headers_are_a_400
    a_request_without_a_token_is_a_401
    a_token_in_the_url_is_not_read
    a_restart_logs_no_user_out
}

on_database_servers! {
    an_unavailable_database_is_a_503_and_heals
    a_database_that_does_not_answer_is_a_503_and_heals
}

const ME: &str = "/api/v1/users/me";

/// Without this, the tokens below could be refused for a reason that is not theirs.
async fn a_token_made_with_the_secret_is_believed(setup: Setup) {
    let (_world, _server, ada) = World::new(setup).await.with_ada().await;
    let jwt = Jwt::of(ada.token());
    let past = jwt.with("nbf", json!(unix_now() - 60)).with("nonce", json!("a claim that we do not know"));
    for fine in [&jwt, &past] {
        ada.with_token(&fine.signed()).get(ME).await.ok(200);
    }
}

async fn a_token_that_is_not_ours_is_a_401(setup: Setup) {
    let (_world, server, ada) = World::new(setup).await.with_ada().await;
    let jwt = Jwt::of(ada.token());
    assert_eq!(jwt.header()["alg"], "HS256");
    assert!(jwt.header()["kid"].is_string(), "{}", jwt.header);
    for claim in ["iss", "aud", "sub", "sid", "iat", "exp", "epoch"] {
        assert!(!jwt.claims()[claim].is_null(), "no `{claim}` in {}", jwt.claims);
    }
    assert!(jwt.claims().get("role").is_none(), "no claim is trusted for the role: {}", jwt.claims);
    let bob = Jwt::of(server.person("bob").await.token()).claims()["sub"].clone();
    let none = Jwt { header: json!({"alg": "none", "typ": "JWT"}).to_string(), claims: jwt.claims.clone() };
    let wrong = [
        ("forged", jwt.signed_with("another-secret-with-more-than-32-bytes-in-it")),
        ("expired", jwt.with("exp", json!(unix_now() - 3600)).signed()),
        ("that expires now", jwt.with("exp", json!(unix_now())).signed()),
        ("for another audience", jwt.with("aud", json!("somebody-else")).signed()),
        ("by another issuer", jwt.with("iss", json!("somebody-else")).signed()),
        ("of another epoch", jwt.with("epoch", json!(99)).signed()),
        ("of another session", jwt.with("sid", json!("018f0000-0000-7000-8000-000000000000")).signed()),
        ("for somebody else", jwt.with("sub", bob).signed()),
        ("for nobody", jwt.with("sub", json!("018f0000-0000-7000-8000-000000000000")).signed()),
        ("with a subject that is no id", jwt.with("sub", json!("ada")).signed()),
        ("by another algorithm", jwt.with_header("alg", json!("HS512")).signed_sha512()),
        ("that claims another algorithm", jwt.with_header("alg", json!("HS512")).signed()),
        ("that hides its algorithm", jwt.signed_sha512()),
        ("unsigned", none.unsigned()),
        ("unsigned as HS256", jwt.unsigned()),
        ("a refresh token", ada.refresh_token.clone()),
        ("nonsense", "a.b.c".to_owned()),
        ("empty", String::new()),
    ];
    for (what, token) in wrong {
        is_refused(&ada, what, &token).await;
    }
    ada.get(ME).await.ok(200);
}

async fn is_refused(person: &Person, what: &str, token: &str) {
    let answer = person.with_token(token).get(ME).await;
    assert_eq!(answer.status, 401, "a token {what}: {answer:#?}");
    answer.any_problem(401);
    assert!(answer.header("www-authenticate").starts_with("Bearer"), "a token {what}");
}

async fn no_part_of_a_token_is_skipped_over(setup: Setup) {
    let (_world, _server, ada) = World::new(setup).await.with_ada().await;
    let jwt = Jwt::of(ada.token());
    let later = json!(unix_now() + 600);
    for (claim, value) in [
        ("nbf", later.clone()),
        ("nbf", json!("soon")),
        ("nbf", json!(null)),
        ("nbf", json!(true)),
        ("nbf", json!(["1"])),
        ("aud", json!(["mcpchat"])),
        ("iat", json!("1")),
        ("exp", json!(later.to_string())),
        ("exp", json!(null)),
        ("epoch", json!("0")),
    ] {
        is_refused(&ada, &format!("with {claim} {value}"), &jwt.with(claim, value).signed()).await;
    }
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("jku", json!("https://example.org/keys")),
        ("typ", json!("at+jwt")),
        ("kid", json!(null)),
        ("kid", json!(7)),
    ] {
        is_refused(&ada, &format!("with {name} {value}"), &jwt.with_header(name, value).signed()).await;
    }
    for twice in [r#""exp":1"#, r#""sub":"ada""#, r#""x":1,"x":1"#] {
        is_refused(&ada, &format!("with {twice} twice"), &jwt.with_claim_before(twice).signed()).await;
    }
}

async fn two_authorization_headers_are_a_400(setup: Setup) {
    let (_world, _server, ada) = World::new(setup).await.with_ada().await;
    let [own, other] = [format!("Bearer {}", ada.token()), "Basic YWRhOmFkYQ==".to_owned()];
    for two in [[&own, &own], [&own, &other], [&other, &own]] {
        let mut anonymous = ada.clone();
        anonymous.token = None;
        let request = two.iter().fold(anonymous.request(Method::GET, ME), |it, line| it.header("authorization", *line));
        Answer::to(request).await.any_problem(400);
    }
    ada.get(ME).await.ok(200);
}

async fn a_request_without_a_token_is_a_401(setup: Setup) {
    let (_world, server, _ada) = World::new(setup).await.with_ada().await;
    let stranger = server.stranger();
    for path in ["users/me", "models", "conversations", "turns"] {
        stranger.get(&format!("/api/v1/{path}")).await.any_problem(401);
    }
    stranger.send(&json!({"content": "hello"})).await.any_problem(401);
}

async fn a_token_in_the_url_is_not_read(setup: Setup) {
    let (_world, server, ada) = World::new(setup).await.with_ada().await;
    let path = format!("{ME}?access_token={token}&token={token}", token = ada.token());
    let answer = server.stranger().get(&path).await;
    assert!([400, 401, 422].contains(&answer.status.as_u16()), "{answer:#?}");
}

async fn a_restart_logs_no_user_out(setup: Setup) {
    let (world, server, ada) = World::new(setup).await.with_ada().await;
    drop(server);
    let next = world.serve().await;
    ada.at(&next).get(ME).await.ok(200);
}

async fn a_database_that_does_not_answer_is_a_503_and_heals(setup: Setup) {
    let (world, wire) = World::new(setup).await.wire_to_postgres().await;
    let (_world, _server, ada) = world.with_ada().await;
    wire.stall();
    let refused = ada.send(&json!({"content": "hello"})).await;
    refused.any_problem(503);
    assert!(refused.header("retry-after").parse::<u64>().is_ok(), "{refused:#?}");
    wire.mend();
    eventually("the service to heal", async || {
        (ada.send(&json!({"content": "hello"})).await.status == 201).then_some(())
    })
    .await;
}

async fn an_unavailable_database_is_a_503_and_heals(setup: Setup) {
    let (world, wire) = World::new(setup).await.wire_to_postgres().await;
    let (_world, server, ada) = world.with_ada().await;
    ada.get(ME).await.ok(200);
    wire.cut();
    // What was known about the session is believed for another half second.
    eventually("the outage to be seen", async || (ada.get(ME).await.status == 503).then_some(())).await;
    let is_away = async |person: &Person, path: &str| {
        let answer = person.get(path).await;
        answer.any_problem(503);
        assert!(answer.header("retry-after").parse::<u64>().is_ok(), "{answer:#?}");
    };
    is_away(&ada, "/api/v1/conversations").await;
    is_away(&ada, ME).await;
    let refused = ada.send(&json!({"content": "hello"})).await;
    refused.any_problem(503);
    // A token not seen before cannot be told from a dead one: that is no reason for a 401.
    let login = server.stranger().log_in("ada", crate::harness::PASSWORD).await;
    login.any_problem(503);
    assert_eq!(server.stranger().get("/livez").await.status, 200);
    assert_eq!(server.stranger().get("/readyz").await.status, 503);
    wire.mend();
    eventually("the service to heal", async || (ada.get("/api/v1/conversations").await.status == 200).then_some(()))
        .await;
    eventually("it to be ready", async || (server.stranger().get("/readyz").await.status == 200).then_some(())).await;
    ada.say("hello again").await;
}
