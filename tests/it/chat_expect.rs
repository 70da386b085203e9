//! Expectations of replies: everything is checked, everything that fails is told, and then it is exit 8, in both ways.

use crate::harness::{Asker, Reply, Setup, Value, json};

on_every_setup! {
    a_record_tells_all_there_is_to_an_answer
    a_repair_is_asked_for_once_and_counted
}

on_sqlite! {
    all_that_is_not_met_is_told
    an_answer_that_is_good_enough_is_exit_0
    a_cut_or_refused_answer_is_none
    an_answer_is_held_to_its_schema
    an_invalid_expectation_is_exit_2_before_any_call
    a_secret_that_a_model_says_back_is_in_no_record
}

/// The record and the problem of an answer that was not good enough.
fn not_good_enough(output: &crate::harness::Output) -> (Value, Value) {
    let record = serde_json::from_str(output.ended(8)).unwrap_or_else(|error| panic!("{error} in {output:#?}"));
    (record, serde_json::from_str(&output.stderr).unwrap_or_else(|error| panic!("{error} in {output:#?}")))
}

async fn a_record_tells_all_there_is_to_an_answer(setup: Setup) {
    let asker = Asker::new(setup).await;
    for (way, output) in asker.ask(&["--json", "one two"]).await {
        let mut record = output.json();
        for id in ["turn_id", "conversation_id", "user_message_id", "assistant_message_id", "request_id"] {
            let id = record.as_object_mut().unwrap().remove(id).unwrap_or_else(|| panic!("{way}: no {id}"));
            assert!(id.as_str().is_some_and(|id| id.len() == 36), "{way}: {id}");
        }
        for time in ["latency_ms", "first_token_ms"] {
            let time = record.as_object_mut().unwrap().remove(time).unwrap();
            assert!(time.is_u64(), "{way}: {time}");
        }
        let usage = json!({"input_tokens": 11, "output_tokens": 7, "cached_tokens": 0, "cost_usd": 0.000025, "source": "provider"});
        let rest = json!({
            "version": 1, "passed": true, "unmet": [], "provider": "fake-openai", "model": "fake", "text": "one two",
            "state": "completed", "finish_reason": "stop", "usage": usage, "cost_usd": 0.000025, "attempts": 1, "repairs": 0,
        });
        assert_eq!(record, rest, "{way}");
    }
    asker.provider.next(Reply::status(503)).next(Reply::text(["better"]));
    let record = asker.here(&["--json", "x"]).run().await.json();
    assert_eq!((&record["attempts"], &record["text"]), (&json!(2), &json!("better")));
    let turn = asker.ada().turn(&record["turn_id"]).await;
    assert_eq!((&turn["attempts"], &turn["provider"]), (&json!(2), &json!("fake-openai")));
}

