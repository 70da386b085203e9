//! Overrides of rules for single users: that they hold, at once and everywhere, for every kind of rule; that they end;
//! and that bad ones change nothing.

use std::time::{Duration, Instant};

use crate::{
    audit::exported,
    harness::{Answer, Gate, Person, Provider, Reply, Setup, Socket, Value, World, eventually, json, unix_now, within},
    keys::{make, with},
};

on_every_setup! {
    an_override_replaces_the_rule_and_counts_past_use
    an_override_ends_on_time
    a_user_shut_out_for_a_while_is_told_until_when
    turns_tokens_and_cost_have_overrides_too
    an_override_from_the_shell_holds_within_a_second
    a_chat_at_the_shell_has_its_users_overrides
    an_override_can_be_taken_back
    bad_overrides_change_nothing
    a_dry_run_shows_the_override_and_its_row
    limits_show_what_is_used_and_who_set_overrides
}

on_redis! {
    an_override_holds_on_all_replicas_within_a_second
}

/// The promise.
const AT_ONCE: Duration = Duration::from_secs(1);

fn path(rule: &str) -> String {
    format!("/api/v1/admin/rate-limits/ada/{rule}")
}

/// At the first whole second that is at least so far away.
fn in_secs(secs: i64) -> Value {
    let at = chrono::DateTime::from_timestamp_secs(unix_now() as i64 + 1 + secs);
    json!(at.unwrap())
}

async fn say(person: &Person) -> Answer {
    person.send(&json!({"content": "hello"})).await
}

/// Says so much, and is refused what is more.
async fn can_say(person: &Person, times: usize) -> Value {
    for _ in 0..times {
        say(person).await.ok(201);
    }
    say(person).await.problem(429, "rate_limited")
}

async fn an_override_replaces_the_rule_and_counts_past_use(setup: Setup) {
    let (world, server, root, ada) = World::new(setup).await.limit("hourly", "messages", 2, "1h").with_people().await;
    let bob = server.person("bob").await;
    can_say(&ada, 2).await;
    let made = root.put(&path("hourly"), &json!({"max": 5, "reason": "a load test"})).await.ok(200);
    assert_eq!((&made["username"], &made["rule"], &made["max"]), (&json!("ada"), &json!("hourly"), &json!(5)));
    assert_eq!(
        (&made["set_by"], &made["reason"], &made["until"]),
        (&json!("user:root"), &json!("a load test"), &json!(null))
    );
    let problem = can_say(&ada, 3).await;
    assert_eq!((&problem["limit"], &problem["used"]), (&json!(5), &json!(5)));
    // A place is free after a fifth of the hour.
    let wait = problem["retry_after_secs"].as_u64().unwrap();
    assert!((660..=720).contains(&wait), "{wait}");
    can_say(&bob, 2).await;
    // Less than is used: nothing passes until so much is free.
    root.put(&path("hourly"), &json!({"max": 1, "reason": "enough"})).await.ok(200);
    let problem = say(&ada).await.problem(429, "rate_limited");
    assert_eq!((&problem["limit"], &problem["used"]), (&json!(1), &json!(5)));
    let rows = exported(&world).await;
    let row = rows.last().unwrap();
    assert_eq!(
        (&row["action"], &row["target"], &row["reason"]),
        (&json!("ratelimit.set"), &json!("user:ada"), &json!("enough"))
    );
    assert_eq!(row["before"], json!({"rule": "hourly", "max": 5, "until": null}));
    assert_eq!(row["after"], json!({"rule": "hourly", "max": 1, "until": null}));
}

async fn an_override_ends_on_time(setup: Setup) {
    let (_world, _server, root, ada) = World::new(setup).await.limit("hourly", "messages", 1, "1h").with_people().await;
    let start = Instant::now();
    root.put(&path("hourly"), &json!({"max": 1000, "until": in_secs(3), "reason": "x"})).await.ok(200);
    let refused = eventually("the rule to hold again", async || {
        let answer = say(&ada).await;
        (answer.status != 201).then_some(answer)
    })
    .await;
    let took = start.elapsed();
    assert!(took >= Duration::from_secs(3) && took < Duration::from_secs(4) + AT_ONCE, "{took:?}");
    assert_eq!(refused.problem(429, "rate_limited")["limit"], 1);
}

