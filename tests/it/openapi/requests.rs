//! Requests from the description: what it forbids is refused, with a problem document and without a trace; what it
//! allows never fails on the server's side. The requests are made up from the description itself, so that a new
//! operation is tried like the others.

use proptest::{
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};
use reqwest::{Method, RequestBuilder};
use tokio::{runtime::Handle, task::block_in_place};

use super::{
    broken::{anything, broken},
    lawful::lawful,
    start,
};
use crate::harness::{DESCRIPTION, Operation, Person, Setup, Value, json};

on_sqlite! {
    what_the_description_allows_never_fails
    what_is_no_proper_json_is_refused
}

on_both_databases! {
    an_invalid_body_is_refused_and_leaves_no_trace
    a_parameter_that_breaks_the_description_is_refused
}

const CASES: u32 = 48;
const TRACES: &str = "select (select count(*) from users) + (select count(*) from sessions) + (select count(*) from audit) \
                      + (select count(*) from conversations) + (select count(*) from messages) \
                      + (select count(*) from turns) + (select count(*) from attempts) \
                      + (select count(*) from limit_overrides)";

fn with_body() -> impl Iterator<Item = (Operation, &'static Value)> {
    DESCRIPTION.operations().filter_map(|operation| Some((operation, operation.json_body()?)))
}

/// Tries `CASES` values; a failure is made as small as it can be.
fn for_all<T: std::fmt::Debug>(what: &str, values: impl Strategy<Value = T>, hold: impl Fn(T) -> Result<(), String>) {
    let config = Config { cases: CASES, failure_persistence: None, max_global_rejects: 1 << 16, ..Config::default() };
    let held = TestRunner::new(config).run(&values, |value| hold(value).map_err(TestCaseError::fail));
    held.unwrap_or_else(|error| panic!("{what}: {error}"));
}

/// From a test on several threads, waits for what is asynchronous.
fn wait<T>(future: impl Future<Output = T>) -> T {
    block_in_place(|| Handle::current().block_on(future))
}

/// Status and, of what is not a stream, body.
async fn outcome(request: RequestBuilder) -> Result<(u16, String), String> {
    let response = request.send().await.map_err(|error| error.to_string())?;
    let kind = response.headers().get("content-type").map_or("", |kind| kind.to_str().unwrap_or_default()).to_owned();
    let status = response.status().as_u16();
    let body = if kind == "text/event-stream" { String::new() } else { response.text().await.unwrap_or_default() };
    if status >= 400 && kind != "application/problem+json" {
        return Err(format!("{status} without a problem document: {body}"));
    }
    Ok((status, body))
}

async fn refused(request: RequestBuilder) -> Result<(), String> {
    match outcome(request).await? {
        (400 | 404 | 413 | 414 | 415 | 422, _) => Ok(()),
        other => Err(format!("it gave {other:?}")),
    }
}

fn request(person: &Person, operation: Operation, path: &str) -> RequestBuilder {
    person.request(operation.method.to_uppercase().parse::<Method>().unwrap(), path)
}

/// A path with something in the place of each id.
fn path_of(operation: Operation, value: &str) -> String {
    let pieces = operation.path.split('/').map(|piece| if piece.starts_with('{') { value } else { piece });
    pieces.collect::<Vec<_>>().join("/")
}

fn with_query(operation: Operation, name: &str, value: &str) -> String {
    let value: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
    format!("{}?{name}={value}", path_of(operation, NOT_THERE))
}

const NOT_THERE: &str = "018f0000-0000-7000-8000-000000000000";

async fn an_invalid_body_is_refused_and_leaves_no_trace(setup: Setup) {
    let (world, server) = start(setup).await;
    let root = server.admin("root").await;
    let before = world.database.number(TRACES).await;
    for (operation, schema) in with_body() {
        let path = path_of(operation, NOT_THERE);
        for_all(operation.id(), broken(schema), |body| wait(refused(request(&root, operation, &path).json(&body))));
        assert_eq!(world.database.number(TRACES).await, before, "{} has left something", operation.id());
    }
}

async fn what_the_description_allows_never_fails(setup: Setup) {
    let (_world, server) = start(setup).await;
    let root = server.admin("root").await;
    for (operation, schema) in with_body() {
        let path = path_of(operation, NOT_THERE);
        for_all(operation.id(), lawful(schema), |body| {
            let (status, body) = wait(outcome(request(&root, operation, &path).json(&body)))?;
            if status < 500 { Ok(()) } else { Err(format!("{status}: {body}")) }
        });
    }
}

