//! `/admin/users`: accounts, as administrators look after them over HTTP. That each act has its audit row is in
//! `audit_coverage`, the roles it needs in `permissions`.

use reqwest::Method;

use crate::{
    audit::exported,
    harness::{
        Answer, Events, Gate, PASSWORD, Person, Provider, Reply, Setup, Value, World, eventually, json, tells_no_word,
        within,
    },
    keys::{make, with},
};

on_every_setup! {
    an_account_is_made_shown_changed_and_deleted
    the_audit_log_tells_who_did_it_from_where_and_why
    accounts_are_found_by_name_role_and_state
    a_name_that_is_not_there_names_near_ones
    what_cannot_be_is_refused_and_changes_nothing
    setting_what_is_set_changes_nothing
    the_last_enabled_admin_cannot_be_taken_away
    a_role_counts_from_the_next_request_on
    a_new_password_ends_the_sessions
    a_deleted_users_data_is_gone_their_acts_are_known
    the_turns_of_a_deleted_user_end
    a_refused_attempt_is_a_row_and_is_counted
}

on_redis! {
    a_user_deleted_on_one_replica_is_gone_on_the_other
}

const USERS: &str = "/api/v1/admin/users";
const AT_ONCE: std::time::Duration = std::time::Duration::from_secs(1);

fn path(user: &str, rest: &str) -> String {
    format!("{USERS}/{user}{rest}")
}

/// Sends a change of an account that needs no body.
async fn change(admin: &Person, user: &str, what: &str) -> Answer {
    Answer::to(admin.request(Method::POST, &path(user, what))).await
}

async fn rows(world: &World) -> i64 {
    world.database.number("select count(*) from audit").await
}

async fn an_account_is_made_shown_changed_and_deleted(setup: Setup) {
    let (_world, server, root) = World::new(setup).await.with_root().await;
    let new = json!({"username": "Ada", "email": "ada@example.org", "role": "auditor", "password": PASSWORD});
    let mut made = root.post(USERS, &new).await.ok(201);
    assert_eq!(made.as_object_mut().unwrap().remove("password"), Some(Value::Null), "a given one is not repeated");
    let members: Vec<&String> = made.as_object().unwrap().keys().collect();
    assert_eq!(members, ["created_at", "email", "enabled", "id", "last_login_at", "role", "username"]);
    assert_eq!((&made["username"], &made["role"], &made["enabled"]), (&json!("Ada"), &json!("auditor"), &json!(true)));
    for named in [made["id"].as_str().unwrap(), "ada", "ADA", "ada@example.org"] {
        assert_eq!(root.get(&path(named, "")).await.ok(200), made, "{named}");
    }
    assert_eq!(change(&root, "ada", "/promote").await.ok(200)["role"], "admin");
    assert_eq!(change(&root, "ada", "/demote?role=auditor").await.ok(200)["role"], "auditor");
    assert_eq!(change(&root, "ada", "/disable").await.ok(200)["enabled"], false);
    server.stranger().log_in("ada", PASSWORD).await.problem(401, "wrong_credentials");
    assert_eq!(change(&root, "ada", "/enable").await.ok(200)["enabled"], true);
    server.login("ada").await;
    let generated = root.post(USERS, &json!({"username": "bob"})).await.ok(201);
    assert_eq!(generated["role"], "user");
    server.stranger().log_in("bob", generated["password"].as_str().unwrap()).await.ok(200);
    root.delete(&path("ada", "")).await.ok(204);
    root.get(&path("ada", "")).await.problem(404, "not_found");
}

