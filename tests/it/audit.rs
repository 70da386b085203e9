//! The audit log: what is in it, which roles may read it, and how it is followed.

use std::collections::BTreeSet;

use crate::harness::{Database, Events, PASSWORD, Setup, Value, World, eventually, json};

on_every_setup! {
    sessions_and_accounts_leave_their_rows
    only_auditors_and_admins_read_the_log
    rows_are_filtered_and_paged
    a_refused_attempt_is_a_row_a_flood_of_them_a_few
    the_log_is_followed_as_events_from_where_one_was
    a_disabled_auditor_stops_following_the_log
    the_shell_shows_filters_and_exports
    nothing_in_the_log_can_be_changed
}

on_database_servers! {
    many_writers_leave_one_chain_without_gaps
    followers_see_each_row_once_over_database_outages
    a_search_reads_no_more_than_its_page
    an_unavailable_database_is_exit_7
}

/// All rows, as the shell exports them.
pub async fn exported(world: &World) -> Vec<Value> {
    let export = world.cli(["audit", "export"]).run().await;
    export.ended(0).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn numbers(rows: &[Value]) -> Vec<i64> {
    rows.iter().map(|row| row["id"].as_i64().unwrap()).collect()
}

fn acts(rows: &[Value]) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let act = |row: &Value| {
        format!("{} {} {} {}", text(&row["action"]), text(&row["surface"]), text(&row["target"]), text(&row["outcome"]))
    };
    rows.iter().map(act).collect()
}

async fn sessions_and_accounts_leave_their_rows(setup: Setup) {
    let (world, _server, mut ada) = World::new(setup).await.set("auth.registration", "open").with_ada().await;
    ada.log_in("ada", "not the password").await.problem(401, "wrong_credentials");
    ada.log_in("nobody", "not the password").await.problem(401, "wrong_credentials");
    ada.post("/api/v1/users", &json!({"username": "bob", "password": PASSWORD})).await.ok(201);
    let change = |current: &str| json!({"current_password": current, "new_password": "another-Tricycle-7-gnu"});
    ada.put("/api/v1/users/me/password", &change("wrong")).await.any_problem(422);
    ada.put("/api/v1/users/me/password", &change(PASSWORD)).await.ok(204);
    ada.post("/api/v1/auth/logout", &json!({})).await.ok(204);
    let rows = exported(&world).await;
    assert_eq!(
        acts(&rows),
        [
            "user.add cli user:ada ok",
            "session.login http user:ada ok",
            "session.login http user:ada wrong_credentials",
            "session.login http - wrong_credentials",
            "user.register http user:bob ok",
            "user.password http user:ada wrong_credentials",
            "user.password http user:ada ok",
            "session.logout http user:ada ok",
        ]
    );
    assert_eq!(numbers(&rows), (1..=8).collect::<Vec<_>>());
    for row in &rows[1..] {
        assert_eq!(row["address"], ada.address, "{row}");
        assert!(row["request_id"].as_str().is_some_and(|id| !id.is_empty()), "{row}");
    }
    let whole = rows.iter().map(Value::to_string).collect::<String>();
    assert!(!whole.contains(PASSWORD) && !whole.contains("not the password") && !whole.contains("argon2"), "{whole}");
}

async fn only_auditors_and_admins_read_the_log(setup: Setup) {
    let world = World::new(setup).await;
    let server = world.serve().await;
    let mut people = Vec::new();
    for role in ["user", "auditor", "admin"] {
        people.push((server.person_with_role(role, role).await, if role == "user" { 403 } else { 200 }));
    }
    people.push((server.stranger(), 401));
    for (person, status) in people {
        for path in ["", "/verify"] {
            let answer = person.get(&format!("/api/v1/admin/audit-log{path}")).await;
            assert_eq!(answer.status, status, "{answer:#?}");
        }
        if status != 200 {
            assert_eq!(person.get("/api/v1/admin/audit-log/events").await.status, status);
        }
    }
}

async fn rows_are_filtered_and_paged(setup: Setup) {
    let world = World::new(setup).await;
    let server = world.serve().await;
    let auditor = server.person_with_role("eve", "auditor").await;
    for name in ["ada", "bob"] {
        server.person(name).await;
    }
    let list = async |query: &str| {
        let page = auditor.get(&format!("/api/v1/admin/audit-log{query}")).await.ok(200);
        (numbers(page["items"].as_array().unwrap()), page["next_cursor"].as_str().map(str::to_owned))
    };
    assert_eq!(list("").await, (vec![1, 2, 3, 4, 5, 6], None));
    assert_eq!(list("?after=4").await.0, [5, 6]);
    assert_eq!(list("?actor=ada").await.0, [4]);
    assert_eq!(list("?actor=user:ada").await.0, [4]);
    assert_eq!(list("?target=bob").await.0, [5, 6]);
    assert_eq!(list("?action=user").await.0, [1, 3, 5]);
    assert_eq!(list("?action=session.login").await.0, [2, 4, 6]);
    assert!(list("?action=sess").await.0.is_empty());
    assert!(list("?until=2020-01-01T00:00:00Z").await.0.is_empty());
    assert_eq!(list("?since=2020-01-01T00:00:00Z").await.0.len(), 6);
    let (first, cursor) = list("?limit=4").await;
    assert_eq!(first, [1, 2, 3, 4]);
    assert_eq!(list(&format!("?limit=4&cursor={}", cursor.unwrap())).await, (vec![5, 6], None));
    for bad in ["?limit=0", "?after=x", "?since=yesterday", "?actr=ada", "?cursor=x"] {
        auditor.get(&format!("/api/v1/admin/audit-log{bad}")).await.any_problem(422);
    }
    let row = &auditor.get("/api/v1/admin/audit-log?limit=1").await.ok(200)["items"][0];
    assert_eq!(*row, exported(&world).await[0]);
}

