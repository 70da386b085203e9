//! A WebSocket client that can also do what no client may: it writes frames byte by byte, and checks every one it gets
//! as strictly as RFC 6455 asks of a client.

use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use super::{Person, Value, json};

/// Longer than any pause that a test does not make itself.
const SILENCE: Duration = Duration::from_secs(30);
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
/// Of the example in RFC 6455 §1.3, and what a server makes of it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// First bytes of frames.
pub const FIN: u8 = 0x80;
pub const CONTINUE: u8 = 0;
pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// How a handshake was answered.
pub struct Handshake {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Handshake {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The problem document, if it was refused with this status and code.
    pub fn problem(&self, status: u16, code: &str) -> Value {
        let body = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{:?} {body}", self.headers);
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let problem: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(problem["code"], code, "{problem}");
        problem
    }
}

pub struct Socket {
    stream: TcpStream,
    unread: BytesMut,
    /// Answers pings, as it should.
    pub answers_pings: bool,
}

impl Socket {
    /// A handshake as it should be, with these headers besides; `Err`: it was refused.
    pub async fn ask(address: &str, path: &str, headers: &[(&str, &str)]) -> Result<(Self, Handshake), Handshake> {
        let mut lines = vec![
            ("Host", address),
            ("Upgrade", "websocket"),
            ("Connection", "keep-alive, Upgrade"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", KEY),
        ];
        lines.retain(|(name, _)| !headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name)));
        lines.extend(headers.iter().filter(|(_, value)| !value.is_empty()));
        let mut request = format!("GET {path} HTTP/1.1\r\n");
        for (name, value) in lines {
            request += &format!("{name}: {value}\r\n");
        }
        Self::write(TcpStream::connect(address).await.unwrap(), &(request + "\r\n")).await
    }

