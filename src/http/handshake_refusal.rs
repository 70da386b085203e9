//! Refusals of a handshake: problem documents, before there is a socket.

use hyper::{
    HeaderMap,
    header::{CONNECTION, HeaderValue, SEC_WEBSOCKET_VERSION, UPGRADE},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandshakeRefusal {
    /// A plain request, or HTTP/2.
    NoUpgrade,
    Version,
    Key,
    Subprotocol,
    TokenInUrl,
    TwoTokens,
    ForeignSite,
}

impl HandshakeRefusal {
    pub(super) fn status(self) -> u16 {
        match self {
            Self::NoUpgrade | Self::Version => 426,
            Self::Key | Self::Subprotocol | Self::TokenInUrl | Self::TwoTokens => 400,
            Self::ForeignSite => 403,
        }
    }

    pub(super) fn code(self) -> &'static str {
        match self {
            Self::NoUpgrade => "upgrade_required",
            Self::Version => "unsupported_websocket_version",
            Self::Key => "malformed_handshake",
            Self::Subprotocol => "unsupported_subprotocol",
            Self::TokenInUrl => "token_in_url",
            Self::TwoTokens => "two_tokens",
            Self::ForeignSite => "foreign_origin",
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::NoUpgrade | Self::Version => "Upgrade required",
            Self::Key | Self::Subprotocol | Self::TokenInUrl | Self::TwoTokens => "Malformed handshake",
            Self::ForeignSite => "Forbidden",
        }
    }

    pub(super) fn detail(self) -> &'static str {
        match self {
            Self::NoUpgrade => "this is a WebSocket: send a GET over HTTP/1.1 with `Upgrade: websocket`",
            Self::Version => "send `Sec-WebSocket-Version: 13`",
            Self::Key => "the header Sec-WebSocket-Key must be there once, 16 bytes in base64",
            Self::Subprotocol => "this speaks the sub-protocol `mcpchat.v1`; offer it, or none",
            Self::TokenInUrl => {
                "a token has no place in a URL, where logs keep it: send it as `Authorization: Bearer`, as the \
                 sub-protocol `bearer.<token>` beside `mcpchat.v1`, or in the first frame"
            }
            Self::TwoTokens => "there are two tokens; send one",
            Self::ForeignSite => {
                "pages of this site may not open WebSockets here; an operator allows sites in `[server] allowed_origins`"
            }
        }
    }

    pub(super) fn headers(self) -> HeaderMap {
        let upgrade =
            [(UPGRADE, HeaderValue::from_static("websocket")), (CONNECTION, HeaderValue::from_static("upgrade"))];
        let version = (SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        match self {
            Self::NoUpgrade | Self::Version => upgrade.into_iter().chain([version]).collect(),
            Self::Key | Self::Subprotocol | Self::TokenInUrl | Self::TwoTokens | Self::ForeignSite => HeaderMap::new(),
        }
    }
}