async fn a_user_shut_out_for_a_while_is_told_until_when(setup: Setup) {
    let (_world, _server, root, ada) = World::new(setup).await.limit("hourly", "messages", 5, "1h").with_people().await;
    root.put(&path("hourly"), &json!({"max": 0, "until": in_secs(3), "reason": "x"})).await.ok(200);
    let problem = say(&ada).await.problem(429, "rate_limited");
    assert_eq!(problem["limit"], 0);
    let wait = problem["retry_after_secs"].as_u64().unwrap();
    assert!((1..=4).contains(&wait), "{wait}");
    tokio::time::sleep(Duration::from_secs(wait)).await;
    say(&ada).await.ok(201);
}

async fn turns_tokens_and_cost_have_overrides_too(setup: Setup) {
    let (provider, gate) = (Provider::start().await, Gate::closed());
    provider.always(Reply::text(["first "]).then_wait(&gate).then("last"));
    let openai = format!(
        "name = 'fake-openai'\nkind = 'openai'\nbase_url = 'http://{}/v1'\napi_key = 'sk-x'",
        provider.address()
    );
    let model =
        "name = 'fake'\nprovider = 'fake-openai'\nmax_output_tokens = 256\nprice = { input = 1.0, output = 2.0 }";
    let spend = "name = 'spend'\nper = 'user'\ncount = 'cost'\nmax = 0.0001\nwindow = 'month'";
    let world = World::new(setup).await.add("providers", &openai).add("models", model).add("limits", spend);
    let world = world.limit("at-once", "turns", 1, "").limit("tokens", "tokens", 10, "day");
    let (_world, _server, root, ada) = world.with_people().await;
    // The worst case is 256 tokens of reply, which cost $0.000512.
    assert_eq!(say(&ada).await.problem(429, "rate_limited")["rule"], "spend");
    root.put(&path("spend"), &json!({"max": 0.25, "reason": "x"})).await.ok(200);
    assert_eq!(say(&ada).await.problem(429, "rate_limited")["rule"], "tokens");
    root.put(&path("tokens"), &json!({"max": 1_000_000, "reason": "x"})).await.ok(200);
    let one = ada.stream(&json!({"content": "one"})).await;
    assert_eq!(say(&ada).await.problem(429, "rate_limited")["rule"], "at-once");
    root.put(&path("at-once"), &json!({"max": 2, "reason": "x"})).await.ok(200);
    let two = ada.stream(&json!({"content": "two"})).await;
    assert_eq!(say(&ada).await.problem(429, "rate_limited")["rule"], "at-once");
    // Cost is told in dollars, to users and operators alike.
    root.put(&path("spend"), &json!({"max": 0.0001, "reason": "x"})).await.ok(200);
    let problem = say(&ada).await.problem(429, "rate_limited");
    assert_eq!((&problem["rule"], &problem["limit"]), (&json!("spend"), &json!(0.0001)));
    gate.open();
    one.all().await;
    two.all().await;
}

async fn an_override_from_the_shell_holds_within_a_second(setup: Setup) {
    let (world, _server, _root, ada) = World::new(setup).await.limit("hourly", "messages", 1, "1h").with_people().await;
    let with_key = with(&ada, &make(&ada, &["chat"]).await);
    let mut socket = Socket::of(&ada).await;
    say(&with_key).await.ok(201);
    say(&ada).await.problem(429, "rate_limited");
    let set = ["ratelimit", "set", "ada", "hourly", "--max", "4", "--until", "1h", "--reason", "x", "--json"];
    let made = world.cli(set).run().await.json();
    assert_eq!(made["max"], 4);
    assert!(made["set_by"].as_str().unwrap().starts_with("operator:"), "{made}");
    within(AT_ONCE, "the exception", async || (say(&ada).await.status == 201).then_some(())).await;
    say(&with_key).await.ok(201);
    // A socket that was open before, too.
    let frames = socket.send("a", "hello").await;
    assert_eq!(frames.last().unwrap()["type"], "done", "{frames:?}");
    let frames = socket.send("b", "hello").await;
    assert_eq!(frames.last().unwrap()["limit"], 4, "{frames:?}");
}

