//! A turn whose client disconnects: it goes on, or, where the request says so, it is cancelled.

use std::time::Duration;

use bytes::Bytes;
use h2::client::{self, SendRequest};
use hyper::Request;
use tokio::net::TcpStream;

use crate::harness::{
    Gate, Person, Provider, Raw, Reply, Server, Setup, Socket, Value, World, eventually, json, within,
};

on_every_setup! {
    a_turn_goes_on_without_its_client
    a_turn_is_cancelled_with_its_client_on_request
    what_had_come_is_kept
    a_reply_that_is_whole_is_not_cancelled
    a_word_that_is_none_is_refused
}

on_sqlite! {
    a_stream_of_http2_that_is_reset_cancels_its_turn
}

/// What is promised.
const AT_ONCE: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug)]
enum Way {
    Json,
    Sse,
    WebSocket,
}

#[derive(Clone, Copy, Debug)]
enum End {
    Goodbye,
    Reset,
    /// The client is there, and reads nothing any more.
    Silence,
}

/// A client's connection.
enum Client {
    Raw(Raw),
    Socket(Socket),
}

struct Scene {
    world: World,
    provider: Provider,
    server: Server,
    ada: Person,
}

impl Scene {
    async fn new(setup: Setup) -> Self {
        let (world, provider, server, ada) = World::new(setup).await.without_limits().with_provider_and_ada().await;
        Self { world, provider, server, ada }
    }

    /// Sends a message whose reply waits at the gate, after `first` has been sent.
    async fn ask(&self, way: Way, first: &str, gate: &Gate, on_disconnect: Option<&str>) -> Client {
        let before = self.provider.calls().len();
        self.provider
            .next(Reply::text([first].into_iter().filter(|text| !text.is_empty())).then_wait(gate).then("end"));
        let mut message = json!({"content": "hello"});
        if let Some(word) = on_disconnect {
            message["on_disconnect"] = json!(word);
        }
        let client = match way {
            Way::Json | Way::Sse => {
                let mut raw = Raw::connect(&self.server).await;
                message["stream"] = json!(matches!(way, Way::Sse));
                let who = format!("authorization: Bearer {}\r\n", self.ada.token());
                raw.post("/api/v1/messages", &who, &message).await;
                Client::Raw(raw)
            }
            Way::WebSocket => {
                let mut socket = Socket::of(&self.ada).await;
                message["type"] = json!("send");
                message["id"] = json!("a");
                socket.say(&message).await;
                Client::Socket(socket)
            }
        };
        self.provider.called(before + 1).await;
        client
    }

    /// The newest turn, once it has ended.
    async fn ended(&self, turns: i64) -> Value {
        eventually("the turn to end", async || {
            let query = "select count(*) from turns where state <> 'running'";
            (self.world.database.number(query).await == turns).then_some(())
        })
        .await;
        let conversations = self.ada.get("/api/v1/conversations?limit=1").await.ok(200);
        let id = conversations["items"][0]["id"].as_str().unwrap().to_owned();
        let messages = self.ada.get(&format!("/api/v1/conversations/{id}/messages")).await.ok(200);
        let mut turn = self.ada.turn(&messages["items"][0]["turn_id"]).await;
        turn["reply"] = messages["items"][1]["content"].clone();
        turn
    }
}

impl Client {
    fn end(self, how: End) -> Option<Self> {
        match (how, self) {
            (End::Silence, client) => return Some(client),
            (End::Goodbye, client) => drop(client),
            (End::Reset, Self::Raw(raw)) => raw.reset(),
            (End::Reset, Self::Socket(socket)) => socket.reset(),
        }
        None
    }
}

async fn a_turn_goes_on_without_its_client(setup: Setup) {
    let scene = Scene::new(setup).await;
    let mut turns = 0;
    for way in [Way::Json, Way::Sse, Way::WebSocket] {
        for (how, asked) in
            [(End::Goodbye, None), (End::Reset, Some("continue")), (End::Silence, None), (End::Silence, Some("cancel"))]
        {
            let gate = Gate::closed();
            let silent = scene.ask(way, "begun, ", &gate, asked).await.end(how);
            // The server has answered a request since, so it has had its chance to notice.
            scene.ada.get("/api/v1/users/me").await.ok(200);
            gate.open();
            turns += 1;
            let turn = scene.ended(turns).await;
            assert_eq!(
                (&turn["state"], &turn["reply"]),
                (&json!("completed"), &json!("begun, end")),
                "{way:?} {how:?}"
            );
            assert!(!scene.provider.last_call().dropped);
            drop(silent);
        }
    }
}

