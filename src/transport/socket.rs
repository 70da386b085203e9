//! The socket below hyper. It reports to the connection's `ConnectionTimeouts`, holds the connection's permit, and
//! turns hyper's empty responses to heads that it cannot parse into problem documents.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use super::{
    connection_limits::ConnectionPermit,
    connection_timeouts::{ConnectionTimeouts, Reason},
    error::{RenderError, TransportError},
    http1_framing::{Broken, Framing},
    http2_frames::Frames,
};

/// Read size of HTTP/2 input.
const HTTP2_READ: usize = 16 * 1024;
/// Read size of input that is discarded while the connection lingers.
const DISCARD: usize = 4096;

pub(super) struct Socket {
    stream: TcpStream,
    activity: Arc<ConnectionTimeouts>,
    framing: Framing,
    /// `None`: the client does not speak HTTP/2, or not yet.
    http2: Option<Http2>,
    /// Bytes that have been read.
    read: u64,
    /// A chunked body could be read in two ways.
    is_broken: bool,
    /// The response instead of hyper's, as far as it is not written.
    own_response: Vec<u8>,
    render_error: RenderError,
    _permit: ConnectionPermit,
}

impl Socket {
    pub(super) fn new(
        stream: TcpStream,
        activity: Arc<ConnectionTimeouts>,
        permit: ConnectionPermit,
        render_error: RenderError,
    ) -> Self {
        Self {
            stream,
            activity,
            framing: Framing::new(),
            http2: None,
            read: 0,
            is_broken: false,
            own_response: Vec::new(),
            render_error,
            _permit: permit,
        }
    }

    /// Writes the own response; returns `theirs`, the length of hyper's, once all is written.
    fn poll_write_own_response(&mut self, context: &mut Context<'_>, theirs: usize) -> Poll<io::Result<usize>> {
        while !self.own_response.is_empty() {
            match ready!(Pin::new(&mut self.stream).poll_write(context, &self.own_response))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => drop(self.own_response.drain(..written)),
            }
        }
        Poll::Ready(Ok(theirs))
    }

    /// The error that hyper's own response means.
    fn error_behind(&self, theirs: &[u8]) -> Option<TransportError> {
        match theirs.strip_prefix(b"HTTP/1.1 ")?.get(..3)? {
            b"400" => Some(TransportError::MalformedHead),
            b"414" => Some(TransportError::UrlTooLong),
            b"431" if self.framing.is_in_first_line() => Some(TransportError::UrlTooLong),
            b"431" => Some(TransportError::HeadTooLarge),
            _ => None,
        }
    }

    fn note<T>(&self, written: &Poll<io::Result<T>>, bytes: impl FnOnce(&T) -> usize) {
        match written {
            Poll::Ready(Ok(written)) => self.activity.wrote(bytes(written)),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.activity.write_blocked(),
        }
    }
}

/// Input of HTTP/2 that is read and not passed on.
struct Http2 {
    frames: Frames,
    ahead: Vec<u8>,
    given: usize,
}

impl Http2 {
    /// Passes on what is ahead, as much as there is room for.
    fn give(&mut self, into: &mut ReadBuf<'_>) -> bool {
        let rest = &self.ahead[self.given..];
        let part = rest.len().min(into.remaining());
        into.put_slice(&rest[..part]);
        self.given += part;
        if self.given == self.ahead.len() {
            (self.ahead, self.given) = (Vec::new(), 0);
        }
        part > 0
    }
}

impl Socket {
    /// Reads frames until there is something to pass on; an empty read would be the end of the input.
    fn poll_read_http2(
        stream: &mut TcpStream,
        http2: &mut Http2,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while !http2.give(into) {
            if http2.frames.is_cut() {
                break;
            }
            let mut space = [0; HTTP2_READ];
            let mut read = ReadBuf::new(&mut space);
            ready!(Pin::new(&mut *stream).poll_read(context, &mut read))?;
            if read.filled().is_empty() {
                break;
            }
            http2.frames.read(read.filled(), &mut http2.ahead);
        }
        Poll::Ready(Ok(()))
    }

