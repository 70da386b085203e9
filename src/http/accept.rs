//! Content negotiation by the header `Accept` (RFC 9110 §12.5.1): an event stream or JSON.

use axum::extract::FromRequestParts;
use hyper::{header::ACCEPT, http::request::Parts};

use super::{Shared, problem::ApiError};

const EVENTS: [&str; 2] = ["text", "event-stream"];
const JSON: [&str; 2] = ["application", "json"];
/// The specificity of a range without a wildcard.
const NAMED: u8 = 3;

/// Whether the client prefers an event stream to JSON.
pub(super) struct WantsEvents(pub(super) bool);

impl FromRequestParts<Shared> for WantsEvents {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, ApiError> {
        let lines: Vec<&str> = parts.headers.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok()).collect();
        Ok(Self(prefers_events(&lines.join(","))))
    }
}

/// Compares weights; of equal ones, a named type goes before one that only a wildcard covers; else JSON.
fn prefers_events(accept: &str) -> bool {
    let (events, json) = (preference(accept, EVENTS), preference(accept, JSON));
    let is_named = |(_, specificity): (u16, u8)| specificity == NAMED;
    events.0 > json.0 || (events.0 > 0 && events.0 == json.0 && is_named(events) && !is_named(json))
}

/// The weight (in thousandths) and the specificity of the most specific range that matches; zeros where none does.
fn preference(accept: &str, [kind, name]: [&str; 2]) -> (u16, u8) {
    let ranges = accept.split(',').filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let (range_kind, range_name) = parts.next()?.split_once('/')?;
        let specificity = match (range_kind, range_name) {
            ("*", "*") => 1,
            (one, "*") if one.eq_ignore_ascii_case(kind) => 2,
            (one, other) if one.eq_ignore_ascii_case(kind) && other.eq_ignore_ascii_case(name) => NAMED,
            _ => return None,
        };
        let mut parameters = parts.filter_map(|part| part.split_once('='));
        let weight = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
        Some((weight.map_or(Some(1000), |(_, weight)| thousandths(weight.trim()))?, specificity))
    });
    ranges.max_by_key(|(weight, specificity)| (*specificity, *weight)).unwrap_or_default()
}

/// Parses a weight: `0`, `0.25`, `1.000`; `None`: it is none.
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, fraction) = weight.split_once('.').unwrap_or((weight, ""));
    let is_number = fraction.len() <= 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let value = format!("{whole}{fraction:0<3}").parse().ok().filter(|_| is_number && matches!(whole, "0" | "1"))?;
    (value <= 1000).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_and_names_decide_and_json_otherwise() {
        for (accept, wanted) in [
            ("text/event-stream", true),
            ("Text/Event-Stream; charset=utf-8", true),
            ("text/event-stream, */*", true),
            ("*/*, text/event-stream", true),
            ("text/event-stream;q=0.5, application/json;q=0.4", true),
            ("text/event-stream; q=0.5 , application/json; Q=0", true),
            ("text/event-stream, */*;q=0.1", true),
            ("text/event-stream;q=0.5, application/*;q=0.5", true),
            ("text/*", true),
            ("", false),
            ("*/*", false),
            ("application/json", false),
            ("application/json, text/event-stream", false),
            ("text/event-stream, application/json", false),
            ("application/json;q=0.9, text/event-stream;q=0.1", false),
            ("text/event-stream;q=0, application/json", false),
            ("text/event-stream;q=0", false),
            ("text/event-stream;q=0.000, */*;q=0", false),
            ("text/event-stream;q=0, text/*", false),
            ("text/event-stream;q=nan", false),
            ("text/event-stream;q=7", false),
            ("text/event-streams", false),
            ("text/html,application/xhtml+xml,*/*;q=0.8", false),
            ("nonsense", false),
        ] {
            assert_eq!(prefers_events(accept), wanted, "{accept:?}");
        }
    }
}
