//! `mcpchat user …`: accounts, made and changed by the operator at a shell.

use crate::harness::{PASSWORD, Setup, Value, World, json};

on_every_setup! {
    an_account_is_made_listed_and_shown
    a_name_is_taken_once_whatever_its_case
    a_name_that_is_not_there_is_exit_3_with_near_ones
    without_a_terminal_no_password_is_prompted_for
    a_generated_password_is_printed_once_and_works
    a_new_password_replaces_the_old_one
    a_dry_run_changes_nothing
    what_destroys_asks_or_takes_yes
    every_change_has_its_audit_row
    a_change_reaches_a_running_server
    the_last_enabled_admin_stays
}

async fn shown(world: &World, name: &str) -> Value {
    world.cli(["user", "show", name, "--json"]).run().await.json()
}

async fn list(world: &World) -> Vec<Value> {
    let output = world.cli(["user", "list", "-o", "ndjson"]).run().await;
    output.ended(0).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn an_account_is_made_listed_and_shown(setup: Setup) {
    let world = World::migrated(setup).await;
    let add = ["user", "add", "Ada", "--email", "ada@example.org", "--admin", "--password-stdin", "--json"];
    let made = world.cli(add).input(PASSWORD).run().await.json();
    assert_eq!((&made["username"], &made["role"], &made["enabled"]), (&json!("Ada"), &json!("admin"), &json!(true)));
    world.cli(["user", "add", "bob", "--role", "auditor", "--password-stdin"]).input(PASSWORD).run().await.ended(0);
    assert_eq!(shown(&world, "ada").await, made, "the name in any case");
    assert_eq!(shown(&world, "ada@example.org").await["id"], made["id"], "or the email");
    let names: Vec<Value> = list(&world).await.iter().map(|user| user["username"].clone()).collect();
    assert_eq!(names, [json!("Ada"), json!("bob")]);
    assert!(!made.to_string().contains("hash") && !made.to_string().contains(PASSWORD));
    let table = world.cli(["user", "list"]).run().await;
    assert!(table.ended(0).contains("bob") && table.stdout.contains("auditor"), "{table:?}");
    assert!(!table.stdout.contains('\u{1b}'), "no colour into a pipe");
    let plain = world.cli(["user", "list", "-o", "plain"]).run().await;
    assert_eq!(plain.ended(0).lines().count(), 2, "{plain:?}");
}

async fn a_name_is_taken_once_whatever_its_case(setup: Setup) {
    let world = World::migrated(setup).await;
    world.add_user("ada").await;
    let again = world.cli(["user", "add", "ADA", "--password-stdin", "--json"]).input(PASSWORD).run().await;
    assert!(again.problem(4)["detail"].as_str().unwrap().contains("ADA"), "{again:?}");
    assert_eq!(list(&world).await.len(), 1);
    for name in ["", "a b", "-x", "a\u{1b}[2J", "ä", &"x".repeat(65)] {
        let bad = world.cli(["user", "add", "--password-stdin", "--", name]).input(PASSWORD).run().await;
        bad.ended(2);
        assert!(!bad.stderr.contains('\u{1b}'), "{bad:?}");
    }
}

async fn a_name_that_is_not_there_is_exit_3_with_near_ones(setup: Setup) {
    let world = World::migrated(setup).await;
    world.add_user("alfred").await;
    for command in ["show", "enable", "disable"] {
        let arguments =
            if command == "disable" { vec!["user", command, "alfrd", "--yes"] } else { vec!["user", command, "alfrd"] };
        let output = world.cli(arguments).run().await;
        output.ended(3);
        assert!(output.stderr.contains("`alfrd`") && output.stderr.contains("alfred"), "{output:?}");
    }
    let odd = world.cli(["user", "show", "\u{1b}[31mred"]).run().await;
    odd.ended(3);
    assert!(!odd.stderr.contains('\u{1b}'), "{odd:?}");
}

async fn without_a_terminal_no_password_is_prompted_for(setup: Setup) {
    let world = World::migrated(setup).await;
    let output = world.cli(["user", "add", "ada"]).run().await;
    output.ended(2);
    assert!(output.stderr.contains("--password-stdin"), "{output:?}");
    world.cli(["user", "add", "ada", "--password-stdin"]).run().await.ended(2);
    let argument = world.cli(["user", "add", "ada", "--password", PASSWORD]).run().await;
    argument.ended(2);
    assert!(list(&world).await.is_empty());
}

async fn a_generated_password_is_printed_once_and_works(setup: Setup) {
    let world = World::migrated(setup).await;
    let made = world.cli(["user", "add", "ada", "--generate-password", "--json"]).run().await.json();
    let password = made["password"].as_str().expect("the only time it is shown");
    assert!(password.len() >= 15, "{password}");
    assert!(shown(&world, "ada").await.get("password").is_none());
    let server = world.serve().await;
    server.stranger().log_in("ada", password).await.ok(200);
}

async fn a_new_password_replaces_the_old_one(setup: Setup) {
    let (world, server, ada) = World::migrated(setup).await.with_ada().await;
    let change = world.cli(["user", "password", "ada", "--password-stdin"]);
    change.input("crimson-Walrus-44-lamp\n").run().await.ended(0);
    server.stranger().log_in("ada", PASSWORD).await.any_problem(401);
    server.stranger().log_in("ada", "crimson-Walrus-44-lamp").await.ok(200);
    ada.refresh(&ada.refresh_token).await.any_problem(401);
}

async fn a_dry_run_changes_nothing(setup: Setup) {
    let world = World::migrated(setup).await;
    world.add_user("ada").await;
    let before = world.database.number("select count(*) from audit").await;
    world.cli(["user", "disable", "ada", "--dry-run"]).run().await.ended(0);
    world.cli(["user", "add", "bob", "--password-stdin", "--dry-run"]).input(PASSWORD).run().await.ended(0);
    assert_eq!((shown(&world, "ada").await["enabled"].clone(), list(&world).await.len()), (json!(true), 1));
    assert_eq!(world.database.number("select count(*) from audit").await, before);
}

async fn what_destroys_asks_or_takes_yes(setup: Setup) {
    let world = World::migrated(setup).await;
    world.add_user("ada").await;
    let output = world.cli(["user", "disable", "ada"]).run().await;
    output.ended(2);
    assert!(output.stderr.contains("--yes"), "{output:?}");
    assert_eq!(shown(&world, "ada").await["enabled"], true);
    world.cli(["user", "disable", "ada", "--yes", "--reason", "left"]).run().await.ended(0);
    assert_eq!(shown(&world, "ada").await["enabled"], false);
}

async fn every_change_has_its_audit_row(setup: Setup) {
    let world = World::migrated(setup).await;
    world.add_user("ada").await;
    world.cli(["user", "disable", "ada", "--yes", "--reason", "left us"]).run().await.ended(0);
    world.cli(["user", "enable", "ada"]).run().await.ended(0);
    world.cli(["ratelimit", "reset", "ada", "--yes"]).run().await.ended(0);
    world.cli(["user", "password", "ada", "--password-stdin"]).input("crimson-Walrus-44-lamp").run().await.ended(0);
    let by_operator =
        "select count(*) from audit where surface = 'cli' and actor like 'operator:%@%' and outcome is not null";
    assert_eq!(world.database.number(by_operator).await, 5);
    assert_eq!(world.database.number("select count(*) from audit where reason = 'left us'").await, 1);
    assert_eq!(world.database.number("select max(id) - min(id) + 1 - count(*) from audit").await, 0, "no gaps");
}

async fn a_change_reaches_a_running_server(setup: Setup) {
    let (world, server, ada) = World::migrated(setup).await.with_ada().await;
    assert_eq!(ada.get("/api/v1/users/me").await.ok(200)["username"], "ada");
    world.cli(["user", "disable", "ada", "--yes"]).run().await.ended(0);
    server.stranger().log_in("ada", PASSWORD).await.any_problem(401);
    world.cli(["user", "enable", "ada"]).run().await.ended(0);
    server.login("ada").await.say("back again").await;
}

async fn the_last_enabled_admin_stays(setup: Setup) {
    let world = World::migrated(setup).await;
    for name in ["root", "deputy"] {
        world.add_admin(name).await;
    }
    world.cli(["user", "disable", "deputy", "--yes"]).run().await.ended(0);
    world.cli(["user", "disable", "root", "--yes"]).run().await.ended(4);
    assert_eq!(shown(&world, "root").await["enabled"], true);
}