async fn the_audit_log_tells_who_did_it_from_where_and_why(setup: Setup) {
    let (world, server, root) = World::new(setup).await.with_root().await;
    let ada = server.person("ada").await;
    let before = exported(&world).await.len();
    let disable = root.request(Method::POST, &path("ada", "/disable?reason=left%20us%20%E2%9C%93"));
    Answer::to(disable.header("x-request-id", "the-clients-own")).await.ok(200);
    let rows = exported(&world).await.split_off(before);
    let [row] = &rows[..] else { panic!("one row: {rows:#?}") };
    for (member, value) in [
        ("actor", json!("user:root")),
        ("surface", json!("http")),
        ("address", json!(root.address)),
        ("action", json!("user.disable")),
        ("target", json!("user:ada")),
        ("outcome", json!("ok")),
        ("reason", json!("left us ✓")),
        ("before", json!({"enabled": true})),
        ("after", json!({"enabled": false})),
        ("request_id", json!("the-clients-own")),
    ] {
        assert_eq!(row[member], value, "{member}");
    }
    within(AT_ONCE, "the 401", async || (ada.get("/api/v1/users/me").await.status == 401).then_some(())).await;
    assert!(server.metric("mcpchat_admin_actions_total", &["action=\"user.disable\""]).await >= 1.0);
}

