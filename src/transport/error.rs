//! Why a connection or a request head is refused before any handler sees it. What is written to the client is made by the
//! server that accepts the connections (`RenderError`): the transport knows no response bodies.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportError {
    /// The request head is not HTTP/1.1.
    MalformedHead,
    UrlTooLong,
    HeadTooLarge,
    /// The request head did not arrive in time.
    HeadTimeout,
    /// All connections that the process takes are open.
    Overloaded,
    /// The client's address has as many connections open as one may have.
    TooManyConnections,
}

/// Makes the whole HTTP/1.1 response to an error.
pub type RenderError = fn(TransportError) -> Vec<u8>;
