//! No secret and no message text leaves by a side door: everything that may not be seen carries a mark, everything that can
//! go wrong does, and then every place that a reader may see is searched for the mark.

use std::{fs::Permissions, os::unix::fs::PermissionsExt};

use reqwest::{Client, Method};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::harness::{
    Answer, Gate, Invocation, JWT_SECRET, Person, Provider, Reply, Server, Setup, World, eventually, json,
};

on_every_setup! {
    no_secret_is_in_the_log_metrics_or_audit_rows
    the_command_line_tells_no_secret
    config_check_warns_of_secrets_that_others_can_read
}

const MARK: &str = "pLaNtEd";
const PASSWORD: &str = "pLaNtEd-Tricycle-9-okapi-lavender";
const KEY: &str = "sk-pLaNtEd-0123456789";

/// A world in which everything that can be secret is marked.
async fn marked_world(setup: Setup, provider: &Provider) -> World {
    let address = provider.address();
    let mut world = World::new(setup)
        .await
        .set("auth.jwt_secret", format!("{MARK}-signs-with-more-than-32-bytes"))
        .set("auth.previous_jwt_secrets", vec![format!("{MARK}-signed-with-more-than-32-bytes")])
        .add("providers", &format!("name = 'p'\nkind = 'openai'\nbase_url = 'http://{address}/v1'\napi_key = '{KEY}'"))
        .add("models", "name = 'fake'\nprovider = 'p'")
        .without_limits();
    if setup != Setup::Sqlite {
        // The server trusts every client on this machine and does not look at the password.
        let mut url: url::Url = world.database.url().parse().unwrap();
        url.set_password(Some(MARK)).unwrap();
        world = world.set("database.url", String::from(url));
    }
    if setup == Setup::Redis {
        let address = world.redis().address();
        let client = redis::Client::open(format!("redis://{address}")).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let require: String =
            redis::cmd("CONFIG").arg("SET").arg("requirepass").arg(MARK).query_async(&mut connection).await.unwrap();
        assert_eq!(require, "OK");
        world = world.set("redis.url", format!("redis://:{MARK}@{address}"));
    }
    world.cli(["migrate"]).run().await.ended(0);
    world.cli(["user", "add", "ada", "--password-stdin"]).input(PASSWORD).run().await.ended(0);
    world
}

async fn no_secret_is_in_the_log_metrics_or_audit_rows(setup: Setup) {
    let provider = Provider::start().await;
    let world = marked_world(setup, &provider).await;
    let server = world.serve_with(&["-vvv"]).await;
    let mut ada = server.stranger();
    ada.log_in("ada", PASSWORD).await.ok(200);
    let (first_token, first_refresh) = (ada.token().to_owned(), ada.refresh_token.clone());
    talk(&ada, &provider).await;
    stumble(&server, &ada).await;
    change_of_keys(&mut ada).await;
    world.database.execute("alter table messages rename to messages_gone").await;
    ada.send(&json!({"content": MARK})).await.any_problem(500);
    let audited = "select count(*) from audit where coalesce(actor, '') || coalesce(target, '') || coalesce(reason, '') \
                   || coalesce(cast(before as text), '') || coalesce(cast(after as text), '') || coalesce(request_id, '') \
                   like '%pLaNtEd%'";
    assert_eq!(world.database.number(audited).await, 0, "an audit row holds it");
    let metrics = server.metrics().await;
    // What is logged last comes last.
    let last = ada.request(Method::GET, "/livez").header("x-request-id", "the-last-one");
    assert_eq!(Answer::to(last).await.status, 200);
    server.said("request", |line| line["request_id"] == "the-last-one").await;
    let log = server.process.lines().join("\n");
    assert!(log.contains("\"level\":\"DEBUG\"") && log.contains("hyper"), "everybody talks at -vvv");
    for secret in [MARK, &first_token, &first_refresh, ada.token(), &ada.refresh_token, signature(&first_token)] {
        for (place, text) in [("the log", &log), ("the metrics", &metrics)] {
            let line = text.lines().find(|line| line.contains(secret));
            assert!(line.is_none(), "{secret} is in {place}: {line:?}");
        }
    }
}