    /// The same with a small window, so that the other side soon feels it when nothing is read.
    pub async fn narrow(person: &Person) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let stream = socket.connect(person.server_address().parse().unwrap()).await.unwrap();
        let request = format!(
            "GET /api/v1/ws HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: {KEY}\r\nAuthorization: Bearer {}\r\n\r\n",
            person.server_address(),
            person.token()
        );
        let Ok((socket, _)) = Self::write(stream, &request).await else { panic!("a good handshake") };
        socket
    }

    async fn write(stream: TcpStream, request: &str) -> Result<(Self, Handshake), Handshake> {
        let mut socket = Self { stream, unread: BytesMut::new(), answers_pings: true };
        socket.stream.write_all(request.as_bytes()).await.unwrap();
        let end = loop {
            if let Some(end) = socket.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            assert!(socket.read_more().await, "no answer to the handshake");
        };
        let head = String::from_utf8(socket.unread.split_to(end + 4).to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let headers = head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        let mut answer = Handshake { status, headers, body: Vec::new() };
        if status == 101 {
            assert_eq!(answer.header("sec-websocket-accept"), Some(ACCEPT));
            return Ok((socket, answer));
        }
        let length: usize = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        while socket.unread.len() < length && socket.read_more().await {}
        answer.body = socket.unread.to_vec();
        Err(answer)
    }

    /// Opened with the person's token in the header, and welcomed.
    pub async fn of(person: &Person) -> Self {
        let bearer = format!("Bearer {}", person.token());
        let opened = Self::ask(&person.server_address(), "/api/v1/ws", &[("Authorization", &bearer)]).await;
        let Ok((mut socket, _)) = opened else { panic!("a good handshake") };
        socket.expect("welcome").await;
        socket
    }

    /// Opened without a token.
    pub async fn anonymous(person: &Person) -> Self {
        let opened = Self::ask(&person.server_address(), "/api/v1/ws", &[]).await;
        opened.unwrap_or_else(|refused| panic!("{}", refused.status)).0
    }

    /// The diagnostic echo.
    pub async fn echo(address: &str) -> Self {
        let opened = Self::ask(address, "/api/v1/ws-echo", &[]).await;
        opened.unwrap_or_else(|refused| panic!("{}", refused.status)).0
    }

    pub async fn say(&mut self, frame: &Value) {
        self.put(FIN | TEXT, frame.to_string().as_bytes()).await;
    }

    /// One masked frame.
    pub async fn put(&mut self, first: u8, payload: &[u8]) {
        let mut frame = head(first, payload.len(), 0x80);
        frame.extend(MASK);
        frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        self.bytes(&frame).await;
    }

    /// One frame that is not masked.
    pub async fn put_bare(&mut self, first: u8, payload: &[u8]) {
        let mut frame = head(first, payload.len(), 0);
        frame.extend(payload);
        self.bytes(&frame).await;
    }

    /// Bytes as they are. The other side may have gone in the middle of them.
    pub async fn bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.ok();
    }

    /// Ends the connection with a reset instead of a goodbye.
    pub fn reset(self) {
        self.stream.set_zero_linger().unwrap();
    }

    /// The next frame as it is: first byte and payload. `None` when the connection has ended.
    pub async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some(frame) = self.parsed() {
                return Some(frame);
            }
            if !self.read_more().await {
                return None;
            }
        }
    }

    fn parsed(&mut self) -> Option<(u8, Vec<u8>)> {
        let [first, second, ..] = self.unread[..] else { return None };
        assert_eq!(first & 0x70, 0, "a reserved bit");
        assert_eq!(second & 0x80, 0, "a server masks nothing");
        let (start, length) = match second {
            126 => (4, usize::from(u16::from_be_bytes(self.unread.get(2..4)?.try_into().unwrap()))),
            127 => {
                let length = u64::from_be_bytes(self.unread.get(2..10)?.try_into().unwrap());
                (10, usize::try_from(length).unwrap())
            }
            short => (2, usize::from(short)),
        };
        if self.unread.len() < start + length {
            return None;
        }
        self.unread.advance(start);
        Some((first, self.unread.split_to(length).to_vec()))
    }

    async fn read_more(&mut self) -> bool {
        let read = timeout(SILENCE, self.stream.read_buf(&mut self.unread)).await.expect("something comes, or the end");
        read.is_ok_and(|length| length > 0)
    }

    /// The next whole message: its kind (text, binary, close or pong) and payload.
    pub async fn message(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut message: Option<(u8, Vec<u8>)> = None;
        loop {
            let (first, payload) = self.frame().await?;
            let (is_final, opcode) = (first & FIN != 0, first & 0x0f);
            match opcode {
                PING if self.answers_pings => self.put(FIN | PONG, &payload).await,
                PING => {}
                CLOSE | PONG => {
                    assert!(is_final && payload.len() <= 125, "a control frame");
                    return Some((opcode, payload));
                }
                CONTINUE => message.as_mut().expect("a beginning").1.extend(payload),
                _ => assert!(message.replace((opcode, payload)).is_none(), "the last message has no end"),
            }
            if is_final && opcode < CLOSE {
                return message;
            }
        }
    }

    /// The next JSON frame.
    pub async fn next(&mut self) -> Value {
        match self.message().await {
            Some((TEXT, text)) => serde_json::from_slice(&text).expect("JSON"),
            Some((CLOSE, payload)) => panic!("closed instead: {:?}", reason(&payload)),
            other => panic!("no text: {other:?}"),
        }
    }

    /// The next JSON frame, which must have this type.
    pub async fn expect(&mut self, kind: &str) -> Value {
        let frame = self.next().await;
        assert_eq!(frame["type"], kind, "{frame}");
        frame
    }

    /// Everything about one turn up to its end.
    pub async fn all_of(&mut self, id: &str) -> Vec<Value> {
        let mut frames = Vec::new();
        loop {
            let frame = self.next().await;
            assert_eq!(frame["id"], id, "{frame}");
            let is_last = frame["type"] == "done" || frame["type"] == "error";
            frames.push(frame);
            if is_last {
                return frames;
            }
        }
    }

    /// Sends a message and waits for its end.
    pub async fn send(&mut self, id: &str, content: &str) -> Vec<Value> {
        self.say(&json!({"type": "send", "id": id, "content": content})).await;
        self.all_of(id).await
    }

    /// Skips what comes before the close frame, answers it, holds that the connection ends, and gives code and reason.
    pub async fn closed(&mut self) -> (u16, String) {
        loop {
            match self.message().await {
                Some((CLOSE, payload)) => {
                    self.put(FIN | CLOSE, &payload).await;
                    assert_eq!(self.frame().await, None, "nothing comes after a close frame");
                    return reason(&payload);
                }
                Some(_) => {}
                None => panic!("the connection ended without a close frame"),
            }
        }
    }
}

fn head(first: u8, length: usize, mask: u8) -> Vec<u8> {
    match length {
        0..=125 => vec![first, mask | u8::try_from(length).unwrap()],
        126..=65535 => [vec![first, mask | 126], u16::try_from(length).unwrap().to_be_bytes().to_vec()].concat(),
        _ => [vec![first, mask | 127], (length as u64).to_be_bytes().to_vec()].concat(),
    }
}

fn reason(payload: &[u8]) -> (u16, String) {
    let [high, low, words @ ..] = payload else { return (1005, String::new()) };
    (u16::from_be_bytes([*high, *low]), String::from_utf8(words.to_vec()).unwrap())
}

/// The texts of all `delta` and `snapshot` frames, put together.
pub fn spoken(frames: &[Value]) -> String {
    frames.iter().filter_map(|frame| frame["text"].as_str()).collect()
}
