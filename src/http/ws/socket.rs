//! Transport of messages over one WebSocket, with pings in between. Both directions are bounded: an incoming message
//! has a maximum length, and an outgoing one has to be taken by the connection within the write timeout, before the
//! next is made.

use std::{
    io,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use prometheus::IntGauge;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    select,
    time::{Interval, MissedTickBehavior, interval_at, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message,
        protocol::{
            Role, WebSocketConfig,
            frame::{
                Frame, Utf8Bytes,
                coding::{Data, OpCode},
            },
        },
    },
};

use super::{close::Close, frame_rate_limit::FrameRateLimit};

/// Read buffer of every open socket, so it is small; a larger message gets its own memory while it comes.
const READ_BUFFER: usize = 2 * 1024;
/// Fragment size of longer messages: a socket keeps the memory of the largest fragment it has sent.
const PIECE: usize = 16 * 1024;
/// Heartbeats without a frame before the client counts as gone.
const SILENT_BEATS: u32 = 3;
/// Timeout of the closing handshake.
const GOODBYE: Duration = Duration::from_secs(2);

pub(super) struct Socket {
    stream: WebSocketStream<TokioIo<Upgraded>>,
    beat: Interval,
    beats_unheard: u32,
    write_timeout: Duration,
    flood: FrameRateLimit,
    open: IntGauge,
}

impl Socket {
    pub(super) async fn new(
        upgraded: Upgraded,
        max_message: usize,
        heartbeat: Duration,
        write_timeout: Duration,
        flood: FrameRateLimit,
        open: IntGauge,
    ) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_write_buffer_size(2 * PIECE)
            .max_message_size(Some(max_message))
            .max_frame_size(Some(max_message));
        let stream = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
        let mut beat = interval_at(tokio::time::Instant::now() + heartbeat, heartbeat);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        open.inc();
        Self { stream, beat, beats_unheard: 0, write_timeout, flood, open }
    }

    pub(super) fn heartbeat(&self) -> Duration {
        self.beat.period()
    }

    /// The next text message. Cancel-safe.
    pub(super) async fn receive(&mut self) -> Result<Utf8Bytes, Close> {
        match self.next_message().await? {
            Message::Text(text) => Ok(text),
            _ => Err(Close::Binary),
        }
    }

    /// Echoes messages until the socket ends.
    pub(super) async fn echo(&mut self) -> Close {
        loop {
            let echoed = match self.next_message().await {
                Ok(Message::Text(text)) => self.send_pieces(Data::Text, text.into()).await,
                Ok(message) => self.send_pieces(Data::Binary, message.into_data()).await,
                Err(why) => return why,
            };
            if let Err(why) = echoed {
                return why;
            }
        }
    }

    /// Sends a text; returns when the connection has taken it.
    pub(super) async fn send(&mut self, text: String) -> Result<(), Close> {
        self.send_pieces(Data::Text, text.into()).await
    }

    /// The next data message; keeps the heartbeat meanwhile. The stream itself responds to pings.
    async fn next_message(&mut self) -> Result<Message, Close> {
        loop {
            select! {
                message = self.stream.next() => match self.heard(message)? {
                    Message::Close(_) => return Err(Close::ByPeer),
                    Message::Ping(_) | Message::Pong(_) => {}
                    message => return Ok(message),
                },
                _ = self.beat.tick() => self.ping().await?,
            }
        }
    }

    fn heard(&mut self, message: Option<Result<Message, Error>>) -> Result<Message, Close> {
        let message = message.ok_or(Close::Gone)?.map_err(|error| Close::from_error(&error))?;
        self.beats_unheard = 0;
        if self.flood.takes_one(Instant::now()) { Ok(message) } else { Err(Close::FrameRateLimit) }
    }

    async fn ping(&mut self) -> Result<(), Close> {
        self.beats_unheard += 1;
        if self.beats_unheard >= SILENT_BEATS {
            return Err(Close::Silent);
        }
        self.write(Message::Ping(Bytes::new())).await
    }

    async fn send_pieces(&mut self, kind: Data, mut rest: Bytes) -> Result<(), Close> {
        let mut opcode = kind;
        loop {
            let piece = rest.split_to(rest.len().min(PIECE));
            let is_last = rest.is_empty();
            self.write(Message::Frame(Frame::message(piece, OpCode::Data(opcode), is_last))).await?;
            if is_last {
                return Ok(());
            }
            opcode = Data::Continue;
        }
    }

    async fn write(&mut self, message: Message) -> Result<(), Close> {
        match timeout(self.write_timeout, self.stream.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Close::Gone),
            Err(_) => Err(Close::TooSlow),
        }
    }

    /// Runs the closing handshake, within `GOODBYE`, and ends the connection.
    pub(super) async fn close(mut self, why: Close) {
        if why != Close::Gone {
            timeout(GOODBYE, self.say_goodbye(why)).await.ok();
        }
    }

    /// Sends the close frame, then reads and discards the rest: a connection that is closed with something unread is
    /// reset, and the client may never see the reason.
    async fn say_goodbye(&mut self, why: Close) -> io::Result<()> {
        // First what is pending, such as a pong or the response to a close: nothing may come after a close frame.
        self.stream.flush().await.map_err(io::Error::other)?;
        if let Some(frame) = why.frame() {
            self.stream.send(Message::Close(Some(frame))).await.map_err(io::Error::other)?;
        }
        let connection = self.stream.get_mut();
        connection.shutdown().await?;
        let mut unread = vec![0; READ_BUFFER];
        while connection.read(&mut unread).await? > 0 {}
        Ok(())
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.open.dec();
    }
}
