//! Lenient parsing of a provider's events: a value of an odd kind spoils nothing but itself, as a count that is a text,
//! a fraction or negative, a content that is a list of parts, half a character.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, de::Visitor};
use serde_json::value::RawValue;

/// A member that may be null.
pub fn null_or<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// A member of any kind. One of an unexpected kind is read as missing.
pub fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    let raw = <&'de RawValue>::deserialize(from)?;
    Ok(serde_json::from_str(raw.get()).unwrap_or_default())
}

/// A number of tokens; 0 where none is given. A fraction is rounded up: some servers count in floats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count(pub u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(from)?.get().trim_matches('"').trim();
        let rounded = || raw.parse().ok().filter(|number: &f64| number.is_finite()).map(|number| number.ceil() as u64);
        Ok(Self(raw.parse().ok().or_else(rounded).unwrap_or_default()))
    }
}

/// A text in JSON: UTF-8, in which half of a surrogate pair may stand alone (WTF-8). Empty where there is none.
///
/// A text may be a list of parts (OpenAI's messages, Mistral's thinking models); parts that are no text are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text<'a> {
    pub bytes: Cow<'a, [u8]>,
    /// There are parts that are no text: reasoning.
    pub is_hidden: bool,
    /// It is of a kind that no known text has.
    pub is_odd: bool,
}

impl Text<'_> {
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// `None` if empty: servers send an empty word for none.
    pub fn or_none(&self) -> Option<&Self> {
        (!self.is_empty()).then_some(self)
    }

    /// The text as a keyword, not as what a model writes.
    pub fn word(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self::said(<&'de RawValue>::deserialize(from)?.get()))
    }
}

impl<'a> Text<'a> {
    fn said(raw: &'a str) -> Self {
        match raw.as_bytes().first() {
            Some(b'"') => Self::string(raw),
            Some(b'{') => Self::part(raw),
            Some(b'[') => {
                let parts: Vec<&RawValue> = serde_json::from_str(raw).unwrap_or_default();
                let texts: Vec<Self> = parts.into_iter().map(|part| Self::element(part.get())).collect();
                let is_hidden = texts.iter().any(|text| text.is_hidden);
                let is_odd = texts.iter().any(|text| text.is_odd);
                let bytes = texts.into_iter().flat_map(|text| text.bytes.into_owned()).collect::<Vec<u8>>().into();
                Self { bytes, is_hidden, is_odd }
            }
            _ => Self::default(),
        }
    }

    fn string(raw: &'a str) -> Self {
        if !raw.starts_with('"') {
            return Self::default();
        }
        // Nothing is copied where there are no escapes.
        if !raw.contains('\\') {
            return Self { bytes: raw.as_bytes()[1..raw.len() - 1].into(), ..Self::default() };
        }
        serde_json::from_str(raw).map_or_else(|_| Self::default(), |Unescaped(bytes)| Self { bytes, ..Self::default() })
    }

    /// An element of a list; nested lists are no text.
    fn element(raw: &'a str) -> Self {
        if raw.starts_with('{') { Self::part(raw) } else { Self::string(raw) }
    }

    fn part(raw: &'a str) -> Self {
        let Ok(Part { r#type, text }) = serde_json::from_str(raw) else { return Self::default() };
        let kind = r#type.map_or_else(Self::default, |kind| Self::string(kind.get()));
        match (&*kind.word(), text.map(RawValue::get)) {
            ("" | "text" | "output_text" | "text_delta", Some(text)) if text.starts_with('{') => {
                let value = serde_json::from_str(text).unwrap_or(Inner { value: None }).value;
                value.map_or_else(Self::default, |value| Self::string(value.get()))
            }
            ("" | "text" | "output_text" | "text_delta", Some(text)) => Self::string(text),
            ("" | "text" | "output_text" | "text_delta", None) => Self { is_odd: true, ..Self::default() },
            _ => Self { is_hidden: true, ..Self::default() },
        }
    }
}

/// `{"type": "text", "text": …}`. Reasoning, an image or a tool call is no text of the reply.
#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
}

/// OpenAI's assistants put the text one level deeper.
#[derive(Deserialize)]
struct Inner<'a> {
    #[serde(borrow)]
    value: Option<&'a RawValue>,
}

/// A string read as bytes, whose surrogates serde_json does not check.
struct Unescaped<'a>(Cow<'a, [u8]>);

impl<'de: 'a, 'a> Deserialize<'de> for Unescaped<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_bytes(Bytes).map(Self)
    }
}

struct Bytes;

impl<'de> Visitor<'de> for Bytes {
    type Value = Cow<'de, [u8]>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(bytes))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        Ok(Cow::Owned(bytes.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_of_any_kind_is_a_number_or_none() {
        for (json, count) in [
            ("12", 12),
            ("12.0", 12),
            ("12.2", 13),
            ("1e3", 1000),
            ("\"12\"", 12),
            ("\"12.0\"", 12),
            ("0", 0),
            ("-1", 0),
            ("-1.5", 0),
            ("null", 0),
            ("true", 0),
            ("\"many\"", 0),
            ("\"NaN\"", 0),
            ("[12]", 0),
            ("{\"n\":12}", 0),
            ("18446744073709551615", u64::MAX),
            ("99999999999999999999999", u64::MAX),
        ] {
            assert_eq!(serde_json::from_str::<Count>(json).unwrap(), Count(count), "{json}");
        }
    }

    #[test]
    fn a_text_is_a_string_or_the_texts_among_parts() {
        for (json, text) in [
            (r#""plain""#, &b"plain"[..]),
            (r#""a\nb\u00e9""#, "a\nbé".as_bytes()),
            (r#""\ud83e\udd80""#, "🦀".as_bytes()),
            (r#""x \ud83e""#, b"x \xed\xa0\xbe"),
            (r#""\udd80 y""#, b"\xed\xb6\x80 y"),
            (r#"[{"type":"text","text":"a"},{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},"b"]"#, b"ab"),
            (r#"[{"type":"text","text":{"value":"a"}},{"type":"image_url"},{"text":"b"},7,null,[]]"#, b"ab"),
            (r#"{"type":"text","text":"a"}"#, b"a"),
            (r#"{"secret":1}"#, b""),
            ("null", b""),
            ("5", b""),
            ("true", b""),
            ("[]", b""),
        ] {
            assert_eq!(&*serde_json::from_str::<Text<'_>>(json).unwrap().bytes, text, "{json}");
        }
    }
}
