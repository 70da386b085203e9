//! Exhaustion of file descriptors: the server goes on with what it has, and recovers when it gets some back.

use crate::harness::{Raw, Setup, Value, World, eventually};

const LIVEZ: &str = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn running_out_of_file_descriptors_is_survived() {
    // The connection that is kept says nothing for as long as the crowd takes to come.
    let world = World::new(Setup::Sqlite).await.without_limits().set("server.idle_timeout", "10m");
    world.add_user("ada").await;
    let server = world.serve_with_files(48).await;
    let ada = server.login("ada").await;
    ada.say("before").await;
    let (mut kept, first) = Raw::ask(&server, LIVEZ).await;
    first.ok(200);

    let mut crowd = Vec::new();
    for _ in 0..200 {
        crowd.push(Raw::connect(&server).await);
    }
    kept.say(LIVEZ).await;
    kept.answer().await.ok(200);
    drop(crowd);
    eventually("the recovery", async || {
        let mut raw = Raw::connect(&server).await;
        raw.try_say(LIVEZ).await.ok()?;
        raw.rest_starts_with("HTTP/1.1 200").await.then_some(())
    })
    .await;
    server.login("ada").await.say("after").await;

    let told = |message: &str| server.log().iter().filter(|line| said(line, message)).count();
    assert_eq!(
        told("the limit of open files (`ulimit -n`) allows fewer connections than `[server] max_connections`"),
        1
    );
    assert!(told("connections cannot be accepted; those that are open go on") <= 5, "once per change, not per try");
}

fn said(line: &Value, message: &str) -> bool {
    line["fields"]["message"] == message || line["message"] == message
}
