//! Parsers of values that are not secret: numbers, durations, addresses, words, names.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use ipnet::IpNet;
use serde::{
    Deserialize,
    de::value::{Error as WordError, StrDeserializer},
};

use super::{
    Count, MetricsListen, OnFailure, Per, ProviderKind, Registration, Window,
    environment::Environment,
    input::{Input, Wrong},
};

/// What parsing a value may need besides its text.
pub(super) struct Context<'a> {
    pub environment: &'a Environment,
    /// Relative paths in the configuration file start where the file is.
    pub base_dir: &'a std::path::Path,
    /// A replay calls no provider: keys that are not there are not missed.
    pub replays: bool,
}

/// A type that a key of the configuration can have.
pub(super) trait Value: Sized {
    fn parse(input: Input<'_>, context: &Context<'_>) -> Result<Self, Wrong>;

    /// The text for display, given how it was written. Secrets show less.
    fn shown(&self, written: &str) -> String {
        written.to_owned()
    }
}

/// A value with a minimum and a maximum.
pub(super) trait Amount: Value + PartialOrd {
    fn written(&self) -> String;
}

macro_rules! integers {
    ($($integer:ty),*) => {
        $(impl Value for $integer {
            fn parse(input: Input<'_>, _: &Context<'_>) -> Result<Self, Wrong> {
                let integer = input.integer().ok_or_else(|| Wrong::not(input, "a whole number", "write it like 10"))?;
                let most = <$integer>::MAX;
                integer.try_into().map_err(|_| Wrong::new(format!("{integer} is out of range"), format!("give 0 to {most}")))
            }
        }

        impl Amount for $integer {
            fn written(&self) -> String {
                self.to_string()
            }
        })*
    };
}

integers!(u16, u32, u64, usize);

impl Value for f64 {
    fn parse(input: Input<'_>, _: &Context<'_>) -> Result<Self, Wrong> {
        let number = input.number().filter(|number| number.is_finite());
        number.ok_or_else(|| Wrong::not(input, "a number", "write it like 2.5"))
    }
}

impl Amount for f64 {
    fn written(&self) -> String {
        self.to_string()
    }
}

impl Value for bool {
    fn parse(input: Input<'_>, _: &Context<'_>) -> Result<Self, Wrong> {
        input.boolean().ok_or_else(|| Wrong::not(input, "a boolean", "write true or false"))
    }
}

impl Value for String {
    fn parse(input: Input<'_>, _: &Context<'_>) -> Result<Self, Wrong> {
        input.text().map(str::to_owned).ok_or_else(|| Wrong::expected(input, "a string", "put it in quotes"))
    }
}

impl Value for PathBuf {
    /// A relative path in the file starts where the file is, one in a variable in the current directory.
    fn parse(input: Input<'_>, context: &Context<'_>) -> Result<Self, Wrong> {
        let text = input.text().filter(|text| !text.is_empty());
        let text = text.ok_or_else(|| Wrong::expected(input, "the path of a file", "put it in quotes"))?;
        if text.contains(char::is_control) {
            return Err(Wrong::new("the path holds a line break or another control character", "write it again"));
        }
        Ok(match input {
            Input::Text(_) => context.environment.current_dir.join(text),
            Input::Toml(_) => context.base_dir.join(text),
        })
    }
}

impl Value for Duration {
    fn parse(input: Input<'_>, _: &Context<'_>) -> Result<Self, Wrong> {
        const EXAMPLE: &str = "write it like \"250ms\", \"30s\", \"15m\", \"12h\" or \"30d\"";
        let Some(text) = input.text() else {
            let remedy = input.integer().map_or(EXAMPLE.to_owned(), |n| format!("write it with a unit, like \"{n}s\""));
            return Err(Wrong::expected(input, "a duration", remedy));
        };
        humantime::parse_duration(text).map_err(|_| Wrong::not(input, "a duration", EXAMPLE))
    }
}

