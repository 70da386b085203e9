//! Administration where it is hard: two admins who act at the same moment, many writers of the log, a database that
//! takes no changes or is another program's, a command that is interrupted.

use std::time::Duration;

use reqwest::Method;

use crate::{
    audit::exported,
    harness::{Answer, Held, PASSWORD, Person, Server, Setup, Value, World, eventually, json},
};

on_every_setup! {
    two_admins_who_end_each_other_leave_one
    a_read_only_database_is_reported_and_unchanged
    a_newer_schema_is_said_to_be_and_stays_as_it_is
    an_interrupted_command_has_done_all_or_nothing
}

on_database_servers! {
    the_last_admin_stays_however_two_acts_meet
    a_command_interrupted_at_commit_has_done_nothing
    sixty_four_administrators_leave_one_chain
}

const ADMINS: &str = "select count(*) from users where role = 'admin' and enabled";

/// The ways to take an admin away.
const WAYS: [(Method, &str); 3] = [(Method::POST, "/demote"), (Method::POST, "/disable"), (Method::DELETE, "")];

async fn end(who: &Person, whom: &str, (method, rest): &(Method, &str)) -> u16 {
    let request = who.request(method.clone(), &format!("/api/v1/admin/users/{whom}{rest}"));
    Answer::to(request).await.status.as_u16()
}

/// Two admins, each at a server.
async fn pair(world: &World, servers: [&Server; 2], round: usize) -> [(String, Person); 2] {
    let names = [format!("left-{round}"), format!("right-{round}")];
    for name in &names {
        world.add_admin(name).await;
    }
    let [left, right] = names;
    let people = (servers[0].login(&left).await, servers[1].login(&right).await);
    [(left, people.0), (right, people.1)]
}

/// What came of it: one was ended, and the other was told why not, or was not an admin any more.
fn one_has_won(statuses: (u16, u16), way: &str) {
    let (won, lost) = if statuses.0 < 300 { statuses } else { (statuses.1, statuses.0) };
    assert!(won < 300 && [401, 403, 409].contains(&lost), "{way}: {statuses:?}");
}

async fn two_admins_who_end_each_other_leave_one(setup: Setup) {
    let world = World::new(setup).await.without_limits();
    let server = world.serve().await;
    let other = if setup == Setup::Redis { Some(world.serve().await) } else { None };
    let servers = [&server, other.as_ref().unwrap_or(&server)];
    for (round, way) in WAYS.iter().chain(&WAYS).enumerate() {
        let [(left, at_left), (right, at_right)] = pair(&world, servers, round).await;
        let statuses = tokio::join!(end(&at_left, &right, way), end(&at_right, &left, way));
        one_has_won(statuses, way.1);
        assert_eq!(world.database.number(ADMINS).await, 1, "{way:?}: {statuses:?}");
        world.database.execute("update users set role = 'user' where role = 'admin'").await;
    }
    world.cli(["audit", "verify"]).run().await.ended(0);
}

async fn the_last_admin_stays_however_two_acts_meet(setup: Setup) {
    let world = World::new(setup).await.without_limits();
    let server = world.serve().await;
    let other = if setup == Setup::Redis { Some(world.serve().await) } else { None };
    let servers = [&server, other.as_ref().unwrap_or(&server)];
    for (round, way) in WAYS.iter().enumerate() {
        let [(left, at_left), (right, at_right)] = pair(&world, servers, round).await;
        // No act can be committed until both have come as far as they can.
        let held = Held::audit(&world.database).await;
        let both = async {
            held.awaited(2).await;
            held.release().await;
        };
        let (one, two, ()) = tokio::join!(end(&at_left, &right, way), end(&at_right, &left, way), both);
        one_has_won((one, two), way.1);
        assert_eq!(world.database.number(ADMINS).await, 1, "{way:?}: {one} {two}");
        world.database.execute("update users set role = 'user' where role = 'admin'").await;
    }
}