async fn an_override_holds_on_all_replicas_within_a_second(setup: Setup) {
    let (world, server, root, ada) = World::new(setup).await.limit("hourly", "messages", 1, "1h").with_people().await;
    let other = world.serve().await;
    let there = ada.at(&other);
    say(&there).await.ok(201);
    say(&there).await.problem(429, "rate_limited");
    root.put(&path("hourly"), &json!({"max": 2, "reason": "x"})).await.ok(200);
    within(AT_ONCE, "the exception", async || (say(&there).await.status == 201).then_some(())).await;
    root.at(&other).delete(&path("hourly")).await.ok(204);
    let limit = async || (say(&ada).await.problem(429, "rate_limited")["limit"] == 1).then_some(());
    within(AT_ONCE, "the rule", limit).await;
    drop(server);
}

async fn a_chat_at_the_shell_has_its_users_overrides(setup: Setup) {
    let world = World::migrated(setup).await.limit("hourly", "messages", 1, "1h");
    world.add_user("ada").await;
    let chat = async || world.cli(["chat", "--as", "ada", "hello"]).run().await.code;
    assert_eq!((chat().await, chat().await), (0, 6));
    world.cli(["ratelimit", "set", "ada", "hourly", "--max", "2", "--reason", "x"]).run().await.ended(0);
    assert_eq!((chat().await, chat().await), (0, 6));
}

async fn an_override_can_be_taken_back(setup: Setup) {
    let (world, _server, root, ada) = World::new(setup).await.limit("hourly", "messages", 1, "1h").with_people().await;
    root.put(&path("hourly"), &json!({"max": 3, "reason": "x"})).await.ok(200);
    say(&ada).await.ok(201);
    say(&ada).await.ok(201);
    root.delete(&format!("{}?reason=enough", path("hourly"))).await.ok(204);
    let problem = say(&ada).await.problem(429, "rate_limited");
    assert_eq!((&problem["limit"], &problem["used"]), (&json!(1), &json!(2)));
    let rows = exported(&world).await;
    let row = rows.last().unwrap();
    assert_eq!(
        (&row["action"], &row["reason"], &row["after"]),
        (&json!("ratelimit.unset"), &json!("enough"), &json!(null))
    );
    assert_eq!(row["before"], json!({"rule": "hourly", "max": 3, "until": null}));
    // Where there is none there is nothing to take back, and nothing to write down.
    root.delete(&path("hourly")).await.ok(204);
    let again = world.cli(["ratelimit", "unset", "ada", "hourly"]).run().await;
    assert_eq!(again.ended(0), "");
    assert!(again.stderr.contains("nothing was changed"), "{again:?}");
    assert_eq!(exported(&world).await.len(), rows.len());
    // One from a rule that is configured no more can still be taken back.
    root.put(&path("hourly"), &json!({"max": 3, "reason": "x"})).await.ok(200);
    let world = world.none_of("limits").limit("daily", "messages", 1, "24h");
    let gone = world.cli(["ratelimit", "unset", "ada", "hourly", "--json"]).run().await.json();
    assert_eq!((&gone["max"], &gone["removed"]), (&json!(3), &json!(true)));
}