async fn a_turn_is_cancelled_with_its_client_on_request(setup: Setup) {
    let scene = Scene::new(setup).await;
    let mut turns = 0;
    for way in [Way::Json, Way::Sse, Way::WebSocket] {
        for how in [End::Goodbye, End::Reset] {
            for first in ["", "begun, "] {
                let client = scene.ask(way, first, &Gate::closed(), Some("cancel")).await;
                client.end(how);
                let dropped = async || scene.provider.last_call().dropped.then_some(());
                within(AT_ONCE, &format!("the provider to be let go: {way:?} {how:?} {first:?}"), dropped).await;
                turns += 1;
                let turn = scene.ended(turns).await;
                assert_eq!((&turn["state"], &turn["finish_reason"]), (&json!("cancelled"), &json!("cancelled")));
            }
        }
    }
}

async fn what_had_come_is_kept(setup: Setup) {
    let scene = Scene::new(setup).await;
    let client = scene.ask(Way::Sse, "begun, ", &Gate::closed(), Some("cancel")).await;
    let Client::Raw(mut raw) = client else { unreachable!() };
    let mut seen = String::new();
    while !seen.contains("begun, ") {
        seen += &raw.some().await;
    }
    drop(raw);
    let turn = scene.ended(1).await;
    assert_eq!((&turn["state"], &turn["reply"]), (&json!("cancelled"), &json!("begun, ")));
    assert_eq!(turn["usage"]["source"], "partial");
    assert!(turn["usage"]["output_tokens"].as_u64().unwrap() > 0, "{turn}");
    scene.ada.say_in(&turn["conversation_id"], "the conversation is free").await;
}

async fn a_reply_that_is_whole_is_not_cancelled(setup: Setup) {
    let scene = Scene::new(setup).await;
    for stream in [false, true] {
        let asked = json!({"content": "hello", "on_disconnect": "cancel", "stream": stream});
        let request = scene.ada.request(reqwest::Method::POST, "/api/v1/messages").json(&asked);
        assert!(request.send().await.unwrap().text().await.unwrap().contains("completed"));
    }
    assert_eq!(scene.server.metric("mcpchat_turns_total", &["cancelled"]).await, 0.0);
    assert_eq!(scene.server.metric("mcpchat_turns_total", &["completed"]).await, 2.0);
}

async fn a_word_that_is_none_is_refused(setup: Setup) {
    let scene = Scene::new(setup).await;
    for word in [json!("stop"), json!(""), json!(true)] {
        let asked = json!({"content": "hello", "on_disconnect": word});
        let refused = scene.ada.send(&asked).await.problem(422, "invalid_request");
        assert_eq!(refused["errors"][0]["field"], "on_disconnect");
    }
}

async fn a_stream_of_http2_that_is_reset_cancels_its_turn(setup: Setup) {
    let scene = Scene::new(setup).await;
    let stream = TcpStream::connect(scene.server.address()).await.unwrap();
    let (sender, connection) = client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let mut sender: SendRequest<Bytes> = sender;
    for (number, streamed) in [false, true].into_iter().enumerate() {
        scene.provider.next(Reply::text([]).then_wait(&Gate::closed()));
        let body = json!({"content": "hello", "on_disconnect": "cancel", "stream": streamed}).to_string();
        let request = Request::post(format!("{}/api/v1/messages", scene.server.url()))
            .header("authorization", format!("Bearer {}", scene.ada.token()))
            .header("content-type", "application/json");
        sender = sender.ready().await.unwrap();
        let (_answer, mut sending) = sender.send_request(request.body(()).unwrap(), false).unwrap();
        sending.send_data(body.into(), true).unwrap();
        scene.provider.called(number + 1).await;
        sending.send_reset(h2::Reason::CANCEL);
        let dropped = async || scene.provider.last_call().dropped.then_some(());
        within(AT_ONCE, "the provider to be let go", dropped).await;
    }
    scene.server.stranger().get("/livez").await.ok(200);
}
