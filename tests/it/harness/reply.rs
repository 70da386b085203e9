//! What the fake provider does with one request.

use std::time::Duration;

use super::Gate;

/// One scripted answer. The text comes in the dialect of the path that was called.
#[derive(Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Body,
}

#[derive(Clone)]
pub enum Body {
    /// A well-formed stream of the dialect.
    Stream { steps: Vec<Step>, finish: &'static str, usage: Option<(u64, u64)> },
    /// These bytes, whatever they are.
    Raw(&'static str, String),
    /// An error document of the dialect.
    Error,
    /// The connection ends before any answer.
    HangUp,
}

#[derive(Clone)]
pub enum Step {
    Text(String),
    Wait(Gate),
    /// The model thinks.
    Pause(Duration),
    /// The connection breaks here.
    Break,
}

impl Reply {
    /// Streams these pieces, then `stop` with usage 11 in, 7 out.
    pub fn text<'a>(pieces: impl IntoIterator<Item = &'a str>) -> Self {
        let steps = pieces.into_iter().map(|piece| Step::Text(piece.to_owned())).collect();
        Self { status: 200, headers: Vec::new(), body: Body::Stream { steps, finish: "stop", usage: Some((11, 7)) } }
    }

    /// Answers with a status and an error document.
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Body::Error }
    }

    /// Answers 200 with any bytes as a body.
    pub fn raw(content_type: &'static str, body: impl Into<String>) -> Self {
        Self { status: 200, headers: Vec::new(), body: Body::Raw(content_type, body.into()) }
    }

    /// The same with another status.
    pub fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    pub fn hang_up() -> Self {
        Self { status: 200, headers: Vec::new(), body: Body::HangUp }
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn then_wait(self, gate: &Gate) -> Self {
        self.step(Step::Wait(gate.clone()))
    }

    pub fn then_pause(self, time: Duration) -> Self {
        self.step(Step::Pause(time))
    }

    pub fn then(self, text: &str) -> Self {
        self.step(Step::Text(text.to_owned()))
    }

    pub fn then_break(self) -> Self {
        self.step(Step::Break)
    }

    fn step(mut self, step: Step) -> Self {
        match &mut self.body {
            Body::Stream { steps, .. } => steps.push(step),
            Body::Raw(..) | Body::Error | Body::HangUp => panic!("only a stream has steps"),
        }
        self
    }

    /// In OpenAI's words: `stop`, `length`, `content_filter`, `tool_calls`.
    pub fn finishing(mut self, reason: &'static str) -> Self {
        if let Body::Stream { finish, .. } = &mut self.body {
            *finish = reason;
        }
        self
    }

    /// Tokens in and out; `None`: the provider says nothing about it.
    pub fn using(mut self, tokens: Option<(u64, u64)>) -> Self {
        if let Body::Stream { usage, .. } = &mut self.body {
            *usage = tokens;
        }
        self
    }
}
