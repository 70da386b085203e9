//! A connection on which a test says exactly what it wants, byte by byte, whether it is HTTP or not.

use std::time::Duration;

use reqwest::{
    StatusCode,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use super::{Answer, Server, Value};

/// Longer than any server of a test may take.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Raw(BufReader<TcpStream>);

impl Raw {
    pub async fn connect(server: &Server) -> Self {
        Self::connect_from("127.0.0.1", server).await
    }

    /// All of 127.0.0.0/8 is this machine.
    pub async fn connect_from(address: &str, server: &Server) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(format!("{address}:0").parse().unwrap()).unwrap();
        let server = server.url().strip_prefix("http://").unwrap().parse().unwrap();
        Self(BufReader::new(socket.connect(server).await.unwrap()))
    }

    /// One connection, one text, its answer.
    pub async fn ask(server: &Server, text: &str) -> (Self, Answer) {
        let mut raw = Self::connect(server).await;
        raw.say(text).await;
        let answer = raw.answer().await;
        (raw, answer)
    }

    pub async fn say(&mut self, text: impl AsRef<[u8]>) {
        self.try_say(text).await.expect("the server takes it");
    }

    /// The same where the server may have closed.
    pub async fn try_say(&mut self, text: impl AsRef<[u8]>) -> std::io::Result<()> {
        timeout(PATIENCE, self.0.get_mut().write_all(text.as_ref())).await.expect("the server reads or closes")
    }

    /// The next answer, whose body has a length.
    pub async fn answer(&mut self) -> Answer {
        timeout(PATIENCE, self.read_answer()).await.expect("an answer in time")
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).await.expect("a line of an answer");
        assert!(line.ends_with('\n'), "the connection ended in `{line}`");
        line.trim_end().to_owned()
    }

    async fn read_answer(&mut self) -> Answer {
        let first = self.line().await;
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok()).expect(&first);
        let mut headers = HeaderMap::new();
        loop {
            let line = self.line().await;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value.trim()).unwrap());
        }
        let length = headers.get("content-length").map_or(0, |length| length.to_str().unwrap().parse().unwrap());
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.expect("a whole body");
        Answer { status: StatusCode::from_u16(status).unwrap(), headers, text: String::from_utf8(body).unwrap() }
    }

    /// A POST of JSON with these headers besides, each with its line break.
    pub async fn post(&mut self, path: &str, headers: &str, body: &Value) {
        let (body, json) = (body.to_string(), "content-type: application/json");
        let head = format!("POST {path} HTTP/1.1\r\nhost: test\r\n{json}\r\ncontent-length: {}\r\n", body.len());
        self.say(format!("{head}{headers}\r\n{body}")).await;
    }

    /// Ends the connection with a reset instead of a goodbye.
    pub fn reset(self) {
        self.0.get_ref().set_zero_linger().unwrap();
    }

    /// Some more of what the server says, as it comes.
    pub async fn some(&mut self) -> String {
        let mut bytes = vec![0; 4096];
        let length = timeout(PATIENCE, self.0.read(&mut bytes)).await.expect("more in time").expect("a connection");
        assert!(length > 0, "the connection has ended");
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }

    /// Whether the server has sent something that has not been read.
    pub fn has_answer(&mut self) -> bool {
        let mut first = [0];
        let mut first = tokio::io::ReadBuf::new(&mut first);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        self.0.get_mut().poll_peek(&mut context, &mut first).is_ready()
    }

    /// The next so many bytes; `None` if the connection ends before.
    pub async fn bytes(&mut self, length: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; length];
        timeout(PATIENCE, self.0.read_exact(&mut bytes)).await.expect("more in time").ok().map(|_| bytes)
    }

    /// Waits until the server closes. Gives what it said until then.
    pub async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A reset is an end too.
        let reading = self.0.read_to_end(&mut rest);
        timeout(PATIENCE, reading).await.expect("the server closes").ok();
        rest
    }

    /// Whether the next answer begins so; a connection that ends first has none.
    pub async fn rest_starts_with(&mut self, start: &str) -> bool {
        let mut read = vec![0; start.len()];
        let reading = self.0.read_exact(&mut read);
        timeout(PATIENCE, reading).await.expect("the server answers or closes").is_ok() && read == start.as_bytes()
    }

    /// Waits until the server closes, which it does without another word.
    pub async fn is_closed(&mut self) {
        let rest = self.rest().await;
        assert!(rest.is_empty(), "more was said: {}", String::from_utf8_lossy(&rest));
    }
}
