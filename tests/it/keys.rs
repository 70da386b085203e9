//! API keys: made once, good for what their scopes say, and for nothing once they have ended.

use std::time::Duration;

use futures_util::{StreamExt, stream};

use crate::harness::{Answer, Person, Setup, Value, World, eventually, json};

on_every_setup! {
    a_key_is_shown_once_and_works
    a_key_is_well_formed_or_refused
    a_key_with_the_scope_admin_is_for_admins
    a_user_has_at_most_fifty_living_keys
    another_users_key_is_not_there
    what_is_not_ours_is_no_key
    each_change_of_a_key_has_its_audit_row
    a_limit_per_key_counts_each_key_by_itself
    the_last_use_is_noted_without_a_write_for_each
    the_operator_makes_lists_and_revokes_keys
    the_operators_mistakes_change_nothing
}

const KEYS: &str = "/api/v1/users/me/keys";
const ME: &str = "/api/v1/users/me";

/// Makes a key and gives the whole answer.
pub async fn make(person: &Person, scopes: &[&str]) -> Value {
    person.post(KEYS, &json!({"name": "a key", "scopes": scopes})).await.ok(201)
}

/// The same person with a key instead of their login.
pub fn with(person: &Person, made: &Value) -> Person {
    person.with_token(made["key"].as_str().expect("the whole key"))
}

pub fn path_of(made: &Value) -> String {
    format!("{KEYS}/{}", made["id"].as_str().unwrap())
}

async fn a_key_is_shown_once_and_works(setup: Setup) {
    let (world, server, ada) = World::new(setup).await.with_ada().await;
    let made = make(&ada, &["read", "chat"]).await;
    let key = made["key"].as_str().unwrap();
    let parts: Vec<&str> = key.split('_').collect();
    let [prefix, id, secret] = parts[..] else { panic!("{key}") };
    assert_eq!((prefix, made["prefix"].as_str().unwrap()), ("mck", format!("mck_{id}").as_str()));
    assert!(secret.len() >= 28 && secret.chars().all(|c| c.is_ascii_alphanumeric()), "160 bits at least: {secret}");
    assert_eq!(made["scopes"], json!(["chat", "read"]));

    let with_key = with(&ada, &made);
    assert_eq!(with_key.get(ME).await.ok(200)["username"], "ada");
    let said = with_key.say("hello").await;
    assert_eq!(ada.turn(&said["turn"]["id"]).await["state"], "completed", "what a key does, its owner sees");

    let listed = ada.get(KEYS).await.ok(200)["items"].clone();
    let mut about = made.clone();
    about.as_object_mut().unwrap().remove("key");
    about["last_used_at"] = listed[0]["last_used_at"].clone();
    assert_eq!(listed, json!([about]));
    let members: Vec<&String> = about.as_object().unwrap().keys().collect();
    assert_eq!(members, ["created_at", "expires_at", "id", "last_used_at", "name", "prefix", "revoked_at", "scopes"]);
    let kept = world.database.number("select count(*) from api_keys where length(secret_hash) = 32").await;
    assert_eq!(kept, 1, "a SHA-256, nothing else");
    let log = server.process.lines().join("\n");
    assert!(!log.contains(secret), "the secret is in the log");
}

