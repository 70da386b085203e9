//! Tests of reading suites, and of mistakes with their lines.

use super::*;

const WHOLE: &str = r#"
name: greetings
models: [a, b]
vars: {tongue: English, n: 3}
defaults:
  system: "Speak {{tongue}}."
  max_cost: 0.5
  tags: [all]
  expect:
    - not-contains: sorry
cases:
  - name: one
    prompt: "Greet {{name}} {{n}} times"
    vars: {name: Ada}
    expect:
      - contains: Ada
      - regex:^H
      - jq: .a > 1
      - equals: 42
    temperature: 0
    max_tokens: 10
    seed: 7
    max_latency: 2s
    max_first_token: 500ms
    max_output_tokens: 100
    allow_truncated: true
    repair: true
    tags: [smoke]
    repeat: 5
    min_pass: 4
  - name: two
    models: [c]
    messages:
      - {role: system, content: Be brief.}
      - {role: user, content: 1 + 1?}
      - {role: assistant, content: "2"}
      - {role: user, content: "and {{n}} + 1?"}
"#;

fn parse(text: &str, choice: &SuiteOptions) -> Result<Suite, Mistakes> {
    Suite::parse(text, Path::new("s.yaml"), choice)
}

#[test]
fn a_suite_is_its_cases_with_each_model() {
    let suite = parse(WHOLE, &SuiteOptions::default()).unwrap();
    assert_eq!(suite.name, "greetings");
    let asked: Vec<_> = suite.cases.iter().map(|case| (case.name.as_str(), case.model.as_deref().unwrap())).collect();
    assert_eq!(asked, [("one", "a"), ("one", "b"), ("two", "c")]);
    let (one, two) = (&suite.cases[0], &suite.cases[2]);
    assert_eq!(one.ask.content, "Greet Ada 3 times");
    assert_eq!(one.ask.system_prompt.as_deref(), Some("Speak English."));
    assert_eq!(
        (one.ask.sampling.temperature, one.ask.max_tokens, one.ask.sampling.seed),
        (Some(0.0), Some(10), Some(7))
    );
    assert_eq!((one.expectations.checks.len(), one.repeat, one.min_pass, one.repair), (5, 5, 4, true));
    assert_eq!(one.tags, ["all", "smoke"]);
    assert_eq!((two.ask.content.as_str(), two.ask.history.len()), ("and 3 + 1?", 2));
    assert_eq!(two.ask.system_prompt.as_deref(), Some("Be brief."));
    assert_eq!((two.repeat, two.min_pass, two.expectations.checks.len()), (1, 1, 1));
}

#[test]
fn the_command_line_chooses() {
    let names = |choice: &SuiteOptions| {
        let suite = parse(WHOLE, choice).unwrap();
        suite.cases.iter().map(|case| format!("{} {:?}", case.name, case.model)).collect::<Vec<_>>()
    };
    let only = SuiteOptions { only: vec!["smoke".into()], model: Some("m".into()), ..SuiteOptions::default() };
    assert_eq!(names(&only), ["one Some(\"m\")"]);
    let skip = SuiteOptions { skip: vec!["smoke".into()], ..SuiteOptions::default() };
    assert_eq!(names(&skip), ["two Some(\"c\")"]);
    let none = SuiteOptions { only: vec!["smok".into()], ..SuiteOptions::default() };
    assert!(parse(WHOLE, &none).unwrap_err().to_string().contains("did you mean `smoke`"));
    let named =
        SuiteOptions { variables: [("name".into(), "Bo".into())].into(), repeat: Some(2), ..SuiteOptions::default() };
    let suite = parse(WHOLE, &named);
    assert!(suite.unwrap_err().to_string().contains("`min_pass` (4) is more than `repeat` (2)"));
}

#[test]
fn a_mistake_tells_its_line_and_what_is_allowed() {
    let case = |lines: &str| format!("cases:\n  - name: x\n    prompt: hi\n{lines}");
    for (text, told) in [
        ("cases:\n  - nmae: x\n", "s.yaml:2: unknown field `nmae`, expected one of `name`, `prompt`, "),
        (
            "models: [a]\ncase: []\n",
            "s.yaml:2: unknown field `case`, expected one of `name`, `models`, `vars`, `defaults`, `cases`",
        ),
        (
            &case("    expect:\n      - contain: x\n"),
            "s.yaml:5: no kind of expectation `contain`, expected one of `contains`, ",
        ),
        (&case("    expect:\n      - {contains: x, equals: y}\n"), "s.yaml:5: an expectation is one `KIND: TEXT`"),
        (&case("    expect:\n      - contains: x\n      - regex: (\n"), "s.yaml:6: `(`: regex parse error"),
        (&case("    schema: nowhere.json\n"), "s.yaml:4: nowhere.json cannot be read"),
        (&case("    max_latency: soon\n"), "s.yaml:4: `soon` is no duration"),
        (&case("    max_cost: -1\n"), "s.yaml:4: `max_cost` must be"),
        (&case("    repeat: 2\n    min_pass: 3\n"), "s.yaml:4: `min_pass` (3) is more than `repeat` (2)"),
        (&case("    temperature: 3\n"), "s.yaml:2: temperature: must be from 0 to 2"),
        (&case("    vars: {a: b}\n"), "s.yaml:2: nothing has a place for `a`"),
        (&case("    prompt_file: x\n"), "s.yaml:2: a case needs one of `prompt`, `prompt_file` and `messages`"),
        (&case("  - name: x\n    prompt: ho\n"), "s.yaml:4: there is another case `x`"),
        ("cases:\n  - prompt: hi\n", "s.yaml:2: a case needs a `name`"),
        ("cases:\n  - name: x\n    prompt: hi {{who}}\n", "s.yaml:2: {{who}}: has no value"),
        (
            "cases:\n  - name: x\n    messages: [{role: user, content: hi}, {role: assistant, content: ho}]\n",
            "s.yaml:2: the last message",
        ),
        ("defaults: {prompt: hi}\ncases: []\n", "s.yaml:1: `defaults` cannot have"),
        ("cases: []\n", "s.yaml: no case is left"),
        ("cases:\n  - name: [\n", "s.yaml:"),
    ] {
        let mistakes = parse(text, &SuiteOptions::default()).unwrap_err().to_string();
        assert!(mistakes.contains(told), "{told}\n is not in\n{mistakes}");
    }
    let two = parse(&case("    max_cost: -1\n    max_latency: soon\n"), &SuiteOptions::default()).unwrap_err();
    assert_eq!(two.0.len(), 2, "all mistakes are told: {two}");
}

#[test]
fn the_schema_of_the_file_and_its_reader_agree() {
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    let whole: serde_json::Value = serde_saphyr::from_str(WHOLE).unwrap();
    let wrong: Vec<_> =
        jsonschema::validator_for(&schema).unwrap().iter_errors(&whole).map(|e| e.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    let keys_of = |at: &str| -> Vec<String> {
        let mut keys: Vec<_> = schema.pointer(at).unwrap()["properties"].as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    };
    // serde's error lists the keys that it reads.
    let read = |text: &str| -> Vec<String> {
        let told = parse(text, &SuiteOptions::default()).unwrap_err().to_string();
        let mut keys: Vec<_> =
            told.rsplit_once("one of ").unwrap().1.split(", ").map(|key| key.trim_matches('`').to_owned()).collect();
        keys.sort();
        keys
    };
    assert_eq!(keys_of(""), read("zzz: 1\ncases: []\n"));
    assert_eq!(keys_of("/$defs/case"), read("cases:\n  - zzz: 1\n"));
}
