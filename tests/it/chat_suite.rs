//! Suites and repeated prompts. The verdicts are the same in a process of its own, at a server, and from recordings.

use std::time::Instant;

use crate::harness::{Asker, Gate, Output, Reply, Setup, Value, eventually, json};

on_every_setup! {
    a_suite_has_equal_verdicts_here_there_and_replayed
}

on_sqlite! {
    a_repeated_prompt_needs_min_pass_good_replies
    so_many_are_asked_at_a_time
    a_suite_is_told_as_a_table_as_lines_and_as_junit
    a_step_summary_is_appended_to
    tags_and_models_choose_cases
    the_deadline_ends_a_suite_with_a_report
    a_suite_that_is_interrupted_reports_what_there_is
    a_suite_without_answers_ends_as_its_first_error
    a_limit_of_our_own_is_waited_for
    many_at_a_time_wait_for_a_limit_in_turn
    a_limit_is_waited_for_within_the_time_limit
    an_unwritable_report_is_found_before_any_prompt
    a_report_may_go_to_standard_output
    a_step_summary_stays_below_what_github_shows
    a_mistake_in_a_suite_is_exit_2_with_its_line
    the_schema_of_a_suite_is_printed
    a_text_in_a_suite_is_what_is_written
    the_line_break_that_ends_a_block_does_not_count
}

const SUITE: &str = r#"
name: greetings
models: [fake, claude]
vars: {tongue: French}
defaults:
  system: "Speak {{tongue}}"
  expect:
    - not-contains: sorry
cases:
  - name: echo
    prompt: "say {{what}}"
    vars: {what: bonjour}
    expect: [contains: bonjour]
    tags: [smoke]
  - name: wrong
    prompt: "something else"
    expect: [contains: bonjour, "regex:^s"]
  - name: talk
    messages:
      - {role: user, content: 1 + 1?}
      - {role: assistant, content: "2"}
      - {role: user, content: '{"sum": 4}'}
    expect: [jq: .sum == 4]
    schema: sum.json
    tags: [smoke, json]
"#;

