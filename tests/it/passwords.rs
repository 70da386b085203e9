//! Passwords: one rule for a new one wherever it is set, none for one that is tried, and one text however it is typed.

use reqwest::Method;

use crate::harness::{Answer, PASSWORD, Server, Setup, World, json};

on_every_setup! {
    a_password_is_the_same_however_it_is_typed
    a_new_password_has_one_rule_wherever_it_is_set
    a_wrong_password_is_told_by_no_rule
    a_password_grant_is_a_login
}

on_sqlite! { a_password_that_is_no_text_is_a_usage_error }

/// `schöne größe fährt über môle 9`, its accents as characters of their own.
const DECOMPOSED: &str = "scho\u{308}ne gro\u{308}ße fa\u{308}hrt u\u{308}ber mo\u{302}le 9";
const COMPOSED: &str = "sch\u{f6}ne gr\u{f6}ße f\u{e4}hrt \u{fc}ber m\u{f4}le 9";

async fn log_in(server: &Server, name: &str, password: &str) -> Answer {
    server.stranger().log_in(name, password).await
}

async fn a_password_is_the_same_however_it_is_typed(setup: Setup) {
    let world = World::new(setup).await.set("auth.registration", "open");
    let server = world.serve().await;
    for (name, set, typed) in [
        ("composed", COMPOSED, DECOMPOSED),
        ("decomposed", DECOMPOSED, COMPOSED),
        ("wide", "ｖｅｘｉｎｇ　ｗａｌｒｕｓ　ｕｍｂｒｅｌｌａ", "vexing walrus umbrella"),
        ("spaced", "vexing\u{a0}walrus\u{2009}umbrella", "vexing walrus umbrella"),
    ] {
        let add = world.cli(["user", "add", name, "--password-stdin"]).input(set).run().await;
        add.ended(0);
        log_in(&server, name, set).await.ok(200);
        log_in(&server, name, typed).await.ok(200);
        log_in(&server, name, &typed.to_uppercase()).await.any_problem(401);
    }
    let eve = json!({"username": "eve", "password": DECOMPOSED});
    server.stranger().post("/api/v1/users", &eve).await.ok(201);
    let mut eve = server.stranger();
    eve.log_in("eve", COMPOSED).await.ok(200);
    let change = json!({"current_password": COMPOSED, "new_password": format!("{DECOMPOSED} neu")});
    assert_eq!(eve.put("/api/v1/users/me/password", &change).await.status, 204);
    log_in(&server, "eve", &format!("{COMPOSED} neu")).await.ok(200);
}

async fn a_new_password_has_one_rule_wherever_it_is_set(setup: Setup) {
    let world = World::new(setup).await.set("auth.registration", "open").set("auth.min_password_length", 12);
    let (world, server, root) = world.with_root().await;
    let long = "vexing walrus umbrella ".repeat(12);
    // Eleven characters, each written as two.
    let eleven = "e\u{301}".repeat(11);
    for (wrong, chars) in [("x", 1), ("tr1cky-Zeb", 10), (eleven.as_str(), 11), (&long, 276), ("", 0)] {
        let rule = format!("must have 12 to 256 characters; it has {chars}");
        let told = |answer: Answer, field: &str| {
            let problem = answer.any_problem(422);
            assert_eq!(problem["errors"], json!([{"field": field, "message": rule}]), "{problem}");
        };
        let change = json!({"current_password": PASSWORD, "new_password": wrong});
        told(root.put("/api/v1/users/me/password", &change).await, "new_password");
        let eve = json!({"username": "eve", "password": wrong});
        told(server.stranger().post("/api/v1/users", &eve).await, "password");
        told(root.post("/api/v1/admin/users", &eve).await, "password");
        told(root.post("/api/v1/admin/users/root/password", &json!({"password": wrong})).await, "password");
        for command in [["user", "add", "eve"], ["user", "password", "root"]] {
            let said = world.cli(command.into_iter().chain(["--password-stdin"])).input(wrong).run().await;
            assert!(said.ended(2).is_empty() && said.stderr.contains(&rule), "{said:?}");
        }
    }
}

async fn a_wrong_password_is_told_by_no_rule(setup: Setup) {
    let world = World::new(setup).await;
    let server = world.serve().await;
    world.add_user("ada").await;
    for name in ["ada", "nobody"] {
        for wrong in ["", "short-1-Aq", "lavender-Tricycle-9-okapo", &"x".repeat(300), &"ö".repeat(5000)] {
            let problem = log_in(&server, name, wrong).await.problem(401, "wrong_credentials");
            assert_eq!(problem["detail"], "wrong user name or password", "{wrong:.10}");
        }
    }
}

async fn a_password_grant_is_a_login(setup: Setup) {
    let world = World::new(setup).await;
    let server = world.serve().await;
    world.add_user("ada").await;
    let post = async |path: &str, form: &str| {
        let request = server.stranger().request(Method::POST, &format!("/api/v1/auth/{path}"));
        Answer::to(request.header("content-type", "application/x-www-form-urlencoded").body(form.to_owned())).await
    };
    let who = format!("username=ada&password={PASSWORD}");
    let mut pair = json!(null);
    for more in ["", "&scope=", "&scope=read+chat&client_id=web&client_secret=", "&client_id=a"] {
        pair = post("login", &format!("grant_type=password&{who}{more}")).await.ok(200);
    }
    let refresh = format!("grant_type=refresh_token&refresh_token={}", pair["refresh_token"].as_str().unwrap());
    assert!(post("refresh", &refresh).await.ok(200)["access_token"].is_string());
    for (path, form, field, says) in [
        ("login", format!("grant_type=client_credentials&{who}"), "grant_type", "expected `password`"),
        ("login", format!("grant_type=&{who}"), "grant_type", "expected `password`"),
        ("login", "grant_type=password&username=ada".to_owned(), "body", "missing field `password`"),
        ("login", format!("{who}&password=x"), "body", "duplicate field `password`"),
        ("login", format!("{who}&otp=1"), "otp", "unknown field `otp`"),
        ("refresh", "grant_type=password&refresh_token=x".to_owned(), "grant_type", "expected `refresh_token`"),
    ] {
        let problem = post(path, &form).await.any_problem(422);
        let told = &problem["errors"][0];
        assert!(told["message"].as_str().unwrap().contains(says), "{form}: {problem}");
        assert!([field, "body"].contains(&told["field"].as_str().unwrap()), "{form}: {problem}");
    }
    post("login", "grant_type=password&username=ada&password=wrong").await.problem(401, "wrong_credentials");
}

async fn a_password_that_is_no_text_is_a_usage_error(setup: Setup) {
    let world = World::migrated(setup).await;
    let add = world.cli(["user", "add", "ada", "--password-stdin"]).input(b"sch\xf6ne gr\xf6\xdfe f\xe4hrt".to_vec());
    let said = add.run().await;
    assert!(said.ended(2).is_empty() && said.stderr.contains("UTF-8"), "{said:?}");
}
