//! Limits on tokens and cost: what is reserved for a reply before it comes, and the refusal where it does not fit.

use crate::harness::{Answer, Call, Gate, Person, Provider, Reply, Server, Setup, Value, World, eventually, json};

on_every_setup! {
    an_answer_is_cut_to_what_a_small_budget_has_left
    a_length_that_never_fits_is_refused_for_good
    a_message_that_never_fits_says_what_would
    a_limit_of_nothing_promises_no_time
    running_turns_hold_a_reservation_apart_from_use
    too_little_left_is_refused_instead_of_useless
    many_at_once_reserve_no_more_than_the_budget
    config_check_warns_of_small_budgets
}

/// A model whose replies may have 4,096 tokens, at $2 a million.
fn with_model(world: World, provider: &Provider) -> World {
    let address = provider.address();
    world
        .add(
            "providers",
            &format!("name = 'fake-openai'\nkind = 'openai'\nbase_url = 'http://{address}/v1'\napi_key = 'sk-x'"),
        )
        .add(
            "models",
            "name = 'fake'\nprovider = 'fake-openai'\nupstream_name = 'small'\nprice = { input = 1.0, output = 2.0 }",
        )
}

fn budget(world: World, count: &str, max: &str) -> World {
    world.add("limits", &format!("name = 'budget'\nper = 'user'\ncount = '{count}'\nmax = {max}\nwindow = 'month'"))
}

async fn start(setup: Setup, provider: &Provider, count: &str, max: &str) -> (World, Server, Person) {
    budget(with_model(World::new(setup).await, provider), count, max).with_ada().await
}

async fn ask(person: &Person, max_tokens: Option<u32>) -> Answer {
    let mut asked = json!({"content": "12345678"});
    if let Some(max_tokens) = max_tokens {
        asked["max_tokens"] = json!(max_tokens);
    }
    person.send(&asked).await
}

/// How long the provider was told that its answer may be.
fn max_tokens(call: &Call) -> u64 {
    let told = [&call.body["max_tokens"], &call.body["max_completion_tokens"]];
    told.into_iter().find_map(Value::as_u64).unwrap_or_else(|| panic!("no length in {}", call.body))
}

async fn shown(world: &World) -> Value {
    let rows = world.cli(["ratelimit", "show", "ada", "--json"]).run().await.json();
    rows.as_array().unwrap().iter().find(|row| row["rule"] == "budget").unwrap().clone()
}

async fn an_answer_is_cut_to_what_a_small_budget_has_left(setup: Setup) {
    let provider = Provider::start().await;
    // Whole answers would cost $0.008192.
    let (world, _server, ada) = start(setup, &provider, "cost", "0.0006").await;
    provider.always(Reply::text(["hi"]).using(Some((20, 100))));
    ask(&ada, None).await.ok(201);
    // 8 bytes are two tokens, $0.000002 of input; the rest is 299 tokens of output.
    assert_eq!(max_tokens(&provider.last_call()), 299);
    eventually("the charge", async || (shown(&world).await["used"] == 0.000_22).then_some(())).await;
    ask(&ada, None).await.ok(201);
    assert_eq!(max_tokens(&provider.last_call()), 189);
    // A request with a length gets that length or none.
    eventually("the charge", async || (shown(&world).await["used"] == 0.000_44).then_some(())).await;
    ask(&ada, Some(79)).await.ok(201);
    assert_eq!(max_tokens(&provider.last_call()), 79);
    let spent = world.database.number("select cast(sum(cost) as bigint) from attempts").await;
    assert!(spent <= 660_000, "{spent}");
}

async fn a_length_that_never_fits_is_refused_for_good(setup: Setup) {
    let provider = Provider::start().await;
    let (_world, _server, ada) = start(setup, &provider, "cost", "0.0006").await;
    let refused = ask(&ada, Some(4096)).await;
    let problem = refused.problem(429, "rate_limited");
    assert_eq!(problem["retry_after_secs"], Value::Null, "{problem}");
    assert_eq!((&problem["never_fits"], &problem["used"]), (&json!(true), &json!(0.0)));
    assert_eq!((&problem["limit"], &problem["reservation"]), (&json!(0.0006), &json!(0.008_194)));
    assert_eq!(problem["fitting_max_tokens"], 299);
    assert!(refused.headers.get("retry-after").is_none(), "{refused:#?}");
    let detail = problem["detail"].as_str().unwrap();
    for part in ["will never", "$0.008194", "$0.0006", "`max_tokens` of at most 299", "higher limit"] {
        assert!(detail.contains(part), "no {part} in {detail}");
    }
    ask(&ada, Some(300)).await.problem(429, "rate_limited");
    ask(&ada, Some(299)).await.ok(201);
    assert_eq!(provider.calls().len(), 1);
}

async fn a_message_that_never_fits_says_what_would(setup: Setup) {
    let provider = Provider::start().await;
    let (_world, _server, ada) = start(setup, &provider, "tokens", "60").await;
    // The shortest useful reply does not fit, though a requested one may be shorter still.
    let problem = ask(&ada, None).await.problem(429, "rate_limited");
    assert_eq!((&problem["never_fits"], &problem["fitting_max_tokens"]), (&json!(true), &json!(58)));
    ask(&ada, Some(58)).await.ok(201);
    let long = json!({"content": "x".repeat(400)});
    let problem = ada.send(&long).await.problem(429, "rate_limited");
    assert_eq!((&problem["never_fits"], &problem["fitting_max_tokens"]), (&json!(true), &Value::Null));
    assert!(!problem["detail"].as_str().unwrap().contains("max_tokens"), "{problem}");
}

