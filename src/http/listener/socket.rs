//! The socket below hyper. It reports to the connection's `Pulse`, keeps its place among the others, and turns hyper's
//! empty answers to heads that it cannot read into problem documents.

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
    heads::Heads,
    places::Place,
    pulse::{Pulse, Reason},
};
use crate::http::fault::Fault;

/// Read and thrown away at a time, while a late client is waited for.
const DISCARD: usize = 4096;

pub(super) struct Socket {
    stream: TcpStream,
    pulse: Arc<Pulse>,
    heads: Heads,
    /// The client began with the preface of HTTP/2.
    is_http2: bool,
    has_read: bool,
    /// Our words instead of hyper's, as far as they are not written.
    instead: Vec<u8>,
    _place: Place,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, pulse: Arc<Pulse>, place: Place) -> Self {
        Self {
            stream,
            pulse,
            heads: Heads::default(),
            is_http2: false,
            has_read: false,
            instead: Vec::new(),
            _place: place,
        }
    }

    /// Gives how many of `theirs` count as written once all of ours is.
    fn poll_write_instead(&mut self, context: &mut Context<'_>, theirs: usize) -> Poll<io::Result<usize>> {
        while !self.instead.is_empty() {
            match ready!(Pin::new(&mut self.stream).poll_write(context, &self.instead))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => drop(self.instead.drain(..written)),
            }
        }
        Poll::Ready(Ok(theirs))
    }

    /// What hyper's own answer means, as a problem.
    fn problem_for(&self, theirs: &[u8]) -> Option<Fault> {
        match theirs.strip_prefix(b"HTTP/1.1 ")?.get(..3)? {
            b"400" => Some(Fault::BadRequest("the request head is not HTTP/1.1".into())),
            b"414" => Some(Fault::UrlTooLong),
            b"431" if self.heads.is_in_first_line() => Some(Fault::UrlTooLong),
            b"431" => Some(Fault::HeadTooLarge),
            _ => None,
        }
    }

    fn note<T>(&self, written: &Poll<io::Result<T>>, bytes: impl FnOnce(&T) -> usize) {
        match written {
            Poll::Ready(Ok(written)) => self.pulse.wrote(bytes(written)),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.pulse.write_blocked(),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = into.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(context, into))?;
        let read = &into.filled()[before..];
        if !std::mem::replace(&mut this.has_read, true) {
            this.is_http2 = read.starts_with(b"PRI");
        }
        if !read.is_empty() && !this.is_http2 && this.pulse.awaits_head() {
            this.heads.resume();
            this.heads.read(read);
            this.pulse.head_is_coming(this.heads.is_ambiguous());
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.instead.is_empty()
            && this.pulse.nobody_is_answered()
            && let Some(fault) = this.problem_for(bytes)
        {
            this.instead = fault.to_http1();
            this.pulse.leaves_input();
        }
        if !this.instead.is_empty() {
            return this.poll_write_instead(context, bytes.len());
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
        if self.pulse.nobody_is_answered() || !self.instead.is_empty() {
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
        this.pulse.flushed();
        Poll::Ready(Ok(()))
    }

    /// Says that nothing more comes, and where input may be left, reads on until the client closes too; the pulse ends
    /// it after a while.
    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
        if !this.pulse.closes() {
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
        match self.pulse.ended_for() {
            // hyper has no word for it. It is small and nothing else is being written: the socket takes it at once. Who
            // has said nothing may be a client with a connection in reserve, and expects no answer.
            Some(Reason::SlowHead) if self.has_read && !self.is_http2 => {
                self.stream.try_write(&Fault::HeadTooSlow.to_http1()).ok();
            }
            // What nobody reads is not worth the kernel's memory either.
            Some(Reason::SlowReader) => drop(self.stream.set_zero_linger()),
            Some(Reason::SlowHead | Reason::Idle | Reason::Lingered) | None => {}
        }
    }
}
