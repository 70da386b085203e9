//! Recordings of providers' replies: written without secrets and always alike, read in a provider's place, and a
//! request that is in none of them calls no provider.

use std::{collections::BTreeMap, fs, path::Path};

use crate::harness::{Asker, Invocation, Provider, Reply, Setup, Value, World, json};

on_every_setup! {
    a_server_answers_from_recordings
}

on_sqlite! {
    a_recorded_reply_is_replayed_without_a_call
    recording_twice_gives_the_same_files
    unrecorded_requests_exit_8_with_nearest_and_diff
    answers_to_the_same_request_come_in_their_order
    a_refusal_is_recorded_and_an_outage_is_not
    nothing_has_to_be_configured_to_replay
    recordings_belong_to_a_process_of_its_own
    no_secret_is_in_any_file
    no_cut_goes_through_a_secret
    ordinary_words_are_the_same_live_and_on_replay
    a_secret_is_judged_on_replay_as_live
    providers_of_one_model_have_their_own_recordings
    recordings_of_an_older_version_are_told
    a_prompts_line_ends_do_not_tell_recordings_apart
}

fn files(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap())).collect()
}

async fn a_recorded_reply_is_replayed_without_a_call(setup: Setup) {
    let asker = Asker::new(setup).await;
    asker.provider.next(Reply::text(["one ", "two\n", "  three"]));
    let first = asker.here(&["--json", "--record", "tape", "x"]).run().await.json();
    let again = asker.here(&["--json", "--replay", "tape", "x"]).run().await.json();
    for member in ["text", "usage", "cost_usd", "finish_reason", "provider", "model", "attempts", "passed"] {
        assert_eq!(again[member], first[member], "{member}");
    }
    assert_eq!(asker.provider.calls().len(), 1);
    let (name, text) = files(&asker.world.home().join("tape")).pop_first().unwrap();
    assert!(name.starts_with("small-") && name.ends_with(".json"), "{name}");
    let recording: Value = serde_json::from_str(&text).unwrap();
    let expected = json!({
        "version": 2,
        "request": {"provider": "fake-openai", "model": "small", "messages": [{"role": "user", "content": ["x"]}], "max_tokens": 256},
        "answers": [{"text": ["one two", "  three"], "finish_reason": "stop", "tokens": {"input": 11, "output": 7, "cached": 0}}],
    });
    assert_eq!(recording, expected);
}

async fn recording_twice_gives_the_same_files(setup: Setup) {
    let asker = Asker::new(setup).await;
    let suite = "models: [fake, claude]\ncases: [{name: a, prompt: one, repeat: 3}, {name: b, prompt: two, temperature: 0.1, seed: 3}]";
    asker.file("suite.yaml", suite);
    for tape in ["first", "second", "first"] {
        asker.here(&["--suite", "suite.yaml", "--record", tape]).run().await.ended(0);
    }
    let home = asker.world.home();
    let (first, second) = (files(&home.join("first")), files(&home.join("second")));
    assert_eq!(first.len(), 4);
    assert_eq!(first, second);
}

async fn unrecorded_requests_exit_8_with_nearest_and_diff(setup: Setup) {
    let asker = Asker::new(setup).await;
    asker.here(&["--record", "tape", "Say hello to Ada"]).run().await.ended(0);
    asker.here(&["--record", "tape", "Count to ten"]).run().await.ended(0);
    let calls = asker.provider.calls().len();
    let missed = asker.here(&["--replay", "tape", "--temperature", "0.5", "Say hello to Bob"]).run().await;
    assert_eq!(missed.ended(8), "");
    for told in [
        "not recorded in tape",
        "--record tape",
        "nearest: small-",
        "    - Say hello to Ada\n    + Say hello to Bob",
        "temperature:\n    - (nothing)\n    + 0.5",
    ] {
        assert!(missed.stderr.contains(told), "{told}: {missed:?}");
    }
    let problem = asker.here(&["--json", "--replay", "tape", "Say hello to Bob"]).run().await.problem(8);
    assert_eq!(problem["code"], "not_recorded");
    let empty = asker.here(&["--replay", "nowhere", "x"]).run().await;
    empty.ended(8);
    assert!(empty.stderr.contains("no recordings at all"), "{empty:?}");
    assert_eq!(asker.provider.calls().len(), calls, "nobody was called");
}

