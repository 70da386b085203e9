//! A reader of `text/event-stream`, as strict as the tests need: every event has a number, a name and JSON data.

use std::{collections::VecDeque, time::Duration};

use super::Value;

/// Longer than any pause that a test does not make itself.
const SILENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub id: u64,
    pub name: String,
    pub data: Value,
}

pub struct Events {
    response: reqwest::Response,
    unread: Vec<u8>,
    parsed: VecDeque<Event>,
}

impl Events {
    pub async fn of(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.expect("the server answers");
        let status = response.status();
        if status != 200 {
            panic!("{status} instead of a stream: {}", response.text().await.unwrap_or_default());
        }
        let content_type = response.headers()["content-type"].to_str().unwrap();
        assert!(content_type.starts_with("text/event-stream"), "{content_type}");
        Self::from(response)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// `None` at the end of the stream, however it ended.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.parsed.pop_front() {
                return Some(event);
            }
            let chunk = tokio::time::timeout(SILENCE, self.response.chunk()).await.expect("the stream goes on");
            self.unread.extend_from_slice(&chunk.ok()??);
            while let Some(end) = self.unread.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.unread.drain(..end + 2).collect();
                self.parsed.extend(event(std::str::from_utf8(&block).expect("UTF-8")));
            }
        }
    }

    /// The next event, which must have this name; gives its data.
    pub async fn expect(&mut self, name: &str) -> Value {
        let event = self.next().await.unwrap_or_else(|| panic!("the stream ended before `{name}`"));
        assert_eq!(event.name, name, "{event:?}");
        event.data
    }

    /// Everything up to the end of the stream.
    pub async fn all(mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}

impl From<reqwest::Response> for Events {
    fn from(response: reqwest::Response) -> Self {
        Self { response, unread: Vec::new(), parsed: VecDeque::new() }
    }
}

/// `None` for a block of comments.
fn event(block: &str) -> Option<Event> {
    let field = |name: &str| {
        let values = block.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let values: Vec<&str> = values.map(|value| value.strip_prefix(' ').unwrap_or(value)).collect();
        (!values.is_empty()).then(|| values.join("\n"))
    };
    let data = field("data")?;
    let id = field("id").unwrap_or_else(|| panic!("an event without id: {block}"));
    Some(Event {
        id: id.parse().unwrap_or_else(|_| panic!("an id that is no number: {block}")),
        name: field("event").unwrap_or_else(|| panic!("an event without name: {block}")),
        data: serde_json::from_str(&data).unwrap_or_else(|_| panic!("data that is no JSON: {block}")),
    })
}

/// Whether no word of a reply is among them: a turn that ends with its account has lost its reply, and may say so.
pub fn tells_no_word(events: &[Event]) -> bool {
    events.iter().all(|event| match event.name.as_str() {
        "error" => true,
        "snapshot" => event.data["text"] == "",
        _ => false,
    })
}

/// The texts of all `delta` events, put together.
pub fn told(events: &[Event]) -> String {
    events.iter().filter(|event| event.name == "delta").map(|event| event.data["text"].as_str().unwrap()).collect()
}
