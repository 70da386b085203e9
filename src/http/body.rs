//! Request bodies: the accepted media types, the maximum size and the minimum rate.

use std::time::Duration;

use axum::extract::Request;
use bytes::{Buf, Bytes, BytesMut};
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{
    HeaderMap,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};
use tokio::time::{Instant, timeout_at};

use super::{
    Shared,
    middleware::CapacityPermit,
    problem::{ApiError, Result},
};
use crate::{config::Server, transport::is_too_slow};

/// Maximum size of a body without a message.
pub(super) const MAX_BODY: usize = 1024 * 1024;

/// Maximum size of a body with a message: JSON may write each byte as six (`\u001f`), and 64 KiB are for the rest.
pub(super) fn max_with_message(server: &Server) -> usize {
    6 * server.max_message + 64 * 1024
}

/// The byte order mark of UTF-8. Some editors and libraries write it, and RFC 8259 §8.1 lets parsers ignore it.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Returns the media type of the body, one of `taken` (a list with commas).
pub(super) fn media_type(headers: &HeaderMap, taken: &'static str) -> Result<String> {
    let detail = match MediaType::of(headers)? {
        Some(given) if given.is_utf8 && taken.split(", ").any(|taken| given.name == taken) => return Ok(given.name),
        Some(given) if given.is_utf8 => format!("the body is `{}`; send `{taken}`", given.name),
        Some(_) => format!("the body is in another charset; send `{taken}` in UTF-8"),
        None => format!("the header Content-Type is missing; send `{taken}`"),
    };
    Err(ApiError::MediaType { detail, taken })
}

/// The declared media type of a body.
struct MediaType {
    name: String,
    is_utf8: bool,
}

impl MediaType {
    /// Reads the headers. Compressed bodies are refused whatever they are: a small one can hold a huge one.
    fn of(headers: &HeaderMap) -> Result<Option<Self>> {
        if headers.get(CONTENT_ENCODING).is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
            return Err(ApiError::ContentCoding);
        }
        let Some(text) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return Ok(None) };
        let mut parts = text.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let charset =
            parts.filter_map(|part| part.split_once('=')).find(|(name, _)| name.eq_ignore_ascii_case("charset"));
        let is_utf8 = charset.is_none_or(|(_, charset)| charset.trim_matches('"').eq_ignore_ascii_case("utf-8"));
        Ok(Some(Self { name, is_utf8 }))
    }
}

/// Reads the body up to `max` bytes; it is refused unread where its length says that it is larger.
pub(super) async fn whole(request: Request, app: &Shared, max: usize) -> Result<Bytes> {
    let in_work = CapacityPermit::of(request.extensions());
    let body = request.into_body();
    if body.size_hint().lower() > max as u64 {
        return Err(ApiError::TooLarge { max });
    }
    let mut whole = BytesMut::new();
    let (limited, pace) = (Limited::new(body, max), app.config().server.body_timeout);
    let collecting = paced(limited, pace, |data| whole.extend_from_slice(data));
    match in_work.while_waiting(collecting).await?? {
        Ok(()) => {
            let mut body = whole.freeze();
            if body.starts_with(BYTE_ORDER_MARK) {
                body.advance(BYTE_ORDER_MARK.len());
            }
            Ok(body)
        }
        Err(error) if error.is::<LengthLimitError>() => Err(ApiError::TooLarge { max }),
        Err(_) => Err(ApiError::broken_off()),
    }
}

/// Reads a body that arrives at the minimum rate, measured over `pace`: a fixed timeout would either let slow clients
/// hold on for ever, or refuse honest uploads over slow lines.
pub(super) async fn paced<B: Body<Data = Bytes> + Unpin>(
    mut body: B,
    pace: Duration,
    mut take: impl FnMut(&[u8]),
) -> Result<std::result::Result<(), B::Error>> {
    let (mut due, mut read) = (Instant::now() + pace, 0);
    loop {
        match timeout_at(due, body.frame()).await {
            Ok(None) => return Ok(Ok(())),
            Ok(Some(Err(error))) => return Ok(Err(error)),
            Ok(Some(Ok(frame))) => {
                let data = frame.data_ref().map_or(&[][..], |data| data);
                read += data.len() as u64;
                take(data);
            }
            Err(_) if is_too_slow(read, pace) => return Err(ApiError::TooSlow),
            Err(_) => (due, read) = (Instant::now() + pace, 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_utf8_of_a_known_type_is_taken() {
        let taken = |content_type: &str, coding: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, content_type.parse().unwrap());
            coding.map(|coding| headers.insert(CONTENT_ENCODING, coding.parse().unwrap()));
            media_type(&headers, "application/json, application/x-www-form-urlencoded").map_err(|fault| fault.code())
        };
        for fine in ["application/json", "Application/JSON;charset=UTF-8", "application/json; charset=\"utf-8\"; x=y"] {
            assert_eq!(taken(fine, None).as_deref(), Ok("application/json"), "{fine}");
        }
        assert_eq!(taken("application/x-www-form-urlencoded", Some("identity")).unwrap().len(), 33);
        for wrong in ["text/plain", "application/json; charset=latin1", "application/jsonl", "nonsense", ""] {
            assert_eq!(taken(wrong, None), Err("unsupported_media_type"), "{wrong}");
        }
        assert_eq!(taken("application/json", Some("gzip")), Err("unsupported_content_coding"));
    }
}
