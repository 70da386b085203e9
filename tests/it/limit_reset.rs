//! Resetting counters and listing violations: every kind of counter, in each backend, audited before it is done.

use futures_util::{StreamExt, stream};

use crate::{
    audit::exported,
    harness::{Answer, Gate, PASSWORD, Person, Provider, Reply, Setup, Value, World, eventually, json, unix_now},
    keys::{make, with},
};

on_every_setup! {
    a_reset_clears_every_kind_of_counter_of_a_user
    a_reset_of_one_rule_leaves_the_others
    a_reset_of_all_covers_every_subject
    a_reset_lets_a_locked_out_login_try_again
    resets_while_requests_run_leave_exact_limits
    a_reset_of_all_asks_first
    bad_resets_change_nothing
    refusals_are_listed_with_who_and_how_often
    refusals_are_paged_the_latest_first
    a_deleted_users_refusals_have_no_user
}

on_redis! {
    refusals_by_all_replicas_are_counted_together
    a_reset_that_redis_fails_says_so_in_a_second_row
    both_backends_are_reset_when_both_counted
}

const RESET: &str = "/api/v1/admin/rate-limits/reset";
const VIOLATIONS: &str = "/api/v1/admin/rate-limit-violations";

async fn say(person: &Person) -> Answer {
    person.send(&json!({"content": "hello"})).await
}

async fn refused(person: &Person) -> String {
    say(person).await.problem(429, "rate_limited")["rule"].as_str().unwrap().to_owned()
}

async fn reset(root: &Person, query: &str) -> u64 {
    root.post(&format!("{RESET}{query}"), &json!({})).await.ok(200)["reset"].as_u64().unwrap()
}

async fn violations(root: &Person, query: &str) -> Vec<Value> {
    root.get(&format!("{VIOLATIONS}{query}")).await.ok(200)["items"].as_array().unwrap().clone()
}

/// `subject rule count`, in order of the names.
fn told(violations: &[Value]) -> Vec<String> {
    let text = |one: &Value| {
        format!("{} {} {}", one["subject"].as_str().unwrap(), one["rule"].as_str().unwrap(), one["count"])
    };
    let mut all: Vec<String> = violations.iter().map(text).collect();
    all.sort();
    all
}

async fn a_reset_clears_every_kind_of_counter_of_a_user(setup: Setup) {
    let (provider, gate) = (Provider::start().await, Gate::closed());
    provider.always(Reply::text(["first "]).then_wait(&gate).then("last"));
    let world = World::new(setup).await.provider(&provider).limit("at-once", "turns", 1, "");
    let world = world.limit("hourly", "messages", 3, "1h").limit("tokens", "tokens", 1200, "day");
    let world = world.add("limits", "name = 'each'\nper = 'key'\ncount = 'messages'\nmax = 1\nwindow = '1h'");
    let (world, server, root, ada) = world.with_people().await;
    let with_key = with(&ada, &make(&ada, &["chat"]).await);
    let bob = server.person("bob").await;
    let running = with_key.stream(&json!({"content": "one"})).await;
    assert_eq!(refused(&ada).await, "at-once");
    let id = ada.get("/api/v1/users/me").await.ok(200)["id"].as_str().unwrap().to_owned();
    let mut stranger = server.stranger();
    for _ in 0..6 {
        stranger.log_in("ada", "wrong").await;
    }
    stranger.log_in("ada", "wrong").await.problem(429, "rate_limited");
    let bobs = bob.stream(&json!({"content": "one"})).await;
    assert!(!violations(&root, &format!("?user_id={id}")).await.is_empty());

    let cleared = reset(&root, &format!("?user_id={id}&reason=sorry")).await;
    // The account, the key, the login name, that with the stranger's address; and with ada's, until it has been free for 12 s.
    assert!([4, 5].contains(&cleared), "{cleared}");
    let shown = root.get(&format!("/api/v1/admin/rate-limits?user_id={id}")).await.ok(200);
    for row in shown["items"].as_array().unwrap() {
        assert_eq!((&row["used"], &row["violations"]), (&json!(0), &json!(0)), "{row}");
    }
    assert!(violations(&root, &format!("?user_id={id}")).await.is_empty());
    let again = with_key.stream(&json!({"content": "two"})).await;
    stranger.log_in("ada", "wrong").await.problem(401, "wrong_credentials");
    assert_eq!(refused(&bob).await, "at-once", "others stay where they are");
    let rows = exported(&world).await;
    let row = rows.iter().find(|row| row["action"] == "ratelimit.reset").unwrap();
    assert_eq!((&row["target"], &row["reason"], &row["outcome"]), (&json!("user:ada"), &json!("sorry"), &json!("ok")));
    gate.open();
    for stream in [running, again, bobs] {
        stream.all().await;
    }
}

