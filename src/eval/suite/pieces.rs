//! Values of a suite's file that can be written in more than one way.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};

use crate::{eval::expectations::KINDS, suggestions};

/// `contains: TEXT`, or the command line's `contains:TEXT`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Expectation {
    pub(super) kind: String,
    pub(super) text: String,
}

impl<'de> Deserialize<'de> for Expectation {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Expectation;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "an expectation like `contains: TEXT`, of a kind of {}", suggestions::quoted(KINDS, ", "))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Expectation, E> {
                let (kind, text) = text.split_once(':').ok_or_else(|| E::custom(no_kind(text)))?;
                Ok(Expectation { kind: kind.into(), text: text.into() })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Expectation, A::Error> {
                let only = || A::Error::custom("an expectation is one `KIND: TEXT`; begin each with a `-`");
                let kind = map.next_key::<String>()?.ok_or_else(only)?;
                if !KINDS.contains(&kind.as_str()) {
                    return Err(A::Error::custom(no_kind(&kind)));
                }
                let text = map.next_value()?;
                match map.next_key::<String>()? {
                    Some(_) => Err(only()),
                    None => Ok(Expectation { kind, text }),
                }
            }
        }

        from.deserialize_any(Either)
    }
}

fn no_kind(kind: &str) -> String {
    format!("no kind of expectation `{kind}`, expected one of {}", suggestions::quoted(KINDS, ", "))
}

/// A message of a conversation.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Message {
    pub(super) role: Role,
    pub(super) content: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Role {
    System,
    User,
    Assistant,
}
