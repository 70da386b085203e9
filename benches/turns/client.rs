//! An HTTP/1.1 client that costs next to nothing: one connection, requests made beforehand, and of the answer only
//! the status and where it ends.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    ops::Range,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

pub struct Client {
    connection: TcpStream,
    buffer: Vec<u8>,
}

/// The bytes of an answer, until the next question.
pub struct Answer<'a> {
    pub status: u16,
    bytes: &'a [u8],
    body: Range<usize>,
}

/// How the end of a body is told.
#[derive(Clone, Copy)]
enum Length {
    Bytes(usize),
    Chunked,
}

impl Client {
    /// `from` is an address of this machine.
    pub async fn connect(to: SocketAddr, from: Ipv4Addr) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((from, 0).into())?;
        let connection = socket.connect(to).await?;
        connection.set_nodelay(true)?;
        Ok(Self { connection, buffer: Vec::with_capacity(16 * 1024) })
    }

    /// Sends a request and reads the whole answer.
    pub async fn ask(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.connection.write_all(request).await?;
        self.buffer.clear();
        let head = loop {
            if let Some(end) = position(&self.buffer, b"\r\n\r\n") {
                break end + 4;
            }
            self.read_more().await?;
        };
        let (status, length) = read_head(&self.buffer[..head]).ok_or(io::ErrorKind::InvalidData)?;
        let end = loop {
            if let Some(end) = end_of_body(&self.buffer[head..], length) {
                break head + end;
            }
            self.read_more().await?;
        };
        Ok(Answer { status, bytes: &self.buffer, body: head..end })
    }

    async fn read_more(&mut self) -> io::Result<()> {
        self.buffer.reserve(8 * 1024);
        match self.connection.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

impl Answer<'_> {
    /// As it came: a chunked body has its chunk sizes in it.
    pub fn body(&self) -> &[u8] {
        &self.bytes[self.body.clone()]
    }
}

fn read_head(head: &[u8]) -> Option<(u16, Length)> {
    let head = str::from_utf8(head).ok()?;
    let status = head.get(9..12)?.parse().ok()?;
    let value = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let length = match value("content-length") {
        Some(length) => Length::Bytes(length.parse().ok()?),
        None if value("transfer-encoding").is_some() => Length::Chunked,
        None => Length::Bytes(0),
    };
    Some((status, length))
}

/// Neither JSON nor events have a bare `\r`, so the mark of the last chunk is not part of the text.
fn end_of_body(body: &[u8], length: Length) -> Option<usize> {
    match length {
        Length::Bytes(length) => (body.len() >= length).then_some(length),
        Length::Chunked => (body == b"0\r\n\r\n" || body.ends_with(b"\r\n0\r\n\r\n")).then_some(body.len()),
    }
}

/// Where `needle` begins.
pub fn position(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