async fn a_refused_attempt_is_a_row_a_flood_of_them_a_few(setup: Setup) {
    let world = World::new(setup).await;
    let mut server = world.serve().await;
    let mallory = server.person("mallory").await;
    for _ in 0..25 {
        mallory.get("/api/v1/admin/audit-log").await.problem(403, "forbidden");
    }
    let refused = exported(&world).await.split_off(2);
    assert_eq!(refused.len(), 10);
    assert_eq!(acts(&refused)[0], "admin.refused http route:GET /api/v1/admin/audit-log forbidden");
    assert_eq!(refused[0]["actor"], "user:mallory");
    server.process.signal("TERM");
    assert_eq!(server.process.exit_code().await, 0);
    let counted = exported(&world).await.split_off(12);
    assert_eq!(acts(&counted), ["admin.refused_more system user:mallory forbidden"]);
    assert_eq!(counted[0]["after"], json!({"count": 15}));
}

async fn the_log_is_followed_as_events_from_where_one_was(setup: Setup) {
    let world = World::new(setup).await;
    let server = world.serve().await;
    let auditor = server.person_with_role("eve", "auditor").await;
    let follow = |path: &str| auditor.request(reqwest::Method::GET, &format!("/api/v1/admin/audit-log/events{path}"));
    let mut events = Events::of(follow("")).await;
    for number in 1..=2 {
        let event = events.next().await.unwrap();
        assert_eq!((event.id, event.name.as_str()), (number, "row"));
        assert_eq!(event.data["id"], number);
    }
    world.add_user("ada").await;
    assert_eq!(events.next().await.unwrap().data["target"], "user:ada");
    let mut resumed = Events::of(follow("").header("last-event-id", "2")).await;
    assert_eq!(resumed.next().await.unwrap().id, 3);
    let mut some = Events::of(follow("?after=1&action=user")).await;
    assert_eq!(some.next().await.unwrap().id, 3);
}

async fn a_disabled_auditor_stops_following_the_log(setup: Setup) {
    let world = World::new(setup).await;
    let server = world.serve().await;
    let auditor = server.person_with_role("eve", "auditor").await;
    let path = "/api/v1/admin/audit-log/events?action=nothing";
    let events = Events::of(auditor.request(reqwest::Method::GET, path)).await;
    world.cli(["user", "disable", "eve", "--yes"]).run().await.ended(0);
    assert!(tokio::time::timeout(std::time::Duration::from_secs(5), events.all()).await.unwrap().is_empty());
}

async fn the_shell_shows_filters_and_exports(setup: Setup) {
    let world = World::migrated(setup).await;
    for name in ["ada", "bob", "eve"] {
        world.cli(["user", "add", name, "--generate-password", "--reason", "a \u{1b}[2J b"]).run().await.ended(0);
    }
    let tail = async |arguments: &[&str]| {
        let whole = [&["audit", "tail"], arguments].concat();
        world.cli(whole).run().await.ended(0).to_owned()
    };
    let table = tail(&["-n", "2"]).await;
    assert_eq!(table.lines().count(), 3, "{table}");
    assert!(!table.contains('\u{1b}') && table.contains("a ␛[2J b") && table.contains("user:eve"), "{table}");
    let rows = exported(&world).await;
    let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
    assert_eq!(tail(&["--json"]).await, lines);
    assert_eq!(tail(&["--json", "--since", "1h"]).await, lines);
    assert_eq!(tail(&["--json", "--target", "bob"]).await, format!("{}\n", rows[1]));
    assert_eq!(tail(&["--json", "--since", "2099-01-01"]).await, "");
    world.cli(["audit", "tail", "--since", "soon"]).run().await.ended(2);
    let file = world.home().join("log.ndjson");
    world.cli(["audit", "export", "--out", file.to_str().unwrap()]).run().await.ended(0);
    assert_eq!(std::fs::read_to_string(file).unwrap(), lines);
    let mut head = world.cli(["audit", "tail"]).start();
    head.stop_reading();
    head.end().await.ended(0);
}