async fn accounts_are_found_by_name_role_and_state(setup: Setup) {
    let (_world, _server, root) = World::new(setup).await.with_root().await;
    for (name, role) in [("anna", "user"), ("bert", "auditor"), ("carl_x", "user"), ("dora", "user")] {
        root.post(USERS, &json!({"username": name, "email": format!("{name}@example.org"), "role": role}))
            .await
            .ok(201);
    }
    change(&root, "dora", "/disable").await.ok(200);
    let names = async |query: &str| -> Vec<String> {
        let page = root.get(&format!("{USERS}{query}")).await.ok(200);
        let name = |user: &Value| user["username"].as_str().unwrap().to_owned();
        page["items"].as_array().unwrap().iter().map(name).collect()
    };
    assert_eq!(names("").await, ["anna", "bert", "carl_x", "dora", "root"]);
    assert_eq!(names("?query=AN").await, ["anna"]);
    assert_eq!(names("?query=bert@").await, ["bert"]);
    assert_eq!(names("?query=l_x").await, ["carl_x"], "no wildcard");
    assert_eq!(names("?query=%25").await, Vec::<String>::new(), "no wildcard either");
    assert_eq!(names("?role=user&enabled=true").await, ["anna", "carl_x"]);
    assert_eq!(names("?enabled=false").await, ["dora"]);
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = root.get(&format!("{USERS}?limit=2{cursor}")).await.ok(200);
        seen.extend(page["items"].as_array().unwrap().iter().map(|user| user["username"].clone()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, ["anna", "bert", "carl_x", "dora", "root"]);
}

async fn a_name_that_is_not_there_names_near_ones(setup: Setup) {
    let (_world, server, root) = World::new(setup).await.with_root().await;
    server.person("alfred").await;
    for (method, rest) in [
        (Method::GET, ""),
        (Method::DELETE, ""),
        (Method::POST, "/promote"),
        (Method::POST, "/demote"),
        (Method::POST, "/enable"),
        (Method::POST, "/disable"),
        (Method::POST, "/password"),
        (Method::POST, "/revoke-sessions"),
    ] {
        let request = root.request(method.clone(), &path("alfrd", rest));
        let answer = Answer::to(if rest == "/password" { request.json(&json!({})) } else { request }).await;
        let problem = answer.problem(404, "not_found");
        assert_eq!(problem["did_you_mean"], json!(["alfred"]), "{method} {rest}");
        assert!(problem["detail"].as_str().unwrap().contains("`alfrd`"), "{problem}");
    }
    root.get(&path("018f0000-0000-7000-8000-000000000000", "")).await.problem(404, "not_found");
    root.get(&path("nul%00", "")).await.problem(404, "not_found");
}

async fn what_cannot_be_is_refused_and_changes_nothing(setup: Setup) {
    let (world, server, root) = World::new(setup).await.with_root().await;
    server.person("ada").await;
    change(&root, "ada", "/promote?role=auditor").await.ok(200);
    let before = (rows(&world).await, root.get(USERS).await.ok(200));
    for (new, status, code) in [
        (json!({"username": "ADA", "password": PASSWORD}), 409, "username_taken"),
        (json!({"username": "a b"}), 422, "invalid_request"),
        (json!({"username": "bob", "role": "root"}), 422, "invalid_request"),
        (json!({"username": "bob", "password": "short"}), 422, "invalid_request"),
        (json!({"username": "bob", "password": "bobbobbobbobbobbob"}), 422, "invalid_request"),
        (json!({"username": "bob", "admin": true}), 422, "invalid_request"),
    ] {
        root.post(USERS, &new).await.problem(status, code);
    }
    let long = "x".repeat(501);
    for (what, status, code) in [
        ("/promote?role=user", 409, "wrong_direction"),
        ("/demote?role=admin", 409, "wrong_direction"),
        ("/promote?role=root", 422, "invalid_request"),
        ("/promote?rle=admin", 422, "invalid_request"),
        ("/disable?reason=", 422, "invalid_request"),
        ("/disable?reason=%20", 422, "invalid_request"),
        ("/disable?reason=a%00b", 422, "invalid_request"),
        (&format!("/disable?reason={long}"), 422, "invalid_request"),
        ("/disable?because=x", 422, "invalid_request"),
    ] {
        change(&root, "ada", what).await.problem(status, code);
    }
    root.post(&path("ada", "/password"), &json!({"password": "password1234567"})).await.problem(422, "invalid_request");
    for query in ["?limit=0", "?limit=201", "?role=boss", "?enabled=maybe", "?query=", "?cursor=x", "?name=ada"] {
        root.get(&format!("{USERS}{query}")).await.problem(422, "invalid_request");
    }
    assert_eq!((rows(&world).await, root.get(USERS).await.ok(200)), before);
}

async fn setting_what_is_set_changes_nothing(setup: Setup) {
    let (world, _server, root) = World::new(setup).await.with_root().await;
    world.add_user("ada").await;
    let before = rows(&world).await;
    for same in ["/enable", "/demote", "/promote?role=user"] {
        assert_eq!(change(&root, "ada", same).await.ok(200)["username"], "ada");
    }
    assert_eq!(change(&root, "root", "/promote").await.ok(200)["role"], "admin");
    assert_eq!(change(&root, "root", "/demote?role=admin").await.ok(200)["role"], "admin");
    assert_eq!(change(&root, "ada", "/revoke-sessions").await.ok(200), json!({"revoked": 0}));
    assert_eq!(rows(&world).await, before);
    change(&root, "ada", "/disable").await.ok(200);
    change(&root, "ada", "/disable").await.ok(200);
    assert_eq!(rows(&world).await, before + 1);
    for (command, told) in [(["user", "disable", "ada", "--yes"], true), (["user", "demote", "ada", "--json"], false)] {
        let output = world.cli(command).run().await;
        output.ended(0);
        assert!(output.stderr.contains("nothing was changed"), "{told}: {output:?}");
    }
    assert_eq!(rows(&world).await, before + 1);
}

async fn the_last_enabled_admin_cannot_be_taken_away(setup: Setup) {
    let (world, _server, root) = World::new(setup).await.with_root().await;
    root.post(USERS, &json!({"username": "deputy", "role": "admin"})).await.ok(201);
    change(&root, "deputy", "/disable").await.ok(200);
    let before = rows(&world).await;
    for what in ["/demote", "/demote?role=auditor", "/disable"] {
        let problem = change(&root, "root", what).await.problem(409, "last_admin");
        assert!(problem["detail"].as_str().unwrap().contains("promote another"), "{problem}");
    }
    root.delete(&path("root", "")).await.problem(409, "last_admin");
    for command in [["user", "demote", "root"], ["user", "delete", "root"], ["user", "disable", "root"]] {
        let yes = if command[1] == "demote" { vec![] } else { vec!["--yes"] };
        world.cli([command.as_slice(), &yes].concat()).run().await.ended(4);
    }
    world.cli(["user", "delete", "root", "--dry-run"]).run().await.ended(4);
    assert_eq!(rows(&world).await, before);
    change(&root, "deputy", "/enable").await.ok(200);
    change(&root, "root", "/demote").await.ok(200);
}

async fn a_role_counts_from_the_next_request_on(setup: Setup) {
    let (world, server, root) = World::new(setup).await.with_root().await;
    let ada = server.person("ada").await;
    ada.get(USERS).await.problem(403, "forbidden");
    change(&root, "ada", "/promote").await.ok(200);
    ada.get(USERS).await.ok(200);
    let key = with(&ada, &make(&ada, &["admin"]).await);
    key.get(USERS).await.ok(200);
    let log = Events::of(ada.request(Method::GET, "/api/v1/admin/audit-log/events?action=nothing")).await;
    world.cli(["user", "demote", "ada"]).run().await.ended(0);
    for former in [&ada, &key] {
        within(AT_ONCE, "the 403", async || (former.get(USERS).await.status == 403).then_some(())).await;
    }
    assert!(tokio::time::timeout(AT_ONCE, log.all()).await.expect("the log is closed").is_empty());
    ada.get("/api/v1/users/me").await.ok(200);
    world.cli(["user", "promote", "ada", "--role", "auditor"]).run().await.ended(0);
    let may_read = async || (ada.get("/api/v1/admin/audit-log").await.status == 200).then_some(());
    within(AT_ONCE, "the log", may_read).await;
    ada.get(USERS).await.problem(403, "forbidden");
}

async fn a_new_password_ends_the_sessions(setup: Setup) {
    let (_world, server, root) = World::new(setup).await.with_root().await;
    let ada = server.person("ada").await;
    let key = with(&ada, &make(&ada, &["read"]).await);
    let set = root.post(&path("ada", "/password"), &json!({"password": "crimson-Walrus-44-lamp"})).await.ok(200);
    assert_eq!((&set["username"], &set["password"]), (&json!("ada"), &Value::Null));
    within(AT_ONCE, "the 401", async || (ada.get("/api/v1/users/me").await.status == 401).then_some(())).await;
    ada.refresh(&ada.refresh_token).await.any_problem(401);
    key.get("/api/v1/users/me").await.ok(200);
    let mut again = server.stranger();
    again.log_in("ada", PASSWORD).await.problem(401, "wrong_credentials");
    again.log_in("ada", "crimson-Walrus-44-lamp").await.ok(200);
    let generated = root.post(&path("ada", "/password"), &json!({})).await.ok(200);
    again.log_in("ada", generated["password"].as_str().unwrap()).await.ok(200);
    assert_eq!(change(&root, "ada", "/revoke-sessions").await.ok(200), json!({"revoked": 1}));
    within(AT_ONCE, "the 401", async || (again.get("/api/v1/users/me").await.status == 401).then_some(())).await;
    key.get("/api/v1/users/me").await.ok(200);
}

async fn a_deleted_users_data_is_gone_their_acts_are_known(setup: Setup) {
    let (world, server, root) = World::new(setup).await.with_root().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let key = with(&ada, &make(&ada, &["read"]).await);
    ada.say("remember me").await;
    let kept = bob.say("I stay").await;
    root.delete(&path("ada", "?reason=asked%20for%20it")).await.ok(204);
    for gone in [&ada, &key] {
        within(AT_ONCE, "the 401", async || (gone.get("/api/v1/users/me").await.status == 401).then_some(())).await;
    }
    ada.refresh(&ada.refresh_token).await.any_problem(401);
    server.stranger().log_in("ada", PASSWORD).await.problem(401, "wrong_credentials");
    for table in ["conversations", "turns", "api_keys"] {
        let of_others = match table {
            "conversations" => {
                "select count(*) from conversations where user_id not in (select id from users where username <> 'ada')"
            }
            "turns" => "select count(*) from turns where user_id not in (select id from users where username <> 'ada')",
            _ => "select count(*) from api_keys",
        };
        let removed = async || (world.database.number(of_others).await == 0).then_some(());
        eventually(table, removed).await;
    }
    assert_eq!(world.database.number("select count(*) from messages").await, 2, "bob's");
    assert_eq!(bob.history(&kept["turn"]["conversation_id"]).await.len(), 2);
    let rows = exported(&world).await;
    let deleted = rows.iter().find(|row| row["action"] == "user.delete").unwrap();
    assert_eq!((&deleted["target"], &deleted["reason"]), (&json!("user:ada"), &json!("asked for it")));
    assert_eq!((&deleted["before"]["username"], &deleted["before"]["conversations"]), (&json!("ada"), &json!(1)));
    assert!(rows.iter().any(|row| row["actor"] == "user:ada"), "what ada did");
    root.delete(&path("ada", "")).await.problem(404, "not_found");
    let again = root.post(USERS, &json!({"username": "ada", "password": PASSWORD})).await.ok(201);
    assert_ne!(again["id"], deleted["before"]["id"], "the name is free again");
    ada.get("/api/v1/users/me").await.any_problem(401);
    world.cli(["audit", "verify"]).run().await.ended(0);
}

async fn the_turns_of_a_deleted_user_end(setup: Setup) {
    let provider = Provider::start().await;
    let (world, mut server, _root) = World::new(setup).await.provider(&provider).with_root().await;
    let (ada, bob, gate) = (server.person("ada").await, server.person("bob").await, Gate::closed());
    let mut streams = Vec::new();
    for person in [&ada, &bob] {
        provider.next(Reply::text(["first"]).then_wait(&gate).then(" last"));
        let mut events = person.stream(&json!({"content": "x"})).await;
        events.expect("turn").await;
        events.expect("delta").await;
        streams.push(events);
    }
    world.cli(["user", "delete", "ada", "--yes"]).run().await.ended(0);
    let running = async || (server.metric("mcpchat_turns_running", &[]).await < 1.5).then_some(());
    eventually("the end of ada's turn, whose provider never says its last word", running).await;
    let told = streams.remove(0).all().await;
    assert!(tells_no_word(&told), "at most its end is told: {told:?}");
    gate.open();
    assert_eq!(streams.remove(0).all().await.last().unwrap().name, "done", "bob's goes on");
    bob.say("and on").await;
    server.process.signal("TERM");
    assert_eq!(server.process.exit_code().await, 0, "nothing is waited for");
}

async fn a_refused_attempt_is_a_row_and_is_counted(setup: Setup) {
    let (world, server, root) = World::new(setup).await.with_root().await;
    let ada = server.person("ada").await;
    let before = exported(&world).await.len();
    change(&ada, "root", "/demote?reason=revenge").await.problem(403, "forbidden");
    ada.delete(&path("root", "")).await.problem(403, "forbidden");
    let refused = exported(&world).await.split_off(before);
    let told: Vec<(&str, &str)> =
        refused.iter().map(|row| (row["target"].as_str().unwrap(), row["outcome"].as_str().unwrap())).collect();
    let routes = ["route:POST /api/v1/admin/users/{id}/demote", "route:DELETE /api/v1/admin/users/{id}"]
        .map(|r| (r, "forbidden"));
    assert_eq!(told, routes);
    assert!(refused.iter().all(|row| row["action"] == "admin.refused" && row["actor"] == "user:ada"), "{refused:#?}");
    assert_eq!(server.metric("mcpchat_admin_actions_total", &["action=\"admin.refused\""]).await, 2.0);
    assert_eq!(root.get(&path("root", "")).await.ok(200)["role"], "admin");
}

async fn a_user_deleted_on_one_replica_is_gone_on_the_other(setup: Setup) {
    let provider = Provider::start().await;
    let (world, _server, root) = World::new(setup).await.provider(&provider).with_root().await;
    let other = world.serve().await;
    let ada = other.person("ada").await;
    provider.next(Reply::text(["first"]).then_wait(&Gate::closed()));
    let mut events = ada.stream(&json!({"content": "x"})).await;
    events.expect("turn").await;
    events.expect("delta").await;
    root.delete(&path("ada", "")).await.ok(204);
    let rest = tokio::time::timeout(AT_ONCE, events.all()).await.expect("the stream is closed");
    assert!(tells_no_word(&rest), "at most its end is told: {rest:?}");
    let ended = async || (other.metric("mcpchat_turns_running", &[]).await < 0.5).then_some(());
    eventually("the end of the turn", ended).await;
}
