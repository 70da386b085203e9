//! Every administrative act, over HTTP and at the shell, has exactly one audit row; and where the row cannot be written, or
//! not be committed, nothing has happened. An act that is not in the table is found in the API's description or in the
//! manual pages, which have them all.

use std::{collections::BTreeSet, fs, path::Path};

use reqwest::Method;

use crate::{
    audit::exported,
    harness::{DESCRIPTION, Database, PASSWORD, Person, Server, Setup, Value, World, eventually},
    keys::make,
};

on_every_setup! {
    every_act_has_one_row_and_none_without_it
    a_dry_run_shows_the_row_and_changes_nothing
}

/// Something an administrator does, to a user of its own: `NAME` stands for their name, `KEY` for how their key begins,
/// or for what else they have.
struct Act {
    /// `METHOD /path` as the API's description has it, or the command.
    what: &'static str,
    /// The request, or the command line.
    how: How,
    /// What has to be so before.
    given: Given,
    /// What the audit log calls it.
    action: &'static str,
}

enum How {
    /// The path, and the body if there is one.
    Http(&'static str, &'static str),
    Shell(&'static str),
}
use How::{Http, Shell};

/// What has to be so before.
#[derive(Clone, Copy)]
enum Given {
    /// There is a user `NAME`.
    User,
    /// `NAME` is logged in.
    Login,
    /// `NAME` has a key.
    Key,
    /// `NAME` has a running turn, `KEY`, which no process runs: so nothing changes but what the act does.
    Turn,
    /// A command was run.
    After(&'static str),
}
use Given::{After, Key, Login, Turn, User};

const fn act(what: &'static str, how: How, given: Given, action: &'static str) -> Act {
    Act { what, how, given, action }
}

/// Shortens the table.
macro_rules! users {
    ($rest:literal) => {
        concat!("/api/v1/admin/users", $rest)
    };
}

const ACTS: &[Act] = &[
    act("POST /api/v1/admin/users", Http(users!(""), r#"{"username":"NAME-new"}"#), User, "user.add"),
    act("POST /api/v1/admin/users/{id}/promote", Http(users!("/NAME/promote"), ""), User, "user.promote"),
    act(
        "POST /api/v1/admin/users/{id}/demote",
        Http(users!("/NAME/demote"), ""),
        After("user promote NAME"),
        "user.demote",
    ),
    act("POST /api/v1/admin/users/{id}/disable", Http(users!("/NAME/disable"), ""), User, "user.disable"),
    act(
        "POST /api/v1/admin/users/{id}/enable",
        Http(users!("/NAME/enable"), ""),
        After("user disable NAME --yes"),
        "user.enable",
    ),
    act("POST /api/v1/admin/users/{id}/password", Http(users!("/NAME/password"), "{}"), User, "user.password"),
    act(
        "POST /api/v1/admin/users/{id}/revoke-sessions",
        Http(users!("/NAME/revoke-sessions"), ""),
        Login,
        "user.revoke_sessions",
    ),
    act("DELETE /api/v1/admin/users/{id}", Http(users!("/NAME"), ""), User, "user.delete"),
    act(
        "PUT /api/v1/admin/rate-limits/{user_id}/{rule}",
        Http("/api/v1/admin/rate-limits/NAME/out-of-reach", r#"{"max":5,"reason":"walked"}"#),
        User,
        "ratelimit.set",
    ),
    act(
        "DELETE /api/v1/admin/rate-limits/{user_id}/{rule}",
        Http("/api/v1/admin/rate-limits/NAME/out-of-reach", ""),
        After("ratelimit set NAME out-of-reach --max 5 --reason x"),
        "ratelimit.unset",
    ),
    act(
        "POST /api/v1/admin/rate-limits/reset",
        Http("/api/v1/admin/rate-limits/reset?user_id=NAME", ""),
        User,
        "ratelimit.reset",
    ),
    act("user add", Shell("user add NAME-new --generate-password"), User, "user.add"),
    act("user promote", Shell("user promote NAME"), User, "user.promote"),
    act("user demote", Shell("user demote NAME"), After("user promote NAME"), "user.demote"),
    act("user disable", Shell("user disable NAME --yes"), User, "user.disable"),
    act("user enable", Shell("user enable NAME"), After("user disable NAME --yes"), "user.enable"),
    act("user password", Shell("user password NAME --generate-password"), User, "user.password"),
    act("user sessions", Shell("user sessions NAME --revoke --yes"), Login, "user.revoke_sessions"),
    act("user delete", Shell("user delete NAME --yes"), User, "user.delete"),
    act("key add", Shell("key add NAME --name k --scope read"), User, "key.add"),
    act("key revoke", Shell("key revoke KEY --yes"), Key, "key.revoke"),
    act("ratelimit set", Shell("ratelimit set NAME out-of-reach --max 5"), User, "ratelimit.set"),
    act(
        "ratelimit unset",
        Shell("ratelimit unset NAME out-of-reach"),
        After("ratelimit set NAME out-of-reach --max 5 --reason x"),
        "ratelimit.unset",
    ),
    act("ratelimit reset", Shell("ratelimit reset NAME --yes"), User, "ratelimit.reset"),
    act("turn cancel", Shell("turn cancel KEY --yes"), Turn, "turn.cancel"),
];

/// The commands that change nothing that is administered.
const READS: &[&str] = &[
    "audit export",
    "audit public-key",
    "audit tail",
    "audit verify",
    "chat",
    "completions",
    "config check",
    "config example",
    "config show",
    "doctor",
    "key list",
    "man",
    "migrate",
    "model list",
    "ratelimit show",
    "ratelimit violations",
    "serve",
    "turn list",
    "turn show",
    "user list",
    "user show",
];

/// An act made ready.
struct Ready<'a> {
    act: &'a Act,
    name: String,
    /// How the user's key begins, if they have one.
    key: String,
}

/// Whether it was done.
type Outcome = Result<(), String>;

impl Ready<'_> {
    fn fill(&self, text: &str) -> String {
        text.replace("NAME", &self.name).replace("KEY", &self.key)
    }

    async fn prepare<'a>(act: &'a Act, number: usize, world: &World, server: &Server) -> Ready<'a> {
        let mut ready = Ready { act, name: format!("user-{number}"), key: String::new() };
        match act.given {
            User => world.add_user(&ready.name).await,
            Login => drop(server.person(&ready.name).await),
            Key => {
                let made = make(&server.person(&ready.name).await, &["read"]).await;
                ready.key = made["prefix"].as_str().unwrap().to_owned();
            }
            Turn => {
                let said = server.person(&ready.name).await.say("hello").await;
                ready.key = said["turn"]["id"].as_str().unwrap().to_owned();
                // One that ends later than any lease can is not believed.
                let soon = match &world.database {
                    Database::Sqlite(_) => "strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '+4 minutes')",
                    Database::Postgres { .. } => "now() + interval '4 minutes'",
                };
                let run = format!(
                    "update turns set state = 'running', finished_at = null, lease_until = {soon} \
                     where user_id = (select id from users where username = '{}')",
                    ready.name
                );
                world.database.try_run(run).await.unwrap();
            }
            After(command) => {
                world.add_user(&ready.name).await;
                world.cli(ready.fill(command).split(' ')).run().await.ended(0);
            }
        }
        ready
    }

