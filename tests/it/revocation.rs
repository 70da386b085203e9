//! Revocation: it holds everywhere within a second, also for open connections: on the replica that ended it, on others,
//! and where the operator did it at a shell. The turns go on.

use std::time::{Duration, Instant};

use crate::{
    harness::{
        Event, Events, Gate, PASSWORD, Person, Provider, Reply, Server, Setup, Socket, World, eventually, json,
        unix_now, within,
    },
    keys::{make, path_of, with},
};

on_every_setup! {
    disabling_a_user_at_the_shell_closes_their_streams
    an_end_by_the_operator_closes_streams_and_sockets
    a_shell_revoked_key_is_refused_within_a_second
    a_revoked_key_closes_its_own_streams_only
    logging_out_closes_the_streams_of_that_login_only
    a_new_password_closes_the_other_logins_streams
    a_stream_ends_with_its_key
    a_stolen_refresh_token_closes_its_logins_streams
    a_user_enabled_again_may_use_their_keys_at_once
}

on_database_servers! {
    what_is_cached_is_not_trusted_during_an_outage
    what_ended_during_an_outage_is_heard_of_after_it
}

on_redis! {
    a_key_revoked_on_one_replica_is_refused_on_another
    logging_out_closes_streams_on_the_other_replica
    every_end_closes_connections_on_the_other_replica
}

/// The promise.
const AT_ONCE: Duration = Duration::from_secs(1);
const ME: &str = "/api/v1/users/me";

/// A service whose turns say one word and wait at the gate.
struct Scene {
    world: World,
    server: Server,
    provider: Provider,
    gate: Gate,
}

impl Scene {
    async fn new(setup: Setup) -> Self {
        let provider = Provider::start().await;
        let world = World::new(setup).await.provider(&provider);
        let server = world.serve().await;
        Self { server, world, provider, gate: Gate::closed() }
    }

    /// An open stream that has told its first word.
    async fn stream(&self, person: &Person) -> Events {
        self.provider.next(Reply::text(["first"]).then_wait(&self.gate).then(" last"));
        let mut events = person.stream(&json!({"content": "x"})).await;
        events.expect("turn").await;
        events.expect("delta").await;
        events
    }

    /// Lets all turns go on, and waits until each has its end.
    async fn let_turns_end(&self, turns: i64) {
        self.gate.open();
        self.are_stored("select count(*) from turns where state = 'completed'", turns).await;
    }

    async fn are_stored(&self, query: &'static str, turns: i64) {
        eventually("the turns to end", async || (self.world.database.number(query).await == turns).then_some(())).await;
    }
}

async fn is_closed_at_once(events: Events) {
    let rest = told_until_closed(events).await;
    assert!(rest.is_empty(), "nothing more is told: {rest:?}");
}

async fn told_until_closed(events: Events) -> Vec<Event> {
    let start = Instant::now();
    let rest = tokio::time::timeout(AT_ONCE, events.all()).await;
    rest.unwrap_or_else(|_| panic!("the stream is still open after {:?}", start.elapsed()))
}

async fn goes_on_to_its_end(events: Events) {
    let rest = events.all().await;
    assert_eq!(rest.last().map(|event| event.name.as_str()), Some("done"), "{rest:?}");
}

async fn is_refused_at_once(person: &Person) {
    within(AT_ONCE, "the 401", async || (person.get(ME).await.status == 401).then_some(())).await;
    person.get(ME).await.problem(401, "unauthenticated");
}

async fn disabling_a_user_at_the_shell_closes_their_streams(setup: Setup) {
    let scene = Scene::new(setup).await;
    let (ada, bob) = (scene.server.person("ada").await, scene.server.person("bob").await);
    let with_key = with(&ada, &make(&ada, &["chat", "read"]).await);
    let streams = [scene.stream(&ada).await, scene.stream(&with_key).await];
    let bobs = scene.stream(&bob).await;
    scene.world.cli(["user", "disable", "ada", "--yes"]).run().await.ended(0);
    for stream in streams {
        is_closed_at_once(stream).await;
    }
    is_refused_at_once(&with_key).await;
    is_refused_at_once(&ada).await;
    // They would go on to cost.
    scene.are_stored("select count(*) from turns where state = 'cancelled'", 2).await;
    scene.let_turns_end(1).await;
    goes_on_to_its_end(bobs).await;
}