async fn a_reset_of_one_rule_leaves_the_others(setup: Setup) {
    let world = World::new(setup).await.limit("hourly", "messages", 1, "1h").limit("hourly-more", "messages", 1, "1h");
    let (world, _server, root, ada) = world.with_people().await;
    say(&ada).await.ok(201);
    assert_eq!(refused(&ada).await, "hourly");
    assert_eq!(reset(&root, "?user_id=ada&rule=hourly").await, 1);
    assert_eq!(refused(&ada).await, "hourly-more");
    let at_the_shell = world.cli(["ratelimit", "reset", "ada", "--rule", "hourly-more", "--yes", "--json"]);
    assert_eq!(at_the_shell.run().await.json()["reset"], 1);
    say(&ada).await.ok(201);
}

async fn a_reset_of_all_covers_every_subject(setup: Setup) {
    let (world, server, root, ada) = World::new(setup).await.limit("hourly", "messages", 1, "1h").with_people().await;
    let bob = server.person("bob").await;
    for person in [&ada, &bob] {
        say(person).await.ok(201);
        refused(person).await;
    }
    let mut stranger = server.stranger();
    for _ in 0..6 {
        stranger.log_in("ada", "wrong").await;
    }
    stranger.log_in("ada", "wrong").await.problem(429, "rate_limited");
    // Two accounts, the stranger's address, the name with it; and what is still in use of other logins.
    let cleared = reset(&root, "").await;
    assert!((4..=4 + 3 * 3).contains(&cleared), "{cleared}");
    stranger.log_in("ada", "wrong").await.problem(401, "wrong_credentials");
    assert!(violations(&root, "").await.is_empty());
    for person in [&ada, &bob] {
        say(person).await.ok(201);
        refused(person).await;
    }
    assert_eq!(reset(&root, "?rule=hourly").await, 2);
    assert_eq!(reset(&root, "?rule=hourly").await, 0);
    world.cli(["ratelimit", "reset", "--all", "--yes"]).run().await.ended(0);
    assert_eq!(reset(&root, "").await, 0);
    let rows = exported(&world).await;
    assert_eq!(rows.iter().filter(|row| row["action"] == "ratelimit.reset").count(), 5);
    assert_eq!(rows.last().unwrap()["target"], "all");
}

async fn a_reset_lets_a_locked_out_login_try_again(setup: Setup) {
    let (world, server, _root, _ada) = World::new(setup).await.with_people().await;
    let mut ada = server.stranger();
    for _ in 0..6 {
        ada.log_in("ada", "wrong").await;
    }
    ada.log_in("ada", PASSWORD).await.problem(429, "rate_limited");
    world.cli(["ratelimit", "reset", "ada", "--yes"]).run().await.ended(0);
    ada.log_in("ada", PASSWORD).await.ok(200);
}

