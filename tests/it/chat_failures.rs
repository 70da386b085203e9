//! Failures of `mcpchat chat`, in a process of its own and at a server, for people and for programs: the
//! exit code, the code of the problem, and the message. stdin is closed, and there is no terminal.

use crate::harness::{Asker, Invocation, Output, Reply, Setup, Value, World, json};

on_sqlite! {
    a_failure_of_the_provider_has_its_exit_code
    a_failure_of_the_request_has_its_exit_code
    a_limit_tells_when_to_come_back
    a_server_that_cannot_be_asked_is_exit_7_or_5
    an_invalid_configuration_is_exit_9
    an_unavailable_database_is_exit_7
}

/// What a failure has to look like.
#[derive(Clone, Copy)]
struct Looks {
    exit: i32,
    code: &'static str,
    /// A part of the message.
    says: &'static str,
}

const fn looks(exit: i32, code: &'static str, says: &'static str) -> Looks {
    Looks { exit, code, says }
}

/// Holds both formats of one command to it; the problem, for more.
fn hold(way: &str, text: &Output, json: &Output, looks: Looks) -> Value {
    let Looks { exit, code, says } = looks;
    assert_eq!((text.code, &*text.stdout), (exit, ""), "{way}, {code}: {text:#?}");
    assert!(text.stderr.starts_with("error: ") && text.stderr.contains(says), "{way}, {code}: {text:#?}");
    let problem = json.problem(exit);
    assert_eq!(problem["code"], code, "{way}: {problem}");
    assert_eq!(problem["type"], format!("urn:mcpchat:problem:{code}"), "{way}");
    assert!(problem["title"].is_string(), "{way}: {problem}");
    // What an operator at the shell should know besides is in brackets.
    let said = text.stderr.trim_start_matches("error: ").trim_end();
    let detail = problem["detail"].as_str().unwrap();
    let words = detail.split(" (").next().unwrap();
    // One of them may have been told a second later.
    let timeless = |text: &str| text.split(" in ").next().unwrap().to_owned();
    assert!(said.starts_with(words) || timeless(said) == timeless(words), "{way}: the same words: {said} / {detail}");
    problem
}

/// One command in both formats.
async fn formats(chat: impl Fn(&[&str]) -> Invocation) -> (Output, Output) {
    let (text, json) = (chat(&[]).stdin_closed().start(), chat(&["--json"]).stdin_closed().start());
    (text.end().await, json.end().await)
}

/// Both ways, both formats, all at once.
async fn fails(asker: &Asker, arguments: &[&str], looks: Looks) -> Vec<Value> {
    let here = formats(|format| asker.here(&[format, arguments].concat()));
    let there = formats(|format| asker.there(&[format, arguments].concat()));
    let (here, there) = futures_util::future::join(here, there).await;
    vec![hold("here", &here.0, &here.1, looks), hold("there", &there.0, &there.1, looks)]
}

async fn a_failure_of_the_provider_has_its_exit_code(setup: Setup) {
    let asker = Asker::in_world(setup, |world| {
        let plain = world.provider_address();
        let at = |world: World, name: &str, url: &str| {
            let timeouts = "timeouts = { connect = '2s', first_token = '2s', idle = '2s', total = '9s' }";
            world
                .add(
                    "providers",
                    &format!("name = '{name}'\nkind = 'openai'\nbase_url = '{url}'\napi_key = 'k'\n{timeouts}"),
                )
                .add("models", &format!("name = '{name}'\nprovider = '{name}'"))
        };
        let world = at(world, "refused", "http://127.0.0.1:1/v1");
        let world = at(world, "nameless", "http://nowhere.invalid/v1");
        at(world, "tls", &format!("https://{plain}/v1")).without_limits()
    })
    .await;
    let set_up = "not set up right; an operator has to look at it";
    for (reply, expected) in [
        (Reply::status(401), looks(5, "provider_auth", set_up)),
        (Reply::status(403), looks(5, "provider_auth", set_up)),
        (Reply::status(429).header("retry-after", "40"), looks(6, "provider_rate_limited", "429")),
        (Reply::status(404), looks(3, "provider_unknown_model", set_up)),
        (Reply::status(400), looks(7, "provider_rejected", "400")),
        (Reply::status(301).header("location", "http://x/"), looks(7, "provider_redirected", set_up)),
        (Reply::status(503), looks(7, "provider_unavailable", "503")),
        (Reply::hang_up(), looks(7, "provider_disconnected", "broke")),
        (Reply::raw("text/html", "<html>"), looks(7, "provider_protocol", "instead of an event stream")),
        (
            Reply::raw("text/event-stream", "data: {\"choices\":[]}\n\n"),
            looks(7, "provider_incomplete", "ended before"),
        ),
        (refusal(), looks(8, "content_refused", "policy")),
        (too_long(), looks(2, "context_too_long", "exceeds the available context size")),
    ] {
        asker.provider.always(reply);
        for problem in fails(&asker, &["x"], expected).await {
            let after = (expected.code == "provider_rate_limited").then_some(40);
            assert_eq!(problem.get("retry_after_secs").and_then(Value::as_u64), after, "{problem}");
        }
    }
    for model in ["refused", "nameless", "tls"] {
        fails(&asker, &["-m", model, "x"], looks(7, "provider_unreachable", "no connection to the provider")).await;
    }
}

