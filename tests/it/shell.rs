//! The command line as people use it by hand: what they leave at the end of a variable, flags that are the same everywhere,
//! names that are looked up, and addresses as they are typed elsewhere.

use std::fs;

use crate::harness::{Asker, Invocation, PASSWORD, Setup, Value, World, eventually, json};

on_sqlite! {
    a_variables_trailing_line_break_is_not_part_of_it
    a_line_break_inside_a_url_is_refused
    config_check_refuses_what_serve_would_refuse
    a_password_has_no_byte_order_mark
    every_mutation_takes_yes
    a_reason_that_is_required_is_shown_as_required
    an_address_to_listen_on_may_be_short
    the_audit_log_api_takes_the_times_the_shell_takes
}

on_every_setup! { models_are_listed_at_the_shell }

async fn a_variables_trailing_line_break_is_not_part_of_it(_: Setup) {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("x.db");
    let url = format!("sqlite://{}", file.display());
    let run = |name: &str, value: &str| Invocation::new(home.path(), ["user", "list"]).env(name, value).run();
    for end in ["\n", "\r\n", "\n\n", ""] {
        run("DATABASE_URL", &format!("{url}{end}")).await.ended(0);
        run("MCPCHAT_DATABASE__URL", &format!("{url}{end}")).await.ended(0);
        run("MCPCHAT_DATABASE__MAX_CONNECTIONS", &format!("3{end}")).await.ended(0);
        run("MCPCHAT_SERVER__LISTEN", &format!("127.0.0.1:1{end}")).await.ended(0);
    }
    let files = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let files: Vec<String> = files.collect();
    assert!(files.iter().all(|name| !name.contains(char::is_control)), "{files:?}");
    assert!(file.exists());
    // The same key from a variable, from a variable that the file names, and from a file that it names.
    let key = "k".repeat(40);
    fs::write(home.path().join("key"), format!("{key}\n")).unwrap();
    fs::set_permissions(home.path().join("key"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    for source in ["{ env = 'KEY' }", "{ file = 'key' }"] {
        fs::write(home.path().join("c.toml"), format!("[auth]\njwt_secret = {source}\n")).unwrap();
        let check = Invocation::new(home.path(), ["--config", "c.toml", "config", "check"]);
        check.env("KEY", &format!("{key}\n")).run().await.ended(0);
    }
    let short =
        Invocation::new(home.path(), ["config", "check"]).env("MCPCHAT_JWT_SECRET", &format!("{}\n\n", &key[..31]));
    short.run().await.ended(9);
    let chat = Invocation::new(home.path(), ["config", "check"]).env("OPENAI_API_KEY", "sk-test\n");
    chat.run().await.ended(0);
}

async fn a_line_break_inside_a_url_is_refused(_: Setup) {
    let home = tempfile::tempdir().unwrap();
    for (name, value) in [
        ("DATABASE_URL", "sqlite:///tmp/x\n.db"),
        ("DATABASE_URL", "sqlite:///tmp/x.db\t"),
        ("DATABASE_URL", "postgres://u:p\nw@127.0.0.1:1/x"),
        ("REDIS_URL", "redis://127.0.0.1\n:1/0"),
        ("REDIS_URL", "redis+cluster://a,\nb"),
        ("MCPCHAT_AUDIT__CHECKPOINT_FILE", "a\nb"),
    ] {
        let output = Invocation::new(home.path(), ["user", "list"]).env(name, value).run().await;
        output.ended(9);
        assert!(output.stderr.contains(name) && output.stderr.contains("line break"), "{output:#?}");
    }
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "nothing was made");
}

async fn config_check_refuses_what_serve_would_refuse(_: Setup) {
    let home = tempfile::tempdir().unwrap();
    let rule = |name: &str| format!("[[limits]]\nname = \"{name}\"\ncount = \"messages\"\nmax = 5\nwindow = \"1m\"\n");
    for name in ["team:daily", "a/b", "a b", "a+b", "", "login_name"] {
        fs::write(home.path().join("c.toml"), rule(name)).unwrap();
        for arguments in [["config", "check"], ["user", "list"]] {
            let output = Invocation::new(home.path(), ["--config", "c.toml"].into_iter().chain(arguments)).run().await;
            output.ended(9);
            assert!(output.stderr.contains("c.toml:2:8: limits[0].name:"), "{output:#?}");
        }
    }
    fs::write(home.path().join("c.toml"), rule("team.daily-1")).unwrap();
    Invocation::new(home.path(), ["--config", "c.toml", "config", "check"]).run().await.ended(0);
}

async fn a_password_has_no_byte_order_mark(setup: Setup) {
    let world = World::new(setup).await;
    let server = world.serve().await;
    let add = world.cli(["user", "add", "ada", "--password-stdin"]).input(format!("\u{feff}{PASSWORD}\r\n"));
    add.run().await.ended(0);
    server.login("ada").await;
}

async fn every_mutation_takes_yes(setup: Setup) {
    let world = World::migrated(setup).await;
    for line in [
        "user add ada --generate-password --yes",
        "user promote ada --role auditor --yes",
        "user demote ada -y",
        "user password ada --generate-password --yes",
        "user disable ada --yes",
        "user enable ada --yes",
        "user sessions ada --revoke --yes",
        "key add ada --name k --scope chat --yes",
        "ratelimit set ada per-minute --max 3 --reason r --yes",
        "ratelimit unset ada per-minute --yes",
        "ratelimit reset ada --yes",
        "user delete ada --yes",
    ] {
        world.cli(line.split(' ')).run().await.ended(0);
    }
}

async fn a_reason_that_is_required_is_shown_as_required(setup: Setup) {
    let world = World::migrated(setup).await;
    let help = world.cli(["ratelimit", "set", "--help"]).run().await;
    assert!(help.ended(0).contains("Usage: mcpchat ratelimit set [OPTIONS] --max <N> --reason <TEXT>"), "{help:#?}");
    let missing = world.cli(["ratelimit", "set", "ada", "per-minute", "--max", "3"]).run().await;
    missing.ended(2);
    assert!(missing.stderr.contains("--reason <TEXT>"), "{missing:#?}");
}

async fn models_are_listed_at_the_shell(setup: Setup) {
    let asker = Asker::new(setup).await;
    let here = asker.world.cli(["model", "list", "--json"]).run().await.json();
    assert_eq!(here[0]["name"], "fake", "the default comes first: {here:#}");
    assert_eq!(here[1]["name"], "claude");
    let there = asker.world.cli(["model", "list", "--json"]);
    let there = there.env("MCPCHAT_SERVER", &asker.server.url()).env("MCPCHAT_TOKEN", asker.ada().token());
    assert_eq!(there.run().await.json(), here);
    for (way, output) in asker.ask(&["-m", "zzzzzzzz", "hi"]).await {
        assert_eq!(output.code, 3, "{way}: {output:#?}");
        assert!(output.stderr.contains("`mcpchat model list` lists them"), "{way}: {output:#?}");
        assert!(!output.stderr.contains("/api/v1"), "{way}: {output:#?}");
    }
    let problem = asker.here(&["-m", "zzzzzzzz", "hi", "--json"]).run().await.problem(3);
    assert!(problem["detail"].as_str().unwrap().contains("mcpchat model list"), "{problem:#}");
    let over_http = asker.ada().send(&json!({"content": "hi", "model": "zzzzzzzz"})).await.any_problem(422);
    assert!(over_http["detail"].as_str().unwrap().contains("GET /api/v1/models"), "{over_http:#}");
}

async fn an_address_to_listen_on_may_be_short(setup: Setup) {
    let world = World::migrated(setup).await;
    for (given, shown) in
        [("localhost:0", "127.0.0.1:"), (":0", "0.0.0.0:"), ("*:0", "0.0.0.0:"), ("[::1]:0", "[::1]:")]
    {
        if given.starts_with('[') && std::net::TcpListener::bind("[::1]:0").is_err() {
            continue;
        }
        let by_flag = world.cli(["serve", "--listen", given, "--metrics-listen", "localhost:0"]).follow();
        let by_variable = world.cli(["serve", "--metrics-listen", "off"]).env("MCPCHAT_SERVER__LISTEN", given).follow();
        for serving in [by_flag, by_variable] {
            let listens = || {
                let log = serving.said();
                let mut lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
                lines.find_map(|line| Some(line["listen"].as_str()?.to_owned()))
            };
            let address = eventually("an address", async || listens()).await;
            assert!(address.starts_with(shown), "{given}: {address}");
        }
    }
    for wrong in ["8080", "db.example:80", "localhost", ":", "localhost:99999"] {
        let output = world.cli(["serve", "--listen", wrong]).run().await;
        output.ended(2);
        assert!(output.stderr.contains("localhost:8080 or :8080"), "{output:#?}");
    }
}

async fn the_audit_log_api_takes_the_times_the_shell_takes(setup: Setup) {
    let (_world, _server, root) = World::new(setup).await.with_root().await;
    let rows = async |query: &str| {
        let page = root.get(&format!("/api/v1/admin/audit-log?{query}")).await.ok(200);
        page["items"].as_array().unwrap().len()
    };
    let all = rows("").await;
    for (query, count) in [
        ("since=2h", all),
        ("since=2000-01-01", all),
        ("since=2000-01-01T00:00:00Z", all),
        ("since=2000-01-01T00:00:00%2B01:00", all),
        ("until=2000-01-01", 0),
        ("until=2h", 0),
        ("since=2100-01-01", 0),
        ("since=99999w&until=2100-01-01", all),
    ] {
        assert_eq!(rows(query).await, count, "{query}");
    }
    let raw = root.get("/api/v1/admin/audit-log?since=2000-01-01T00:00:00+01:00").await.any_problem(422);
    assert!(raw.to_string().contains("%2B"), "{raw:#}");
    let odd = root.get("/api/v1/admin/audit-log?since=yesterday").await.any_problem(422);
    assert!(odd.to_string().contains("2h for two hours ago"), "{odd:#}");
}
