//! Real proxies before the service: with the README's configuration all that it does works, and with the proxies' own a
//! rolling restart fails no request.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::harness::{Gate, Kind, Person, Provider, RealProxy, Reply, Server, Setup, Socket, World, eventually, json};

on_redis! {
    rolling_restarts_behind_a_plain_nginx_fail_nothing
    rolling_restarts_at_length
}

/// How many clients there are, each with one request at a time.
const CLIENTS: usize = 16;

async fn all_works_behind(kind: Kind) {
    let provider = Provider::start().await;
    let world = World::new(Setup::Sqlite).await.provider(&provider).without_limits();
    let server = world.serve().await;
    server.person("ada").await;
    let proxy = RealProxy::start(kind, &kind.documented(), [server.address(), server.address()]).await;
    let mut ada = server.stranger().at_address(proxy.address());
    ada.log_in("ada", crate::harness::PASSWORD).await.ok(200);
    let of_the_proxy = world.database.number("select count(*) from sessions where address = '127.0.0.1'").await;
    // Caddy passes on no `X-Forwarded-For` of a client's own, and the client is at 127.0.0.1 as well.
    let expected = i64::from(matches!(kind, Kind::Caddy));
    assert_eq!(of_the_proxy, expected, "a client's address is what the proxy says");

    let gate = Gate::closed();
    provider.next(Reply::text(["piece "]).then_wait(&gate).then("by piece"));
    let mut events = ada.stream(&json!({"content": "slowly"})).await;
    let first = events.expect("turn").await;
    assert_eq!(events.expect("delta").await["text"], "piece ", "before there is more");
    gate.open();
    assert_eq!(events.all().await.last().unwrap().data["turn"]["id"], first["turn_id"]);

    provider.next(Reply::text(["on a socket"]));
    let origin = format!("http://{}", proxy.address());
    let bearer = format!("Bearer {}", ada.token());
    let headers = [("origin", origin.as_str()), ("authorization", bearer.as_str())];
    let (mut socket, _) = Socket::ask(proxy.address(), "/api/v1/ws", &headers).await.ok().expect("the page's own host");
    socket.expect("welcome").await;
    assert_eq!(crate::harness::socket::spoken(&socket.send("a", "hello").await), "on a socket");
    let foreign = [("origin", "http://evil.example"), ("authorization", bearer.as_str())];
    assert_eq!(Socket::ask(proxy.address(), "/api/v1/ws", &foreign).await.err().expect("refused").status, 403);

    let probe = ada.http().request(reqwest::Method::OPTIONS, format!("{origin}/")).send().await.unwrap();
    assert!(probe.status().is_success(), "{probe:?}");
    ada.get("/docs").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs nginx: tests/run installs it"]
async fn all_works_behind_nginx() {
    all_works_behind(Kind::Nginx).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs HAProxy: tests/run installs it"]
async fn all_works_behind_haproxy() {
    all_works_behind(Kind::Haproxy).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Caddy: tests/run installs it"]
async fn all_works_behind_caddy() {
    all_works_behind(Kind::Caddy).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Apache: tests/run installs it"]
async fn all_works_behind_apache() {
    all_works_behind(Kind::Apache).await;
}

/// Below a path the page finds what it is made of, and the description says where the server is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs nginx: tests/run installs it"]
async fn a_path_prefix_changes_nothing() {
    let world = World::new(Setup::Sqlite).await;
    let server = world.serve().await;
    let prefixed = "server { listen 80; location /chat/ { proxy_pass http://10.0.0.1:8080/; \
                    proxy_set_header X-Forwarded-Prefix /chat; } }";
    let proxy = RealProxy::start(Kind::Nginx, prefixed, [server.address(), server.address()]).await;
    let guest = server.stranger().at_address(proxy.address());
    let page = guest.http().get(format!("http://{}/chat/", proxy.address())).send().await.unwrap();
    let place = page.url().clone();
    assert_eq!((page.status().as_u16(), place.path()), (200, "/chat/docs"));
    let page = page.text().await.unwrap();
    let links: Vec<&str> = ["href=\"", "src=\""]
        .iter()
        .flat_map(|attribute| page.split(attribute).skip(1).filter_map(|rest| rest.split('"').next()))
        .filter(|link| !link.starts_with("data:"))
        .collect();
    assert_eq!(links, ["docs/style.css", "api/v1/openapi.json", "docs/app.js"]);
    for link in links {
        let target = place.join(link).unwrap();
        assert_eq!(guest.http().get(target.clone()).send().await.unwrap().status(), 200, "{target}");
    }
    for (root, wanted) in [(format!("http://{}/chat", proxy.address()), "/chat"), (server.url(), "/")] {
        let answer = guest.http().get(format!("{root}/api/v1/openapi.json")).send().await.unwrap();
        let description: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(description["servers"][0]["url"], wanted);
    }
}

/// Without it all clients share one address, and with it the limit of logins.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_is_not_trusted_is_told_of() {
    let world = World::new(Setup::Sqlite).await.without_limits().without("server.trusted_proxies");
    let server = world.serve().await;
    const ID: &str = "server.trusted_proxies";
    let status = async || {
        let report = world.cli(["doctor", "--json"]).run().await;
        let report: serde_json::Value = serde_json::from_str(&report.stdout).unwrap();
        let checks = report["checks"].as_array().unwrap().clone();
        checks.into_iter().find(|check| check["id"] == ID).expect("it is checked")
    };
    server.person("ada").await;
    assert_eq!(status().await["status"], "ok");
    server.person("bob").await;
    let check = status().await;
    assert_eq!(check["status"], "warning", "{check:#}");
    assert!(check["remedy"].as_str().unwrap().contains("trusted_proxies = [\"127.0.0.1\"]"), "{check:#}");
    let told =
        |line: &serde_json::Value| line["message"].as_str().is_some_and(|text| text.contains("no trusted proxy"));
    assert_eq!(server.log().iter().filter(|line| told(line)).count(), 1, "once, and not for each request");
    assert_eq!(server.log().iter().find(|line| told(line)).unwrap()["address"], "127.0.0.1");
}

/// What came of the requests of all clients.
#[derive(Default)]
struct Tally {
    done: AtomicUsize,
    failed: AtomicUsize,
    stop: AtomicBool,
}

/// Sends messages one after the other.
async fn keep_asking(person: Person, tally: Arc<Tally>) {
    while !tally.stop.load(Ordering::Relaxed) {
        let request = person.request(reqwest::Method::POST, "/api/v1/messages").json(&json!({"content": "hello"}));
        let outcome = match request.send().await {
            Ok(answer) => (answer.status().as_u16(), answer.text().await.unwrap_or_default()),
            Err(error) => (0, format!("{error:?}")),
        };
        let number = tally.done.fetch_add(1, Ordering::Relaxed);
        if outcome.0 != 201 {
            tally.failed.fetch_add(1, Ordering::Relaxed);
            eprintln!("request {number}: {outcome:?}");
        }
    }
}

/// A configuration that asks nothing of mcpchat. Caddy 2.6 cannot send a request with a body again after a refused
/// connection ("invalid Read on closed Body"), so that it has to know beforehand: it is as documented.
fn unaware(kind: Kind) -> String {
    if kind == Kind::Caddy { kind.documented() } else { kind.plain().to_owned() }
}

/// Restarts two replicas in turn until there were so many requests. Gives how many, and how many failed.
async fn storm(kind: Kind, requests: usize) -> (usize, usize, usize) {
    let world = World::new(Setup::Redis).await.without_limits();
    let mut servers: [Server; 2] = [world.serve().await, world.serve().await];
    let ada = servers[0].person("ada").await;
    let proxy = RealProxy::start(kind, &unaware(kind), [servers[0].address(), servers[1].address()]).await;
    let tally = Arc::<Tally>::default();
    let people: Vec<_> = (0..CLIENTS)
        .map(|_| tokio::spawn(keep_asking(ada.at_address(proxy.address()).with_own_connections(), Arc::clone(&tally))))
        .collect();
    let mut restarts = 0;
    while tally.done.load(Ordering::Relaxed) < requests {
        let before = tally.done.load(Ordering::Relaxed);
        servers[restarts % 2].restart().await;
        restarts += 1;
        // Both take part again before the next one goes.
        let longer = Duration::from_secs(if kind == Kind::Nginx { 11 } else { 4 });
        let due = Instant::now() + if requests > 1000 { longer } else { Duration::ZERO };
        eventually("requests on both", async || {
            let done = tally.done.load(Ordering::Relaxed);
            (Instant::now() >= due && done > before + 50).then_some(())
        })
        .await;
    }
    tally.stop.store(true, Ordering::Relaxed);
    for person in people {
        person.await.unwrap();
    }
    (tally.done.load(Ordering::Relaxed), tally.failed.load(Ordering::Relaxed), restarts)
}

async fn rolling_restarts_behind_a_plain_nginx_fail_nothing(_: Setup) {
    let (done, failed, _) = storm(Kind::Nginx, 150).await;
    assert_eq!(failed, 0, "of {done}");
}

/// tests/rolling
async fn rolling_restarts_at_length(_: Setup) {
    let Some(requests) = std::env::var("MCPCHAT_ROLLING_REQUESTS").ok().and_then(|text| text.parse().ok()) else {
        return;
    };
    let mut all_failed = 0;
    for kind in [Kind::Nginx, Kind::Haproxy, Kind::Caddy] {
        let (done, failed, restarts) = storm(kind, requests).await;
        eprintln!("{kind:?}: {failed} of {done} requests failed in {restarts} restarts");
        all_failed += failed;
    }
    assert_eq!(all_failed, 0);
}
