//! `mcpchat chat`: one prompt from a shell, in its own process or at a server.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use crate::harness::{Gate, Invocation, Provider, Reply, Server, Setup, Value, World, eventually, json};

on_every_setup! {
    a_question_is_answered_on_stdout
    a_question_is_answered_by_a_server
    both_ways_give_the_same_record
    a_conversation_goes_on
    a_question_may_come_from_a_pipe
    the_turn_is_stored_for_its_user
    a_failed_provider_is_exit_7
    a_limit_is_exit_6_and_counts_with_the_servers
    a_deadline_is_exit_124
    an_interrupt_exits_130_and_leaves_no_running_turn
    an_interrupt_while_a_retry_is_due_cancels_the_turn
    a_bad_token_is_exit_5
    an_unknown_model_is_exit_3_with_near_ones
    a_conversation_that_is_not_there_is_exit_3
    a_models_control_characters_reach_no_terminal
    a_terminal_gets_the_reply_as_it_comes
}

async fn world(setup: Setup) -> World {
    let world = World::migrated(setup).await;
    world.add_user("ada").await;
    world
}

/// In its own process.
fn here<'a>(world: &World, arguments: impl IntoIterator<Item = &'a str>) -> Invocation {
    world.cli(["chat", "--as", "ada"].into_iter().chain(arguments))
}

/// At a server, with a token.
async fn there<'a>(world: &World, server: &Server, arguments: impl IntoIterator<Item = &'a str>) -> Invocation {
    let ada = server.login("ada").await;
    world
        .cli(["chat"].into_iter().chain(arguments))
        .env("MCPCHAT_SERVER", &server.url())
        .env("MCPCHAT_TOKEN", ada.token())
}

async fn a_question_is_answered_on_stdout(setup: Setup) {
    let world = world(setup).await;
    let output = here(&world, ["what is up?"]).run().await;
    assert_eq!(output.ended(0), "what is up?\n");
    assert_eq!(output.stderr, "", "nothing to say to a pipe");
}

async fn a_question_is_answered_by_a_server(setup: Setup) {
    let world = world(setup).await;
    let server = world.serve().await;
    assert_eq!(there(&world, &server, ["what is up?"]).await.run().await.ended(0), "what is up?\n");
    let ada = server.login("ada").await;
    let url = server.url();
    let named = world.cli(["chat", "--server", &url, "by flag"]).env("MCPCHAT_TOKEN", ada.token());
    assert_eq!(named.run().await.ended(0), "by flag\n");
}

async fn both_ways_give_the_same_record(setup: Setup) {
    let world = world(setup).await;
    let server = world.serve().await;
    let one = here(&world, ["--json", "one two"]).run().await.json();
    let other = there(&world, &server, ["--json", "one two"]).await.run().await.json();
    let members = |record: &Value| -> Vec<String> {
        let mut names: Vec<String> = record.as_object().unwrap().keys().cloned().collect();
        names.sort();
        names
    };
    assert_eq!(members(&one), members(&other));
    for record in [&one, &other] {
        assert_eq!(record["text"], "one two", "{record}");
        for id in ["turn_id", "conversation_id", "user_message_id", "assistant_message_id", "model", "finish_reason"] {
            assert!(record[id].is_string(), "no `{id}` in {record}");
        }
        assert!(record["usage"]["output_tokens"].as_u64().is_some_and(|count| count > 0), "{record}");
        assert!(record["latency_ms"].is_number(), "{record}");
    }
}

async fn a_conversation_goes_on(setup: Setup) {
    let provider = Provider::start().await;
    let world = World::migrated(setup).await.provider(&provider);
    world.add_user("ada").await;
    let record = here(&world, ["--json", "first"]).run().await.json();
    let conversation = record["conversation_id"].as_str().unwrap();
    here(&world, ["-c", conversation, "second"]).run().await.ended(0);
    let server = world.serve().await;
    there(&world, &server, ["-c", conversation, "third"]).await.run().await.ended(0);
    let sent = ["user: first", "assistant: first", "user: second", "assistant: second", "user: third"];
    assert_eq!(provider.last_call().dialogue(), sent);
}

async fn a_question_may_come_from_a_pipe(setup: Setup) {
    let world = world(setup).await;
    assert_eq!(here(&world, ["-"]).input("from a pipe\n").run().await.ended(0).trim_end(), "from a pipe");
    assert_eq!(here(&world, []).input("without a dash").run().await.ended(0).trim_end(), "without a dash");
    let both = here(&world, ["Summarise:"]).input("a long text").run().await;
    assert!(both.ended(0).contains("Summarise:") && both.stdout.contains("a long text"), "{both:?}");
    here(&world, []).input("").run().await.ended(2);
    here(&world, []).run().await.ended(2);
    here(&world, ["-"]).input(b"\xff\xfe".as_slice()).run().await.ended(2);
}