async fn answers_to_the_same_request_come_in_their_order(setup: Setup) {
    let asker = Asker::new(setup).await;
    asker.provider.next(Reply::text(["yes"])).next(Reply::text(["no"])).next(Reply::text(["yes"]));
    let arguments = ["--json", "--concurrency", "1", "--repeat", "3", "--expect", "equals:yes", "x"];
    let texts = |output: &crate::harness::Output| -> Vec<String> {
        let report: Value = serde_json::from_str(output.ended(8)).unwrap();
        let answers = report["cases"][0]["answers"].as_array().unwrap().iter();
        answers.map(|answer| answer["text"].as_str().unwrap().to_owned()).collect()
    };
    let recorded = asker.here(&[&["--record", "tape"], &arguments[..]].concat()).run().await;
    assert_eq!(texts(&recorded), ["yes", "no", "yes"]);
    let replayed = asker.here(&[&["--replay", "tape"], &arguments[..]].concat()).run().await;
    assert_eq!(texts(&replayed), ["yes", "no", "yes"]);
}

async fn a_refusal_is_recorded_and_an_outage_is_not(setup: Setup) {
    let asker = Asker::new(setup).await;
    asker.provider.next(Reply::status(400));
    let refused = asker.here(&["--json", "--record", "tape", "x"]).run().await.problem(7);
    let again = asker.here(&["--json", "--replay", "tape", "x"]).run().await.problem(7);
    assert_eq!((&again["code"], &again["detail"]), (&refused["code"], &refused["detail"]));
    asker.provider.next(Reply::status(401));
    asker.here(&["--record", "tape", "y"]).run().await.ended(5);
    asker.here(&["--replay", "tape", "y"]).run().await.ended(8);
}

async fn nothing_has_to_be_configured_to_replay(setup: Setup) {
    let asker = Asker::in_world(setup, |world| world.add("models", "name = 'gpt-x'\nprovider = 'fake-openai'")).await;
    asker.here(&["-m", "gpt-x", "--record", "tape", "x"]).run().await.ended(0);
    let bare = tempfile::tempdir().unwrap();
    let tape = asker.world.home().join("tape");
    for arguments in [&["-m", "gpt-x"][..], &[]] {
        let arguments = [&["chat", "--replay", tape.to_str().unwrap(), "x"], arguments].concat();
        assert_eq!(Invocation::new(bare.path(), arguments).run().await.ended(0), "x\n", "no file, no key");
    }
    // A configuration whose keys are not there any more.
    let config = "[[providers]]\nname = 'p'\nkind = 'openai'\napi_key = { env = 'GONE' }\n[[models]]\nname = 'gpt-x'\nprovider = 'p'\n";
    fs::write(bare.path().join("mcpchat.toml"), config).unwrap();
    let configured = ["--config", "mcpchat.toml", "chat", "x"];
    let again = [&configured[..], &["--replay", tape.to_str().unwrap()]].concat();
    assert_eq!(Invocation::new(bare.path(), again).run().await.ended(0), "x\n");
    Invocation::new(bare.path(), configured).run().await.ended(9);
}

async fn recordings_belong_to_a_process_of_its_own(setup: Setup) {
    let asker = Asker::new(setup).await;
    for flag in ["--record", "--replay"] {
        asker.there(&[flag, "tape", "x"]).run().await.ended(2);
    }
    asker.here(&["--record", "a", "--replay", "b", "x"]).run().await.ended(2);
    asker.file("no-folder", "");
    asker.here(&["--record", "no-folder", "x"]).run().await.ended(9);
}

async fn a_server_answers_from_recordings(setup: Setup) {
    let asker = Asker::new(setup).await;
    asker.here(&["--record", "tape", "x y z"]).run().await.ended(0);
    let tape = asker.world.home().join("tape");
    let world = World::migrated(setup).await;
    let world = world
        .add("providers", &format!("name = 'taped'\nkind = 'cassette'\ndir = '{}'", tape.display()))
        .add("models", "name = 'fake'\nprovider = 'taped'\nupstream_name = 'small'\nmax_output_tokens = 256\nprice = { input = 1.0, output = 2.0 }");
    let (world, server, ada) = world.with_ada().await;
    let sent = ada.send(&json!({"content": "x y z"})).await.ok(201).clone();
    assert_eq!(sent["assistant_message"]["content"], "x y z");
    assert_eq!(sent["turn"]["usage"]["cost_usd"], json!(0.000025));
    let problem = ada.send(&json!({"content": "never asked"})).await.problem(422, "not_recorded").clone();
    assert!(problem["detail"].as_str().unwrap().contains("nearest: small-"), "{problem}");
    let there =
        world.cli(["chat", "never asked"]).env("MCPCHAT_SERVER", &server.url()).env("MCPCHAT_TOKEN", ada.token());
    there.run().await.ended(8);
}