async fn nothing_in_the_log_can_be_changed(setup: Setup) {
    let world = World::migrated(setup).await;
    world.add_user("ada").await;
    let mut tampering = vec![
        "update audit set actor = 'user:bob'",
        "delete from audit",
        "insert into audit select 9, at, actor, surface, address, action, target, outcome, reason, before, after, request_id, previous_hash, hash from audit",
        "insert into audit select 2, at, actor, surface, address, action, target, outcome, reason, before, after, request_id, previous_hash, hash from audit",
    ];
    tampering.push(match world.database {
        Database::Postgres { .. } => "truncate audit",
        Database::Sqlite(_) => {
            "insert or replace into audit select 1, at, 'x', surface, address, action, target, outcome, reason, before, after, request_id, previous_hash, hash from audit"
        }
    });
    let before = exported(&world).await;
    for statement in tampering {
        let error = world.database.try_run(statement.to_owned()).await.expect_err(statement);
        assert!(error.contains("append-only") || error.contains("at its end only"), "{statement}: {error}");
    }
    assert_eq!(exported(&world).await, before);
}

async fn many_writers_leave_one_chain_without_gaps(setup: Setup) {
    let world = World::new(setup).await;
    let server = world.serve().await;
    let mut tasks = Vec::new();
    for writer in 0..64 {
        let mut person = server.stranger();
        tasks.push(tokio::spawn(async move {
            person.log_in(&format!("nobody-{writer}"), "wrong").await.problem(401, "wrong_credentials");
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(numbers(&exported(&world).await), (1..=64).collect::<Vec<_>>());
    world.cli(["audit", "verify"]).run().await.ended(0);
}

async fn followers_see_each_row_once_over_database_outages(setup: Setup) {
    let (near, wire) = World::migrated(setup).await.wire_to_postgres().await;
    let follower = near.cli(["audit", "tail", "-f", "--json"]).follow();
    let seen = || follower.lines();
    let far = near.database.url();
    for round in 0..3 {
        let add = near.cli(["user", "add", &format!("before-{round}"), "--generate-password"]);
        add.env("MCPCHAT_DATABASE__URL", &far).run().await.ended(0);
        let row = eventually("the row before the outage", async || (seen().len() == round * 2 + 1).then_some(()));
        let seen_in_time = tokio::time::timeout(std::time::Duration::from_secs(25), row).await;
        assert!(seen_in_time.is_ok(), "round {round}: {:?} {}", seen(), follower.said());
        wire.cut();
        let add = near.cli(["user", "add", &format!("during-{round}"), "--generate-password"]);
        add.env("MCPCHAT_DATABASE__URL", &far).run().await.ended(0);
        let outages = || follower.said().matches("the database is away").count();
        eventually("word of the outage", async || (outages() == round + 1).then_some(())).await;
        wire.mend();
        eventually("the row of the outage", async || (seen().len() == round * 2 + 2).then_some(())).await;
    }
    let rows: Vec<Value> = seen().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(numbers(&rows), [1, 2, 3, 4, 5, 6]);
    assert_eq!(rows.iter().map(|row| row["hash"].to_string()).collect::<BTreeSet<_>>().len(), 6);
    assert_eq!(follower.said().matches("the database is back").count(), 3, "{}", follower.said());
}

async fn an_unavailable_database_is_exit_7(setup: Setup) {
    let (world, wire) = World::migrated(setup).await.wire_to_postgres().await;
    wire.cut();
    for command in [["audit", "tail"], ["audit", "verify"], ["audit", "export"]] {
        world.cli(command).run().await.ended(7);
    }
}

/// What PostgreSQL has read for searches of the audit log, in pages of 8 KiB.
async fn pages_read(world: &World) -> i64 {
    let read = "select cast(coalesce(sum(shared_blks_hit + shared_blks_read), 0) as bigint) from pg_stat_statements \
                where dbid = (select oid from pg_database where datname = current_database()) \
                and query like '%from audit where%'";
    world.database.number(read).await
}

async fn a_search_reads_no_more_than_its_page(setup: Setup) {
    let world = World::new(setup).await;
    let server = world.serve().await;
    let auditor = server.person_with_role("eve", "auditor").await;
    // Not a chain that verifies, but one that the table takes.
    let fill = "insert into audit (id, at, actor, surface, action, target, outcome, previous_hash, hash) \
                select last.id + n, now() - interval '2 days' + n * interval '0.1 seconds', 'user:root', 'http', 'session.login', \
                'user:root', 'ok', last.hash, last.hash \
                from (select id, hash from audit order by id desc limit 1) as last, generate_series(1, 60000) as n";
    world.database.try_run(fill.to_owned()).await.unwrap();
    world.database.try_run("create extension pg_stat_statements".to_owned()).await.unwrap();
    server.person("ada").await;
    for (search, found) in [
        ("actor=ada", 1),
        ("actor=root&limit=2", 2),
        ("target=ada", 2),
        ("action=user.add", 2),
        ("action=user", 2),
        ("since=2099-01-01T00:00:00Z", 0),
        ("until=2020-01-01T00:00:00Z", 0),
    ] {
        let read = pages_read(&world).await;
        let page = auditor.get(&format!("/api/v1/admin/audit-log?{search}")).await.ok(200);
        assert_eq!(page["items"].as_array().unwrap().len(), found, "{search}");
        let read = pages_read(&world).await - read;
        assert!(read < 200, "{search}: {read} pages of a log of more than a thousand");
    }
}