async fn a_read_only_database_is_reported_and_unchanged(setup: Setup) {
    let world = World::migrated(setup).await;
    world.add_user("ada").await;
    let url = world.database.url();
    let url = match setup {
        Setup::Sqlite => format!("{url}?mode=ro"),
        Setup::Postgres | Setup::Redis => format!("{url}?options=-c%20default_transaction_read_only%3Don"),
    };
    let before = world.database.everything().await;
    for line in [
        "user promote ada",
        "user add bob --generate-password",
        "user delete ada --yes",
        "key add ada --name k --scope read",
    ] {
        let output =
            world.cli(line.split(' ')).env("DATABASE_URL", &url).env("MCPCHAT_DATABASE__URL", &url).run().await;
        assert_eq!(output.ended(7), "", "{line}");
        assert!(
            output.stderr.contains("takes no changes") && output.stderr.contains("read-only"),
            "{line}: {output:?}"
        );
    }
    let shown = world.cli(["user", "show", "ada", "--json"]).env("MCPCHAT_DATABASE__URL", &url).run().await;
    assert_eq!(shown.json()["role"], "user", "it can be read");
    assert_eq!(world.database.everything().await, before);
}

async fn a_newer_schema_is_said_to_be_and_stays_as_it_is(setup: Setup) {
    let world = World::migrated(setup).await;
    world.add_user("ada").await;
    let newer = "insert into _sqlx_migrations (version, description, success, checksum, execution_time) \
                 select 9999, 'of next year', success, checksum, execution_time from _sqlx_migrations where version = 1";
    assert_eq!(world.database.execute(newer).await, 1);
    let before = world.database.everything().await;
    for line in ["user promote ada", "user delete ada --yes", "user list", "ratelimit reset ada --yes"] {
        let output = world.cli(line.split(' ')).run().await;
        assert_eq!(output.ended(7), "", "{line}");
        assert!(output.stderr.contains("9999") && output.stderr.contains("newer"), "{line}: {output:?}");
    }
    assert_eq!(world.database.everything().await, before);
}

async fn an_interrupted_command_has_done_all_or_nothing(setup: Setup) {
    let world = World::migrated(setup).await;
    let (mut ended, mut broken_off) = (0, 0);
    for number in 0..24_u64 {
        let command = world.cli(["user", "add", &format!("user-{number}"), "--generate-password"]).start();
        // A moment of its run, not something that is waited for.
        tokio::time::sleep(Duration::from_millis(number * 6)).await;
        command.signal("INT");
        match command.end().await.code {
            0 => ended += 1,
            // What a shell calls 130.
            -2 | 130 => broken_off += 1,
            other => panic!("exit {other}"),
        }
    }
    let users = world.database.number("select count(*) from users").await;
    let rows = world.database.number("select count(*) from audit where action = 'user.add'").await;
    assert_eq!(users, rows, "{ended} ended, {broken_off} were broken off");
    assert!(users >= ended, "{users} of {ended}");
    world.cli(["audit", "verify"]).run().await.ended(0);
}

async fn a_command_interrupted_at_commit_has_done_nothing(setup: Setup) {
    let world = World::migrated(setup).await;
    world.add_user("ada").await;
    let before = world.database.everything().await;
    for line in ["user promote ada", "user disable ada --yes", "user delete ada --yes"] {
        let held = Held::audit(&world.database).await;
        let command = world.cli(line.split(' ')).start();
        held.awaited(1).await;
        command.signal("INT");
        let ended = command.end().await;
        assert!([-2, 130].contains(&ended.code), "{line}: {ended:#?}");
        held.release().await;
        let gone = async || (world.database.everything().await == before).then_some(());
        eventually("nothing to be changed", gone).await;
    }
}

async fn sixty_four_administrators_leave_one_chain(setup: Setup) {
    let (world, server, root) = World::new(setup).await.without_limits().with_root().await;
    let other = world.another_replica().await;
    let other = other.as_ref().unwrap_or(&server);
    let mut acts = Vec::new();
    for number in 0..64 {
        let admin = root.at(if number % 2 == 0 { &server } else { other });
        let new = json!({"username": format!("user-{number}"), "password": PASSWORD});
        acts.push(tokio::spawn(async move { admin.post("/api/v1/admin/users", &new).await.ok(201) }));
    }
    for act in acts {
        act.await.unwrap();
    }
    let rows = exported(&world).await;
    let numbers: Vec<i64> = rows.iter().map(|row| row["id"].as_i64().unwrap()).collect();
    assert_eq!(numbers, (1..=66).collect::<Vec<_>>());
    let links = rows.windows(2).filter(|two| two[1]["previous_hash"] == two[0]["hash"]).count();
    assert_eq!(links, 65);
    let added = |row: &&Value| row["action"] == "user.add" && row["actor"] == "user:root";
    assert_eq!(rows.iter().filter(added).count(), 64);
    world.cli(["audit", "verify"]).run().await.ended(0);
}