async fn a_key_is_well_formed_or_refused(setup: Setup) {
    let (world, _server, ada) = World::new(setup).await.with_ada().await;
    let soon = "2999-01-01T00:00:00Z";
    for (wrong, field) in [
        (json!({"name": "", "scopes": ["read"]}), "name"),
        (json!({"name": " ", "scopes": ["read"]}), "name"),
        (json!({"name": "x".repeat(65), "scopes": ["read"]}), "name"),
        (json!({"name": "a\nb", "scopes": ["read"]}), "name"),
        (json!({"name": "a\u{0}b", "scopes": ["read"]}), "name"),
        (json!({"name": "k", "scopes": []}), "scopes"),
        (json!({"name": "k", "scopes": ["root"]}), "scopes[0]"),
        (json!({"name": "k", "scopes": "read"}), "scopes"),
        (json!({"name": "k"}), "body"),
        (json!({"name": "k", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z"}), "expires_at"),
        (json!({"name": "k", "scopes": ["read"], "expires_at": soon}), "expires_at"),
        (json!({"name": "k", "scopes": ["read"], "expires_at": "tomorrow"}), "expires_at"),
        (json!({"name": "k", "scopes": ["read"], "secret": "mine"}), "secret"),
    ] {
        let problem = ada.post(KEYS, &wrong).await.problem(422, "invalid_request");
        assert_eq!(problem["errors"][0]["field"], field, "{wrong}: {problem}");
    }
    assert_eq!(world.database.number("select count(*) from api_keys").await, 0);
    let longest = json!({"name": "é".repeat(64), "scopes": ["read", "read"], "expires_at": null});
    assert_eq!(ada.post(KEYS, &longest).await.ok(201)["scopes"], json!(["read"]));
}

async fn a_key_with_the_scope_admin_is_for_admins(setup: Setup) {
    let (world, server, ada) = World::new(setup).await.with_ada().await;
    let wanted = json!({"name": "k", "scopes": ["admin"]});
    ada.post(KEYS, &wanted).await.problem(403, "forbidden");
    server.admin("root").await.post(KEYS, &wanted).await.ok(201);
    assert_eq!(world.database.number("select count(*) from api_keys").await, 1);
}

async fn a_user_has_at_most_fifty_living_keys(setup: Setup) {
    let (world, _server, ada) = World::new(setup).await.with_ada().await;
    let wanted = json!({"name": "k", "scopes": ["read"]});
    let asks = stream::iter(0..55).map(|_| ada.post(KEYS, &wanted));
    let answers: Vec<Answer> = asks.buffer_unordered(5).collect().await;
    let made: Vec<Value> = answers.iter().filter(|answer| answer.status == 201).map(Answer::json).collect();
    assert_eq!(made.len(), 50, "several at once do not get around it");
    ada.post(KEYS, &wanted).await.problem(409, "too_many_keys");
    ada.delete(&path_of(&made[0])).await.ok(204);
    ada.post(KEYS, &wanted).await.ok(201);
    assert_eq!(world.database.number("select count(*) from api_keys where revoked_at is null").await, 50);
    let first = ada.get(&format!("{KEYS}?limit=30")).await.ok(200);
    let next = first["next_cursor"].as_str().unwrap();
    let second = ada.get(&format!("{KEYS}?limit=30&cursor={next}")).await.ok(200);
    assert_eq!((first["items"].as_array().unwrap().len(), second["items"].as_array().unwrap().len()), (30, 21));
}

async fn another_users_key_is_not_there(setup: Setup) {
    let (_world, server, ada) = World::new(setup).await.with_ada().await;
    let bob = server.person("bob").await;
    let made = make(&ada, &["read"]).await;
    bob.delete(&path_of(&made)).await.problem(404, "not_found");
    bob.delete(&format!("{KEYS}/nonsense")).await.problem(404, "not_found");
    assert_eq!(bob.get(KEYS).await.ok(200)["items"], json!([]));
    with(&ada, &made).get(ME).await.ok(200);
    ada.delete(&path_of(&made)).await.ok(204);
    with(&ada, &made).get(ME).await.any_problem(401);
    let before = ada.get(KEYS).await.ok(200);
    ada.delete(&path_of(&made)).await.ok(204);
    assert_eq!(ada.get(KEYS).await.ok(200), before, "the second time changes nothing");
}

async fn what_is_not_ours_is_no_key(setup: Setup) {
    let (_world, _server, ada) = World::new(setup).await.with_ada().await;
    let made = make(&ada, &["read"]).await;
    let key = made["key"].as_str().unwrap();
    let other = make(&ada, &["read"]).await;
    let (start, secret) = key.rsplit_once('_').unwrap();
    let (_, other_secret) = other["key"].as_str().unwrap().rsplit_once('_').unwrap();
    let mut last_changed = key.to_owned();
    let last = if last_changed.pop() == Some('a') { 'b' } else { 'a' };
    last_changed.push(last);
    let wrong = [
        start.to_owned(),
        format!("{start}_"),
        format!("{start}_{other_secret}"),
        format!("mck_{secret}"),
        format!("mck__{secret}"),
        format!("{key}x"),
        key.to_lowercase(),
        last_changed,
        format!("mck_{}_{secret}", "a".repeat(12)),
        "mck_".to_owned(),
        format!("mck_{}", "x".repeat(20_000)),
        "mck_' or 1=1 --_x".to_owned(),
    ];
    for token in wrong {
        let answer = ada.with_token(&token).get(ME).await;
        answer.problem(401, "unauthenticated");
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{token}");
    }
    with(&ada, &made).get(ME).await.ok(200);
}

async fn each_change_of_a_key_has_its_audit_row(setup: Setup) {
    let (world, _server, ada) = World::new(setup).await.with_ada().await;
    let rows = async || world.database.number("select count(*) from audit where action like 'key.%'").await;
    let made = make(&ada, &["read"]).await;
    assert_eq!(rows().await, 1);
    ada.post(KEYS, &json!({"name": "", "scopes": ["read"]})).await.any_problem(422);
    ada.delete(&path_of(&made)).await.ok(204);
    ada.delete(&path_of(&made)).await.ok(204);
    assert_eq!(rows().await, 2);
    let whole = "select count(*) from audit where action in ('key.add', 'key.revoke') and actor = 'user:ada' \
                 and surface = 'http' and address is not null and request_id is not null and outcome = 'ok' \
                 and target like 'key:mck_%'";
    assert_eq!(world.database.number(whole).await, 2);
}

async fn a_limit_per_key_counts_each_key_by_itself(setup: Setup) {
    let per_key = "name = 'of-a-key'\nper = 'key'\ncount = 'messages'\nmax = 2\nwindow = '1h'";
    let (_world, _server, ada) = World::new(setup).await.add("limits", per_key).with_ada().await;
    let keys = [make(&ada, &["chat"]).await, make(&ada, &["chat"]).await];
    for key in &keys {
        let with_key = with(&ada, key);
        with_key.say("one").await;
        with_key.say("two").await;
        let refused = with_key.send(&json!({"content": "three"})).await.problem(429, "rate_limited");
        assert_eq!(refused["rule"], "of-a-key");
    }
    for _ in 0..4 {
        ada.say("a login is no key").await;
    }
}

async fn the_last_use_is_noted_without_a_write_for_each(setup: Setup) {
    let (_world, _server, ada) = World::new(setup).await.with_ada().await;
    let made = make(&ada, &["read"]).await;
    let last_use = async || ada.get(KEYS).await.ok(200)["items"][0]["last_used_at"].clone();
    assert_eq!(last_use().await, Value::Null);
    with(&ada, &made).get(ME).await.ok(200);
    let first = eventually("the use to be noted", async || Some(last_use().await).filter(Value::is_string)).await;
    with(&ada, &made).get(ME).await.ok(200);
    // Twice as long as it took the first to be written, at the most.
    tokio::time::timeout(Duration::from_secs(4), async {
        loop {
            assert_eq!(last_use().await, first, "within a minute one note is enough");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    })
    .await
    .unwrap_err();
}

async fn the_operator_makes_lists_and_revokes_keys(setup: Setup) {
    let (world, _server, ada) = World::new(setup).await.with_ada().await;
    let add = ["key", "add", "ADA", "--name", "ci", "--scope", "chat", "--scope", "read", "--expires", "90d"];
    let added = world.cli(add.into_iter().chain(["--reason", "for the nightly build"])).run().await;
    let key = added.ended(0).trim_end().to_owned();
    assert!(!key.contains('\n') && !added.stderr.contains(&key), "alone on stdout: {added:?}");
    ada.with_token(&key).say("hello").await;
    let list = world.cli(["key", "list", "ada", "--json"]).run().await.json();
    assert_eq!((&list[0]["username"], &list[0]["name"]), (&json!("ada"), &json!("ci")));
    assert!(list[0]["expires_at"].is_string() && list.as_array().unwrap().len() == 1, "{list}");
    assert!(!list.to_string().contains(&key), "{list}");

    let whole = world.cli(["key", "add", "ada", "--name", "2nd", "--scope", "read", "--json"]).run().await.json();
    ada.with_token(whole["key"].as_str().unwrap()).get(ME).await.ok(200);
    assert_eq!(world.cli(["key", "list", "-o", "plain"]).run().await.ended(0).lines().count(), 2);

    let prefix = list[0]["prefix"].as_str().unwrap();
    world.cli(["key", "revoke", prefix]).run().await.ended(2);
    world.cli(["key", "revoke", prefix, "--dry-run"]).run().await.ended(0);
    ada.with_token(&key).get(ME).await.ok(200);
    let revoked = world.cli(["key", "revoke", prefix, "--yes", "--json"]).run().await.json();
    assert!(revoked["revoked_at"].is_string(), "{revoked}");
    eventually("the key to be refused", async || (ada.with_token(&key).get(ME).await.status == 401).then_some(()))
        .await;
    world.cli(["key", "revoke", whole["id"].as_str().unwrap(), "--yes"]).run().await.ended(0);
    world.cli(["key", "revoke", prefix, "--yes"]).run().await.ended(0);
    let rows = "select count(*) from audit where action like 'key.%' and surface = 'cli' and actor like 'operator:%@%'";
    assert_eq!(world.database.number(rows).await, 4, "one for each that changed something");
    let reason = "select count(*) from audit where action = 'key.add' and reason = 'for the nightly build'";
    assert_eq!(world.database.number(reason).await, 1);
}

async fn the_operators_mistakes_change_nothing(setup: Setup) {
    let world = World::migrated(setup).await;
    world.add_user("alfred").await;
    let add = |user: &'static str, rest: &[&'static str]| {
        let arguments = ["key", "add", user, "--name", "ci"].into_iter().chain(rest.iter().copied());
        world.cli(arguments.collect::<Vec<_>>())
    };
    let unknown = add("alfrd", &["--scope", "read"]).run().await;
    unknown.ended(3);
    assert!(unknown.stderr.contains("alfred"), "{unknown:?}");
    add("alfred", &[]).run().await.ended(2);
    add("alfred", &["--scope", "root"]).run().await.ended(2);
    add("alfred", &["--scope", "read", "--expires", "0s"]).run().await.ended(2);
    add("alfred", &["--scope", "read", "--expires", "100y"]).run().await.ended(2);
    add("alfred", &["--scope", "admin"]).run().await.ended(5);
    add("alfred", &["--scope", "read", "--dry-run"]).run().await.ended(0);
    world.cli(["user", "disable", "alfred", "--yes"]).run().await.ended(0);
    add("alfred", &["--scope", "read"]).run().await.ended(5);
    world.cli(["key", "revoke", "mck_aaaaaaaaaaaa", "--yes"]).run().await.ended(3);
    let pasted = format!("mck_aaaaaaaaaaaa_{}", "s".repeat(32));
    let refused = world.cli(["key", "revoke", &pasted, "--yes"]).run().await;
    refused.ended(2);
    assert!(!refused.stderr.contains(&pasted), "{refused:?}");
    assert_eq!(world.cli(["key", "list", "--json"]).run().await.json(), json!([]));
    assert_eq!(world.database.number("select count(*) from audit where action like 'key.%'").await, 0);
}
