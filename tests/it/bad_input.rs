//! Input that cannot be accepted: always a problem document with the right status, never a 500, and nothing stored.

use reqwest::Method;

use crate::harness::{Answer, DESCRIPTION, PASSWORD, Person, Setup, Value, World, json};

on_every_setup! {
    a_bad_body_is_refused_with_a_reason
    a_bad_path_or_query_is_refused_with_a_reason
    a_body_beyond_what_a_message_takes_is_a_413
    a_body_that_is_not_json_is_a_415
    a_field_that_is_wrong_is_named
    an_unknown_model_names_near_ones
    another_users_object_looks_like_a_missing_one
    control_characters_come_back_as_they_went
    a_method_that_is_not_there_is_a_405
    nul_is_refused_or_taken_in_every_place
}

const NOT_THERE: &str = "018f0000-0000-7000-8000-000000000000";

async fn raw(person: &Person, method: Method, path: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Answer {
    let request = person.request(method, path).header("content-type", content_type);
    Answer::to(request.body(body.into())).await
}

async fn nothing_is_stored(world: &World) {
    for table in ["select count(*) from messages", "select count(*) from conversations", "select count(*) from turns"] {
        assert_eq!(world.database.number(table).await, 0, "{table}");
    }
}

async fn a_bad_body_is_refused_with_a_reason(setup: Setup) {
    let (world, _server, ada) = World::new(setup).await.without_limits().with_ada().await;
    let post = Method::POST;
    let bodies: [(&Method, &str, &[u8], &[u16]); 30] = [
        (&post, "messages", b"", &[400]),
        (&post, "messages", b"{", &[400]),
        (&post, "messages", b"{\"content\": \"x\"", &[400]),
        (&post, "messages", b"{\"content\": \"x\"} trailing", &[400]),
        (&post, "messages", b"{\"content\": \"\xff\xfe\"}", &[400]),
        (&post, "messages", b"{\"content\": \"\\ud800\"}", &[400, 422]),
        (&post, "messages", b"null", &[400, 422]),
        (&post, "messages", b"[]", &[400, 422]),
        (&post, "messages", b"\"hello\"", &[400, 422]),
        (&post, "messages", b"{}", &[422]),
        (&post, "messages", b"{\"content\": null}", &[422]),
        (&post, "messages", b"{\"content\": 7}", &[422]),
        (&post, "messages", b"{\"content\": \"\"}", &[422]),
        (&post, "messages", b"{\"content\": \"  \\n \"}", &[422]),
        (&post, "messages", b"{\"content\": \"nul \\u0000\"}", &[422]),
        (&post, "messages", b"{\"content\": \"x\", \"contents\": \"y\"}", &[422]),
        (&post, "messages", b"{\"content\": \"x\", \"content\": \"y\"}", &[400, 422]),
        (&post, "messages", b"{\"content\": \"x\", \"conversation_id\": \"7\"}", &[422]),
        (&post, "messages", b"{\"content\": \"x\", \"conversation_id\": 7}", &[422]),
        (
            &post,
            "messages",
            b"{\"content\": \"x\", \"conversation_id\": \"018f0000-0000-7000-8000-000000000000\"}",
            &[404],
        ),
        (&post, "messages", b"{\"content\": \"x\", \"model\": \"no/such\"}", &[422]),
        (&post, "messages", b"{\"content\": \"x\", \"model\": 1}", &[422]),
        (&post, "messages", b"{\"content\": \"x\", \"temperature\": \"hot\"}", &[422]),
        (&post, "messages", b"{\"content\": \"x\", \"temperature\": -1}", &[422]),
        (&post, "messages", b"{\"content\": \"x\", \"top_p\": 1.5}", &[422]),
        (&post, "messages", b"{\"content\": \"x\", \"max_tokens\": 0}", &[422]),
        (&post, "messages", b"{\"content\": \"x\", \"max_tokens\": -5}", &[422]),
        (&post, "messages", b"{\"content\": \"x\", \"stream\": \"yes\"}", &[422]),
        (&post, "conversations", b"{\"title\": 3}", &[422]),
        (&post, "conversations", b"{\"titel\": \"x\"}", &[422]),
    ];
    for (method, resource, body, statuses) in bodies {
        let answer = raw(&ada, method.clone(), &format!("/api/v1/{resource}"), "application/json", body).await;
        let shown = String::from_utf8_lossy(body);
        assert!(statuses.contains(&answer.status.as_u16()), "{shown} gave {answer:#?}");
        answer.any_problem(answer.status.as_u16());
    }
    let long = json!({"content": "x".repeat(1024 * 1024 + 1)});
    ada.send(&long).await.any_problem(422);
    let title = json!({"title": "x".repeat(10_000)});
    ada.post("/api/v1/conversations", &title).await.any_problem(422);
    nothing_is_stored(&world).await;
}

async fn a_bad_path_or_query_is_refused_with_a_reason(setup: Setup) {
    let (_world, _server, ada) = World::new(setup).await.without_limits().with_ada().await;
    for path in [
        "conversations/7",
        "conversations/not-an-id",
        "conversations/%00",
        "conversations/%ff",
        "conversations/../../etc/passwd",
        "messages/7",
        "turns/7",
        "turns/018f0000-0000-7000-8000-00000000000g",
        "no-such-resource",
    ] {
        let answer = ada.get(&format!("/api/v1/{path}")).await;
        assert!([400, 404, 422].contains(&answer.status.as_u16()), "{path} gave {answer:#?}");
        answer.any_problem(answer.status.as_u16());
    }
    for query in
        ["cursor=nonsense", "cursor=%00", "cursor=AAAA", "limit=0", "limit=-1", "limit=many", "limit=100000", "limti=5"]
    {
        let answer = ada.get(&format!("/api/v1/conversations?{query}")).await;
        assert!([400, 422].contains(&answer.status.as_u16()), "{query} gave {answer:#?}");
        answer.any_problem(answer.status.as_u16());
    }
}

async fn a_body_beyond_what_a_message_takes_is_a_413(setup: Setup) {
    let (world, _server, ada) = World::new(setup).await.without_limits().with_ada().await;
    let body = json!({"content": "x".repeat(6 * 1024 * 1024 + 64 * 1024)}).to_string();
    raw(&ada, Method::POST, "/api/v1/messages", "application/json", body.clone()).await.any_problem(413);
    // Also where no length says so beforehand.
    let chunks =
        body.into_bytes().chunks(64 * 1024).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec())).collect::<Vec<_>>();
    let request = ada.request(Method::POST, "/api/v1/messages").header("content-type", "application/json");
    let request = request.body(reqwest::Body::wrap_stream(futures_util::stream::iter(chunks)));
    Answer::to(request).await.any_problem(413);
    nothing_is_stored(&world).await;
}