async fn an_end_by_the_operator_closes_streams_and_sockets(setup: Setup) {
    let scene = Scene::new(setup).await;
    for command in
        ["disable NAME --yes", "password NAME --generate-password", "sessions NAME --revoke --yes", "delete NAME --yes"]
    {
        let name = command.split(' ').next().unwrap();
        let person = scene.server.person(name).await;
        let (stream, mut socket) = (scene.stream(&person).await, Socket::of(&person).await);
        let line = format!("user {}", command.replace("NAME", name));
        scene.world.cli(line.split(' ')).run().await.ended(0);
        let closed = async { tokio::time::timeout(AT_ONCE, socket.closed()).await.expect("the socket is closed").0 };
        let (code, rest) = tokio::join!(closed, told_until_closed(stream));
        assert_eq!(code, 4401, "{line}");
        // Also where the account takes its turns along.
        assert!(rest.is_empty(), "{line}: nothing more is told: {rest:?}");
        is_refused_at_once(&person).await;
    }
}

async fn a_shell_revoked_key_is_refused_within_a_second(setup: Setup) {
    let scene = Scene::new(setup).await;
    let ada = scene.server.person("ada").await;
    let made = make(&ada, &["read"]).await;
    with(&ada, &made).get(ME).await.ok(200);
    scene.world.cli(["key", "revoke", made["prefix"].as_str().unwrap(), "--yes"]).run().await.ended(0);
    is_refused_at_once(&with(&ada, &made)).await;
}

async fn a_revoked_key_closes_its_own_streams_only(setup: Setup) {
    let scene = Scene::new(setup).await;
    let ada = scene.server.person("ada").await;
    let (one, other) = (make(&ada, &["chat"]).await, make(&ada, &["chat"]).await);
    let streams = [scene.stream(&with(&ada, &other)).await, scene.stream(&ada).await];
    let closed = scene.stream(&with(&ada, &one)).await;
    ada.delete(&path_of(&one)).await.ok(204);
    is_closed_at_once(closed).await;
    scene.let_turns_end(3).await;
    for stream in streams {
        goes_on_to_its_end(stream).await;
    }
}

async fn logging_out_closes_the_streams_of_that_login_only(setup: Setup) {
    let scene = Scene::new(setup).await;
    let (ada, elsewhere) = (scene.server.person("ada").await, scene.server.login("ada").await);
    let (closed, open) = (scene.stream(&ada).await, scene.stream(&elsewhere).await);
    ada.post("/api/v1/auth/logout", &json!({})).await.ok(204);
    is_closed_at_once(closed).await;
    scene.let_turns_end(2).await;
    goes_on_to_its_end(open).await;
}

async fn a_new_password_closes_the_other_logins_streams(setup: Setup) {
    let scene = Scene::new(setup).await;
    let (ada, elsewhere) = (scene.server.person("ada").await, scene.server.login("ada").await);
    let (own, other) = (scene.stream(&ada).await, scene.stream(&elsewhere).await);
    let change = json!({"current_password": PASSWORD, "new_password": "crimson-Walrus-44-lamp"});
    ada.put("/api/v1/users/me/password", &change).await.ok(204);
    is_closed_at_once(other).await;
    scene.let_turns_end(2).await;
    goes_on_to_its_end(own).await;
}

async fn a_stream_ends_with_its_key(setup: Setup) {
    let scene = Scene::new(setup).await;
    let ada = scene.server.person("ada").await;
    let end = unix_now() + 3;
    let expires_at = chrono::DateTime::from_timestamp(end.try_into().unwrap(), 0).unwrap().to_rfc3339();
    let short = json!({"name": "short", "scopes": ["chat", "read"], "expires_at": expires_at});
    let made = ada.post("/api/v1/users/me/keys", &short).await.ok(201);
    let stream = scene.stream(&with(&ada, &made)).await;
    let rest = stream.all().await;
    // The server goes by the database's clock.
    assert!(rest.is_empty() && unix_now() + 1 >= end, "{rest:?}");
    with(&ada, &made).get(ME).await.problem(401, "unauthenticated");
    scene.let_turns_end(1).await;
}

async fn a_stolen_refresh_token_closes_its_logins_streams(setup: Setup) {
    let scene = Scene::new(setup).await;
    let ada = scene.server.person("ada").await;
    ada.refresh(&ada.refresh_token).await.ok(200);
    let aged = "update refresh_tokens set used_at = '2020-01-01 00:00:00+00:00' where used_at is not null";
    assert_eq!(scene.world.database.execute(aged).await, 1);
    let stream = scene.stream(&ada).await;
    ada.refresh(&ada.refresh_token).await.any_problem(401);
    is_closed_at_once(stream).await;
    let rows = "select count(*) from audit where action = 'session.refresh_reused'";
    assert_eq!(scene.world.database.number(rows).await, 1);
}

async fn a_user_enabled_again_may_use_their_keys_at_once(setup: Setup) {
    let scene = Scene::new(setup).await;
    let ada = scene.server.person("ada").await;
    let with_key = with(&ada, &make(&ada, &["read"]).await);
    scene.world.cli(["user", "disable", "ada", "--yes"]).run().await.ended(0);
    is_refused_at_once(&with_key).await;
    scene.world.cli(["user", "enable", "ada"]).run().await.ended(0);
    within(AT_ONCE, "the key to be good again", async || (with_key.get(ME).await.status == 200).then_some(())).await;
    ada.get(ME).await.problem(401, "unauthenticated");
}