async fn bad_overrides_change_nothing(setup: Setup) {
    let world = World::new(setup).await.limit("hourly", "messages", 1, "1h").limit("running", "turns", 2, "");
    let world = world.add("limits", "name = 'all'\nper = 'global'\ncount = 'messages'\nmax = 100000\nwindow = '1h'");
    let (world, _server, root, ada) = world.with_people().await;
    say(&ada).await.ok(201);
    let rows = exported(&world).await.len();
    let good = json!({"max": 5, "reason": "x"});
    let unknown = root.put(&path("hurly"), &good).await.problem(404, "not_found");
    assert!(unknown["detail"].as_str().unwrap().contains("`hourly`"), "{unknown}");
    let no_user = root.put("/api/v1/admin/rate-limits/adda/hourly", &good).await.problem(404, "not_found");
    assert!(no_user["detail"].as_str().unwrap().contains("`ada`"), "{no_user}");
    for odd in ["ada/%FF", "%FF/hourly", "ada/%00", "%00/hourly"] {
        let path = format!("/api/v1/admin/rate-limits/{odd}");
        root.put(&path, &good).await.problem(404, "not_found");
        root.delete(&path).await.problem(404, "not_found");
    }
    for (rule, body, field) in [
        ("all", good.clone(), "rule"),
        ("login_name", good.clone(), "rule"),
        ("hourly", json!({"max": -1, "reason": "x"}), "max"),
        ("hourly", json!({"max": 1.5, "reason": "x"}), "max"),
        ("hourly", json!({"max": 1e10, "reason": "x"}), "max"),
        ("running", json!({"max": 2_000_000, "reason": "x"}), "max"),
        ("hourly", json!({"max": 5, "until": in_secs(-5), "reason": "x"}), "until"),
        ("hourly", json!({"max": 5, "until": in_secs(400_000_000), "reason": "x"}), "until"),
        ("hourly", json!({"max": 5, "reason": " "}), "reason"),
        ("hourly", json!({"max": 5}), "body"),
        ("hourly", json!({"reason": "x"}), "body"),
        ("hourly", json!({"max": 5, "reason": "x", "for": "1h"}), "for"),
    ] {
        let problem = root.put(&path(rule), &body).await.problem(422, "invalid_request");
        assert_eq!(problem["errors"][0]["field"], field, "{body}: {problem}");
    }
    for (arguments, code, says) in [
        (&["ratelimit", "set", "adda", "hourly", "--max", "5", "--reason", "x"][..], 3, "`ada`"),
        (&["ratelimit", "set", "ada", "hurly", "--max", "5", "--reason", "x"], 3, "`hourly`"),
        (&["ratelimit", "unset", "ada", "hurly"], 3, "`hourly`"),
        (&["ratelimit", "unset", "ada", "a rule"], 3, "a rule"),
        (&["ratelimit", "set", "ada", "all", "--max", "5", "--reason", "x"], 2, "per = \"user\""),
        (&["ratelimit", "set", "ada", "hourly", "--max", "0.5", "--reason", "x"], 2, "whole"),
        (&["ratelimit", "set", "ada", "hourly", "--max", "many", "--reason", "x"], 2, "many"),
        (&["ratelimit", "set", "ada", "hourly", "--max", "5"], 2, "--reason"),
        (&["ratelimit", "set", "ada", "hourly", "--max", "5", "--until", "2020-01-01", "--reason", "x"], 2, "future"),
        (&["ratelimit", "set", "ada", "hourly", "--max", "5", "--until", "soon", "--reason", "x"], 2, "2h"),
    ] {
        let refused = world.cli(arguments.iter().copied()).run().await;
        assert_eq!(refused.ended(code), "", "{arguments:?}");
        assert!(refused.stderr.contains(says), "{arguments:?}: {refused:?}");
    }
    assert_eq!(exported(&world).await.len(), rows, "no act, no row");
    assert_eq!(world.database.number("select count(*) from limit_overrides").await, 0);
    assert_eq!(say(&ada).await.problem(429, "rate_limited")["limit"], 1);
}

async fn a_dry_run_shows_the_override_and_its_row(setup: Setup) {
    let world = World::migrated(setup).await.limit("hourly", "messages", 1, "1h");
    world.add_user("ada").await;
    let rows = exported(&world).await.len();
    let set = ["ratelimit", "set", "ada", "hourly", "--max", "2", "--reason", "why not", "--dry-run", "--json"];
    let shown = world.cli(set).run().await.json();
    assert_eq!((&shown["dry_run"], &shown["result"]["max"]), (&json!(true), &json!(2)));
    let row = &shown["audit"][0];
    assert_eq!((&row["action"], &row["reason"]), (&json!("ratelimit.set"), &json!("why not")));
    assert_eq!(row["after"], json!({"rule": "hourly", "max": 2, "until": null}));
    assert_eq!(exported(&world).await.len(), rows);
    assert_eq!(world.database.number("select count(*) from limit_overrides").await, 0);
}

