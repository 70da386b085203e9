//! Close reasons of a socket: a close code (RFC 6455 §7.4; 4000 and up are the application's) and a few words.

use tokio_tungstenite::tungstenite::{
    Error,
    error::ProtocolError,
    protocol::{CloseFrame, frame::Utf8Bytes},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Close {
    /// The client has sent a close frame first.
    ByPeer,
    /// The connection broke off; no frame can be sent.
    Gone,
    Protocol,
    Binary,
    NotUtf8,
    TooBig,
    /// Nothing was heard for three heartbeats.
    Silent,
    NoToken,
    TooManySockets,
    TooManyTurns,
    FrameRateLimit,
    /// The process drains.
    Restart,
    /// The token cannot be checked: a backend is unavailable.
    TryAgain,
    BadToken,
    Expired,
    Revoked,
    TooSlow,
}

impl Close {
    /// The reason for which reading failed.
    pub(super) fn from_error(error: &Error) -> Self {
        match error {
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::Gone,
            Error::Protocol(_) => Self::Protocol,
            Error::Utf8(_) => Self::NotUtf8,
            Error::Capacity(_) => Self::TooBig,
            _ => Self::Gone,
        }
    }

    /// The close code that is sent, or where none is, logged.
    pub(super) fn code(self) -> u16 {
        match self {
            Self::ByPeer => 1000,
            Self::Gone => 1006,
            Self::Protocol => 1002,
            Self::Binary => 1003,
            Self::NotUtf8 => 1007,
            Self::Silent | Self::NoToken | Self::TooManySockets | Self::TooManyTurns | Self::FrameRateLimit => 1008,
            Self::TooBig => 1009,
            Self::Restart => 1012,
            Self::TryAgain => 1013,
            Self::BadToken | Self::Expired | Self::Revoked => 4401,
            Self::TooSlow => 4408,
        }
    }

    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::ByPeer => "closed by the client",
            Self::Gone => "the connection broke off",
            Self::Protocol => "not as RFC 6455 demands",
            Self::Binary => "frames are text: one JSON object each",
            Self::NotUtf8 => "text that is not UTF-8",
            Self::TooBig => "a frame may have six of the longest message and 64 KiB",
            Self::Silent => "silent for too long; answer pings",
            Self::NoToken => "the first frame has to be `auth` with a token, within 5 s",
            Self::TooManySockets => "too many sockets of this user; close one",
            Self::TooManyTurns => "too many open turns on this socket",
            Self::FrameRateLimit => "too many frames; send fewer",
            Self::Restart => "restart; resume elsewhere",
            Self::TryAgain => "temporarily unavailable; try again shortly",
            Self::BadToken => "the token is not valid; log in again",
            Self::Expired => "the token has expired; refresh it",
            Self::Revoked => "the session has ended; log in again",
            Self::TooSlow => "the reader is too slow; resume when there is time",
        }
    }

    /// The close frame, where one can be sent.
    pub(super) fn frame(self) -> Option<CloseFrame> {
        let told = !matches!(self, Self::ByPeer | Self::Gone);
        told.then(|| CloseFrame { code: self.code().into(), reason: Utf8Bytes::from_static(self.reason()) })
    }
}