impl Amount for Duration {
    fn written(&self) -> String {
        format!("\"{}\"", humantime::format_duration(*self))
    }
}

impl Value for SocketAddr {
    fn parse(input: Input<'_>, _: &Context<'_>) -> Result<Self, Wrong> {
        let remedy = "write it like \"127.0.0.1:8080\", \"[::1]:8080\", \"localhost:8080\" or \":8080\"";
        let wrong = || Wrong::not(input, "an address with a port", remedy);
        input.text().and_then(listen_address).ok_or_else(wrong)
    }
}

/// Parses an address to listen on. `localhost` is this machine, nothing before the colon all of its IPv4 addresses;
/// other names would need DNS, which reading a configuration does not use.
pub fn listen_address(text: &str) -> Option<SocketAddr> {
    let host_and_port = || {
        let (host, port) = text.rsplit_once(':')?;
        let host: IpAddr = match host {
            "" | "*" => Ipv4Addr::UNSPECIFIED.into(),
            _ if host.eq_ignore_ascii_case("localhost") => Ipv4Addr::LOCALHOST.into(),
            _ => return None,
        };
        let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
        Some(SocketAddr::new(host, port.parse().ok().filter(|_| is_number)?))
    };
    text.parse().ok().or_else(host_and_port)
}

impl Value for MetricsListen {
    fn parse(input: Input<'_>, _: &Context<'_>) -> Result<Self, Wrong> {
        let noun = "an address with a port";
        let wrong = || Wrong::not(input, noun, "write it like \"127.0.0.1:9464\", or \"off\"");
        input.text().and_then(|text| text.parse().ok()).ok_or_else(wrong)
    }
}

impl FromStr for MetricsListen {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (text, listen_address(text)) {
            ("off", _) => Ok(Self(None)),
            (_, Some(address)) => Ok(Self(Some(address))),
            (_, None) => Err("write it like 127.0.0.1:9464, localhost:9464 or :9464, or `off`"),
        }
    }
}

impl Value for IpNet {
    /// A single address is a network of one.
    fn parse(input: Input<'_>, _: &Context<'_>) -> Result<Self, Wrong> {
        let parse = |text: &str| text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        let wrong = || Wrong::not(input, "a network", "write it like \"10.0.0.0/8\" or \"::1\"");
        input.text().and_then(parse).ok_or_else(wrong)
    }
}

impl<T: Value> Value for Vec<T> {
    fn parse(input: Input<'_>, context: &Context<'_>) -> Result<Self, Wrong> {
        let items = input.items().ok_or_else(|| Wrong::expected(input, "a list", "put it in [ ]"))?;
        let parse = |item: Input<'_>| {
            T::parse(item, context).map_err(|wrong| Wrong { span: wrong.span.clone().or(item.span()), ..wrong })
        };
        items.into_iter().map(parse).collect()
    }

    fn shown(&self, written: &str) -> String {
        // What is secret in one item is secret in the list.
        self.iter().map(|item| item.shown(written)).next().unwrap_or_else(|| "[]".to_owned())
    }
}

macro_rules! words {
    ($($word:ty),*) => {
        $(impl Value for $word {
            fn parse(input: Input<'_>, _: &Context<'_>) -> Result<Self, Wrong> {
                word(input)
            }
        })*
    };
}

words!(Registration, OnFailure, ProviderKind, Per, Count);

/// Parses one of the words that serde knows for an enum, so that they are written once.
fn word<'de, T: Deserialize<'de>>(input: Input<'de>) -> Result<T, Wrong> {
    let text = input.text().ok_or_else(|| Wrong::expected(input, "a string", "put it in quotes"))?;
    T::deserialize(StrDeserializer::<WordError>::new(text)).map_err(|error| {
        // serde says: unknown variant `x`, expected `a` or `b`
        let error = error.to_string();
        let choices = error.split_once("expected ").map_or("", |(_, choices)| choices.trim_start_matches("one of "));
        Wrong::new(format!("{text:?} is not a choice here"), format!("choose {}", choices.replace('`', "\"")))
    })
}

