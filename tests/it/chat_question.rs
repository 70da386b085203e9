//! The prompt of `mcpchat chat`: where it comes from, what goes to the provider, and that giving up ends the call.

use std::io::Write;

use crate::harness::{Asker, Gate, Reply, Setup, Value, eventually, json};

on_every_setup! {
    history_goes_to_the_provider_and_is_not_stored
    giving_up_drops_the_providers_connection
}

on_sqlite! {
    a_prompt_may_be_a_file_followed_by_a_pipe
    variables_fill_places_and_unmatched_ones_exit_2
    piped_text_behind_a_question_has_no_places
    seed_and_form_are_asked_for_in_the_providers_words
    what_was_said_before_is_refused_in_a_conversation
    nothing_is_said_without_a_terminal
    the_events_come_as_lines_and_the_record_last
    an_endless_pipe_does_not_outlast_the_deadline
    an_open_pipe_that_is_waited_for_is_told
    a_byte_order_mark_is_no_part_of_a_text
    the_built_in_model_is_named_once_on_a_terminal
}

async fn a_prompt_may_be_a_file_followed_by_a_pipe(setup: Setup) {
    let asker = Asker::new(setup).await;
    asker.file("ask.md", "Review this {{lang}} code:\n");
    for (way, chat) in asker.both(&["--prompt-file", "ask.md", "--var", "lang=Rust"]) {
        let output = chat.input("fn main() {}\n").run().await;
        assert_eq!(output.ended(0), "Review this Rust code:\n\nfn main() {}\n", "{way}");
    }
    let output = asker.here(&["--prompt-file", "-"]).input("from a pipe").run().await;
    assert_eq!(output.ended(0), "from a pipe\n");
    let missing = asker.here(&["--prompt-file", "nowhere.md"]).run().await;
    missing.ended(2);
    assert!(missing.stderr.contains("nowhere.md"), "{missing:?}");
    asker.here(&["--prompt-file", "ask.md", "and a question"]).run().await.ended(2);
}

async fn variables_fill_places_and_unmatched_ones_exit_2(setup: Setup) {
    let asker = Asker::new(setup).await;
    let named = ["Greet {{ name }}", "--system", "Speak {{tongue}}", "--var", "name=Ada", "--var", "tongue=French"];
    for (way, output) in asker.ask(&named).await {
        assert_eq!(output.ended(0), "Greet Ada\n", "{way}");
        assert_eq!(asker.provider.last_call().body["messages"][0]["content"], "Speak French", "{way}");
    }
    let calls = asker.provider.calls().len();
    for (arguments, why) in [
        (&["Greet {{nmae}}", "--var", "name=Ada"][..], "did you mean `name`"),
        (&["Greet {{name}}"], "--var name="),
        (&["Greet her", "--var", "name=Ada"], "{{name}}"),
        (&["Greet her", "--var", "1=Ada"], "name=value"),
    ] {
        for (way, output) in asker.ask(arguments).await {
            output.ended(2);
            assert!(output.stderr.contains(why), "{way}: {output:?}");
        }
    }
    assert_eq!(asker.provider.calls().len(), calls, "nobody was asked");
}

async fn piped_text_behind_a_question_has_no_places(setup: Setup) {
    let asker = Asker::new(setup).await;
    let diff = "+ image: {{ registry }}/app:${{ github.sha }}";
    let output = asker.here(&["Explain:"]).input(diff).run().await;
    assert_eq!(output.ended(0), format!("Explain:\n\n{diff}\n"));
    let alone = asker.here(&["--var", "name=Ada"]).input("Greet {{name}}").run().await;
    assert_eq!(alone.ended(0), "Greet Ada\n", "alone it is the question");
}