async fn a_body_that_is_not_json_is_a_415(setup: Setup) {
    let (world, _server, ada) = World::new(setup).await.without_limits().with_ada().await;
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "nonsense"] {
        let answer = raw(&ada, Method::POST, "/api/v1/messages", content_type, "{\"content\": \"x\"}").await;
        assert_eq!(answer.status, 415, "{content_type}: {answer:#?}");
        answer.any_problem(415);
    }
    nothing_is_stored(&world).await;
    raw(&ada, Method::POST, "/api/v1/messages", "application/json; charset=utf-8", "{\"content\": \"x\"}")
        .await
        .ok(201);
}

async fn a_field_that_is_wrong_is_named(setup: Setup) {
    let (_world, _server, ada) = World::new(setup).await.without_limits().with_ada().await;
    for (body, field) in [
        (json!({"content": ""}), "content"),
        (json!({"content": "x", "temperature": 99}), "temperature"),
        (json!({"content": "x", "top_p": 7}), "top_p"),
        (json!({"content": "x", "max_tokens": 0}), "max_tokens"),
        (json!({"content": "x", "system_prompt": ""}), "system_prompt"),
    ] {
        let problem = ada.send(&body).await.any_problem(422);
        let named: Vec<&Value> = problem["errors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
        assert_eq!(named, [&json!(field)], "{body}");
        assert!(problem["errors"][0]["message"].is_string(), "{problem}");
    }
}

async fn an_unknown_model_names_near_ones(setup: Setup) {
    let (_world, _server, ada) = World::new(setup).await.without_limits().with_ada().await;
    let problem = ada.send(&json!({"content": "x", "model": "mock/ecko"})).await.problem(422, "unknown_model");
    assert!(problem["detail"].as_str().unwrap().contains("mock/echo"), "{problem}");
}

async fn another_users_object_looks_like_a_missing_one(setup: Setup) {
    let (_world, server, ada) = World::new(setup).await.without_limits().with_ada().await;
    let bob = server.person("bob").await;
    let exchange = ada.say("private").await;
    let id = |value: &Value| value.as_str().unwrap().to_owned();
    let (conversation, turn) = (id(&exchange["turn"]["conversation_id"]), id(&exchange["turn"]["id"]));
    let message = id(&exchange["assistant_message"]["id"]);
    let told = async |method: &Method, path: String, theirs: &str, body: &Value| {
        let request = bob.request(method.clone(), &path);
        let request = if body.is_null() { request } else { request.json(body) };
        let mut problem = Answer::to(request).await.any_problem(404);
        problem["request_id"] = Value::Null;
        problem.to_string().replace(theirs, "ID")
    };
    let rename = json!({"title": "mine now"});
    for (method, resource, rest, theirs, body) in [
        (Method::GET, "conversations", "", &conversation, &Value::Null),
        (Method::PATCH, "conversations", "", &conversation, &rename),
        (Method::DELETE, "conversations", "", &conversation, &Value::Null),
        (Method::GET, "conversations", "/messages", &conversation, &Value::Null),
        (Method::GET, "messages", "", &message, &Value::Null),
        (Method::GET, "turns", "", &turn, &Value::Null),
    ] {
        let hers = told(&method, format!("/api/v1/{resource}/{theirs}{rest}"), theirs, body).await;
        let none = told(&method, format!("/api/v1/{resource}/{NOT_THERE}{rest}"), NOT_THERE, body).await;
        assert_eq!(hers, none, "{method} {resource}{rest}");
    }
    let into = json!({"content": "x", "conversation_id": conversation});
    bob.send(&into).await.any_problem(404);
    assert!(bob.get("/api/v1/conversations").await.ok(200)["items"].as_array().unwrap().is_empty());
    assert_eq!(ada.history(&json!(conversation)).await.len(), 2);
}

async fn control_characters_come_back_as_they_went(setup: Setup) {
    let (_world, server, ada) = World::new(setup).await.without_limits().with_ada().await;
    let text = "\u{1b}[2J\u{7}\u{9b}31m tab\tline\nquote\" back\\slash \u{202e}right \u{10ffff}";
    let exchange = ada.say(text).await;
    assert_eq!(exchange["user_message"]["content"], text);
    assert_eq!(ada.history(&exchange["turn"]["conversation_id"]).await[0], format!("user: {text}"));
    // A line of the log is a line: `log` fails on one that is no JSON.
    let odd = ada
        .request(Method::GET, "/api/v1/models")
        .header("user-agent", "agent\tof\tchaos")
        .header("x-request-id", "a b\tc");
    Answer::to(odd).await.ok(200);
    assert!(server.log().iter().all(Value::is_object));
    assert!(!server.process.lines().iter().any(|line| line.contains('\u{1b}')));
}

async fn a_method_that_is_not_there_is_a_405(setup: Setup) {
    let (_world, _server, ada) = World::new(setup).await.without_limits().with_ada().await;
    let answer = ada.put("/api/v1/conversations", &json!({})).await;
    answer.any_problem(405);
    assert!(answer.header("allow").contains("POST"), "{answer:#?}");
}

/// PostgreSQL has no NUL in a text. Each place of each operation that takes a text is tried.
async fn nul_is_refused_or_taken_in_every_place(setup: Setup) {
    let (_world, server, _ada) = World::new(setup).await.without_limits().with_ada().await;
    let root = server.admin("root").await;
    let cursor = |json: &str| base64(json).replace('=', "");
    let texts =
        ["%00".to_owned(), "a%00b".to_owned(), cursor("{\"n\":\"a\\u0000\"}"), cursor("{\"p\":9223372036854775807}")];
    let mut tried = 0;
    for operation in DESCRIPTION.operations() {
        for parameter in operation.parameters() {
            let name = parameter["name"].as_str().unwrap();
            for text in &texts {
                let path = |value| {
                    operation.path.split('/').map(move |piece| if piece.starts_with('{') { value } else { piece })
                };
                let path = match parameter["in"].as_str().unwrap() {
                    "query" => format!("{}?{name}={text}", path(NOT_THERE).collect::<Vec<_>>().join("/")),
                    "path" => path(text).collect::<Vec<_>>().join("/"),
                    _ => continue,
                };
                let request = root.request(operation.method.to_uppercase().parse().unwrap(), &path);
                let request = if operation.json_body().is_some() { request.json(&json!({})) } else { request };
                let response = request.send().await.unwrap();
                assert!(response.status().as_u16() < 500, "{} {path} gave {response:?}", operation.method);
                tried += 1;
            }
        }
    }
    assert!(tried > 50, "{tried}");
    for filter in ["actor", "action", "target"] {
        let rows = root.get(&format!("/api/v1/admin/audit-log?{filter}=%00")).await.ok(200);
        assert_eq!(rows["items"], json!([]), "{filter}");
    }
    for (path, body) in [
        ("auth/login", json!({"username": "a\0", "password": "b\0"})),
        ("auth/refresh", json!({"refresh_token": "a\0"})),
        ("users/me/keys", json!({"name": "a\0"})),
        ("conversations", json!({"title": "a\0"})),
        ("conversations", json!({"model": "a\0"})),
        ("messages", json!({"content": "a", "model": "a\0"})),
        ("messages", json!({"content": "a", "stop": ["a\0"]})),
        ("messages", json!({"content": "a", "system_prompt": "a\0"})),
        ("admin/users", json!({"username": "a\0", "password": PASSWORD})),
        ("admin/users", json!({"username": "ada2", "email": "a\0@b.example", "password": PASSWORD})),
        ("admin/users", json!({"username": "ada3", "password": format!("{PASSWORD}\0")})),
    ] {
        let answer = root.post(&format!("/api/v1/{path}"), &body).await;
        assert!(answer.status.as_u16() < 500, "{path} {body} gave {answer:#?}");
    }
    let odd = server.stranger().request(Method::GET, "/api/v1/users/me").header("authorization", "Bearer mck_a%00_b");
    Answer::to(odd).await.any_problem(401);
}

fn base64(text: &str) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE};
    URL_SAFE.encode(text)
}