async fn the_turn_is_stored_for_its_user(setup: Setup) {
    let world = world(setup).await;
    let record = here(&world, ["--json", "remember me"]).run().await.json();
    let server = world.serve().await;
    let ada = server.login("ada").await;
    assert_eq!(ada.history(&record["conversation_id"]).await, ["user: remember me", "assistant: remember me"]);
    assert_eq!(ada.turn(&record["turn_id"]).await["state"], "completed");
}

async fn a_failed_provider_is_exit_7(setup: Setup) {
    let provider = Provider::start().await;
    let world = World::migrated(setup).await.provider(&provider);
    world.add_user("ada").await;
    provider.always(Reply::status(400));
    let output = here(&world, ["x"]).run().await;
    assert_eq!(output.ended(7), "");
    assert!(!output.stderr.is_empty());
    let problem = here(&world, ["--json", "x"]).run().await.problem(7);
    assert!(problem["code"].is_string() && problem["status"].is_number(), "{problem}");
    let server = world.serve().await;
    assert_eq!(there(&world, &server, ["--json", "x"]).await.run().await.problem(7)["code"], problem["code"]);
    let absent = world.cli(["chat", "--server", "http://127.0.0.1:1", "x"]).env("MCPCHAT_TOKEN", "mck_x_y");
    absent.run().await.ended(7);
}

async fn a_limit_is_exit_6_and_counts_with_the_servers(setup: Setup) {
    let world = World::migrated(setup).await.limit("hourly", "messages", 2, "1h");
    world.add_user("ada").await;
    let server = world.serve().await;
    here(&world, ["one"]).run().await.ended(0);
    there(&world, &server, ["two"]).await.run().await.ended(0);
    let problem = here(&world, ["--json", "three"]).run().await.problem(6);
    assert_eq!((&problem["code"], &problem["rule"]), (&json!("rate_limited"), &json!("hourly")));
    there(&world, &server, ["three"]).await.run().await.ended(6);
}

async fn a_deadline_is_exit_124(setup: Setup) {
    let (provider, never) = (Provider::start().await, Gate::closed());
    provider.always(Reply::text(["first"]).then_wait(&never));
    let world = World::migrated(setup).await.provider(&provider);
    world.add_user("ada").await;
    here(&world, ["--timeout", "300ms", "x"]).run().await.ended(124);
    let server = world.serve().await;
    there(&world, &server, ["--timeout", "300ms", "x"]).await.run().await.ended(124);
    here(&world, ["--timeout", "soon", "x"]).run().await.ended(2);
}

async fn an_interrupt_exits_130_and_leaves_no_running_turn(setup: Setup) {
    let (provider, never) = (Provider::start().await, Gate::closed());
    provider.next(Reply::text(["first"]).then_wait(&never));
    let world = World::migrated(setup).await.provider(&provider);
    world.add_user("ada").await;
    let running = here(&world, ["x"]).start();
    provider.called(1).await;
    running.signal("INT");
    running.end().await.ended(130);
    let left = "select count(*) from turns where state = 'running'";
    eventually("no turn to be running", async || (world.database.number(left).await == 0).then_some(())).await;
}

async fn an_interrupt_while_a_retry_is_due_cancels_the_turn(setup: Setup) {
    let provider = Provider::start().await;
    provider.always(Reply::status(503).header("retry-after", "25"));
    let world = World::migrated(setup).await.provider(&provider);
    world.add_user("ada").await;
    let running = here(&world, ["x"]).start();
    provider.called(1).await;
    running.signal("INT");
    running.end().await.ended(130);
    assert_eq!(world.database.number("select count(*) from turns where state = 'cancelled'").await, 1);
    assert_eq!(world.database.number("select count(*) from attempts").await, 1, "a row for each call that was made");
}

async fn a_bad_token_is_exit_5(setup: Setup) {
    let world = world(setup).await;
    let server = world.serve().await;
    let url = server.url();
    let forged = world.cli(["chat", "--server", &url, "x"]).env("MCPCHAT_TOKEN", "forged");
    forged.run().await.ended(5);
    let without = world.cli(["chat", "--server", &url, "x"]).run().await;
    assert!([2, 5].contains(&without.code), "{without:?}");
    assert!(without.stderr.contains("MCPCHAT_TOKEN"), "{without:?}");
}

