//! A client of a server over HTTP, with an account or without.

use std::{
    net::Ipv4Addr,
    sync::{
        Once,
        atomic::{AtomicU32, Ordering},
    },
};

use reqwest::{Client, Method, RequestBuilder};

use super::{Answer, Event, Events, Proxy, Server, Value, json, sse::told};

/// The password of every account in every world.
pub const PASSWORD: &str = "lavender-Tricycle-9-okapi";

#[derive(Clone)]
pub struct Person {
    http: Client,
    server: String,
    /// What a proxy would say where they come from.
    pub address: String,
    pub token: Option<String>,
    pub refresh_token: String,
}

impl Person {
    pub fn stranger(server: &str) -> Self {
        static TLS: Once = Once::new();
        static NEXT_ADDRESS: AtomicU32 = AtomicU32::new(0x0a00_0001);
        TLS.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
        Self {
            http: Client::builder().no_proxy().build().unwrap(),
            server: server.to_owned(),
            address: Ipv4Addr::from(NEXT_ADDRESS.fetch_add(1, Ordering::Relaxed)).to_string(),
            token: None,
            refresh_token: String::new(),
        }
    }

    /// Their connections, for requests to another server.
    pub fn http(&self) -> Client {
        self.http.clone()
    }

    /// The same person, with the same token, at another replica.
    pub fn at(&self, server: &Server) -> Self {
        Self { server: server.url(), ..self.clone() }
    }

    /// The same where only host and port are known.
    pub fn at_address(&self, address: &str) -> Self {
        Self { server: format!("http://{address}"), ..self.clone() }
    }

    /// The same person by way of a balancer, with connections of their own.
    pub fn through(&self, proxy: &Proxy) -> Self {
        Self { server: proxy.url(), http: Client::builder().no_proxy().build().unwrap(), ..self.clone() }
    }

    /// The same person with connections of their own.
    pub fn with_own_connections(&self) -> Self {
        Self { http: Client::builder().no_proxy().build().unwrap(), ..self.clone() }
    }

    /// Host and port of their server.
    pub fn server_address(&self) -> String {
        self.server.trim_start_matches("http://").to_owned()
    }

    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    pub fn token(&self) -> &str {
        self.token.as_deref().expect("logged in")
    }

    pub async fn log_in(&mut self, name: &str, password: &str) -> Answer {
        let login = json!({"username": name, "password": password});
        let answer = self.post("/api/v1/auth/login", &login).await;
        self.keep(&answer);
        answer
    }

    /// Exchanges this refresh token; whose own one stays what it was.
    pub async fn refresh(&self, token: &str) -> Answer {
        self.post("/api/v1/auth/refresh", &json!({"refresh_token": token})).await
    }

    /// Takes the pair of tokens from an answer that has one.
    pub fn keep(&mut self, answer: &Answer) {
        if answer.status == 200 {
            let pair = answer.json();
            self.token = pair["access_token"].as_str().map(str::to_owned);
            self.refresh_token = pair["refresh_token"].as_str().unwrap().to_owned();
        }
    }

    /// A request of theirs, for what the shorter ways below cannot say.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.server));
        let request = request.header("x-forwarded-for", &self.address);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::to(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::to(self.request(Method::POST, path).json(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        Answer::to(self.request(Method::PUT, path).json(body)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        Answer::to(self.request(Method::PATCH, path).json(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        Answer::to(self.request(Method::DELETE, path)).await
    }

    /// Sends a message, as it may be refused.
    pub async fn send(&self, message: &Value) -> Answer {
        self.post("/api/v1/messages", message).await
    }

    /// Sends a message under an idempotency key.
    pub async fn send_as(&self, key: &str, message: &Value) -> Answer {
        let request = self.request(Method::POST, "/api/v1/messages").header("idempotency-key", key);
        Answer::to(request.json(message)).await
    }

    /// Says something in a new conversation and gives the whole exchange.
    pub async fn say(&self, content: &str) -> Value {
        self.send(&json!({"content": content})).await.ok(201)
    }

    /// Says something more in a conversation.
    pub async fn say_in(&self, conversation: &Value, content: &str) -> Value {
        self.send(&json!({"content": content, "conversation_id": conversation})).await.ok(201)
    }

    /// Sends a message and follows the reply.
    pub async fn stream(&self, message: &Value) -> Events {
        let mut message = message.clone();
        message["stream"] = json!(true);
        Events::of(self.request(Method::POST, "/api/v1/messages").json(&message)).await
    }

    /// Follows a turn from after an event.
    pub async fn follow(&self, turn: &Value, after: u64) -> Events {
        let path = format!("/api/v1/turns/{}/events", turn.as_str().unwrap());
        Events::of(self.request(Method::GET, &path).header("last-event-id", after)).await
    }

    pub async fn turn(&self, id: &Value) -> Value {
        self.get(&format!("/api/v1/turns/{}", id.as_str().unwrap())).await.ok(200)
    }

    /// The texts of a conversation, as `role: content` lines.
    pub async fn history(&self, conversation: &Value) -> Vec<String> {
        let messages = self.get(&format!("/api/v1/conversations/{}/messages", conversation.as_str().unwrap())).await;
        let messages = messages.ok(200)["items"].as_array().unwrap().clone();
        let line = |message: &Value| format!("{}: {}", text(&message["role"]), text(&message["content"]));
        messages.iter().map(line).collect()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// What a finished stream has told: the `turn` event's data, the text, and the `done` event's data.
pub struct Told {
    pub turn: Value,
    pub text: String,
    pub done: Value,
}

impl Told {
    /// Holds the shape of every stream that ends well: numbered from 1 without gaps, `turn`, deltas, `done`.
    pub fn whole(events: &[Event]) -> Self {
        let numbers: Vec<u64> = events.iter().map(|event| event.id).collect();
        assert_eq!(numbers, (1..=events.len() as u64).collect::<Vec<_>>());
        let names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
        let [first, deltas @ .., last] = names.as_slice() else { panic!("too short: {events:?}") };
        assert_eq!((*first, *last), ("turn", "done"), "{events:?}");
        assert!(deltas.iter().all(|name| *name == "delta"), "{names:?}");
        Self { turn: events[0].data.clone(), text: told(events), done: events.last().unwrap().data.clone() }
    }
}