    /// With the reason `walked`.
    async fn perform(&self, world: &World, root: &Person, more: &[&str]) -> Outcome {
        match self.act.how {
            Http(path, body) => {
                let method: Method = self.act.what.split(' ').next().unwrap().parse().unwrap();
                let join = if path.contains('?') { '&' } else { '?' };
                let request = root.request(method, &format!("{}{join}reason=walked", self.fill(path)));
                let body = self.fill(body);
                let json = || serde_json::from_str::<Value>(&body).unwrap();
                let request = if body.is_empty() { request } else { request.json(&json()) };
                let answer = request.send().await.unwrap();
                let (status, text) = (answer.status(), answer.text().await.unwrap());
                if status.is_success() { Ok(()) } else { Err(format!("{status} {text}")) }
            }
            Shell(line) => {
                let line = self.fill(line);
                let output =
                    world.cli(line.split(' ').chain(["--reason", "walked"]).chain(more.iter().copied())).run().await;
                if output.code == 0 { Ok(()) } else { Err(format!("{output:?}")) }
            }
        }
    }
}

/// Something that makes an act impossible at its very end, and how it is taken away again.
struct Fault {
    what: &'static str,
    on_postgres: [&'static str; 2],
    on_sqlite: [&'static str; 2],
}

const FAULTS: [Fault; 2] = [
    Fault {
        what: "the audit row is refused",
        on_postgres: [
            "create function a_fault() returns trigger language plpgsql as $$ begin raise exception 'a fault'; end $$; \
             create trigger a_fault before insert on audit for each row execute function a_fault()",
            "drop trigger a_fault on audit; drop function a_fault",
        ],
        on_sqlite: [
            "create trigger a_fault before insert on audit begin select raise(abort, 'a fault'); end",
            "drop trigger a_fault",
        ],
    },
    Fault {
        what: "the commit fails",
        on_postgres: [
            "create function a_fault() returns trigger language plpgsql as $$ begin raise exception 'a fault'; end $$; \
             create constraint trigger a_fault after insert on audit deferrable initially deferred \
             for each row execute function a_fault()",
            "drop trigger a_fault on audit; drop function a_fault",
        ],
        on_sqlite: [
            "create table nobody (id integer primary key); \
             create table a_fault (id integer references nobody (id) deferrable initially deferred); \
             create trigger a_fault after insert on audit begin insert into a_fault values (1); end",
            "drop trigger a_fault; drop table a_fault; drop table nobody",
        ],
    },
];

impl Fault {
    async fn run(&self, world: &World, which: usize) {
        let statements = match world.database {
            Database::Postgres { .. } => self.on_postgres[which],
            Database::Sqlite(_) => self.on_sqlite[which],
        };
        world.database.try_run(statements.to_owned()).await.unwrap();
    }
}

async fn every_act_has_one_row_and_none_without_it(setup: Setup) {
    let (world, server, root) = World::new(setup).await.without_limits().with_root().await;
    for (number, act) in ACTS.iter().enumerate() {
        let ready = Ready::prepare(act, number, &world, &server).await;
        for fault in &FAULTS {
            fault.run(&world, 0).await;
            let before = world.database.everything().await;
            let outcome = ready.perform(&world, &root, &[]).await;
            assert!(outcome.is_err(), "{}, although {}", act.what, fault.what);
            assert_eq!(world.database.everything().await, before, "{} has left something: {}", act.what, fault.what);
            fault.run(&world, 1).await;
        }
        let before = exported(&world).await.len();
        ready.perform(&world, &root, &[]).await.unwrap_or_else(|error| panic!("{}: {error}", act.what));
        let rows = exported(&world).await.split_off(before);
        let removed = async || {
            let marked = "select count(*) from users where deleted_at is not null";
            (world.database.number(marked).await == 0).then_some(())
        };
        eventually("the removal of what was deleted", removed).await;
        assert_eq!(rows.len(), 1, "{}: {rows:#?}", act.what);
        let told =
            ["action", "reason", "outcome", "surface"].map(|member| rows[0][member].as_str().unwrap().to_owned());
        let surface = if matches!(act.how, Http(..)) { "http" } else { "cli" };
        assert_eq!(told, [act.action, "walked", "ok", surface], "{}", act.what);
    }
    world.cli(["audit", "verify"]).run().await.ended(0);
}

async fn a_dry_run_shows_the_row_and_changes_nothing(setup: Setup) {
    let (world, server, root) = World::new(setup).await.without_limits().with_root().await;
    for (number, act) in ACTS.iter().enumerate() {
        let Shell(line) = act.how else { continue };
        let ready = Ready::prepare(act, number, &world, &server).await;
        let before = world.database.everything().await;
        let line = ready.fill(line).replace(" --yes", "");
        let shown = world.cli(line.split(' ').chain(["--dry-run", "--reason", "why not", "--json"])).run().await.json();
        assert_eq!(shown["dry_run"], true, "{}: {shown:#}", act.what);
        let [row] = shown["audit"].as_array().unwrap().as_slice() else { panic!("{}: {shown:#}", act.what) };
        assert_eq!((&row["action"], &row["reason"]), (&act.action.into(), &"why not".into()), "{}", act.what);
        assert!(shown.get("result").is_some(), "{}: {shown:#}", act.what);
        let table = world.cli(line.split(' ').chain(["--dry-run", "--reason", "why not"])).run().await;
        assert!(table.ended(0).contains(act.action) && table.stderr.contains("nothing was changed"), "{table:?}");
        assert!(!shown.to_string().contains(PASSWORD) && !shown.to_string().contains("argon2"), "{shown:#}");
        assert_eq!(world.database.everything().await, before, "{} has left something", act.what);
        // And in earnest, so that the row is held against what was shown.
        let count = exported(&world).await.len();
        ready.perform(&world, &root, &[]).await.unwrap_or_else(|error| panic!("{}: {error}", act.what));
        let rows = exported(&world).await.split_off(count);
        let done = rows.first().unwrap_or_else(|| panic!("{} has left no row", act.what));
        for member in ["action", "actor", "surface", "outcome", "before"] {
            assert_eq!(row[member], done[member], "{} {member}", act.what);
        }
    }
}

fn of(is_http: bool) -> BTreeSet<String> {
    let acts = ACTS.iter().filter(|act| matches!(act.how, Http(..)) == is_http);
    acts.map(|act| act.what.to_owned()).collect()
}

#[test]
fn no_route_that_changes_something_is_left_out() {
    let mutating = DESCRIPTION.operations().filter(|one| one.path.starts_with("/api/v1/admin/") && one.method != "get");
    let described: BTreeSet<String> =
        mutating.map(|one| format!("{} {}", one.method.to_uppercase(), one.path)).collect();
    assert_eq!(of(true), described);
}

/// A command without commands of its own, and whether it takes `--dry-run`, as its manual page says.
fn command(page: &str) -> Option<(String, bool)> {
    if page.contains("\n.SH COMMANDS") {
        return None;
    }
    let synopsis = page.split_once("\n.SH SYNOPSIS\n\\fBmcpchat ")?.1;
    let name = synopsis.split_once("\\fR")?.0.replace("\\-", "-");
    Some((name, page.contains("\\-\\-dry\\-run")))
}

#[test]
fn no_command_that_changes_something_is_left_out() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("man");
    let pages = fs::read_dir(folder).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let (mutating, reading): (Vec<_>, Vec<_>) =
        pages.filter_map(|page| command(&page)).partition(|(_, mutates)| *mutates);
    let names = |commands: Vec<(String, bool)>| commands.into_iter().map(|(name, _)| name).collect::<BTreeSet<_>>();
    assert_eq!(of(false), names(mutating));
    assert_eq!(READS.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>(), names(reading));
}
