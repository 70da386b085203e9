//! Frames from clients: one JSON object each, distinguished by its `type`.

use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};

use crate::{
    app::{RawTurnRequest, TurnRequest},
    config::Secret,
    http::{extract::plain_message, message_request::message_request},
    model::{Invalid, TurnId},
};

const TYPES: &str = "must be one of `auth`, `send`, `resume`, `cancel`, `ping`";
const MAX_ID_CHARS: usize = 64;

/// A valid frame.
#[derive(Debug)]
pub(super) enum Incoming {
    Auth { token: Secret },
    Send { id: ClientId, request: Box<TurnRequest> },
    Resume { id: ClientId, turn_id: TurnId, after: u64 },
    Cancel { id: ClientId, turn_id: TurnId },
    Ping,
}

/// An invalid frame, with the client's id if it has one.
#[derive(Debug)]
pub(super) struct ParseError {
    pub(super) id: Option<ClientId>,
    pub(super) why: Vec<Invalid>,
}

/// The client's id for a request: 1 to 64 characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, serde::Serialize)]
#[serde(try_from = "String")]
pub(super) struct ClientId(String);

impl TryFrom<String> for ClientId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let chars = text.chars().count();
        if (1..=MAX_ID_CHARS).contains(&chars) { Ok(Self(text)) } else { Err("must be 1 to 64 characters") }
    }
}

impl Incoming {
    pub(super) fn read(text: &str) -> Result<Self, ParseError> {
        // A byte order mark is no part of a frame, as it is none of a body.
        let text = text.trim_start_matches('\u{feff}');
        let head: Head = parse(text).map_err(|why| ParseError { id: None, why: vec![why] })?;
        let id = head.id.as_str().and_then(|id| ClientId::try_from(id.to_owned()).ok());
        Self::of_type(&head.kind, text).map_err(|why| ParseError { id, why })
    }

    fn of_type(kind: &str, text: &str) -> Result<Self, Vec<Invalid>> {
        match kind {
            "auth" => parse(text).map(|Auth { token, .. }| Self::Auth { token: Secret::new(token) }),
            "send" => {
                let mut send: Send = parse(text).map_err(|why| vec![why])?;
                let (id, idempotency_key) = (send.id.clone(), send.idempotency_key.take());
                let raw = RawTurnRequest { idempotency_key, ..RawTurnRequest::from(send) };
                return Ok(Self::Send { id, request: Box::new(TurnRequest::try_from(raw)?) });
            }
            "resume" => parse(text).map(|Resume { id, turn_id, after, .. }| {
                let after = after.unwrap_or_default();
                Self::Resume { id, turn_id, after }
            }),
            "cancel" => parse(text).map(|Cancel { id, turn_id, .. }| Self::Cancel { id, turn_id }),
            "ping" => parse(text).map(|Ping { .. }| Self::Ping),
            _ => Err(Invalid::new("type", TYPES)),
        }
        .map_err(|why| vec![why])
    }
}

/// The members that every frame has; the rest is read when the type is known.
#[derive(Deserialize)]
struct Head {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    id: serde_json::Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Auth {
    #[serde(rename = "type")]
    _kind: IgnoredAny,
    token: String,
}

message_request! {
    struct Send {
        #[serde(rename = "type")]
        #[schema(ignore)]
        _kind: IgnoredAny,
        #[schema(value_type = String)]
        id: ClientId,
        idempotency_key: Option<String>,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resume {
    #[serde(rename = "type")]
    _kind: IgnoredAny,
    id: ClientId,
    turn_id: TurnId,
    /// The last `seq` that was seen; 0 is the beginning.
    after: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cancel {
    #[serde(rename = "type")]
    _kind: IgnoredAny,
    id: ClientId,
    turn_id: TurnId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ping {
    #[serde(rename = "type")]
    _kind: IgnoredAny,
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Invalid> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let parsed = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let field = error.path().to_string();
        // Malformed JSON has no member that could be named.
        let field = if matches!(&*field, "." | "?") { "frame".into() } else { field };
        Invalid::new(field, plain_message(error.inner()))
    })?;
    reader.end().map_err(|_| Invalid::new("frame", "goes on after its JSON object"))?;
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_frame_is_reported_by_member_and_id() {
        let turn = "018f0000-0000-7000-8000-000000000000";
        for (text, id, field) in [
            ("", None, "frame"),
            ("[]", None, "frame"),
            (r#"{"id":"a"}"#, None, "frame"),
            (r#"{"type":"dance","id":"a"}"#, Some("a"), "type"),
            (r#"{"type":"ping","extra":1}"#, None, "extra"),
            (r#"{"type":"ping"} {}"#, None, "frame"),
            (r#"{"type":"send","id":"a"}"#, Some("a"), "frame"),
            (r#"{"type":"send","id":"","content":"x"}"#, None, "id"),
            (r#"{"type":"send","id":7,"content":"x"}"#, None, "id"),
            (r#"{"type":"send","id":"a","content":""}"#, Some("a"), "content"),
            (r#"{"type":"send","id":"a","content":"x","top_p":9}"#, Some("a"), "top_p"),
            (r#"{"type":"send","id":"a","content":"x","stream":true}"#, Some("a"), "stream"),
            (r#"{"type":"send","id":"a","content":null}"#, Some("a"), "content"),
            (r#"{"type":"cancel","id":"a","turn_id":"7"}"#, Some("a"), "turn_id"),
            (&format!(r#"{{"type":"resume","id":"a","turn_id":"{turn}","after":-1}}"#), Some("a"), "after"),
        ] {
            let told = Incoming::read(text).unwrap_err();
            assert_eq!(told.id.as_ref().map(|id| id.0.as_str()), id, "{text}");
            assert_eq!(told.why[0].field, field, "{text}: {told:?}");
        }
        let nulls = r#"{"type":"send","id":"a","content":"x","stop":null,"history":null,"model":null,"seed":null}"#;
        let resume = format!(r#"{{"type":"resume","id":"a","turn_id":"{turn}","after":null}}"#);
        for fine in [nulls, &resume, &format!("\u{feff}{nulls}")] {
            assert!(Incoming::read(fine).is_ok(), "{fine}");
        }
        let long = format!(r#"{{"type":"send","id":"{}","content":"x"}}"#, "é".repeat(64));
        assert!(Incoming::read(&long).is_ok(), "characters, not bytes");
        assert!(Incoming::read(&long.replacen('é', "éé", 1)).is_err());
    }
}
