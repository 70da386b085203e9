//! A PostgreSQL that is not set up for mcpchat: told at the first command, with what to do about it, and never that trying
//! again would help.

use std::{fs::Permissions, os::unix::fs::PermissionsExt, path::Path, process::Command};

use sqlx::{Connection, Executor, PgConnection};
use url::Url;
use uuid::Uuid;

use crate::harness::{Postgres, Server, Setup, Value, World, eventually, json};

on_postgres! {
    an_encoding_that_lacks_characters_is_refused
    a_role_without_rights_is_told_what_to_grant
    what_will_not_pass_is_not_called_passing
    a_read_only_database_is_not_ready
    a_roles_limit_and_its_neighbours_are_counted
    a_certificate_is_taken_or_the_remedy_is_told
}

/// What is not in a URL's mistake, but in the server.
const PASSING: &str = "try again";

async fn doctor(world: &World) -> Value {
    let cli = world.cli(["doctor", "--json"]);
    std::fs::set_permissions(world.home().join("test.toml"), Permissions::from_mode(0o600)).unwrap();
    serde_json::from_str(cli.run().await.ended(8)).unwrap()
}

#[track_caller]
fn finds(report: &Value, id: &str, detail: &str, remedy: &str) {
    let check = report["checks"].as_array().unwrap().iter().find(|check| check["id"] == id);
    let check = check.unwrap_or_else(|| panic!("no {id} in {report:#}"));
    assert_eq!(check["status"], "failed", "{check:#}");
    assert!(check["detail"].as_str().unwrap().contains(detail), "{check:#}");
    assert!(check["remedy"].as_str().unwrap().contains(remedy), "{check:#}");
}

/// The world on another database of its server.
fn at(world: World, change: impl Fn(&mut Url)) -> World {
    let mut url: Url = world.database.url().parse().unwrap();
    change(&mut url);
    world.set("database.url", String::from(url))
}

/// A role and a database that go with the value.
struct Made {
    world: World,
    name: String,
}

impl Made {
    /// `database`: how the role's database is made. The role is an ordinary one with these attributes.
    async fn new(setup: Setup, attributes: &str, database: impl Fn(&str) -> Vec<String>) -> Self {
        let world = World::new(setup).await;
        let name = format!("mcpchat_{}", Uuid::new_v4().simple());
        world.database.try_run(format!("create role {name} login {attributes}")).await.unwrap();
        for statement in database(&name) {
            world.database.try_run(statement).await.unwrap();
        }
        let world = at(world, |url| {
            url.set_path(&name);
            url.set_username(&name).unwrap();
        });
        Self { world, name }
    }

    async fn remove(self) {
        self.world.database.try_run(format!("drop database {} with (force)", self.name)).await.unwrap();
        self.world.database.try_run(format!("drop role {}", self.name)).await.unwrap();
    }
}

async fn an_encoding_that_lacks_characters_is_refused(setup: Setup) {
    let made = Made::new(setup, "", |name| {
        vec![format!(
            "create database {name} owner {name} encoding 'LATIN1' template template0 lc_collate 'C' lc_ctype 'C'"
        )]
    })
    .await;
    for command in ["migrate", "serve"] {
        let output = made.world.cli([command]).run().await;
        assert!(output.stderr.contains("LATIN1") && output.stderr.contains("encoding 'UTF8'"), "{output:#?}");
        output.ended(7);
    }
    finds(&doctor(&made.world).await, "database.reachable", "LATIN1", "encoding 'UTF8'");
    made.world.database.try_run(format!("drop database {}", made.name)).await.unwrap();
    let ascii = "encoding 'SQL_ASCII' template template0 lc_collate 'C' lc_ctype 'C'";
    made.world.database.try_run(format!("create database {0} owner {0} {ascii}", made.name)).await.unwrap();
    made.world.cli(["migrate"]).run().await.ended(0);
    made.world.cli(["user", "add", "ada", "--password-stdin"]).input(crate::harness::PASSWORD).run().await.ended(0);
    let told = made.world.cli(["chat", "--as", "ada", "日本 € 🦀"]).run().await;
    assert_eq!(told.ended(0).trim(), "日本 € 🦀");
    made.remove().await;
}

async fn a_role_without_rights_is_told_what_to_grant(setup: Setup) {
    let made = Made::new(setup, "", |name| {
        vec![format!("create database {name}"), format!("grant all privileges on database {name} to {name}")]
    })
    .await;
    let output = made.world.cli(["migrate"]).run().await;
    let told = output.stderr.clone();
    assert!(told.contains("permission denied for schema public") && told.contains("alter database"), "{output:#?}");
    assert!(!told.contains(PASSING) && !told.contains("internal"), "{output:#?}");
    output.ended(7);
    let problem = made.world.cli(["--json", "migrate"]).run().await.problem(7);
    assert!(problem["detail"].as_str().unwrap().contains("alter database"), "{problem}");
    finds(&doctor(&made.world).await, "database.schema", "may not make tables", "alter database");
    made.world.database.try_run(format!("alter database {0} owner to {0}", made.name)).await.unwrap();
    made.world.cli(["migrate"]).run().await.ended(0);
    made.remove().await;
}

