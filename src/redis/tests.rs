//! Tests of calls while Redis is stopped, killed, restarted or refusing.

use std::time::Instant;

use redis::{AsyncCommands, Script};

use super::{test_server::RedisServer, *};

/// Where time is not the point, a busy machine must not look like an absent Redis.
const PATIENCE: Duration = Duration::from_secs(5);
const COMMAND_TIMEOUT: Duration = Duration::from_millis(250);

async fn answer(link: &RedisLink) -> Result<String, Unavailable> {
    link.run(async |mut connection| redis::cmd("PING").query_async(&mut connection).await).await
}

async fn until(link: &RedisLink, up: bool) {
    let mut changes = link.up();
    let waited = timeout(Duration::from_secs(10), changes.wait_for(|now| *now == up)).await;
    waited.expect("the breaker changes").unwrap();
}

async fn assert_fails_at_once(link: &RedisLink) {
    let mut quickest = Duration::MAX;
    for _ in 0..20 {
        let before = Instant::now();
        assert_eq!(answer(link).await, Err(Unavailable::Open));
        quickest = quickest.min(before.elapsed());
    }
    assert!(quickest < Duration::from_millis(5), "{quickest:?}");
}

#[tokio::test]
async fn a_bad_url_is_not_an_absent_server_and_not_printed() {
    let bad = RedisLink::open(&Secret::new("http://ada:hunter2@nowhere"), PATIENCE).await.err().unwrap();
    assert!(matches!(bad, Error::Url(_)) && !bad.to_string().contains("hunter2"), "{bad}");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let absent = Secret::new(format!("redis://127.0.0.1:{port}"));
    assert!(!RedisLink::open(&absent, PATIENCE).await.unwrap().is_up());
    let link = RedisLink::open(&absent, PATIENCE).await.unwrap();
    assert!(!link.is_up());
    assert_fails_at_once(&link).await;
}

#[tokio::test]
#[ignore = "needs Redis: tests/run starts one"]
async fn a_paused_redis_costs_one_timeout_and_recovers() {
    let server = RedisServer::start();
    let link = RedisLink::open(&server.url(), COMMAND_TIMEOUT).await.unwrap();
    assert!(answer(&link).await.is_ok());

    server.signal("STOP");
    let before = Instant::now();
    assert_eq!(answer(&link).await, Err(Unavailable::Timeout(COMMAND_TIMEOUT)));
    assert!(before.elapsed() < COMMAND_TIMEOUT * 2, "{:?}", before.elapsed());
    assert!(!link.is_up());
    assert_fails_at_once(&link).await;

    server.signal("CONT");
    until(&link, true).await;
    assert!(answer(&link).await.is_ok());
}

#[tokio::test]
#[ignore = "needs Redis: tests/run starts one"]
async fn a_killed_redis_is_unavailable_until_it_is_back() {
    let mut server = RedisServer::start();
    let link = RedisLink::open(&server.url(), PATIENCE).await.unwrap();
    assert!(link.is_up());

    server.kill();
    assert!(matches!(answer(&link).await, Err(Unavailable::Connection(_))));
    assert_fails_at_once(&link).await;

    server.restart();
    until(&link, true).await;
    assert!(answer(&link).await.is_ok());
}

#[tokio::test]
#[ignore = "needs Redis: tests/run starts one"]
async fn a_script_is_loaded_where_redis_does_not_know_it() {
    let server = RedisServer::start();
    let link = RedisLink::open(&server.url(), PATIENCE).await.unwrap();
    let script = Script::new("return ARGV[1] + 1");
    assert_eq!(link.script::<i64>(script.prepare_invoke().arg(41)).await, Ok(42));
    assert_eq!(link.script::<i64>(script.prepare_invoke().arg(1)).await, Ok(2));
}

#[tokio::test]
#[ignore = "needs Redis: tests/run starts one"]
async fn a_full_or_read_only_redis_stays_unavailable() {
    let server = RedisServer::start();
    let link = RedisLink::open(&server.url(), PATIENCE).await.unwrap();
    let write = async |mut connection: Connection| connection.set::<_, _, ()>("{mcpchat}:test", "x").await;
    let administrator = server_connection(&server).await;
    let config = async |setting: [&str; 2]| {
        let mut connection = administrator.clone();
        redis::cmd("CONFIG").arg("SET").arg(&setting).query_async::<()>(&mut connection).await.unwrap();
    };

    config(["maxmemory", "1"]).await;
    assert_eq!(link.run(write).await, Err(Unavailable::Answer("OOM".to_owned())));
    assert!(!link.is_up());
    assert!(
        matches!(link.another().await, Err(Unavailable::Answer(code)) if code == "OOM"),
        "the probe must see it too"
    );
    config(["maxmemory", "0"]).await;
    until(&link, true).await;

    let mut connection = administrator.clone();
    redis::cmd("REPLICAOF").arg("127.0.0.1").arg(1).query_async::<()>(&mut connection).await.unwrap();
    assert!(
        matches!(link.run(write).await, Err(Unavailable::Answer(code)) if code == "READONLY" || code == "MASTERDOWN")
    );
    assert!(!link.is_up());
}

#[tokio::test]
#[ignore = "needs Redis: tests/run starts one"]
async fn a_wrong_command_does_not_open_the_breaker() {
    let server = RedisServer::start();
    let link = RedisLink::open(&server.url(), PATIENCE).await.unwrap();
    let wrong = link.run(async |mut c| redis::cmd("NONSENSE").query_async::<()>(&mut c).await).await;
    assert!(matches!(wrong, Err(Unavailable::Rejected(_))), "{wrong:?}");
    let wrong = link
        .run(async |mut c| {
            c.set::<_, _, ()>("{mcpchat}:text", "x").await?;
            c.hget::<_, _, Option<String>>("{mcpchat}:text", "field").await
        })
        .await;
    assert!(matches!(wrong, Err(Unavailable::Rejected(_))), "{wrong:?}");
    assert!(link.is_up());
}

#[tokio::test]
#[ignore = "needs Redis: tests/run starts one"]
async fn the_last_clone_ends_the_healer_and_the_connection() {
    let server = RedisServer::start();
    let link = RedisLink::open(&server.url(), PATIENCE).await.unwrap();
    let mut up = link.up();
    drop(link.clone());
    assert!(answer(&link).await.is_ok());
    drop(link);
    timeout(Duration::from_secs(5), up.wait_for(|up| !up))
        .await
        .expect("the task ends")
        .expect_err("its sender is gone");
}

async fn server_connection(server: &RedisServer) -> Connection {
    connect_fresh(&Topology::of(&server.url()).unwrap()).await.unwrap()
}
