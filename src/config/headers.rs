//! `headers` of a provider, for a gateway before it. Any of them may be a secret, so none is shown.

use toml::de::DeValue;

use super::{
    Secret,
    input::{Input, Wrong},
    reader::Read,
    section::Section,
    value::{Context, Value},
};

/// Headers of authentication, routing and framing: the HTTP client sets them.
const RESERVED: [&str; 20] = [
    "accept",
    "accept-encoding",
    "anthropic-version",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-api-key",
    "x-request-id",
];

/// Longer values count as secrets.
const LONGEST_WORD: usize = 16;

/// A header for a gateway before a provider.
#[derive(Clone, Debug)]
pub struct Header {
    pub name: String,
    pub value: Secret,
    /// From a variable or a file, or longer than `LONGEST_WORD`: it must not be shown anywhere.
    pub is_secret: bool,
}

pub(super) fn read(s: &mut Section<'_, '_>) -> Read<Vec<Header>> {
    let given = s.entries::<HeaderValue>("headers")?;
    let mut headers = Vec::with_capacity(given.len());
    for (name, HeaderValue { value, is_secret }) in given {
        if let Some((what, remedy)) = mistake(&name) {
            return Err(s.mistake(&format!("headers.{name}"), what, remedy));
        }
        headers.push(Header { name, value, is_secret });
    }
    Ok(headers)
}

fn mistake(name: &str) -> Option<(String, &'static str)> {
    let is_token_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || name.len() > 128 || !name.bytes().all(is_token_byte) {
        return Some((format!("{name:?} is not the name of a header"), "write it like \"x-portkey-provider\""));
    }
    let is_reserved = RESERVED.iter().any(|reserved| name.eq_ignore_ascii_case(reserved));
    is_reserved.then(|| (format!("{name:?} is set by the request itself"), "remove it; a key is given as api_key"))
}

/// The value of a header.
struct HeaderValue {
    value: Secret,
    is_secret: bool,
}

impl Value for HeaderValue {
    fn parse(input: Input<'_>, context: &Context<'_>) -> Result<Self, Wrong> {
        let value = Secret::parse(input, context)?;
        let text = value.expose();
        if text.trim() != text || text.bytes().any(|byte| byte != b'\t' && !(0x20..0x7f).contains(&byte)) {
            return Err(Wrong::new(
                "the header holds a line break or other bytes no header can carry",
                "copy it again",
            ));
        }
        let is_found = matches!(input, Input::Toml(value) if matches!(value.get_ref(), DeValue::Table(_)));
        let is_secret = is_found || text.len() > LONGEST_WORD;
        Ok(Self { value, is_secret })
    }

    fn shown(&self, _: &str) -> String {
        "***".to_owned()
    }
}