async fn seed_and_form_are_asked_for_in_the_providers_words(setup: Setup) {
    let asker = Asker::new(setup).await;
    let schema = json!({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]});
    let mut closed = schema.clone();
    closed["additionalProperties"] = json!(false);
    asker.file("open.json", &schema.to_string());
    asker.file("closed.json", &closed.to_string());
    asker.provider.always(Reply::text([r#"{"a": 7}"#]));
    let asked = async |model: &str, file: &str| -> Vec<Value> {
        let arguments =
            ["-m", model, "--seed", "-7", "--temperature", "0.5", "--max-tokens", "9", "--schema", file, "x"];
        let mut bodies = Vec::new();
        for (_, output) in asker.ask(&arguments).await {
            assert_eq!(output.ended(0), "{\"a\": 7}\n");
            bodies.push(asker.provider.last_call().body);
        }
        bodies
    };
    for (file, schema, strict) in [("open.json", &schema, false), ("closed.json", &closed, true)] {
        for body in asked("fake", file).await {
            let form =
                json!({"type": "json_schema", "json_schema": {"name": "answer", "strict": strict, "schema": schema}});
            assert_eq!(body["response_format"], form);
            assert_eq!(
                (&body["seed"], &body["temperature"], &body["max_tokens"]),
                (&json!(-7), &json!(0.5), &json!(9))
            );
        }
    }
    for body in asked("claude", "closed.json").await {
        assert_eq!(body["output_config"], json!({"format": {"type": "json_schema", "schema": closed}}));
        assert!(body.get("seed").is_none(), "Anthropic has no such word: {body}");
    }
}

async fn history_goes_to_the_provider_and_is_not_stored(setup: Setup) {
    let asker = Asker::new(setup).await;
    let history = json!([{"role": "user", "content": "1 + 1?"}, {"role": "assistant", "content": "2"}]);
    let sent = asker.ada().send(&json!({"content": "and 2 + 2?", "history": history})).await.ok(201).clone();
    let dialogue = ["user: 1 + 1?", "assistant: 2", "user: and 2 + 2?"];
    assert_eq!(asker.provider.last_call().dialogue(), dialogue);
    let stored = asker.ada().history(&sent["turn"]["conversation_id"]).await;
    assert_eq!(stored, ["user: and 2 + 2?", "assistant: and 2 + 2?"]);
}

async fn what_was_said_before_is_refused_in_a_conversation(setup: Setup) {
    let asker = Asker::new(setup).await;
    let sent = asker.ada().say("first").await;
    let said = json!({"role": "user", "content": "x"});
    for wrong in [
        json!({"content": "x", "conversation_id": sent["turn"]["conversation_id"], "history": [said]}),
        json!({"content": "x", "history": vec![said.clone(); 65]}),
        json!({"content": "x", "history": [{"role": "user", "content": " "}]}),
        json!({"content": "x", "history": [{"role": "system", "content": "x"}]}),
        json!({"content": "x", "response_format": {"type": "json_schema", "schema": {"description": "x".repeat(33_000)}}}),
        json!({"content": "x", "response_format": {"type": "text", "schema": {}}}),
        json!({"content": "x", "seed": 0.5}),
    ] {
        asker.ada().send(&wrong).await.problem(422, "invalid_request");
    }
}

async fn giving_up_drops_the_providers_connection(setup: Setup) {
    let asker = Asker::new(setup).await;
    let never = Gate::closed();
    asker.provider.always(Reply::text(["first"]).then_wait(&never));
    for (index, signal) in ["INT", "TERM", "deadline"].into_iter().enumerate() {
        let arguments: &[&str] = if signal == "deadline" { &["--timeout", "2s", "x"] } else { &["x"] };
        for (way, chat) in asker.both(arguments) {
            let calls = 2 * index + if way == "here" { 1 } else { 2 };
            let running = chat.start();
            asker.provider.called(calls).await;
            let code = match signal {
                "deadline" => 124,
                _ => {
                    running.signal(signal);
                    130
                }
            };
            running.end().await.ended(code);
            let dropped = async || asker.provider.calls()[calls - 1].dropped.then_some(());
            eventually(&format!("{signal}, {way}: the provider to lose its reader"), dropped).await;
        }
    }
    let cancelled = "select count(*) from turns where state = 'cancelled'";
    let all = async || (asker.world.database.number(cancelled).await == 6).then_some(());
    eventually("all turns to be stored as cancelled", all).await;
}

async fn nothing_is_said_without_a_terminal(setup: Setup) {
    let asker = Asker::new(setup).await;
    for arguments in [&["hello"][..], &["-q", "hello"], &["--json", "hello"], &["-o", "ndjson", "hello"]] {
        for (way, output) in asker.ask(arguments).await {
            output.ended(0);
            assert_eq!(output.stderr, "", "{way}: {arguments:?}");
        }
    }
}

async fn the_events_come_as_lines_and_the_record_last(setup: Setup) {
    let asker = Asker::new(setup).await;
    asker.provider.always(Reply::text(["one ", "two"]));
    for (way, output) in asker.ask(&["-o", "ndjson", "x"]).await {
        let lines: Vec<Value> = output.ended(0).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let events: Vec<_> = lines.iter().map(|line| (line["event"].as_str().unwrap(), line["seq"].as_u64())).collect();
        let expected = [("turn", Some(1)), ("delta", Some(2)), ("delta", Some(3)), ("done", Some(4)), ("record", None)];
        assert_eq!(events, expected, "{way}");
        assert!(lines.iter().all(|line| line["version"] == 1), "{way}: {lines:?}");
        assert_eq!(lines[1]["data"], json!({"text": "one "}), "{way}");
        assert_eq!(lines[4]["data"]["text"], "one two", "{way}");
    }
    asker.provider.always(Reply::status(400));
    for (way, output) in asker.ask(&["-o", "ndjson", "x"]).await {
        let lines: Vec<Value> = output.ended(7).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.last().unwrap()["event"], "error", "{way}: {lines:?}");
    }
}

async fn an_endless_pipe_does_not_outlast_the_deadline(setup: Setup) {
    let asker = Asker::new(setup).await;
    let (config, command) = (asker.world.config_file(), env!("CARGO_BIN_EXE_mcpchat"));
    let line = format!("'{command}' --config '{}' chat --as ada --timeout 300ms x < <(sleep 60)", config.display());
    let mut shell = std::process::Command::new("bash");
    shell.args(["-c", &line]).env_clear().env("HOME", asker.world.home()).env("PATH", "/usr/bin:/bin");
    let status = tokio::time::timeout(
        std::time::Duration::from_secs(20),
        tokio::task::spawn_blocking(move || shell.status().unwrap()),
    )
    .await
    .unwrap()
    .unwrap();
    assert_eq!(status.code(), Some(124));
}

async fn an_open_pipe_that_is_waited_for_is_told(setup: Setup) {
    let asker = Asker::new(setup).await;
    for (piped, answer) in [("", "hi"), ("and more", "hi and more")] {
        for (way, chat) in asker.both(&["hi"]) {
            let (chat, mut pipe) = chat.follow_with_open_input();
            pipe.write_all(piped.as_bytes()).unwrap();
            let told = async || chat.said().contains("waiting for the end of standard input").then_some(());
            eventually(&format!("{way}: a word about the wait"), told).await;
            assert!(chat.said().contains("</dev/null"), "{way}: {}", chat.said());
            assert!(chat.lines().is_empty(), "{way}: what is piped is not cut off");
            drop(pipe);
            let answered = async || (chat.lines().join(" ").replace("  ", " ") == answer).then_some(());
            eventually(&format!("{way}: the answer"), answered).await;
        }
    }
}

async fn a_byte_order_mark_is_no_part_of_a_text(setup: Setup) {
    const MARK: &str = "\u{feff}";
    let asker = Asker::new(setup).await;
    asker.file("ask.md", &format!("{MARK}hello\r\n"));
    asker.file("schema.json", &format!("{MARK}{{\"const\": \"hello\"}}"));
    asker.file(
        "suite.yaml",
        &format!("{MARK}cases:\r\n- name: a\r\n  prompt_file: ask.md\r\n  expect: [equals: hello]\r\n"),
    );
    let marked = format!("{MARK}hello");
    for arguments in [
        &["--expect", "equals:hello", "--prompt-file", "ask.md"][..],
        &["--expect", "equals:hello", &marked],
        &["--expect", "equals:hello", "--var", &format!("x={marked}"), "{{x}}"],
        &["--expect", &format!("equals:{marked}"), "hello"],
        &["--suite", "suite.yaml", "--record", "tape"],
        &["--suite", "suite.yaml", "--replay", "tape"],
    ] {
        asker.here(arguments).run().await.ended(0);
    }
    asker.here(&["--expect", "equals:hello"]).input(marked.clone()).run().await.ended(0);
    let spoken = asker.here(&["--schema", "schema.json", "\"hello\""]).run().await;
    spoken.ended(0);
    let recorded = std::fs::read_dir(asker.world.home().join("tape")).unwrap().next().unwrap().unwrap().path();
    let text = std::fs::read_to_string(&recorded).unwrap();
    std::fs::write(&recorded, format!("{MARK}{text}")).unwrap();
    asker.here(&["--suite", "suite.yaml", "--replay", "tape"]).run().await.ended(0);
    assert!(asker.provider.calls().iter().all(|call| !call.body.to_string().contains(MARK)));
}

async fn the_built_in_model_is_named_once_on_a_terminal(setup: Setup) {
    assert_eq!(setup, Setup::Sqlite, "where `chat` makes a user");
    let home = tempfile::tempdir().unwrap();
    let ask = async || crate::harness::Invocation::new(home.path(), ["chat", "hello"]).on_a_terminal(100).run().await;
    let first = ask().await;
    assert!(first.ended(0).contains("mock/echo") && first.ended(0).contains("OPENAI_API_KEY"), "{first:?}");
    assert!(!ask().await.ended(0).contains("OPENAI_API_KEY"));
}
