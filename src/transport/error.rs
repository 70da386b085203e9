//! Refusals of a connection or a request head before any handler sees it. The server that accepts the connections
//! renders the response (`RenderError`): the transport knows no response bodies.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportError {
    /// The request head is not HTTP/1.1.
    MalformedHead,
    UrlTooLong,
    HeadTooLarge,
    /// The request head did not arrive in time.
    HeadTimeout,
    /// The process has its maximum of connections open.
    Overloaded,
    /// The client's address has its maximum of connections open.
    TooManyConnections,
}

/// Renders the whole HTTP/1.1 response to an error.
pub type RenderError = fn(TransportError) -> Vec<u8>;
