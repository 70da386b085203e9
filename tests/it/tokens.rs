//! Access tokens: which are believed, and what happens when nobody can say.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};

use crate::harness::{JWT_SECRET, Person, Server, Setup, Value, World, eventually, json};

on_every_setup! {
    a_token_made_with_the_secret_is_believed
    a_token_that_is_not_ours_is_a_401
    a_request_without_a_token_is_a_401
    a_token_in_the_url_is_not_read
    a_restart_does_not_log_anybody_out
}

on_database_servers! {
    a_database_that_is_away_is_a_503_and_heals
    a_database_that_does_not_answer_is_a_503_and_heals
}

const ME: &str = "/api/v1/users/me";

async fn start(setup: Setup) -> (World, Server, Person) {
    let world = World::new(setup).await;
    let server = world.serve().await;
    let ada = server.person("ada").await;
    (world, server, ada)
}

/// A token taken apart, to be put together wrongly.
struct Parts {
    header: Header,
    claims: Value,
}

impl Parts {
    fn of(token: &str) -> Self {
        let claims = jsonwebtoken::dangerous::insecure_decode::<Value>(token).unwrap().claims;
        Self { header: jsonwebtoken::decode_header(token).unwrap(), claims }
    }

    fn signed(&self, secret: &str) -> String {
        encode(&self.header, &self.claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
    }

    fn with(&self, claim: &str, value: Value) -> Self {
        let mut claims = self.claims.clone();
        claims[claim] = value;
        Self { header: self.header.clone(), claims }
    }
}

/// base64url without padding, of the little that is needed here.
fn unsigned(claims: &Value, header: &Value) -> String {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as URL};
    format!("{}.{}.", URL.encode(header.to_string()), URL.encode(claims.to_string()))
}

/// Without this, the tokens below could be refused for a reason that is not theirs.
async fn a_token_made_with_the_secret_is_believed(setup: Setup) {
    let (_world, _server, ada) = start(setup).await;
    let again = Parts::of(ada.token()).signed(JWT_SECRET);
    ada.with_token(&again).get(ME).await.ok(200);
}

async fn a_token_that_is_not_ours_is_a_401(setup: Setup) {
    let (_world, server, ada) = start(setup).await;
    let parts = Parts::of(ada.token());
    assert_eq!(parts.header.alg, Algorithm::HS256);
    assert!(parts.header.kid.is_some(), "{:?}", parts.header);
    for claim in ["iss", "aud", "sub", "sid", "iat", "exp", "epoch"] {
        assert!(!parts.claims[claim].is_null(), "no `{claim}` in {}", parts.claims);
    }
    assert!(parts.claims.get("role").is_none(), "no claim is trusted for the role: {}", parts.claims);
    let mut other_algorithm = Parts { header: parts.header.clone(), claims: parts.claims.clone() };
    other_algorithm.header.alg = Algorithm::HS512;
    let bob = Parts::of(server.person("bob").await.token()).claims["sub"].clone();
    let hour_ago = json!(get_current_timestamp() - 3600);
    let wrong = [
        ("forged", parts.signed("another-secret-with-more-than-32-bytes-in-it")),
        ("expired", parts.with("exp", hour_ago).signed(JWT_SECRET)),
        ("for another audience", parts.with("aud", json!("somebody-else")).signed(JWT_SECRET)),
        ("by another issuer", parts.with("iss", json!("somebody-else")).signed(JWT_SECRET)),
        ("of another epoch", parts.with("epoch", json!(99)).signed(JWT_SECRET)),
        ("of another session", parts.with("sid", json!("018f0000-0000-7000-8000-000000000000")).signed(JWT_SECRET)),
        ("for somebody else", parts.with("sub", bob).signed(JWT_SECRET)),
        ("for nobody", parts.with("sub", json!("018f0000-0000-7000-8000-000000000000")).signed(JWT_SECRET)),
        ("with a subject that is no id", parts.with("sub", json!("ada")).signed(JWT_SECRET)),
        ("by another algorithm", other_algorithm.signed(JWT_SECRET)),
        ("unsigned", unsigned(&parts.claims, &json!({"alg": "none", "typ": "JWT"}))),
        ("unsigned as HS256", unsigned(&parts.claims, &json!({"alg": "HS256", "typ": "JWT", "kid": parts.header.kid}))),
        ("a refresh token", ada.refresh_token.clone()),
        ("nonsense", "a.b.c".to_owned()),
        ("empty", String::new()),
    ];
    for (what, token) in wrong {
        let answer = ada.with_token(&token).get(ME).await;
        assert_eq!(answer.status, 401, "a token {what}: {answer:#?}");
        answer.any_problem(401);
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "a token {what}");
    }
    ada.get(ME).await.ok(200);
}

async fn a_request_without_a_token_is_a_401(setup: Setup) {
    let (_world, server, _ada) = start(setup).await;
    let stranger = server.stranger();
    for path in ["users/me", "models", "conversations", "turns"] {
        stranger.get(&format!("/api/v1/{path}")).await.any_problem(401);
    }
    stranger.send(&json!({"content": "hello"})).await.any_problem(401);
}

async fn a_token_in_the_url_is_not_read(setup: Setup) {
    let (_world, server, ada) = start(setup).await;
    let path = format!("{ME}?access_token={token}&token={token}", token = ada.token());
    let answer = server.stranger().get(&path).await;
    assert!([400, 401, 422].contains(&answer.status.as_u16()), "{answer:#?}");
}

async fn a_restart_does_not_log_anybody_out(setup: Setup) {
    let (world, server, ada) = start(setup).await;
    drop(server);
    let next = world.serve().await;
    ada.at(&next).get(ME).await.ok(200);
}

async fn a_database_that_does_not_answer_is_a_503_and_heals(setup: Setup) {
    let (world, wire) = World::new(setup).await.wire_to_postgres().await;
    let server = world.serve().await;
    let ada = server.person("ada").await;
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

async fn a_database_that_is_away_is_a_503_and_heals(setup: Setup) {
    let (world, wire) = World::new(setup).await.wire_to_postgres().await;
    let server = world.serve().await;
    let ada = server.person("ada").await;
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
    // A token nobody has seen yet cannot be told from a dead one: that is no reason to send anybody away.
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