async fn resets_while_requests_run_leave_exact_limits(setup: Setup) {
    const LIMIT: usize = 20;
    let (world, _server, root, ada) =
        World::new(setup).await.limit("daily", "messages", LIMIT as u64, "24h").with_people().await;
    let asking = async {
        let statuses =
            stream::iter(0..240).map(|_| say(&ada)).buffer_unordered(16).map(|answer| answer.status.as_u16());
        statuses.collect::<Vec<_>>().await
    };
    let resetting = async {
        for number in 0..6 {
            reset(&root, if number % 2 == 0 { "?user_id=ada" } else { "" }).await;
        }
    };
    let (statuses, ()) = tokio::join!(asking, resetting);
    assert!(statuses.iter().all(|status| [201, 429].contains(status)), "{statuses:?}");
    let admitted = statuses.iter().filter(|status| **status == 201).count();
    assert!(admitted <= LIMIT * 7, "{admitted}: each reset lets so many in and no more");
    reset(&root, "?user_id=ada").await;
    let answers: Vec<Answer> = stream::iter(0..60).map(|_| say(&ada)).buffer_unordered(16).collect().await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), LIMIT);
    assert_eq!(exported(&world).await.iter().filter(|row| row["action"] == "ratelimit.reset").count(), 7);
}

async fn a_reset_of_all_asks_first(setup: Setup) {
    let world = World::migrated(setup).await.limit("hourly", "messages", 1, "1h");
    world.add_user("ada").await;
    let chat = async || world.cli(["chat", "--as", "ada", "hello"]).run().await.code;
    assert_eq!((chat().await, chat().await), (0, 6));
    let rows = exported(&world).await.len();
    for whose in ["--all", "ada"] {
        let unasked = world.cli(["ratelimit", "reset", whose]).run().await;
        assert_eq!(unasked.ended(2), "");
        assert!(unasked.stderr.contains("--yes"), "{unasked:?}");
    }
    let shown = world.cli(["ratelimit", "reset", "--all", "--dry-run", "--json"]).run().await.json();
    assert_eq!((&shown["dry_run"], &shown["audit"][0]["action"]), (&json!(true), &json!("ratelimit.reset")));
    let shown = world.cli(["ratelimit", "reset", "ada", "--dry-run"]).run().await;
    assert!(shown.ended(0).contains("user:ada"), "{shown:?}");
    assert_eq!(exported(&world).await.len(), rows);
    assert_eq!(chat().await, 6, "nothing was cleared");
}

async fn bad_resets_change_nothing(setup: Setup) {
    let (world, _server, root, ada) = World::new(setup).await.limit("hourly", "messages", 1, "1h").with_people().await;
    say(&ada).await.ok(201);
    refused(&ada).await;
    let rows = exported(&world).await.len();
    root.post(&format!("{RESET}?user_id=adda"), &json!({})).await.problem(404, "not_found");
    for query in ["?user_id=ada&rule=hurly", "?rule=hurly", "?rule=%00"] {
        root.post(&format!("{RESET}{query}"), &json!({})).await.problem(404, "not_found");
    }
    root.post(&format!("{RESET}?user=ada"), &json!({})).await.problem(422, "invalid_request");
    root.get(&format!("{VIOLATIONS}?user_id=adda")).await.problem(404, "not_found");
    root.get(&format!("{VIOLATIONS}?limit=0")).await.problem(422, "invalid_request");
    root.get(&format!("{VIOLATIONS}?cursor=eyJwIjo3fQ")).await.problem(422, "invalid_request");
    let unknown = world.cli(["ratelimit", "reset", "ada", "--rule", "hurly", "--yes"]).run().await;
    unknown.ended(3);
    assert!(unknown.stderr.contains("`hourly`"), "{unknown:?}");
    world.cli(["ratelimit", "violations", "adda"]).run().await.ended(3);
    assert_eq!(exported(&world).await.len(), rows, "no act, no row");
    refused(&ada).await;
}