async fn with_suite(setup: Setup) -> Asker {
    let asker = Asker::new(setup).await;
    asker.file("suite.yaml", SUITE);
    asker.file("sum.json", r#"{"type": "object", "required": ["sum"]}"#);
    asker
}

/// The cases of a report as `name (model): verdict`.
fn verdicts(report: &Value) -> Vec<String> {
    let cases = report["cases"].as_array().unwrap().iter();
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    cases
        .map(|case| format!("{} ({}): {}", word(&case["name"]), word(&case["model"]), word(&case["verdict"])))
        .collect()
}

fn report(output: &Output, code: i32) -> Value {
    serde_json::from_str(output.ended(code)).unwrap_or_else(|error| panic!("{error} in {output:#?}"))
}

async fn a_suite_has_equal_verdicts_here_there_and_replayed(setup: Setup) {
    let asker = with_suite(setup).await;
    let recorded = asker.here(&["--json", "--suite", "suite.yaml", "--record", "tape"]).run().await;
    let first = report(&recorded, 8);
    let expected = [
        "echo (fake): passed",
        "echo (claude): passed",
        "wrong (fake): failed",
        "wrong (claude): failed",
        "talk (fake): passed",
        "talk (claude): passed",
    ];
    assert_eq!(verdicts(&first), expected);
    assert_eq!(first["summary"]["pass_rate"], json!(4.0 / 6.0));
    let unmet = |report: &Value| -> Vec<Value> {
        let cases = report["cases"].as_array().unwrap().iter();
        cases.map(|case| json!([case["answers"][0]["unmet"], case["answers"][0]["text"], case["cost_usd"]])).collect()
    };
    let calls = asker.provider.calls().len();
    for (way, output) in asker.ask(&["--json", "--suite", "suite.yaml"]).await {
        let report = report(&output, 8);
        assert_eq!((verdicts(&report), unmet(&report)), (verdicts(&first), unmet(&first)), "{way}");
    }
    assert_eq!(asker.provider.calls().len(), calls + 12);
    let replayed = asker.here(&["--json", "--suite", "suite.yaml", "--replay", "tape"]).run().await;
    let replayed = report(&replayed, 8);
    assert_eq!((verdicts(&replayed), unmet(&replayed)), (verdicts(&first), unmet(&first)));
    assert_eq!(asker.provider.calls().len(), calls + 12, "nobody was called");
}

async fn a_repeated_prompt_needs_min_pass_good_replies(setup: Setup) {
    let asker = Asker::new(setup).await;
    for (good, code, min_pass) in [(3, 0, "3"), (2, 8, "3"), (4, 0, "3"), (4, 8, "5")] {
        for (way, chat) in
            asker.both(&["--json", "--repeat", "5", "--min-pass", min_pass, "--expect", "contains:yes", "x"])
        {
            for number in 0..5 {
                asker.provider.next(Reply::text([if number < good { "yes" } else { "no" }]));
            }
            let report = report(&chat.run().await, code);
            let case = &report["cases"][0];
            assert_eq!((&case["passed"], &case["repeat"]), (&json!(good), &json!(5)), "{way}");
            assert_eq!(report["summary"]["pass_rate"], json!(f64::from(good) / 5.0), "{way}");
            assert_eq!(report["summary"]["cost_usd"], json!(0.000125), "{way}");
            let spread = &report["summary"]["latency_ms"];
            assert!(spread["p50"].as_u64() <= spread["p95"].as_u64() && spread["p95"].is_u64(), "{way}: {spread}");
            assert_eq!(case["answers"].as_array().unwrap().len(), 5, "{way}");
        }
    }
    asker.here(&["--min-pass", "1", "x"]).run().await.ended(2);
    asker.here(&["--repeat", "2", "--min-pass", "3", "x"]).run().await.ended(2);
    asker.here(&["--repeat", "0", "x"]).run().await.ended(2);
}

async fn so_many_are_asked_at_a_time(setup: Setup) {
    let asker = Asker::new(setup).await;
    let gate = Gate::closed();
    asker.provider.always(Reply::text(["a"]).then_wait(&gate).then("b"));
    let running = asker.here(&["--repeat", "5", "--concurrency", "3", "x"]).start();
    asker.provider.called(3).await;
    assert_eq!(asker.provider.calls().len(), 3);
    gate.open();
    running.end().await.ended(0);
    assert_eq!(asker.provider.calls().len(), 5);
}

async fn a_suite_is_told_as_a_table_as_lines_and_as_junit(setup: Setup) {
    let asker = with_suite(setup).await;
    let arguments = ["--suite", "suite.yaml", "-m", "fake", "--junit", "junit.xml"];
    for (way, output) in asker.ask(&arguments).await {
        let lines: Vec<&str> = output.ended(8).lines().collect();
        assert!(lines[0].starts_with("CASE ") && lines[0].contains("RESULT"), "{way}: {lines:#?}");
        assert!(lines[1].starts_with("echo ") && lines[1].contains("passed"), "{way}: {lines:#?}");
        assert!(lines[2].starts_with("wrong ") && lines[2].contains("FAILED"), "{way}: {lines:#?}");
        assert_eq!(lines[5], "wrong (fake)", "{way}");
        assert_eq!(lines[6], "  contains: expected `bonjour`, got `something else`", "{way}");
        assert!(
            lines[8].starts_with("3 cases: 2 passed, 1 failed · 66 % of 3 answers passed · latency p50 "),
            "{way}: {lines:#?}"
        );
        assert_eq!(output.stderr, "error: 1 of 3 cases failed: wrong (fake)\n", "{way}");
        let xml = std::fs::read_to_string(asker.world.home().join("junit.xml")).unwrap();
        assert!(xml.contains(r#"<testsuite name="greetings" tests="3" failures="1" errors="0" skipped="0""#), "{xml}");
        assert!(xml.contains(r#"<testcase classname="greetings" name="wrong (fake)""#), "{xml}");
        assert!(xml.contains(r#"<failure message="contains: expected `bonjour`, got `something else`">"#), "{xml}");
        well_formed(&xml);
    }
    let output = asker.here(&["--suite", "suite.yaml", "-m", "fake", "-o", "ndjson"]).run().await;
    let lines: Vec<Value> = output.ended(8).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events: Vec<_> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["answer", "answer", "answer", "summary"]);
    assert_eq!(lines[3]["data"]["passed"], 2);
}

/// By a second reader.
fn well_formed(xml: &str) {
    let mut python = std::process::Command::new("python3");
    python.args(["-c", "import sys, xml.dom.minidom; xml.dom.minidom.parseString(sys.argv[1])", xml]);
    assert!(python.status().unwrap().success(), "{xml}");
}

async fn a_step_summary_is_appended_to(setup: Setup) {
    let asker = with_suite(setup).await;
    asker.file("summary.md", "# Before\n");
    let chat = asker.here(&["--suite", "suite.yaml", "--only", "smoke"]);
    chat.env("GITHUB_STEP_SUMMARY", "summary.md").run().await.ended(0);
    let chat = asker.here(&["--suite", "suite.yaml", "-m", "fake"]);
    chat.env("GITHUB_STEP_SUMMARY", "summary.md").run().await.ended(8);
    let text = std::fs::read_to_string(asker.world.home().join("summary.md")).unwrap();
    assert!(text.starts_with("# Before\n### ✅ greetings\n"), "{text}");
    assert!(text.contains("### ❌ greetings") && text.contains("| wrong | fake | FAILED | 0/1 |"), "{text}");
    assert!(text.contains(r"- contains: expected \`bonjour\`, got \`something else\`"), "{text}");
}

async fn tags_and_models_choose_cases(setup: Setup) {
    let asker = with_suite(setup).await;
    for (arguments, names) in [
        (&["--only", "json"][..], &["talk (fake): passed", "talk (claude): passed"][..]),
        (&["--only", "smoke", "--skip", "json", "-m", "claude"], &["echo (claude): passed"]),
    ] {
        let output = asker.here(&[&["--json", "--suite", "suite.yaml"], arguments].concat()).run().await;
        assert_eq!(verdicts(&report(&output, 0)), names);
    }
    let none = asker.here(&["--suite", "suite.yaml", "--only", "smok"]).run().await;
    none.ended(2);
    assert!(none.stderr.contains("did you mean `smoke`"), "{none:?}");
    let named = asker.here(&["--json", "--suite", "suite.yaml", "--only", "json", "--var", "tongue=Greek"]).run().await;
    report(&named, 0);
    assert_eq!(asker.provider.calls().iter().filter(|call| call.body.to_string().contains("Speak Greek")).count(), 2);
}

async fn the_deadline_ends_a_suite_with_a_report(setup: Setup) {
    let asker = Asker::new(setup).await;
    let never = Gate::closed();
    asker.provider.next(Reply::text(["good"])).always(Reply::text(["slow"]).then_wait(&never));
    asker.file("suite.yaml", "cases: [{name: one, prompt: x, models: [fake]}, {name: two, prompt: y, models: [fake]}]");
    for (way, chat) in asker.both(&["--json", "--suite", "suite.yaml", "--concurrency", "1", "--timeout", "2s"]) {
        let report = report(&chat.run().await, 124);
        let last = verdicts(&report).pop().unwrap();
        assert_eq!(last, "two (fake): error", "{way}");
        assert_eq!(report["cases"][1]["answers"][0]["error"]["code"], "deadline_passed", "{way}");
    }
}

async fn a_suite_that_is_interrupted_reports_what_there_is(setup: Setup) {
    let asker = Asker::new(setup).await;
    let never = Gate::closed();
    asker.file("suite.yaml", "cases: [{name: one, prompt: x, models: [fake]}, {name: two, prompt: y, models: [fake]}]");
    let words = ["--json", "--suite", "suite.yaml", "--concurrency", "1", "--junit", "junit.xml"];
    let junit_file = asker.world.home().join("junit.xml");
    for (way, chat) in asker.both(&words) {
        asker.provider.next(Reply::text(["good"])).next(Reply::text(["slow"]).then_wait(&never));
        let before = asker.provider.calls().len();
        let command = chat.start();
        asker.provider.called(before + 2).await;
        command.signal("INT");
        let report = report(&command.end().await, 130);
        assert_eq!(verdicts(&report), ["one (fake): passed", "two (fake): error"], "{way}");
        assert_eq!(report["cases"][1]["answers"][0]["error"]["code"], "interrupted", "{way}");
        let junit = std::fs::read_to_string(&junit_file).unwrap();
        assert!(junit.contains("tests=\"2\"") && junit.contains("interrupted"), "{way}: {junit}");
        std::fs::remove_file(&junit_file).unwrap();
        eventually("the provider to be let go", async || asker.provider.last_call().dropped.then_some(())).await;
    }
}

async fn a_suite_without_answers_ends_as_its_first_error(setup: Setup) {
    let asker = Asker::new(setup).await;
    asker
        .file("suite.yaml", "cases: [{name: one, prompt: x, models: [fake]}, {name: two, prompt: y, models: [fakes]}]");
    asker.provider.always(Reply::status(400));
    for (way, output) in asker.ask(&["--json", "--suite", "suite.yaml"]).await {
        let report = report(&output, 7);
        assert_eq!(verdicts(&report), ["one (fake): error", "two (fakes): error"], "{way}");
        let errors = [0, 1].map(|case| report["cases"][case]["answers"][0]["error"]["code"].clone());
        assert_eq!(errors, [json!("provider_rejected"), json!("unknown_model")], "{way}");
        assert_eq!(serde_json::from_str::<Value>(&output.stderr).unwrap()["code"], "cases_failed", "{way}");
    }
}

async fn a_limit_of_our_own_is_waited_for(setup: Setup) {
    let asker = Asker::in_world(setup, |world| world.limit("slow", "messages", 2, "2s")).await;
    let since = Instant::now();
    for (way, output) in asker.ask(&["--repeat", "3", "x"]).await {
        assert!(output.ended(0).contains("100 % of 3 answers passed"), "{way}: {output:?}");
    }
    assert!(since.elapsed().as_millis() > 900, "a limit is a limit");
}

async fn a_mistake_in_a_suite_is_exit_2_with_its_line(setup: Setup) {
    let asker = Asker::new(setup).await;
    asker.file("suite.yaml", "cases:\n  - name: x\n    promt: hi\n");
    for (way, output) in asker.ask(&["--suite", "suite.yaml"]).await {
        output.ended(2);
        assert!(
            output.stderr.starts_with("error: suite.yaml:3: unknown field `promt`, expected one of `name`, `prompt`"),
            "{way}: {output:?}"
        );
    }
    let missing = asker.here(&["--suite", "nowhere.yaml"]).run().await;
    missing.ended(2);
    assert!(missing.stderr.contains("nowhere.yaml cannot be read"), "{missing:?}");
    for arguments in [&["x"][..], &["--expect", "contains:x"], &["--schema", "x.json"], &["--system", "x"]] {
        asker.here(&[&["--suite", "suite.yaml"], arguments].concat()).run().await.ended(2);
    }
}

async fn the_schema_of_a_suite_is_printed(setup: Setup) {
    let asker = Asker::new(setup).await;
    let schema = asker.world.cli(["chat", "--suite-schema"]).run().await.json();
    assert!(jsonschema::meta::is_valid(&schema) && schema["properties"]["cases"].is_object());
}

async fn a_text_in_a_suite_is_what_is_written(setup: Setup) {
    let asker = Asker::new(setup).await;
    for (written, other) in [
        ("3.10", "3.1"),
        ("2.50", "2.5"),
        ("01234", "1234"),
        ("0x1F", "31"),
        ("0o17", "15"),
        ("1_000", "1000"),
        ("+5", "5"),
        ("1e3", "1000"),
        (".5", "1/2"),
        ("yes", "true"),
        ("NO", "false"),
        ("True", "true"),
        ("null", "none"),
        ("~", "none"),
        ("12345678901234567890123", "12345678901234567000000"),
        ("0.1000000000000000055511151231257827", "0.1"),
        ("2026-11-28", "2026-11-27"),
        ("12:30:45", "45045"),
    ] {
        asker.file(
            "suite.yaml",
            &format!(
                "models: [fake]\ncases:\n- name: equals\n  prompt: '{written}'\n  expect: [equals: {written}]\n\
                 - name: another\n  prompt: 'x {other} x'\n  expect: [not-contains: {written}, contains: {other}]\n\
                 - name: variable\n  prompt: '{{{{v}}}}'\n  vars: {{v: {written}}}\n  expect: ['equals:{written}']\n\
                 - name: said\n  messages: [{{role: user, content: {written}}}]\n  expect: ['equals:{written}']\n"
            ),
        );
        let output = asker.here(&["--suite", "suite.yaml"]).run().await;
        assert_eq!(output.code, 0, "{written}: {output:#?}");
    }
    // Held to what is written, and no weaker.
    asker.file("suite.yaml", "models: [fake]\ncases: [{name: a, prompt: we use 3.12, expect: [contains: 3.10]}]\n");
    let output = asker.here(&["--suite", "suite.yaml"]).run().await;
    assert!(output.ended(8).contains("contains: expected `3.10`, got `we use 3.12`"), "{output:?}");
}

async fn the_line_break_that_ends_a_block_does_not_count(setup: Setup) {
    let asker = Asker::new(setup).await;
    let suite = "models: [fake]\ncases:\n- name: a\n  prompt: The capital is Paris.\n  expect:\n  - KIND: |\n      TEXT\n\
                 - name: b\n  prompt: |\n    The capital is Paris.\n  expect:\n  - KIND: >\n      TEXT\n\n\
                 - name: c\n  prompt: The capital is Paris.\n  expect:\n  - KIND: |+\n      TEXT\n\n";
    for (kind, text, code) in [
        ("contains", "Paris", 0),
        ("contains", "Rome", 8),
        ("equals", "The capital is Paris.", 0),
        ("regex", "Paris\\.$", 0),
        ("regex", "^Paris$", 8),
        ("not-contains", "Paris", 8),
        ("not-contains", "Rome", 0),
    ] {
        let suite = suite.replace("KIND", kind).replace("TEXT", text);
        for suite in [suite.replace('\n', "\r\n"), suite] {
            asker.file("suite.yaml", &suite);
            let output = asker.here(&["--json", "--suite", "suite.yaml"]).run().await;
            let report = report(&output, code);
            let passed = if code == 0 { 3 } else { 0 };
            assert_eq!(report["summary"]["passed"], json!(passed), "{kind} {text}: {report}");
        }
    }
}

fn many(cases: usize, model: &str) -> String {
    let cases = (0..cases).map(|number| format!("- {{name: case {number}, prompt: x, expect: [equals: x]}}\n"));
    format!("models: [{model}]\ncases:\n{}", cases.collect::<String>())
}

async fn many_at_a_time_wait_for_a_limit_in_turn(setup: Setup) {
    // More at a time than the rules let pass in a second, and more than may run at a time.
    let asker =
        Asker::in_world(setup, |world| world.limit("pace", "messages", 20, "2s").limit("room", "turns", 3, "")).await;
    asker.file("suite.yaml", &many(50, "fake"));
    for (way, output) in asker.ask(&["--json", "--suite", "suite.yaml", "--concurrency", "32"]).await {
        let report = report(&output, 0);
        assert_eq!(report["summary"]["passed"], 50, "{way}");
    }
    assert_eq!(asker.provider.calls().len(), 100, "each is asked once");
}

async fn a_limit_is_waited_for_within_the_time_limit(setup: Setup) {
    let asker = Asker::in_world(setup, |world| world.limit("slow", "messages", 1, "1h")).await;
    asker.file("suite.yaml", &many(2, "fake"));
    for arguments in [&["--timeout", "20s"][..], &[]] {
        let since = Instant::now();
        let arguments = [&["--json", "--suite", "suite.yaml", "--concurrency", "1"], arguments].concat();
        let report = report(&asker.here(&arguments).run().await, 6);
        let last = &report["cases"][1]["answers"][0];
        assert_eq!(last["error"]["code"], "rate_limited", "{report}");
        assert!(since.elapsed().as_secs() < 15, "what cannot be waited for is told at once");
        asker.world.cli(["ratelimit", "reset", "--all", "--yes"]).run().await.ended(0);
    }
}

async fn an_unwritable_report_is_found_before_any_prompt(setup: Setup) {
    let asker = with_suite(setup).await;
    for (way, chat) in asker.both(&["--json", "--suite", "suite.yaml", "--junit", "no/such/j.xml"]) {
        let output = chat.run().await;
        output.ended(2);
        assert!(output.stderr.contains("no/such/j.xml cannot be written: No such file"), "{way}: {output:?}");
    }
    let folder = asker.here(&["--suite", "suite.yaml", "--junit", "."]).run().await;
    folder.ended(2);
    let chat = asker.here(&["--suite", "suite.yaml"]).env("GITHUB_STEP_SUMMARY", "/no/such/summary");
    let output = chat.run().await;
    output.ended(2);
    assert!(output.stderr.contains("/no/such/summary cannot be written"), "{output:?}");
    assert!(asker.provider.calls().is_empty(), "no question was asked");
    // What cannot be written after all does not take the place of what the suite has found.
    let output = asker.here(&["--suite", "suite.yaml", "-m", "fake", "--junit", "/dev/full"]).run().await;
    assert!(output.ended(8).contains("3 cases: 2 passed, 1 failed"), "{output:?}");
    assert!(output.stderr.contains("/dev/full cannot be written"), "{output:?}");
    asker.here(&["--suite", "suite.yaml", "--only", "smoke", "--junit", "/dev/full"]).run().await.ended(1);
}

async fn a_report_may_go_to_standard_output(setup: Setup) {
    let asker = with_suite(setup).await;
    let output = asker.here(&["--suite", "suite.yaml", "-m", "fake", "--junit", "-"]).run().await;
    let xml = output.ended(8);
    assert!(xml.starts_with("<?xml ") && xml.ends_with("</testsuites>\n"), "{xml}");
    well_formed(xml);
    assert!(!asker.world.home().join("-").exists());
    asker.here(&["--json", "--suite", "suite.yaml", "--junit", "-"]).run().await.ended(2);
    for arguments in [&["--junit", "j.xml", "x"][..], &["--only", "smoke", "x"], &["--skip", "a", "--repeat", "2", "x"]]
    {
        let refused = asker.here(arguments).run().await;
        assert!(refused.stderr.contains("goes with --suite"), "{arguments:?}: {}", refused.stderr);
        refused.ended(2);
    }
    // An older, longer report is replaced as a whole.
    asker.file("junit.xml", &"x".repeat(100_000));
    asker.here(&["--suite", "suite.yaml", "-m", "fake", "--junit", "junit.xml"]).run().await.ended(8);
    well_formed(&std::fs::read_to_string(asker.world.home().join("junit.xml")).unwrap());
}

async fn a_step_summary_stays_below_what_github_shows(setup: Setup) {
    let asker = Asker::in_world(setup, |world| world.without_limits()).await;
    let prompt = "|*_".repeat(140);
    let case =
        |number| format!("- {{name: '{number:>4} {}', prompt: '{prompt}', expect: [contains: y]}}\n", "n".repeat(1500));
    let cases: String = (0..400).map(case).collect();
    asker.file(
        "suite.yaml",
        &format!("models: [mock]\ncases:\n{cases}- {{name: good, prompt: y, expect: [contains: y]}}\n"),
    );
    asker.file("summary.md", &"b".repeat(10_000));
    let world = asker.world;
    let world =
        world.add("providers", "name = 'echo'\nkind = 'mock'").add("models", "name = 'mock'\nprovider = 'echo'");
    let chat = world.cli(["chat", "--as", "ada", "-q", "--concurrency", "8", "--suite", "suite.yaml", "--json"]);
    let output = chat.env("GITHUB_STEP_SUMMARY", "summary.md").run().await;
    output.ended(8);
    let page = std::fs::read_to_string(world.home().join("summary.md")).unwrap();
    assert!(page.len() < 1024 * 1024 && page.len() > 900 * 1024, "{}", page.len());
    assert!(page.contains("401 cases: 1 passed, 400 failed"), "the sum is told");
    let told = page.lines().rfind(|line| line.starts_with("Left out")).expect("what was left out is told");
    let numbers: Vec<usize> = told.split(' ').filter_map(|word| word.parse().ok()).collect();
    let &[_, rows_left_out, rows, failures_left_out, failures] = &numbers[..] else { panic!("{told}") };
    assert_eq!((rows, failures), (401, 400), "{told}");
    assert_eq!(page.matches(" | mock | ").count(), rows - rows_left_out, "{told}");
    assert_eq!(page.matches("- contains: expected").count(), failures - failures_left_out, "{told}");
}