async fn what_will_not_pass_is_not_called_passing(setup: Setup) {
    for (change, told, exit) in [
        ("path=/no_such_database", "create database", 7),
        ("user=no_such_role", "pg_hba.conf", 7),
        ("options=-c nonsense_setting=1", "take it out", 7),
        ("options=-c search_path=no_such_schema", "search_path", 7),
        ("sslmode=require", "sslmode=disable", 7),
        ("sslmode=on", "verify-full", 9),
        ("sslrootcert=/no/such.pem", "PEM file", 9),
        ("target_session_attrs=standby", "primary", 9),
        ("channel_binding=require", "verify-full", 9),
        ("nonsense=1", "connect_timeout", 9),
        ("host=one,two", "several hosts", 9),
    ] {
        let (name, value) = change.split_once('=').unwrap();
        let world = at(World::new(setup).await, |url| match name {
            "path" => url.set_path(value),
            "user" => url.set_username(value).unwrap(),
            _ => drop(url.query_pairs_mut().append_pair(name, value)),
        });
        for command in ["migrate", "doctor"] {
            let output = world.cli([command]).run().await;
            let text = format!("{}{}", output.stdout, output.stderr);
            assert!(text.contains(told) && !text.contains(PASSING), "{change}: {output:#?}");
            output.ended(if command == "doctor" { 8 } else { exit });
        }
    }
}

async fn a_read_only_database_is_not_ready(setup: Setup) {
    let made = Made::new(setup, "", |name| vec![format!("create database {name} owner {name}")]).await;
    made.world.cli(["migrate"]).run().await.ended(0);
    let set = |value: &str| format!("alter role {} set default_transaction_read_only = {value}", made.name);
    made.world.database.try_run(set("on")).await.unwrap();
    let server = made.world.serve().await;
    let problem = server.stranger().get("/readyz").await.problem(503, "database_unavailable");
    assert!(problem["detail"].as_str().unwrap().contains("takes no changes"), "{problem}");
    let login = json!({"username": "ada", "password": "wrong"});
    server.stranger().post("/api/v1/auth/login", &login).await.problem(503, "database_unavailable");
    finds(&doctor(&made.world).await, "database.writable", "read-only", "default_transaction_read_only = off");
    made.world.database.try_run(set("off")).await.unwrap();
    let kick = format!("select pg_terminate_backend(pid) from pg_stat_activity where usename = '{}'", made.name);
    made.world.database.try_run(kick).await.unwrap();
    let ready = async |server: &Server| server.stranger().get("/readyz").await.status == 200;
    eventually("the server to be ready", async || ready(&server).await.then_some(())).await;
    drop(server);
    made.remove().await;
}

async fn a_roles_limit_and_its_neighbours_are_counted(setup: Setup) {
    let made =
        Made::new(setup, "connection limit 4", |name| vec![format!("create database {name} owner {name}")]).await;
    made.world.cli(["migrate"]).run().await.ended(0);
    let mut neighbours = Vec::new();
    for _ in 0..20 {
        neighbours.push(PgConnection::connect(&made.world.database.url()).await.unwrap());
    }
    let report = doctor(&made.world).await;
    finds(&report, "database.connections", "the role may have 4", "connection limit");
    let detail =
        report["checks"].as_array().unwrap().iter().find(|check| check["id"] == "database.connections").unwrap();
    let detail = detail["detail"].as_str().unwrap();
    let used = detail.split(" are used by others").next().unwrap().rsplit(' ').next().unwrap();
    assert!(used.parse::<u32>().unwrap() >= 20, "{detail}");
    for neighbour in &mut neighbours {
        neighbour.execute("select 1").await.unwrap();
    }
    made.remove().await;
}

/// A key, and a certificate for it that an authority of the test's own has signed, in version 3 where it has extensions.
fn certify(home: &Path, name: &str, extensions: Option<&str>) {
    let sign = match extensions {
        Some(extensions) => {
            std::fs::write(home.join("extensions"), extensions).unwrap();
            "-extfile extensions"
        }
        None => "",
    };
    let script = format!(
        "set -e; [ -e ca.crt ] || openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=authority -keyout ca.key -out ca.crt; \
         openssl req -new -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 -keyout {name}.key -out {name}.csr; \
         openssl x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 {sign} -out {name}.crt"
    );
    let made = Command::new("sh").args(["-c", &script]).current_dir(home).output().unwrap();
    assert!(made.status.success(), "{made:?}");
}

async fn a_certificate_is_taken_or_the_remedy_is_told(setup: Setup) {
    let postgres = Postgres::start().await;
    let world = World::new(setup).await.on(&postgres);
    let home = world.home().to_owned();
    certify(&home, "old", None);
    certify(&home, "nameless", Some("basicConstraints = CA:FALSE"));
    certify(&home, "good", Some("subjectAltName = IP:127.0.0.1"));
    let root = format!("sslrootcert={}", home.join("ca.crt").display());
    let (full, by_authority) = (format!("sslmode=verify-full&{root}"), format!("sslmode=verify-ca&{root}"));
    for (certificate, parameters, environment, remedy) in [
        ("old", "", false, Some("version 1")),
        ("old", "sslmode=disable", false, None),
        ("nameless", "", false, None),
        ("nameless", full.as_str(), false, Some("subjectAltName")),
        ("nameless", by_authority.as_str(), false, None),
        ("good", "sslmode=verify-full", false, Some("sslrootcert=")),
        ("good", full.as_str(), false, None),
        ("good", "sslmode=verify-full", true, None),
        ("good", "sslrootcert=system", true, None),
    ] {
        postgres.speak_tls(&home.join(format!("{certificate}.crt")), &home.join(format!("{certificate}.key"))).await;
        let world = &world;
        let database = format!("{}?{parameters}", postgres.url());
        let command = world.cli(["migrate"]).env("DATABASE_URL", &database);
        let authorities = home.join("ca.crt");
        let command = if environment { command.env("SSL_CERT_FILE", authorities.to_str().unwrap()) } else { command };
        let output = command.run().await;
        match remedy {
            None => drop(output.ended(0).to_owned()),
            Some(remedy) => {
                assert!(
                    output.stderr.contains(remedy) && !output.stderr.contains(PASSING),
                    "{certificate}: {output:#?}"
                );
                output.ended(7);
            }
        }
    }
}