async fn refusals_are_listed_with_who_and_how_often(setup: Setup) {
    let world = World::new(setup).await.limit("hourly", "messages", 1, "1h");
    let world = world.add("limits", "name = 'each'\nper = 'key'\ncount = 'messages'\nmax = 1\nwindow = '1h'");
    let (world, server, root, ada) = world.with_people().await;
    let bob = server.person("bob").await;
    let made = make(&bob, &["chat"]).await;
    say(&ada).await.ok(201);
    for _ in 0..3 {
        refused(&ada).await;
    }
    say(&with(&bob, &made)).await.ok(201);
    root.put("/api/v1/admin/rate-limits/bob/hourly", &json!({"max": 9, "reason": "x"})).await.ok(200);
    assert_eq!(refused(&with(&bob, &made)).await, "each");
    let mut stranger = server.stranger();
    for _ in 0..6 {
        stranger.log_in("nobody", "wrong").await;
    }
    let all = violations(&root, "").await;
    let key = format!("key:{}", made["prefix"].as_str().unwrap());
    let login = format!("login:nobody {}", stranger.address);
    let refused_login = format!("{login} login_name_address 1");
    let mut expected = [format!("{key} each 1"), refused_login, "user:ada hourly 3".into()];
    expected.sort();
    assert_eq!(told(&all), expected);
    let one = |subject: &str| all.iter().find(|one| one["subject"] == subject).unwrap();
    assert_eq!(one("user:ada")["username"], "ada");
    assert_eq!((&one(&key)["username"], &one(&login)["username"]), (&json!("bob"), &json!(null)));
    let time =
        |member: &str| one("user:ada")[member].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    let (last, until) = (time("last"), time("until"));
    assert!((unix_now() as i64 - last.timestamp()).abs() < 60, "{last}");
    assert!((3590..=3600).contains(&(until - last).num_seconds()), "{last} {until}");
    assert_eq!(told(&violations(&root, "?user_id=ada").await), ["user:ada hourly 3"]);
    assert_eq!(told(&violations(&root, "?user_id=bob").await), [format!("{key} each 1")]);
    let same = world.cli(["ratelimit", "violations", "--json"]).run().await.json();
    assert_eq!(told(same.as_array().unwrap()), expected);
    let table = world.cli(["ratelimit", "violations", "ada"]).run().await;
    assert!(table.ended(0).contains("user:ada") && !table.stdout.contains("nobody"), "{table:?}");
    reset(&root, "?user_id=ada").await;
    assert_eq!(told(&violations(&root, "").await), expected[..2]);
}

async fn refusals_are_paged_the_latest_first(setup: Setup) {
    let (world, server, root, _ada) = World::new(setup).await.limit("hourly", "messages", 1, "1h").with_people().await;
    for name in ["una", "dos", "tres", "quattro", "cinque"] {
        let person = server.person(name).await;
        say(&person).await.ok(201);
        refused(&person).await;
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = root.get(&format!("{VIOLATIONS}?limit=2{cursor}")).await.ok(200);
        let names = page["items"].as_array().unwrap().iter().map(|one| one["username"].as_str().unwrap().to_owned());
        seen.extend(names);
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, ["cinque", "quattro", "tres", "dos", "una"]);
    let two = world.cli(["ratelimit", "violations", "-n", "2", "-o", "plain"]).run().await;
    assert_eq!(two.ended(0).lines().count(), 2);
    assert!(two.stderr.contains("--rows"), "{two:?}");
}

async fn a_deleted_users_refusals_have_no_user(setup: Setup) {
    let (world, _server, root, ada) = World::new(setup).await.limit("hourly", "messages", 1, "1h").with_people().await;
    say(&ada).await.ok(201);
    refused(&ada).await;
    root.put("/api/v1/admin/rate-limits/ada/hourly", &json!({"max": 9, "reason": "x"})).await.ok(200);
    world.cli(["user", "delete", "ada", "--yes"]).run().await.ended(0);
    let left = violations(&root, "").await;
    assert_eq!((left.len(), &left[0]["username"]), (1, &json!(null)));
    assert_eq!(world.database.number("select count(*) from limit_overrides").await, 0);
}