async fn no_secret_is_in_any_file(setup: Setup) {
    const KEY: &str = "sk-canary-0123456789";
    const TOKEN: &str = "canary-of-the-environment";
    let asker = Asker::in_world(setup, |world| {
        let provider = world.provider_address();
        world
            .add(
                "providers",
                &format!("name = 'keyed'\nkind = 'openai'\nbase_url = 'http://{provider}/v1'\napi_key = '{KEY}'"),
            )
            .add("models", "name = 'keyed'\nprovider = 'keyed'")
    })
    .await;
    asker.file("suite.yaml", &format!("models: [keyed]\ncases: [{{name: leak, prompt: 'they are {KEY} and {TOKEN}', expect: [contains: x]}}, {{name: refused, prompt: y}}]"));
    asker.provider.next(Reply::status(400));
    let mut said = String::new();
    for output in ["json", "ndjson", "table"] {
        let arguments = [
            "-vv",
            "-o",
            output,
            "--suite",
            "suite.yaml",
            "--record",
            "tape",
            "--junit",
            "junit.xml",
            "--concurrency",
            "1",
        ];
        let output =
            asker.here(&arguments).env("DEPLOY_TOKEN", TOKEN).env("GITHUB_STEP_SUMMARY", "summary.md").run().await;
        assert_ne!(output.code, 0);
        said.push_str(&output.stdout);
        said.push_str(&output.stderr);
    }
    let home = asker.world.home();
    for file in ["junit.xml", "summary.md"] {
        said.push_str(&fs::read_to_string(home.join(file)).unwrap());
    }
    let tape = files(&home.join("tape"));
    said.extend(tape.values().map(String::as_str));
    assert!(said.contains("they are *** and ***"), "{said}");
    assert!(!said.contains(KEY) && !said.contains(TOKEN), "{said}");
    assert!(asker.provider.calls()[0].header("authorization").unwrap().contains(KEY), "it is sent where it belongs");
    assert_eq!(tape.len(), 2);
}

const CANARY: &str = "canary-secret-value-1234567890";