async fn limits_show_what_is_used_and_who_set_overrides(setup: Setup) {
    let world = World::new(setup).await.limit("hourly", "messages", 4, "1h").limit("spend", "cost", 20, "day");
    let world = world.add("limits", "name = 'each'\nper = 'key'\ncount = 'messages'\nmax = 9\nwindow = '1m'");
    let (world, _server, root, ada) = world.with_people().await;
    let rules = root.get("/api/v1/admin/rate-limits").await.ok(200)["items"].clone();
    let names: Vec<&str> = rules.as_array().unwrap().iter().map(|rule| rule["rule"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "hourly",
            "spend",
            "each",
            "login_address",
            "login_name_address",
            "login_name",
            "login_known_address",
            "refresh_address",
            "refresh_session",
            "password_change",
        ]
    );
    assert_eq!((&rules[0]["max"], &rules[0]["window"], &rules[0]["used"]), (&json!(4), &json!("1h"), &json!(null)));
    let made = make(&ada, &["chat"]).await;
    say(&with(&ada, &made)).await.ok(201);
    root.put(&path("hourly"), &json!({"max": 2, "until": in_secs(3600), "reason": "less"})).await.ok(200);
    can_say(&ada, 1).await;
    let id = ada.get("/api/v1/users/me").await.ok(200)["id"].as_str().unwrap().to_owned();
    let shown = root.get(&format!("/api/v1/admin/rate-limits?user_id={id}")).await.ok(200)["items"].clone();
    let row = |rule: &str| shown.as_array().unwrap().iter().find(|row| row["rule"] == rule).unwrap().clone();
    let hourly = row("hourly");
    assert_eq!((&hourly["max"], &hourly["limit"], &hourly["used"]), (&json!(4), &json!(2), &json!(2)));
    assert_eq!((&hourly["remaining"], &hourly["violations"]), (&json!(0), &json!(1)));
    assert!((3590..=3600).contains(&hourly["reset_secs"].as_u64().unwrap()), "{hourly}");
    assert!(hourly["resets_at"].as_str().is_some_and(|time| time.ends_with('Z')), "{hourly}");
    let exception = &hourly["override"];
    assert_eq!((&exception["set_by"], &exception["reason"]), (&json!("user:root"), &json!("less")));
    assert_eq!((&row("spend")["limit"], &row("spend")["count"]), (&json!(20.0), &json!("cost")));
    let key = row("each");
    assert_eq!(
        (&key["used"], &key["subject"]),
        (&json!(1), &json!(format!("key:{}", made["prefix"].as_str().unwrap())))
    );
    let same = world.cli(["ratelimit", "show", "ada", "--json"]).run().await.json();
    let without_times = |rows: &Value| {
        let mut rows = rows.as_array().unwrap().clone();
        // A login counts for a second under this rule, which may pass between the two readings.
        rows.retain(|row| row["rule"] != "login_name");
        rows.iter_mut().for_each(|row| row.as_object_mut().unwrap().retain(|name, _| !name.starts_with("reset")));
        rows
    };
    assert_eq!(without_times(&same), without_times(&shown));
    let table = world.cli(["ratelimit", "show", "ada"]).run().await;
    assert!(table.ended(0).contains("$20.00") && table.stdout.contains("by user:root: less"), "{table:?}");
    let no_user = world.cli(["ratelimit", "show", "adda"]).run().await;
    no_user.ended(3);
    assert!(no_user.stderr.contains("`ada`"), "{no_user:?}");
    root.get("/api/v1/admin/rate-limits?user_id=adda").await.problem(404, "not_found");
}
