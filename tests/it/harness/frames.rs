//! HTTP/2 frame by frame, for what no client library sends.

use super::{Raw, Server};

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

pub const PROTOCOL_ERROR: u32 = 1;
pub const FLOW_CONTROL_ERROR: u32 = 3;
pub const STREAM_CLOSED: u32 = 5;

/// How the server took a connection or one of its streams.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// A stream was reset, or the connection ended, for this reason.
    Error(u32),
    /// The stream was answered to its end.
    Answered,
    /// The connection ended without a word.
    Closed,
}

pub struct Frames(Raw);

impl Frames {
    /// A connection with our preface and no wishes.
    pub async fn connect(server: &Server) -> Self {
        let mut raw = Raw::connect(server).await;
        raw.say(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
        Self(raw)
    }

    pub async fn put(&mut self, kind: u8, flags: u8, stream: u32, content: &[u8]) {
        self.0.try_say(frame(kind, flags, stream, content)).await.ok();
    }

    /// The same, byte by byte.
    pub async fn dribble(&mut self, kind: u8, flags: u8, stream: u32, content: &[u8]) {
        for byte in frame(kind, flags, stream, content) {
            self.0.try_say([byte]).await.ok();
            tokio::task::yield_now().await;
        }
    }

    /// What becomes of a stream, or before that of the connection.
    pub async fn end_of(&mut self, stream: u32) -> End {
        loop {
            let Some(head) = self.0.bytes(9).await else { return End::Closed };
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let on = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            let Some(content) = self.0.bytes(length).await else { return End::Closed };
            let code = |from: usize| u32::from_be_bytes(content[from..from + 4].try_into().unwrap());
            match head[3] {
                RST_STREAM if on == stream => return End::Error(code(0)),
                GOAWAY => return End::Error(code(4)),
                HEADERS | DATA if on == stream && head[4] & END_STREAM != 0 => return End::Answered,
                _ => {}
            }
        }
    }
}

fn frame(kind: u8, flags: u8, stream: u32, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), content].concat()
}

/// A header field, literal and not indexed.
pub fn field(name: &str, value: &str) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    [vec![0], text(name), text(value)].concat()
}

/// The head of a request.
pub fn head(method: &str, path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let pseudo = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "a")];
    pseudo.iter().chain(more).flat_map(|(name, value)| field(name, value)).collect()
}