async fn no_cut_goes_through_a_secret(setup: Setup) {
    let asker = Asker::new(setup).await;
    asker.file("s.json", r#"{"type": "object", "required": ["a"]}"#);
    let (arguments, with) = (["-o", "json", "--schema", "s.json", "--repair", "give a"], ["--expect", "equals:x"]);
    for fill in [150, 170, 180, 187, 195, 199] {
        let leaked = format!("{} {CANARY}{}", "x".repeat(fill), " blah".repeat(60));
        for (flags, format) in [(&with[..0], "json"), (&with, "json"), (&with, "ndjson"), (&with, "table")] {
            let tape = format!("tape-{fill}-{format}-{}", flags.len());
            let mut arguments = [&arguments[..], flags].concat();
            arguments[1] = format;
            asker
                .provider
                .next(Reply::text([&leaked[..fill + 9], &leaked[fill + 9..]]))
                .next(Reply::text([r#"{"a":1}"#]));
            let live = asker.here(&[&["--record", &tape], &arguments[..]].concat()).env("MY_TOKEN", CANARY).run().await;
            let kept: String = files(&asker.world.home().join(&tape)).values().cloned().collect();
            let said = format!("{}{}{kept}", live.stdout, live.stderr);
            assert!(!said.contains("canary"), "{said}");
            assert!(!asker.provider.last_call().question().contains("canary"), "what is asked again has none");
            for set in [true, false] {
                let again = asker.here(&[&["--replay", &tape], &arguments[..]].concat());
                let again = if set { again.env("MY_TOKEN", CANARY) } else { again };
                let again = again.run().await;
                assert_eq!(again.code, live.code, "{fill} {format} {set}: {again:#?}");
                assert!(!again.stdout.contains("canary") && !again.stderr.contains("canary"), "{again:?}");
            }
        }
    }
}

async fn ordinary_words_are_the_same_live_and_on_replay(setup: Setup) {
    let asker = Asker::new(setup).await;
    for (number, (name, value, word)) in [
        ("NO_DATABASE_URL", "postgres://postgres:postgres@127.0.0.1:5432/postgres", "postgres"),
        ("CACHE_URL", "redis://:development@127.0.0.1", "development"),
        ("TOKENIZER", "cl100k_base", "cl100k_base"),
        ("CACHE_KEY", "linux-x64", "linux-x64"),
        ("ADMIN_PASSWORD", "administrator", "administrator"),
        ("API_KEY", "lm-studio", "lm-studio"),
    ]
    .into_iter()
    .enumerate()
    {
        let (tape, question) = (format!("tape-{number}"), format!("\"{word}\""));
        asker.file("schema.json", &json!({"enum": [word]}).to_string());
        let expected = format!("contains:{word}");
        let arguments = ["--json", "--schema", "schema.json", "--expect", &expected, &question];
        for way in ["--record", "--replay"] {
            let output = asker.here(&[&[way, &tape], &arguments[..]].concat()).env(name, value).run().await;
            assert_eq!(output.json()["text"], json!(question), "{name} {way}");
        }
        // And where it is set for the one only.
        asker.here(&[&["--replay", &tape], &arguments[..]].concat()).run().await.ended(0);
    }
}

async fn a_secret_is_judged_on_replay_as_live(setup: Setup) {
    let asker = Asker::new(setup).await;
    let question = format!("say {CANARY}");
    let kinds = [
        format!("contains:{CANARY}"),
        format!("regex:^say {CANARY}$"),
        format!("equals:{question}"),
        "regex:c[a-z0-9-]{29}$".into(),
    ];
    let mut arguments: Vec<&str> = vec!["--json"];
    kinds.iter().for_each(|kind| arguments.extend(["--expect", kind]));
    arguments.push(&question);
    for recorded_as_secret in [true, false] {
        let tape = format!("tape-{recorded_as_secret}");
        let with = |way: &str, is_secret: bool, other: &str| {
            let chat = asker.here(&[&[way, &tape], &arguments[..]].concat());
            if is_secret { chat.env(other, CANARY) } else { chat }
        };
        with("--record", recorded_as_secret, "MY_TOKEN").run().await.ended(0);
        let kept: String = files(&asker.world.home().join(&tape)).values().cloned().collect();
        assert_eq!(kept.contains(CANARY), !recorded_as_secret, "{kept}");
        for (is_secret, name) in [(true, "MY_TOKEN"), (false, ""), (true, "ANOTHER_TOKEN")] {
            let again = with("--replay", is_secret, name).run().await;
            assert_eq!(again.json()["passed"], true, "{recorded_as_secret} {name}");
            assert_eq!(again.stdout.contains(CANARY), !is_secret, "{again:?}");
        }
    }
    // Judged as it is, also that it must not be said.
    let leak = ["--json", "--expect", "not-contains:canary-secret", &question];
    for way in ["--record", "--replay"] {
        let output = asker.here(&[&[way, "leak"], &leak[..]].concat()).env("MY_TOKEN", CANARY).run().await;
        assert!(!output.ended(8).contains("secret-value"), "{output:?}");
    }
}

async fn providers_of_one_model_have_their_own_recordings(setup: Setup) {
    let (alpha, beta) = (Provider::start().await, Provider::start().await);
    alpha.always(Reply::text(["I am ALPHA"]));
    beta.always(Reply::text(["I am BETA"]));
    let mut world = World::migrated(setup).await;
    for (name, provider) in [("alpha", &alpha), ("beta", &beta)] {
        world = world
            .add(
                "providers",
                &format!("name = '{name}'\nkind = 'openai'\nbase_url = 'http://{}/v1'", provider.address()),
            )
            .add("models", &format!("name = '{name}/same'\nprovider = '{name}'\nupstream_name = 'same'"));
    }
    world.add_user("ada").await;
    let suite = "models: [alpha/same, beta/same]\ncases: [{name: who, prompt: 'who are you?'}]";
    fs::write(world.home().join("s.yaml"), suite).unwrap();
    let chat = async |arguments: &[&str]| world.cli([&["chat", "--as", "ada"], arguments].concat()).run().await;
    // One that was not recorded is not answered by the other.
    chat(&["--record", "one", "-m", "alpha/same", "who are you?"]).await.ended(0);
    let missed = chat(&["--replay", "one", "-m", "beta/same", "who are you?"]).await;
    missed.ended(8);
    assert!(missed.stderr.contains("provider:\n    - alpha\n    + beta"), "{missed:?}");
    chat(&["--record", "c", "--suite", "s.yaml", "--concurrency", "1"]).await.ended(0);
    let answers = async || -> Vec<(String, String)> {
        let report = chat(&["--replay", "c", "--suite", "s.yaml", "--json", "--concurrency", "4"]).await.json();
        let cases = report["cases"].as_array().unwrap().iter();
        let word = |value: &Value| value.as_str().unwrap().to_owned();
        cases.map(|case| (word(&case["model"]), word(&case["answers"][0]["text"]))).collect()
    };
    let each = [("alpha/same", "I am ALPHA"), ("beta/same", "I am BETA")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(answers().await, each);
    assert_eq!(chat(&["--replay", "c", "-m", "beta/same", "who are you?"]).await.ended(0), "I am BETA\n");
    chat(&["--record", "c", "-m", "alpha/same", "who are you?"]).await.ended(0);
    assert_eq!(answers().await, each, "the other's recording is untouched");
    // Without a configuration each is there under a name of its own; with one for all it is not clear which is meant.
    let (bare, tape) = (tempfile::tempdir().unwrap(), world.home().join("c"));
    let tape = tape.to_str().unwrap();
    for (model, answer) in [("same", "I am ALPHA\n"), ("beta/same", "I am BETA\n")] {
        let output = Invocation::new(bare.path(), ["chat", "--replay", tape, "-m", model, "who are you?"]).run().await;
        assert_eq!(output.ended(0), answer);
    }
    let taped = format!(
        "[[providers]]\nname = 'taped'\nkind = 'cassette'\ndir = '{tape}'\n[[models]]\nname = 'same'\nprovider = 'taped'\n"
    );
    fs::write(bare.path().join("taped.toml"), taped).unwrap();
    let output =
        Invocation::new(bare.path(), ["--config", "taped.toml", "chat", "-m", "same", "who are you?"]).run().await;
    output.ended(8);
    assert!(output.stderr.contains("several providers (`alpha`, `beta`)"), "{output:?}");
}

async fn recordings_of_an_older_version_are_told(setup: Setup) {
    let asker = Asker::new(setup).await;
    fs::create_dir(asker.world.home().join("tape")).unwrap();
    let old = r#"{"version": 1, "request": {"model": "small", "messages": [{"role": "user", "content": ["x"]}], "max_tokens": 256},
                 "answers": [{"text": ["old"], "finish_reason": "stop"}]}"#;
    asker.file("tape/small-0123456789abcdef.json", old);
    let missed = asker.here(&["--replay", "tape", "x"]).run().await;
    missed.ended(8);
    assert!(missed.stderr.contains("1 of its files are recordings of an older mcpchat"), "{missed:?}");
    assert!(missed.stderr.contains("delete them, and record again"), "{missed:?}");
    asker.here(&["--record", "tape", "x"]).run().await.ended(0);
    assert_eq!(asker.here(&["--replay", "tape", "x"]).run().await.ended(0), "x\n");
}

async fn a_prompts_line_ends_do_not_tell_recordings_apart(setup: Setup) {
    let asker = Asker::new(setup).await;
    let arguments = |way| [way, "tape", "--prompt-file", "ask.md", "--system", "be\nbrief"];
    asker.file("ask.md", "one\ntwo\n");
    asker.here(&arguments("--record")).run().await.ended(0);
    asker.file("ask.md", "one\r\ntwo\r\n");
    assert_eq!(asker.here(&arguments("--replay")).run().await.ended(0), "one\ntwo\n");
    // Also of the recordings themselves.
    let tape = asker.world.home().join("tape");
    for (name, text) in files(&tape) {
        fs::write(tape.join(name), text.replace('\n', "\r\n")).unwrap();
    }
    asker.here(&arguments("--replay")).run().await.ended(0);
}