async fn what_is_cached_is_not_trusted_during_an_outage(setup: Setup) {
    let (world, wire) = World::new(setup).await.wire_to_postgres().await;
    let (_world, server, ada) = world.with_ada().await;
    let with_key = with(&ada, &make(&ada, &["read"]).await);
    for person in [&ada, &with_key] {
        person.get(ME).await.ok(200);
    }
    wire.cut();
    for person in [&ada, &with_key] {
        within(AT_ONCE, "the 503", async || (person.get(ME).await.status == 503).then_some(())).await;
    }
    wire.mend();
    for person in [&ada, &with_key] {
        eventually("it to heal", async || (person.get(ME).await.status == 200).then_some(())).await;
    }
    let told = |level: &str| {
        let is_told =
            |line: &&crate::harness::Value| line["level"] == level && line.to_string().contains("the database is ");
        server.log().iter().filter(is_told).count()
    };
    eventually("it to be told", async || (told("INFO") == 1).then_some(())).await;
    assert_eq!(told("WARN"), 1, "said once: {:#?}", server.log());
}

async fn what_ended_during_an_outage_is_heard_of_after_it(setup: Setup) {
    let provider = Provider::start().await;
    let world = World::new(setup).await.provider(&provider);
    let url = world.database.url();
    let (world, wire) = world.wire_to_postgres().await;
    let server = world.serve().await;
    let gate = Gate::closed();
    let scene = Scene { server, world, provider, gate };
    let ada = scene.server.person("ada").await;
    let stream = scene.stream(&ada).await;
    wire.cut();
    eventually("the outage to be seen", async || (ada.get(ME).await.status == 503).then_some(())).await;
    // The operator's own way to the database is whole.
    scene.world.cli(["user", "disable", "ada", "--yes"]).env("DATABASE_URL", &url).run().await.ended(0);
    ada.get(ME).await.any_problem(503);
    wire.mend();
    assert!(stream.all().await.is_empty(), "it is closed");
    ada.get(ME).await.problem(401, "unauthenticated");
}

async fn a_key_revoked_on_one_replica_is_refused_on_another(setup: Setup) {
    let scene = Scene::new(setup).await;
    let other = scene.world.serve().await;
    let ada = scene.server.person("ada").await;
    let made = make(&ada, &["chat", "read"]).await;
    let there = with(&ada, &made).at(&other);
    there.get(ME).await.ok(200);
    let stream = scene.stream(&there).await;
    ada.delete(&path_of(&made)).await.ok(204);
    let (refused, ()) = tokio::join!(is_refused_at_once(&there), is_closed_at_once(stream));
    refused
}

async fn logging_out_closes_streams_on_the_other_replica(setup: Setup) {
    let scene = Scene::new(setup).await;
    let other = scene.world.serve().await;
    let ada = scene.server.person("ada").await;
    let stream = scene.stream(&ada.at(&other)).await;
    ada.post("/api/v1/auth/logout", &json!({})).await.ok(204);
    is_closed_at_once(stream).await;
    scene.let_turns_end(1).await;
}

async fn every_end_closes_connections_on_the_other_replica(setup: Setup) {
    let scene = Scene::new(setup).await;
    let other = scene.world.serve().await;
    for end in ["logout", "password", "key", "disable"] {
        let ada = scene.server.person(end).await;
        let made = make(&ada, &["chat", "read"]).await;
        let held = match end {
            "key" => with(&ada, &made),
            // A new password ends the other logins.
            "password" => scene.server.login(end).await,
            _ => ada.clone(),
        };
        let there = held.at(&other);
        let (stream, mut socket) = (scene.stream(&there).await, Socket::of(&there).await);
        let start = Instant::now();
        match end {
            "logout" => ada.post("/api/v1/auth/logout", &json!({})).await.ok(204),
            "key" => ada.delete(&path_of(&made)).await.ok(204),
            "password" => {
                let change = json!({"current_password": PASSWORD, "new_password": "another-Lavender-8-tapir"});
                ada.put("/api/v1/users/me/password", &change).await.ok(204)
            }
            _ => scene.world.cli(["user", "disable", end, "--yes"]).run().await.ended(0).into(),
        };
        let ((), (code, _)) = tokio::join!(is_closed_at_once(stream), socket.closed());
        assert_eq!(code, 4401, "{end}");
        // Beside the request itself, which hashes passwords.
        assert!(start.elapsed() < AT_ONCE * 2, "{end}: {:?}", start.elapsed());
    }
}