/// A calendar window: the only kind that `tokens` and `cost` have.
pub(super) struct Calendar(pub Window);

impl Value for Calendar {
    fn parse(input: Input<'_>, _: &Context<'_>) -> Result<Self, Wrong> {
        match input.text() {
            Some("day") => Ok(Self(Window::Day)),
            Some("month") => Ok(Self(Window::Month)),
            _ => Err(Wrong::not(input, "a calendar window", "limits of tokens and cost take \"day\" or \"month\"")),
        }
    }
}

/// Printable ASCII that is safe in a metric label, a header and a shell: `openai/gpt-4.1`, `llama3:8b`.
pub(super) struct Name(pub String);

impl Value for Name {
    fn parse(input: Input<'_>, _: &Context<'_>) -> Result<Self, Wrong> {
        let is_fine = |text: &&str| (1..=64).contains(&text.len()) && text.bytes().all(is_name_byte);
        let remedy = "use 1 to 64 of a-z A-Z 0-9 . _ : / @ + -";
        input
            .text()
            .filter(is_fine)
            .map(|text| Self(text.to_owned()))
            .ok_or_else(|| Wrong::not(input, "a name", remedy))
    }
}

/// The name of a rule: part of its counters' names, whose parts end with `:`.
pub(super) struct RuleName(pub String);

impl Value for RuleName {
    fn parse(input: Input<'_>, _: &Context<'_>) -> Result<Self, Wrong> {
        let text = input.text().ok_or_else(|| Wrong::expected(input, "a name", RULE_NAME_FORM))?;
        if !is_rule_name(text) {
            return Err(Wrong::not(input, "a name of a limit", RULE_NAME_FORM));
        }
        if BUILT_IN_RULES.contains(&text) {
            return Err(Wrong::new(format!("{text:?} is the name of a limit that is built in"), "choose another"));
        }
        Ok(Self(text.to_owned()))
    }
}

const RULE_NAME_FORM: &str = "use 1 to 64 of a-z A-Z 0-9 . _ -";

/// The built-in rules for logins and passwords, which cannot be configured.
pub const BUILT_IN_RULES: [&str; 7] = [
    "login_address",
    "login_name_address",
    "login_name",
    "login_known_address",
    "refresh_address",
    "refresh_session",
    "password_change",
];

/// Whether a rule can have this name.
pub fn is_rule_name(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(is_plain)
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._:/@+-".contains(&byte)
}

/// A model's name at the provider: a file with spaces, a path, an ARN. Any text of a sane length.
pub(super) struct UpstreamName(pub String);

impl Value for UpstreamName {
    fn parse(input: Input<'_>, _: &Context<'_>) -> Result<Self, Wrong> {
        let is_fine = |text: &&str| {
            text.len() <= MAX_UPSTREAM_NAME && !text.trim().is_empty() && !text.contains(char::is_control)
        };
        let remedy = format!("use the provider's own name for it: 1 to {MAX_UPSTREAM_NAME} bytes of text in one line");
        let name = input.text().filter(is_fine).map(|text| Self(text.to_owned()));
        name.ok_or_else(|| Wrong::not(input, "a model's name", remedy))
    }
}

const MAX_UPSTREAM_NAME: usize = 512;

/// A marker around a model's reasoning.
pub(super) struct Mark(pub String);

impl Value for Mark {
    fn parse(input: Input<'_>, _: &Context<'_>) -> Result<Self, Wrong> {
        let is_fine = |text: &&str| (1..=64).contains(&text.len());
        let mark = input.text().filter(is_fine).map(|text| Self(text.to_owned()));
        mark.ok_or_else(|| Wrong::not(input, "a mark", "write it like \"<think>\", in 1 to 64 bytes"))
    }
}