async fn all_that_is_not_met_is_told(setup: Setup) {
    let asker = Asker::new(setup).await;
    asker.provider.always(Reply::text(["{\"n\": 1}"]));
    asker.file("schema.json", r#"{"properties": {"n": {"type": "string"}}}"#);
    let arguments = [
        "--expect",
        "contains:foo",
        "--expect",
        "not-contains:n",
        "--expect",
        "regex:^x",
        "--expect",
        "equals:y",
        "--expect",
        "jq:.n > 1",
        "--expect",
        "json-schema:schema.json",
        "--max-cost",
        "0.00001",
        "--max-latency",
        "1us",
        "--max-first-token",
        "1us",
        "--max-output-tokens",
        "6",
        "x",
    ];
    for (way, output) in asker.ask(&arguments).await {
        assert_eq!(output.ended(8), "{\"n\": 1}\n", "{way}: the answer is shown all the same");
        let lines: Vec<&str> = output.stderr.lines().collect();
        assert_eq!(lines.len(), 11, "{way}: {lines:#?}");
        assert_eq!(lines[0], "error: 10 expectations failed");
        assert_eq!(
            lines[1..8],
            [
                "  contains: expected `foo`, got `{\"n\": 1}`",
                "  not-contains: expected nothing like `n`, got `{\"n\": 1}`",
                "  regex: expected `^x`, got `{\"n\": 1}`",
                "  equals: expected `y`, got `{\"n\": 1}`",
                "  jq: expected `.n > 1` to be true, got false from `{\"n\": 1}`",
                "  json-schema: at /n: expected type: \"string\", got `1`",
                "  max-cost: expected at most $0.00001, got $0.000025",
            ],
            "{way}"
        );
        assert!(lines[8].starts_with("  max-latency: expected at most 0 ms, got "), "{way}: {lines:#?}");
        assert!(lines[9].starts_with("  max-first-token: "), "{way}: {lines:#?}");
        assert_eq!(lines[10], "  max-output-tokens: expected at most 6, got 7", "{way}");
    }
    for (way, output) in asker.ask(&[&["--json"], &arguments[..]].concat()).await {
        let (record, problem) = not_good_enough(&output);
        assert_eq!(problem["code"], "expectation_failed", "{way}");
        assert_eq!((&record["passed"], record["unmet"].as_array().unwrap().len()), (&json!(false), 10), "{way}");
        assert_eq!(problem["unmet"], record["unmet"], "{way}");
        assert_eq!(record["unmet"][5]["pointer"], "/n", "{way}");
    }
}

async fn an_answer_that_is_good_enough_is_exit_0(setup: Setup) {
    let asker = Asker::new(setup).await;
    asker.provider.always(Reply::text(["{\"n\": 2}\n"]));
    asker.file("schema.json", r#"{"properties": {"n": {"type": "integer"}}}"#);
    let arguments = [
        "--expect",
        "contains:n",
        "--expect",
        "not-contains:foo",
        "--expect",
        "regex:\\d",
        "--expect",
        "equals:{\"n\": 2}",
        "--expect",
        "jq:.n > 1",
        "--expect",
        "json-schema:schema.json",
        "--max-cost",
        "1",
        "--max-latency",
        "1m",
        "--max-first-token",
        "1m",
        "--max-output-tokens",
        "7",
        "x",
    ];
    for (way, output) in asker.ask(&arguments).await {
        assert_eq!((output.ended(0), &*output.stderr), ("{\"n\": 2}\n", ""), "{way}");
    }
}

async fn a_cut_or_refused_answer_is_none(setup: Setup) {
    let asker = Asker::new(setup).await;
    asker.provider.always(Reply::text(["Once upon"]).finishing("length"));
    for (way, output) in asker.ask(&["x"]).await {
        assert_eq!(output.ended(8), "Once upon\n", "{way}");
        assert!(
            output.stderr.contains("truncated") && output.stderr.contains("--allow-truncated"),
            "{way}: {output:?}"
        );
    }
    for (way, output) in asker.ask(&["--allow-truncated", "x"]).await {
        assert_eq!(output.ended(0), "Once upon\n", "{way}");
    }
    asker.provider.always(Reply::text(["I can't"]).finishing("content_filter"));
    for (way, output) in asker.ask(&["--json", "--allow-truncated", "x"]).await {
        let (record, _) = not_good_enough(&output);
        assert_eq!(record["unmet"][0]["check"], "refused", "{way}");
        assert_eq!(record["finish_reason"], "content_filter", "{way}");
    }
}

async fn an_answer_is_held_to_its_schema(setup: Setup) {
    let asker = Asker::new(setup).await;
    asker.file("schema.json", r#"{"type": "object", "properties": {"list": {"items": {"type": "string"}}}}"#);
    asker.provider.always(Reply::text([r#"{"list": ["a", 7]}"#]));
    for (way, output) in asker.ask(&["--schema", "schema.json", "x"]).await {
        output.ended(8);
        assert_eq!(output.stderr, "error: schema: at /list/1: expected type: \"string\", got `7`\n", "{way}");
    }
    assert_eq!(asker.provider.calls().len(), 2, "nothing is repaired unasked");
}

async fn a_repair_is_asked_for_once_and_counted(setup: Setup) {
    let asker = Asker::new(setup).await;
    asker.file("schema.json", r#"{"type": "object", "required": ["a"]}"#);
    let arguments = ["--json", "--schema", "schema.json", "--repair", "give me a"];
    for (index, (way, chat)) in asker.both(&arguments).into_iter().enumerate() {
        asker.provider.next(Reply::text(["sorry"])).next(Reply::text([r#"{"a": 1}"#]));
        let record = chat.run().await.json();
        assert_eq!((&record["repairs"], &record["attempts"]), (&json!(1), &json!(2)), "{way}");
        assert_eq!((&record["usage"]["output_tokens"], &record["cost_usd"]), (&json!(14), &json!(0.00005)), "{way}");
        let dialogue = asker.provider.called(2 * index + 2).await[2 * index + 1].dialogue();
        assert_eq!(dialogue[..2], ["user: give me a", "assistant: sorry"], "{way}");
        assert!(dialogue[2].contains("expected JSON"), "{way}: {dialogue:?}");
    }
    asker.provider.always(Reply::text(["sorry"]));
    for (way, output) in asker.ask(&arguments).await {
        let (record, _) = not_good_enough(&output);
        assert_eq!((&record["repairs"], &record["unmet"][0]["check"]), (&json!(1), &json!("schema")), "{way}");
    }
    assert_eq!(asker.provider.calls().len(), 8, "once and no more");
    asker.here(&["--repair", "x"]).run().await.ended(2);
}

async fn an_invalid_expectation_is_exit_2_before_any_call(setup: Setup) {
    let asker = Asker::new(setup).await;
    asker.file("broken.json", "{");
    asker.file("elsewhere.json", r#"{"$ref": "http://127.0.0.1:1/schema.json"}"#);
    for arguments in [
        &["--expect", "foo"][..],
        &["--expect", "regex:("],
        &["--expect", "jq:.a =="],
        &["--expect", "json-schema:nowhere.json"],
        &["--schema", "broken.json"],
        &["--schema", "elsewhere.json"],
        &["--max-cost", "much"],
        &["--max-latency", "soon"],
    ] {
        for (way, output) in asker.ask(&[arguments, &["x"]].concat()).await {
            assert_eq!(output.ended(2), "", "{way}: {arguments:?}");
            assert!(output.stderr.contains("error:"), "{way}: {output:?}");
        }
    }
    assert!(asker.provider.calls().is_empty());
}

async fn a_secret_that_a_model_says_back_is_in_no_record(setup: Setup) {
    let asker = Asker::new(setup).await;
    for (way, chat) in asker.both(&["--json", "--expect", "contains:nothing", "it is canary-4711, isn't it?"]) {
        let output = chat.env("DEPLOY_TOKEN", "canary-4711").run().await;
        let (record, _) = not_good_enough(&output);
        assert_eq!(record["text"], "it is ***, isn't it?", "{way}");
        assert!(!output.stdout.contains("canary-4711") && !output.stderr.contains("canary-4711"), "{way}: {output:?}");
    }
    let output = asker.here(&["-o", "ndjson", "it is canary-4711"]).env("DEPLOY_TOKEN", "canary-4711").run().await;
    assert!(output.ended(0).contains("***") && !output.stdout.contains("canary-4711"), "{output:?}");
}
