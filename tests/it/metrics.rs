//! Metrics as Prometheus meets them: their names and labels, that no client can add to them, and what a scrape costs.

use std::{collections::BTreeMap, io::Write, process::Stdio};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::harness::{Server, Setup, World, eventually, json};

on_every_setup! {
    every_metric_has_the_labels_of_the_design
    users_do_not_make_a_scrape_longer
}

on_database_servers! { a_scrape_asks_the_database_nothing }

on_redis! { redis_up_says_whether_redis_answers }

/// The labels each has, beside `le`.
const METRICS: [(&str, &[&str]); 20] = [
    ("http_requests_total", &["method", "route", "status"]),
    ("http_request_duration_seconds", &["route"]),
    ("turns_total", &["model", "outcome"]),
    ("turn_duration_seconds", &["model"]),
    ("time_to_first_token_seconds", &["model"]),
    ("overhead_seconds", &[]),
    ("tokens_total", &["direction", "model"]),
    ("cost_usd_total", &["model"]),
    ("rate_limit_violations_total", &["rule"]),
    ("rate_limit_decisions_total", &["decision", "rule"]),
    ("logins_total", &["outcome"]),
    ("turns_running", &[]),
    ("websocket_connections", &[]),
    ("tasks", &[]),
    ("db_pool_connections", &["state"]),
    ("provider_requests_total", &["outcome", "provider"]),
    ("build_info", &["version"]),
    ("log_lines_dropped_total", &[]),
    ("redis_up", &[]),
    ("admin_actions_total", &["action"]),
];

async fn every_metric_has_the_labels_of_the_design(setup: Setup) {
    let world = World::new(setup).await.limit("two", "messages", 2, "1h");
    let (_world, _provider, server, ada) = world.with_provider_and_ada().await;
    ada.say("one").await;
    ada.say("two").await;
    ada.send(&json!({"content": "three"})).await.any_problem(429);
    let text = server.metrics().await;
    let found = labels(&text);
    for (name, expected) in METRICS {
        let absent = name == "redis_up" && setup != Setup::Redis || name == "admin_actions_total";
        let found = found.get(&format!("mcpchat_{name}")).map(Vec::as_slice);
        assert_eq!(found, if absent { None } else { Some(expected) }, "{name}\n{text}");
    }
    for process in ["process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"] {
        assert!(found.contains_key(process), "{process}");
    }
    check_by_promtool(setup, &text);
}

/// The names of the labels by metric, in their order.
fn labels(text: &str) -> BTreeMap<String, Vec<&str>> {
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples
        .map(|line| {
            let series = line.rsplit_once(' ').unwrap().0;
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            let name = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
            let labels = labels.trim_end_matches('}').split(',').filter_map(|label| Some(label.split_once('=')?.0));
            (name.to_owned(), labels.filter(|label| *label != "le").collect())
        })
        .collect()
}

/// tests/run installs it, with the servers of the other set-ups.
fn check_by_promtool(setup: Setup, text: &str) {
    if setup == Setup::Sqlite {
        return;
    }
    let mut promtool = std::process::Command::new("promtool");
    let promtool =
        promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut promtool = promtool.spawn().expect("promtool is installed");
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let said = promtool.wait_with_output().unwrap();
    assert!(said.status.success() && said.stdout.is_empty() && said.stderr.is_empty(), "{said:?}");
}

async fn users_do_not_make_a_scrape_longer(setup: Setup) {
    let world = World::new(setup).await;
    let server = world.serve().await;
    server.person("ada").await.get("/api/v1/users/me").await.ok(200);
    let lines = async || server.metrics().await.lines().count();
    let before = lines().await;
    let id = if setup == Setup::Sqlite { "randomblob(16)" } else { "gen_random_uuid()" };
    let insert = format!(
        "insert into users (id, username, username_folded, password_hash, role, enabled, epoch, created_at) \
         with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < 10000) \
         select {id}, 'user' || n, 'user' || n, 'none', 'user', true, 0, created_at from numbers, users"
    );
    assert_eq!(world.database.execute(insert.leak()).await, 10_000);
    assert_eq!(lines().await, before);
}

async fn a_scrape_asks_the_database_nothing(setup: Setup) {
    let (world, wire) = World::new(setup).await.wire_to_postgres().await;
    let server = world.serve().await;
    server.person("ada").await;
    wire.stall();
    let text = tokio::time::timeout(std::time::Duration::from_secs(5), server.metrics()).await.expect("at once");
    assert!(text.contains("mcpchat_db_pool_connections{state=\"idle\"}"), "{text}");
}

async fn redis_up_says_whether_redis_answers(setup: Setup) {
    let (world, server, ada) = World::new(setup).await.set("redis.command_timeout", "100ms").with_ada().await;
    let is = async |up: f64| {
        let look = async || (server.metric("mcpchat_redis_up", &[]).await == up).then_some(());
        eventually("redis_up to change", look).await;
    };
    is(1.0).await;
    world.redis().freeze();
    ada.say("still here").await;
    is(0.0).await;
    world.redis().thaw();
    is(1.0).await;
}

const MANY_PATHS: usize = 20_000;
const MANY_NAMES: usize = 2_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute: tests/run does it"]
async fn clients_cannot_add_to_the_labels() {
    let (_world, server, ada) = World::new(Setup::Sqlite).await.without_limits().with_ada().await;
    let auth = format!("host: x\r\nauthorization: Bearer {}\r\n", ada.token());
    let paths = |i: usize| format!("GET /nowhere/{i}/{:x} HTTP/1.1\r\nhost: x\r\n\r\n", i.wrapping_mul(0x9e37_79b9));
    let methods = |i: usize| format!("METHOD{i} /livez HTTP/1.1\r\nhost: x\r\n\r\n");
    let models = |i: usize| {
        let body = format!("{{\"content\":\"x\",\"model\":\"model-{i}\"}}");
        let length = body.len();
        format!(
            "POST /api/v1/messages HTTP/1.1\r\n{auth}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )
    };
    // Each once, so that what they add by right is there.
    ask_all(&server, 1, paths).await;
    ask_all(&server, 1, methods).await;
    ask_all(&server, 1, models).await;
    let series = async || server.metrics().await.lines().count();
    let before = series().await;
    ask_all(&server, MANY_PATHS, paths).await;
    ask_all(&server, MANY_NAMES, methods).await;
    ask_all(&server, MANY_NAMES, models).await;
    assert_eq!(series().await, before, "{}", server.metrics().await);
    let requests = async || server.metric("mcpchat_http_requests_total", &["route=\"unmatched\""]).await;
    eventually("all requests to be counted", async || (requests().await >= MANY_PATHS as f64).then_some(())).await;
}

/// Sends the requests on one connection without waiting in between, and reads as many answers.
async fn ask_all(server: &Server, number: usize, request: impl Fn(usize) -> String) {
    let (mut read, mut write) = TcpStream::connect(server.address()).await.unwrap().into_split();
    let all: Vec<u8> = (0..number).flat_map(|i| request(i).into_bytes()).collect();
    let writing = tokio::spawn(async move {
        write.write_all(&all).await.unwrap();
        write
    });
    let (mut answers, mut kept, mut chunk) = (0, Vec::new(), vec![0; 256 * 1024]);
    while answers < number {
        let length = read.read(&mut chunk).await.unwrap();
        assert!(length > 0, "closed after {answers} answers");
        kept.extend_from_slice(&chunk[..length]);
        answers += kept.windows(9).filter(|window| window == b"HTTP/1.1 ").count();
        kept.drain(..kept.len().saturating_sub(8));
    }
    drop(writing.await.unwrap());
}
