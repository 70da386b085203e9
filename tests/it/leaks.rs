//! Resource leaks of turns, in the process: after so many of them, and after four times as many, it has as much memory,
//! as many open files, threads and tasks as before. `MCPCHAT_LEAK_TURNS` makes it longer.

use std::{fmt, time::Duration};

use futures_util::{StreamExt, stream};
use reqwest::Method;

use crate::harness::{Events, Gate, Person, Provider, Reply, Server, Setup, Socket, World, eventually, json, within};

on_every_setup! { turns_leave_nothing_behind }

/// How many clients are at it at once.
const AT_ONCE: usize = 16;
/// What an allocator may keep for itself, in MiB.
const SLACK: f64 = 12.0;
/// Files and tasks: the database's pool (`World` allows it five connections) may not have needed all of them before.
const POOL: usize = 5;

/// How much a server holds.
#[derive(Clone, Copy)]
struct Held {
    memory: f64,
    files: usize,
    threads: usize,
    tasks: f64,
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { memory, files, threads, tasks } = self;
        write!(f, "{memory:.1} MiB, {files} files, {threads} threads, {tasks} tasks")
    }
}

async fn turns_leave_nothing_behind(setup: Setup) {
    let turns = std::env::var("MCPCHAT_LEAK_TURNS").map_or(200, |turns| turns.parse().unwrap());
    let provider = Provider::start().await;
    let long = |words: usize| (0..words).map(|word| format!("word {word} ")).collect::<Vec<_>>();
    let words = long(40);
    provider.answers(move |call| match call.question().as_str() {
        "for ever" => Reply::text(["on "]).then_wait(&Gate::closed()),
        "badly" => Reply::text(["half"]).then_break(),
        _ => Reply::text(words.iter().map(String::as_str)),
    });
    let world = World::new(setup).await.provider(&provider).without_limits();
    let world = world.limit("at-once", "turns", 1000, "").limit("tokens-a-day", "tokens", 1_000_000_000, "day");
    let (_world, server, ada) = world.with_ada().await;
    // What is made once, and kept: connections, plans, caches.
    much(&visitor(&ada), turns).await;
    let before = settled(&server, None).await;
    much(&visitor(&ada), 3 * turns).await;
    let after = settled(&server, Some(before)).await;
    eprintln!("after {turns} turns: {before}; after {}: {after}", 4 * turns);
    let grown = after.memory - before.memory;
    assert!(grown < SLACK + 0.1 * before.memory, "memory: {before}, and then {after}");
    assert!(after.files <= before.files + POOL, "files: {before}, and then {after}");
    assert!(after.threads <= before.threads + 2, "threads: {before}, and then {after}");
    assert!(after.tasks <= before.tasks + POOL as f64, "tasks: {before}, and then {after}");
}

/// With connections of their own, which end with them.
fn visitor(person: &Person) -> Person {
    Person::stranger(&format!("http://{}", person.server_address())).with_token(person.token())
}

/// So many turns, of every kind in turn.
async fn much(ada: &Person, turns: usize) {
    stream::iter(0..turns).for_each_concurrent(AT_ONCE, |number| one(ada, number)).await;
}

async fn one(ada: &Person, number: usize) {
    match number % 8 {
        0 => drop(ada.say("hello").await),
        1 => drop(ada.stream(&json!({"content": "hello"})).await.all().await),
        2 => is_left(ada).await,
        3 => is_resumed(ada).await,
        4 => is_cancelled(ada).await,
        5 => drop(Socket::of(ada).await.send("a", "hello").await),
        6 => is_left_on_a_socket(ada).await,
        _ => drop(ada.stream(&json!({"content": "badly"})).await.all().await),
    }
}

async fn is_left(ada: &Person) {
    ada.stream(&json!({"content": "hello"})).await.expect("turn").await;
}

async fn is_resumed(ada: &Person) {
    let turn = ada.stream(&json!({"content": "hello"})).await.expect("turn").await["turn_id"].clone();
    let path = format!("/api/v1/turns/{}/events?after=1", turn.as_str().unwrap());
    let rest = Events::of(ada.request(Method::GET, &path)).await.all().await;
    assert_eq!(rest.last().unwrap().name, "done");
}

async fn is_cancelled(ada: &Person) {
    let mut events = ada.stream(&json!({"content": "for ever"})).await;
    let turn = events.expect("turn").await["turn_id"].clone();
    ada.delete(&format!("/api/v1/turns/{}", turn.as_str().unwrap())).await.ok(202);
    events.all().await;
}

async fn is_left_on_a_socket(ada: &Person) {
    let mut socket = Socket::of(ada).await;
    socket.say(&json!({"type": "send", "id": "a", "content": "hello"})).await;
    socket.expect("turn").await;
    socket.reset();
}

/// What the server holds once it is at rest: the turns have ended, and it is no more than before, if it ever gets there.
async fn settled(server: &Server, before: Option<Held>) -> Held {
    eventually("the turns to end", async || {
        let busy = server.metric("mcpchat_turns_running", &[]).await
            + server.metric("mcpchat_websocket_connections", &[]).await;
        (busy == 0.0).then_some(())
    })
    .await;
    let Some(before) = before else {
        // Unused connections are still to be closed.
        let mut last = held(server).await;
        return within(Duration::from_secs(10), "the server to come to rest", async || {
            let now = held(server).await;
            let is_at_rest = now.tasks == last.tasks && now.files == last.files;
            last = now;
            is_at_rest.then_some(now)
        })
        .await;
    };
    let mut rest = held(server).await;
    for _ in 0..100 {
        if rest.tasks <= before.tasks && rest.files <= before.files && rest.threads <= before.threads {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        rest = held(server).await;
    }
    rest
}

async fn held(server: &Server) -> Held {
    let process = format!("/proc/{}", server.process.pid());
    let entries = |folder: &str| std::fs::read_dir(format!("{process}/{folder}")).unwrap().count();
    let status = std::fs::read_to_string(format!("{process}/status")).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kib: f64 = resident.trim().trim_end_matches(" kB").parse().unwrap();
    let tasks = server.metric("mcpchat_tasks", &[]).await;
    Held { memory: kib / 1024.0, files: entries("fd"), threads: entries("task"), tasks }
}