/// As OpenAI and Azure refuse a prompt.
fn refusal() -> Reply {
    let body = json!({"error": {"code": "content_filter", "message": "the prompt is against our policy", "type": "invalid_request_error"}});
    Reply::raw("application/json", body.to_string())
}

/// As llama.cpp refuses a prompt.
fn too_long() -> Reply {
    let message = "request (2123 tokens) exceeds the available context size (512 tokens), try increasing it";
    let body = json!({"error": {"code": 400, "message": message, "type": "exceed_context_size_error"}});
    Reply { status: 400, ..Reply::raw("application/json", body.to_string()) }
}

async fn a_failure_of_the_request_has_its_exit_code(setup: Setup) {
    let asker = Asker::in_world(setup, |world| {
        world.add("models", "name = 'tiny'\nprovider = 'fake-openai'\ncontext_window = 20\nmax_output_tokens = 10")
    })
    .await;
    let long = "word ".repeat(50);
    let missing = "01890000-0000-7000-8000-000000000000";
    for (arguments, expected) in [
        (&["-m", "fak", "x"][..], looks(3, "unknown_model", "did you mean `fake`?")),
        (&["-c", missing, "x"], looks(3, "not_found", "no conversation")),
        (&["-m", "tiny", &long], looks(2, "context_too_long", "too long for the model")),
        (&["--temperature", "3", "x"], looks(2, "invalid_request", "temperature: must be from 0 to 2")),
        (&[], looks(2, "usage", "no question")),
        (&["{{x}}"], looks(2, "usage", "has no value")),
    ] {
        fails(&asker, arguments, expected).await;
    }
    let near = asker.here(&["--json", "-m", "fak", "x"]).run().await.problem(3);
    assert_eq!(near["did_you_mean"], json!(["fake"]));
    // An answer there is, but none that will do.
    asker.provider.always(Reply::text(["no"]).finishing("content_filter"));
    for (way, output) in asker.ask(&["--json", "x"]).await {
        output.ended(8);
        assert!(output.stderr.contains("\"code\":\"expectation_failed\""), "{way}: {output:?}");
    }
    let stranger = asker.world.cli(["chat", "--as", "nobody", "x"]).stdin_closed().run().await;
    assert_eq!(stranger.ended(3), "");
}

async fn a_limit_tells_when_to_come_back(setup: Setup) {
    let asker = Asker::in_world(setup, |world| world.limit("hourly", "messages", 1, "1h")).await;
    asker.here(&["x"]).run().await.ended(0);
    for problem in fails(&asker, &["x"], looks(6, "rate_limited", "limit `hourly` reached")).await {
        assert!(problem["retry_after_secs"].as_u64().is_some_and(|secs| secs > 3000), "{problem}");
    }
}

async fn a_server_that_cannot_be_asked_is_exit_7_or_5(setup: Setup) {
    let asker = Asker::new(setup).await;
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_at = silent.local_addr().unwrap();
    // Speaks, but not HTTP.
    std::thread::spawn(move || {
        while let Ok((mut socket, _)) = silent.accept() {
            let _ = std::io::Write::write_all(&mut socket, b"220 mail.example.org ESMTP\r\n");
        }
    });
    let plain = asker.server.url();
    let port = plain.rsplit_once(':').unwrap().1;
    for (url, expected) in [
        ("http://127.0.0.1:1".to_owned(), looks(7, "unreachable", "cannot be reached: ")),
        ("http://nowhere.invalid".to_owned(), looks(7, "unreachable", "cannot be reached: ")),
        (format!("https://127.0.0.1:{port}"), looks(7, "unreachable", "cannot be reached: ")),
        (format!("http://{}", asker.provider.address()), looks(7, "unreachable", "not as a mcpchat server does")),
        (format!("http://{silent_at}"), looks(7, "unreachable", "does not answer in HTTP")),
        ("ftp://chat.example.org".to_owned(), looks(2, "usage", "is no server URL")),
        (plain.clone(), looks(5, "unauthenticated", "")),
    ] {
        let (text, json) = formats(|format| {
            let chat = asker.world.cli([&["chat", "--server", &url, "x"], format].concat());
            chat.env("MCPCHAT_TOKEN", "mck_wrong_token")
        })
        .await;
        hold(&url, &text, &json, expected);
    }
    let (text, json) = formats(|format| asker.world.cli([&["chat", "--server", &plain, "x"], format].concat())).await;
    hold("no token", &text, &json, looks(5, "unauthenticated", "MCPCHAT_TOKEN"));
}

async fn an_invalid_configuration_is_exit_9(setup: Setup) {
    let world = World::new(setup).await.set("server.lisen", "x");
    let (text, json) = formats(|format| world.cli([&["chat", "x"], format].concat())).await;
    hold("here", &text, &json, looks(9, "configuration_invalid", "did you mean `listen`?"));
    let (text, json) = formats(|format| world.cli([&["chat", "--replay", "tape", "x"], format].concat())).await;
    hold("here, from recordings", &text, &json, looks(9, "configuration_invalid", "did you mean `listen`?"));
}

async fn an_unavailable_database_is_exit_7(setup: Setup) {
    let world = World::new(setup).await.set("database.url", "postgres://mcpchat@127.0.0.1:1/mcpchat");
    let (text, json) = formats(|format| world.cli([&["chat", "--as", "ada", "x"], format].concat())).await;
    hold("here", &text, &json, looks(7, "database_unavailable", "the database cannot be reached"));
}