fn signature(token: &str) -> &str {
    token.rsplit('.').next().unwrap()
}

/// Turns that end in every way, with a provider that repeats what it was told.
async fn talk(ada: &Person, provider: &Provider) {
    let ask = json!({"content": "pLaNtEd question", "system_prompt": "pLaNtEd prompt", "stop": ["pLaNtEd"]});
    provider.next(Reply::text(["pLaNtEd ", "reply"]));
    let told = ada.send(&ask).await.ok(201);
    let conversation = told["turn"]["conversation_id"].as_str().unwrap().to_owned();
    let rename = json!({"title": "pLaNtEd title", "system_prompt": "pLaNtEd prompt"});
    ada.patch(&format!("/api/v1/conversations/{conversation}"), &rename).await.ok(200);
    for status in [400, 401, 404, 429, 500] {
        let words =
            format!("{{\"error\":{{\"message\":\"{KEY} may not ask: pLaNtEd question\",\"code\":\"pLaNtEd\"}}}}");
        let refusal = Reply { status, ..Reply::raw("application/json", words) };
        // As often as it may be tried.
        provider.always(refusal.header("location", "http://pLaNtEd.example/").header("retry-after", "0"));
        let answer = ada.send(&ask).await;
        assert!(answer.status.as_u16() >= 422, "{answer:#?}");
        assert!(!answer.text.contains(KEY), "{answer:#?}");
    }
    provider.always(Reply::text(["pLaNtEd"]));
    provider.next(Reply::text(["pLaNtEd"]).then_break());
    ada.send(&ask).await.any_problem(503);
    provider.next(Reply::raw("text/event-stream", "data: {\"pLaNtEd\": nonsense\n\n"));
    ada.send(&ask).await;
    let never = Gate::closed();
    provider.next(Reply::text(["pLaNtEd"]).then_wait(&never));
    let mut events = ada.stream(&ask).await;
    events.expect("turn").await;
    events.expect("delta").await;
    drop(events);
    never.open();
    eventually("no turn to run", async || {
        let conversations = ada.send(&json!({"content": "pLaNtEd", "conversation_id": conversation})).await;
        (conversations.status == 201).then_some(())
    })
    .await;
}

/// Requests that are wrong in every way.
async fn stumble(server: &Server, ada: &Person) {
    let stranger = server.stranger();
    let mut attacker = server.stranger();
    attacker.log_in("ada", "pLaNtEd and wrong").await.any_problem(401);
    attacker.log_in("pLaNtEd", "pLaNtEd").await.any_problem(401);
    for token in ["pLaNtEd", "mck_pLaNtEd_pLaNtEd", "a.pLaNtEd.c", &format!("{}pLaNtEd", ada.token())] {
        stranger.with_token(token).get("/api/v1/users/me").await.any_problem(401);
    }
    let basic = stranger.request(Method::GET, "/api/v1/users/me").header("authorization", "Basic pLaNtEd");
    Answer::to(basic.header("cookie", "session=pLaNtEd")).await.any_problem(401);
    ada.get("/api/v1/conversations?cursor=pLaNtEd&token=pLaNtEd").await.any_problem(422);
    ada.get("/pLaNtEd/path?access_token=pLaNtEd").await.any_problem(404);
    ada.get("/api/v1/turns/pLaNtEd").await.any_problem(404);
    let login = |body: &'static str| stranger.request(Method::POST, "/api/v1/auth/login").body(body);
    for body in
        ["{\"pLaNtEd\":", "{\"username\":\"ada\",\"pLaNtEd\":1}", "{\"username\":{\"pLaNtEd\":1}}", "[\"pLaNtEd\"]"]
    {
        let answer = Answer::to(login(body).header("content-type", "application/json")).await;
        assert!(answer.status.is_client_error(), "{answer:#?}");
    }
    Answer::to(login("username=ada&pLaNtEd=pLaNtEd").header("content-type", "application/x-www-form-urlencoded")).await;
    Answer::to(login("pLaNtEd").header("content-type", "text/pLaNtEd")).await.any_problem(415);
    ada.send(&json!({"content": "pLaNtEd", "model": "pLaNtEd"})).await.any_problem(422);
    ada.send(&json!({"content": ["pLaNtEd"], "temperature": "pLaNtEd"})).await.any_problem(422);
    stranger.refresh("pLaNtEd").await.any_problem(401);
    let odd =
        stranger.request(Method::GET, "/livez").header("user-agent", "pLaNtEd").header("x-request-id", "pLaNtEd \\ x");
    assert_eq!(Answer::to(odd).await.status, 200);
    for bytes in ["GET /pLaNtEd HTTP/1.1\r\nhost: x\r\nauthorization: pLaNtEd\u{1}\r\n\r\n", "pLaNtEd pLaNtEd\r\n\r\n"]
    {
        let mut raw = TcpStream::connect(server.address()).await.unwrap();
        raw.write_all(bytes.as_bytes()).await.unwrap();
        raw.shutdown().await.unwrap();
        raw.read_to_end(&mut Vec::new()).await.ok();
    }
    let h2 = Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let over_h2 = h2.post(format!("{}/api/v1/messages?pLaNtEd", server.url())).bearer_auth("pLaNtEd").body("pLaNtEd");
    Answer::to(over_h2).await.any_problem(401);
}

