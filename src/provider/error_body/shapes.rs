//! Shapes of errors of model servers and gateways: OpenAI's and Anthropic's object, a plain text (Ollama, TGI), the
//! event itself (vLLM, FastChat), a list (Google), FastAPI's `detail`, an error inside an error (OpenRouter, Azure),
//! JSON in a text.

use std::time::Duration;

use serde_json::Value;

/// The deepest nesting that is read.
const MAX_DEPTH: u8 = 8;
/// The most elements of a list that are read.
const MAX_ELEMENTS: usize = 16;

/// Members that name the kind of an error by a word or a number.
const KINDS: [&str; 14] = [
    "type",
    "object",
    "event",
    "state",
    "code",
    "status",
    "reason",
    "error_type",
    "error_code",
    "status_code",
    "statusCode",
    "http_status_code",
    "__type",
    "errorType",
];

/// Members that hold the error, or a part of it.
const HOLDERS: [&str; 9] =
    ["error", "errors", "detail", "innererror", "inner_error", "details", "metadata", "raw", "base_resp"];

/// Members that hold a message.
const SENTENCES: [&str; 9] = [
    "message",
    "msg",
    "Message",
    "error_message",
    "error_msg",
    "errorMessage",
    "error_description",
    "status_msg",
    "title",
];

/// Members that only errors have.
const ERRORS: [&str; 7] =
    ["error", "errors", "detail", "error_message", "error_msg", "errorMessage", "error_description"];

/// Holders that mean something only inside an error.
const INNER: [&str; 3] = ["details", "metadata", "raw"];

/// The content of an error, out of all its wrappings, the outermost first.
#[derive(Debug, Default)]
pub struct ErrorContent {
    /// Messages, the most telling ones first.
    pub sentences: Vec<String>,
    /// Types, codes and statuses.
    pub words: Vec<String>,
    /// The retry delay.
    pub retry_after: Option<Duration>,
    /// It has a member that only errors have, and it is not empty.
    pub is_error: bool,
    /// It has a message that is no title.
    pub speaks: bool,
    /// Texts that may be only a name of the error: `{"error": "Bad Request", "message": …}`.
    asides: Vec<String>,
}

impl ErrorContent {
    /// Parses a body, or an event's data.
    pub fn parse(text: &str) -> Self {
        let mut said = Self::default();
        if let Some(json) = json_in(text) {
            said.read(&json, 0);
        }
        said.settle()
    }

    fn settle(mut self) -> Self {
        self.speaks = !self.sentences.is_empty();
        if self.sentences.is_empty() {
            self.sentences.append(&mut self.asides);
        } else {
            self.words.append(&mut self.asides);
        }
        self.sentences.dedup();
        self
    }

    fn read(&mut self, json: &Value, depth: u8) {
        if depth > MAX_DEPTH {
            return;
        }
        match json {
            Value::Array(elements) => {
                elements.iter().take(MAX_ELEMENTS).for_each(|element| self.read(element, depth + 1))
            }
            Value::Object(members) => {
                self.words.extend(KINDS.iter().filter_map(|key| members.get(*key).and_then(word)));
                self.retry_after = self.retry_after.or_else(|| wait(members));
                for key in SENTENCES {
                    self.read_member(key, members.get(key), depth);
                }
                for key in HOLDERS.into_iter().filter(|key| depth > 0 || !INNER.contains(key)) {
                    self.read_member(key, members.get(key), depth);
                }
            }
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Reads a member: a text is a message, or the JSON of another error.
    fn read_member(&mut self, key: &str, member: Option<&Value>, depth: u8) {
        let Some(member) = member.filter(|member| !is_blank(member)) else { return };
        self.is_error |= ERRORS.contains(&key);
        let Value::String(text) = member else { return self.read(member, depth + 1) };
        match json_in(text) {
            Some(json) => self.read(&json, depth + 1),
            None if key == "error" || key == "title" => self.asides.push(text.clone()),
            None => self.sentences.push(text.clone()),
        }
    }
}

/// Whether a value is empty, in any of the forms that servers send.
fn is_blank(json: &Value) -> bool {
    match json {
        Value::Null => true,
        Value::Bool(is_set) => !is_set,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.trim().is_empty(),
        Value::Array(elements) => elements.iter().all(is_blank),
        Value::Object(members) => members.values().all(is_blank),
    }
}

/// Parses a text that is an object or a list. Some gateways send their error as an event, whatever the status.
fn json_in(text: &str) -> Option<Value> {
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.starts_with(['{', '[']) {
        return serde_json::from_str(text).ok();
    }
    let data = text.lines().find_map(|line| line.strip_prefix("data:"))?.trim();
    data.starts_with(['{', '[']).then(|| serde_json::from_str(data).ok())?
}

fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// `"retryDelay": "27s"` (Google's RetryInfo), `"retry_after": 2.5`, `"retry_after_ms": 2500`.
fn wait(members: &serde_json::Map<String, Value>) -> Option<Duration> {
    let number = |key: &str| {
        let value = members.get(key)?;
        value.as_f64().or_else(|| value.as_str()?.trim_end_matches('s').parse().ok())
    };
    let seconds = number("retryDelay").or_else(|| number("retry_after"));
    let seconds =
        seconds.or_else(|| number("retry_after_seconds")).or_else(|| Some(number("retry_after_ms")? / 1000.0));
    Duration::try_from_secs_f64(seconds?).ok()
}