    /// Writes the `GOAWAY` to a client of HTTP/2 whose input was cut.
    fn poll_goaway(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if let Some(http2) = self.http2.take_if(|http2| http2.frames.is_cut()) {
            self.own_response = http2.frames.goaway();
            self.activity.has_unread_input();
        }
        self.poll_write_own_response(context, 0)
    }

    /// Parses the framing of HTTP/1 input; returns how much of it may be passed on.
    fn follow(&mut self, read: &[u8]) -> usize {
        if self.activity.is_upgraded() {
            self.framing.stop();
        }
        let outcome = self.framing.read(read);
        if self.framing.is_http2() {
            let before = usize::try_from(self.read).unwrap_or(usize::MAX);
            let (mut frames, mut ahead) = (Frames::behind(before), Vec::new());
            frames.read(read, &mut ahead);
            self.http2 = Some(Http2 { frames, ahead, given: 0 });
            self.activity.is_http2();
            return 0;
        }
        self.activity.has_read(self.framing.is_in_head(), self.framing.defect());
        match outcome {
            Ok(()) => read.len(),
            Err(Broken(from)) => {
                self.is_broken = true;
                self.activity.has_unread_input();
                from
            }
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(http2) = &mut this.http2 {
            return Self::poll_read_http2(&mut this.stream, http2, context, into);
        }
        let broken = || io::Error::new(io::ErrorKind::InvalidData, "a chunked body that can be read in two ways");
        if this.is_broken {
            return Poll::Ready(Err(broken()));
        }
        let before = into.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(context, into))?;
        let read = &into.filled()[before..];
        let (length, passed) = (read.len() as u64, this.follow(read));
        this.read += length;
        into.set_filled(before + passed);
        if let Some(http2) = &mut this.http2 {
            return Self::poll_read_http2(&mut this.stream, http2, context, into);
        }
        if this.is_broken && passed == 0 { Poll::Ready(Err(broken())) } else { Poll::Ready(Ok(())) }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        // hyper falls back to HTTP/1 for an invalid preface.
        let is_foreign = this.framing.is_foreign() || this.framing.is_http2();
        if is_foreign && bytes.starts_with(b"HTTP/1.1 400 ") {
            return Poll::Ready(Ok(bytes.len()));
        }
        if this.own_response.is_empty()
            && this.activity.writes_parser_response()
            && let Some(error) = this.error_behind(bytes)
        {
            this.own_response = (this.render_error)(error);
            this.activity.has_unread_input();
        }
        if !this.own_response.is_empty() {
            return this.poll_write_own_response(context, bytes.len());
        }
        let written = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.note(&written, |written| *written);
        written
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let is_foreign = self.framing.is_foreign() || self.framing.is_http2();
        if is_foreign || self.activity.writes_parser_response() || !self.own_response.is_empty() {
            let first = slices.iter().find(|slice| !slice.is_empty()).map_or(&[][..], |slice| slice);
            return self.poll_write(context, first);
        }
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(context, slices);
        this.note(&written, |written| *written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.stream).poll_flush(context))?;
        this.activity.flushed();
        Poll::Ready(Ok(()))
    }

    /// Shuts down the output, and where input may be left, reads on until the client closes too or the time to linger
    /// is over.
    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_goaway(context))?;
        ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
        if !this.activity.closes() {
            return Poll::Ready(Ok(()));
        }
        loop {
            let mut space = [0; DISCARD];
            let mut discarded = ReadBuf::new(&mut space);
            ready!(Pin::new(&mut this.stream).poll_read(context, &mut discarded))?;
            if discarded.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        match self.activity.ended_for() {
            // hyper has no response for it. It is small and nothing else is being written: the socket takes it at once.
            // A client that has sent nothing may keep a spare connection, and expects no response.
            Some(Reason::SlowHead) if self.read > 0 && !self.framing.may_be_http2() => {
                self.stream.try_write(&(self.render_error)(TransportError::HeadTimeout)).ok();
            }
            // Output that the client does not read is not worth the kernel's memory either.
            Some(Reason::SlowReader) => drop(self.stream.set_zero_linger()),
            Some(Reason::SlowHead | Reason::Idle | Reason::Lingered | Reason::Draining) | None => {}
        }
    }
}