async fn a_limit_of_nothing_promises_no_time(setup: Setup) {
    let world = World::new(setup).await.limit("hourly", "messages", 5, "1h").limit("at-once", "turns", 5, "");
    let (world, _server, root, ada) = world.with_people().await;
    for rule in ["hourly", "at-once"] {
        let path = format!("/api/v1/admin/rate-limits/ada/{rule}");
        root.put(&path, &json!({"max": 0, "reason": "x"})).await.ok(200);
        let refused = ada.send(&json!({"content": "hello"})).await;
        let problem = refused.problem(429, "rate_limited");
        assert_eq!((&problem["rule"], &problem["never_fits"]), (&json!(rule), &json!(true)));
        assert_eq!(problem["retry_after_secs"], Value::Null, "{problem}");
        assert!(refused.headers.get("retry-after").is_none(), "{refused:#?}");
        root.delete(&path).await.ok(204);
    }
    let violations = root.get("/api/v1/admin/rate-limit-violations").await.ok(200)["items"].clone();
    assert!(violations.as_array().unwrap().iter().all(|one| one["until"] == Value::Null), "{violations}");
    let table = world.cli(["ratelimit", "violations"]).run().await;
    assert!(table.ended(0).contains("never"), "{table:?}");
}

async fn running_turns_hold_a_reservation_apart_from_use(setup: Setup) {
    let (provider, gate) = (Provider::start().await, Gate::closed());
    let (world, server, ada) = start(setup, &provider, "tokens", "1000").await;
    provider.always(Reply::text(["first "]).then_wait(&gate).then("last"));
    let running = ada.stream(&json!({"content": "12345678", "max_tokens": 950})).await;
    let row = shown(&world).await;
    let amounts = ["limit", "used", "reserved", "remaining"].map(|name| row[name].clone());
    assert_eq!(amounts, [1000, 0, 952, 48].map(Value::from), "{row}");
    let root = server.admin("root").await;
    let told = root.get("/api/v1/admin/rate-limits?user_id=ada").await.ok(200)["items"].clone();
    let same = told.as_array().unwrap().iter().find(|row| row["rule"] == "budget").unwrap();
    assert_eq!((&same["used"], &same["reserved"]), (&json!(0), &json!(952)));
    let table = world.cli(["ratelimit", "show", "ada"]).run().await;
    assert!(table.ended(0).contains("reserved") && table.stdout.contains("952"), "{table:?}");
    // What is only reserved is free again soon: how soon is not known, but not at the end of the month.
    let problem = ask(&ada, None).await.problem(429, "rate_limited");
    assert_eq!((&problem["used"], &problem["reserved"]), (&json!(0), &json!(952)));
    assert_eq!((&problem["retry_after_secs"], &problem["fitting_max_tokens"]), (&json!(1), &json!(46)));
    gate.open();
    running.all().await;
    eventually("the settlement", async || {
        let row = shown(&world).await;
        (row["used"] == 18 && row["reserved"] == 0 && row["remaining"] == 982).then_some(())
    })
    .await;
    ask(&ada, None).await.ok(201);
}

async fn too_little_left_is_refused_instead_of_useless(setup: Setup) {
    let provider = Provider::start().await;
    let (world, _server, ada) = start(setup, &provider, "tokens", "1000").await;
    provider.next(Reply::text(["hi"]).using(Some((40, 900))));
    ask(&ada, None).await.ok(201);
    eventually("the charge", async || (shown(&world).await["used"] == 940).then_some(())).await;
    let refused = ask(&ada, None).await;
    let problem = refused.problem(429, "rate_limited");
    assert_eq!((&problem["never_fits"], &problem["fitting_max_tokens"]), (&json!(false), &json!(58)));
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((2..=31 * 86_400).contains(&wait), "until the month ends: {wait}");
    assert_eq!(provider.calls().len(), 1);
    ask(&ada, Some(58)).await.ok(201);
}

async fn many_at_once_reserve_no_more_than_the_budget(setup: Setup) {
    let (provider, gate) = (Provider::start().await, Gate::closed());
    let world = budget(with_model(World::new(setup).await, &provider), "tokens", "10000");
    let world = if setup == Setup::Redis { world.set("redis.command_timeout", "10s") } else { world };
    let (world, server, ada) = world.with_ada().await;
    provider.answers({
        let gate = gate.clone();
        move |_| Reply::text(["first "]).then_wait(&gate).then("last")
    });
    let sends: Vec<_> = (0..12).map(|_| ada.clone()).collect();
    let sends = sends.into_iter().map(|ada| tokio::spawn(async move { ask(&ada, None).await.status.as_u16() }));
    let sends = futures_util::future::join_all(sends.collect::<Vec<_>>());
    let refused = async || server.metric("mcpchat_rate_limit_violations_total", &[r#"rule="budget""#]).await;
    eventually("nine refusals", async || (refused().await == 9.0).then_some(())).await;
    eventually("the calls", async || (provider.calls().len() == 3).then_some(())).await;
    let reserved: u64 = provider.calls().iter().map(|call| max_tokens(call) + 2).sum();
    let row = shown(&world).await;
    assert_eq!(row["reserved"], reserved, "what the models were told is what was reserved");
    assert_eq!(reserved, 10_000, "two whole answers, and one that is cut");
    gate.open();
    let statuses: Vec<u16> = sends.await.into_iter().map(Result::unwrap).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 3, "{statuses:?}");
}

async fn config_check_warns_of_small_budgets(setup: Setup) {
    let provider = Provider::start().await;
    let world = budget(with_model(World::new(setup).await, &provider), "cost", "0.0006");
    let checked = world.cli(["config", "check"]).run().await;
    checked.ended(0);
    for part in ["warning:", "limits[0].max", "\"fake\"", "$0.008192", "$0.0006"] {
        assert!(checked.stderr.contains(part), "no {part} in {checked:?}");
    }
}
