//! The command line in general: usage, configuration, output. One set-up is enough; nothing here is stored.

use crate::harness::{Invocation, Output, Setup, World};

async fn run<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Output {
    let home = tempfile::tempdir().unwrap();
    Invocation::new(home.path(), arguments).run().await
}

/// Runs `user list` with this configuration file.
async fn configured(text: &str) -> Output {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("mcpchat.toml"), text).unwrap();
    Invocation::new(home.path(), ["--config", "mcpchat.toml", "user", "list"]).run().await
}

#[tokio::test]
async fn help_is_an_answer_and_a_mistake_is_not() {
    for arguments in [vec!["--help"], vec!["chat", "--help"], vec!["user", "add", "--help"], vec!["--version"]] {
        let output = run(arguments.clone()).await;
        assert!(output.ended(0).contains("mcpchat"), "{arguments:?}");
        assert_eq!(output.stderr, "");
    }
    for arguments in
        [vec![], vec!["nonsense"], vec!["chat", "--no-such-flag"], vec!["user"], vec!["user", "list", "-o", "xml"]]
    {
        let output = run(arguments.clone()).await;
        assert_eq!(output.ended(2), "", "{arguments:?}");
        assert_ne!(output.stderr, "", "{arguments:?}");
    }
}

#[tokio::test]
async fn every_command_has_examples_in_its_help() {
    let commands =
        ["serve", "chat", "user add", "user list", "user show", "user password", "user enable", "user disable"];
    for command in commands.into_iter().chain(["ratelimit show", "ratelimit reset", "migrate"]) {
        let output = run(command.split(' ').chain(["--help"])).await;
        assert!(output.ended(0).contains("Examples"), "{command}: {}", output.stdout);
    }
}

#[tokio::test]
async fn a_configuration_mistake_exits_9_with_file_and_line() {
    for (line, text) in [
        (2, "[server]\nlissten = '127.0.0.1:1'\n"),
        (2, "[server]\nlisten = 'nowhere'\n"),
        (3, "[database]\n\nmax_connections = 'many'\n"),
        (2, "[server]\ndrain_timeout = 'a while'\n"),
        (1, "[sever]\n"),
        (3, "[redis]\n\non_failure = 'ignore'\n"),
        (2, "[server]\nlisten = = 1\n"),
        (4, "[[models]]\nname = 'm'\nprovider = 'mock'\nmax_output_token = 5\n"),
    ] {
        let output = configured(text).await;
        assert_eq!(output.ended(9), "", "{text}");
        let named = [format!("mcpchat.toml:{line}"), format!("mcpchat.toml, line {line}"), format!("line {line}")];
        assert!(output.stderr.contains("mcpchat.toml"), "{text}: {output:?}");
        assert!(named.iter().any(|named| output.stderr.contains(named)), "line {line} of {text}: {output:?}");
    }
    let missing = run(["--config", "/no/such/file.toml", "user", "list"]).await;
    missing.ended(9);
    assert!(missing.stderr.contains("/no/such/file.toml"), "{missing:?}");
}

#[tokio::test]
async fn a_mistake_in_the_environment_names_the_variable() {
    let home = tempfile::tempdir().unwrap();
    let wrong = |name: &str, value: &str| Invocation::new(home.path(), ["user", "list"]).env(name, value).run();
    for (name, value) in [
        ("MCPCHAT_DATABASE__MAX_CONNECTIONS", "many"),
        ("MCPCHAT_SERVER__LISSTEN", "127.0.0.1:1"),
        ("DATABASE_URL", "mysql://x"),
    ] {
        let output = wrong(name, value).await;
        output.ended(9);
        assert!(output.stderr.contains(name), "{output:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_environment_wins_over_the_file() {
    let world = World::new(Setup::Sqlite).await;
    let elsewhere = format!("sqlite://{}", world.home().join("elsewhere.db").display());
    world.cli(["migrate"]).env("MCPCHAT_DATABASE__URL", &elsewhere).run().await.ended(0);
    assert!(world.home().join("elsewhere.db").exists());
    assert!(!world.home().join("mcpchat.db").exists());
}

#[tokio::test]
async fn an_unavailable_dependency_is_exit_7() {
    let home = tempfile::tempdir().unwrap();
    let list = Invocation::new(home.path(), ["user", "list", "--json"]);
    let output = list.env("DATABASE_URL", "postgres://nobody:hunter2@127.0.0.1:1/none").run().await;
    output.problem(7);
    assert!(!output.stderr.contains("hunter2"), "{output:?}");
}

#[tokio::test]
async fn a_secret_is_never_printed() {
    let text = "[auth]\njwt_secret = 'hunter2-hunter2-hunter2-hunter2-hunter2'\n[database]\nurl = 'postgres://u:hunter2@127.0.0.1:1/x'\n";
    let output = configured(text).await;
    assert_ne!(output.code, 0);
    assert!(!output.stderr.contains("hunter2") && !output.stdout.contains("hunter2"), "{output:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_fits_the_terminal_and_is_whole_in_a_pipe() {
    let world = World::migrated(Setup::Sqlite).await;
    let email = "somebody-with-a-long-name@a-department.of-an-organisation.example.org";
    world.cli(["user", "add", "ada.lovelace", "--email", email, "--generate-password"]).run().await.ended(0);
    let list = || world.cli(["user", "list", "--color", "never"]);
    let fits = |output: &Output, columns: usize| {
        let lines = output.ended(0).lines().map(str::trim_end);
        assert!(lines.clone().all(|line| line.chars().count() <= columns), "{columns}: {output:#?}");
        assert!(lines.clone().any(|line| line.starts_with("ada.lovelace  ")), "{output:#?}");
        assert!(!output.stdout.contains(email) && output.stdout.contains('…'), "{output:#?}");
    };
    fits(&list().on_a_terminal(72).run().await, 72);
    fits(&list().on_a_terminal(200).env("COLUMNS", "90").run().await, 90);
    assert!(list().on_a_terminal(300).run().await.ended(0).contains(email));
    assert!(list().env("COLUMNS", "40").run().await.ended(0).contains(email));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_first_commands_at_once_all_succeed() {
    let home = tempfile::tempdir().unwrap();
    let asking = (0..6).map(|number| {
        let chat = Invocation::new(home.path(), ["chat", "hello"]);
        async move {
            let output = chat.run().await;
            assert_eq!(output.ended(0), "hello\n", "number {number}");
        }
    });
    futures_util::future::join_all(asking).await;
}