async fn refusals_by_all_replicas_are_counted_together(setup: Setup) {
    let (world, _server, root, ada) = World::new(setup).await.limit("hourly", "messages", 1, "1h").with_people().await;
    let other = world.serve().await;
    say(&ada).await.ok(201);
    for _ in 0..3 {
        refused(&ada).await;
        refused(&ada.at(&other)).await;
    }
    assert_eq!(told(&violations(&root.at(&other), "").await), ["user:ada hourly 6"]);
}

async fn a_reset_that_redis_fails_says_so_in_a_second_row(setup: Setup) {
    let (mut world, _server, root, ada) =
        World::new(setup).await.limit("hourly", "messages", 1, "1h").with_people().await;
    say(&ada).await.ok(201);
    let acts = async |world: &World| {
        let rows = exported(world).await;
        let resets = rows.iter().filter(|row| row["action"].as_str().unwrap().starts_with("ratelimit."));
        resets
            .map(|row| format!("{} {} {}", row["action"], row["target"], row["outcome"]).replace('"', ""))
            .collect::<Vec<_>>()
    };
    world.redis().freeze();
    for arguments in
        [&["ratelimit", "reset", "ada", "--yes", "--json"][..], &["ratelimit", "reset", "--all", "--yes", "--json"]]
    {
        let failed = world.cli(arguments.iter().copied()).run().await;
        assert_eq!(failed.ended(7), "");
        assert!(failed.stderr.contains(r#""code":"redis_unavailable""#), "{failed:?}");
    }
    root.post(&format!("{RESET}?user_id=ada"), &json!({})).await.problem(503, "redis_unavailable");
    let mut expected: Vec<String> = ["user:ada", "all", "user:ada"]
        .iter()
        .flat_map(|target| {
            [format!("ratelimit.reset {target} ok"), format!("ratelimit.reset_failed {target} redis_unavailable")]
        })
        .collect();
    assert_eq!(acts(&world).await, expected);
    world.redis().thaw();
    eventually("Redis to be used again", async || {
        let answer = root.post(&format!("{RESET}?user_id=ada"), &json!({})).await;
        (answer.status == 200).then_some(())
    })
    .await;
    let now = acts(&world).await;
    assert_eq!(now.last().unwrap(), "ratelimit.reset user:ada ok");
    expected = now;
    world.redis_mut().kill().await;
    root.post(RESET, &json!({})).await.problem(503, "redis_unavailable");
    expected.extend(["ratelimit.reset all ok".into(), "ratelimit.reset_failed all redis_unavailable".into()]);
    assert_eq!(acts(&world).await, expected);
    world.cli(["audit", "verify"]).run().await.ended(0);
}

async fn both_backends_are_reset_when_both_counted(setup: Setup) {
    let world = World::new(setup).await.limit("hourly", "messages", 2, "1h").set("redis.on_failure", "database");
    let (world, server, root, ada) = world.with_people().await;
    say(&ada).await.ok(201);
    world.redis().freeze();
    eventually("the database to count", async || (say(&ada).await.status == 201).then_some(())).await;
    refused(&ada).await;
    world.redis().thaw();
    eventually("Redis to be used again", async || (server.metric("mcpchat_redis_up", &[]).await == 1.0).then_some(()))
        .await;
    refused(&ada).await;
    let both = violations(&root, "").await;
    assert_eq!(both.len(), 1, "{both:?}");
    assert!(both[0]["count"].as_u64().unwrap() >= 2, "{both:?}");
    // The account here and there, and what is still in use of its login.
    let cleared = reset(&root, "?user_id=ada").await;
    assert!((2..=4).contains(&cleared), "{cleared}");
    assert_eq!(world.database.number("select count(*) from counters where subject like 'user:%'").await, 0);
    assert!(violations(&root, "").await.is_empty());
    say(&ada).await.ok(201);
    world.redis().freeze();
    eventually("the database to count", async || (say(&ada).await.status == 201).then_some(())).await;
    world.redis().thaw();
}