/// New tokens for old, a dead one again, and a new password.
async fn change_of_keys(ada: &mut Person) {
    let old = ada.refresh_token.clone();
    let pair = ada.refresh(&old).await;
    pair.ok(200);
    ada.keep(&pair);
    ada.refresh(&old).await;
    let change = json!({"current_password": "pLaNtEd wrong", "new_password": "pLaNtEd-Other-okapi-77-zebra"});
    ada.put("/api/v1/users/me/password", &change).await;
    let change = json!({"current_password": PASSWORD, "new_password": "pLaNtEd"});
    ada.put("/api/v1/users/me/password", &change).await.any_problem(422);
}

async fn the_command_line_tells_no_secret(setup: Setup) {
    let provider = Provider::start().await;
    let world = marked_world(setup, &provider).await;
    for arguments in [
        ["config", "show", "--origin", "-vvv"].as_slice(),
        &["config", "show", "--json"],
        &["config", "check", "-vvv"],
        &["user", "list", "--json", "-vvv"],
        &["user", "show", "ada", "--json"],
        &["ratelimit", "show", "ada", "-vvv"],
        &["migrate", "--check", "-vvv"],
    ] {
        let output = world.cli(arguments.iter().copied()).run().await;
        assert!(!format!("{output:?}").contains(MARK), "{arguments:?}: {output:#?}");
    }
    for (name, password) in [("ada", PASSWORD), ("eve", "pLaNtEd")] {
        let refused =
            world.cli(["user", "add", name, "--password-stdin", "--json", "-vvv"]).input(password).run().await;
        assert!(refused.code != 0 && !format!("{refused:?}").contains(MARK), "{refused:#?}");
    }
    // The reply belongs to the user of the command; the log beside it does not repeat it.
    provider.next(Reply::text(["pLaNtEd reply"]));
    let answered = world.cli(["chat", "pLaNtEd question", "--as", "ada", "--system", "pLaNtEd", "-vvv"]).run().await;
    assert_eq!((answered.ended(0).trim(), answered.stderr.contains(MARK)), ("pLaNtEd reply", false), "{answered:#?}");
    provider.next(Reply::status(400));
    let failed = world.cli(["chat", "pLaNtEd question", "--as", "ada", "--json", "-vvv"]).run().await;
    assert!(failed.code != 0 && !failed.stderr.contains(MARK), "{failed:#?}");
}

async fn config_check_warns_of_secrets_that_others_can_read(setup: Setup) {
    let world = World::new(setup).await;
    let config = world.config_file();
    let check = async |mode| {
        std::fs::set_permissions(&config, Permissions::from_mode(mode)).unwrap();
        let command = Invocation::new(world.home(), ["--config", config.to_str().unwrap(), "config", "check"]);
        let checked = command.run().await;
        checked.ended(0);
        checked.stderr
    };
    let warned = check(0o644).await;
    assert!(warned.contains("auth.jwt_secret: others can read this secret"), "{warned}");
    assert!(warned.contains("chmod 600") && !warned.contains(JWT_SECRET), "{warned}");
    assert!(!check(0o600).await.contains("warning"));
}