async fn an_unknown_model_is_exit_3_with_near_ones(setup: Setup) {
    let world = world(setup).await;
    let output = here(&world, ["-m", "mock/ecko", "x"]).run().await;
    output.ended(3);
    assert!(output.stderr.contains("mock/echo"), "{output:?}");
}

async fn a_conversation_that_is_not_there_is_exit_3(setup: Setup) {
    let world = world(setup).await;
    here(&world, ["-c", "018f0000-0000-7000-8000-000000000000", "x"]).run().await.ended(3);
    here(&world, ["-c", "7", "x"]).run().await.ended(3);
    here(&world, ["-c", "no id", "x"]).run().await.ended(2);
    world.cli(["chat", "--as", "adda", "x"]).run().await.ended(3);
}

/// To a pipe the text goes as it is, because a program reads it; nothing else of it may reach a terminal raw.
async fn a_models_control_characters_reach_no_terminal(setup: Setup) {
    let provider = Provider::start().await;
    let world = World::migrated(setup).await.provider(&provider);
    world.add_user("ada").await;
    provider.always(Reply::text(["\u{1b}[2J", "gone\u{7}"]));
    let record = here(&world, ["--json", "x"]).run().await;
    assert!(!record.stdout.contains('\u{1b}'), "JSON escapes them: {record:?}");
    assert_eq!(record.json()["text"], "\u{1b}[2Jgone\u{7}");
    let forced = here(&world, ["--color", "always", "x"]).run().await;
    assert!(!forced.stderr.contains('\u{1b}'), "{forced:?}");
    let shown = on_a_terminal(&world, "x").await;
    assert!(shown.contains("gone") && !shown.contains('\u{1b}') && !shown.contains('\u{7}'), "{shown:?}");
}

async fn a_terminal_gets_the_reply_as_it_comes(setup: Setup) {
    let (provider, gate) = (Provider::start().await, Gate::closed());
    let world = World::migrated(setup).await.provider(&provider);
    world.add_user("ada").await;
    provider.always(Reply::text(["first "]).then_wait(&gate).then("last"));
    let (config, typescript) = (world.config_file(), world.home().join("typescript"));
    let asking = tokio::spawn({
        let (home, typescript) = (world.home().to_owned(), typescript.clone());
        async move { terminal(&home, &config, "slowly", &typescript).await }
    });
    let so_far = async || std::fs::read_to_string(&typescript).unwrap_or_default();
    eventually("the first word", async || so_far().await.contains("first").then_some(())).await;
    assert!(!so_far().await.contains("last"), "the rest is not there yet");
    gate.open();
    let shown = asking.await.unwrap();
    assert!(shown.contains("first last") && shown.contains("continue with -c"), "{shown:?}");
}

async fn on_a_terminal(world: &World, question: &str) -> String {
    terminal(world.home(), &world.config_file(), question, &world.home().join("typescript")).await
}

/// What a person sees: `script` gives the command a terminal of its own and writes down what comes.
async fn terminal(home: &Path, config: &Path, question: &str, typescript: &Path) -> String {
    let chat =
        format!("'{}' --config '{}' chat --as ada '{question}'", env!("CARGO_BIN_EXE_mcpchat"), config.display());
    let mut script = Command::new("script");
    script.args(["--quiet", "--flush", "--return", "--command", &chat]).arg(typescript);
    script.env_clear().env("HOME", home).env("PATH", "/usr/bin:/bin").env("NO_COLOR", "1").env("SHELL", "/bin/sh");
    script.stdin(Stdio::null()).stdout(Stdio::null());
    let ended = tokio::task::spawn_blocking(move || script.status()).await.unwrap().unwrap();
    assert!(ended.success());
    let text = std::fs::read_to_string(typescript).unwrap();
    let (_, shown) = text.split_once('\n').unwrap();
    shown.rsplit_once("Script done").map_or(shown, |(shown, _)| shown).replace('\r', "")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_home_answers_without_any_set_up() {
    let home = tempfile::tempdir().unwrap();
    let output = Invocation::new(home.path(), ["chat", "hello, world"]).run().await;
    assert_eq!(output.ended(0), "hello, world\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_pipe_is_no_failure() {
    let world = world(Setup::Sqlite).await;
    let mut running = here(&world, ["a reply that nobody reads"]).start();
    running.stop_reading();
    assert_eq!(running.end().await.ended(0), "");
    assert_eq!(world.database.number("select count(*) from messages").await, 2, "the turn is stored all the same");
}