async fn a_parameter_that_breaks_the_description_is_refused(setup: Setup) {
    let (_world, server) = start(setup).await;
    let root = server.admin("root").await;
    for operation in DESCRIPTION.operations() {
        for parameter in operation.parameters() {
            let (name, schema) = (parameter["name"].as_str().unwrap(), &parameter["schema"]);
            // A text that may be any text cannot be broken.
            if ["\0", "é", "!!"].iter().all(|text| DESCRIPTION.validator(schema).is_valid(&json!(text))) {
                continue;
            }
            let what = format!("{} {name}", operation.id());
            let body = operation.json_body().is_some().then(|| json!({}));
            let send = |request: RequestBuilder| match &body {
                Some(body) => wait(refused(request.json(body))),
                None => wait(refused(request)),
            };
            match parameter["in"].as_str().unwrap() {
                "path" => for_all(&what, broken_text(schema), |text| {
                    let text: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
                    send(request(&root, operation, &path_of(operation, &text.replace('+', "%20"))))
                }),
                "query" => for_all(&what, broken_text(schema), |text| {
                    send(request(&root, operation, &with_query(operation, name, &text)))
                }),
                // Whatever the client calls its request, another name is found.
                "header" if name == "x-request-id" => {}
                "header" => for_all(&what, "[a-z.-]{1,9}", |text| {
                    send(request(&root, operation, &path_of(operation, NOT_THERE)).header(name, text))
                }),
                other => panic!("{what} is in {other}"),
            }
        }
        if operation.parameters().any(|parameter| parameter["in"] == "query") {
            let strange = request(&root, operation, &with_query(operation, "no_such", "1"));
            refused(strange).await.unwrap_or_else(|error| panic!("{} ?no_such=1: {error}", operation.id()));
        }
    }
}

/// A text that does not say a value the schema allows.
fn broken_text(schema: &'static Value) -> BoxedStrategy<String> {
    let allowed = DESCRIPTION.validator(schema);
    let is_text = DESCRIPTION.resolve(schema)["type"] == "string";
    let odd = ["0", "-1", "201", "1.5", "99999999999999999999", "many", "\0", "null", "[]", "AAAA=", "!!", "é"];
    let texts =
        prop_oneof![proptest::sample::select(odd.to_vec()).prop_map(str::to_owned), "[!-*,-~]{1,40}", "\\PC{1,12}"];
    texts
        .prop_filter("breaks the schema", move |text| {
            let value = if is_text { json!(text) } else { serde_json::from_str(text).unwrap_or(json!(text)) };
            !allowed.is_valid(&value) && !["", ".", ".."].contains(&text.as_str())
        })
        .boxed()
}

async fn what_is_no_proper_json_is_refused(setup: Setup) {
    let (world, server) = start(setup).await;
    let root = server.admin("root").await;
    let nested = |open: &str, close: &str, depth: usize| open.repeat(depth) + &close.repeat(depth);
    let mut odd: Vec<Vec<u8>> = [
        nested("[", "]", 100),
        nested("[", "]", 100_000),
        nested("{\"content\":", "}", 10_000),
        "[".repeat(500_000),
        "{\"content\": 1e999}".into(),
        "{\"content\": \"x\", \"temperature\": 1e400}".into(),
        format!("{{\"content\": \"x\", \"max_tokens\": {}}}", "9".repeat(5000)),
        "{\"content\": \"x\", \"content\": \"y\"}".into(),
        "{\"content\": \"\\ud800\"}".into(),
        "{\"title\": \"\\udfff\\ud800\"}".into(),
        "{\"username\": \"a\", \"username\": \"b\", \"password\": \"c\"}".into(),
        "NaN".into(),
        "{\"temperature\": -Infinity, \"content\": \"x\"}".into(),
        "\u{feff}{}x".into(),
    ]
    .map(String::into_bytes)
    .into();
    odd.push(b"{\"content\": \"\xff\xc0\x80\"}".to_vec());
    odd.push(vec![0; 1000]);
    let before = world.database.number(TRACES).await;
    for (operation, _) in with_body() {
        let path = path_of(operation, NOT_THERE);
        let send =
            |body: Vec<u8>| request(&root, operation, &path).header("content-type", "application/json").body(body);
        for body in &odd {
            let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
            refused(send(body.clone())).await.unwrap_or_else(|error| panic!("{}: {shown}: {error}", operation.id()));
        }
        // Half of a text is none.
        for_all(operation.id(), (anything(), any::<prop::sample::Index>()), |(value, at)| {
            let text = json!({ "content": value }).to_string();
            wait(refused(send(text.as_bytes()[..at.index(text.len())].to_vec())))
        });
    }
    assert_eq!(world.database.number(TRACES).await, before);
}
