//! `[[limits]]`, which replace the default rules as a whole.

use std::time::Duration;

use super::{
    reader::Read,
    section::Section,
    sections::DAY,
    value::{Calendar, RuleName},
};
use crate::model::NanoUsd;

/// One limit rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    pub name: String,
    pub per: Per,
    pub count: Count,
    /// Messages, turns, tokens, or nano-dollars.
    pub max: u64,
    /// `messages`: up to a day. `turns`: not used. `tokens`, `cost`: see `Window`.
    pub window: Window,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    User,
    Key,
    Address,
    Global,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Count {
    Messages,
    Tokens,
    Cost,
    Turns,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// A sliding window.
    Sliding(Duration),
    /// A calendar day, UTC.
    Day,
    /// A calendar month, UTC.
    Month,
    /// No window: turns that run at the same time.
    Running,
}

pub(super) fn read(document: &mut Section<'_, '_>) -> Read<Vec<Limit>> {
    Ok(document.tables("limits", limit)?.unwrap_or_else(defaults))
}

/// The default rules, per user: 10 messages a second, 60 a minute, 1,000 an hour, 10,000 a day, and 5 turns at once.
fn defaults() -> Vec<Limit> {
    let messages = |name: &str, max, seconds| Limit {
        name: name.to_owned(),
        per: Per::User,
        count: Count::Messages,
        max,
        window: Window::Sliding(Duration::from_secs(seconds)),
    };
    let running = Limit { count: Count::Turns, window: Window::Running, ..messages("running", 5, 0) };
    vec![
        messages("per-second", 10, 1),
        messages("per-minute", 60, 60),
        messages("per-hour", 1_000, 3_600),
        messages("per-day", 10_000, 86_400),
        running,
    ]
}

fn limit(s: &mut Section<'_, '_>) -> Read<Limit> {
    let name = s.required::<RuleName>("name", "name = \"per-minute\"");
    let per = s.get("per", "user");
    let count = s.required("count", "count = \"messages\", \"tokens\", \"cost\" or \"turns\"");
    let count = count.inspect_err(|_| s.skip(&["max", "window"]))?;
    let max = max(s, count);
    let window = window(s, count);
    let (max, window) = (max?, window?);
    check_pace(s, max, &window)?;
    Ok(Limit { name: name?.0, per: per?, count, max, window })
}

fn max(s: &mut Section<'_, '_>, count: Count) -> Read<u64> {
    match count {
        Count::Messages => s.required_within("max", "max = 60", 1..=1_000_000_000),
        Count::Tokens => s.required_within("max", "max = 1000000", 1..=1_000_000_000_000_000),
        Count::Turns => s.required_within("max", "max = 5", 1..=1_000_000),
        Count::Cost => {
            let usd = s.required_within("max", "max = 20.0, in US dollars", 0.000_001..=1_000_000_000.0)?;
            Ok(NanoUsd::from_usd(usd).0.unsigned_abs())
        }
    }
}

fn window(s: &mut Section<'_, '_>, count: Count) -> Read<Window> {
    match count {
        Count::Messages => {
            s.required_within("window", "window = \"1m\"", Duration::from_millis(1)..=DAY).map(Window::Sliding)
        }
        Count::Tokens | Count::Cost => {
            s.required::<Calendar>("window", "window = \"day\" or \"month\"").map(|calendar| calendar.0)
        }
        Count::Turns => {
            s.refuse("window", "turns are limited by how many run at the same time").map(|()| Window::Running)
        }
    }
}

/// Checks the rate: messages are spaced in whole microseconds.
fn check_pace(s: &mut Section<'_, '_>, max: u64, window: &Window) -> Read<()> {
    match window {
        Window::Sliding(window) if u128::from(max) > window.as_micros() => {
            Err(s.mistake("max", "more than one message a microsecond", "give a longer window or a smaller max"))
        }
        Window::Sliding(_) | Window::Day | Window::Month | Window::Running => Ok(()),
    }
}
